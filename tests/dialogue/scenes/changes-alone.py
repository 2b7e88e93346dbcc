"""A second run asks a server that can tell for what has changed, and counts whether that adds up."""

import imexrun
from hooks import octets
from model import DEFAULT_CAPS
from scene import *

LISTED = rb"^\* \d+ FETCH "
WITH = " ".join([DEFAULT_CAPS, "QRESYNC"])


def grown(t, caps=DEFAULT_CAPS, *args):
    """A folder of 300 messages that was extracted once."""
    server = t.server(sample(("INBOX",), count=300), caps=caps)
    return server, t.first_run(server, *args)


def change(server):
    """Flags of 3, 2 expunged, 3 new; returns what is kept of those that are gone."""
    inbox = server.store["INBOX"]
    inbox.flag(1, "\\Seen", "\\Answered", "Later")
    inbox.flag(150)
    inbox.flag(299, "\\Flagged")
    for number in range(3):
        inbox.add(letter("INBOX", 300 + number), ["\\Flagged"])
    inbox.remove(40)
    inbox.remove(41)
    return [("INBOX", 40), ("INBOX", 41)]


def fetched(log):
    """How many FETCH responses a server gave."""
    return len(re.findall(LISTED, log.sent(), re.M))


def again(t, server, job, *args, kept=(), alone=1, full=0, code=0):
    """A further run; returns what was said in it."""
    mark = server.transcript.mark()
    before = (len(job.events(30075)), len(job.events(30076)))
    job, run = t.extract(server, *args, job=job)
    t.exits(run, code)
    t.complete(job, server, kept=kept)
    t.no_doubles(job)
    log = server.transcript.since(mark)
    t.read_only(log)
    t.equal((len(job.events(30075)) - before[0], len(job.events(30076)) - before[1]), (alone, full),
            "folders of which changes alone were asked for, and that were listed in full")
    return log


def only_the_change(t, log):
    # Flags of 3, metadata and bodies of 3 new ones.
    t.equal(fetched(log), 9, "FETCH responses of the second run")
    t.equal(log.count(r"UID FETCH 1:300 \(UID FLAGS\) \(CHANGEDSINCE \d+"), 1, "one question for changes")


def scene_condstore(t):
    server, job = grown(t)
    kept = change(server)
    log = again(t, server, job, kept=kept)
    only_the_change(t, log)
    t.never_sent(log, ".*VANISHED", "ENABLE")
    again(t, server, job, kept=kept, alone=0)


def scene_qresync(t):
    server, job = grown(t, WITH)
    kept = change(server)
    log = again(t, server, job, kept=kept)
    only_the_change(t, log)
    t.ok(b"VANISHED (EARLIER) 40:41" in log.sent(), "the server told what is gone")
    server.store["INBOX"].remove(2)
    again(t, server, job, kept=kept + [("INBOX", 2)])


def scene_connection_lost(t):
    """The folder is entered again in the same run, with some of the new ones stored."""
    server, job = grown(t, WITH)
    kept = change(server)
    server.fetch(uid=302, item=r"BODY\.PEEK", reply=[Cut], times=1)
    again(t, server, job, kept=kept, alone=2)
    again(t, server, job, kept=kept, alone=0)


def scene_killed(t):
    """Killed among the bodies: the HIGHESTMODSEQ is still that of before, and nothing is missed."""
    server, job = grown(t, WITH)
    kept = change(server)
    gate = Gate()
    server.fetch(uid=303, item=r"BODY\.PEEK", reply=[gate], times=1)
    _, process = t.start_extract(server, job=job)
    gate.must_be_reached(t)
    process.signal(signal.SIGKILL)
    process.wait()
    gate.open()
    again(t, server, job, kept=kept, alone=1)


def scene_new_mail_only(t):
    server, job = grown(t, WITH)
    server.store["INBOX"].add(letter("INBOX", 300))
    t.equal(fetched(again(t, server, job)), 2, "metadata and body of one")


