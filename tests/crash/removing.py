"""imex killed while it removes what is extra on the destination (--delete-extra): what is gone there is
kept, octet for octet and listed; the next run removes the rest, and nothing else."""

import json
import os

import shim
from moving import POINTS, SENDS, TRIES, TURNS, Ground, Site, mailbox
from plan import each

STRANGERS = 5


def letters():
    return [b"Subject: stranger %d\r\n\r\nnobody knows me\r\n" % n for n in range(STRANGERS)]


def kept(job):
    """Octets that the list tells of and a file holds."""
    found, path = [], os.path.join(job, "removed.jsonl")
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file if line.endswith("\n")]
        for line in lines:
            with open(os.path.join(job, line["file"]), "rb") as file:
                found.append(file.read())
    return found


class Emptied(Site):
    """A move that is done; then mail of others comes to the destination."""

    def __init__(self, *args):
        super().__init__(*args)
        self.more = ()
        done = self.run()
        self.t.must(done.code in (0, 1), "the move works", done)
        for raw in letters():
            self.dest.store["INBOX"].add(raw)
        self.more = ("--delete-extra",)

    def words(self):
        return [*super().words(), *self.more]

    def unsaved(self):
        """Strangers that are neither there nor kept."""
        there, saved = [m.raw for m in self.dest.store["INBOX"]], kept(self.job)
        return [raw for raw in letters() if raw not in there and raw not in saved]

    def judge(self, tally, what):
        gone = self.unsaved()
        for _ in range(TRIES):
            done = self.run()
            if done.code in (0, 1):
                break
        missing, doubled = self.counts(exact=True)
        tally.add(self.kills, 0, len(missing), len(doubled))
        self.t.ok(done.code in (0, 1) and not gone and not missing and not doubled, what, done,
                  f"gone and not kept: {gone}", f"missing: {missing}", f"extra: {doubled}")
        self.t.equal(sorted(set(kept(self.job))), letters(), f"{what}: what is kept")


class Yard(Ground):
    def site(self):
        self._number += 1
        return Emptied(self.t, self.source, os.path.join(self.place, str(self._number)), self.caps)


def killed_in(t, yard, kind, points=POINTS):
    """From the first message on that is read to be kept."""
    _, calls = yard.undisturbed(do="count", data=True)
    calls = [c for c in calls if c.op in SENDS]
    first = next(n for n, c in enumerate(calls) if c.op == shim.SEND and b"RFC822.SIZE BODY" in c.data)

    def work(site, point):
        how, at = point
        done = site.run(do=how, at=at, only=SENDS, like="/")
        site.judge(yard.tally, f"{how} {done.struck or at}")
    places = [(how, first + n) for how in TURNS for n in each(len(calls) - first, f"{kind} {how}", points)]
    yard.all(work, places)
    t.ok(yard.tally.kills >= len(places) * 0.7, "it was killed", yard.tally)


def killed(t):
    killed_in(t, Yard(t, lambda: mailbox(60)), "extra")


def tests():
    return [("move: killed while extra messages are removed", killed)]
