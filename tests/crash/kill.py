"""SIGKILL before, after and in the middle of file-changing calls, after lines of the server, and
at any time; then the same command again, and all is as if nothing had happened."""

import os
import random
import time

import forms
import shim
import trees
from forms import EML, EXCHANGE, MAILDIR, MBOX, SOURCE
from imexrun import Job
from gmail import Gmail, labelled
from lab import Convert, Lab, change, change_large, committed, large, renumber
from model import DEFAULT_CAPS, Server
from plan import HOWS, POINTS, each, few
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

    def look(self, lab, job, done, total):
        self.kills += done.killed
        if done.struck:
            self.ops.add(done.struck.op)
        rows = committed(job)
        self.undecided += bool(lab.form.visible(job) - rows)
        self.partly += 0 < len(rows) < total

    def __str__(self):
        ops = " ".join(shim.NAMES[op] for op in sorted(self.ops))
        return f"{self.kills} kills, {self.undecided} of them between rename and commit, " \
            f"{self.partly} with a part committed; {ops}"


def enough(t, seen):
    # What waits is committed together: another run may have some commits less to be killed in.
    t.ok(seen.kills >= max(5, seen.points * 0.6), f"it was killed: {seen}")
    # A few kills may all miss the short windows; that many cannot.
    t.ok(seen.undecided >= min(1, seen.points // 40), f"also between rename and commit: {seen}")
    t.ok(seen.partly >= min(1, seen.points // 40), f"and between two commits: {seen}")


def messages(lab):
    return sum(len(f) for f in lab.server.store)


def killed_at(t, lab, copy, places, fs, before=None):
    """One kill for each place; before: makes a job to begin with."""
    seen = Seen()
    total = messages(lab)
    for how, place in places:
        seen.points += 1
        job = before() if before else lab.job()
        done = lab.extract(job, do=how, fs=fs, **place)
        what = f"{how} {done.struck or place}"
        if not done.killed:
            # Threads and time: another run may need some calls less.
            t.ok(("like" in place or place["at"] > len(copy.done.calls) * 0.8) and
                 done.code == lab.code, f"{what}: it was not killed", done)
            continue
        seen.look(lab, job, done, total)
        lab.resume(copy, job, what, fs=fs)
    t.note(str(seen))
    return seen


def first_run(make, places, fs, ops=5):
    """ops: so many kinds of calls must have been struck."""
    def test(t):
        lab = make(t)
        copy = lab.undisturbed(fs=fs)
        seen = killed_at(t, lab, copy, places(copy.done.calls), fs)
        enough(t, seen)
        t.ok(len(seen.ops) >= ops, f"before calls of many kinds: {seen}")
    return test


def second_run(make, places, fs, changes=change, code=None):
    """A run that finds new mail, changed flags and a message less, or other UIDs, is killed."""
    def test(t):
        lab = make(t)
        copy = lab.undisturbed(changes, code, fs=fs)
        seen = killed_at(t, lab, copy, places(copy.done.calls), fs, lambda: lab.changed(fs=fs))
        t.ok(len(copy.done.calls) > 100, "the second run found changes", len(copy.done.calls))
        enough(t, seen)
    return test


def flagged(store):
    """Between a kill and the next run: other flags on all messages, and new mail."""
    for name in ("INBOX", "Archive"):
        for message in store[name]:
            store[name].flag(message.uid, *(message.flags ^ {"\\Seen", "Later"}))
    store["INBOX"].add(b"Subject: new\r\n\r\nnew mail\r\n", ("Later",), imap_date(1200000000))


def complete(t, lab, job):
    """The job holds all that the server has, once, in whatever order it came."""
    if lab.form is MAILDIR:
        check = Scene(t)
        check.complete(Job(t, job), lab.server)
        check.no_doubles(Job(t, job))
        return
    t.equal(lab.form.sound(job), [], "an independent reader finds all of it, once")
    content = trees.read(os.path.join(job, "mail"), lab.form.name)
    t.equal(trees.against_store(content, lab.server.store), [], "what the server has")


def server_changes(make, places, fs):
    """What was stored and not committed must not stay beside what the next run stores."""
    def test(t):
        lab = make(t)
        copy = lab.undisturbed(fs=fs)
        total, seen = messages(lab), Seen()
        for how, place in places(copy.done.calls):
            seen.points += 1
            lab.reset()
            job = lab.job()
            done = lab.extract(job, do=how, fs=fs, **place)
            if not done.killed:
                continue
            seen.look(lab, job, done, total)
            flagged(lab.server.store)
            before = lab.sources()
            again = lab.extract(job, fs=fs)
            said = len(t.failures)
            t.equal(again.code, lab.code, "exit code of the next run")
            complete(t, lab, job)
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


def twice(make, places):
    """Killed, and killed again while it recovers."""
    def test(t):
        lab = make(t)
        copy = lab.undisturbed()
        total, both = len(copy.done.calls), places(copy.done.calls)
        rng = random.Random(11)
        twice_killed = 0
        for how, place in both:
            job = lab.job()
            first = lab.extract(job, do=how, **place)
            second = lab.extract(job, do=rng.choice(HOWS), at=rng.randrange(1, total))
            twice_killed += first.killed and second.killed
            lab.resume(copy, job, f"{how} {first.struck}, then at {second.struck}")
        t.note(f"{twice_killed} times")
        t.ok(twice_killed >= len(both) // 5, "it was killed twice in a row", twice_killed)
    return test


EXT4 = shim.EXT4, "one sync for all"
OVERLAY = shim.OVERLAY, "each file synced"


def only(how, kind):
    """More places for the format that is used most."""
    return lambda calls: few(calls, f"{kind} {how}", POINTS, hows=(how,))


def some(kind, *how, **more):
    return lambda calls: few(calls, kind, *how, **more)


def of(form):
    return lambda t: Lab(t, form)


def of_large(form):
    """The server can tell what has changed, and the folder is worth to be asked for that alone."""
    def make(t):
        lab = Lab(t, form, Server(large(), tls="implicit", caps=DEFAULT_CAPS + " QRESYNC"))
        lab.mailbox = large
        return lab
    return make


def of_labels(t):
    """Messages lie in several folders: their files are linked, not read again."""
    lab = Lab(t, MAILDIR, Gmail(labelled(20), tls="implicit"))
    lab.mailbox = lambda: labelled(20)
    return lab


def of_maildir():
    found = []
    for how in HOWS:
        for fs, words in (EXT4, OVERLAY):
            found.append((f"first run, {how}, {words}", first_run(Lab, only(how, f"first {fs}"), fs)))
            found.append((f"second run, {how}, {words}", second_run(Lab, only(how, f"second {fs}"), fs)))
        found.append((f"UIDVALIDITY changes, {how}",
                      second_run(Lab, only(how, "renumbered"), shim.EXT4, renumber, 1)))
    for fs, words in (EXT4, OVERLAY):
        found.append((f"killed, then the server changes, {words}",
                      server_changes(Lab, only("kill-before", f"changes {fs}"), fs)))
    # Where reading sets \Seen for good, no kill leaves a flag changed on the source.
    for how in ("kill-before", "kill-half"):
        found.append((f"flags owed to the source, {how}",
                      first_run(Lab.banyan, only(how, "banyan"), shim.EXT4)))
    found.append(("labels", first_run(of_labels, some("labels", 16), shim.EXT4)))
    found.append(("changes alone", second_run(
        of_large(MAILDIR), some("changes alone", 12), shim.EXT4, change_large)))
    found.append(("killed after a line of the server", after_lines(Lab)))
    found.append(("killed after a line, flags owed", after_lines(Lab.banyan)))
    found.append(("killed at random times", at_random))
    found.append(("killed twice in a row", twice(Lab, only("kill-before", "twice"))))
    return found


def of_others():
    """Between them the first runs of a format are killed at each kind of call."""
    found = []
    for form in (MBOX, EML, EXCHANGE):
        make = of(form)
        for number, (fs, words) in enumerate((EXT4, OVERLAY)):
            found.append((f"{form}: first run, {words}", first_run(
                make, some(f"{form} first", 24, kinds=(number, 2)), fs)))
        found.append((f"{form}: second run", second_run(make, some(f"{form} second"), shim.EXT4)))
        found.append((f"{form}: UIDVALIDITY changes", second_run(
            make, some(f"{form} renumbered"), shim.OVERLAY, renumber, 1)))
        found.append((f"{form}: killed, then the server changes", server_changes(
            of(SOURCE) if form is EXCHANGE else make, some(f"{form} changes"), shim.EXT4)))
        found.append((f"{form}: killed twice in a row", twice(make, some(f"{form} twice"))))
    return found


def of_convert():
    found = []
    for number, (one, other) in enumerate(((MAILDIR, MBOX), (MAILDIR, SOURCE), (MBOX, EML))):
        words = f"{one} to {other}"
        make = converting(one, other)
        fs = (shim.EXT4, shim.OVERLAY)[number % 2]
        found.append((f"{words}: first run", first_run(make, some(words, 12), fs, 4)))
        found.append((f"{words}: second run", second_run(make, some(f"{words} second"), fs)))
        found.append((f"{words}: UIDVALIDITY changes",
                      second_run(make, some(f"{words} renumbered"), fs, renumber, 1)))
        found.append((f"{words}: killed twice in a row", twice(make, some(f"{words} twice"))))
    return found


def converting(one, other):
    return lambda t: Convert(t, one, other)


def tests():
    return of_maildir() + of_others() + of_convert()
