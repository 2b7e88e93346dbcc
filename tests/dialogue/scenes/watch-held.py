"""--watch while the run is held, by --hours or imex job pause: no connection; and accounts that are stopped."""

from scene import *
from people import *
from watched import *
import imexrun
import json
import time

DAY_S = 86400
WITHOUT = "without a last pass"


def rule(at):
    """The place of an instant in a rule of POSIX, its day counted from 0."""
    tm = time.gmtime(at)
    return f"{tm.tm_yday - 1}/{tm.tm_hour:02}:{tm.tm_min:02}:{tm.tm_sec:02}"


def jumping(leave, back):
    """A zone whose clocks jump by three hours at one instant and back at another, hours that hold but in between, and
    when they begin."""
    step = 3 if time.gmtime(leave).tm_hour < 20 else -3
    begin, end = (time.strftime("%H:%M", time.gmtime(leave + 3600 * n)) for n in (-1, 1))
    zone = f"AAA0BBB{-step},{rule(leave)},{rule(back + 3600 * step)}"
    return zone, f"{begin}-{end}", begin


def idles(server):
    """How often IDLE was sent so far."""
    return sum(e.direction == "C" and bool(re.match(rb"\S+ IDLE", e.data)) for e in list(server.transcript.entries))


def jump(t, server, back_s):
    """A watch that began before its hours have ended. How slow the machine is now nobody knows: so again if need be."""
    for seconds in (8, 30, 60):
        leave, before = int(time.time()) + seconds, idles(server)
        zone, hours, begin = jumping(leave, leave + back_s)
        job, run = watch(t, server, *NEVER, "--hours", hours, env={"TZ": zone})
        if t.until(lambda n=before: idles(server) > n, 60) and time.time() < leave:
            return job, run, begin, leave + back_s
        run.signal(signal.SIGKILL).wait()
    return t.must(False, "the watch begins in time")


def says(t, job, text, what):
    until(t, lambda: re.search(text, t.imex("status", job, password=None).text), what)


def connected(server):
    """Connections that the server has now."""
    marks = [e.data for e in list(server.transcript.entries) if e.direction == "!"]
    return marks.count(b"connected") - marks.count(b"closed")


def gone(t, server, what):
    """All connections are closed; how many there were so far."""
    until(t, lambda: connected(server) == 0, what)
    return server.connections


def looks(t, job, word):
    """The run has looked for orders twice."""
    for _ in range(2):
        t.equal(json.loads(t.imex("job", job, "--json", password=None).out)["now"], word, "what imex job tells")


def scene_hours_end(t):
    """Its connection is closed, and a signal ends it without a pass: outside of the hours nothing is contacted."""
    server = t.server(sample(count=3), caps=IDLE)
    job, run, begin, _ = jump(t, server, DAY_S)
    word = f"waiting until {begin}, --hours"
    says(t, job, rf"(?m)^{word} \(process {run.pid}\)\n\S+: {word}, \d+/", "status says until when")
    t.equal(json.loads(t.imex("status", job, "--json").out)["accounts"][0]["status"], "waiting", "status --json")
    connections = gone(t, server, "the connection is closed")
    deliver(server)
    looks(t, job, word)
    run.signal(signal.SIGTERM)
    t.exits(run.wait(), 75)
    t.says(run, WITHOUT)
    t.equal((server.connections, job.files_with(b"<1@late>")), (connections, []), "what was done outside of the hours")
    t.ok("waiting" not in t.imex("status", job).text, "it waits no more")
    t.retry_until_done(server, job=job, allowed=(0,))
    t.complete(job, server)
    t.no_doubles(job)


def scene_hours_begin_again(t):
    """What came meanwhile is copied when they do."""
    server = t.server(sample(count=3), caps=IDLE)
    job, run, _, back = jump(t, server, 6)
    gone(t, server, "the connection is closed")
    deliver(server)
    arrives(t, job, server)
    t.ok(time.time() >= back, "it was copied within the hours")
    says(t, job, rf": watching \(process {run.pid}\)", "it is watched again")
    deliver(server, number=2)
    arrives(t, job, server, 2)
    t.equal(ended(t, job, run, server)["came"], 2, "messages that came")


