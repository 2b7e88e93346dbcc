"""A backup of the state is put back over a job that has gone on since: what was stored since is taken up
again, also what the server does not have any more, and nothing is stored twice."""

import os
import shutil
import sqlite3

import foldernames
import formats
from lab import Lab, needs
from of_grown import counted


def put_back(job, backup, unclean):
    for name in ("imex.db", "imex.db-wal", "imex.db-shm"):
        path = os.path.join(job, name)
        if os.path.exists(path):
            os.unlink(path)
    shutil.copyfile(backup, os.path.join(job, "imex.db"))
    if unclean:                 # as if it had been made while a run was under way
        state = sqlite3.connect(os.path.join(job, "imex.db"))
        state.execute("UPDATE run SET ended_ms=NULL, exit_code=NULL")
        state.commit()
        state.close()


def mail(word):
    return formats.mail(f"{word}\r\nFrom here on\r\n", subject=word)


def gone_on(t, format, *args):
    """A job with a backup of before its newest messages; the server has lost one of these."""
    needs(t, format)
    lab = Lab(t, foldernames.small())
    job, backup = lab.extract(format, *args), lab.path("backup.db")
    run = lab.imex("job", job, "backup", backup)
    t.must(run.code == 0, "the backup is made", run.describe())
    lab.store["INBOX"].add(mail("gone soon"), ("\\Seen",))
    lab.store["INBOX"].add(mail("stays"), ("\\Flagged",))
    foldernames.deliver(lab.store.add("Fresh"), formats.specimens(formats.priorities)[:2])
    lab.extract(format, *args, job=job)
    first = lab.store["INBOX"].messages[-2]
    t.must(b"gone soon" in first.raw, "the message that goes")
    lab.store["INBOX"].remove(first.uid)
    lab.store["INBOX"].add(mail("later"))
    return lab, job, backup


def put_back_over(t, format, unclean, *args):
    what = f"{format}, {'unclean' if unclean else 'clean'}"
    lab, job, backup = gone_on(t, format, *args)
    before, told = counted(t, lab, job, format), lab.content(job, format)
    put_back(job, backup, unclean)
    for again in range(3):
        lab.extract(format, *args, job=job)
        want = before + type(before)([mail("later")])
        got = counted(t, lab, job, format)
        t.ok(got == want, f"{what}, run {again}: each message is in the files once",
             *[f"{n} {w[:70]!r}" for w, n in (got - want).items()], *[f"lacks {w[:70]!r}" for w in want - got])
        now = lab.content(job, format)
        t.equal({name: set(f.messages) - set(now[name].messages) for name, f in told.items()},
                {name: set() for name in told}, f"{what}, run {again}: the sidecars tell of them")
        lab.verifies(job, what=f"{what}, run {again}: verify")
        report = lab.report(job)["accounts"][0]
        t.ok(not report.get("warnings"), f"{what}, run {again}: no warning", report.get("warnings"))


def test_a_backup_is_put_back(t):
    for format in ("maildir", "mbox", "eml"):
        for unclean in (False, True):
            put_back_over(t, format, unclean)


def test_a_backup_of_an_older_uidvalidity(t):
    for format in ("maildir", "mbox", "eml"):
        lab, job, backup = gone_on(t, format)
        lab.store["INBOX"].renumber(1800000001, 3)
        lab.extract(format, job=job)
        before = counted(t, lab, job, format)
        put_back(job, backup, True)
        lab.extract(format, job=job)
        t.ok(counted(t, lab, job, format) == before, f"{format}: each message is in the files once")
        lab.verifies(job, what=f"{format}: verify")


def test_a_selection_that_was_narrower_then(t):
    """The backup has rows of what was left out: it is stored since, and not again."""
    for format in ("maildir", "mbox", "eml"):
        needs(t, format)
        lab = Lab(t, foldernames.small())
        job, backup = lab.extract(format, "--since", "2030-01-01"), lab.path("backup.db")
        run = lab.imex("job", job, "backup", backup)
        t.must(run.code == 0, "the backup is made", run.describe())
        lab.extract(format, job=job)
        before, listed = counted(t, lab, job, format), len(lab.store["INBOX"])
        put_back(job, backup, False)
        lab.store["INBOX"].remove(lab.store["INBOX"].messages[0].uid)
        lab.extract(format, job=job)
        t.ok(counted(t, lab, job, format) == before, f"{format}: each message is in the files once")
        inbox, = (f for f in lab.report(job)["accounts"][0]["folders"] if f["name"] == "INBOX")
        t.equal((inbox["stored"], inbox["expunged"], inbox["excluded"]), (listed - 1, 1, 0), f"{format}: report")
        lab.verifies(job, what=f"{format}: verify")


def test_a_folder_that_was_made_anew(t):
    """The backup does not know the folder, and the source has another one of its name: what is stored stays."""
    for format in ("maildir", "mbox", "eml"):
        lab, job, backup = gone_on(t, format)
        before = counted(t, lab, job, format)
        put_back(job, backup, False)
        del lab.store.folders["Fresh"]
        lab.store.add("Fresh").uidvalidity = 1900000001
        for word in ("another", "third"):
            lab.store["Fresh"].add(mail(word))
            lab.run_extract(format, job=job)
        want = before + type(before)([mail("later"), mail("another"), mail("third")])
        t.ok(counted(t, lab, job, format) == want, f"{format}: each message is in the files once")
        lab.verifies(job, what=f"{format}: verify")
        report = lab.report(job)["accounts"][0]
        t.equal(sorted((f["stored"], f["vanished"]) for f in report["folders"] if f["name"] == "Fresh"),
                [(2, False), (2, True)], f"{format}: report")


