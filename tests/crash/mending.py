"""imex killed while verify notes that copies are lost, and while the next run brings them again: until they are
there verify names them, then all is as it was, each message once, and what lay in the place of one is kept."""

import os
import re
import shutil

import maildir
from damage import flip
from forms import EML, MAILDIR, MBOX
from lab import Copy, Lab
from plan import few

POINTS = 12
TRIES = 3


def mail_files(job):
    return sorted(os.path.join(base, name) for base, _, names in os.walk(os.path.join(job, "mail")) for name in names
                  if ".imex," in name or name.endswith(".eml") or name == "folder.mbox")


class Hurt:
    """Jobs with copies that are lost: of single files one is gone and one another; of an mbox a message is another."""

    def __init__(self, t, form):
        self.t = t
        self.lab = Lab(t, form)
        self.copy = self.lab.undisturbed()

    def job(self):
        job = self.lab.job()
        self.t.must(self.lab.extract(job).code == 0, "the copy is made")
        files = mail_files(job)
        if self.lab.form.apart:
            os.remove(files[1])
            return job, flip(files[4], 20)
        with open(files[0], "rb") as file:
            at = file.read().index(b"Subject: ") + 10
        flip(files[0], at)
        return job, None

    def verify(self, job, code, what, **how):
        done = self.lab.imex("verify", job, job=job, **how)
        if not done.killed:
            self.t.ok(done.code == code, f"{what}: verify ends with {code}", done)
        return done

    def mended(self, job, theirs, what):
        """Named as long as it is lost, and brought again."""
        for _ in range(TRIES):
            done = self.lab.extract(job)
            if done.code in (0, 1):
                break
        self.t.within(done.code, (0, 1), f"{what}: then the same command ends well")
        self.verify(job, 0, f"{what}: in the end")
        places = [os.path.join(base, name) for base, _, names in os.walk(os.path.join(job, "mail")) for name in names
                  if re.search(r"\.(damaged|kept|old)\d*$", name)]
        kept = []
        for path in places:
            with open(path, "rb") as file:
                kept.append(file.read())
        self.t.ok(theirs is None or theirs in kept, f"{what}: what lay there is kept", places)
        self.t.equal(self.lab.form.sound(job), [], f"{what}: an independent reader finds all of it, once")
        for path in places:
            os.remove(path)
        if self.lab.form.apart:
            self.same(job, what)
        shutil.rmtree(os.path.dirname(job))

    def same(self, job, what):
        """Lines of sidecars are told once more; files, names and dates are those of before."""
        def files(tree):
            return {path: of for path, of in tree.items() if "folder.jsonl" not in path and ".imex-tmp" not in path}
        self.t.equal(maildir.differences(files(self.copy.tree), files(Copy(self.lab, job, None).tree), ("then", "now")),
                     [], f"{what}: as it was")


def killed_in_verify(form):
    def test(t):
        hurt = Hurt(t, form)
        job, _ = hurt.job()
        calls = hurt.verify(job, 2, "undisturbed", do="count").calls
        kills = 0
        for how, place in few(calls, f"verify {form}", POINTS):
            job, theirs = hurt.job()
            done = hurt.verify(job, 2, f"{how} {place}", do=how, **place)
            kills += done.killed
            what = f"{how} {done.struck or place}"
            hurt.verify(job, 2, f"{what}: again")
            hurt.mended(job, theirs, what)
        t.ok(kills > POINTS // 2, f"it was killed {kills} times")
    return test


def killed_in_the_next_run(form):
    def test(t):
        hurt = Hurt(t, form)
        job, theirs = hurt.job()
        hurt.verify(job, 2, "undisturbed")
        calls = hurt.lab.extract(job, do="count").calls
        kills = 0
        for how, place in few(calls, f"mend {form}", POINTS):
            job, theirs = hurt.job()
            hurt.verify(job, 2, "before")
            done = hurt.lab.extract(job, do=how, **place)
            kills += done.killed
            hurt.mended(job, theirs, f"{how} {done.struck or place}")
        t.ok(kills > POINTS // 2, f"it was killed {kills} times")
    return test


def tests():
    return [(f"copies that are lost, {form}: {name}", make(form)) for form in (MAILDIR, EML, MBOX)
            for name, make in (("verify is killed", killed_in_verify), ("the next run is killed", killed_in_the_next_run))]
