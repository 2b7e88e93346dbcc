"""--users: the accounts of a list at the same time, within what servers bear."""

from scene import *
from people import *
import imexrun
import json
import shlex
import shutil
import time


def extract(t, path, *args, job=None, server=None, start=False, **run):
    """`imex extract --users`; returns (job, run)."""
    job = job or Job(t)
    how = imexrun.start if start else imexrun.run
    run.setdefault("password", None)
    run.setdefault("timeout", 20)
    return job, how(t, "extract", "--users", path, "--to", job, *t.options(server), *ONE, *args, **run)


def scene_no_server_over_its_limit(t):
    """Twelve accounts on two servers, six at once, two on each."""
    servers = [t.serve(house(people(name, 6))) for name in "ab"]
    job, run = extract(t, listed(t, *servers), "--jobs", "6", "--per-host", "2", server=servers[0])
    t.exits(run, 0)
    whole(t, job, *servers)
    t.says(run, "12 accounts: 12 complete, 0 complete with warnings, 0 failed")
    for server in servers:
        t.within(server.peak, (1, 2), "connections to one server at once")
        t.equal(sorted(server.logins), sorted(server.accounts), "one login an account")
        t.read_only(server)


def scene_one_account_keeps_to_the_limit(t):
    """--per-host bounds the connections of one account that is not in a list."""
    server = t.serve(house({"a1": mailbox(60, folders=("INBOX", "A", "B", "C", "D", "E"))}))
    gate = server.hold(uid=2, folder="INBOX", item=r"BODY\.PEEK\[\]", after=40)
    job = Job(t)
    run = imexrun.start(t, "extract", server.url_of("a1"), "--to", job, "--connections", "6", "--per-host", "2",
                        *t.options(server), password=password_of("a1"))
    gate.must_be_reached(t, "a body is on its way", seconds=30 * imexrun.SCALE)
    t.until(lambda: server.transcript.count("EXAMINE") >= 6, 5)
    gate.open()
    t.exits(run.wait(), 0)
    t.within(server.peak, (1, 2), "connections at once")
    whole(t, job, server)


def beside_others(t, server, *args):
    """A run over the list; who is let in stays until the ceiling is told: of nobody beside it a refusal says nothing."""
    gate = server.hold(uid=2, folder="INBOX", item="BODY", times=len(server.accounts))
    job, run = extract(t, listed(t, server), "--jobs", "8", "--retry-delay", "100ms", *args, server=server, start=True)
    gate.must_be_reached(t, "one is let in", seconds=30 * imexrun.SCALE)
    t.must(t.until(lambda: job.events(30200)), "the ceiling is told")
    gate.open()
    return job, run.wait()


@quirk(2, 24, 30)
def scene_a_server_that_bears_two(t):
    """The third connection is refused: that is its ceiling, and no account has failed."""
    for refusal in ("* BYE [UNAVAILABLE] too many connections\r\n", None):
        server = t.serve(house(people("a", 8)))
        server.bears = 2
        if refusal is None:             # it says so at the login
            server.bears, server.bears_logins = None, 2
        job, run = beside_others(t, server, "--tries", "1")
        t.exits(run, 0)
        whole(t, job, server)
        t.says(run, "8 accounts: 8 complete, 0 complete with warnings, 0 failed")
        t.equal([e["text"] for e in job.events() if e["level"] == "error"], [], "errors")
        t.within(server.refused, range(1, 25), "refused connections: no tight loop")
        t.equal([a["status"] for a in job.report()["accounts"]], ["done"] * 8, "none has failed")


@quirk(2, 24, 30)
def scene_a_server_that_bears_two_and_says_nothing(t):
    """It, or who is in front of it, closes the third connection without a greeting."""
    server = t.serve(house(people("a", 8, count=20)))
    server.bears, server.refusal = 2, b""
    job, run = beside_others(t, server, "--tries", "4")
    t.exits(run, 0)
    whole(t, job, server)
    t.equal([e["text"] for e in job.events() if e["level"] == "error"], [], "errors")
    t.within(server.refused, range(1, 25), "refused connections: no tight loop")


