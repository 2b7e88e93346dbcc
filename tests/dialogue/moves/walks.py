"""Run after run while the source changes in all ways at once: each message is there, and not once more than it has
had folders; verify agrees."""

import random
from collections import defaultdict

from between import changes
from scene import *
from into import *

RUNS = 7
PLAIN = "IMAP4rev1 LITERAL+ NAMESPACE"
VERIFY = ["--insecure-plaintext", "--dest-insecure-plaintext"]
SELECTIONS = (["--unseen"], ["--skip-deleted"], ["--min-size", "300"], ["--max-size", "1000"], ["--since", "2009-01-01"],
              ["--search", "SEEN"], ["--before", "2011-01-01"], ["--folder", "INBOX"], ["--exclude", "Archive"], [])


def settled(t, m, lived, done):
    """What is at the destination, and that a further run sends nothing."""
    there = Counter(essence(x.raw) for f in m.dest.store for x in f)
    for folder in m.source.store:
        for x in folder:
            lived[x.raw].add((folder.name, folder.uidvalidity))
            t.must(1 <= there[essence(x.raw)] <= len(lived[x.raw]),
                   f"{folder.name} UID {x.uid} is there {there[essence(x.raw)]} times: {done}", lived[x.raw])
    check = t.imex("verify", m.job, m.dest.url(), *VERIFY, env={"IMEX_DEST_PASSWORD": DEST_PASSWORD})
    t.must(check.code in (0, 1), f"verify agrees: {done}", check.describe())
    mark = m.dest.transcript.mark()
    run = m.migrate()
    t.must(run.code in (0, 1), f"again: {done}", run.describe())
    t.never_sent(m.dest.transcript.since(mark), "APPEND")


def walk(t, seed, caps=None):
    rng, done, lived = random.Random(f"move {seed}"), [], defaultdict(set)
    m = Move(t, source_options={"caps": caps} if caps else {})
    t.must(m.migrate().code in (0, 1), "the first run")
    settled(t, m, lived, done)
    for number in range(RUNS):
        done.append(changes(m.source.store, rng, str(number)))
        run = m.migrate()
        t.must(run.code in (0, 1), f"the run ends well: {done}", run.describe())
        settled(t, m, lived, done)


def scene_with_all_capabilities(t):
    for seed in range(3):
        walk(t, seed)


def scene_with_ids(t):
    for seed in range(3, 5):
        walk(t, seed, DEFAULT_CAPS + " OBJECTID")


def scene_with_none(t):
    for seed in range(5, 7):
        walk(t, seed, PLAIN)


def scene_selected(t):
    """Each run selects something else, and the last one takes the rest."""
    for seed in range(7, 9):
        rng, done, lived = random.Random(f"move {seed}"), [], defaultdict(set)
        m = Move(t)
        for number in range(RUNS - 1):
            done.append(rng.choice(SELECTIONS))
            run = m.migrate(*done[-1])
            t.must(run.code in (0, 1), f"the run ends well: {done}", run.describe())
            for folder in m.source.store:
                for x in folder:
                    lived[x.raw].add((folder.name, folder.uidvalidity))
            done.append(changes(m.source.store, rng, str(number)))
        run = m.migrate()
        t.must(run.code in (0, 1), f"all: {done}", run.describe())
        settled(t, m, lived, done)
