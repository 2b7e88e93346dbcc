"""--watch: what comes after the full run is copied as soon as it is there, and a signal ends it in order."""

from scene import *
from people import *
from watched import *
from idle import Idling
import datetime
import json


def scene_told_by_idle(t):
    server = t.server(sample(count=3), caps=IDLE)
    job, run = watch(t, server, *NEVER)
    t.must(server.transcript.wait_for("IDLE", 30), "it idles")
    deliver(server)
    arrives(t, job, server)
    t.must(server.transcript.wait_for("IDLE", 30, count=2), "and goes on")
    deliver(server, number=2)
    arrives(t, job, server, 2)
    watched = ended(t, job, run, server)
    t.equal(watched["came"], 2, "messages that came meanwhile")
    t.ok(0 <= watched["lag_median_ms"] <= watched["lag_longest_ms"], f"the lag: {watched}")
    t.ok(watched["since"] <= watched["equal"], f"it was equal: {watched}")
    t.says(run, "a last pass over all accounts")
    t.ok(server.transcript.count("DONE") >= 2, "each IDLE was ended by DONE")
    t.says(t.imex("report", job), r"2 messages came meanwhile; from being told to stored: median \d")


def scene_flags_told_by_idle(t):
    server = t.server(sample(count=3), caps=IDLE)
    job, run = watch(t, server, *NEVER)
    t.must(server.transcript.wait_for("IDLE", 30), "it idles")
    with server.store.lock:
        server.store["INBOX"].flag(2, "\\Flagged", "\\Seen")
    until(t, lambda: [m for m in t.mails(job, "") if "F" in m.flags and m.uid == 2], "the flags are changed")
    ended(t, job, run, server)


def scene_status_says_watching(t):
    server = t.server(sample(count=3), caps=IDLE)
    job, run = watch(t, server, *NEVER)
    t.must(server.transcript.wait_for("IDLE", 30), "it idles")
    t.says(t.imex("status", job), rf": watching \(process {run.pid}\)")
    t.equal(json.loads(t.imex("status", job, "--json").out)["accounts"][0]["status"], "watching", "status --json")
    ended(t, job, run, server)
    t.says(t.imex("status", job), ": complete")


def scene_other_folders_are_looked_at(t):
    """IDLE tells of INBOX alone."""
    server = t.server(sample(count=3), caps=IDLE)
    job, run = watch(t, server, *OFTEN)
    t.must(server.transcript.wait_for("IDLE", 30), "it idles")
    deliver(server, [f.name for f in server.store if f.name != "INBOX" and f.selectable][0])
    arrives(t, job, server)
    ended(t, job, run, server)


def scene_new_folder_of_an_account_with_one(t):
    """IDLE does not tell of it, however many there are."""
    server = t.server(mailbox(), caps=IDLE)
    job, run = watch(t, server, *OFTEN)
    t.must(server.transcript.wait_for("IDLE", 30), "it idles")
    with server.store.lock:
        server.store.add("New")
    deliver(server, "New")
    arrives(t, job, server)
    ended(t, job, run, server)


def scene_notify_tells_of_all_folders(t):
    server = t.server(sample(count=3), caps=IDLE + " NOTIFY")
    job, run = watch(t, server, *NEVER)
    t.must(server.transcript.wait_for("IDLE", 30), "it idles")
    for number, folder in enumerate([f.name for f in server.store if f.selectable], 1):
        deliver(server, folder, number)
        arrives(t, job, server, number)
    t.equal(server.transcript.count("NOTIFY SET"), 1, "NOTIFY is sent once")
    ended(t, job, run, server)


def scene_notify_refused(t):
    server = t.server(sample(count=3), caps=IDLE + " NOTIFY")
    server.on("NOTIFY", "$TAG NO [BADEVENT (MessageNew MessageExpunge)] not these\r\n")
    job, run = watch(t, server, *NEVER)
    t.must(server.transcript.wait_for("IDLE", 30), "it idles")
    deliver(server)
    arrives(t, job, server)
    ended(t, job, run, server)


def scene_idle_refused(t):
    for answer in ("$TAG NO not today\r\n", "$TAG BAD what?\r\n"):
        server = t.server(sample(count=3), caps=IDLE)
        server.on("IDLE", answer)
        job, run = watch(t, server, *OFTEN)
        t.must(server.transcript.wait_for("IDLE", 30), "it asks")
        deliver(server)
        arrives(t, job, server)
        ended(t, job, run, server)
        t.equal(server.transcript.count("IDLE"), 1, "what was refused is not asked for again")