@quirk(2, 46)
def scene_a_server_that_lets_nobody_in_for_a_while(t):
    """It tells all that come at once, with a time or without: afterwards it bears as many as ever."""
    for refusal in ("* BYE [UNAVAILABLE] busy\r\n", "* BYE busy. Suggested Backoff Time: 300 milliseconds\r\n"):
        server = t.serve(house(people("a", 8)))
        server.bears, server.refusal = 0, refusal
        job, run = extract(t, listed(t, server), "--jobs", "8", "--retry-delay", "100ms", "--tries", "1", server=server,
                           start=True)
        t.must(t.until(lambda: server.refused >= 5), "all that may come at once are refused")
        server.bears = None
        t.exits(run.wait(), 0)
        whole(t, job, server)
        t.equal(job.events(30200), [], "ceilings that are told")
        t.equal(json.loads(t.imex("status", job, "--json").out)["servers"], [], "what the server is known to bear")


THROTTLED = ("NO [THROTTLED] slow down",
             "* BYE Session invalidated - Suggested Backoff Time: 700 milliseconds\r\n")


@quirk(1, 46)
def scene_told_to_wait(t):
    """The accounts of one server are told to wait; those of the other go on."""
    for answer, words in zip(THROTTLED, ("it", "0.7 s")):
        slow, quick = t.serve(house(people("a", 3))), t.serve(house(people("b", 3)))
        for user in slow.accounts:
            slow.crossly(user, answer if answer.startswith("NO") else [answer, Cut],
                         lambda: slow.logins.count("a1") < 3 or quick.transcript.count("LOGOUT") < 3)
        job, run = extract(t, listed(t, slow, quick), "--jobs", "2", "--retry-delay", "100ms", "--tries", "1",
                           server=slow)
        t.exits(run, 0)
        whole(t, job, slow, quick)
        told = [e for e in job.events(30201) if "the server asked for " in e["text"]]
        # While the server is left in peace because of one account, the others need not be told.
        t.ok("a1" in {e["account"] for e in told} <= set(slow.accounts), "who was told to wait", told)
        t.matches(told[0]["text"], rf"waiting 0:0\d, the server asked for {words}", "event 30201")
        ends = re.findall(r"\[\d+/6\] (\w)\d on", run.text)
        t.equal("".join(ends), "bbbaaa", "who ends first")
        t.equal([e["text"] for e in job.events() if e["level"] == "error"], [], "errors")
        t.says(run, "6 complete, 0 complete with warnings, 0 failed")


def scene_one_account_that_is_turned_away(t):
    """The server ends the sessions of one account at their login: that says nothing of how many it bears."""
    server = t.serve(house(people("a", 12)))
    server.crossly("a1", ["* BYE mailbox is damaged\r\n", Cut])
    job, run = extract(t, listed(t, server), "--jobs", "4", "--order", "list", "--retry-delay", "100ms", "--tries", "5",
                       server=server)
    t.exits(run, 2)
    whole(t, job, server, without=["a1"])
    t.equal(server.logins.count("a1"), 5, "logins of a1")
    t.equal(json.loads(t.imex("status", job, "--json").out)["servers"], [], "what the server is known to bear")


def scene_one_account_is_told_to_wait(t):
    """It alone waits; the next account is not kept from its login."""
    server = t.serve(house(people("a", 3)))
    server.crossly("a1", "NO [THROTTLED] Suggested Backoff Time: 400000 milliseconds")
    job, run = extract(t, listed(t, server), "--jobs", "1", "--order", "list", server=server, start=True)
    t.must(t.until(lambda: "a3@127.0.0.1: complete" in t.imex("status", job).text, 30), "a3 is copied")
    run.signal(signal.SIGINT)
    t.exits(run.wait(), 75)
    t.equal(server.logins, ["a1", "a2", "a3"], "logins")


def scene_cut_and_tried_again(t):
    """Connections that break in the middle cost a try, and are mended."""
    server = t.serve(house(people("a", 6, count=8)))
    for number in (2, 4, 5):
        server.cut_after(2600, number)
    job, run = extract(t, listed(t, server), "--jobs", "3", "--tries", "3", "--retry-delay", "100ms",
                       server=server)
    t.exits(run, 0)
    whole(t, job, server)
    cuts = [e.connection for e in server.transcript.entries if e.data == b"cut after 2600 octets"]
    t.equal(sorted(cuts), [2, 4, 5], "connections that were cut")
    t.equal(len(server.logins), 9, "logins")


