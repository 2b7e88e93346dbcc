"""imex killed while it removes what the source has deleted (--mirror), from files and from a server: what
is gone is kept, octet for octet and listed; the next run ends as one that nothing has disturbed."""

import os

import shim
from forms import EML, MAILDIR
from lab import Lab
from model import Server
from moving import TRIES, Ground, Site
from plan import HOWS, each
from removing import kept, killed_in
from store import Store, fill

POINTS = int(os.environ.get("CRASH_POINTS", "4"))
MANY = 680      # of which more go than are removed together


def mailbox():
    store = Store()
    fill(store["INBOX"], MANY)
    fill(store.add("Archive"), 20)
    return store


def delete(store):
    for uid in range(1, MANY, 10):
        store["INBOX"].remove(uid)
    store["Archive"].remove(20)


class Files(Lab):
    def __init__(self, t, form):
        super().__init__(t, form, Server(mailbox(), tls="implicit"))
        self.mailbox = mailbox
        self.all = {(f.uidvalidity, m.uid): m.raw for f in mailbox() for m in f}

    def command(self, job, form=None):
        return [*super().command(job, form), "--mirror"]

    def unsaved(self, job):
        """Messages that are neither in the files nor kept."""
        there, saved = self.form.visible(job), set(kept(job))
        return [key for key, raw in self.all.items() if key not in there and raw not in saved]


def places_of(calls, form):
    """Some where messages are kept, and more where they go: behind what is kept together."""
    saves = [c.number for c in calls if "/removed" in c.path]
    goes = [c.number for c in calls if c.number > saves[0] and "/removed" not in c.path]
    return [(how, some[n - 1]) for how in HOWS for some, points in ((saves, 2), (goes, POINTS))
            for n in each(len(some), f"{form} {how}", points)]


def from_files(form, fs):
    def test(t):
        lab, kills = Files(t, form), 0
        copy = lab.undisturbed(delete, fs=fs)
        t.equal(len(kept(copy.job)), 69, "messages that are kept")
        places = places_of(copy.done.calls, form)
        for how, at in places:
            job = lab.changed(fs=fs)
            done = lab.extract(job, do=how, at=at, fs=fs)
            kills += done.killed
            t.equal(lab.unsaved(job), [], f"{how} {done.struck or at}: gone and not kept")
            lab.resume(copy, job, f"{how} {done.struck or at}", fs=fs)
        t.ok(kills >= len(places) * 0.7, "it was killed", kills, len(places))
    return test


class Moved(Site):
    """A move that is done, from a source of its own, which then deletes some."""

    def __init__(self, t, place, caps):
        store = Store()
        fill(store["INBOX"], 60)
        source = Server(store, tls=None, user="alice")
        source.start()
        super().__init__(t, source, place, caps)
        self.more = ()
        done = self.run()
        t.must(done.code in (0, 1), "the move works", done)
        self.gone = [store["INBOX"][uid].raw for uid in (1, 17, 18, 40, 60)]
        for raw in self.gone:
            store["INBOX"].remove(next(m.uid for m in store["INBOX"] if m.raw == raw))
        self.before = store.snapshot()
        self.more = ("--mirror",)

    def words(self):
        return [*super().words(), *self.more]

    def judge(self, tally, what):
        there = [m.raw for m in self.dest.store["INBOX"]]
        unsaved = [raw for raw in self.gone if raw not in there and raw not in kept(self.job)]
        for _ in range(TRIES):
            done = self.run()
            if done.code in (0, 1):
                break
        missing, doubled = self.counts(exact=True)
        tally.add(self.kills, 0, len(missing), len(doubled))
        self.t.ok(done.code in (0, 1) and not unsaved and not missing and not doubled, what, done,
                  f"gone and not kept: {unsaved}", f"missing: {missing}", f"still there: {doubled}")
        self.t.equal(sorted(set(kept(self.job))), sorted(self.gone), f"{what}: what is kept")

    def close(self):
        self.source.stop()
        super().close()


class Yard(Ground):
    def site(self):
        self._number += 1
        return Moved(self.t, os.path.join(self.place, str(self._number)), self.caps)


def from_a_server(t):
    killed_in(t, Yard(t, Store), "mirror", POINTS * 2)


def tests():
    return [("mirror, Maildir: killed", from_files(MAILDIR, shim.EXT4)),
            ("mirror, Maildir, each file synced: killed", from_files(MAILDIR, shim.OVERLAY)),
            ("mirror, eml: killed", from_files(EML, shim.EXT4)),
            ("mirror, into a server: killed", from_a_server)]
