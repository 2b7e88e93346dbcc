r"""All forms that leave \\Seen alone are refused but slices: then messages come in slices, one by one, rather than in a form
that sets \\Seen (rules.md 1.2)."""

from scene import *

PEEKS = r"BODY\.PEEK\[(\]$|HEADER|TEXT)|RFC822\.PEEK"
SETS_SEEN = r"UID FETCH \S+ \(.*(BODY\[|RFC822(\.TEXT)?[ )])"


def only_slices(server, word="BAD", **more):
    server.fetch(item=PEEKS, reply=Refuse(word + " not in that way"), **more)


def scene_all(t):
    store = sample(["INBOX"], 12)
    large = b"From: a@example.org\r\nSubject: large\r\n\r\n" + b"0123456789abcde\r\n" * 40000
    store["INBOX"].add(large)
    server = t.server(store)
    only_slices(server)
    flags = server.store.snapshot()
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)
    t.equal(server.store.snapshot(), flags, "the flags on the source")
    t.never_sent(server, SETS_SEEN, "STORE", "SELECT")
    mark = server.transcript.mark()
    server.store["INBOX"].add(letter("INBOX", 70))
    job, run = t.extract(server, job=job)
    t.exits(run, 1)
    t.complete(job, server)
    t.never_sent(server.transcript.since(mark), SETS_SEEN)


def scene_slices_are_refused_too(t):
    """Asked for once; then the form that sets \\Seen brings all, in windows, and the flags are given back."""
    server = t.server(sample(["INBOX"], 12))
    server.fetch(item=PEEKS + r"|BODY\.PEEK\[\]<", reply=Refuse("BAD not in that way"))
    flags = server.store.snapshot()
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)
    t.equal(server.store.snapshot(), flags, "the flags on the source")
    t.sent_once(server, r"UID FETCH \S+ \(BODY\.PEEK\[\]<")
    t.equal(server.transcript.count(r"UID FETCH \S+ \(BODY\[\]\)"), 2, "one message, then all others")


def scene_one_has_no_slices(t):
    """That one is asked for in the next form, and its flags are given back."""
    server = t.server(sample(["INBOX"], 6))
    only_slices(server)
    server.fetch(uid=4, item=r"BODY\.PEEK\[\]<", reply=Refuse("NO no slice of it"))
    flags = server.store.snapshot()
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)
    t.equal(server.store.snapshot(), flags, "the flags on the source")
    t.equal(server.transcript.commands(SETS_SEEN), ["UID FETCH 4 (BODY[])"], "what sets \\Seen")
