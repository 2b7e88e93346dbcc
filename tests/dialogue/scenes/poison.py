"""Messages that a server cannot give, in whatever way it says so: all others come, the run ends with 2, and when the
server is well again so does the rest."""

import maildir
from scene import *

BODY = r"UID FETCH \S+ .*(BODY|RFC822)(?!\.SIZE)"
COUNT = 10
SETS = ({1}, {5}, {10}, {1, 2}, {9, 10}, {1, 5, 10}, set(range(1, 10)), set(range(2, 11)), {1, 3, 5, 7, 9}, set(range(1, 11)))


def before(call, first):
    """What a server gives of a window before it comes to the message that it cannot read."""
    return [b"* %d FETCH (UID %d BODY[] {%d}\r\n%s)\r\n" % (n, m.uid, len(m.raw), m.raw)
            for n, m in enumerate(call.session.view, 1)
            if m.uid < first and m.uid in set(numbers(call.text.split()[2])) and "(BODY.PEEK[])" in call.text]


def poison(t, bad, answer, partial):
    server = t.server(sample(("INBOX", "Work"), count=COUNT))

    @server.on(BODY)
    def _(call):
        struck = bad & set(numbers(call.text.split()[2]))
        if call.session.folder.name != "INBOX" or not struck:
            return call.normal()
        end = [call.tagged(answer)] if isinstance(answer, str) else answer
        return [*(before(call, min(struck)) if partial else ()), *end]
    job, run = t.extract(server, timeout=100)
    what = f"{answer}, {sorted(bad)}, {'those before come' if partial else 'none comes'}"
    t.must(run.code == 2, f"the run ends with 2: {what}", run.describe())
    have = [{m.uid for m in maildir.messages(t.account_dir(job), folder) if m.identity} for folder in ("", ".Work")]
    t.must(have == [set(range(1, COUNT + 1)) - bad, set(range(1, COUNT + 1))], f"all others are there: {what}", have)
    server.clear()
    t.must(t.extract(server, job=job)[1].code in (0, 1), f"the next run ends well: {what}")
    t.complete(job, server)


def of_answer(answer):
    def scene(t):
        for bad in SETS:
            for partial in (False, True):
                poison(t, bad, answer, partial)
    return scene


scene_bad = of_answer("BAD cannot read message")
scene_no = of_answer("NO [SERVERBUG] cannot read message")
scene_ok_and_nothing = of_answer("OK FETCH completed")


@quirk(34)
def scene_connection_ends(t):
    """Also where a window gives nothing before it: then messages are asked for one by one."""
    for bad, partial in (({5}, False), ({10}, True), ({1, 2}, False)):
        poison(t, bad, [Cut], partial)


@quirk(34)
def scene_connection_ends_at_all(t):
    """No message of the first folder can be had; the next one is read all the same."""
    poison(t, set(range(1, COUNT + 1)), ["* BYE internal error\r\n", Cut], False)


def unreadable(server, bad, folders=("INBOX", "Work")):
    """As Dovecot: what has to open the message ends the connection, its size as well as its octets."""
    @server.on(r"UID FETCH .*(BODY|RFC822)")
    def _(call):
        folder = call.session.folder
        if folder is None or folder.name not in folders:
            return call.normal()
        last = max(m.uid for m in call.session.view)
        if not bad & set(numbers(call.text.split()[2].replace("*", str(last)))):
            return call.normal()
        return ["* BYE FETCH failed: Internal error occurred.\r\n", Cut]


def stored(t, job, folder):
    return {m.uid for m in maildir.messages(t.account_dir(job), folder) if m.identity}


