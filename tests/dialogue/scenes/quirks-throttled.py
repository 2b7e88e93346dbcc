"""Servers that limit: messages a command, octets a day, or for a while everything."""

from scene import *
from people import *
import imexrun

BODIES = r"UID FETCH .*BODY"
PATIENT = ["--retry-delay", "100ms", "--tries", "4", "--jobs", "1"]


def extract(t, server, *args, job=None):
    job = job or Job(t)
    run = t.imex("extract", "--users", listed(t, server), "--to", job, *PATIENT, *ONE, *t.options(server), *args,
                 password=None, timeout=60)
    return job, run


def whole(t, job, server):
    for at, (user, store) in enumerate(sorted(server.accounts.items())):
        t.equal(len(maildir.messages(t.account_dir(job, at), "")), len(store["INBOX"].messages), f"the mail of {user}")


def limited(t, answer, count=12, after=1, times=1):
    """One account of two meets the answer in the middle of its bodies; both are complete in the end."""
    server = t.serve(house(people("a", 2, count=count)))
    server.on(BODIES, answer, times=times, after=after)
    job, run = extract(t, server)
    t.exits(run, 0)
    whole(t, job, server)
    t.equal([e["text"] for e in job.events() if e["level"] == "error"], [], "errors")
    t.equal([e["account"] for e in job.events(30201)], ["a1"] * len(job.events(30201)), "who was told to wait")
    t.equal(sorted({a["status"] for a in job.report()["accounts"]}), ["done"], "none has failed")
    t.read_only(server)
    return server, job, run


@quirk(44, 19)
def scene_small_windows(t):
    """Yahoo and Outlook.com fail when a FETCH names many messages: 200 at most are asked for."""
    server = t.server(sample(("INBOX",), count=450), greeting="* OK Yahoo IMAP4 ready\r\n")
    server.on(BODIES, lambda call: None if len(named(call.text)) <= 200 else "$TAG NO too many messages\r\n")
    job, run = t.extract(server)
    t.exits(run, 0)
    t.complete(job, server)
    most = max(len(named(c)) for c in server.transcript.commands(BODIES))
    t.ok(100 < most <= 200, "messages in one FETCH", most)


def named(command):
    """The UIDs of a UID FETCH."""
    uids = set()
    for part in command.split()[2].split(","):
        low, _, high = part.partition(":")
        uids |= set(range(int(low), int(high or low) + 1))
    return uids


@quirk(10)
def scene_backoff_time(t):
    """The time is told in text alone, as Exchange Online does; it is waited for, and shown."""
    server, job, run = limited(t, "$TAG BAD Request is throttled. Suggested Backoff Time: 299 milliseconds\r\n", after=0)
    t.one_event(job, 30201, account="a1", text=re.compile(r"waiting 0:0\d, the server asked for 0\.3 s"))
    t.says(run, "Suggested Backoff Time: 299 milliseconds")


@quirk(10)
def scene_backoff_time_with_bye(t):
    limited(t, ["* BYE Session invalidated. Suggested Backoff Time: 299 milliseconds\r\n", Cut], after=0)


@quirk(1)
def scene_so_many_octets_a_day(t):
    """Gmail: [OVERQUOTA] and BYE after some messages; the other account goes on, nothing comes twice."""
    server, job, run = limited(t, ["* BYE [OVERQUOTA] Account exceeded command or bandwidth limits.\r\n", Cut])
    t.one_event(job, 30201, account="a1")
    came = re.findall(r"\* \d+ FETCH \(UID \d+ BODY", server.transcript.sent().decode("latin-1"))
    t.ok(len(came) <= 2 * 12 + 1, "at most the one that was cut came twice", len(came))


@quirk(19, 46)
def scene_yahoo(t):
    """[LIMIT] and BYE, then [UNAVAILABLE]: later each time, and an end."""
    server = t.serve(house(people("a", 2, count=12)))
    server.on(BODIES, ["$TAG NO [LIMIT] UID FETCH Rate limit hit\r\n", "* BYE rate limit\r\n", Cut], times=1)
    server.on(BODIES, "$TAG NO [UNAVAILABLE] UID FETCH Server error - Please try again later\r\n", times=2, after=1)
    job, run = extract(t, server)
    t.exits(run, 0)
    whole(t, job, server)
    t.within(len(job.events(30201)), range(1, 4), "waits")
    t.equal([e["text"] for e in job.events() if e["level"] == "error"], [], "errors")


