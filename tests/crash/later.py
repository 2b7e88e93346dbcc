"""Runs that follow: with nothing to do, behind a list that is written, and with files that another
program has changed meanwhile (rules.md 3.6, 3.8)."""

import json
import os
import re
import shutil
import signal

import shim
import trees
from forms import EML, EXCHANGE, MAILDIR, MBOX, SOURCE
from lab import Convert, Lab, committed
from plan import WAL, commits
from store import Store, imap_date

MAIL_OF_OTHERS = b"From anna@example.org Thu Nov 26 10:00:00 2026\nSubject: hello\n\nnew mail\n\n"


def nothing_new(make):
    """The second run and the third write nothing."""
    def test(t):
        lab = make(t)
        copy = lab.undisturbed()
        for again in ("second", "third"):
            done = lab.extract(copy.job)
            t.equal(done.code, lab.code, f"exit code of the {again} run: {done.err}")
            lab.same(copy, copy.job, f"the {again} run changes nothing")
    return test


def flags_alone(t):
    """Flags of a set are in its sidecars: no new set, however often they change."""
    lab = Lab(t, EXCHANGE)
    job = lab.undisturbed().job
    for word in ("once", "twice"):
        for folder in lab.server.store:
            for message in folder:
                folder.flag(message.uid, *(message.flags ^ {"\\Flagged"}))
        t.equal(lab.extract(job).code, lab.code, "exit code")
        t.equal(lab.form.lists(job), ["imex.PKL"], f"flags changed {word}")
    complete(t, lab, job)


def an_empty_account(t):
    """It has a set of its own, once."""
    lab = Lab(t, EXCHANGE)
    lab.server.store = Store()
    job = lab.job()
    for word in ("first", "second"):
        done = lab.extract(job)
        t.within(done.code, (0, 1), f"exit code of the {word} run")
        t.equal(lab.form.lists(job), ["imex.PKL"], f"lists after the {word} run")
        t.equal(lab.form.halted(job), [], "the set is whole")
    lab.server.store["INBOX"].add(b"Subject: first\r\n\r\nmail\r\n", (), imap_date(1200000000))
    t.equal(lab.extract(job).code, 1, "exit code when mail has come")
    t.equal(lab.form.lists(job), ["imex-2.PKL", "imex.PKL"], "it is in a second set")
    complete(t, lab, job)


def behind_the_list(t):
    """Killed when the list is written, and again with more mail: the list may not tell of half."""
    lab = Lab(t, SOURCE)
    lab.undisturbed()
    job = lab.job()
    done = lab.extract(job, do="kill-after", at=1, only=(shim.RENAME,), like="imex.PKL")
    t.must(done.killed, "it is killed behind its list", done)
    t.equal(lab.form.lists(job), ["imex.PKL"], "which is there")
    for number in range(3):
        lab.server.store["INBOX"].add(b"Subject: new\r\n\r\n" + b"mail\r\n" * 99, (),
                                      imap_date(1200000000 + number))
    done = lab.extract(job, do="kill-after", at=1, only=(shim.WRITE,), like=".PRI")
    t.must(done.killed, "the next run is killed when it has written more", done)
    t.equal(lab.form.lists(job), [], "no list tells of a set that is not whole")
    t.equal(lab.extract(job).code, lab.code, "exit code of the last run")
    t.equal(lab.form.lists(job), ["imex.PKL"], "one list in the end")
    complete(t, lab, job)


def complete(t, lab, job):
    t.equal(lab.form.sound(job), [], "an independent reader finds all of it, once")
    holds(t, lab, job)
    t.equal(lab.imex("verify", job).code, 0, "exit code of verify")


def holds(t, lab, job):
    content = trees.read(os.path.join(job, "mail"), lab.form.name)
    t.equal(trees.against_store(content, lab.server.store), [], "what the server has")


# -- mail that imex did not write ----------------------------------------------------------

class Foreign(Lab):
    """`imex convert` of an mbox file."""

    def __init__(self, t):
        super().__init__(t, MBOX)
        self.source = os.path.join(self.place, "mail.mbox")

    def command(self, job, form=None):
        return ["convert", self.source, "--to", job, *self.form.args]

    def put(self, *numbers):
        with open(self.source, "wb") as file:
            file.writelines(b"From a@example.org Thu Nov 26 10:00:00 2026\nSubject: %d\n\nmail\n\n" % n
                            for n in numbers)


