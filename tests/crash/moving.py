"""imex killed, or cut off, while it moves mail from one server to another: then the same command
again, until it says that it is done. What is there must be each message once, and the source as it was.

What was sent on a connection that died shows up there LAZY seconds later (rules.md 2.3).
"""

import os
import random
import re
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import cutter
import imexrun
import lab
import shim
from into import CAPS, DEST_PASSWORD, WORDS, Move, can, without
from lab import TIME_LIMIT, Done
from model import PASSWORD, Server
from plan import each
from store import Store, fill, imap_date
from target import Target

LAZY = 1.2
AT_ONCE = 8             # sites that are worked on at the same time: most of it is waiting
TRIES = 6
KILLS = int(os.environ.get("CRASH_KILLS", "12"))        # random ones
POINTS = int(os.environ.get("CRASH_POINTS", "16"))      # places of each other test
TURNS = "kill-before", "kill-half", "kill-after"
SENDS = shim.SEND, shim.SYNC, shim.SYNC_ALL
SHARED = "--connections", "4"


def one():
    """A message a folder."""
    return mailbox(1, 1, 1)


def two():
    return mailbox(2, 2)


def many():
    """Groups of several messages."""
    return mailbox(70, 15, 4)


def large():
    """One folder that several connections read (engine/pool.h), with messages of any size between small ones."""
    store = mailbox(70)
    big = b"From: a@example.org\r\nSubject: big\r\n\r\n" + b"0123456789 abcdefghijklmnopqrstuvwxyz\r\n" * 9000
    for number, size in enumerate((len(big), 40000, 300)):
        store["INBOX"].add(big[:size] + b"%d\r\n" % number, ("\\Seen",), imap_date(1000000000 + number, 0))
        fill(store["INBOX"], 40, f"more {number}")
    return store


def mailbox(*counts):
    store = Store()
    for number, count in enumerate(counts):
        fill(store.add(f"Box {number}") if number else store["INBOX"], count)
    return store


