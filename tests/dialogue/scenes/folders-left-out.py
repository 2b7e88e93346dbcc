"""A line of LIST that is lost leaves no folder out: what names it elsewhere has it asked for by STATUS."""

from scene import *

LOST = rb'\* LIST \([^)]*\) "/" "?Archive"?\r\n'


def octets(call):
    return b"".join(p if isinstance(p, bytes) else p.encode() for p in call.normal())


def scene_its_counts_are_told(t):
    server = t.server(sample(["INBOX", "Archive", "Sent"], 3))
    server.on("LIST", lambda call: re.sub(LOST, b"", octets(call)))
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)
    t.one_event(job, 30079, folder="Archive")


def scene_an_earlier_run_knows_it(t):
    for caps in "LITERAL+ NAMESPACE", "LITERAL+ NAMESPACE LIST-EXTENDED SPECIAL-USE LIST-STATUS":
        server = t.server(sample(["INBOX", "Archive", "Sent"], 3), caps=caps)
        job = t.first_run(server)
        server.on("LIST|LSUB", lambda call: re.sub(rb'\* (LIST|LSUB|STATUS) [^\r]*Archive[^\r]*\r\n', b"", octets(call)))
        server.store["Archive"].add(letter("Archive", 40))
        job, run = t.extract(server, job=job)
        t.exits(run, 1)
        t.complete(job, server)
        server.clear()
        job, run = t.extract(server, job=job)
        t.exits(run, 0)
        t.complete(job, server)


def scene_it_is_gone(t):
    """That is asked once, and believed."""
    server = t.server(sample(["INBOX", "Archive", "Sent"], 3))
    job = t.first_run(server)
    del server.store.folders["Archive"]
    for asked in 1, 0:
        mark = server.transcript.mark()
        job, run = t.extract(server, job=job)
        t.within(run.code, (0, 1), "exit code")
        t.sent_times(server.transcript.since(mark), "STATUS .*Archive", asked)


def scene_a_namespace_of_nil(t):
    """Which is the empty prefix, and no name."""
    server = t.server()
    server.on("NAMESPACE", '* NAMESPACE ((NIL "/")) NIL NIL\r\n$TAG OK done\r\n')
    t.first_run(server)
