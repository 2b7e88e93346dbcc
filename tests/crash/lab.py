"""One fake server, one mailbox, the undisturbed copy of it, and runs that are disturbed.

A Lab starts its server in this process and runs imex under the shim. What every
test asks in the end is same(): the tree below mail/ (paths, bytes, dates), the
report without times and attempts, `imex verify`, whole event lines, and a source
that is what it was (rules.md 4.6).
"""

import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import Counter

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "dialogue"), os.path.join(HERE, "..", "lib")]
sys.path.append(os.path.join(HERE, "..", "formats"))       # its lab.py is another

import forms                                                        # noqa: E402
import imexrun                                                      # noqa: E402
import maildir                                                      # noqa: E402
import shim                                                         # noqa: E402
import wire                                                         # noqa: E402
from banyan import Banyan                                           # noqa: E402
from banyan import PASSWORD as BANYAN_PASSWORD                      # noqa: E402
from banyan import mailbox as banyan_mailbox                        # noqa: E402
from model import PASSWORD, Server                                  # noqa: E402
from store import Store, fill, imap_date                            # noqa: E402

CERTS = None            # made once by the runner, before it forks
FILES = 160             # descriptors of a process
TIME_LIMIT = 30 * imexrun.SCALE
WRITES = r"(SELECT|APPEND|(UID )?(STORE|EXPUNGE|COPY|MOVE)|CREATE|DELETE|RENAME)\b"
# Of the report: when, and how often something was tried.
_PASSING = ("at", "carried", "time", "started", "ended", "run", "runs", "attempts", "version")


def mailbox():
    """Five folders: flags, keywords, names, and messages larger than any buffer."""
    store = Store()
    fill(store["INBOX"], 8)
    big = b"Subject: big\r\n\r\n" + b"0123456789 abcdefghijklmnopqrstuvwxyz\r\n" * 7000
    store["INBOX"].add(big, ("\\Seen", "$Big"), imap_date(1000000000, 120))
    # Stored with LF until the last octets show that it cannot be: the file is rewritten.
    store["INBOX"].add(big + b"bare LF\n", ("\\Flagged",), imap_date(1100000000, -60))
    store.add("Archive", 14)
    store.add("Archive/2003", 9)
    store.add("Entw&APw-rfe", 5)
    store.add("Empty")
    return store


def many():
    """The same and so many folders that also the batches of formats without a file a message are several."""
    store = mailbox()
    for number in range(8):
        store.add(f"Lists/{number:02}", 2)
    return store


def large():
    """A folder so large that a second run asks for changes alone."""
    store = Store()
    fill(store["INBOX"], 300)
    store.add("Archive", 5)
    return store


def change_large(store):
    """Flags of some, some less, and so much new mail that it takes several batches."""
    inbox = store["INBOX"]
    for uid in range(10, 30):
        inbox.flag(uid, "\\Answered", "Later")
    for uid in range(100, 106):
        inbox.remove(uid)
    fill(inbox, 60, "new")


def change(store):
    """What a second run finds: new mail, other flags, a new keyword, a message less."""
    inbox, archive = store["INBOX"], store["Archive"]
    inbox.flag(1, "\\Seen", "\\Answered", "Later")
    inbox.flag(9, "$Big", "Project-X")
    archive.flag(2, "\\Deleted")
    archive.remove(5)
    inbox.add(b"Subject: new\r\n\r\nnew mail\r\n", ("New-Word",), imap_date(1200000000))
    inbox.add(b"Subject: new\r\n\r\n" + b"x" * 70 + b"\r\n" * 5000 + b"odd\r", (),
              imap_date(1200000001))
    archive.add(b"Subject: another\r\n\r\nnew mail\r\n", ("\\Seen",), imap_date(1200000002))
    store.add("Later", 3)


def renumber(store):
    """What a rebuilt server does to two folders: other UIDVALIDITY, other UIDs; and new mail."""
    store["INBOX"].renumber(1800000001, 5)
    store["Archive/2003"].renumber(1800000002, 1)
    store["INBOX"].add(b"Subject: new\r\n\r\nnew mail\r\n", (), imap_date(1200000000))


class Struck(Counter):
    """What this test did to imex: what scripts/reliability adds up."""

    _lock = threading.Lock()

    def count(self, what):
        with self._lock:
            self[what] += 1

    def __str__(self):
        return "struck: " + ", ".join(f"{what} {self[what]}" for what in ("kills", "faults", "power cuts", "broken connections"))


STRUCK = Struck()


class Done:
    """imex, ended."""

    def __init__(self, argv, code, out, err, calls):
        self.argv, self.code, self.calls = argv, code, calls
        self.out, self.err = out.decode(errors="replace"), err.decode(errors="replace")
        if self.killed or self.struck:
            STRUCK.count("kills" if self.killed else "faults")

    def __str__(self):
        return f"$ {' '.join(self.argv)}\n[exit {self.code}]\n{self.out}{self.err}"

    @property
    def killed(self):
        return self.code == -signal.SIGKILL

    @property
    def struck(self):
        """The call at which something was done to imex; None: it ended before."""
        return next((c for c in self.calls if c.struck), None)


