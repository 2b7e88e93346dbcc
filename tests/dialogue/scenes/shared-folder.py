"""Several connections of an account read one folder: each message is asked for by one of them alone, the
first one stores them all, and the result is what one connection makes of it."""

import re

import formats
import sidecar
from old import Old
from people import *
from scene import *

WINDOW = r"UID FETCH (\d+[:,][\d:,]+) \(BODY"
EXTRACTED = re.compile(rb"\A! extracted .*? from ")     # when, in a set for Exchange
BODIES = r"(?:UID )?FETCH ([\d:,]+) \((?:BODY(?:\.PEEK)?\[\]|RFC822(?:\.PEEK)?)\)"


def one_folder(count=400):
    store = Store()
    fill(store["INBOX"], count)
    return store


def asked(server):
    """Connection -> UIDs whose bodies it has asked for, in that order."""
    found = {}
    for number in range(1, server.connections + 1):
        for text in server.transcript.commands(BODIES, number):
            found.setdefault(number, []).extend(numbers(re.match(BODIES, text)[1]))
    return found


def together(server, connections):
    """Nobody gets a further window before so many connections have asked for one."""
    def met():
        return len(asked(server)) >= connections

    @server.on(BODIES, after=1)
    def _(call):
        wait_until(server, met)
        return call.normal()


def once(t, server, connections, again=()):
    """Between them so many connections asked for each message, and for none twice but for those of `again`."""
    found = asked(server)
    t.equal(len(found), connections, "connections that asked for bodies")
    every = sorted(uid for uids in found.values() for uid in uids if uid not in again)
    t.equal(every, [m.uid for m in server.store["INBOX"] if m.uid not in again], "what was asked for, once")
    # One of them has the listing, the others but ask what is there.
    for number in list(found)[1:]:
        t.equal(server.transcript.count(r"UID FETCH .*FLAGS", number), 0, "listings on a further connection")
        t.equal(server.transcript.count("NOOP|STORE|SELECT", number), 0, "and nothing else")


def octets(job):
    """Path below mail/ -> content and date of each file."""
    found = {}
    for base, _, names in os.walk(job.mail):
        for name in names:
            path = os.path.join(base, name)
            with open(path, "rb") as file:
                data = file.read()
            if name.endswith(".PRI"):
                data = EXTRACTED.sub(b"! extracted DATE from ", data)
            found[os.path.relpath(path, job.mail)] = (
                data, int(os.stat(path).st_mtime) if "/cur/" in path else None)
    return found


def same_octets(t, server, job, *args):
    """What a run by one connection makes."""
    server.clear()
    alone, run = t.extract(server, "--connections", "1", *args, timeout=60)
    t.exits(run, 0, 1)
    here, there = octets(job), octets(alone)
    t.equal(sorted(here), sorted(there), "the files")
    t.equal([path for path in here if here[path] != there.get(path)], [], "files that differ")
    t.equal(*(j.report()["accounts"][0]["warnings"] for j in (job, alone)), "what was lost on the way")


def scene_windows_are_disjoint(t):
    server = t.server(one_folder())
    together(server, 3)
    job, run = t.extract(server, "--connections", "3")
    t.exits(run, 0)
    once(t, server, 3)
    t.read_only(server)
    t.complete(job, server)
    same_octets(t, server, job)
    t.exits(t.imex("verify", job), 0)


def odd_mail():
    """A folder of messages of any kind, in which four connections find something to do for each."""
    store = Store()
    for kind in formats.specimens(with_big=True):
        store["INBOX"].add(kind.raw)
        fill(store["INBOX"], 2, kind.name)
    return store


def of_format(name, *words, code=0):
    def scene(t):
        """Also of a format that has one writer, or takes messages apart while others arrive."""
        server = t.server(odd_mail())
        together(server, 4)
        args = "--format", name, *words
        job, run = t.extract(server, "--connections", "4", *args, timeout=60)
        t.exits(run, code)
        once(t, server, 4)
        same_octets(t, server, job, *args)
        t.exits(t.imex("verify", job), 0)
    return scene


