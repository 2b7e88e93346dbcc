"""imex worker: several processes share the accounts of a list, and one takes up what another has left."""

import json

from scene import *
from people import *
import imexrun

QUICK = ["--retry-delay", "100ms"]


class Shared:
    """A run over a list; the second message of some accounts stands at a gate, the first time it is fetched."""

    def __init__(self, t, number=12, held=("a1",), words=("--jobs", "1"), wrong=(), begin=True):
        self.t, self.job = t, Job(t)
        self.server = t.serve(house(people("a", number, count=4)))
        self.list = listed(t, self.server, wrong=wrong)
        self.gates = {user: Gate() for user in held}
        self._shut = dict(self.gates)
        self.server.fetch(uid=2, item="BODY", reply=self._answer)
        if begin:
            self.owner = self.begin(*words)
            self.at_gate(*held[:1])

    def _answer(self, f):
        gate = self._shut.pop(self.server._mine.user, None)
        return [f.value[:60], gate, f.value[60:]] if gate else f.value

    def begin(self, *words, how=imexrun.start):
        return how(self.t, "extract", "--users", self.list, "--to", self.job, "--order", "list", *ONE, *QUICK,
                   *words, *self.t.options(self.server), password=None)

    def worker(self, *words, how=imexrun.start):
        return how(self.t, "worker", self.job, "--users", self.list, *words, password=None)

    def at_gate(self, *users):
        for user in users:
            self.t.must(self.gates[user].reached.wait(25), f"{user} stands at its gate")

    def open(self, *users):
        for user in users or self.gates:
            self.gates[user].open()

    def until(self, condition, what):
        self.t.must(self.t.until(condition), what)

    def logged_in(self, number):
        self.until(lambda: len(self.server.logins) >= number, f"{number} logins")

    def wait(self, *runs, code=0):
        for run in runs:
            self.t.exits(run.wait(), code)

    def each_once(self, *but):
        """One login each, and a second of those that another process took over."""
        self.t.equal(sorted(self.server.logins), sorted([*self.server.accounts, *but]), "logins")

    def complete(self):
        whole(self.t, self.job, self.server)
        self.t.equal({a["status"] for a in self.job.report()["accounts"]}, {"done"}, "the report")
        self.t.equal([n for n in os.listdir(self.job.path) if n.startswith("imex.process")], [], "locks that are left")
        check = self.t.imex("verify", self.job, password=None)
        self.t.exits(check, 0)

    def status(self, pattern, what):
        self.until(lambda: re.search(pattern, self.t.imex("status", self.job, password=None).text), what)

    def say(self, *words, code=0):
        run = self.t.imex("job", self.job, *words, password=None)
        self.t.exits(run, code)
        return run


def scene_three_processes(t):
    """Twelve accounts, a run and two workers: each account is copied once, and no server has a fourth connection."""
    s = Shared(t, words=("--jobs", "1", "--per-host", "3"))
    workers = [s.worker("--jobs", "3"), s.worker("--jobs", "3")]
    s.logged_in(12)
    s.status(rf"a1@127\.0\.0\.1: running \(process {s.owner.pid}\)", "status names the process of the account")
    s.open()
    s.wait(s.owner, *workers)
    s.each_once()
    s.complete()
    t.within(s.server.peak, (2, 3), "connections at once")
    for run in (s.owner, *workers):
        t.says(run, "12 accounts: 12 complete, 0 complete with warnings, 0 failed")
    told = s.job.events()
    t.ok({e.get("process") for e in told} >= {w.pid for w in workers}, "each worker is in the log", told)
    t.equal([e["text"] for e in told if e["level"] == "error"], [], "errors")
    runs = s.job.report()["runs"]
    t.equal([r["exit_code"] for r in runs][:3], [0, 0, 0], "the history has all three")


def scene_ceiling_of_all(t):
    """A server that bears two connections is believed by both processes."""
    s = Shared(t, 10, words=("--jobs", "1", "--tries", "1"))
    s.server.bears = 2
    workers = [s.worker("--jobs", "4"), s.worker("--jobs", "4")]
    s.until(lambda: s.server.refused > 0, "a connection is refused")
    s.open()
    s.wait(s.owner, *workers)
    s.complete()
    t.within(s.server.refused, range(1, 12), "refused connections: no tight loop")


def scene_lock_out_breaker_of_all(t):
    """Five refused logins in a row close the server for all processes."""
    wrong = [f"a{n}" for n in range(2, 13)]
    s = Shared(t, 12, wrong=wrong, words=("--jobs", "1", "--keep-going"))
    workers = [s.worker("--jobs", "4"), s.worker("--jobs", "4")]
    s.until(lambda: len(s.server.logins) >= 6, "five are refused")
    s.open()
    s.wait(s.owner, *workers, code=2)
    t.equal(len(s.server.logins), 6, f"logins: {s.server.logins}")


def scene_run_is_killed(t):
    """kill -9 of the run that began: its account is taken over, and the workers end what it began."""
    s = Shared(t, 6)
    worker = s.worker("--jobs", "2")
    s.logged_in(6)
    s.owner.signal(signal.SIGKILL)
    s.owner.wait()
    s.wait(worker)
    s.open()
    s.each_once("a1")
    s.complete()
    t.ok(s.job.events(30214), "that a process is gone is told", s.job.events())


