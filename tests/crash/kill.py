"""SIGKILL before, after and in the middle of file-changing calls, after lines of the server, and
at any time; then the same command again, and all is as if nothing had happened."""

import random
import time

import shim
from imexrun import Job
from lab import Lab, change, committed, mailbox, renumber, visible
from plan import POINTS, each
from scene import Scene
from store import imap_date


class Seen:
    """What the kills of one test hit, so that it cannot pass without having hit anything."""

    def __init__(self):
        self.points = 0         # kills that were wanted
        self.kills = 0
        self.ops = set()
        self.undecided = 0      # files were visible whose rows were not committed
        self.partly = 0         # some messages were committed, not all

    def look(self, job, done, total):
        self.kills += done.killed
        if done.struck:
            self.ops.add(done.struck.op)
        rows = committed(job)
        self.undecided += bool(visible(job) - rows)
        self.partly += 0 < len(rows) < total

    def __str__(self):
        ops = " ".join(shim.NAMES[op] for op in sorted(self.ops))
        return f"{self.kills} kills, {self.undecided} of them between rename and commit, " \
            f"{self.partly} with a part committed; {ops}"


def enough(t, seen):
    t.ok(seen.kills >= seen.points * 0.8 > 5, f"it was killed: {seen}")
    t.ok(seen.undecided >= 1, f"also between rename and commit: {seen}")
    t.ok(seen.partly >= seen.points // 5, f"and between two commits: {seen}")


def messages(lab):
    return sum(len(f) for f in lab.server.store)


def killed_at_calls(t, lab, copy, how, fs, before=None, total=None):
    """One kill for each number; before: makes a job to begin with; total: messages at the end."""
    seen = Seen()
    total = total or messages(lab)
    for number in each(len(copy.done.calls), how):
        seen.points += 1
        job = before() if before else lab.job()
        done = lab.extract(job, do=how, at=number, fs=fs)
        what = f"{how} {done.struck or number}"
        if not done.killed:
            # Threads and time: another run may need some calls less.
            t.ok(number > len(copy.done.calls) * 0.8 and done.code == lab.code,
                 f"{what}: it was not killed", done)
            continue
        seen.look(job, done, total)
        lab.resume(copy, job, what, fs=fs)
    t.note(str(seen))
    return seen


def first_run(how, fs):
    def test(t):
        lab = Lab(t)
        copy = lab.undisturbed(fs=fs)
        seen = killed_at_calls(t, lab, copy, how, fs)
        enough(t, seen)
        t.ok(len(seen.ops) >= 5, f"before calls of many kinds: {seen}")
    return test


def second_run(how, fs, changes=change, code=0):
    """A run that finds new mail, changed flags and a message less, or other UIDs, is killed."""
    def test(t):
        lab = Lab(t)
        copy = lab.undisturbed(changes, code, fs=fs)
        seen = killed_at_calls(t, lab, copy, how, fs, lambda: lab.changed(fs=fs))
        t.ok(len(copy.done.calls) > 150, "the second run found changes", len(copy.done.calls))
        enough(t, seen)
    return test


def banyan(how, fs):
    """Where reading sets \\Seen for good, no kill leaves a flag changed on the source."""
    def test(t):
        lab = Lab.banyan(t)
        copy = lab.undisturbed(fs=fs)
        seen = killed_at_calls(t, lab, copy, how, fs)
        enough(t, seen)
    return test


def flagged(store):
    """Between a kill and the next run: other flags on all messages, and new mail."""
    for name in ("INBOX", "Archive"):
        for message in store[name]:
            store[name].flag(message.uid, *(message.flags ^ {"\\Seen", "Later"}))
    store["INBOX"].add(b"Subject: new\r\n\r\nnew mail\r\n", ("Later",), imap_date(1200000000))


def server_changes(how, fs):
    """What was stored and not committed must not stay beside what the next run stores."""
    def test(t):
        lab = Lab(t)
        check = Scene(t)
        copy = lab.undisturbed(fs=fs)
        total, seen = messages(lab), Seen()
        for number in each(len(copy.done.calls), how):
            seen.points += 1
            lab.server.store = mailbox()
            job = lab.job()
            done = lab.extract(job, do=how, at=number, fs=fs)
            if not done.killed:
                continue
            seen.look(job, done, total)
            flagged(lab.server.store)
            before = lab.sources()
            again = lab.extract(job, fs=fs)
            said = len(t.failures)
            t.equal(again.code, lab.code, "exit code of the next run")
            check.complete(Job(t, job), lab.server)
            check.no_doubles(Job(t, job))
            t.equal(lab.imex("verify", job).code, 0, "exit code of verify")
            t.equal(lab.sources(), before, "the source")
            if len(t.failures) > said:
                t.failures.append(f"all this after {how} {done.struck}")
        t.note(str(seen))
        enough(t, seen)
    return test


def after_lines(make):
    """Killed when the server has sent its n-th line or part of a message."""
    def test(t):
        lab = make(t)
        lab.lines.arm(None)
        copy = lab.undisturbed()
        total = lab.lines.count
        kills, points = 0, list(each(total, "line"))
        for number in points:
            job = lab.job()
            lab.lines.arm(number)
            done = lab.extract(job)
            what = f"killed after line {number}: {lab.lines.struck[:60]!r}"
            lab.lines.arm(None)
            if not done.killed:
                t.ok(number > total * 0.9 and done.code == lab.code, f"{what}: it was not", done)
                continue
            kills += 1
            lab.resume(copy, job, what)
        t.note(f"{kills} kills in {total} lines")
        t.ok(kills >= len(points) * 0.9 > 5, "it was killed", kills)
    return test


def at_random(t):
    """At any time, several times in a row, with and without changes in between."""
    lab = Lab(t)
    begin = time.monotonic()
    copy = lab.undisturbed()
    usual = time.monotonic() - begin
    rng = random.Random(7)
    kills = 0
    for turn in range(POINTS // 2):
        job = lab.job()
        for _ in range(rng.choice((1, 2, 3, 5))):
            process, argv, log = lab.start(*lab.command(job), job=job)
            time.sleep(rng.random() * usual)
            process.kill()
            kills += lab.finish(process, argv, log, job).killed
        lab.resume(copy, job, f"random kills, turn {turn}")
    t.note(f"{kills} kills")
    t.ok(kills >= POINTS // 4, "it was killed", kills)


def twice(t):
    """Killed, and killed again while it recovers."""
    lab = Lab(t)
    copy = lab.undisturbed()
    total = len(copy.done.calls)
    rng = random.Random(11)
    twice_killed = 0
    for number in each(total, "twice"):
        job = lab.job()
        first = lab.extract(job, do="kill-before", at=number)
        at = rng.randrange(1, total)
        second = lab.extract(job, do=rng.choice(("kill-before", "kill-half", "kill-after")), at=at)
        twice_killed += first.killed and second.killed
        lab.resume(copy, job, f"killed before {first.struck}, then at {second.struck}")
    t.note(f"{twice_killed} times")
    t.ok(twice_killed >= POINTS // 5, "it was killed twice in a row", twice_killed)


def tests():
    found = []
    for how in ("kill-before", "kill-half", "kill-after"):
        for fs, words in ((shim.EXT4, "one sync for all"), (shim.OVERLAY, "each file synced")):
            found.append((f"first run, {how}, {words}", first_run(how, fs)))
            found.append((f"second run, {how}, {words}", second_run(how, fs)))
        found.append((f"UIDVALIDITY changes, {how}", second_run(how, shim.EXT4, renumber, 1)))
    for fs, words in ((shim.EXT4, "one sync for all"), (shim.OVERLAY, "each file synced")):
        found.append((f"killed, then the server changes, {words}",
                      server_changes("kill-before", fs)))
    for how in ("kill-before", "kill-half"):
        found.append((f"flags owed to the source, {how}", banyan(how, shim.EXT4)))
    found.append(("killed after a line of the server", after_lines(Lab)))
    found.append(("killed after a line, flags owed", after_lines(Lab.banyan)))
    found.append(("killed at random times", at_random))
    found.append(("killed twice in a row", twice))
    return found
