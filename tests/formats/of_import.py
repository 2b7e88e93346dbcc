"""imex import DIR --dry-run: what a set holds, without a server."""

import os
import re

import example
import foldernames
import others
from lab import Lab, needs


def listed(t, lab, path, folders):
    """The dry run names each folder with its number of messages, and writes nothing."""
    before = sorted(os.listdir(os.path.dirname(path)))
    run = lab.imex("import", path, "--dry-run")
    t.equal(run.code, 0, "exit code")
    for name, count in folders.items():
        lines = [line for line in run.out.decode(errors="replace").splitlines() if name in line]
        t.ok(any(re.search(rf"\b{count}\b", line) for line in lines), f"{name}: {count}", run.describe())
    t.equal(sorted(os.listdir(os.path.dirname(path))), before, "nothing is made beside it")
    return run


def a_job(t, format):
    needs(t, "import", format)
    lab = Lab(t, foldernames.small())
    job = lab.extract(format)
    before = sorted(os.listdir(job))
    listed(t, lab, job, {"INBOX": len(lab.store["INBOX"]), "Archive/2003": len(lab.store["Archive/2003"]),
                         "Sent": 2})
    t.equal([n for n in sorted(os.listdir(job)) if n not in before and not n.startswith("imex.")], [],
            "nothing is made in it")


def test_a_maildir_job(t):
    a_job(t, "maildir")


def test_an_mbox_job(t):
    a_job(t, "mbox")


def test_an_eml_job(t):
    a_job(t, "eml")


def test_an_exchange_job(t):
    a_job(t, "exchange")


def test_the_worked_example(t):
    needs(t, "import")
    lab = Lab(t)
    path = lab.path("set")
    example.write(path)
    listed(t, lab, path, {"INBOX": 1, "Banyan": 1, "Drafts": 1})


def test_foreign_mail(t):
    needs(t, "import")
    lab = Lab(t)
    path = lab.path("foreign")
    others.maildirpp(path, {"": [(w, "S") for w in others.letters(3)], "Work": [(others.letters(1)[0], "")]})
    listed(t, lab, path, {"INBOX": 3, "Work": 1})


def test_a_damaged_set_is_told(t):
    needs(t, "import")
    lab = Lab(t)
    path = lab.path("set")
    example.write(path, example.SPOILT["a file that is not there"])
    run = lab.imex("import", path, "--dry-run")
    t.within(run.code, (2, 65), "exit code")
    t.ok("00000001.SEC" in run.text, "the file is named", run.describe())


def test_nothing_there(t):
    needs(t, "import")
    lab = Lab(t)
    run = lab.imex("import", lab.path("nothing"), "--dry-run")
    t.equal(run.code, 66, "exit code")
    run = lab.imex("import", lab.path("nothing"), "imaps://u@localhost/")
    t.equal(run.code, 66, "exit code with a destination and no --job")