def scene_paused(t):
    server = t.server(sample(count=3), caps=IDLE)
    job, run = watch(t, server, *NEVER)
    t.must(server.transcript.wait_for("IDLE", 30), "it idles")
    t.says(t.imex("job", job, "pause"), "^paused")
    connections = gone(t, server, "the connection is closed")
    says(t, job, r"(?m)^paused \(process \d+\)\n\S+: paused", "status says so")
    deliver(server)
    looks(t, job, "paused")
    t.equal((server.connections, job.files_with(b"<1@late>")), (connections, []), "what was done meanwhile")
    t.imex("job", job, "resume")
    arrives(t, job, server)
    says(t, job, ": watching", "it is watched again")
    t.imex("job", job, "pause")
    gone(t, server, "the connection is closed again")
    run.signal(signal.SIGINT)
    t.exits(run.wait(), 75)
    t.says(run, WITHOUT)


def scene_paused_in_a_pass(t):
    """It ends between two messages, and the rest follows."""
    server = t.server(sample(count=3), caps=IDLE)
    job, run = watch(t, server, *NEVER)
    t.must(server.transcript.wait_for("IDLE", 30), "it idles")
    gate = Gate()
    server.fetch(uid=4, folder="INBOX", times=1, reply=lambda f: [f.value[:20], gate, f.value[20:]])
    for number in range(1, 30):
        deliver(server, number=number)
    t.must(gate.reached.wait(30), "a pass fetches")
    t.imex("job", job, "pause")
    gate.open()
    says(t, job, r"(?m)^\S+: paused", "status says so")
    gone(t, server, "the connections are closed")
    looks(t, job, "paused")
    t.imex("job", job, "resume")
    for number in (1, 29):
        arrives(t, job, server, number)
    ended(t, job, run, server)


def scene_until_outside_of_hours(t):
    server = t.server(sample(count=1))
    for hours, code in (("20-06", 64), ("20-06:01", 0)):
        job, run = t.start_extract(server, "--watch", "--hours", hours, "--until", "06:00")
        if code:
            t.exits(run.wait(), 64)
            t.one_line_error(run)
            t.says(run, "--until names a time outside of --hours 20-06")
        else:
            until(t, lambda j=job: os.path.exists(os.path.join(j.path, "imex.db")), "it begins")
            run.signal(signal.SIGTERM)
            t.exits(run.wait(), 0, 75)


def scene_a_list_is_paused(t):
    """Those that idle and those that are looked at: none has a connection; one that is skipped then ends at once."""
    server = t.serve(house(people("a", 3), caps=IDLE))
    job, run = listed_watch(t, server, *OFTEN, "--watch-idle", "1")
    t.must(server.transcript.wait_for("IDLE", 30), "one idles")
    until(t, lambda: server.logins.count("a3") >= 3, "a3 is looked at")
    t.imex("job", job, "pause")
    connections = gone(t, server, "no connection is left")
    for number, user in enumerate(server.accounts, 1):
        deliver(server, number=number, store=server.accounts[user])
    t.says(t.imex("job", job, "skip", "a3", password=None), "'a3@127.0.0.1' is being stopped")
    says(t, job, r"(?m)^a1@\S+: paused.*\na2@\S+: paused.*\na3@\S+: interrupted, .*: passed over, by imex job skip$",
         "two are paused, one is skipped")
    looks(t, job, "paused")
    t.equal(server.connections, connections, "connections meanwhile")
    t.imex("job", job, "resume")
    for number in (1, 2):
        arrives(t, job, server, number)
    run.signal(signal.SIGTERM)
    t.exits(run.wait(), 2)
    t.says(run, "3 accounts: 2 complete, 0 complete with warnings, 1 failed")
    t.equal(job.files_with(b"<3@late>"), [], "mail of the one that was skipped")


