"""Without UIDs a message is what its size, its date and its header say, and EXISTS how many there are: what is told
wrong once makes no message another one, and none untold."""

from old import Old, kept, mailbox
from scene import *

LISTING = r"FETCH \S+ \(FLAGS INTERNALDATE RFC822.SIZE\)"


def octets(call):
    return b"".join(p if isinstance(p, bytes) else p.encode() for p in call.normal())


def begun(t):
    server = t.serve(Old(mailbox("INBOX", "Archive")))
    return server, kept(server)


def well(t, server, before, job):
    """With a server that is well again each message is there once, and the source is as it was."""
    server.clear()
    job, run = t.extract(server, job=job)
    t.exits(run, 1)
    t.complete(job, server)
    t.no_doubles(job)
    t.equal(kept(server), before, "the flags on the source")


def scene_more_than_there_are(t):
    """BAD is the answer to the number of no message, and not to the form: a lesser one would be kept."""
    for command in "NOOP", "EXAMINE", LISTING, "SEARCH":
        server, before = begun(t)
        server.on(command, lambda call: ["* 7 EXISTS\r\n", *call.normal()] if command != "EXAMINE" else
                  re.sub(rb"6 EXISTS", b"7 EXISTS", octets(call)), times=1)
        job, _ = t.extract(server)
        well(t, server, before, job)


def scene_fewer_than_there_are(t):
    for number in b"5", b"0":
        server, before = begun(t)
        server.on("EXAMINE", lambda call: octets(call).replace(b"6 EXISTS", number + b" EXISTS"), times=1)
        job, run = t.extract(server)
        t.exits(run, 2)
        well(t, server, before, job)


def scene_not_how_many_there_are(t):
    """None told is not none."""
    for wrong in b"", b"* many EXISTS\r\n", b"* 99999999999 EXISTS\r\n":
        server, before = begun(t)
        server.on("EXAMINE", lambda call: octets(call).replace(b"* 6 EXISTS\r\n", wrong))
        job, run = t.extract(server)
        t.exits(run, 2)
        well(t, server, before, job)


def scene_an_expunge_that_is_not_true(t):
    for command in "SEARCH", r"FETCH \S+ \(RFC822\)":
        server, before = begun(t)
        server.on(command, lambda call: [*call.normal(), "* 6 EXPUNGE\r\n"], times=1)
        job, run = t.extract(server)
        t.exits(run, 2)
        well(t, server, before, job)


def scene_while_seen_is_taken_away(t):
    """A connection that tells no number cannot say that there is nothing to restore."""
    server, before = begun(t)
    server.on("EXAMINE", lambda call: call.normal() if call.wire.number == 1 else
              octets(call).replace(b"* 6 EXISTS\r\n", b""))
    job, _ = t.extract(server)
    well(t, server, before, job)


def scene_flags_are_not_told_when_they_are_to_be_restored(t):
    for times in 1, None:
        server, before = begun(t)
        server.on(r"FETCH \S+ \(FLAGS\)", lambda call: octets(call).replace(b"FLAGS (", b"FLAGS (("), times=times)
        job, run = t.extract(server)
        if times:
            t.exits(run, 1)
            t.equal(kept(server), before, "the flags on the source")
        else:
            t.ok(job.events(30041), "that they are not restored is told")
        well(t, server, before, job)


def scene_a_line_is_lost(t):
    """Of the listing, or of the headers: it is asked for again, and the message is the same in the next run."""
    for command in LISTING, r"FETCH \S+ \(RFC822.HEADER\)":
        for wrong in rb"\* 3 FETCH \(", rb"\* 3 FETCH ":
            server, before = begun(t)
            server.on(command, lambda call: re.sub(wrong, b"* 3 NOTHING (", octets(call)), times=1)
            job, _ = t.extract(server)
            well(t, server, before, job)


def scene_size_or_date_are_not_told(t):
    """In one run, and then they are: the header and what both have tell which message it is."""
    for item in r"RFC822\.SIZE", "INTERNALDATE":
        server, before = begun(t)
        server.fetch(uid=3, item=item, reply=OMIT)
        job, run = t.extract(server)
        t.exits(run, 1)
        server.clear()
        mark = server.transcript.mark()
        job, run = t.extract(server, job=job)
        t.exits(run, 1)
        t.never_sent(server.transcript.since(mark), r"FETCH \S+ \(RFC822\)")
        t.equal(len(t.mails(job)), 12, "messages")
        t.equal(kept(server), before, "the flags on the source")