scene_eml = of_format("eml")
scene_mbox = of_format("mbox")
scene_exchange = of_format("exchange", "--smtp-address", "usuario@example.net", code=1)
scene_exchange_with_the_source = of_format("exchange", "--smtp-address", "usuario@example.net", "--full-source", code=1)


def scene_messages_that_do_not_come_whole(t):
    """A message in each portion is empty at first, to whoever asks: it comes late, and the others in their order."""
    late = range(3, 400, 11)
    server = t.server(one_folder())
    together(server, 4)
    for uid in late:
        server.fetch(uid=uid, item=r"BODY\.PEEK\[\]$", reply=b"NIL")
    job, run = t.extract(server, "--connections", "4", "--format", "mbox", timeout=60)
    t.exits(run, 1)
    stored = [line["uid"] for line in sidecar.read(os.path.join(t.account_dir(job), "INBOX")).history]
    t.equal(stored, [uid for uid in range(1, 401) if uid not in late] + list(late), "the order of the file")


def scene_large_messages(t):
    """Few, but large: and larger than what is kept in memory for a connection that is ahead."""
    store = Store()
    for number in range(6):
        store["INBOX"].add(b"Subject: %d\r\n\r\n" % number + b"0123456789abcdef" * 62 + b"\r\n" * 3
                           + (b"x" * 70 + b"\r\n") * 40000)
    server = t.server(store)
    together(server, 2)
    job, run = t.extract(server, "--connections", "2", timeout=60)
    t.exits(run, 0)
    once(t, server, 2)
    t.complete(job, server)
    same_octets(t, server, job)


def scene_nothing_to_help_with(t):
    """No connection is opened for a folder that is soon read, nor for one in which nothing is new."""
    server = t.server(one_folder(40))
    job = t.first_run(server, "--connections", "4")
    t.equal(server.connections, 1, "connections for 40 messages")
    fill(server.store["INBOX"], 100, "more")
    t.first_run(server, "--connections", "1", job=job)
    server.store["INBOX"].flag(3, "\\Flagged")
    t.first_run(server, "--connections", "4", job=job)
    t.equal(server.connections, 3, "connections of three runs")


def scene_later_run(t):
    """New mail of a folder that is known is shared, flags that have changed are one connection's."""
    server = t.server(one_folder(300))
    job = t.first_run(server)
    fill(server.store["INBOX"], 200, "more")
    for uid in range(1, 300, 7):
        server.store["INBOX"].flag(uid, "\\Answered", "Later")
    server.store["INBOX"].remove(12)
    server.transcript.entries.clear()
    together(server, 3)
    t.exits(t.extract(server, "--connections", "3", "--mirror", job=job)[1], 0)
    found = sorted(uid for uids in asked(server).values() for uid in uids)
    t.equal(found, list(range(301, 501)), "what was asked for, once")
    t.equal(len(asked(server)), 3, "connections that asked for it")
    t.complete(job, server)
    t.exits(t.imex("verify", job, server.url(), *t.options(server)), 0)


def on_a_helper(server, answer, times=1, usual=lambda call: call.normal()):
    """The first so many windows of further connections are answered in this way; so long the first waits."""
    left = [times]

    @server.on(WINDOW)
    def _(call):
        if call.wire.number == 1 or not left[0]:
            wait_until(server, lambda: not left[0])
            return usual(call)
        left[0] -= 1
        with server.transcript.changed:
            server.transcript.changed.notify_all()
        return answer(call)
    return left


def wait_until(server, true):
    with server.transcript.changed:
        server.transcript.changed.wait_for(true, 10)