def scene_no_idle(t):
    server = t.server(sample(count=3))
    job, run = watch(t, server, *OFTEN)
    deliver(server)
    arrives(t, job, server)
    ended(t, job, run, server)


def scene_no_connection_kept(t):
    """--watch-idle 0: connect, look, leave."""
    server = t.server(sample(count=3), caps=IDLE)
    job, run = watch(t, server, *OFTEN, "--watch-idle", "0")
    t.must(server.transcript.wait_for("LOGOUT", 30, count=4), "it comes and goes")
    deliver(server)
    arrives(t, job, server)
    ended(t, job, run, server)
    t.never_sent(server, "IDLE")


def scene_cut_while_idling(t):
    """It comes back, and finds what came in between."""
    server = t.server(sample(count=3), caps=IDLE)
    gate = Gate()
    server.on("IDLE", ["+ idling\r\n", gate, Cut], times=1)
    job, run = watch(t, server, *NEVER)
    gate.must_be_reached(t, "it idles", seconds=30)
    deliver(server)
    gate.open()
    arrives(t, job, server)
    t.ok(job.events(30201), "it is told that the connection is made again")
    ended(t, job, run, server)


@quirk(36)
def scene_bye_again_and_again(t):
    """Each time later: never a tight loop."""
    server = t.server(sample(count=3), caps=IDLE)
    server.on("IDLE", "* BYE go away\r\n")
    job, run = watch(t, server, *NEVER)
    until(t, lambda: len(job.events(30201)) >= 4, "it tries again")
    waits = [float(re.search(r"again in ([\d.]+) s", e["text"])[1]) for e in job.events(30201)]
    t.ok(waits[3] > waits[0], f"the waits grow: {waits}")
    server.clear()
    ended(t, job, run, server)


def scene_false_alarms(t):
    """A server that tells of changes that are none is not asked in a tight loop."""
    server = t.server(sample(count=3), caps=IDLE)
    server.on("IDLE", lambda call: Idling(call, b"* 99 EXISTS\r\n"))
    job, run = watch(t, server, *NEVER)
    t.must(server.transcript.wait_for("IDLE", 40, count=4), "it idles again")
    at = [e.seconds for e in list(server.transcript.entries)
          if e.direction == "C" and re.match(rb"\S+ IDLE", e.data)]
    t.ok(at[2] - at[1] >= 0.9 and at[3] - at[2] >= 1.8, f"each time later: {at}")
    server.clear()
    ended(t, job, run, server)


def scene_last_pass_finds_what_nobody_told(t):
    server = t.server(sample(count=3), caps=IDLE)
    server.mute = True
    job, run = watch(t, server, *NEVER)
    t.must(server.transcript.wait_for("IDLE", 30), "it idles")
    deliver(server)
    t.equal(ended(t, job, run, server)["came"], 0, "it did not come while it was watched")


def scene_signal_in_the_last_pass(t):
    """That is the usual interruption."""
    server = t.server(sample(count=3), caps=IDLE)
    server.mute = True
    job, run = watch(t, server, *NEVER)
    t.must(server.transcript.wait_for("IDLE", 30), "it idles")
    deliver(server)
    gate = server.hold(uid=4, folder="INBOX", after=20)
    run.signal(signal.SIGINT)
    gate.must_be_reached(t, "the last pass fetches it", seconds=30)
    run.interrupt()
    gate.open()
    t.exits(run.wait(), 75)
    t.retry_until_done(server, job=job, allowed=(0,))
    t.complete(job, server)


def scene_hangup(t):
    """Without a terminal it opens the event log anew, and the watch goes on."""
    server = t.server(sample(count=3), caps=IDLE)
    job, run = watch(t, server, *NEVER)
    t.must(server.transcript.wait_for("IDLE", 30), "it idles")
    run.signal(signal.SIGHUP)
    until(t, lambda: job.events(30210), "the event log is opened anew")
    deliver(server)
    arrives(t, job, server)
    ended(t, job, run, server)


def scene_until(t):
    server = t.server(sample(count=3), caps=IDLE)
    server.mute = True
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=6)
    job, run = watch(t, server, *NEVER, "--until", at.strftime("%Y-%m-%dT%H:%M:%SZ"))
    deliver(server)
    t.exits(run.wait(), 0)
    t.says(run, "--until")
    t.complete(job, server)


def scene_bad_until(t):
    server = t.server(sample(count=1))
    for words in (["--until", "06:00"], ["--watch", "--until", "25:00"], ["--watch", "--until", "2003-11-07T14:18"],
                  ["--watch", "--format", "exchange"]):
        job, run = t.extract(server, *words)
        t.exits(run, 64)
        t.one_line_error(run)
    t.never_sent(server, "LOGIN", "AUTHENTICATE")


