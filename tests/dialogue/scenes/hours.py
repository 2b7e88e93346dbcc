"""--hours: outside of them nothing is contacted, and status tells until when; within them all is as ever."""

import time

from scene import *
from people import *
import imexrun


def around(begin, end):
    """Hours that begin so many hours from now, and end so many from now, and when that is."""
    at = [time.strftime("%H:%M", time.gmtime(time.time() + 3600 * n)) for n in (begin, end)]
    return "-".join(at), at[0]


def waits(t, server, job, run, accounts, opens):
    """It waits, has contacted nobody, and ends when it is told to."""
    def told():
        return re.search(rf"(?m)^waiting until {opens}, --hours \(process {run.pid}\)$",
                         t.imex("status", job, password=None).text)
    t.must(t.until(lambda: os.path.exists(os.path.join(job.path, "imex.db"))), "it has begun")
    t.must(t.until(told), "status says until when")
    shown = t.imex("job", job, password=None)
    t.says(shown, rf"^process {run.pid}: waiting until {opens}, --hours")
    status = t.imex("status", job, password=None).text
    t.equal(len(re.findall(rf"(?m)^\S+@\S+: waiting until {opens}, --hours, 0/0", status)), accounts, "accounts that wait")
    t.says(t.imex("job", job, "pause", password=None), "^paused")
    t.says(t.imex("job", job, "resume", password=None), f"not paused any more; waiting until {opens}, --hours")
    t.equal(server.connections, 0, "connections")
    run.signal(signal.SIGTERM)
    t.exits(run.wait(), 75)


def scene_outside(t):
    hours, opens = around(3, 5)
    server = t.server(sample(count=3))
    job, run = t.start_extract(server, "--hours", hours)
    waits(t, server, job, run, 0, opens)
    t.retry_until_done(server, job=job, allowed=(0,))
    t.complete(job, server)


def scene_a_list_outside(t):
    hours, opens = around(3, 5)
    server, job = t.serve(house(people("a", 2))), Job(t)
    path = listed(t, server)
    words = "--users", path, "--to", job, *ONE, *t.options(server)
    run = imexrun.start(t, "extract", *words, "--hours", hours, password=None)
    waits(t, server, job, run, 2, opens)
    hours, opens = around(-2, 2)
    run = t.imex("extract", *words, "--hours", hours, password=None)
    t.exits(run, 0)
    t.says(run, "2 accounts: 2 complete")


def scene_within(t):
    server = t.server(sample(count=3))
    job, run = t.extract(server, "--hours", around(-2, 2)[0])
    t.exits(run, 0)
    t.complete(job, server)
    t.exits(t.imex("retry", job, "--hours", "20-06"), 0)


def scene_no_hours(t):
    server = t.server(sample(count=3))
    for hours in ("20", "20-20", "8-5", "25-06"):
        job, run = t.extract(server, "--hours", hours)
        t.exits(run, 64)
        t.one_line_error(run)
        t.says(run, f"--hours: '{hours}' is not accepted; two times of the day as 20-06 or 19:30-05:15 are")
    t.equal(server.connections, 0, "connections")
