"""Run after run while the mailbox changes in all ways at once: each run is complete, and verify agrees."""

import random
from collections import Counter

from between import changes
from scene import *

RUNS = 7
PLAIN = "LITERAL+ NAMESPACE"
SELECTIONS = (["--unseen"], ["--skip-deleted"], ["--min-size", "300"], ["--max-size", "1000"], ["--since", "2009-01-01"],
              ["--search", "SEEN"], ["--search", "NOT FLAGGED"], ["--before", "2011-01-01"], ["--folder", "INBOX"],
              ["--exclude", "Archive"], ["--subscribed"], [])


def walk(t, seed, form):
    rng, store, done = random.Random(f"{form} {seed}"), sample(("INBOX", "Archive", "Archive/2003"), 4), []
    server = t.server(store, **({"caps": PLAIN} if seed % 2 else {}))
    job, run = t.extract(server, "--format", form)
    for number in range(RUNS):
        done.append(changes(store, rng, str(number)))
        job, run = t.extract(server, job=job)
        t.must(run.code in (0, 1), f"the run ends well: {done}", run.describe())
        check = t.imex("verify", job, server.url(), *t.options(server))
        t.must(check.code in (0, 1), f"verify agrees: {done}", check.describe())
        if form == "maildir":
            have = Counter(m.wire for m in t.mails(job))
            t.must(all(have[m.raw] for f in store for m in f), f"all is there: {done}")
        mark = server.transcript.mark()
        job, run = t.extract(server, job=job)
        t.must(run.code in (0, 1), f"again: {done}", run.describe())
        t.no_bodies(server.transcript.since(mark))


def walk_selected(t, seed, form):
    """Each run selects something else; the last one takes the rest, and nothing twice."""
    rng, store, done = random.Random(f"{form} {seed}"), sample(("INBOX", "Archive", "Archive/2003"), 8), []
    server = t.server(store, **({"caps": PLAIN} if seed % 2 else {}))
    job = Job(t)
    for number in range(RUNS):
        words = rng.choice(SELECTIONS) if number < RUNS - 1 else []
        done.append(words)
        _, run = t.extract(server, *(() if number else ("--format", form)), *words, job=job)
        t.must(run.code in (0, 1), f"the run ends well: {done}", run.describe())
        check = t.imex("verify", job, server.url(), *t.options(server))
        t.must(check.code in (0, 1), f"verify agrees: {done}", check.describe())
        if number < RUNS - 2:
            done.append(changes(store, rng, str(number)))
    left = [f["name"] for f in job.report()["accounts"][0]["folders"] if f.get("excluded") and not f.get("vanished")]
    t.must(left == [], f"nothing is left out: {done}", left)
    if form == "maildir":
        have = Counter(m.wire for m in t.mails(job))
        t.must(all(have[m.raw] for f in store for m in f), f"all is there: {done}")
        t.no_doubles(job)
    mark = server.transcript.mark()
    _, run = t.extract(server, job=job)
    t.must(run.code in (0, 1), f"again: {done}", run.describe())
    t.no_bodies(server.transcript.since(mark))


def scene_selected(t):
    for seed in range(2):
        for form in ("maildir", "mbox", "eml", "exchange"):
            walk_selected(t, seed, form)


def scene_selected_and_renumbered(t):
    """Of the old UIDVALIDITY only what was left out is still there; no sidecar tells of it."""
    for form in ("maildir", "mbox", "eml", "exchange"):
        server = t.server(sample(("INBOX",), 8))
        job, run = t.extract(server, "--format", form, "--min-size", "350")
        t.exits(run, 0, 1)
        server.store["INBOX"].renumber(1800000001, 7)
        for words in (["--search", "SEEN"], []):
            t.exits(t.extract(server, *words, job=job)[1], 0, 1)
            t.exits(t.imex("verify", job, server.url(), *t.options(server)), 0, 1)


def scene_maildir(t):
    for seed in range(3):
        walk(t, seed, "maildir")


def scene_mbox(t):
    for seed in range(3):
        walk(t, seed, "mbox")


def scene_eml(t):
    for seed in range(2):
        walk(t, seed, "eml")


def scene_exchange(t):
    for seed in range(2):
        walk(t, seed, "exchange")


def scene_renamed_and_made_again(t):
    """A folder that kept the directory of its old name goes on there when its UIDVALIDITY changes."""
    server = t.server(sample(("INBOX", "Archive"), 4))
    job, run = t.extract(server, "--format", "mbox")
    t.exits(run, 0)
    for what in (lambda s: s["Archive"].renumber(1700001014), lambda s: s.rename("Archive", "Files"),
                 lambda s: s["Files"].renumber(1700002014, 9)):
        what(server.store)
        job, run = t.extract(server, job=job)
        t.exits(run, 0, 1)
        t.exits(t.imex("verify", job, server.url(), *t.options(server)), 0)
    t.ok("Files" not in os.listdir(t.account_dir(job)), "its directory", os.listdir(t.account_dir(job)))
