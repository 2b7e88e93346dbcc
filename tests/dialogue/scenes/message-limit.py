"""Servers that let one command see so many messages (RFC 9738), and show large folders whole only to who has
given up message numbers (RFC 9586): Yahoo."""

from model import DEFAULT_CAPS
from scene import *

LIMITED = DEFAULT_CAPS + " MESSAGELIMIT=20"
WHOLE = LIMITED + " UIDONLY"


@quirk(20)
def scene_uidonly(t):
    """All of a folder over the limit comes, in pages and windows within the limit."""
    server = t.server(sample(("INBOX", "Work"), count=90), caps=WHOLE)
    job, run = t.extract(server)
    t.exits(run, 0)
    t.complete(job, server)
    t.counts(job, "INBOX", listed=90, stored=90)
    t.equal(job.folder("INBOX")["proved"], True, "INBOX is proved")
    t.equal(server.transcript.count("ENABLE .*UIDONLY"), server.connections, "connections without message numbers")
    t.ok(b"UIDFETCH" in server.transcript.sent() and b"MESSAGELIMIT 20" in server.transcript.sent(), "both were met")
    t.exits(t.imex("verify", job, server.url(), *t.options(server)), 0)


@quirk(20)
def scene_uidonly_again(t):
    """New mail, flags and expunged messages of later runs."""
    server = t.server(sample(("INBOX",), count=70), caps=WHOLE + " QRESYNC")
    job = t.first_run(server)
    fill(server.store["INBOX"], 50, "more")
    for uid in range(1, 70, 3):
        server.store["INBOX"].flag(uid, "\\Flagged", "Later")
    server.store["INBOX"].remove(12)
    server.store["INBOX"].remove(99)
    t.exits(t.extract(server, "--mirror", job=job)[1], 0)
    t.complete(job, server)
    t.no_doubles(job)
    t.exits(t.extract(server, job=job)[1], 0)
    t.exits(t.imex("verify", job, server.url(), *t.options(server)), 0)


@quirk(20)
def scene_searched_in_parts(t):
    """What --search finds comes in parts, too."""
    server = t.server(sample(("INBOX",), count=90), caps=WHOLE)
    for m in server.store["INBOX"]:
        m.flags = {"\\Flagged"} if m.uid % 2 else set()
    job, run = t.extract(server, "--search", "FLAGGED")
    t.exits(run, 0)
    t.counts(job, "INBOX", stored=45, excluded=45)


@quirk(20)
def scene_without_uidonly(t):
    """The part that is hidden is counted, and said: exit 2."""
    server = t.server(sample(("INBOX",), count=50), caps=LIMITED)
    job, run = t.extract(server)
    t.exits(run, 2)
    t.never_sent(server, "ENABLE .*UIDONLY")
    t.counts(job, "INBOX", stored=20)
    t.equal(job.folder("INBOX")["proved"], False, "INBOX is not proved")
    t.one_event(job, 30022, folder="INBOX")


@quirk(20)
def scene_uidonly_expunged_meanwhile(t):
    """VANISHED tells of it; the message is gone, and the others come."""
    server = t.server(sample(("INBOX",), count=60), caps=WHOLE)

    @server.on(r"UID FETCH \S+ \(BODY", times=1, after=1)
    def _(call):
        return [call.session.expunge(58), *call.normal()]
    job, run = t.extract(server)
    t.exits(run, 0, 1)
    t.complete(job, server)
    t.no_doubles(job)