def grown_twice(t):
    """Killed when a source that has grown is converted again, and then it grows by a message that is
    equal to one of before: each is in the file as often as in the source."""
    lab = Foreign(t)
    job, first, second, third = lab.job(), (1, 2, 3), (4, 1, 2, 3), (4, 1, 2, 3, 2)
    lab.put(*first)
    t.equal(lab.extract(job).code, 0, "exit code of the first run")
    lab.put(*second)
    kills = 0
    for at in range(1, 100):
        again = lab.job()
        shutil.copytree(job, again)
        lab.put(*second)
        if not lab.extract(again, do="kill-after", at=at, only=(shim.SYNC,), like=WAL).killed:
            break
        kills += 1
        lab.put(*third)
        t.within(lab.extract(again).code, (0, 1), f"kill {at}: exit code of the run after it")
        stored, = (octets(os.path.join(base, name)) for base, _, names in os.walk(os.path.join(again, "mail"))
                   for name in names if name == "folder.mbox")
        t.equal(sorted(int(n) for n in re.findall(rb"^Subject: (\d)$", stored, re.M)), sorted(third),
                f"kill {at}: messages in the file")
        t.equal(lab.imex("verify", again).code, 0, f"kill {at}: exit code of verify")
    t.ok(kills > 3, f"kills: {kills}")


# -- a state that was put back -------------------------------------------------------------

def put_back(t):
    """A backup is put back over an mbox that has gone on, and the run that finds it so is killed. A folder that the
    backup does not know is not on the server any more."""
    lab = Lab(t, MBOX)
    folder = lab.server.store["INBOX"]
    job, backup = lab.undisturbed().job, os.path.join(lab.place, "backup.db")
    t.equal(lab.imex("job", job, "backup", backup).code, 0, "the backup is made")
    for word in (b"gone soon", b"stays"):
        folder.add(b"Subject: " + word + b"\r\n\r\nmail\r\n", (), imap_date(1200000000))
    for number in range(3):
        (lab.server.store["Fresh"] if number else lab.server.store.add("Fresh")).add(b"Subject: %d\r\n\r\n" % number, (),
                                                                                    imap_date(1200000000))
    lab.extract(job)
    del lab.server.store.folders["Fresh"]
    folder.remove(folder.uidnext - 2)
    folder.add(b"Subject: later\r\n\r\nmail\r\n", (), imap_date(1200000000))
    want = octets(os.path.join(inbox(job), "folder.mbox"))
    kills = 0
    for only, like in (((shim.SYNC,), WAL), ((shim.TRUNCATE, shim.WRITE), "folder")):
        for at in range(1, 100):
            again = lab.job()
            shutil.copytree(job, again)
            for name in ("imex.db", "imex.db-wal", "imex.db-shm"):
                if os.path.exists(os.path.join(again, name)):
                    os.unlink(os.path.join(again, name))
            shutil.copyfile(backup, os.path.join(again, "imex.db"))
            if not lab.extract(again, do="kill-after", at=at, only=only, like=like).killed:
                break
            kills += 1
            t.equal(lab.extract(again).code, lab.code, f"kill {at} of {like}: exit code of the run after it")
            box = octets(os.path.join(inbox(again), "folder.mbox"))
            t.ok(box.startswith(want) and box.count(b"Subject: later") == 1 and
                 len(box) < len(want) + 150, f"kill {at} of {like}: it has what it had, and the new message once")
            stored = trees.read(os.path.join(again, "mail"), "mbox")["INBOX"].messages
            t.equal(sorted(stored), list(range(1, folder.uidnext)), f"kill {at} of {like}: the sidecar tells of all")
            t.equal(lab.imex("verify", again).code, 0, f"kill {at} of {like}: exit code of verify")
            report = json.loads(lab.imex("report", again, "--format", "json").out)["accounts"][0]["folders"]
            t.equal([(f["stored"], f["vanished"]) for f in report if f["name"] == "Fresh"], [(3, True)],
                    f"kill {at} of {like}: what the server has lost has its rows")
    t.ok(kills > 4, f"kills: {kills}")


# -- other programs ---------------------------------------------------------------------

def killed_with_a_part(lab):
    """A job with messages in INBOX that are committed, and others that are not."""
    calls = lab.extract(lab.job()).calls
    for at in commits(calls, shim.WRITE)[1:]:
        job = lab.job()
        done = lab.extract(job, do="kill-before", at=at, only=(shim.WRITE,), like=WAL)
        rows = committed(job)
        if done.killed and (1700000001, 1) in rows and lab.form.visible(job) - rows:
            return job
    lab.t.must(False, "a kill leaves a part committed")