def scene_helper_is_cut(t):
    """What a connection had in hand when it was lost is given to others, and it comes back."""
    server = t.server(one_folder())
    cut = []

    def half(call):
        cut.extend(numbers(call.match[1]))
        whole = b"".join(call.normal())
        return [whole[:len(whole) // 2], Cut]
    left = on_a_helper(server, half, times=2)
    job, run = t.extract(server, "--connections", "2")
    t.exits(run, 0)
    t.equal(left, [0], "cuts that are left")
    t.within(server.connections, (3, 4), "connections: two, and more for those that were cut")
    t.complete(job, server)
    t.no_doubles(job)
    every = [uid for uids in asked(server).values() for uid in uids]
    twice = {uid for uid in every if every.count(uid) > 1}
    t.ok(twice and len(twice) <= 200, f"asked for again: {len(twice)}")
    t.equal(set(every), {m.uid for m in server.store["INBOX"]}, "all were asked for")


def scene_helper_is_cut_always(t):
    """A helper that brings nothing gives up, and the first connection does without."""
    server = t.server(one_folder())
    left = on_a_helper(server, lambda call: [Cut], times=3)
    job, run = t.extract(server, "--connections", "2")
    t.exits(run, 0)
    t.equal(left, [0], "cuts that are left")
    t.equal(server.connections, 4, "connections: it has tried three times")
    t.equal(asked(server).keys() - {1, 2, 3, 4}, set(), "connections that asked for bodies")
    t.complete(job, server)
    t.no_doubles(job)


def scene_further_connection_refused(t):
    """A server that bears one connection is read by one."""
    server = t.server(one_folder())

    @server.on(r"(LOGIN|AUTHENTICATE) ", after=1)
    def _(call):
        return [call.tagged("NO [LIMIT] Maximum number of connections exceeded")]
    job, run = t.extract(server, "--connections", "4")
    t.exits(run, 0)
    once(t, server, 1)
    t.complete(job, server)


def scene_folder_cannot_be_opened_twice(t):
    server = t.server(one_folder())

    @server.on(r"EXAMINE ", after=1)
    def _(call):
        return [call.tagged("NO [INUSE] the mailbox is locked")]
    job, run = t.extract(server, "--connections", "3")
    t.exits(run, 0)
    once(t, server, 1)
    t.complete(job, server)


def scene_made_anew_meanwhile(t):
    """Another UIDVALIDITY is another folder: nothing of it is taken for the one that was listed."""
    server = t.server(one_folder())

    @server.on(r"EXAMINE ", after=1, times=1)
    def _(call):
        return [piece.replace(b"UIDVALIDITY 1700000001", b"UIDVALIDITY 1800000001")
                for piece in call.normal()]
    job, run = t.extract(server, "--connections", "2")
    t.exits(run, 0)
    once(t, server, 1)
    t.complete(job, server)


def scene_expunged_meanwhile(t):
    """A message that goes while another connection is about to ask for it is gone, and no other suffers."""
    server = t.server(one_folder())
    gone = []

    def expunging(call):
        gone.extend(list(numbers(call.match[1]))[2:4])
        return [*(call.session.expunge(uid) for uid in gone), *call.normal()]

    def telling(call):
        """Whoever asks for them is told, in a response to a command that has UIDs."""
        view = call.session.view
        here = [n for n, m in enumerate(view, 1) if m.uid in gone and m not in server.store["INBOX"].messages]
        return [*(call.session._forget(n) for n in reversed(here)), *call.normal()]
    server.on(BODIES, telling)
    on_a_helper(server, expunging, usual=telling)
    job, run = t.extract(server, "--connections", "3")
    t.exits(run, 0)
    t.equal(len(gone), 2, "messages that went")
    t.complete(job, server)
    t.counts(job, "INBOX", gone=2, stored=398)


def scene_not_whole(t):
    """What a helper does not get whole goes down the ladder of the first connection, where it ends well."""
    server = t.server(one_folder())
    hit = []

    def nil(call):
        uid = list(numbers(call.match[1]))[5]
        hit.append(uid)
        server.fetch(uid=uid, item=r"BODY\.PEEK\[\]$", reply=b"NIL", times=2)
        return call.normal()
    on_a_helper(server, nil)
    job, run = t.extract(server, "--connections", "2")
    t.exits(run, 0)
    t.equal(len(hit), 1, "messages that were NIL")
    t.complete(job, server)
    t.no_doubles(job)


def scene_first_is_cut(t):
    """The connection that has the listing is lost: what others brought stays, the rest is read anew."""
    server = t.server(one_folder())
    cut = []

    @server.on(WINDOW)
    def _(call):
        if call.wire.number != 1 or cut:
            return call.normal()
        wait_until(server, lambda: len(asked(server)) >= 3)
        cut.append(True)
        whole = b"".join(call.normal())
        return [whole[:len(whole) // 2], Cut]
    job, run = t.extract(server, "--connections", "3")
    t.exits(run, 0)
    t.equal(cut, [True], "it was cut")
    t.complete(job, server)
    t.no_doubles(job)


def scene_poison(t):
    """A message at which every connection ends is given up by the first, and costs a helper one connection."""
    server = t.server(one_folder())
    server.fetch(uid=150, folder="INBOX", item=r"BODY|RFC822(?!\.SIZE)", reply=Cut)
    together(server, 2)
    job, run = t.extract(server, "--connections", "2", timeout=60)
    t.exits(run, 2)
    t.complete(job, server, without=[("INBOX", 150)])
    t.verdict(job, "INBOX", 150, "failed")
    t.ok(server.connections < 20, f"{server.connections} connections")


def scene_tail(t):
    """A connection that has read its own folder helps with the one that is left."""
    store = one_folder(30)
    store.add("Large", 900)
    server = t.server(store)
    gate = server.hold(uid=1, folder="Large", item="BODY")
    job, run = t.start_extract(server, "--connections", "2")
    gate.must_be_reached(t, "the large folder is begun")
    t.must(t.until(lambda: len(set(asked(server))) == 2), "both have asked for bodies")
    gate.open()
    t.exits(run.wait(), 0)
    t.complete(job, server)
    t.equal(server.connections, 2, "connections")
    both = [number for number in (1, 2)
            if server.transcript.count(r'EXAMINE "?Large', number) and number in asked(server)]
    t.equal(both, [1, 2], "connections that opened the large folder")


def scene_interrupted(t):
    """A signal ends all of them; the next run brings the rest."""
    server = t.server(one_folder())
    gate = Gate()
    on_a_helper(server, lambda call: [gate])
    job, run = t.start_extract(server, "--connections", "3")
    gate.must_be_reached(t, "a helper waits for the server")
    run.signal(signal.SIGINT)
    t.exits(run.wait(), 75)
    gate.open()
    server.clear()
    t.retry_until_done(server, "--connections", "3", job=job, allowed=(0,))
    t.complete(job, server)
    t.no_doubles(job)


def scene_without_uids(t):
    """Numbers change under the hands of who has not the map: such a folder is one connection's."""
    store = one_folder(120)
    server = t.serve(Old(store, level="IMAP2bis"))
    job, run = t.extract(server, "--connections", "3", "--insecure-plaintext")
    t.within(run.code, (0, 1), "exit code")
    t.equal(len(asked(server)), 1, "connections that asked for bodies")


def scene_forms_that_set_seen(t):
    """Where reading leaves a trace, who owes it reads alone."""
    server = t.server(one_folder(150))
    server.on(r"UID FETCH \S+ \(BODY\.PEEK|UID FETCH \S+ \(RFC822\.PEEK", "$TAG BAD unknown item\r\n")
    job, run = t.extract(server, "--connections", "3")
    t.exits(run, 1)
    t.equal(len(asked(server)), 1, "connections that asked for bodies")
    t.complete(job, server)


def scene_of_a_list(t):
    """Each connection has a place of its own, and a server is never asked for more than it may have."""
    server = t.serve(house(people("a", 2, count=150)))
    job = Job(t)
    run = t.imex("extract", "--users", listed(t, server), "--to", job, "--connections", "4", "--per-host", "3",
                 "--jobs", "2", *t.options(server), timeout=60)
    t.exits(run, 0)
    t.ok(server.peak <= 3, f"{server.peak} connections at once")