@quirk(34)
def scene_size_cannot_be_told(t):
    """The listing ends the connection, too: it goes without the sizes, and the folder is not lost for one message."""
    server = t.server(sample(("INBOX", "Work"), count=COUNT))
    unreadable(server, {5}, ("INBOX",))
    job, run = t.extract(server, timeout=100)
    t.must(run.code == 2, "the run ends with 2", run.describe())
    everything = set(range(1, COUNT + 1))
    t.equal([stored(t, job, f) for f in ("", ".Work")], [everything - {5}, everything], "all others are there")
    t.verdict(job, "INBOX", 5, "failed")
    t.equal(len(job.events(30086)), 1, "it is told once")
    for more in ((), ("--deep",)):
        verify = t.imex("verify", job, server.url(), *more, *t.options(server))
        t.exits(verify, 1)
        t.says(verify, r"explained +usuario INBOX UID 5: message not copied: failed: the connection was lost")
        t.says(verify, r"19 messages in 2 folders .*: 0 different, 1 more explained")
    t.ok(all("RFC822.SIZE" in c for c in server.transcript.commands(r"UID FETCH \S+ .*INTERNALDATE")
             [-1:]), "the next folder is listed with sizes")
    server.clear()
    t.must(t.extract(server, job=job)[1].code in (0, 1), "when the server is well again the next run ends well")
    t.complete(job, server)
    t.equal([w for w in job.report()["accounts"][0].get("warnings", []) if w["event"] == 30086], [], "and the warning falls")


@quirk(34)
def scene_many_of_them_and_later_runs(t):
    """More than may be met in a row: each run gets past them, quickly, to what is new behind them."""
    bad = set(range(3, 17))
    server = t.server(sample(("INBOX", "Zoo"), count=18))
    unreadable(server, bad)
    job, run = t.extract(server, timeout=100)
    t.must(run.code == 2, "the run ends with 2", run.describe())
    for number in range(2):
        server.store["Zoo"].add(letter("Zoo", 100 + number))
        run = t.extract(server, job=job, timeout=100)[1]
        t.must(run.code == 2, "a later run ends with 2", run.describe())
        t.equal([len(stored(t, job, f)) for f in ("", ".Zoo")], [4, 19 + number], "what is new is there")
        t.equal(job.events(30023), [], "no folder failed")
    server.clear()
    t.must(t.extract(server, job=job)[1].code in (0, 1), "when the server is well again the next run ends well")
    t.complete(job, server)


def scene_verify_goes_on_behind_a_folder_that_cannot_be_read(t):
    """The others are compared, and it is not called gone."""
    server = t.server(sample(("INBOX", "Mute", "Work"), count=COUNT))
    job, run = t.extract(server)
    t.exits(run, 0)
    server.store["Work"].flag(3, "\\Flagged")
    unreadable(server, {3}, ("INBOX",))
    server.on(r"EXAMINE .?Mute", "$TAG NO [NOPERM] Permission denied\r\n")
    verify = t.imex("verify", job, server.url(), "--deep", *t.options(server))
    t.exits(verify, 2)
    t.says(verify, r"DIFFERENT +usuario INBOX: folder cannot be read on the server: .*FETCH failed")
    t.says(verify, r"DIFFERENT +usuario Mute: folder cannot be read on the server: .*Permission denied")
    t.says(verify, r"DIFFERENT +usuario Work UID 3: flags differ")


def scene_verify_of_a_server_that_always_ends(t):
    """It does not go on for ever."""
    names = tuple(f"F{n}" for n in range(40))
    server = t.server(sample(names, count=2))
    job, run = t.extract(server)
    t.exits(run, 0)
    server.on(r"UID FETCH", ["* BYE internal error\r\n", Cut])
    t.exits(t.imex("verify", job, server.url(), *t.options(server), timeout=100), 69)


def scene_check_goes_on_behind_it(t):
    """A form is looked for in the next folder."""
    server = t.server(sample(("INBOX", "Work"), count=COUNT))
    unreadable(server, set(range(1, COUNT + 1)), ("INBOX",))
    check = t.imex("check", server.url(), *t.options(server))
    t.exits(check, 0)
    t.says(check, r"INBOX +10 .*REFUSED\n +the server says: .*FETCH\n? +failed")
    t.says(check, r"Work +10")
    t.says(check, r"Mail form +BODY\.PEEK\[\]")
