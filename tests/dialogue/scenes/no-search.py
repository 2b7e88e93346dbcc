"""A server without SEARCH is read all the same, with a proof of two, and said so."""

from scene import *


@quirk(37, 40)
def scene_refused(t):
    server = t.server(caps="UIDPLUS")
    server.on("(UID )?SEARCH", "$TAG BAD Command unrecognized: SEARCH\r\n")
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)
    t.read_only(server)
    t.equal(job.folder("INBOX").get("proved"), True, "INBOX is proved by two")
    t.ok(server.transcript.count("(UID )?SEARCH") <= 2, "SEARCH is not tried in every folder",
         server.transcript.commands("(UID )?SEARCH"))


@quirk(40)
def scene_esearch_announced_and_refused(t):
    server = t.server()
    server.on(r"UID SEARCH RETURN", "$TAG BAD what?\r\n")
    job, run = t.extract(server)
    t.exits(run, 0, 1)
    t.complete(job, server)


@quirk(40)
def scene_empty_search_answer(t):
    """OK without a SEARCH line where messages are: not believed."""
    server = t.server(caps="")
    server.on("UID SEARCH", "$TAG OK done\r\n")
    job, run = t.extract(server)
    t.within(run.code, (0, 1, 2), "exit code")
    t.complete(job, server)


def scene_refused_in_one_folder(t):
    """NO speaks of the folder: the others are searched, and proved by three."""
    server = t.server(sample(("INBOX", "Archive", "Sent", "Work"), count=4))

    @server.on(r"UID SEARCH")
    def _(call):
        if call.session.folder.name == "Archive":
            return "$TAG NO [SERVERBUG] index is corrupt\r\n"
        return call.normal()
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)
    t.sent_times(server, "UID SEARCH", 4)
    t.equal(len(job.events(14002)), 1, "what was refused is told once")


def scene_refused_by_no_everywhere(t):
    """In the third folder it is not tried any more."""
    server = t.server(sample(("INBOX", "Archive", "Sent", "Work"), count=4))
    server.on(r"UID SEARCH", "$TAG NO cannot search\r\n")
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)
    t.sent_times(server, "UID SEARCH", 2)


def scene_larger_than_a_page(t):
    """The UIDs come from a listing of nothing else, and the proof is one of two."""
    store = Store()
    for number in range(2500):
        store["INBOX"].add(b"Subject: %d\r\n\r\nx\r\n" % number)
    server = t.server(store, caps="UIDPLUS")
    server.on("(UID )?SEARCH", "$TAG BAD Command unrecognized: SEARCH\r\n")
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)
    t.equal(job.folder("INBOX").get("proved"), True, "INBOX is proved by two")
    t.sent_times(server, r"UID FETCH 1:\* \(UID\)", 1)


def scene_refused_in_a_large_folder(t):
    """More than one page: the UIDs come from a listing of nothing else, and nothing is proved without it."""
    for listing in None, "$TAG NO [SERVERBUG] not all\r\n", "$TAG OK FETCH completed\r\n":
        server = t.server(sample(["INBOX"], count=2500), caps="UIDPLUS")
        server.on("(UID )?SEARCH", "$TAG BAD Command unrecognized: SEARCH\r\n")
        if listing:
            server.on(r"UID FETCH 1:\* \(UID\)", listing)
        job, run = t.extract(server, timeout=60)
        t.exits(run, 1, 2)
        if run.code == 1:
            t.complete(job, server)
        t.ok(run.code == 1 or listing, "with the listing all is there")