def scene_one_account_that_is_always_cut(t):
    """It alone fails, and is named; the others are complete."""
    server = t.serve(house(people("a", 5)))

    @server.on(r"EXAMINE")
    def _(call):
        return Cut if call.session.user == "a3" else None
    path = listed(t, server)
    job, run = extract(t, path, "--jobs", "3", "--tries", "3", "--retry-delay", "100ms", server=server)
    t.exits(run, 2)
    whole(t, job, server, without=["a3"])
    t.says(run, r"\[5/5\] a3 on 127.0.0.1: (failed|incomplete)")
    t.says(run, "5 accounts: 4 complete, 0 complete with warnings, 1 failed")
    status = t.imex("status", job)
    t.matches(status.text, r"(?m)^a3@\S+: failed", "status names it")
    t.equal(len(re.findall(r"(?m)^a\d@\S+: complete", status.text)), 4, "and the others")
    t.equal(len(job.events(30201)), 2, "tries that were told")
    server.clear()
    mark = server.transcript.mark()
    _, run = extract(t, path, job=job, server=server)
    t.exits(run, 0)
    whole(t, job, server)
    t.no_doubles(job)
    t.equal(len(server.transcript.since(mark).commands(r"UID FETCH.*BODY")), 1, "the rest alone is fetched")


def scene_those_with_the_newest_mail_first(t):
    """As the last run has it; an account that it does not know comes last."""
    server = t.serve(house(people("a", 4)))
    for user, date in (("a1", "07-Nov-2003 16:18:49 +0200"), ("a2", "07-Nov-2019 16:18:49 +0200"),
                       ("a3", "07-Nov-2011 16:18:49 +0200")):
        server.accounts[user]["INBOX"].add(letter("INBOX", 77), (), date)
        server.accounts[user]["INBOX"].messages[:] = server.accounts[user]["INBOX"].messages[-1:]
    path = listed(t, server)
    job, run = extract(t, path, "--only", "a[123]", "--jobs", "1", server=server)
    t.exits(run, 0)
    del server.logins[:]
    job, run = extract(t, path, "--order", "newest", "--jobs", "1", job=job, server=server)
    t.exits(run, 0)
    t.equal(server.logins, ["a2", "a3", "a1", "a4"], "the order of the logins")


# -- what ends it all ----------------------------------------------------------


def wrong_here_and_there(t):
    """Thirty accounts on three servers; twelve passwords are wrong, never two in a row."""
    servers = [t.serve(house(people(name, 10, count=1))) for name in "abc"]
    wrong = [f"{name}{n}" for name in "abc" for n in (1, 3, 5, 7)]
    return servers, wrong, listed(t, *servers, wrong=wrong)


def scene_too_many_fail_alike(t):
    servers, wrong, path = wrong_here_and_there(t)
    job, run = extract(t, path, "--jobs", "1", "--order", "list", server=servers[0])
    t.exits(run, 2)
    told = t.one_event(job, 30203)
    t.matches(told.get("text", ""), "10 of 30 accounts failed alike .*more than 5 %.*--stop-if or --keep-going",
              "event 30203")
    t.equal(sum(user in wrong for s in servers for user in s.logins), 10, "logins that were refused")
    t.says(run, r"failed \(\d+ of them not tried\)")
    _, run = extract(t, path, "--jobs", "1", "--order", "list", "--stop-if", "50%", server=servers[0])
    t.exits(run, 2)
    t.says(run, "30 accounts: 18 complete, 0 complete with warnings, 12 failed")


def scene_keep_going(t):
    servers, wrong, path = wrong_here_and_there(t)
    job, run = extract(t, path, "--jobs", "2", "--order", "list", "--keep-going", server=servers[0])
    t.exits(run, 2)
    t.equal(job.events(30203), [], "nothing stops it")
    t.says(run, "30 accounts: 18 complete, 0 complete with warnings, 12 failed")
    whole(t, job, *servers, without=wrong)


def scene_refusals_in_a_row(t):
    """Five refused logins close a server, however many are tried at once."""
    bad, good = t.serve(house(people("a", 9))), t.serve(house(people("b", 2)))
    path = listed(t, bad, good, wrong=bad.accounts)
    job, run = extract(t, path, "--jobs", "8", server=bad)
    t.exits(run, 2)
    t.equal(len(bad.logins), 5, "refused logins")
    t.one_event(job, 30202)
    whole(t, job, good)
    t.says(run, r"11 accounts: 2 complete, 0 complete with warnings, 9 failed \(4 of them not tried\)")


