"""Two accounts of a job go into one destination: what one of them removes is nothing that the other relies on."""

from scene import *
from into import *

PLAIN = ["--insecure-plaintext", "--dest-insecure-plaintext"]


def begun(t, shared):
    """Both in one place; `shared` messages are in both."""
    m = Move(t, source=sample(("INBOX",), count=30))
    m.foreign = {}
    theirs = Store(first=1760000000)
    for message in list(m.source.store["INBOX"])[:shared]:
        theirs["INBOX"].add(message.raw, message.flags, message.date)
    theirs["INBOX"].add(letter("theirs", 1))
    other = t.server(theirs, tls=None, user="carol")
    m.dest.sources += (theirs,)
    for source in (m.source, other):
        t.exits(m.migrate(source=source.url()), 1)
    return m, other


def both_are_there(t, m, other):
    raws = Counter(x.raw for x in m.dest.store["INBOX"])
    for server in (m.source, other):
        t.equal([title(x.raw) for x in server.store["INBOX"] if raws[x.raw] != 1], [], "missing, or there twice")
        run = m.migrate("--list-all", source=server.url())
        t.exits(run, 1)
    t.equal(Counter(x.raw for x in m.dest.store["INBOX"]), raws, "nothing came by it")
    run = t.imex("verify", m.job, m.dest.url(), *PLAIN, env={"IMEX_DEST_PASSWORD": DEST_PASSWORD})
    t.within(run.code, (0, 1), "exit code of verify")


def scene_mirror(t):
    m, other = begun(t, 12)
    m.source.store["INBOX"].remove(5)
    m.before = m.source.store.snapshot()
    t.exits(m.migrate("--mirror"), 1)
    both_are_there(t, m, other)


def scene_mirror_of_its_own(t):
    m, other = begun(t, 3)
    gone = m.source.store["INBOX"][9].raw
    m.source.store["INBOX"].remove(9)
    m.before = m.source.store.snapshot()
    t.exits(m.migrate("--mirror"), 1)
    t.equal([x for x in m.dest.store["INBOX"] if x.raw == gone], [], "the copy of what is gone")
    both_are_there(t, m, other)


def scene_delete_extra(t):
    m, other = begun(t, 0)
    m.dest.forgiven = ["not its own"]
    stranger = m.dest.store["INBOX"].add(b"Subject: stranger\r\n\r\nnobody knows me\r\n")
    t.exits(m.migrate("--delete-extra"), 1)
    t.ok(stranger not in list(m.dest.store["INBOX"]), "the stranger is gone")
    both_are_there(t, m, other)