def scene_beyond_watch_idle(t):
    """Of two accounts one stays connected, the other is looked at."""
    server = t.serve(house(people("a", 2), caps=IDLE))
    job, run = listed_watch(t, server, *OFTEN, "--watch-idle", "1")
    t.must(server.transcript.wait_for("IDLE", 30), "one idles")
    until(t, lambda: {a["status"] for a in json.loads(t.imex("status", job, "--json", password=None).out)["accounts"]}
          == {"watching"}, "both are watched")
    for number, user in enumerate(server.accounts, 1):
        deliver(server, number=number, store=server.accounts[user])
        arrives(t, job, server, number)
        until(t, lambda n=number: len(job.events(30221)) >= n, "the pass that brought it has ended")
    run.signal(signal.SIGTERM)
    t.exits(run.wait(), 0)
    t.equal(len(idlers(server)), 1, f"accounts that idle: {idlers(server)}")
    t.says(run, "2 accounts: 2 complete, 0 complete with warnings, 0 failed")
    t.equal([a["watched"]["came"] for a in job.report()["accounts"]], [1, 1], "what came to each")


def scene_few_places(t):
    """A server that may have two connections: nobody waits for ever, and it never sees a third."""
    server = t.serve(house(people("a", 3), caps=IDLE))
    job, run = listed_watch(t, server, *OFTEN, "--per-host", "2")
    for number, user in enumerate(server.accounts, 1):
        deliver(server, number=number, store=server.accounts[user])
        arrives(t, job, server, number)
    run.signal(signal.SIGTERM)
    t.exits(run.wait(), 0)
    t.within(server.peak, (1, 2), "connections at once")


def scene_login_refused_while_watched(t):
    """It is not tried again, and the others go on."""
    server = t.serve(house(people("a", 2), caps=IDLE))
    locked = []
    server.crossly("a2", "NO [AUTHENTICATIONFAILED] locked", lambda: bool(locked))
    job, run = listed_watch(t, server, *OFTEN, "--watch-idle", "0")
    until(t, lambda: server.logins.count("a2") >= 3, "a2 is looked at")
    locked.append(True)
    until(t, lambda: job.events(30222), "a2 is not watched any more")
    tried = server.logins.count("a2")
    deliver(server, store=server.accounts["a1"])
    arrives(t, job, server)
    run.signal(signal.SIGTERM)
    t.exits(run.wait(), 2)
    t.equal(server.logins.count("a2"), tried, "logins of a2 after the refused one")
    t.says(run, "2 accounts: 1 complete, 0 complete with warnings, 1 failed")


def refuse(server, *users):
    """From now on the logins of these are refused; empties to take them again."""
    locked = list(users)
    for user in users:
        server.crossly(user, "NO [AUTHENTICATIONFAILED] locked", lambda: bool(locked))
    return locked


def told_not_ready(t, job, *users):
    """By status, report and --ready."""
    accounts = {a["account"].partition("@")[0]: a["status"] for a in job.report()["accounts"]}
    t.equal({user for user in accounts if accounts[user] == "failed"}, set(users), "accounts that failed, in the report")
    t.equal(job.report()["exit_code"], 2, "the exit code in the report")
    run = t.imex("status", job, "--ready", "24h", password=None)
    t.exits(run, 2)
    t.says(run, rf"NO-GO: {len(users)} of \d+ accounts are not ready")


def scene_refused_and_retried(t):
    """New mail waits behind the refused login: the job is not ready, and a retry fetches it."""
    server = t.serve(house(people("a", 2), caps=IDLE))
    job, run = listed_watch(t, server, *OFTEN, "--watch-idle", "0")
    locked = refuse(server, "a2")
    until(t, lambda: job.events(30222), "a2 is not watched any more")
    t.says(t.imex("status", job, password=None), r"(?m)^a2@\S+: failed, .*AUTHENTICATIONFAILED")
    deliver(server, store=server.accounts["a2"])
    run.signal(signal.SIGTERM)
    t.exits(run.wait(), 2)
    told_not_ready(t, job, "a2")
    locked.clear()
    t.exits(t.imex("retry", job, "--users", listed(t, server), *t.options(server), password=None), 0)
    t.ok(job.files_with(b"<1@late>"), "the mail that waited is stored")


