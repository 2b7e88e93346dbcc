"""The power is cut at each sync: what was synced is there, of the rest anything may be missing.

imex is killed before a sync, its calls are repeated by the model of a disk
(disk.py), the directory is made what a power cut might have left, and the same
command again must end in the undisturbed copy (rules.md 4.5). Rows whose commit
was durable must still be there: a cut repeats one batch at most.
"""

import os
import random
import shutil

import disk
import lab as lib
import shim
from disk import Disk, Now
from forms import EML, EXCHANGE, MAILDIR, MBOX, SOURCE
from lab import Convert, Lab, change, renumber
from plan import each, few_syncs
from renaming import rename

FEW = 6
_STATE = ("job/imex.db", "job/imex.db-wal", "job/imex.db-journal")


def syncs(calls):
    """The numbers of the calls before which the power may be cut; the end of the run too."""
    return [c.number for c in calls if c.op in (shim.SYNC, shim.SYNC_ALL)]


def durable_rows(begin, calls, place):
    """The rows that the state held when its log was synced last."""
    last = max((i for i, c in enumerate(calls) if c.op == shim.SYNC and not c.struck
                and c.path in ("job/imex.db-wal", "job/imex.db")), default=None)
    if last is None:
        return set()
    model = begin().play(calls[:last + 1])
    look = os.path.join(place, "durable")
    os.makedirs(look)
    for path, entry in model.view(Now()).items():
        if path in _STATE:
            with open(os.path.join(look, os.path.basename(path)), "wb") as file:
                file.write(entry[1])
    rows = lib.committed(look)
    shutil.rmtree(look)
    return rows


class Seen:
    def __init__(self):
        self.cuts = self.lost = self.partly = self.undecided = 0

    def __str__(self):
        return f"{self.cuts} cuts, {self.lost} lost something, {self.partly} with a part " \
            f"committed, {self.undecided} between sync and commit"


def fresh(lab, fs):
    """A job that is not there, and the disk it is not on."""
    return lab.job(), Disk


def second(lab, fs):
    """A whole job, all of it on the disk; the server has changes."""
    job = lab.changed(fs=fs)
    return job, Disk().load(os.path.dirname(job)).copy


def killed(lab, fs):
    """A job that was killed: all is as it was, but what was not synced is not safe.

    Killed anywhere, or where a run could take a thing for done that is not safe: between the
    making of a directory and its sync, and when all is in its place before the last barrier.
    """
    calls = lab.first_calls
    made = [c.number for before, c in zip(calls, calls[1:])
            if before.op == shim.MKDIR and c.op == shim.SYNC]
    placed = [c.number + 1 for c in calls if lab.form.placing(c)][-3:]
    anywhere = [lab.rng.randrange(60, len(calls))]
    job = lab.job()
    done = lab.extract(job, do="kill-before", at=lab.rng.choice(
        lab.rng.choice((made, placed, anywhere))), fs=fs, data=True)
    return job, Disk().play(done.calls).copy


def cut(t, lab, copy, where, loss, fs, seen, begun):
    """One power cut before the call at a place, and the run after it."""
    job, begin = begun(lab, fs)
    place = os.path.dirname(job)
    done = lab.extract(job, do="kill-before", fs=fs, data=True, **where)
    if not done.killed:
        t.ok("like" in where or where["at"] > len(copy.done.calls) * 0.8 or begun is killed,
             "it was not killed", done)
        return
    number = done.struck.number
    what = f"power cut before {done.struck}: {loss}"
    calls = done.calls
    model = begin().play(calls)
    t.equal(model.strange, [], "the model knows every call")
    rows = durable_rows(begin, calls, lab.place)
    view = model.view(disk.LOSSES[loss](random.Random(number), model))
    seen.cuts += 1
    lib.STRUCK.count("power cuts")
    seen.lost += {p: e and e[1] for p, e in view.items()} != \
        {p: e and e[1] for p, e in model.view(Now()).items()}
    seen.undecided += bool(lab.form.visible(job) - rows)
    seen.partly += bool(rows)
    disk.put(model, view, place)
    if rows:
        missing = rows - lib.committed(job)
        t.ok(not missing, f"{what}: durable rows are there", missing)
    if os.environ.get("KEEP") == "1":
        shutil.copytree(place, os.path.join(lab.place, f"cut-{number}"))
    lab.resume(copy, job, what, fs=fs)


def later(change, loss, fs, form=MAILDIR, most=None):
    """Cuts in a run that finds a change that is a warning, and has names to change more than mail to store."""
    def test(t):
        lab = Lab(t, form)
        lab.rng = random.Random(loss + fs)
        copy = lab.undisturbed(change, 1, fs=fs)
        seen, points = Seen(), syncs(copy.done.calls)
        for index in each(len(points), loss, most):
            cut(t, lab, copy, {"at": points[index - 1]}, loss, fs, seen, second)
        t.note(str(seen))
        t.ok(seen.cuts > 2 and seen.lost > 0, f"power was cut, and something was lost: {seen}")
    return test