def scene_mail_arrives_meanwhile(t):
    server, job = grown(t)
    inbox = server.store["INBOX"]
    inbox.add(letter("INBOX", 300))

    @server.on(r"UID FETCH .*BODY", times=1)
    def _(call):
        return [call.session.deliver(letter("INBOX", 301)), call.session.expunge(200), *call.normal()]

    again(t, server, job, kept=[("INBOX", 200)])
    again(t, server, job, kept=[("INBOX", 200)])


def scene_changes_are_refused(t):
    server, job = grown(t)
    kept = change(server)
    server.on(r"UID FETCH .*CHANGEDSINCE", "$TAG BAD no such modifier\r\n")
    log = again(t, server, job, kept=kept, alone=0, full=1, code=1)
    t.equal(log.count("UID FETCH .*CHANGEDSINCE"), 1, "asked once")
    server.store["INBOX"].flag(7, "\\Flagged")
    t.never_sent(again(t, server, job, kept=kept, alone=0, code=1), ".*CHANGEDSINCE")


def scene_a_message_comes_back(t):
    """More below UIDNEXT than was known: what the server tells of changes is not enough."""
    server = t.server(sample(("INBOX",), count=300), caps=WITH)
    inbox = server.store["INBOX"]
    hidden = inbox[77]
    inbox.remove(77)
    job = t.first_run(server)
    inbox.add(hidden.raw, hidden.flags, hidden.date, uid=77)
    inbox[77].modseq = 1                    # and it is not told as a change
    again(t, server, job, alone=0, full=1)


def scene_one_for_another(t):
    """As many as there were, yet others: told by what is gone, and by the rows when it is not."""
    server = t.server(sample(("INBOX",), count=300))
    inbox = server.store["INBOX"]
    hidden = inbox[77]
    inbox.remove(77)
    job = t.first_run(server)
    inbox.add(hidden.raw, hidden.flags, hidden.date, uid=77)
    inbox.remove(10)
    inbox.remove(11)
    inbox[77].modseq = 1
    again(t, server, job, kept=[("INBOX", 10), ("INBOX", 11)], alone=0, full=1)


def scene_as_many_as_there_were(t):
    """Hidden from the first run, and there again when another one has gone."""
    for caps in (DEFAULT_CAPS, WITH):
        server = t.server(sample(("INBOX",), count=300), caps=caps)
        inbox = server.store["INBOX"]
        hidden = inbox[77]
        inbox.remove(77)
        job = t.first_run(server)
        inbox.add(hidden.raw, hidden.flags, hidden.date, uid=77)
        inbox.remove(10)
        inbox[77].modseq = 1
        again(t, server, job, kept=[("INBOX", 10)], alone=0, full=1)


def scene_vanished_is_not_true(t):
    """VANISHED names what is there and leaves out what is not: SEARCH and VANISHED are at odds, so all is listed."""
    server, job = grown(t, WITH)
    inbox = server.store["INBOX"]
    inbox.remove(40)
    server.on(r"UID FETCH .*CHANGEDSINCE", "* VANISHED (EARLIER) 1:39,41:4294967295\r\n$TAG OK done\r\n")
    again(t, server, job, kept=[("INBOX", 40)], alone=0, full=1)


def scene_vanished_tells_more(t):
    """All UIDs below UIDNEXT, as a server says that keeps no history (RFC 7162 3.2.10.1): SEARCH has those that are there."""
    server, job = grown(t, WITH)
    server.store["INBOX"].remove(40)
    server.on(r"UID FETCH .*CHANGEDSINCE", "* VANISHED (EARLIER) 1:300\r\n$TAG OK done\r\n")
    again(t, server, job, kept=[("INBOX", 40)])


def scene_a_flag_is_not_told(t):
    """The server is believed; verify finds it, and --list-all takes it over."""
    server, job = grown(t)
    inbox = server.store["INBOX"]
    inbox.flag(9, "\\Flagged")
    server.on(r"UID FETCH .*CHANGEDSINCE", "$TAG OK done\r\n")
    _, run = t.extract(server, job=job)
    t.exits(run, 0)
    done = imexrun.run(t, "verify", job, server.url(), *t.options(server))
    t.equal(done.code, 2, "verify with the source finds the difference")
    log = again(t, server, job, "--list-all", alone=0)
    t.never_sent(log, ".*CHANGEDSINCE")
    done = imexrun.run(t, "verify", job, server.url(), *t.options(server))
    t.equal(done.code, 0, "and then there is none")