def test_folders_that_the_source_has_lost(t):
    """One that the backup does not know, one that it does, and one that is left out now: their messages get rows."""
    for format in ("maildir", "mbox", "eml"):
        needs(t, format)
        lab = Lab(t, foldernames.small())
        for name in ("Known", "Left"):
            lab.store.add(name).add(mail(f"{name} of before"))
        job, backup = lab.extract(format), lab.path("backup.db")
        run = lab.imex("job", job, "backup", backup)
        t.must(run.code == 0, "the backup is made", run.describe())
        for name in ("Known", "Left", "Fresh", "Fresh/Below"):
            folder = lab.store[name] if name in lab.store.folders else lab.store.add(name)
            folder.add(mail(f"{name} since"), ("\\Flagged",))
        lab.store.add("None")
        lab.extract(format, job=job)
        before = counted(t, lab, job, format)
        put_back(job, backup, False)
        for name in ("Known", "Fresh", "Fresh/Below", "None"):
            del lab.store.folders[name]
        for again in range(2):
            lab.extract(format, "--exclude", "Left", job=job)
            t.ok(counted(t, lab, job, format) == before, f"{format}, {again}: each message is in the files once")
            report = lab.report(job)["accounts"][0]
            got = {f["name"]: (f["stored"], f["vanished"]) for f in report["folders"]}
            t.equal({name: got.get(name) for name in ("Known", "Fresh", "Fresh/Below", "Left", "None")},
                    {"Known": (2, True), "Fresh": (1, True), "Fresh/Below": (1, True), "Left": (2, False), "None": None},
                    f"{format}, {again}: report")
            lab.verifies(job, what=f"{format}, {again}: verify")
        with open(os.path.join(job, "events.jsonl"), encoding="utf-8") as file:
            told = [line for line in file if '"event":30050' in line and "of this folder" in line]
        t.equal(len(told), 4, f"{format}: told once each")
        # They are there again, and not stored again.
        for name in ("Fresh", "Known"):
            lab.store.add(name).add(mail("another"))
        lab.extract(format, job=job)
        want = before + type(before)([mail("another")] * 2)
        t.ok(counted(t, lab, job, format) == want, f"{format}: when they are made anew")
        lab.verifies(job, what=f"{format}: verify")


def test_put_back_again(t):
    for format in ("maildir", "mbox", "eml"):
        lab, job, backup = gone_on(t, format)
        want = counted(t, lab, job, format) + type(counted(t, lab, job, format))([mail("later")])
        for again in range(3):
            put_back(job, backup, again == 1)
            lab.extract(format, job=job)
            t.ok(counted(t, lab, job, format) == want, f"{format}, {again}: each message is in the files once")
            lab.verifies(job, what=f"{format}, {again}: verify")


def test_what_is_torn_at_the_end(t):
    """The run after the backup was killed: what is not whole goes, and that alone."""
    for format in ("mbox", "eml", "maildir"):
        lab, job, backup = gone_on(t, format)
        before = counted(t, lab, job, format)
        inbox = lab.content(job, format)["INBOX"].directory
        put_back(job, backup, True)
        with open(os.path.join(inbox, "folder.jsonl"), "ab") as file:
            file.write(b'{"uid":99,"uidval')
        if format == "mbox":
            with open(os.path.join(inbox, "folder.mbox"), "ab") as file:
                file.write(b"From MAILER-DAEMON Thu Nov 26 10:00:00 2026\nSubject: half")
        lab.extract(format, job=job)
        want = before + type(before)([mail("later")])
        t.ok(counted(t, lab, job, format) == want, f"{format}: each message is in the files once")
        lab.verifies(job, what=f"{format}: verify")


def test_a_damaged_copy_is_fetched_again(t):
    for format in ("mbox", "eml", "maildir"):
        lab, job, backup = gone_on(t, format)
        inbox = lab.content(job, format)["INBOX"]
        kept, = (k for k in inbox.messages.values() if b"stays" in k.wire)
        with open(kept.path, "rb") as file:
            octets = file.read()
        with open(kept.path, "r+b") as file:
            file.write(octets.replace(b"Subject: stays", b"Subject: STAYS"))
        put_back(job, backup, True)
        lab.extract(format, job=job)
        wires = [k.wire for k in lab.content(job, format)["INBOX"].messages.values()]
        t.ok(mail("stays") in wires, f"{format}: the message is whole")


def test_an_exchange_set_that_has_gone_on_is_left(t):
    """A set cannot be gone on with from the middle: it is refused, and nothing is touched."""
    lab, job, backup = gone_on(t, "exchange", "--full-source")
    before = {name: os.path.getsize(os.path.join(job, "mail", name)) for name in os.listdir(os.path.join(job, "mail"))}
    put_back(job, backup, True)
    for _ in range(2):
        _, run = lab.run_extract("exchange", "--full-source", job=job)
        t.equal(run.code, 78, "exit code")
        t.matches(run.text, "backup", "it says why")
    after = {name: os.path.getsize(os.path.join(job, "mail", name)) for name in os.listdir(os.path.join(job, "mail"))}
    t.equal(after, before, "the files are as they were")


def test_an_exchange_set_that_has_not_gone_on(t):
    needs(t, "exchange")
    lab = Lab(t, foldernames.small())
    job, backup = lab.extract("exchange", "--full-source"), lab.path("backup.db")
    lab.imex("job", job, "backup", backup)
    put_back(job, backup, False)
    lab.store["INBOX"].add(mail("later"))
    for _ in range(2):
        lab.extract("exchange", "--full-source", job=job)
        lab.holds(job, "exchange")
        lab.verifies(job)
