"""What every server without UIDs must come to: scenes with the level as an argument."""

from old import Old, kept, mailbox
from scene import *

BODY = r"FETCH \S+ \(RFC822\)"
NAMES = {"IMAP2bis": r"IMAP2bis", "IMAP2": r"IMAP2 \(RFC 1176\)", "RFC 1064": r"IMAP2 \(RFC 1064\)"}
# What may be sent only while \Seen is taken away again; without EXAMINE every folder is selected.
CHANGES = {"IMAP2bis": ("STORE", "SELECT"), "IMAP2": ("STORE",), "RFC 1064": ("STORE",)}


def scenes_of(level, *which):
    """The scenes of one level, for the globals of its file."""
    def at_level(function):
        return lambda t: function(t, level)
    return {"scene_" + f.__name__: at_level(f) for f in which}


def folders_of(level):
    return mailbox("INBOX") if level == "RFC 1064" else mailbox()


def whole(t, level):
    server = t.serve(Old(folders_of(level), level))
    before = kept(server)
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)
    t.no_doubles(job)
    t.equal(kept(server), before, "the flags on the source")
    t.one_event(job, 30078, text=re.compile(NAMES[level]))
    t.matches(job.folder("INBOX")["proof"].get("why") or "", "no UIDs", "the proof")


def second_run(t, level):
    """One message is gone, one is new: one body is read."""
    server = t.serve(Old(folders_of(level), level))
    job = t.first_run(server, code=1)
    server.store["INBOX"].remove(2)
    server.store["INBOX"].add(letter("INBOX", 40), ["\\Answered"])
    before, mark = kept(server), server.transcript.mark()
    t.extract(server, job=job)
    log = server.transcript.since(mark)
    t.complete(job, server, kept=[("INBOX", 2)])
    t.no_doubles(job)
    t.equal(kept(server), before, "the flags on the source")
    t.equal(log.commands(BODY), ["FETCH 6 (RFC822)"], "the bodies that were read")
    t.counts(job, "INBOX", listed=6, expunged=1)


def nothing_new(t, level):
    server = t.serve(Old(folders_of(level), level))
    job = t.first_run(server, code=1)
    tree, mark = t.tree(job), server.transcript.mark()
    t.extract(server, job=job)
    t.never_sent(server.transcript.since(mark), BODY, *CHANGES[level])
    t.same_tree(tree, job)


def twins(t, level):
    """Two equal messages are two copies, and stay those two when one of them goes."""
    store = mailbox("INBOX", count=3)
    twin = letter("INBOX", 9)
    for _ in range(2):
        store["INBOX"].add(twin)
    server = t.serve(Old(store, level))
    job = t.first_run(server, code=1)
    store["INBOX"].remove(4)
    mark = server.transcript.mark()
    t.extract(server, job=job)
    t.never_sent(server.transcript.since(mark), BODY)
    t.equal(len(t.mails(job)), 5, "copies")
    t.counts(job, "INBOX", listed=4, expunged=1)


def names(t, level):
    """Raw octets, blanks, and a name that nothing on a file system should see."""
    store = mailbox("INBOX", count=1)
    for name in ("Caf\xe9", "two words", "a/b", "../../x"):
        store.add(name, 1, uidvalidity=0)
    server = t.serve(Old(store, level))
    job, run = t.extract(server)
    t.exits(run, 1)
    t.inside(job)
    t.equal(len(t.mails(job)), 5, "messages stored")
    t.ok(".a.b" in maildir.folders(t.account_dir(job)), "the delimiter is guessed")


def check(t, level):
    server = t.serve(Old(folders_of(level), level))
    before = kept(server)
    run = t.check(server)
    t.exits(run, 0, 1)
    t.says(run, NAMES[level])
    t.equal(kept(server), before, "the flags on the source")


def no_source_writes(t, level):
    """Nothing but headers can be had without a trace."""
    server = t.serve(Old(folders_of(level), level))
    before = kept(server)
    job, run = t.extract(server, "--no-source-writes")
    t.exits(run, 2)
    t.equal(kept(server), before, "the flags on the source")
    t.never_sent(server, *CHANGES[level])
    t.counts(job, "INBOX", listed=6, header_only=6)


def verify(t, level):
    server = t.serve(Old(folders_of(level), level))
    job = t.first_run(server, code=1)
    mark = server.transcript.mark()
    options = t.options(server)
    t.exits(t.imex("verify", job, server.url(), *options), 0)
    t.exits(t.imex("verify", job, server.url(), "--deep", *options), 1)
    t.never_sent(server.transcript.since(mark), *CHANGES[level])
    read = server.store["INBOX"][2]
    t.ok("\\Seen" in read.flags, "a message that may be read again")
    read.raw = read.raw[:-8] + b"changed\n"
    run = t.imex("verify", job, server.url(), "--deep", *options)
    t.exits(run, 2)
    t.says(run, "SHA-256|no longer|expunged")


