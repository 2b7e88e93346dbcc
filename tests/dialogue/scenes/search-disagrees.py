"""UID SEARCH names more, other or fewer messages than are listed: a folder is never proved without a word of it."""

from model import DEFAULT_CAPS
from old import Old, mailbox
from scene import *

PLAIN = "ID NAMESPACE"
QRESYNC = DEFAULT_CAPS + " QRESYNC"
MORE = "SEARCH names messages that the server does not list"
FEWER = "SEARCH leaves out messages that the server lists"


def finds(server, uids, command="UID SEARCH (RETURN \\(ALL\\) )?ALL", times=None):
    """SEARCH for all tells these; each other SEARCH is true."""
    @server.on(command, times=times)
    def _(call):
        if "RETURN" in call.text:
            return f'* ESEARCH (TAG "{call.tag}") UID ALL {uids}\r\n{call.tag} OK done\r\n'
        return f"* SEARCH {uids}\r\n{call.tag} OK done\r\n"


def text(*ranges):
    return " ".join(str(uid) for r in ranges for uid in r)


def more(t, server, job=None, *args):
    job, run = t.extract(server, *args, job=job)
    t.exits(run, 2)
    t.matches(job.folder("INBOX")["proof"]["why"], MORE, "the proof")
    t.one_event(job, 30022, folder="INBOX")
    return job


def fewer(t, server, job=None, *args):
    job, run = t.extract(server, *args, job=job)
    t.exits(run, 1)
    t.complete(job, server)
    t.matches(job.folder("INBOX")["proof"]["why"], FEWER, "the proof")
    t.one_event(job, 30028, folder="INBOX", level="warning")
    return job


def well(t, server, job, *args):
    """Once it tells the truth nothing is left of it."""
    server.clear()
    server.store["INBOX"].add(letter("INBOX", 77))
    job, run = t.extract(server, *args, job=job)
    t.exits(run, 0)
    t.complete(job, server)


def scene_fewer(t):
    """Of the first, of the last, of the middle, and of all."""
    for told in (text(range(1, 11)), text(range(21, 31)), text(range(1, 15), range(16, 31)), ""):
        server = t.server(sample(("INBOX",), count=30), caps=PLAIN)
        finds(server, told)
        fewer(t, server)


def scene_fewer_once(t):
    """Asked again it tells all: then there is nothing to say."""
    server = t.server(sample(("INBOX",), count=30), caps=PLAIN)
    finds(server, text(range(1, 30)), times=1)
    job, run = t.extract(server)
    t.exits(run, 0)
    t.complete(job, server)


def scene_more(t):
    """One that was expunged long ago, one that never was, below UIDNEXT and behind it, and one for another."""
    for told in (text(range(1, 31)), text(range(1, 17), range(18, 32)), text(range(1, 17), range(18, 30), (31,))):
        server = t.server(sample(("INBOX",), count=30), caps=PLAIN)
        server.store["INBOX"].remove(17)
        finds(server, told)
        job = more(t, server)
        t.complete(job, server)
        well(t, server, job)


def scene_ranges(t):
    """ESEARCH joins what is not there."""
    server = t.server(sample(("INBOX",), count=30))
    for uid in (5, 6, 7, 20):
        server.store["INBOX"].remove(uid)
    finds(server, "1:40")
    job = more(t, server)
    t.complete(job, server)
    server.clear()
    finds(server, "1:4,8:18,21:30")
    fewer(t, server, Job(t))


def scene_expunged_in_secret(t):
    """Gone after SEARCH, and EXPUNGE is never told: the second look explains it."""
    server = t.server(sample(("INBOX",), count=30), caps=PLAIN)
    server.store["INBOX"].remove(17)
    finds(server, text(range(1, 31)), times=1)
    server.on("EXAMINE", lambda call: [p.replace(b"29 EXISTS", b"30 EXISTS") if isinstance(p, bytes) else
                                       p.replace("29 EXISTS", "30 EXISTS") for p in call.normal()], times=1)
    job, run = t.extract(server)
    t.exits(run, 0)
    t.complete(job, server)


def scene_search_is_refused_later(t):
    """What it said stands."""
    server = t.server(sample(("INBOX",), count=30), caps=PLAIN)
    finds(server, text(range(1, 30)))
    server.on("UID SEARCH ALL", "$TAG NO not now\r\n", after=1)
    fewer(t, server)


def scene_carried_over(t):
    """The counts are those of the run before: what was said of SEARCH stands."""
    server = t.server(sample(("INBOX",), count=30))
    finds(server, "1:29")
    job = fewer(t, server)
    mark = server.transcript.mark()
    _, run = t.extract(server, job=job)
    t.exits(run, 1)
    t.never_sent(server.transcript.since(mark), "EXAMINE")
    server = t.server(sample(("INBOX",), count=30))
    server.store["INBOX"].remove(17)
    finds(server, "1:30")
    job = more(t, server)
    _, run = t.extract(server, job=job)
    t.exits(run, 2)


def scene_changes_alone(t):
    """A later run that asks for changes: fewer, more, others of the same number."""
    for caps in (DEFAULT_CAPS, QRESYNC):
        for told, expected in (("1:76,78:149,151:301", fewer), ("1:301", more), ("1:76,78:301", more)):
            server = t.server(sample(("INBOX",), count=300), caps=caps)
            inbox = server.store["INBOX"]
            inbox.remove(150)
            job = t.first_run(server)
            inbox.add(letter("INBOX", 77))
            finds(server, told)
            expected(t, server, job)
            t.complete(job, server)


def scene_without_uids(t):
    """Numbers behind EXISTS, and too few of them."""
    for level in ("IMAP2bis", "IMAP2"):
        for told, code, why in ((text(range(1, 6)), 1, FEWER), (text(range(1, 8)), 2, MORE), ("1 2 9", 2, MORE), ("", 1, FEWER)):
            server = t.serve(Old(mailbox("INBOX", count=6), level))
            finds(server, told, "SEARCH ALL")
            job, run = t.extract(server)
            t.exits(run, code)
            t.complete(job, server)
            t.matches(job.folder("INBOX")["proof"]["why"], why, f"the proof with {told}")


def scene_into_a_page_of_many(t):
    """More than a page, and the one that SEARCH hides is in the second."""
    server = t.server(sample(("INBOX",), count=2500), caps=PLAIN)
    finds(server, text(range(1, 2200), range(2201, 2501)))
    fewer(t, server)