def scene_worker_is_killed(t):
    """kill -9 of a worker: the run takes over its account."""
    s = Shared(t, 6, held=("a1", "a2"))
    worker = s.worker("--jobs", "1")
    s.at_gate("a2")
    worker.signal(signal.SIGKILL)
    worker.wait()
    s.open("a1")
    s.wait(s.owner)
    s.open()
    s.each_once("a2")
    s.complete()


def scene_worker_is_interrupted(t):
    """Ctrl-C of a worker: it ends with 75, and its account goes back to the others."""
    s = Shared(t, 4, held=("a1", "a2"))
    worker = s.worker("--jobs", "1")
    s.at_gate("a2")
    worker.interrupt()
    s.open("a2")
    s.wait(worker, code=75)
    s.open()
    s.wait(s.owner)
    s.complete()


def scene_run_is_interrupted(t):
    """Ctrl-C of the run: the worker goes on alone, answers imex job, and writes the report."""
    s = Shared(t, 4, held=("a1", "a2"))
    worker = s.worker("--jobs", "1")
    s.at_gate("a2")
    s.owner.interrupt()
    s.open("a1")
    s.wait(s.owner, code=75)
    def leads():
        shown = t.imex("job", s.job, "--json", password=None)
        return shown.code == 0 and json.loads(shown.out).get("process") == worker.pid
    s.until(leads, "the worker leads")
    s.open()
    s.wait(worker)
    s.complete()


def scene_alone(t):
    """A run was killed, and nothing else ran: a worker takes up what is left."""
    s = Shared(t, 5, held=("a2",), begin=False)
    s.owner = s.begin("--jobs", "1")
    s.at_gate("a2")
    s.owner.signal(signal.SIGKILL)
    s.owner.wait()
    s.open()
    run = s.worker(how=imexrun.run)
    t.exits(run, 0)
    t.says(run, "5 accounts: 5 complete")
    s.each_once("a2")
    s.complete()
    t.exits(s.worker(how=imexrun.run), 0)
    s.each_once("a2")


def scene_orders_reach_all(t):
    """imex job pauses, resumes and skips in all processes."""
    s = Shared(t, 5, held=("a1", "a2"))
    worker = s.worker("--jobs", "1")
    s.at_gate("a2")
    s.say("skip", "a4")
    s.say("pause")
    s.until(lambda: any(e.get("process") == worker.pid and "paused" in e["text"] for e in s.job.events(30212)),
            "the worker has heard it")
    s.open()
    s.status(r"(?m)^a1@.*: paused.*\na2@.*: paused", "both accounts are laid aside")
    t.equal(len(s.server.logins), 2, "nobody begins")
    s.say("resume")
    s.wait(s.owner, worker, code=2)
    t.ok("a4" not in s.server.logins, "a4 is passed over", s.server.logins)
    whole(t, s.job, s.server, without=("a4",))


def scene_stop_of_what_a_worker_has(t):
    """imex job stop ACCOUNT ends an account that another process has."""
    s = Shared(t, 3, held=("a1", "a2"))
    worker = s.worker("--jobs", "1")
    s.at_gate("a2")
    s.say("stop", "a2")
    s.status("(?m)^a2@.*: stopped", "a2 is stopped while its server waits")
    s.open()
    s.wait(s.owner, worker, code=2)
    whole(t, s.job, s.server, without=("a2",))


def scene_all_are_stopped(t):
    """imex job stop ends all processes."""
    s = Shared(t, 5, held=("a1", "a2"))
    worker = s.worker("--jobs", "1")
    s.at_gate("a2")
    s.say("stop")
    s.wait(s.owner, worker, code=75)
    s.open()


def refused(t, run, code, pattern):
    t.exits(run, code)
    t.one_line_error(run)
    t.says(run, pattern)


def scene_refused(t):
    """What cannot be shared says so; a second run is told who works there."""
    s = Shared(t, 2, begin=False)
    refused(t, s.worker(how=imexrun.run), 66, "job directory")
    job = Job(t)
    t.exits(t.imex("extract", s.server.url_of("a2"), "--to", job, *t.options(s.server), password=password_of("a2")), 0)
    refused(t, t.imex("worker", job, password=None), 66, "no list of accounts was begun")
    s.owner = s.begin("--watch")
    s.at_gate("a1")
    refused(t, s.worker(how=imexrun.run), 75, rf"process {s.owner.pid} works alone .*--watch")
    s.owner.signal(signal.SIGKILL)
    s.owner.wait()
    refused(t, t.imex("worker", "--users", s.list, password=None), 64, "needs DIR")


def scene_refused_exchange(t):
    """An Exchange set is written by one process."""
    s = Shared(t, 2, held=(), begin=False)
    t.exits(s.begin("--format", "exchange", how=imexrun.run), 0, 1)
    refused(t, s.worker(how=imexrun.run), 64, "one set for all its accounts")


def scene_no_run_beside_a_worker(t):
    """The run is gone and a worker goes on: a new run is told its pid."""
    s = Shared(t, 3, held=("a1", "a2"))
    worker = s.worker("--jobs", "1")
    s.at_gate("a2")
    s.owner.signal(signal.SIGKILL)
    s.owner.wait()
    refused(t, s.begin(how=imexrun.run), 75, f"process {worker.pid} works on job directory")
    s.open()
    s.wait(worker)
    s.complete()