def scene_something_in_the_way_of_one(t):
    """A link to nowhere, or a file, where the mail of one account belongs: the others go on."""
    def link(path):
        shutil.rmtree(path)
        os.symlink("/nonexistent/volume", path)

    def file_instead_of_cur(path):
        shutil.rmtree(os.path.join(path, "cur"))
        with open(os.path.join(path, "cur"), "w", encoding="ascii"):
            pass
    for spoil in (link, file_instead_of_cur):
        server = t.serve(house(people("a", 3)))
        path = listed(t, server)
        job, run = extract(t, path, server=server)
        t.exits(run, 0)
        for user, store in server.accounts.items():
            store["INBOX"].add(letter(user, 77), (), "07-Nov-2003 16:18:49 +0200")
        spoil(t.account_dir(job, 0))
        _, run = extract(t, path, "--jobs", "1", "--order", "list", job=job, server=server)
        t.exits(run, 2)
        t.says(run, r"\[1/3\] a1 on 127.0.0.1: failed: ")
        t.says(run, "3 accounts: 2 complete, 0 complete with warnings, 1 failed")


# -- which of them ----------------------------------------------------------------


def scene_some_of_the_list(t):
    server = t.serve(house(people("a", 4)))
    path = listed(t, server)
    job, run = extract(t, path, "--limit", "2", server=server)
    t.exits(run, 0)
    t.equal(server.logins and sorted(server.logins), ["a1", "a2"], "--limit")
    job, run = extract(t, path, "--only", "*3@*", "--only", "a4", server=server)
    t.exits(run, 0)
    t.equal(sorted(server.logins[2:]), ["a3", "a4"], "--only")
    job, run = extract(t, path, "--only", "nobody*", server=server)
    t.exits(run, 64)
    t.one_line_error(run)
    t.says(run, r"--only 'nobody\*': no account of the list has such a login")


def scene_lists_with_faults(t):
    """All of them are told at once, and nothing is contacted."""
    server = t.serve(house(people("a", 3)))
    url = server.url_of
    job, run = extract(t, table(t, f"source\n{url('a1')}\n"), server=server)
    t.exits(run, 65)
    t.says(run, "users.csv:2: password is empty, and there is no --password-file")
    text = f"source,password,since,dest\nimap//x,aaa,,\n{url('a1')},s3cret,,\n{url('a1')},s4cret,,\n" \
           f"{url('a2')},s5cret,yesterday-ish,\n" \
           f"{url('a3:s6cret')},,,\n{url('a4')},s7cret,,{url('b4:s8cret')}\n"
    job, run = extract(t, table(t, text), server=server)
    t.exits(run, 65)
    for line in (2, 4, 5, 6, 7):
        t.says(run, f"users.csv:{line}: ")
    t.says(run, "users.csv:7: column 4, dest: the user name in the URL has a ':'; a password has a column of its own")
    t.says(run, "5 faults; nothing was contacted")
    t.secret_free(job, run, *(f"s{n}cret" for n in range(3, 9)))
    t.ok(not os.path.exists(job.path), "nothing was made")
    run = t.imex("extract", server.url_of("a1"), "--users", listed(t, server), "--to", job)
    t.exits(run, 64)
    t.one_line_error(run)
    t.says(run, r"SOURCE on the command line \('imaps://a1@\S+'\) is one too many")
    t.exits(extract(t, "/none/users.csv", server=server)[1], 66)
    t.equal(server.connections, 0, "connections")


def scene_rows_that_leave_no_message(t):
    """A window of dates or sizes with nothing in it, by the row alone or with the command line."""
    server = t.serve(house(people("a", 4)))
    rows = [("2020-01-01", "2019-01-01", ""), ("", "", "10k"), ("2003-01-01", "2004-01-01", "1k"), ("2020-01-01", "", "")]
    text = "source,password,since,before,min_size\n" + "".join(
        f"{server.url_of(user)},{password_of(user)},{','.join(row)}\n"
        for user, row in zip(sorted(server.accounts), rows))
    job, run = extract(t, table(t, text), "--max-size", "5k", "--before", "2019-06-01", server=server)
    t.exits(run, 65)
    t.says(run, r"users.csv:2: column 4, before: --since is not before --before")
    t.says(run, r"users.csv:3: column 5, min-size: --min-size is larger than --max-size")
    t.says(run, r"users.csv:5: column 3, since: --since is not before --before")
    t.says(run, "3 faults; nothing was contacted")
    t.equal(server.connections, 0, "connections")


