#!/usr/bin/env python3
"""live.py SERVER [TEST...]: imex against a real server (dovecot, cyrus, courier, or a variant).

One server is started, filled (mailbox.py), extracted and looked at from all sides.
What the server serves is seen by a client that shares no code with imex. The tests
of one file build on one another in their order: the second run needs the first.
"""

import json
import os
import re
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import maildir  # noqa: E402
import mailbox  # noqa: E402  (ours, not the library's)
import readers  # noqa: E402
import servers  # noqa: E402
import tap      # noqa: E402
from client import instant, mutf7, unselectable  # noqa: E402
from imexrun import PASSWORD, Job, run, start  # noqa: E402
from proxy import Proxy  # noqa: E402

USER = "ana-lopez"
LETTERS = {"\\Draft": "D", "\\Flagged": "F", "\\Answered": "R", "\\Seen": "S", "\\Deleted": "T"}
MAILDIR_KEYWORDS = 26       # letters a to z
BODY_ITEM = r".*\b(BODY(\.PEEK)?\[|RFC822(?!\.SIZE)|BINARY)"


class Stage:
    """The server, what was put on it, and the job that most tests look at."""

    def __init__(self, name):
        self.server = {**servers.ALL, **servers.VARIANTS}[name]()
        self.loaded = self.proxy = None

    def __enter__(self):
        self.server.start()
        self.server.add_user(USER, PASSWORD)
        with self.client() as client:
            self.loaded = mailbox.load(self.server, client, mailbox.plan())
        with self.client() as client:
            self.before = {name: client.status(name) for name in self.selectable(client)}
        self.proxy = Proxy(self.server.port).__enter__()
        return self

    def __exit__(self, *_):
        if self.proxy:
            self.proxy.__exit__()
        self.server.stop()

    def client(self):
        return self.server.client(USER, PASSWORD)

    def dir(self, name):
        """A place that goes away with the server."""
        return os.path.join(self.server.dir, name)

    @property
    def url(self):
        """The account as seen through the proxy."""
        return self.server.url(USER, port=self.proxy.port)

    def extract(self, t, to, *args):
        self.proxy.reset()
        t.context(self.server.name, self.server.describe)
        return run(t, "extract", self.url, "--to", to, "--insecure-plaintext", *args, timeout=120)

    @property
    def job(self):
        """The job directory that most tests look at."""
        return self.dir("job")

    def tree(self, job):
        """The account's Maildir in a job directory."""
        return os.path.join(job, "mail", self.server.account(USER, self.proxy.port))

    @staticmethod
    def selectable(client):
        return sorted(name for name, attrs in client.folders().items() if not unselectable(attrs))


def maildir_name(server, wire):
    """The Maildir++ directory of a folder, by rules.md 3.3."""
    if wire.upper() == "INBOX":
        return ""
    def escaped(level):
        level = re.sub(r"[./\\]", lambda c: "\\%02x" % ord(c.group()), level)
        return re.sub("^~", r"\\7e", level)
    path = wire[len(server.prefix):] if wire.startswith(server.prefix) else wire
    return "".join("." + escaped(level) for level in path.split(server.delimiter))