@quirk(19, "8b")
def scene_never_again(t):
    """A server that says so for ever is left in peace longer each time; what came stays, nothing comes twice."""
    server = t.serve(house(people("a", 1, count=12)))
    server.on(BODIES, "$TAG NO [LIMIT] Rate limit hit\r\n", after=1)
    job = Job(t)
    words = ["extract", "--users", listed(t, server), "--to", job, *PATIENT, *ONE, *t.options(server)]
    run = imexrun.start(t, *words, password=None, timeout=60)
    t.must(t.until(lambda: os.path.exists(job.path) and len(job.events(30201)) >= 2), "it waits", run.describe())
    run.signal().wait()
    t.exits(run, 75)
    t.within(server.transcript.count(BODIES), range(2, 8), "no tight loop")
    server.clear()
    mark = server.transcript.mark()
    t.exits(t.imex(*words, password=None), 0)
    whole(t, job, server)
    again = server.transcript.since(mark)
    t.within(again.count(r"UID FETCH .*INTERNALDATE"), range(0, 2), "one listing of the folder")
    t.ok(1 not in set().union(*map(named, again.commands(BODIES))), "what is there is not asked for again")


@quirk("8b")
def scene_opening_fails_for_a_while(t):
    """WorkMail: EXAMINE fails when the bandwidth is used up; the folder is tried again, the account ends well."""
    server = t.serve(house(people("a", 2)))
    server.on(r"EXAMINE", "$TAG NO [UNAVAILABLE] Bandwidth limit, try again later\r\n", times=2)
    job, run = extract(t, server)
    t.exits(run, 0)
    whole(t, job, server)


@quirk(24)
def scene_not_available_for_a_while(t):
    """iCloud says so without a code: the messages are asked for again, alone, and all come."""
    server = t.server(sample(("INBOX",), count=12))
    server.on(BODIES, "$TAG NO Service temporarily unavailable\r\n", times=2)
    job, run = t.extract(server)
    t.exits(run, 0, 1)
    t.complete(job, server)


@quirk("8b")
def scene_grown_slow(t):
    """Quick at first, then a message now and then: a new connection, on which less is asked for at a time."""
    server = t.server(sample(("INBOX",), count=600))
    dull = [0]

    @server.fetch(item=r"BODY\.PEEK\[\]$")
    def _(f):
        if f.session.wire.number > 1 or f.message.uid <= 250:
            return f.value
        dull[0] += 1
        return [Pause(1.5), f.value]
    job, run = t.extract(server, "--timeout", "8s", timeout=100)
    t.exits(run, 0)
    t.complete(job, server)
    t.no_doubles(job)
    t.equal(server.connections, 2, "connections")
    t.ok(1 <= dull[0] <= 15, f"messages that came slowly: {dull[0]}")
    told = job.events(30016)
    t.ok(len(told) == 1 and "limits bandwidth" in told[0]["text"], "it is told once", told)
    t.equal(server.transcript.count(r"UID FETCH \S+ \((UID )?FLAGS INTERNALDATE", 2), 0, "listings once more")
    largest = max(int(b) - int(a) + 1 for a, b in
                  (re.match(r"UID FETCH (\d+):(\d+)", text).groups()
                   for text in server.transcript.commands(r"UID FETCH \d+:\d+ \(BODY", 2)))
    t.ok(largest <= 50, f"messages of one command on the second: {largest}")


THROTTLED = "$TAG NO [THROTTLED] slow down. Suggested Backoff Time: 300 milliseconds\r\n"


def folders(job):
    return [f for account in job.report()["accounts"] for f in account["folders"]]