def scene_one_password_for_all(t):
    """A list without passwords takes that of the environment."""
    server = t.serve(house(people("a", 2)))
    text = "source\n" + "".join(f"{server.url_of(u)}\n" for u in server.accounts)
    job, run = extract(t, table(t, text), password=password_of("a1"), server=server)
    t.exits(run, 2)
    t.says(run, "2 accounts: 1 complete, 0 complete with warnings, 1 failed")


def scene_check_the_list(t):
    server = t.serve(house(people("a", 3)))
    server.crossly("a3", "NO [CONTACTADMIN] account suspended")
    rows = [(server.url_of("a1"), password_of("a1")), (server.url_of("a2"), "wr0ng-one"),
            (server.url_of("a3"), "x"), ("imaps://b@no-such-host.invalid/", "y")]
    path = table(t, "source,password\n" + "".join(f"{u},{p}\n" for u, p in rows))
    words = ["check", "--users", path, "--tries", "1", *t.options(server)]
    run = t.imex(*words, password=None)
    t.exits(run, 2)
    for says in (r"(?m)^a1@127.0.0.1 +ok +1 +3 ", r"(?m)^a2@127.0.0.1 +wrong password",
                 r"(?m)^a3@127.0.0.1 +locked", r"(?m)^b@no-such-host.invalid +host not found",
                 "(?m)^4 accounts: 1 ok, 1 wrong password, 1 locked, 1 host not found; 3 messages, "):
        t.says(run, says)
    t.ok(b"wr0ng-one" not in run.out + run.err, "no password is shown")
    t.read_only(server)
    run = t.imex(*words, "--json", password=None)
    t.exits(run, 2)
    found = {a["login"]: a for a in json.loads(run.out)["accounts"]}
    t.equal({k: a["state"] for k, a in found.items()},
            {"a1": "ok", "a2": "wrong password", "a3": "locked", "b": "host not found"}, "as JSON")
    t.equal((found["a1"]["folders"], found["a1"]["messages"], found["a1"]["bytes"]),
            (1, 3, sum(len(m.raw) for m in server.accounts["a1"]["INBOX"])), "what a1 has")


# -- limits of octets ----------------------------------------------------------------


