"""2,000 accounts on three servers that refuse, cut and delay."""

import os
import threading
import time

import imexrun
import people
from scene import Job, directory_of
from wire import Cut

TAP_HELPER = True
ACCOUNTS = 2000
MESSAGES = 20
JOBS = 32
PER_HOST = 12
MEMORY_MIB = 200
EACH = 20           # one of so many is refused, or cut
# Of a server that tells an account to wait: it says so once.
BACKOFF = ["* BYE Session invalidated - Suggested Backoff Time: 400 milliseconds\r\n", Cut]


class Watch(threading.Thread):
    """What a process has while it runs: samples of threads, descriptors and memory."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.samples = pid, []
        self.start()

    def run(self):
        try:
            while True:
                with open(f"/proc/{self.pid}/status") as file:
                    status = dict(line.split(":", 1) for line in file)
                if "VmHWM" not in status:
                    return
                self.samples.append((int(status["Threads"]), len(os.listdir(f"/proc/{self.pid}/fd")),
                                     int(status["VmHWM"].split()[0]) / 1024))
                time.sleep(0.1)
        except (OSError, ProcessLookupError):
            return

    def most(self, part, column):
        """In the first or the second half of the run."""
        half = len(self.samples) // 2
        return max(s[column] for s in (self.samples[:half] if part == 0 else self.samples[half:]) or [(0, 0, 0)])


def servers(t, number):
    """Three of them; the last one throttles, and cuts come on the others."""
    found = [t.serve(people.house(people.people(name, number // 3, count=MESSAGES))) for name in "abc"]
    for server in found[:2]:
        for connection in range(EACH // 2, number // 3, EACH):
            server.cut_after(9000, connection)
    slow = found[2]
    for user in list(slow.accounts)[EACH // 2::EACH]:
        slow.crossly(user, BACKOFF, 1)
    return found


def whole(t, job, server, without):
    found = {name.partition("@")[0]: os.path.join(job.mail, name) for name in job.account_dirs()}
    for user, store in server.accounts.items():
        if user in without:
            continue
        if not t.ok(user in found, f"{user} has mail"):
            continue
        for folder in store:
            t._complete_folder(found[user], folder, directory_of(store, folder.name), set(), set())


def crowd(t, rng, number):
    houses = servers(t, number)
    users = [user for server in houses for user in server.accounts]
    wrong = set(users[EACH - 1::EACH])
    job = Job(t)
    path = people.listed(t, *houses, wrong=wrong)
    run = imexrun.start(t, "extract", "--users", path, "--to", job, *t.options(houses[0]), *people.ONE,
                        "--jobs", JOBS, "--per-host", PER_HOST, "--keep-going", "--retry-delay", "200ms",
                        password=None, timeout=3000)
    watch = Watch(run.pid)
    run.wait()
    t.exits(run, 2)
    told = {a["account"].partition("@")[0]: a["status"] for a in job.report()["accounts"]}
    t.equal({user for user, status in told.items() if status != "done"}, wrong, "who has failed")
    t.equal(len(told), len(users), "accounts of the report")
    for server in houses:
        t.within(server.peak, range(1, PER_HOST + 1), "connections to one server at once")
        t.read_only(server)
        whole(t, job, server, wrong)
    for part in (0, 1):
        t.note(f"half {part + 1}: {watch.most(part, 0)} threads, {watch.most(part, 1)} descriptors, "
               f"{watch.most(part, 2):.1f} MiB at most")
    t.ok(watch.most(1, 0) <= watch.most(0, 0) + 4, "threads do not grow with the accounts")
    t.ok(watch.most(1, 1) <= watch.most(0, 1) + 64, "nor do descriptors")
    t.ok(watch.most(1, 2) < MEMORY_MIB, f"memory: {watch.most(1, 2):.1f} MiB")
    t.note(f"{len(users)} accounts, {len(wrong)} refused, {run.seconds:.1f} s")
    done = t.imex("verify", job, password=None, timeout=600)
    t.exits(done, 1)        # all that is stored is right; that accounts are missing is said