def scene_told_to_wait_at_the_folders(t):
    """Any command of the first flight: it is asked again later, as it was, and nothing is learnt from it."""
    for command, caps in (("LIST", None), ("LIST", "NAMESPACE"), ("LSUB", "NAMESPACE"), ("NAMESPACE", None),
                          ("STATUS", "NAMESPACE")):
        server = t.serve(house(people("a", 2, folders=("INBOX", "Work")), **({"caps": caps} if caps else {})))
        server.on(command, THROTTLED, times=1)
        job, run = extract(t, server)
        t.exits(run, 0)
        whole(t, job, server)
        t.one_event(job, 30201, account="a1", text=re.compile(r"waiting 0:0\d, the server asked for 0\.3 s"))
        t.equal(job.events(14002), [], "refusals")
        t.equal([f["subscribed"] for f in folders(job)], [True] * 4, "subscribed")
        if caps is None:
            t.equal(server.transcript.count('LIST "" "\\*"$'), 0, "the older ways")


def scene_told_to_wait_level_by_level(t):
    """What is asked for in another way waits as well, and no folder is lost by it."""
    server = t.serve(house(people("a", 1, folders=("INBOX", "Work", "Work/2003")), caps="NAMESPACE"))
    server.on(r'LIST "" "?\*', "$TAG NO cannot open a mount point\r\n")
    server.on(r'LIST "" "?Work/%', THROTTLED, times=1)
    job, run = extract(t, server)
    t.exits(run, 1)
    t.equal(sorted(f["name"] for f in folders(job)), ["INBOX", "Work", "Work/2003"], "folders")
    t.one_event(job, 30201, account="a1")


def scene_later_is_no_quirk(t):
    """LIST with RETURN is refused for now, without a time: the older way, and the next run asks as before, and has nothing to
    warn of."""
    server = t.server(sample(("INBOX", "Work"), count=2))
    server.on("LIST .*RETURN", "$TAG NO [UNAVAILABLE] later\r\n", times=1)
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)
    mark = server.transcript.mark()
    t.exits(t.extract(server, job=job)[1], 0)
    t.equal(server.transcript.since(mark).count("LIST .*RETURN"), 1, "LIST with RETURN")


def scene_one_account_waits_for_its_folders(t):
    """Without a list the run waits itself."""
    server = t.server(sample(("INBOX", "Work"), count=2))
    server.on("LIST", THROTTLED, times=1)
    job, run = t.extract(server)
    t.exits(run, 0)
    t.complete(job, server)
    t.one_event(job, 30015)


@quirk(10, 46)
def scene_told_to_wait_in_other_words(t):
    """BAD, or a time beside any code: it is waited for, and no form of asking is given up."""
    for command, answer in (("UID SEARCH", "NO [INUSE] later"),
                            (r"UID FETCH .*INTERNALDATE", "BAD [UNAVAILABLE] later"),
                            (r"UID FETCH .*INTERNALDATE", "BAD Suggested Backoff Time: 10 milliseconds"),
                            (BODIES, "NO [ALERT] slow down. Suggested Backoff Time: 10 milliseconds"),
                            ("AUTHENTICATE", "NO [X-LATER] Suggested Backoff Time: 10 milliseconds")):
        server = t.serve(house(people("a", 1)))
        server.on(command, f"$TAG {answer}\r\n", times=1)
        job, run = extract(t, server)
        t.exits(run, 0)
        whole(t, job, server)
        t.one_event(job, 30201, account="a1")
        t.equal(job.events(14002), [], "refusals")


@quirk(10)
def scene_a_hint_of_days(t):
    """It is believed for an hour, of a list as of one account; so is one that fits no number."""
    for ms in (36000000, 3600000000, 10 ** 30):
        server = t.serve(house(people("a", 1)))
        server.on("EXAMINE", f"$TAG BAD Suggested Backoff Time: {ms} milliseconds\r\n")
        job = Job(t)
        run = imexrun.start(t, "extract", "--users", listed(t, server), "--to", job, *PATIENT, *ONE, *t.options(server),
                            password=None)
        t.must(t.until(lambda: os.path.exists(job.path) and job.events(30201)), "it waits", run.describe())
        t.one_event(job, 30201, text=re.compile("waiting 1:00:0"))
        t.exits(run.signal().wait(), 75)