def heavy(name, count, size):
    """An account whose messages have this size."""
    store = Store()
    for n in range(count):
        store["INBOX"].add((f"Subject: {n} {name}\r\n\r\n" + "x" * 70 + "\r\n").encode()
                           + (b"y" * 62 + b"\r\n") * ((size - 90) // 64))
    return store


def scene_rate(t):
    """60 KB at 20 KiB a second, of two accounts together; a second's worth may be saved up."""
    server = t.serve(house({u: heavy(u, 3, 10000) for u in ("a1", "a2")}))
    job, run = extract(t, listed(t, server), "--rate", "20k", server=server)
    t.exits(run, 0)
    whole(t, job, server)
    t.ok(run.seconds >= 1.9, "time that it takes", run.seconds)


def scene_so_much_a_day(t):
    if time.time() % 86400 > 86400 - 200:
        t.skip("the day is about to end")
    server = t.serve(house({"a1": heavy("a1", 6, 10000), "b1": heavy("b1", 1, 500)}))
    words = [listed(t, server), "--max-per-day", "25k", "--retry-delay", "100ms"]
    job, run = extract(t, *words, server=server, start=True)
    t.must(t.until(lambda: job.events(30201), 30), "it is told that a1 waits")
    told = t.one_event(job, 30201, account="a1")
    t.matches(told.get("text", ""), r"--max-per-day.*; goes on in ", "event 30201")
    t.must(t.until(lambda: re.search(r"b1@\S+: complete", t.imex("status", job).text), 30), "b1 goes on")
    t.matches(t.imex("status", job).text, r"a1@\S+: waiting until \S+, 2/\d+ messages", "status")
    run.signal(signal.SIGINT)
    t.exits(run.wait(), 75)
    asked = server.transcript.commands(r"UID FETCH .*BODY\.PEEK\[\]")
    t.ok(not [line for line in asked if re.search(r":[3-9]|\*", str(line))], "no more is asked for than the day leaves", asked)
    mark = server.transcript.mark()
    job, run = extract(t, *words, job=job, server=server, start=True)
    t.must(t.until(lambda: len(job.events(30201)) > 1, 30), "the same day it waits again")
    run.signal(signal.SIGINT)
    t.exits(run.wait(), 75)
    t.no_bodies(server.transcript.since(mark))
    job, run = extract(t, words[0], job=job, server=server)
    t.exits(run, 0)
    whole(t, job, server)


def scene_so_much_a_day_of_one_account(t):
    """It ends, and says that it waits until tomorrow; also into a server, and by several connections."""
    if time.time() % 86400 > 86400 - 200:
        t.skip("the day is about to end")
    for connections in ("1", "4"):
        store = heavy("a", 8, 10000)
        folder = store.add("More")
        for n in range(8):
            folder.add(f"Subject: {n}\r\n\r\n".encode() + (b"y" * 62 + b"\r\n") * 150)
        server = t.server(store)
        job, run = t.extract(server, "--max-per-day", "35k", "--connections", connections)
        t.exits(run, 75)
        t.one_line_error(run)
        t.says(run, r"--max-per-day")
        t.equal(len(t.mails(job)), 3, "messages of the first day")
        t.matches(t.imex("status", job).text, r": waiting until \S+Z, 3/\d+ messages", "status")
        mark = server.transcript.mark()
        run = t.extract(server, "--max-per-day", "35k", job=job)[1]
        t.exits(run, 75)
        t.no_bodies(server.transcript.since(mark))
        run = t.extract(server, job=job)[1]
        t.exits(run, 0)
        t.complete(job, server)
        t.no_doubles(job)


def scene_retry_keeps_the_limits(t):
    """What the run may ask of servers holds for its retry, too; what is given then wins."""
    server = t.serve(house({f"a{n}": heavy(f"a{n}", 3, 10000) for n in range(1, 7)}))
    right = listed(t, server)
    job, run = extract(t, listed(t, server, wrong=server.accounts), "--keep-going", "--jobs", "4", "--per-host", "2",
                       "--rate", "60k", server=server)
    t.exits(run, 77, 2)
    server.peak = 0
    words = ["retry", job, "--users", right, *t.options(server)]
    run = t.imex(*words, "--jobs", "4", password=None)
    t.exits(run, 0)
    whole(t, job, server)
    t.within(server.peak, (1, 2), "connections at once")
    t.ok(run.seconds >= 1.5, "time that it takes", run.seconds)
    server = t.server(heavy("b", 6, 10000))
    job, run = t.extract(server, "--max-per-day", "25k")
    t.exits(run, 75)
    mark = server.transcript.mark()
    t.exits(t.imex("retry", job, *t.options(server)), 75)
    t.no_bodies(server.transcript.since(mark))
    t.exits(t.imex("retry", job, "--max-per-day", "1M", *t.options(server)), 0)
    t.complete(job, server)


# -- counted ------------------------------------------------------------------------------


def numbers(path):
    """Of --metrics-file, by name and state."""
    with open(path, encoding="utf-8") as file:
        lines = [re.match(r'imex_(\w+)\{[^}]*?(?:state="(\w+)")?\} (\d+)$', line) for line in file]
    return {m[2] or m[1]: int(m[3]) for m in lines if m}


def scene_accounts_by_state(t):
    """The list itself is no account at work."""
    server = t.serve(house(people("a", 3)))
    server.crossly("a2", "NO [THROTTLED] Suggested Backoff Time: 400000 milliseconds")
    path = os.path.join(t.tmpdir("metrics"), "imex.prom")
    job, run = extract(t, listed(t, server), "--jobs", "1", "--order", "list", "--metrics-file", path,
                       server=server, start=True)
    t.must(t.until(lambda: "a3@127.0.0.1: complete" in t.imex("status", job).text, 30), "a3 is copied")
    states = {"queued": 0, "running": 0, "waiting": 1, "done": 2, "failed": 0}
    t.must(t.until(lambda: states.items() <= numbers(path).items(), 20), "one waits, and nobody is at work")
    server._cross.clear()
    run.signal(signal.SIGINT)
    t.exits(run.wait(), 75)
    job, run = extract(t, listed(t, server), "--metrics-file", path, job=job, server=server)
    t.exits(run, 0)
    got = numbers(path)
    t.equal({state: got[state] for state in states}, dict(states, waiting=0, done=3), "at the end")
    t.equal((got["messages"], got["messages_done"]), (9, 9), "messages")


def scene_counted_once(t):
    """A connection that is lost in the middle counts no message again."""
    path = os.path.join(t.tmpdir("metrics"), "imex.prom")
    for octets in (4000, 8000):
        server = t.server(heavy("a", 20, 400))
        server.cut_after(octets)
        job, run = t.extract(server, "--metrics-file", path)
        t.exits(run, 0)
        t.complete(job, server)
        got = numbers(path)
        t.equal((got["messages"], got["messages_done"], got["messages_stored_total"]), (20, 20, 20), "messages")


# -- stopped ------------------------------------------------------------------------------


def half_way(t, *words, folders=("INBOX",), **options):
    """A run that stands in the middle of two accounts; returns all that is needed."""
    server = t.serve(house(people("a", 5, count=8, folders=folders)))
    gates = {}

    @server.fetch(uid=5, item=r"BODY\.PEEK\[\]")
    def _(call):
        gate = gates.get(call.session.user)
        return [call.value[:80], gate, call.value[80:]] if gate and not gate.opened.is_set() else call.value
    gates["a1"], gates["a2"] = Gate(), Gate()
    path = listed(t, server)
    job, run = extract(t, path, "--jobs", "2", "--order", "list", *words, server=server, start=True, **options)
    for gate in gates.values():
        gate.must_be_reached(t, "imex asks for the fifth message", seconds=30 * imexrun.SCALE)
    return server, path, job, run, gates


def scene_interrupted(t):
    """The running accounts come to their end in order; the same command goes on."""
    server, path, job, run, gates = half_way(t)
    run.interrupt()
    for gate in gates.values():
        gate.open()
    t.exits(run.wait(), 75)
    t.says(run, "To go on with what is not complete: run the same command again")
    t.equal(sorted(server.logins), ["a1", "a2"], "no further account begins")
    status = t.imex("status", job).text
    t.equal((len(re.findall(r"(?m)^a[12]@\S+: interrupted", status)),
             len(re.findall(r"(?m)^a[345]@\S+: queued", status))), (2, 3), "status")
    goes_on(t, server, path, job)


def scene_retry_of_an_interrupted_list(t):
    """It works on the accounts that began and on those whose turn never came; passwords are the list's."""
    server, path, job, run, gates = half_way(t, "--exclude", "Archive", folders=("INBOX", "Archive"))
    run.interrupt()
    for gate in gates.values():
        gate.open()
    t.exits(run.wait(), 75)
    run = t.imex("retry", job, *t.options(server), "--users", path, password=None)
    t.exits(run, 0)
    for store in server.accounts.values():
        del store.folders["Archive"]        # the command left it out
    whole(t, job, server)
    t.equal([d for d in job.account_dirs() if "Archive" in " ".join(os.listdir(os.path.join(job.mail, d)))], [],
            "accounts with what the command left out")
    run = t.imex("retry", job, *t.options(server))
    t.exits(run, 0)
    t.says(run, "Nothing to retry: all is complete")
    run = t.imex("retry", job, "--json", *t.options(server))
    t.exits(run, 0)
    t.equal(json.loads(run.out), job.report(), "nothing to retry, for programs")


def scene_killed(t):
    server, path, job, run, gates = half_way(t)
    run.signal(signal.SIGKILL)
    run.wait()
    for gate in gates.values():
        gate.open()
    goes_on(t, server, path, job)


def goes_on(t, server, path, job):
    job, run = extract(t, path, job=job, server=server)
    t.exits(run, 0)
    whole(t, job, server)
    t.no_doubles(job)
    before = t.tree(job)
    mark = server.transcript.mark()
    job, run = extract(t, path, job=job, server=server)
    t.exits(run, 0)
    t.no_bodies(server.transcript.since(mark))
    t.same_tree(before, job, "a further run changes nothing")


def scene_a_report_of_many_that_never_began(t):
    """Their entries have neither folders nor warnings, and are more than is kept in memory of a report."""
    server = t.script(lambda s: s.send(Stall))
    path = table(t, "source,password\n" + "".join(
        f"imap://a-name-that-is-as-long-as-an-address-of-a-department-{n}@127.0.0.1:{server.port}/,x\n"
        for n in range(30000)))
    job, run = extract(t, path, "--jobs", "1", server=server, start=True, timeout=60)
    t.must(t.until(lambda: server.transcript.entries), "it has begun")
    t.exits(run.signal().wait(), 75)
    with open(os.path.join(job.path, "report.json"), encoding="utf-8") as file:
        accounts = json.load(file)["accounts"]
    t.equal((len(accounts), {a["status"] for a in accounts[1:]}), (30000, {"queued"}), "accounts of the report")


def scene_status_of_a_run(t):
    """queued, running, waiting and done, while it goes on."""
    busy, server = t.serve(house(people("a", 1))), t.serve(house(people("b", 3)))
    busy.crossly("a1", "NO [THROTTLED] Suggested Backoff Time: 400000 milliseconds")
    gate = Gate()
    server.fetch(uid=2, item=r"BODY\.PEEK\[\]", reply=lambda f: [f.value[:60], gate, f.value[60:]]
                 if f.session.user == "b2" else f.value)
    job, run = extract(t, listed(t, busy, server), "--jobs", "1", "--order", "list", server=server, start=True)
    gate.must_be_reached(t, "imex asks for the mail of b2", seconds=30 * imexrun.SCALE)
    text = t.imex("status", job).text
    for says in (r"a1@\S+: waiting until 20\S+Z, .*Suggested Backoff Time", r"b1@\S+: complete, 3/3 messages",
                 rf"b2@\S+: running \(process {run.pid}\)", r"b3@\S+: queued"):
        t.matches(text, "(?m)^" + says, "status")
    told = json.loads(t.imex("status", job, "--json").out)
    t.equal(told["process"], run.pid, "the process")
    t.equal({a["account"][:2]: a["status"] for a in told["accounts"]},
            {"a1": "waiting", "b1": "done", "b2": "running", "b3": "queued"}, "status --json")
    t.equal({a["account"][:2]: a["retry_at"] is not None for a in told["accounts"]},
            {"a1": True, "b1": False, "b2": False, "b3": False}, "who has a time to wait for")
    gate.open()
    t.must(t.until(lambda: "b3@127.0.0.1: complete" in t.imex("status", job).text, 30), "b3 is copied")
    run.signal(signal.SIGINT)
    t.exits(run.wait(), 75)
    t.equal(len(busy.logins), 1, "logins of a1")


def scene_status_of_a_killed_run(t):
    """What a server asked for holds until its time is past; then nobody waits."""
    server = t.serve(house(people("a", 1)))
    server.crossly("a1", "NO [THROTTLED] Suggested Backoff Time: 4000 milliseconds", 2)
    job, run = extract(t, listed(t, server), "--retry-delay", "4s", server=server, start=True)
    waits = r"(?m)^a1@\S+: waiting until 20\S+Z, "
    t.must(t.until(lambda: re.search(waits, t.imex("status", job).text), 30), "it waits")
    run.signal(signal.SIGKILL)
    run.wait()
    t.says(t.imex("status", job), waits)
    t.must(t.until(lambda: re.search(r"(?m)^a1@\S+: unfinished, .*Suggested Backoff Time", t.imex("status", job).text), 30),
           "then it is unfinished")
    told = json.loads(t.imex("status", job, "--json").out)["accounts"][0]
    t.equal((told["words"], told["retry_at"] is not None), ("unfinished", True), "status --json")
    run = extract(t, listed(t, server), "--retry-delay", "100ms", job=job, server=server)[1]
    t.exits(run, 0)


# -- the history --------------------------------------------------------------------------


def scene_the_history_can_be_run_again(t):
    """Of a list and of a retry the command line is kept as it was said."""
    server = t.serve(house(people("a", 2)))
    job, run = extract(t, listed(t, server), "--exclude", "it's not there", server=server)
    t.exits(run, 0)
    said = shlex.split(job.report()["runs"][-1]["command_line"])
    t.equal(said[0], "extract", "the command")
    t.exits(t.imex(*said, password=None), 0)
    server.crossly("a1", "NO [AUTHENTICATIONFAILED] no", 1)
    t.exits(t.imex(*said, password=None), 2)
    for _ in range(2):
        t.imex("retry", job, *t.options(server), password=password_of("a1"))
        t.equal(shlex.split(job.report()["runs"][-1]["command_line"])[:2], ["retry", str(job)], "the retry")
