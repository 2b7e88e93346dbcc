"""IMAP4 of RFC 1730: UIDs, but other ways to a message, and its slices by PARTIAL."""

from rfc1730 import Imap4, mailbox
from scene import *


def scene_whole(t):
    server = t.serve(Imap4(seen_under_examine=True))
    before = server.store.snapshot()
    job, run = t.extract(server)
    t.exits(run, 0)
    t.complete(job, server)
    t.read_only(server)
    t.equal(server.store.snapshot(), before, "the source is as it was")


def scene_second_run(t):
    server = t.serve(Imap4())
    job = t.first_run(server)
    server.store["INBOX"].remove(2)
    server.store["INBOX"].add(letter("INBOX", 40))
    mark = server.transcript.mark()
    t.extract(server, job=job)
    t.complete(job, server, kept=[("INBOX", 2)])
    t.sent_times(server.transcript.since(mark), r"UID FETCH .*(RFC822.PEEK|BODY)", 1)


def scene_header_and_text(t):
    """BODY.PEEK[0] and RFC822.TEXT.PEEK make a message without a trace."""
    server = t.serve(Imap4(seen_under_examine=True))
    server.on(r"(UID FETCH|PARTIAL) .*RFC822\.PEEK", "$TAG BAD Bogus attribute list\r\n")
    before = server.store.snapshot()
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)
    t.read_only(server)
    t.equal(server.store.snapshot(), before, "the source is as it was")


def scene_slices(t):
    """A connection that ends at one message twice: then it comes in slices."""
    store = mailbox("INBOX", count=4)
    store["INBOX"].add(letter("INBOX", 1) + b"0123456789abcde\r\n" * 40000, ["\\Seen"])
    server = t.serve(Imap4(store))
    server.fetch(uid=5, item=r"RFC822\.PEEK", times=2, reply=lambda f: [f.value[:300000], Cut])
    job, run = t.extract(server)
    t.exits(run, 0, 1)
    t.complete(job, server)
    t.no_doubles(job)
    t.sent_times(server, r"PARTIAL 5 RFC822\.PEEK", 3)
    t.read_only(server)


def scene_cut(t):
    server = t.serve(Imap4(mailbox("INBOX", "Archive", count=4)))
    job = t.first_run(server)
    tree = t.tree(job)
    total = len(server.transcript.sent(1))
    for offset in range(1, total, max(total // 20, 1)):
        server.cut_after(offset)
        job = Job(t)
        t.retry_until_done(server, job=job)
        if not t.same_tree(tree, job, f"cut after {offset} of {total} octets"):
            break


def scene_verify(t):
    server = t.serve(Imap4())
    job = t.first_run(server)
    options = t.options(server)
    t.exits(t.imex("verify", job, server.url(), "--deep", *options), 0)
    server.store["INBOX"][3].raw += b"more\r\n"
    t.exits(t.imex("verify", job, server.url(), "--deep", *options), 2)
    t.read_only(server)


def scene_check(t):
    server = t.serve(Imap4())
    run = t.check(server)
    t.exits(run, 0)
    t.says(run, r"IMAP4 \(RFC 1730\)")
    t.says(run, r"RFC822\.PEEK")
    t.read_only(server)
