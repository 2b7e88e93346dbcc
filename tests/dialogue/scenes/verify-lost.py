"""verify goes on behind a folder that is lost: it is one difference, and what is wrong elsewhere is told as well."""

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


def damage(where, form):
    """One file of a folder is gone."""
    for here, _, names in sorted(os.walk(where)):
        for name in sorted(names):
            if name.endswith({"maildir": ":2,", "eml": ".eml", "mbox": "folder.mbox"}.get(form, "none")):
                os.remove(os.path.join(here, name))
                return


def verified(t, job, *says):
    run = t.imex("verify", job)
    t.exits(run, 2)
    for what in says:
        t.says(run, what)
    run = t.imex("verify", job, "--json")
    t.exits(run, 2)
    kinds = [(d["account"], d["kind"]) for d in json.loads(run.out)["differences"]]
    t.ok(len(kinds) >= len(says), "all are in the JSON", kinds)


def scene_a_folder(t):
    for form in FORMATS:
        job, (first, second) = two_accounts(t, form)
        damage(second, form)
        more = [] if form == "exchange" else [r"DIFFERENT  a2 INBOX"]
        shutil.rmtree(os.path.join(first, "cur" if form == "maildir" else "INBOX"))
        verified(t, job, r"DIFFERENT  a1 INBOX: file missing: \d+ messages?: ", *more)


def scene_a_sidecar(t):
    for form in ("mbox", "eml", "exchange"):
        job, (first, _) = two_accounts(t, form)
        os.remove(os.path.join(first, "INBOX", "folder.jsonl"))
        verified(t, job, r"DIFFERENT  a1 INBOX: file missing: \d+ messages?: no sidecar")


def scene_a_packing_list(t):
    """All accounts of a set need it."""
    job, _ = two_accounts(t, "exchange")
    for name in os.listdir(job.mail):
        if name.endswith(".PKL"):
            os.remove(os.path.join(job.mail, name))
    verified(t, job, *(rf"DIFFERENT  a{i}: file missing: \d+ messages?: .*packing list" for i in (1, 2)))