def sidecar(tree, folder):
    """uid -> the last line of folder.jsonl about it."""
    rows = {}
    with open(os.path.join(tree, folder, "folder.jsonl"), encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if "uid" in row:
                rows[row["uid"]] = row
    return rows


def compare_folder(t, tree, where, validity, served):
    """Files of one folder against the messages that the server serves."""
    files = maildir.messages(tree, where)
    t.equal([(m.validity, m.uid) for m in files], [(validity, m.uid) for m in served],
            f"{where or 'INBOX'}: the UIDs are the server's")
    names = maildir.keywords(tree, where)
    beside = sidecar(tree, where) if files else {}
    wrong = []
    for file, message in zip(files, served):
        letters = "".join(sorted(c for f, c in LETTERS.items() if f in message.flags))
        keywords = {f for f in message.flags if f not in LETTERS}
        in_name = {names.get(c, f"letter {c}") for c in file.flags if c.islower()}
        if len(names) == MAILDIR_KEYWORDS and in_name <= keywords:
            left = keywords - in_name
            if all(k in json.dumps(beside.get(file.uid)) for k in left):
                in_name |= left
        checks = {
            "bytes": file.wire == message.body,
            "S= and W=": (file.size, file.wire_size) == (len(file.data), len(message.body)),
            "flags": "".join(c for c in file.flags if c.isupper()) == letters,
            "keywords": in_name == keywords,
            "date in the name": file.date == instant(message.date),
            "mtime": file.mtime == instant(message.date),
            "sidecar digest": message.digest in json.dumps(beside.get(file.uid)),
        }
        wrong += [f"{file.name}: {what}" for what, good in checks.items() if not good]
    t.equal(wrong, [], f"{where or 'INBOX'}: each message is as the server has it")


def compare(t, stage, job):
    """The whole account against the whole tree."""
    tree = stage.tree(job)
    with stage.client() as client:
        names = stage.selectable(client)
        t.equal(sorted(maildir.folders(tree)),
                sorted(maildir_name(stage.server, n) for n in names), "the folders are the server's")
        for name in names:
            validity = client.status(name)["uidvalidity"]
            compare_folder(t, tree, maildir_name(stage.server, name), validity, client.messages(name))


# -- the tests ---------------------------------------------------------------

def test_check_describes_the_account_and_changes_nothing(t, stage):
    done = run(t, "check", stage.url, "--insecure-plaintext")
    t.within(done.code, (0, 1), "imex check succeeds")
    t.matches(done.text, "(?i)" + stage.server.name, "it names the product")
    with stage.client() as client:
        t.equal({n: client.status(n) for n in stage.selectable(client)}, stage.before, "nothing changed")


def test_extract_copies_every_message(t, stage):
    done = stage.extract(t, stage.job)
    t.equal(done.code, 1, "complete, and the plain text is a warning")
    with stage.client() as client:
        t.equal({n: client.status(n) for n in stage.selectable(client)}, stage.before,
                "recent, unseen and next UIDs of the source are what they were")
    compare(t, stage, stage.job)
    t.equal(stage.proxy.commands(r"(UID )?(STORE|EXPUNGE)|SELECT|CLOSE|APPEND"), [], "no command that writes was sent")


def test_flags_on_the_source_are_the_ones_put_there(t, stage):
    with stage.client() as client:
        for name, rows in stage.loaded.messages.items():
            t.equal([m.flags for m in client.messages(name, bodies=False)],
                    [frozenset(flags) for flags, _, _ in rows], f"flags of {name}")


def test_verify_proves_the_copy(t, stage):
    t.equal(run(t, "verify", stage.job).code, 0, "the copy by itself")
    done = run(t, "verify", stage.job, stage.url, "--insecure-plaintext")
    t.equal(done.code, 0, "the copy against the listing of the source")
    done = run(t, "verify", stage.job, stage.url, "--deep", "--insecure-plaintext", timeout=120)
    t.equal(done.code, 0, "the copy against the bytes of the source")
    with stage.client() as client:
        t.equal({n: client.status(n) for n in stage.selectable(client)}, stage.before, "the source is unchanged")


def test_status_and_report_agree_with_the_server(t, stage):
    t.within(run(t, "status", stage.job).code, (0, 1), "imex status succeeds")
    job = Job(t, stage.job)
    report = job.report()
    folders = {mutf7(f["name"]): f for f in report["accounts"][0]["folders"]}
    for name, rows in stage.loaded.messages.items():
        t.equal(folders.get(name, {}).get("listed"), len(rows), f"messages of {name} in the report")
    t.ok(not job.events(14002), "no command was refused")


def test_second_run_transfers_no_body(t, stage):
    tree = maildir.tree(stage.tree(stage.job))
    done = stage.extract(t, stage.job)
    t.equal(done.code, 1, "complete again")
    t.equal(stage.proxy.commands(BODY_ITEM), [], "no body was asked for")
    t.ok(stage.proxy.down < 100000, f"{stage.proxy.down} octets came")
    folders = len(stage.before)
    t.ok(stage.proxy.turns <= 2 * folders + 8, f"{stage.proxy.turns} round trips for {folders} folders",
         *stage.proxy.commands())
    t.equal(maildir.differences(tree, maildir.tree(stage.tree(stage.job))), [], "the tree is the same")


def test_killed_and_resumed_equals_undisturbed(t, stage):
    stage.extract(t, stage.dir("whole"))
    total = stage.proxy.down
    whole = maildir.tree(os.path.join(stage.dir("whole"), "mail"))
    for part in (0.02, 0.2, 0.5, 0.9, 0.995):
        job = stage.dir(f"killed-{part}")
        stage.proxy.reset()
        process = start(t, "extract", stage.url, "--to", job, "--insecure-plaintext", timeout=120)
        stage.proxy.strike(int(total * part), os.kill, process.pid, signal.SIGKILL)
        t.equal(process.wait().code, -signal.SIGKILL, f"killed after {part:.1%} of the octets")
        t.equal(stage.extract(t, job).code, 1, "the same command again completes")
        t.equal(maildir.differences(whole, maildir.tree(os.path.join(job, "mail")), ("whole", "resumed")), [],
                f"killed after {part:.1%}: the tree of an undisturbed run")
        t.equal(run(t, "verify", job).code, 0, "and it verifies")


def test_interrupted_says_how_to_go_on(t, stage):
    job = stage.dir("interrupted")
    stage.proxy.reset()
    process = start(t, "extract", stage.url, "--to", job, "--insecure-plaintext", timeout=120)
    stage.proxy.strike(2000000, os.kill, process.pid, signal.SIGINT)
    t.equal(process.wait().code, 75, "told to stop, it stops and says so")
    t.matches(process.text, "(?i)again|continue|resume", "and how to go on")
    t.equal(stage.extract(t, job).code, 1, "the same command completes")
    compare(t, stage, job)


def test_changes_on_the_source_arrive(t, stage):
    many, flags = (stage.server.folder(n) for n in ("Many", "Flags"))
    with stage.client() as client:
        client.store(many, "1:10", r"+FLAGS (\Flagged \Seen)")
        client.store(flags, "5", r"FLAGS ($Forwarded)")
        client.store(flags, "40:50", r"-FLAGS (\Seen)")
        client.append(many, mailbox.note(900, "late"), ["\\Draft"], mailbox.DATES[6])
        client.append("INBOX", mailbox.note(901, "late"))
        client.create(stage.server.folder("Later"))
        client.append(stage.server.folder("Later"), mailbox.note(902, "late"))
    t.equal(stage.extract(t, stage.job).code, 1, "complete again")
    t.ok(stage.proxy.down < 100000, f"{stage.proxy.down} octets came")
    compare(t, stage, stage.job)
    done = run(t, "verify", stage.job, stage.url, "--deep", "--insecure-plaintext", timeout=120)
    t.equal(done.code, 0, "and it verifies")


def test_folder_made_anew_and_messages_expunged(t, stage):
    name, job = stage.server.folder("Anew"), stage.dir("anew")
    only, where = ["--folder", name], maildir_name(stage.server, name)
    bodies = [mailbox.note(n, "anew") for n in range(5)]

    def stored():
        return sorted((m.validity, m.wire) for m in maildir.messages(stage.tree(job), where))

    def fill(client, some):
        client.create(name)
        for body in some:
            client.append(name, body)
        return client.status(name)["uidvalidity"]

    def forget():
        with stage.client() as client:
            client.delete(name)

    t.cleanup(forget)
    with stage.client() as client:
        was = fill(client, bodies[:3])
        t.equal(stage.extract(t, job, *only).code, 1, "the first run")
        client.delete(name)
        time.sleep(1.1)     # UIDVALIDITY is a time on all three
        now = fill(client, bodies[3:])
        t.must(was != now, "the folder has another UIDVALIDITY")
        t.equal(stage.extract(t, job, *only).code, 1, "the run after that")
        t.ok(Job(t, job).events(30026), "the change was noticed")
        t.equal(stored(), sorted([(was, b) for b in bodies[:3]] + [(now, b) for b in bodies[3:]]),
                "nothing lost, nothing twice")
        client.expunge(name, "1")
        t.equal(stage.extract(t, job, *only).code, 1, "the run after an expunge")
        t.equal(len(stored()), 5, "what was expunged is kept")
        t.within(run(t, "verify", job, stage.url, "--insecure-plaintext").code, (0, 1), "and explained")


def test_changes_alone_are_asked_for_in_a_large_folder(t, stage):
    """1 % of the flags, 1 % new, some expunged: nothing else crosses the wire where the server can tell."""
    name, job = stage.server.folder("Large"), stage.dir("large")
    only = ["--folder", name]

    def forget():
        with stage.client() as client:
            client.delete(name)

    with stage.client() as client:
        client.create(name)
        t.cleanup(forget)
        for n in range(1000):
            client.append(name, mailbox.note(n, "large"), ["\\Seen"] if n % 2 else [])
        t.equal(stage.extract(t, job, *only).code, 1, "the first run")
        first = stage.proxy.down
        client.store(name, "101:110", r"+FLAGS (\Flagged Later)")
        client.expunge(name, "500:502")
        for n in range(10):
            client.append(name, mailbox.note(1000 + n, "large"))
    t.equal(stage.extract(t, job, *only).code, 1, "the second run")
    down, answers = stage.proxy.down, stage.proxy.fetched
    done = run(t, "verify", job, stage.url, "--insecure-plaintext")
    t.within(done.code, (0, 1), "flags, sizes and dates are the server's, what is gone is explained")
    if stage.server.name == "courier":
        t.equal(Job(t, job).events(30075), [], "it cannot tell what has changed")
        return
    t.equal(len(Job(t, job).events(30075)), 1, "changes alone were asked for")
    t.equal(answers, 30, "FETCH responses: flags of ten, listing and bodies of ten")
    t.ok(down < first / 20, f"{down} octets came, {first} in the first run")


def test_renamed_folder_is_not_fetched_again(t, stage):
    old, new, job = stage.server.folder("Before"), stage.server.folder("After"), stage.dir("renamed")
    bodies = [mailbox.note(n, "renamed") for n in range(12)]

    def forget():
        with stage.client() as client:
            client.delete(new)

    with stage.client() as client:
        client.create(old)
        for body in bodies:
            client.append(old, body)
        t.equal(stage.extract(t, job, "--folder", old).code, 1, "the first run")
        was = client.status(old)["uidvalidity"]
        client.rename(old, new)
        t.cleanup(forget)
        now = client.status(new)["uidvalidity"]
    t.equal(stage.extract(t, job, "--folder", new).code, 1, "the run after that")
    answers, tree = stage.proxy.fetched, stage.tree(job)
    there = sorted(m.wire for m in maildir.messages(tree, maildir_name(stage.server, new)))
    t.equal(there, sorted(bodies), "all are in the directory of the new name, once")
    t.within(run(t, "verify", job, stage.url, "--insecure-plaintext").code, (0, 1), "and verified")
    if was != now:
        t.equal(Job(t, job).events(30077), [], "another UIDVALIDITY: it is another folder")
        return
    t.equal(len(Job(t, job).events(30077)), 1, "the rename was noticed")
    t.ok(not os.path.exists(os.path.join(tree, maildir_name(stage.server, old))), "the old directory is gone")
    # Cyrus has OBJECTID: the folder's id tells, and nothing is looked at before.
    looked = 0 if stage.server.name == "cyrus" else 12 + 3
    t.equal(answers, looked + 12, "FETCH responses: listings, and three bodies where there are no ids")


def test_search_selects_in_the_servers_words(t, stage):
    """Parentheses, OR, and a string that is not ASCII; a wider key later fetches just the rest."""
    name, job = stage.server.folder("Sought"), stage.dir("sought")
    only, where = ["--folder", name], maildir_name(stage.server, name)
    text = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"

    def forget():
        with stage.client() as client:
            client.delete(name)

    def stored():
        return [m.uid for m in maildir.messages(stage.tree(job), where)]

    with stage.client() as client:
        client.create(name)
        t.cleanup(forget)
        for n in range(1, 6):
            client.append(name, mailbox.note(n, "sought", "Größe\r\n" if n == 4 else None, text),
                          ["\\Flagged"] if n == 2 else [])
    t.equal(stage.extract(t, job, *only, "--search", 'OR (FLAGGED UNSEEN) (BODY "Größe")').code, 1, "complete")
    t.equal(stored(), [2, 4], "what the server finds")
    t.equal(stage.extract(t, job, *only, "--search", "UNDELETED").code, 1, "complete")
    t.equal(len(stage.proxy.commands(r"UID FETCH 1,3,5 " + BODY_ITEM)), len(stage.proxy.commands(BODY_ITEM)), "just the rest")
    t.equal(stored(), [1, 2, 3, 4, 5], "all of them")
    other = stage.dir("sought-in-vain")
    t.equal(stage.extract(t, other, *only, "--search", "NO-SUCH-KEY").code, 2, "a key that it does not know")
    t.matches(Job(t, other).events(14002)[-1]["text"], "NO-SUCH-KEY", "is named")


def whole(job):
    """Path below mail/ -> content and date of each file."""
    found = {}
    for base, _, names in os.walk(os.path.join(job, "mail")):
        for path in (os.path.join(base, name) for name in names):
            with open(path, "rb") as file:
                found[os.path.relpath(path, job)] = file.read(), int(os.stat(path).st_mtime) if "/cur/" in path else 0
    return found


def test_several_connections_read_one_folder(t, stage):
    """Each message is asked for once, and files, lines and lists are those that one connection makes."""
    name, alone, job = stage.server.folder("Large"), stage.dir("alone"), stage.dir("shared")

    def forget():
        with stage.client() as client:
            client.delete(name)

    with stage.client() as client:
        client.create(name)
        t.cleanup(forget)
        for n in range(3000):
            client.append(name, mailbox.note(n, "large", f"{n}\r\n" * (n % 400)), ["\\Seen"] if n % 3 else [])
    t.within(stage.extract(t, alone, "--folder", name, "--connections", "1").code, (0, 1), "exit code of one")
    t.equal(stage.proxy.connections, 1, "its connections")
    t.within(stage.extract(t, job, "--folder", name, "--connections", "4").code, (0, 1), "exit code of four")
    t.within(stage.proxy.connections, (2, 3, 4), "their connections")
    uids = []
    for command in stage.proxy.commands(r"UID FETCH [\d:,]+ \(BODY\.PEEK\[\]\)"):
        for part in command.split()[2].split(","):
            low, _, high = part.partition(":")
            uids += range(int(low), int(high or low) + 1)
    t.equal(sorted(uids), list(range(1, 3001)), "each message is asked for once")
    one, four = whole(alone), whole(job)
    t.equal(len([path for path in one if "/cur/" in path]), 3000, "the messages came")
    t.equal(sorted(one), sorted(four), "the same files")
    t.equal([path for path in one if one[path] != four.get(path)], [], "with the same octets")
    t.within(run(t, "verify", job, stage.url, "--insecure-plaintext").code, (0, 1), "and verified")


def test_compressed(t, stage):
    """The same files come in fewer octets; a server that offers no compression is read as ever."""
    whole_of, job = {}, {}
    for way in ("plain", "compress"):
        job[way] = stage.dir(f"by-{way}")
        args = ["--compress"] if way == "compress" else []
        t.equal(stage.extract(t, job[way], "--folder", stage.server.folder("Many"), *args).code, 1, f"{way}: complete")
        whole_of[way] = stage.proxy.down
        # Behind its answer nothing is to be read any more.
        asked = len(stage.proxy.commands("COMPRESS DEFLATE"))
        offered = way == "compress" and stage.server.name != "courier"
        t.equal(asked, stage.proxy.connections if offered else 0, f"{way}: asked for once a connection")
    t.equal(whole(job["plain"]), whole(job["compress"]), "the same files with the same octets and dates")
    if stage.server.name != "courier":
        t.ok(whole_of["compress"] < whole_of["plain"] / 2, f"octets that came: {whole_of}")
    t.within(run(t, "verify", job["compress"], stage.url, "--insecure-plaintext", "--deep", "--compress").code, (0, 1),
             "and verified over a compressed connection")


def test_tls_from_the_first_byte_and_starttls(t, stage):
    server = stage.server
    one, trust = ["--folder", server.folder("Dates")], ["--tls-ca", server.ca_file]
    for url, what in ((server.url(USER, tls=True), "imaps"), (server.url(USER), "STARTTLS")):
        job = Job(t, stage.dir("job-" + what))
        done = run(t, "extract", url, "--to", job, *trust, *one)
        t.equal(done.code, 0, f"{what} with the server's certificate as authority: nothing to warn of")
        files = [m for account in job.account_dirs() for m in maildir.messages(os.path.join(job.mail, account))]
        t.equal(len(files), len(mailbox.DATES), f"{what}: the messages came")
        done = run(t, "extract", url, "--to", stage.dir("not-" + what), *one)
        t.equal(done.code, 69, f"{what} without it: refused")
    done = run(t, "extract", server.url(USER), "--to", stage.dir("wrong"), *trust, password="wrong")
    t.equal(done.code, 77, "a wrong password is said as such")


# What another format or another separator can spoil.
FOR_VARIANTS = [test_extract_copies_every_message, test_verify_proves_the_copy,
                test_second_run_transfers_no_body, readers.test_dovecot_serves_the_copy_as_the_source_does]


def main():
    name = sys.argv.pop(1)
    tests = tap.discover(globals()) + tap.discover(vars(readers))
    if name in servers.VARIANTS:
        tests = [(what, function) for what, function in tests if function in FOR_VARIANTS]
    reason = servers.why_not(name)
    if reason:
        print(f"1..0 # SKIP {reason}")
        sys.exit(0)
    begin = time.monotonic()
    with Stage(name) as stage:
        print(f"# {name}: {stage.loaded.count} messages in {len(stage.before)} folders, "
              f"{time.monotonic() - begin:.1f} s; refused by the server: {len(stage.loaded.refused)}")
        tap.main([(f"{name}: {what}", lambda t, f=function: f(t, stage)) for what, function in tests])


if __name__ == "__main__":
    main()