def cuts(loss, fs, begun, make=Lab, most=None):
    """most: so many cuts by default."""
    def test(t):
        lab = make(t)
        lab.rng = random.Random(loss + fs)
        copy = lab.undisturbed(change if begun is second else None, fs=fs)
        lab.first_calls = copy.done.calls
        seen = Seen()
        calls = copy.done.calls
        points = few_syncs(calls, loss, most) if most else \
            [{"at": syncs(calls)[index - 1]} for index in each(len(syncs(calls)), loss)]
        for where in points:
            cut(t, lab, copy, where, loss, fs, seen, begun)
        t.note(str(seen))
        wanted = len(points)
        # After a kill there is less to do, and a part of the numbers does not come.
        t.ok(seen.cuts >= wanted * (0.2 if begun is killed else 0.8) > 1, f"cuts: {seen}")
        t.ok(seen.partly >= wanted // (12 if begun is killed else 5), f"also when a part was committed: {seen}")
        # Where one sync covers many files, and a commit may wait for the next, few cuts take anything.
        t.ok(seen.lost >= max(1, seen.cuts // 10), f"and something was lost: {seen}")
        # With one sync for all that time is short.
        t.ok(seen.undecided >= min(1, wanted // (10 if fs == shim.OVERLAY else 20)) or begun is killed,
             f"also between sync and commit: {seen}")
    return test


def labs(t):
    return [(Lab(t, form), fs) for form in (MAILDIR, MBOX, EML, EXCHANGE)
            for fs in (shim.EXT4, shim.OVERLAY)]


def the_model_repeats(t):
    """All calls repeated give the very directory: the shim sees everything, the model all of it."""
    for lab, fs in labs(t):
        job = lab.job()
        done = lab.extract(job, fs=fs, data=True)
        t.equal(done.code, lab.code, "imex succeeds")
        model = Disk().play(done.calls)
        t.equal(model.strange, [], "the model knows every call")
        want = {p: e and e[0] for p, e in disk.read(os.path.dirname(job)).items()}
        got = {p: e and e[1] for p, e in model.view(Now()).items()}
        differing = sorted(p for p in want.keys() | got.keys() if want.get(p, 0) != got.get(p, 0))
        t.equal(differing, [], f"{lab.form}: files that differ from what the model says")
        t.ok(len(done.calls) > 200, f"{len(done.calls)} calls")


def the_end_is_durable(t):
    """When imex has ended, nothing that it said is stored can be lost."""
    for lab, fs in labs(t):
        job = lab.job()
        done = lab.extract(job, fs=fs, data=True)
        model = Disk().play(done.calls)
        now, safe = model.view(Now()), model.view(disk.Nothing())
        gone = sorted(p for p in now if p.startswith("job/mail/") and
                      (p not in safe or (now[p] or [0, 0])[1:] != (safe[p] or [0, 0])[1:]))
        t.equal(gone, [], f"{lab.form}: what a power cut after the end would take of mail/")


def tests():
    found = [("the model of a disk repeats a run", the_model_repeats),
             ("what is complete is durable", the_end_is_durable)]
    for words, begun, losses in (
            ("power cut", fresh, disk.LOSSES),
            ("power cut in a second run", second, ("nothing after the sync", "any mixture")),
            ("power cut after a kill", killed, ("nothing after the sync", "any mixture"))):
        for loss in losses:
            for fs, how in ((shim.EXT4, "one sync for all"), (shim.OVERLAY, "each file synced")):
                found.append((f"{words}, {loss}, {how}", cuts(loss, fs, begun)))
    for change, words in ((renumber, "UIDVALIDITY changes"), (rename, "folders renamed")):
        for loss, fs in (("nothing after the sync", shim.EXT4), ("any mixture", shim.OVERLAY)):
            found.append((f"power cut, {words}, {loss}", later(change, loss, fs)))
    found.append(("eml: power cut, UIDVALIDITY changes, any mixture",
                  later(renumber, "any mixture", shim.OVERLAY, EML, FEW)))
    return found + of_others()


def of_others():
    """Few cuts of each format; which barrier goes with which loss is all the same."""
    found = []
    for form in (MBOX, EML, EXCHANGE):
        def make(t, form=form):
            return Lab(t, form)
        for number, (words, begun, loss) in enumerate((
                ("power cut", fresh, "nothing after the sync"),
                ("power cut", fresh, "any mixture"),
                ("power cut", fresh, "sizes without data"),
                ("power cut in a second run", second, "any mixture"),
                ("power cut after a kill", killed, "all up to a moment"),
                ("power cut after a kill", killed, "any mixture"))):
            fs = (shim.EXT4, shim.OVERLAY)[number % 2]
            found.append((f"{form}: {words}, {loss}", cuts(loss, fs, begun, make, FEW)))
    for one, other in ((MAILDIR, MBOX), (MAILDIR, SOURCE), (MBOX, EML)):
        def converting(t, one=one, other=other):
            return Convert(t, one, other)
        found.append((f"{one} to {other}: power cut", cuts("any mixture", shim.OVERLAY, fresh,
                                                           converting, FEW)))
    return found