def scene_out_of_order(t):
    server, job = grown(t)
    kept = change(server)

    @server.on(r"UID FETCH .*CHANGEDSINCE")
    def _(call):
        lines = b"".join(map(octets, call.normal())).splitlines(keepends=True)
        return [*reversed(lines[:-1]), lines[-1]]

    again(t, server, job, kept=kept, alone=0, full=1)


def scene_without_uid(t):
    server, job = grown(t)
    server.store["INBOX"].flag(9, "\\Flagged")

    @server.on(r"UID FETCH .*CHANGEDSINCE")
    def _(call):
        return [re.sub(rb"UID \d+ ", b"", b"".join(map(octets, call.normal())))]

    again(t, server, job, alone=0, full=1)


def scene_a_change_that_cannot_be_read(t):
    """It may have been flags: without them, and torn."""
    for what, code in (rb" FLAGS \(.*?\)", 0), (rb"\) MODSEQ \(\d+\)", 1):
        server, job = grown(t)
        server.store["INBOX"].flag(9, "\\Flagged")

        @server.on(r"UID FETCH .*CHANGEDSINCE")
        def _(call):
            return [re.sub(what, b"", b"".join(map(octets, call.normal())))]

        again(t, server, job, alone=0, full=1, code=code)


def scene_a_change_of_another_message(t):
    """Its UID is not that of its number, or of no message at all."""
    for uid in b"8", b"400":
        server, job = grown(t)
        server.store["INBOX"].flag(9, "\\Flagged")

        @server.on(r"UID FETCH .*CHANGEDSINCE")
        def _(call):
            return [b"".join(map(octets, call.normal())).replace(b"UID 9 ", b"UID %s " % uid)]

        again(t, server, job, alone=0, full=1)


def scene_a_change_behind_the_answer(t):
    """Nobody waits for it any more, and the next run is not told it: it lists in full."""
    server, job = grown(t)
    server.store["INBOX"].flag(9, "\\Flagged")
    server.store["INBOX"].add(letter("INBOX", 300))

    @server.on(r"UID FETCH .*CHANGEDSINCE")
    def _(call):
        lines = b"".join(map(octets, call.normal())).splitlines(keepends=True)
        return [lines[-1], *lines[:-1]]

    job, run = t.extract(server, job=job)
    t.within(run.code, (0, 1), "exit code")
    server.clear()
    again(t, server, job, alone=0, full=0)


def scene_a_part_of_the_changes(t):
    server, job = grown(t)
    server.store["INBOX"].flag(9, "\\Flagged")
    server.on(r"UID FETCH .*CHANGEDSINCE", "$TAG OK [MESSAGELIMIT 2 200] done\r\n")
    again(t, server, job, alone=0, full=1)


def scene_modseq_goes_back(t):
    """A server put back from a backup: its HIGHESTMODSEQ is not ours, so all flags are read."""
    server, job = grown(t)
    inbox = server.store["INBOX"]
    inbox.flag(9, "\\Flagged")
    inbox.modseq = inbox[9].modseq = 5
    t.never_sent(again(t, server, job, alone=0), ".*CHANGEDSINCE")


def scene_small_folders_are_listed(t):
    server = t.server(sample(("INBOX",), count=20), caps=WITH)
    job = t.first_run(server)
    server.store["INBOX"].flag(9, "\\Flagged")
    t.never_sent(again(t, server, job, alone=0), ".*CHANGEDSINCE", "ENABLE")


def scene_mbox(t):
    formats(t, "mbox")


def scene_eml(t):
    formats(t, "eml")


def formats(t, name):
    server = t.server(sample(("INBOX",), count=300), caps=WITH)
    job, run = t.extract(server, "--format", name)
    t.exits(run, 0)
    change(server)
    mark = server.transcript.mark()
    job, run = t.extract(server, "--format", name, job=job)
    t.exits(run, 0)
    only_the_change(t, server.transcript.since(mark))
    done = imexrun.run(t, "verify", job, server.url(), *t.options(server))
    t.equal(done.code, 0, "the copy agrees with the server in UIDs, sizes, flags and dates")
