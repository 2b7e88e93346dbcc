"""imex killed while it takes over folders that were renamed on the source: record and directory agree
again in the next run, whatever the folder is called by then."""

import shim
from forms import EML, MAILDIR
from kill import killed_at
from lab import Lab
from plan import HOWS, each

POINTS = 24


def rename(store):
    """A folder and what is below it, and one with a name of its own."""
    store.rename("Archive", "Old mail")
    store.rename("Entw&APw-rfe", "Drafts")


def early(calls):
    """Places in the first calls: the folders are taken over before anything else is done."""
    last = next((n for n, c in enumerate(calls) if c.path.endswith("subscriptions")), len(calls))
    return [(how, {"at": n}) for how in HOWS for n in each(last, how, POINTS)]


def killed(form):
    def test(t):
        lab = Lab(t, form)
        copy = lab.undisturbed(rename, 1)
        seen = killed_at(t, lab, copy, early(copy.done.calls), shim.EXT4, lab.changed)
        t.ok(seen.kills > len(HOWS) * 5, f"it was killed: {seen}")
    return test


def killed_and_back(t):
    """By the next run the folders are called as at first."""
    lab = Lab(t, MAILDIR)
    copy = lab.undisturbed(rename, 1)
    for how, place in early(copy.done.calls):
        job = lab.changed()
        done = lab.extract(job, do=how, **place)
        lab.reset()
        again = lab.extract(job)
        t.within(again.code, (0, 1), f"{how} {done.struck or place}: exit code {again}")
        t.equal(lab.form.sound(job), [], "an independent reader finds all of it, once")
        checked = lab.imex("verify", job)
        t.equal(checked.code, 0, f"{how} {done.struck or place}: verify {checked}")


def tests():
    return [("folders renamed, Maildir: killed", killed(MAILDIR)),
            ("folders renamed, Maildir: killed, and renamed back", killed_and_back),
            ("folders renamed, eml: killed", killed(EML))]
