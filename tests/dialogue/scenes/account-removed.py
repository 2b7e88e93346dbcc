"""What somebody removed from a job's directory is told by whoever reads the files: they are not all of it."""

import json
import shutil

from people import *
from scene import *

FORMATS = {"maildir": (), "mbox": (), "eml": (), "exchange": ("--full-source", "--smtp-address", "a@example.org")}


def two_accounts(t, form):
    server = t.serve(house(people("a", 2)))
    job = Job(t)
    t.exits(t.imex("extract", "--users", listed(t, server), "--to", job, "--format", form, *FORMATS[form], *ONE,
                   *t.options(server), password=None), 0, 1)
    return job, [os.path.join(job.mail, d) for d in sorted(job.account_dirs()) if "@" in d]


def converted(t, job, *says):
    copy = Job(t)
    run = t.imex("convert", job, "--to", copy, "--format", "maildir")
    t.exits(run, 2)
    for what in says:
        t.says(run, what)


def scene_an_account(t):
    for form in FORMATS:
        job, (_, second) = two_accounts(t, form)
        shutil.rmtree(second)
        converted(t, job, r"a2@\S+: its directory is gone, and \d+ messages with it")
        run = t.imex("verify", job)
        t.exits(run, 2)
        t.says(run, r"DIFFERENT  a2.*: file missing: \d+ messages?: ")
        run = t.imex("verify", job, "--json")
        t.ok("a2" in {d["account"] for d in json.loads(run.out)["differences"]}, f"{form}: whose files differ")


def scene_a_folder(t):
    """What an Exchange set has of it is there without its directory, too."""
    for form in FORMATS:
        server = t.server(sample(count=3))
        job, run = t.extract(server, "--format", form, *FORMATS[form])
        t.exits(run, 0, 1)
        here = os.path.join(job.mail, next(d for d in job.account_dirs() if "@" in d))
        shutil.rmtree(os.path.join(here, ".Sent" if form == "maildir" else "Sent"))
        if form == "exchange":
            t.exits(t.imex("convert", job, "--to", Job(t), "--format", "mbox"), 1)
            continue
        converted(t, job, r"1 of its folders is gone \('Sent'\), and 3 messages with it")
        copy = Job(t)
        t.exits(t.imex("convert", here, "--to", copy, "--format", "mbox"), 2)


def scene_nothing_is_missing(t):
    """Empty folders, and those that were left out, have nothing to lose."""
    for form in FORMATS:
        server = t.server(sample(count=3))
        server.store.add("Empty")
        server.store.add("Left")
        job, run = t.extract(server, "--format", form, "--exclude", "Left", *FORMATS[form])
        t.exits(run, 0, 1)
        t.within(t.imex("convert", job, "--to", Job(t), "--format", "maildir").code, (0, 1), f"{form}: exit code of convert")