def scene_a_server_refuses_all(t):
    """Those that were left out are no more complete than those that were refused."""
    users = people("a", 8)
    server = t.serve(house(users, caps=IDLE))
    job, run = listed_watch(t, server, *OFTEN, "--watch-idle", "0", "--keep-going")
    refuse(server, *users)
    t.exits(run.wait(), 2)
    t.ok(job.events(30202), "the server is left alone")
    told_not_ready(t, job, *users)
    errors = [a["error"] for a in job.report()["accounts"]]
    t.ok(sum("AUTHENTICATIONFAILED" in e for e in errors) >= 5, f"what the server said to those that it refused: {errors}")


def scene_the_only_login_refused(t):
    server = t.server(sample(count=3), caps=IDLE)
    job, run = watch(t, server, *OFTEN, "--watch-idle", "0")
    server.on("LOGIN|AUTHENTICATE", "$TAG NO [AUTHENTICATIONFAILED] locked\r\n")
    t.exits(run.wait(), 2)
    t.says(run, r"(?m)^\S+: failed$")
    told_not_ready(t, job, server.user)
    server.clear()
    t.exits(t.imex("retry", job, *t.options(server)), 0)
    t.complete(job, server)


def scene_interrupted_in_the_last_pass(t):
    """Accounts that it did not come to are in the queue, as of any run."""
    server = t.serve(house(people("a", 3), caps=IDLE))
    server.mute = True
    job, run = listed_watch(t, server, *NEVER, "--jobs", "1", "--order", "list")
    until(t, lambda: len(idlers(server)) == 3, "all idle")
    gate = Gate()
    server.fetch(uid=4, folder="INBOX", times=1, reply=lambda f: [f.value[:20], gate, f.value[20:]])
    deliver(server, store=server.accounts["a1"])
    run.signal(signal.SIGTERM)
    t.must(gate.reached.wait(30), "the last pass fetches")
    t.says(t.imex("status", job, password=None), r"(?m)^a2@\S+: queued, .*\na3@\S+: queued,")
    run.signal(signal.SIGTERM)
    gate.open()
    t.exits(run.wait(), 75)
    t.equal([a["status"] for a in job.report()["accounts"]], ["stopped", "queued", "queued"], "report")
    t.exits(t.imex("status", job, "--ready", "24h", password=None), 2)


def scene_waits_for_another_day(t):
    """status tells until when; the last pass does not wait for it, and the account is left waiting."""
    server = t.serve(house(people("a", 2, count=2), caps=IDLE))
    job, run = listed_watch(t, server, *NEVER, "--max-per-day", "40k")
    until(t, lambda: len(idlers(server)) == 2, "both idle")
    store = server.accounts["a1"]
    with store.lock:
        for number in range(1, 5):
            store["INBOX"].add(RAW % (number, number) + b"x" * 30000)
    until(t, lambda: re.search(r"(?m)^a1@\S+: waiting until \S+, .*max-per-day", t.imex("status", job, password=None).text),
          "status says until when")
    run.signal(signal.SIGTERM)
    t.exits(run.wait(), 2)
    t.says(run, "2 accounts: 1 complete, 0 complete with warnings, 1 failed")
    t.says(t.imex("status", job, password=None), r"(?m)^a1@\S+: waiting until \S+, .*max-per-day")
    t.equal([a["status"] for a in job.report()["accounts"]], ["waiting", "done"], "report")


def scene_a_pass_fails(t):
    """Until the next one the account waits; it has not failed."""
    server = t.serve(house(people("a", 1), caps=IDLE))
    job, run = listed_watch(t, server, *NEVER, "--retry-delay", "4s")
    t.must(server.transcript.wait_for("IDLE", 30), "it idles")
    server.on(r"UID FETCH", Cut)
    deliver(server, store=server.accounts["a1"])
    until(t, lambda: re.search(r"(?m)^a1@\S+: waiting until ", t.imex("status", job, password=None).text), "it waits")
    server.clear()
    arrives(t, job, server)
    until(t, lambda: re.search(r": watching", t.imex("status", job, password=None).text), "it is watched again")
    run.signal(signal.SIGTERM)
    t.exits(run.wait(), 0)


def scene_the_only_login_refused_in_a_pass(t):
    """The account got to its folders before: it is judged by what is in the state."""
    server = t.server(sample(count=3), caps=IDLE)
    job, run = watch(t, server, *NEVER)
    t.must(server.transcript.wait_for("IDLE", 30), "it idles")
    server.on("LOGIN|AUTHENTICATE", "$TAG NO [AUTHENTICATIONFAILED] locked\r\n")
    deliver(server)
    t.exits(run.wait(), 2)
    t.says(run, r"(?m)^\S+: failed$")
    told_not_ready(t, job, server.user)