class Lab:
    """form: what is written; mailbox: makes what the server has; code: see Form."""

    def __init__(self, t, form=forms.MAILDIR, server=None, password=PASSWORD, code=None):
        self.t = t
        self.form = form
        self.code = code = form.code if code is None else code
        self.mailbox = many if form.made[0] == shim.WRITE else mailbox
        self.password = password
        self.place = t.tmpdir("crash")
        # imex inherits it: with so few descriptors even this mailbox takes several batches.
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
        self.server = server or Server(self.mailbox(), tls="implicit")
        self.server.certs = CERTS
        self.victim = None
        self.change = None
        self.first_code = code
        self.lines = Lines(self)
        self.server.start()
        t.cleanup(self.server.stop)
        self.before = self.server.store.snapshot()
        self._number = 0

    @classmethod
    def banyan(cls, t):
        """The server of the story: reading sets \\Seen there, imex takes it away again."""
        return cls(t, forms.MAILDIR, Banyan(banyan_mailbox(5)), BANYAN_PASSWORD, 1)

    # -- running --------------------------------------------------------------

    def job(self):
        """The path of a job directory that is not there yet."""
        self._number += 1
        return os.path.join(self.place, f"{self._number}", "job")

    def extract(self, job, **how):
        """The command of the lab, under the shim; how: see shim.environment()."""
        return self.imex(*self.command(job), job=job, **how)

    def command(self, job, form=None):
        tls = ["--tls-ca", CERTS.ca_file] if self.server.tls else ["--insecure-plaintext"]
        return ["extract", self.server.url(), "--to", job, *tls,
                *(form or self.form).args]

    def reset(self):
        """The source has what it had at first."""
        self.server.store = self.mailbox()

    def alter(self, change):
        """The source has what change makes of that."""
        change(self.server.store)

    def changed(self, **how):
        """A job directory with all of the first mailbox; the source has the changed one."""
        job = self.job()
        self.reset()
        done = self.extract(job, **how)
        self.t.must(done.code == self.first_code, "the first run succeeds", done)
        self.alter(self.change)
        return job

    def imex(self, *args, job=None, **how):
        process, argv, log = self.start(*args, job=job, **how)
        return self.finish(process, argv, log, job)

    def start(self, *args, job=None, **how):
        env = {"PATH": os.environ["PATH"], "HOME": self.place, "LANG": "C.UTF-8", "TZ": "UTC",
               "IMEX_PASSWORD": self.password, "TERM": "dumb"}
        log = None
        if job:
            os.makedirs(os.path.dirname(job), exist_ok=True)
            log = os.path.dirname(job) + ".log"
            if os.path.exists(log):
                os.unlink(log)
            env.update(shim.environment(os.path.dirname(job), log, **how))
        argv = [*imexrun.program(), *args]
        self.victim = subprocess.Popen(argv, env=env, cwd=self.place, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return self.victim, argv, log

    def finish(self, process, argv, log, job):
        try:
            out, err = process.communicate(timeout=TIME_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            self.t.fail(f"still running after {TIME_LIMIT:.0f} s", " ".join(argv), err)
        calls = shim.read_log(log, os.path.dirname(job)) if log and os.path.exists(log) else []
        return Done(argv, process.returncode, out, err, calls)

    def sources(self):
        """The messages and flags that the server has."""
        return self.server.store.snapshot()

    # -- what is compared -------------------------------------------------------

    def undisturbed(self, change=None, code=None, **how):
        """Run imex, and again after change(store); the copy to be equalled.

        code: the exit code of the run after the change, where it is another.
        """
        job = self.job()
        done = self.extract(job, **how)
        self.t.must(done.code == self.code, "the undisturbed run succeeds", done)
        self.first_code = self.code
        if change:
            self.change = change
            self.code = self.code if code is None else code
            self.alter(change)
            done = self.extract(job, **how)
            self.t.must(done.code == self.code, "the undisturbed second run succeeds", done)
        self.before = self.sources()
        self.t.equal(self.form.sound(job), [], "an independent reader finds all of it")
        return Copy(self, job, done)

    def same(self, copy, job, what):
        """Is job what the undisturbed copy is? One failure that says all otherwise."""
        problems = copy.differences(Copy(self, job, None)) + self.form.sound(job)
        done = self.imex("verify", job)
        if done.code:
            problems.append(str(done))
        if self.sources() != self.before:
            problems.append(f"the source: {self.before} became {self.sources()}")
        problems += broken_lines(job)
        ok = self.t.ok(not problems, what, *problems[:12])
        if not ok and os.environ.get("KEEP") == "1":
            self.t.note(f"the job of '{what}': {job}")
        return ok

    def resume(self, copy, job, what, **how):
        """The same command again, undisturbed, and the comparison."""
        self.t.equal(self.form.halted(job), [], f"{what}: what is left")
        done = self.extract(job, **how)
        if done.code != self.code:
            return self.t.fail(f"{what}: then the same command exits {done.code}", done)
        ok = self.same(copy, job, what)
        if ok and os.environ.get("KEEP") != "1":
            shutil.rmtree(os.path.dirname(job))
        return ok


class Convert(Lab):
    """`imex convert` of a job directory that `imex extract` made in another format.

    The server has its messages too, so that both labs tell the same of what there is.
    """

    def __init__(self, t, of, form):
        super().__init__(t, form)
        self.of = of
        self.source = os.path.join(self.place, "source")
        self.kept = {}      # None, or a change -> the source as it is then
        self.reset()

    def command(self, job, form=None):
        return ["convert", self.source, "--to", job, *self.form.args]

    def sources(self):
        return forms.whole(self.source)

    def reset(self):
        super().reset()
        self._put(None)

    def alter(self, change):
        super().alter(change)
        self._put(change)

    def _put(self, change):
        if change not in self.kept:
            self._extract()
            self.kept[change] = os.path.join(self.place, f"source-{len(self.kept)}")
            shutil.copytree(self.source, self.kept[change])
        shutil.rmtree(self.source)
        shutil.copytree(self.kept[change], self.source)

    def _extract(self):
        done = self.imex(*Lab.command(self, self.source, self.of))
        self.t.must(done.code in (0, 1), "the source of the conversion is made", done)


class Copy:
    """What a job directory holds, as far as two runs must agree."""

    def __init__(self, lab, job, done):
        self.done = done
        self.job = job
        self.tree = lab.form.tree(job)
        report = lab.imex("report", job, "--format", "json")
        lab.t.equal(report.code, 0, "imex report succeeds")
        self.report = lasting(json.loads(report.out or "null"))

    def differences(self, other):
        found = maildir.differences(self.tree, other.tree, ("undisturbed", "this job"))
        if self.report != other.report:
            found.append(f"the reports differ: {differing(self.report, other.report)}")
        return found


def lasting(value):
    """A report without times, attempts and run ids."""
    if isinstance(value, dict):
        return {k: lasting(v) for k, v in value.items() if k not in _PASSING}
    return [lasting(v) for v in value] if isinstance(value, list) else value


def differing(one, two, path="report"):
    """Where two reports differ."""
    if isinstance(one, dict) and isinstance(two, dict):
        return "; ".join(differing(one.get(k), two.get(k), f"{path}.{k}")
                         for k in sorted(one.keys() | two.keys()) if one.get(k) != two.get(k))
    if isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        return "; ".join(differing(a, b, f"{path}[{i}]")
                         for i, (a, b) in enumerate(zip(one, two)) if a != b)
    if isinstance(one, list) and isinstance(two, list):
        return f"{path}: not here: {[a for a in one if a not in two]}; " \
            f"only here: {[b for b in two if b not in one]}"
    return f"{path}: {one!r} / {two!r}"


def broken_lines(job):
    """Lines of the event log that are no JSON: only a torn last one may be, until the next run."""
    found = []
    with open(os.path.join(job, "events.jsonl"), "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                json.loads(line)
            except ValueError:
                found.append(f"events.jsonl:{number} is no JSON: {line[:200]!r}")
    return found


def committed(job):
    """{(uidvalidity, uid)} of the rows that claim a file, read from a copy of the state."""
    place = os.path.dirname(job) + ".look"
    os.makedirs(place, exist_ok=True)
    for name in ("imex.db", "imex.db-wal", "imex.db-journal"):
        path = os.path.join(job, name)
        if os.path.exists(path):
            shutil.copy(path, place)
    try:
        with sqlite3.connect(os.path.join(place, "imex.db")) as db:
            return set(db.execute(
                "SELECT uidvalidity, uid FROM message JOIN folder ON folder.id = message.folder"
                " WHERE verdict = 1"))
    except sqlite3.Error:
        return set()
    finally:
        shutil.rmtree(place)


class Lines:
    """Strikes imex when the server has sent its n-th line, or n-th piece of a literal."""

    def __init__(self, lab):
        self.lab = lab
        self.count = 0
        self.at = None
        self.strike = None
        self.struck = b""
        self._lock = threading.Lock()
        wire.Wire.send = self._hook(wire.Wire.send)

    def _hook(self, send):
        def sent(wire_, data):
            if isinstance(data, str):
                data = data.encode("latin-1")
            for part in parts(data):
                send(wire_, part)
                self._sent(part)
        return sent

    def arm(self, number, strike=None):
        """strike: what to do then; None: SIGKILL. number None: only count."""
        with self._lock:
            self.count, self.at, self.struck = 0, number, b""
            self.strike = strike or (lambda: self.lab.victim.kill())

    def _sent(self, part):
        with self._lock:
            self.count += 1
            if self.count == self.at:
                self.struck = part
                self.strike()


def parts(data, most=8192):
    """Bytes as lines; long runs of lines together."""
    if len(data) <= most:
        return data.splitlines(keepends=True)
    return [data[i:i + most] for i in range(0, len(data), most)]