class Site(Move):
    """A destination and a job of its own; the source is shared."""

    def __init__(self, t, source, place, caps=CAPS, eager=False, more=()):
        self.t, self.source, self.more = t, source, more
        self.dest = Target(Store(), tls=None, password=DEST_PASSWORD, caps=caps, lazy=LAZY,
                           eager=eager)
        self.dest.start()
        self.place = place
        os.makedirs(place)
        self.job = os.path.join(place, "job")
        self.foreign, self.before = {}, source.store.snapshot()
        self.ports = {}             # of relays in between
        self.kills = 0

    def url(self, server):
        return server.url().replace(str(server.port), str(self.ports.get(server, server.port)))

    def words(self):
        return ["migrate", self.url(self.source), self.url(self.dest), "--job", self.job, *WORDS, *self.more]

    def popen(self, **how):
        env = {"PATH": os.environ["PATH"], "HOME": self.place, "LANG": "C.UTF-8", "TZ": "UTC",
               "IMEX_PASSWORD": PASSWORD, "IMEX_DEST_PASSWORD": DEST_PASSWORD, "TERM": "dumb"}
        log = os.path.join(self.place, "calls")
        if os.path.exists(log):
            os.unlink(log)
        if how:
            env.update(shim.environment(self.job, log, also=(shim.SEND,), **how))
        argv = [*imexrun.program(), *self.words()]
        return argv, log, subprocess.Popen(argv, env=env, cwd=self.place, stdin=subprocess.DEVNULL,
                                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, kill_after=None, **how):
        """imex, to its end; kill_after: seconds; how: see shim.environment()."""
        argv, log, process = self.popen(**how)
        try:
            out, err = process.communicate(timeout=TIME_LIMIT * 3 if kill_after is None else kill_after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            out, err = process.communicate()
            if kill_after is None:
                self.t.fail("it did not end", " ".join(argv), out, err, self.dest.transcript.text()[-6000:])
        calls = shim.read_log(log, self.job) if os.path.exists(log) else []
        done = Done(argv, process.returncode, out, err, calls)
        self.kills += done.killed
        return done

    def judge(self, tally, what):
        """The same command until it is done, and then once more; each message is there once."""
        for _ in range(TRIES):
            done = self.run()
            if done.code in (0, 1):
                break
        missing, doubled = self.counts(exact=True)
        odd = self._odd_marks()
        tally.add(self.kills, self.dest.late, len(missing), len(doubled))
        good = self.t.ok(done.code in (0, 1) and not missing and not doubled and not odd, what, done,
                         f"missing: {missing[:8]}", f"doubled: {doubled[:8]}", f"flags, dates: {odd[:8]}")
        for text in self.dest.transcript.violations:
            good = self.t.fail(f"{what}: the client broke a rule: {text}")
        for problem in self.dest.failures:
            self.t.fail(f"{what}: the server of this test failed: {problem!r}")
        if good:
            mark = self.dest.transcript.mark()
            done = self.run()
            sent = self.dest.transcript.since(mark).commands("APPEND|CREATE|(UID )?(STORE|EXPUNGE)")
            good = self.t.ok(done.code in (0, 1) and not sent, f"{what}: a further run sends nothing",
                             done, sent)
        if not good:
            self.t.note(f"{what}:\n{self.dest.transcript.text()[-5000:]}")
        return good

    def _odd_marks(self):
        """Copies with flags or a date that no such message of the source has."""
        odd = []
        for folder in self.source.store:
            marks = {(m.raw, frozenset(m.flags), m.date) for m in folder}
            odd += [(folder.name, m.raw[:60], sorted(m.flags), m.date)
                    for m in self.dest.store.get(folder.name) or ()
                    if (m.raw, frozenset(m.flags), m.date) not in marks]
        return odd

    def close(self):
        self.dest.stop()
        if os.environ.get("KEEP") != "1":
            shutil.rmtree(self.place, ignore_errors=True)


class Tally:
    """The numbers that a test prints."""

    def __init__(self):
        self.sites = self.kills = self.late = self.missing = self.doubled = 0

    def add(self, kills, late, missing, doubled):
        self.sites += 1
        self.kills += kills
        self.late += late
        self.missing += missing
        self.doubled += doubled

    def __str__(self):
        return f"{self.sites} moves, {self.kills} kills, {self.late} messages that showed up late: " \
            f"{self.missing} missing, {self.doubled} doubled"


class Ground:
    """One source for all sites of a test."""

    def __init__(self, t, make, caps=CAPS, eager=False, more=()):
        if not can("migrate"):
            t.skip("imex has no command migrate")
        self.t, self.caps, self.eager, self.more = t, caps, eager, more
        self.place = t.tmpdir("moving")
        self.source = Server(make(), tls=None, user="alice")
        self.source.start()
        t.cleanup(self.source.stop)
        self.before = self.source.store.snapshot()
        self.tally = Tally()
        self._number = 0

    def site(self):
        self._number += 1
        return Site(self.t, self.source, os.path.join(self.place, str(self._number)), self.caps,
                    self.eager, self.more)

    def undisturbed(self, **how):
        """(seconds, calls) of a move that nothing disturbs."""
        site = self.site()
        begin = time.monotonic()
        done = site.run(**how)
        seconds = time.monotonic() - begin
        self.t.must(done.code in (0, 1), "the undisturbed move works", done,
                    site.dest.transcript.text()[-4000:])
        self.t.must(site.counts(exact=True) == ([], []), "and moves all of it", site.counts(exact=True))
        site.close()
        if self.more:
            self.t.must(self.readers() > 1, "several connections have read the folder", self.readers())
        return seconds, done.calls

    def readers(self):
        """Connections of all runs so far that have asked the source for bodies."""
        return len({e.connection for e in list(self.source.transcript.entries)
                    if e.direction == "C" and re.search(rb" UID FETCH .*BODY", e.data)})

    def all(self, work, points):
        """work(site, point) for each point, several at the same time."""
        def one_of(point):
            site = self.site()
            try:
                work(site, point)
            finally:
                site.close()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in pool.map(one_of, points):
                pass
        self.t.note(str(self.tally))
        self.t.equal(self.source.store.snapshot(), self.before, "the source is as it was")
        written = self.source.transcript.commands(
            r"(SELECT|APPEND|(UID )?(STORE|EXPUNGE|COPY|MOVE)|CREATE|DELETE|RENAME|(UN)?SUBSCRIBE)\b"
            r"|(UID )?FETCH .*(\bBODY\[|\bRFC822(\.TEXT)?(?![.\w]))")
        self.t.equal(written, [], "what was sent to the source that could change it")
        self.t.equal(self.source.transcript.violations, [], "the rules of the source")


def killing_places(calls, kind):
    """[(how, number)]: some of all, and most where a message is on its way."""
    mail = [n for n, call in enumerate(calls, 1) if call.op == shim.SEND
            and not re.fullmatch(rb"\S+ (?!APPEND)[A-Z][^\n]*\n", call.data)]
    places = [(how, n) for how in TURNS for n in each(len(calls), f"{how} {kind}", max(POINTS // 6, 1))]
    places += [(how, mail[n - 1]) for how in TURNS[1:]
               for n in each(len(mail), f"mail {how} {kind}", max(POINTS // 3, 1))]
    return list(dict.fromkeys(places))


def killed_at_calls(make, caps, eager=False, more=()):
    """At each call that sends or syncs: before it, in the middle, behind it."""
    def test(t):
        ground = Ground(t, make, caps, eager, more)
        _, calls = ground.undisturbed(do="count", data=True)
        calls = [c for c in calls if c.op in SENDS]
        total = len(calls)
        t.must(sum(c.op == shim.SEND for c in calls) > 5, "sends were counted", total)
        points = killing_places(calls, caps)

        def work(site, point):
            how, at = point
            done = site.run(do=how, at=at, only=SENDS, like="/")
            if not done.killed:
                t.ok(at > total * 0.7, f"{how} {at} of {total}: it was not killed", done)
            site.judge(ground.tally, f"{how} {done.struck or at}")
        ground.all(work, points)
        t.ok(ground.tally.kills >= len(points) * 0.7, "it was killed", ground.tally)
    return test


def killed_at_the_start(t):
    """At the calls that make the job, before anything is sent."""
    ground = Ground(t, one)
    _, calls = ground.undisturbed(do="count")
    total = next(n for n, call in enumerate(calls) if call.op == shim.SEND)

    def work(site, point):
        how, at = point
        done = site.run(do=how, at=at)
        site.judge(ground.tally, f"{how} {done.struck or at}")
    ground.all(work, [(how, at) for how in TURNS for at in each(total, f"start {how}", POINTS)])
    t.ok(ground.tally.kills >= ground.tally.sites * 0.7, "it was killed", ground.tally)


def moved(t, place):
    source = Server(many(), tls=None, user="alice")
    source.start()
    t.cleanup(source.stop)
    site = Site(t, source, place)
    done = site.run()
    t.must(done.code in (0, 1), "the first move works", done)
    return site


def made_anew(t, place):
    """All is moved; then folders there are made again under the UIDVALIDITY that they had, but for one, in which UIDNEXT
    has gone back alone."""
    site = moved(t, place)
    for folder in site.dest.store:
        if folder.name == "Box 1":
            folder.messages = folder.messages[:-4]
            folder.uidnext = folder.messages[-1].uid + 1
        else:
            folder.messages = []
            folder.renumber(folder.uidvalidity)
    return site


def renumbered(t, place):
    """All is moved; then the source has another UIDVALIDITY, other flags, and mail that is new."""
    site = moved(t, place)
    source = site.source
    for folder in source.store:
        folder.renumber(folder.uidvalidity + 1000, 501)
        folder.flag(502, "\\Answered", "\\Deleted")
        fill(folder, 2, "new")
    site.before = source.store.snapshot()
    return site


def killed_when_changed(change):
    """What is recognised keeps its copy, and what is lost there is brought once, wherever the run is killed that finds out."""
    def test(t):
        place, tally = t.tmpdir(change.__name__), Tally()
        site = change(t, os.path.join(place, "first"))
        calls = [c for c in site.run(do="count", data=True).calls if c.op in SENDS]
        site.close()
        points = killing_places(calls, change.__name__)[::2]

        def one_of(numbered):
            number, (how, at) = numbered
            site = change(t, os.path.join(place, str(number)))
            try:
                done = site.run(do=how, at=at, only=SENDS, like="/")
                site.judge(tally, f"{how} {done.struck or at}")
            finally:
                site.close()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for _ in pool.map(one_of, enumerate(points)):
                pass
        t.note(str(tally))
        t.ok(tally.kills >= len(points) * 0.7 > 2, "it was killed", tally)
    return test


def killed_at_random(make, caps, more=()):
    """CRASH_KILLS times, some of them several times in a row."""
    def test(t):
        ground = Ground(t, make, caps, more=more)
        usual, _ = ground.undisturbed()
        rng = random.Random(int(os.environ.get("CRASH_SEED", "3")))
        plans = []
        while sum(map(len, plans)) < KILLS:
            plans.append([rng.random() * usual for _ in range(rng.choice((1, 1, 2, 3)))])

        def work(site, plan):
            for seconds in plan:
                site.run(kill_after=seconds)
            site.judge(ground.tally, f"killed after {[round(s, 3) for s in plan]} s")
        ground.all(work, plans)
        t.ok(ground.tally.kills >= KILLS // 2, "it was killed", ground.tally)
    return test


def cut(side, way, make, caps, eager=False, more=()):
    """The stream ends behind each line, and at four places of each literal."""
    def test(t):
        ground = Ground(t, make, caps, eager, more)

        def relayed(site, at):
            server = site.dest if side == "destination" else site.source
            relay = cutter.Cutter(server.port, way, at)
            site.ports[server] = relay.port
            return relay
        site = ground.site()
        relay = relayed(site, 0)
        done = site.run()
        t.must(done.code in (0, 1), "the undisturbed move works", done)
        total = relay.seen
        relay.close()
        site.close()
        struck = []

        def work(site, at):
            relay = relayed(site, at)
            try:
                site.run()
                struck.append(relay.struck)
                if relay.struck:
                    lab.STRUCK.count("broken connections")
                site.judge(ground.tally, f"cut {way}, place {at} of {total}: {relay.struck}")
            finally:
                relay.close()
        ground.all(work, each(total, f"{side} {way} {caps}", POINTS))
        kinds = sorted({s.split()[0] for s in struck if s})
        t.note(f"{len([s for s in struck if s])} cuts in {total} places, at {' '.join(kinds)}")
        t.ok(len([s for s in struck if s]) >= len(struck) * 0.7, "it was cut", struck)
    return test


PLAIN = without("UIDPLUS MULTIAPPEND LITERAL+")


def tests():
    found = []
    for make, words in ((one, "one message a folder"), (two, "two messages"), (many, "many messages")):
        found.append((f"move: {words}, killed where it sends or syncs", killed_at_calls(make, CAPS)))
    found.append(("move: two messages, no UIDPLUS, killed where it sends or syncs",
                  killed_at_calls(two, PLAIN)))
    found.append(("move: many messages, no UIDPLUS, killed where it sends or syncs",
                  killed_at_calls(many, without("UIDPLUS"))))
    found.append(("move: killed while the job is made", killed_at_the_start))
    found.append(("move: UIDVALIDITY of the source changes, killed", killed_when_changed(renumbered)))
    found.append(("move: folders of the destination are made anew, killed", killed_when_changed(made_anew)))
    found.append(("move: killed at random times", killed_at_random(many, CAPS)))
    for side in ("source", "destination"):
        for way in (cutter.UP, cutter.DOWN):
            found.append((f"move: {side} cut off {way}", cut(side, way, many, CAPS)))
    for caps, words in ((CAPS, "UIDPLUS"), (without("UIDPLUS"), "no UIDPLUS")):
        found.append((f"move: what came whole is kept, {words}, killed",
                      killed_at_calls(many, caps, True)))
        found.append((f"move: what came whole is kept, {words}, cut off",
                      cut("destination", cutter.UP, many, caps, True)))
    for way in (cutter.UP, cutter.DOWN):
        found.append((f"move: destination without UIDPLUS cut off {way}",
                      cut("destination", way, lambda: mailbox(5, 3), PLAIN)))
    for caps, words in ((CAPS, "UIDPLUS"), (PLAIN, "no UIDPLUS")):
        what = f"move: one folder, several connections, {words}"
        found.append((f"{what}, killed where it sends or syncs", killed_at_calls(large, caps, more=SHARED)))
        found.append((f"{what}, killed at random times", killed_at_random(large, caps, SHARED)))
    found.append(("move: one folder, several connections, source cut off", cut("source", cutter.DOWN, large, CAPS, more=SHARED)))
    return found