def cut(t, level):
    """The stream ends anywhere; in the end all is as it would have been."""
    folders = ("INBOX",) if level == "RFC 1064" else ("INBOX", "Archive")
    server = t.serve(Old(mailbox(*folders, count=4), level))
    before = kept(server)
    job = t.first_run(server, code=1)
    tree = t.tree(job)
    total = len(server.transcript.sent(1))
    for offset in range(1, total, max(total // 20, 1)):
        server.cut_after(offset)
        job = Job(t)
        t.retry_until_done(server, job=job)
        if not t.same_tree(tree, job, f"cut after {offset} of {total} octets"):
            break
    t.equal(kept(server), before, "the flags on the source")


def killed(t, level):
    """Killed while a body is read; meanwhile one that was stored goes, and one comes."""
    store = mailbox("INBOX", count=8)
    server = t.serve(Old(store, level))
    gate = Gate()
    server.fetch(uid=6, item="RFC822$", reply=lambda f: [f.value[:50], gate], times=1)
    before = kept(server)
    job, run = t.start_extract(server)
    t.ok(gate.reached.wait(30), "the body of message 6 is under way")
    run.signal(signal.SIGKILL)
    run.wait()
    gate.open()
    _, again = t.extract(server, job=job)
    t.exits(again, 1)
    t.complete(job, server)
    t.no_doubles(job)
    t.equal(kept(server), before, "the flags on the source")


def expunged_while_read(t, level):
    """Another client expunges; the numbers move, and each body still has its own name."""
    server = t.serve(Old(mailbox("INBOX", count=8), level))

    @server.on(BODY, times=1, after=1)
    def _(call):
        return [call.session.expunge(3), *call.normal()]

    job, run = t.extract(server)
    t.exits(run, 1)
    stored = {m.uid for m in t.mails(job)}
    t.ok({1, 2, 4, 5, 6, 7, 8} <= stored, "all that is there is stored", stored)
    t.complete(job, server, kept=[("INBOX", 3)] if 3 in stored else ())


def expunged_while_numbered(t, level):
    """Before a body is asked for another client expunges, at each command of the listing in turn, before its answers
    and behind the second one: what is stored is what is there, each message once."""
    for command in (r"FETCH \S+ \(FLAGS", r"FETCH \S+ \(RFC822\.HEADER"):
        for at in (0, 2):
            server = t.serve(Old(mailbox("INBOX", count=8), level))
            before = kept(server)["INBOX"]

            @server.on(command, times=1)
            def _(call):
                gone = call.session.expunge(3)
                answer = list(call.normal())
                return [*answer[:at], gone, *answer[at:]]

            job, run = t.extract(server)
            t.exits(run, 1)
            t.equal(sorted(m.wire for m in t.mails(job)), sorted(m.raw for m in server.store["INBOX"]), "what is stored")
            t.equal(kept(server)["INBOX"], before[:2] + before[3:], "the flags on the source")


def arrives_while_read(t, level):
    server = t.serve(Old(mailbox("INBOX", count=4), level))
    raw = letter("INBOX", 50)

    @server.on(BODY, times=1, after=1)
    def _(call):
        return [*call.normal(), call.session.deliver(raw)]

    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)


def no_search(t, level):
    server = t.serve(Old(folders_of(level), level, without=["SEARCH"]))
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)
    t.matches(job.folder("INBOX")["proof"].get("why") or "", "proof of two", "the proof")


def rfc822_refused(t, level):
    """Header and text, each alone, make the message whole."""
    server = t.serve(Old(folders_of(level), level))
    server.on(BODY, "$TAG BAD Bogus attribute list in FETCH\r\n")
    before = kept(server)
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)
    t.equal(kept(server), before, "the flags on the source")


def recent_is_lost(t, level):
    """Without EXAMINE the folder is selected, and the report says what that costs."""
    server = t.serve(Old(folders_of(level), level))
    job, run = t.extract(server)
    t.exits(run, 1)
    t.sent_times(server, "EXAMINE", 1)
    e = t.one_event(job, 14002, command="EXAMINE", text=re.compile(r"SELECT, which clears \\Recent"))
    t.matches(e.get("reply", ""), r"^\S+ BAD ", "with the raw reply")


def learnt(t, level):
    """What was refused once is not asked again in a later run, but CAPABILITY: servers get younger."""
    server = t.serve(Old(folders_of(level), level))
    job = t.first_run(server, code=1)
    mark = server.transcript.mark()
    t.extract(server, job=job)
    t.never_sent(server.transcript.since(mark), "FIND", "EXAMINE")


def fetch_gives_nothing(t, level):
    """EXISTS counts six, and FETCH answers OK to everything: not complete."""
    server = t.serve(Old(folders_of(level), level))
    server.on("FETCH", "$TAG OK done\r\n")
    job, run = t.extract(server)
    t.exits(run, 2)
    server.clear()
    job, run = t.extract(server, job=job)
    t.exits(run, 1)
    t.equal(sorted(m.wire for m in t.mails(job)), sorted(m.raw for f in server.store for m in f), "what is stored")


def numbers_fewer_while_paying(t, level):
    """EXISTS shrinks untold while \\Seen is taken away: of the others nobody knows, and they are looked at again."""
    server = t.serve(Old(folders_of(level), level))
    before = kept(server)
    server.on("FETCH", lambda call: ["* 2 EXISTS\r\n", *call.normal()])
    job, _ = t.extract(server)
    t.ok(kept(server) != before, "not all could be taken away")
    server.clear()
    t.extract(server, job=job)
    t.complete(job, server)
    t.equal(kept(server), before, "the flags on the source")