def scene_stopped_and_skipped(t):
    """One that idles, one that is looked at once an hour: both end within seconds, and the others go on."""
    server = t.serve(house(people("a", 3), caps=IDLE))
    job, run = listed_watch(t, server, *NEVER, "--watch-idle", "2", "--order", "list")
    until(t, lambda: len(idlers(server)) == 2 and server.logins.count("a3") >= 2, "all are watched")
    until(t, lambda: connected(server) == 2, "two stay connected")
    for words, user in ((("stop", "a1"), "a1"), (("skip", "a3"), "a3")):
        t.says(t.imex("job", job, *words, password=None), f"'{user}@127.0.0.1' is being stopped")
    says(t, job, r"(?m)^a1@\S+: interrupted, .*: stopped by imex job stop\na2@\S+: watching.*\n"
         r"a3@\S+: interrupted, .*: passed over, by imex job skip$", "status says what became of each")
    until(t, lambda: connected(server) == 1, "one stays connected")
    t.equal(sorted(e["account"] for e in job.events(30222)), ["a1", "a3"], "accounts that are not watched any more")
    logins = [server.logins.count(user) for user in ("a1", "a3")]
    deliver(server, store=server.accounts["a2"])
    arrives(t, job, server)
    run.signal(signal.SIGTERM)
    t.exits(run.wait(), 2)
    t.says(run, "3 accounts: 1 complete, 0 complete with warnings, 2 failed")
    t.equal([server.logins.count(user) for user in ("a1", "a3")], logins, "logins of those after their end")
    t.equal([a["status"] for a in job.report()["accounts"]], ["stopped", "done", "stopped"], "report")
    run = t.imex("retry", job, "--users", listed(t, server), *t.options(server), password=None)
    t.exits(run, 0)
    t.no_doubles(job)


def scene_the_only_account_skipped(t):
    server = t.server(sample(count=3), caps=IDLE)
    job, run = watch(t, server, *NEVER)
    t.must(server.transcript.wait_for("IDLE", 30), "it idles")
    connections = server.connections
    t.says(t.imex("job", job, "skip", server.user), "is being stopped")
    t.exits(run.wait(), 2)
    t.says(run, "passed over, by imex job skip")
    t.equal(server.connections, connections, "connections after that")
    t.equal(job.report()["accounts"][0]["status"], "stopped", "report")
    t.exits(t.imex("retry", job, *t.options(server)), 0)
    t.complete(job, server)


def scene_stopped_in_a_pass(t):
    server = t.serve(house(people("a", 2), caps=IDLE))
    job, run = listed_watch(t, server, *NEVER)
    until(t, lambda: len(idlers(server)) == 2, "both idle")
    gate = Gate()
    server.fetch(uid=4, folder="INBOX", times=1, reply=lambda f: [f.value[:20], gate, f.value[20:]])
    deliver(server, store=server.accounts["a1"])
    t.must(gate.reached.wait(30), "a pass fetches")
    t.imex("job", job, "stop", "a1", password=None)
    gate.open()
    says(t, job, r"(?m)^a1@\S+: interrupted, .*: stopped by imex job stop\na2@\S+: watching", "status says so")
    run.signal(signal.SIGTERM)
    t.exits(run.wait(), 2)
    t.says(run, "2 accounts: 1 complete, 0 complete with warnings, 1 failed")


def scene_skipped_in_the_last_pass(t):
    """Whose first copy has ended long ago."""
    server = t.serve(house(people("a", 2), caps=IDLE))
    server.mute = True
    job, run = listed_watch(t, server, *NEVER, "--jobs", "1", "--order", "list")
    until(t, lambda: len(idlers(server)) == 2, "both idle")
    gate = Gate()
    server.fetch(uid=4, folder="INBOX", times=1, reply=lambda f: [f.value[:20], gate, f.value[20:]])
    deliver(server, store=server.accounts["a1"])
    run.signal(signal.SIGTERM)
    t.must(gate.reached.wait(30), "the last pass fetches")
    t.says(t.imex("job", job, "skip", "a2", password=None), "'a2@127.0.0.1' will be passed over when its turn comes")
    gate.open()
    t.exits(run.wait(), 2)
    t.says(run, "2 accounts: 1 complete, 0 complete with warnings, 1 failed")


def scene_ended_without_a_last_pass(t):
    """The summary tells what the watch has come to, not the pass before it."""
    server = t.serve(house(people("a", 3), caps=IDLE))
    job, run = listed_watch(t, server, *NEVER)
    until(t, lambda: len(idlers(server)) == 3, "all idle")
    t.imex("job", job, "stop", "a1", password=None)
    deliver(server, store=server.accounts["a2"])
    arrives(t, job, server)
    until(t, lambda: job.events(30221), "the pass that brought it has ended")
    t.imex("job", job, "stop", password=None)
    t.exits(run.wait(), 75)
    t.says(run, r"3 accounts: 2 complete, 0 complete with warnings, 1 failed\n  messages  10 of 10 stored")