def stopped_with_a_part(lab):
    """The same, with nothing in the files that is not committed: imex ended in good order."""
    lab.lines.arm(None)
    lab.extract(lab.job())
    total = lab.lines.count
    for part in (4, 5, 6, 7, 8, 9):
        job = lab.job()
        lab.lines.arm(total * part // 10, lambda: lab.victim.send_signal(signal.SIGINT))
        done = lab.extract(job)
        lab.lines.arm(None)
        if done.code == 75 and (1700000001, 1) in committed(job):
            return job
    lab.t.must(False, "a signal leaves a part committed")


def inbox(job):
    account, = (n for n in os.listdir(os.path.join(job, "mail")) if "@" in n)
    return os.path.join(job, "mail", account, "INBOX")


def append(path, octets):
    with open(path, "ab") as file:
        file.write(octets)


def octets(path):
    with open(path, "rb") as file:
        return file.read()


def delivered(begin):
    """Mail that another program delivers into folder.mbox is left, and imex goes on beside it."""
    def test(t):
        lab = Lab(t, MBOX)
        job = begin(lab)
        box = os.path.join(inbox(job), "folder.mbox")
        append(box, MAIL_OF_OTHERS)
        before = octets(box)
        # Once more it is killed when the new file is committed: the warning must not be lost.
        lab.server.store["INBOX"].add(b"Subject: new\r\n\r\nnew mail\r\n", (), imap_date(1200000000))
        lab.extract(job, do="kill-after", at=4, only=(shim.SYNC,), like=WAL)
        done = lab.extract(job)
        t.equal(done.code, 1, f"exit code: a warning {done}")
        t.equal(octets(box), before, "the file that was changed is left as it is")
        t.ok(os.path.exists(box + ".2"), "and another begun", os.listdir(inbox(job)))
        report = json.loads(lab.imex("report", job, "--format", "json").out)
        told = [w for w in report["accounts"][0]["warnings"] if "folder.mbox.2" in w["text"]]
        t.equal([w["folder"] for w in told], ["INBOX"], "the report tells of it")
        holds(t, lab, job)
        checked = lab.imex("verify", job)
        others = [line for line in checked.out.splitlines() if line.startswith("DIFFERENT")
                  and "file without a record: 'folder.mbox at " not in line]
        t.equal(others, [], f"what verify finds beside the mail of others: {checked}")
        t.within(lab.extract(job).code, (0, 1), "exit code of a run after it")
        t.equal(octets(box), before, "which leaves it too")
    return test


def set_changed(begin, name):
    """A set cannot go on in another file: imex says which was changed, and touches nothing."""
    def test(t):
        lab = Lab(t, SOURCE)
        job = begin(lab)
        path = os.path.join(job, "mail", name)
        before = octets(path)
        append(path, b"a line of mine\r\n")
        for _ in range(2):
            done = lab.extract(job)
            t.equal(done.code, 78, f"exit code: {done}")
            t.matches(done.err, name.replace(".", r"\.") + "' is not as imex left it", "the error")
        t.equal(octets(path), before + b"a line of mine\r\n", "the file is left as it is")
        t.equal(lab.form.lists(job), [], "there is no list")
        with open(path, "r+b") as file:
            file.truncate(len(before))
        t.equal(lab.extract(job).code, lab.code, "when it is put back, the run goes on")
        complete(t, lab, job)
    return test


def of(form):
    return lambda t: Lab(t, form)


def converting(one, other):
    return lambda t: Convert(t, one, other)


def tests():
    found = [(f"{form}: nothing new", nothing_new(of(form)))
             for form in (MAILDIR, MBOX, EML, EXCHANGE)]
    found += [(f"{one} to {other}: nothing new", nothing_new(converting(one, other)))
              for one, other in ((MAILDIR, MBOX), (MAILDIR, SOURCE), (MBOX, EML))]
    found += [("exchange: flags alone", flags_alone),
              ("exchange: an empty account", an_empty_account),
              ("exchange: behind the list", behind_the_list),
              ("mbox: a source of others grows twice", grown_twice),
              ("mbox: a backup is put back", put_back)]
    for begin, words in ((killed_with_a_part, "after a kill"),
                         (stopped_with_a_part, "after a signal")):
        found.append((f"mbox: mail delivered {words}", delivered(begin)))
        found.append((f"exchange: a line added {words}", set_changed(begin, "00000001.PRI")))
    found.append(("exchange: a record added after a signal",
                  set_changed(stopped_with_a_part, "00000001.SEC")))
    return found
