"""A run over a list and its workers, which come, are interrupted and are killed at any moment."""

import os
import signal
import sqlite3
import time

import imexrun
import people
from scene import Job
from wire import Pause

TAP_HELPER = True
ROUNDS = 20
ACCOUNTS, MESSAGES, PROCESSES, PER_HOST, CHANGES = 24, 30, 4, 5, 12
# -2: the signal came before imex had set up its way to end.
ENDS = (0, 75, -signal.SIGKILL, -signal.SIGINT)


class Shared:
    def __init__(self, t, rng):
        self.t, self.rng, self.job = t, rng, Job(t)
        self.server = t.serve(people.house(people.people("a", ACCOUNTS, count=MESSAGES)))
        self.server.fetch(item="BODY", reply=lambda f: [f.value[:9], Pause(0.03), f.value[9:]])
        self.list = people.listed(t, self.server)
        self.runs = [self.start("extract", "--to", self.job, "--per-host", str(PER_HOST), "--connections", "1",
                                "--retry-delay", "100ms", *t.options(self.server))]

    def start(self, command, *words):
        return imexrun.start(self.t, command, *words, "--users", self.list, "--jobs", "2", password=None, timeout=200)

    def worker(self):
        return self.start("worker", self.job)

    def change(self):
        """One process may end, and one may come."""
        live = [run for run in self.runs if run.process.poll() is None]
        if live and self.rng.random() < 0.5:
            self.rng.choice(live).signal(self.rng.choice((signal.SIGKILL, signal.SIGINT)))
        if len(live) < PROCESSES:
            self.runs.append(self.worker())

    def nothing_is_left(self):
        with sqlite3.connect(os.path.join(self.job.path, "imex.db")) as db:
            left = [db.execute(f"SELECT count(*) FROM {what}").fetchone()[0]
                    for what in ("process", "place", "account WHERE owner<>0")]
        self.t.equal(left, [0, 0, 0], "processes, places and claims that are left")

    def play(self):
        self.t.must(self.t.until(lambda: self.server.logins), "it has begun")
        for _ in range(CHANGES):
            time.sleep(self.rng.random() * 1.2)
            self.change()
        last = self.worker()
        for run in self.runs:
            self.t.within(run.wait().code, ENDS, f"exit code: {run.describe()}")
        self.t.exits(last.wait(), 0)
        people.whole(self.t, self.job, self.server)
        self.t.no_doubles(self.job)
        self.t.within(self.server.peak, range(1, PER_HOST + 1), "most connections at once")
        self.t.exits(self.t.imex("verify", self.job, password=None), 0)
        self.nothing_is_left()


def shared(t, rng, rounds):
    for _ in range(rounds):
        Shared(t, rng).play()
