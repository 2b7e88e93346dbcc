"""What a scene works with. A scene is a file in scenes/:

    '''A server that answers NIL for one body loses nothing.'''
    from scene import *

    def scene(t):
        server = t.server(sample())
        server.fetch(uid=3, item=r"BODY\\.PEEK\\[\\]", reply=b"NIL", times=1)
        job, run = t.extract(server)
        t.exits(run, 0, 1)
        t.complete(job, server)

A file may hold several: scene_expired(t), scene_wrong_name(t), ...
"""

import base64
import os
import re
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]

import certs                                                        # noqa: E402
import imexrun                                                      # noqa: E402
import maildir                                                      # noqa: E402
import tap                                                          # noqa: E402
from imexrun import Job                                             # noqa: E402
from hooks import NO_MESSAGE, OMIT, Refuse, lacking, numbers        # noqa: E402
from model import PASSWORD, USER, Server                            # noqa: E402
from rows import quirk                                              # noqa: E402
from script import Script                                           # noqa: E402
from store import Folder, Store, epoch, fill, imap_date, letter, sample        # noqa: E402
from wire import Cut, Forever, Gate, Pause, Reset, Segments, Slow, Stall                # noqa: E402

__all__ = ["BAD", "Cut", "Folder", "Forever", "GOOD", "Gate", "Job", "NO_MESSAGE", "OMIT", "PASSWORD",
           "Pause", "Refuse", "Reset", "Scene", "Script", "Segments", "Server", "Slow", "Stall",
           "Store", "USER", "epoch", "fill", "imap_date", "lacking", "letter", "maildir", "numbers", "quirk", "sample",
           "signal", "re", "os"]

TAP_HELPER = True
ALL_CERTS = None        # made once by the runner, before it forks

# Commands that change a source, or open it for changes.
WRITES = r"SELECT|APPEND|(UID )?(STORE|EXPUNGE|COPY|MOVE)|CREATE|DELETE|RENAME|(UN)?SUBSCRIBE"
# FETCH items that set \Seen: the mail without PEEK.
MARKING = r"(UID )?(FETCH|PARTIAL) .*(\bBODY\[|\bRFC822(\.TEXT)?(?![.\w]))"
BODIES = r"(UID )?FETCH .*(BODY(\.PEEK)?\[|RFC822(?!\.SIZE))"
GOOD = ("stored", "excluded", "gone", "phantom")
BAD = ("reconstructed", "header-only", "placeholder", "refused", "failed")


def use_certs(made):
    global ALL_CERTS
    ALL_CERTS = made


class Scene:
    """A test with everything a dialogue needs; unknown names are the Test's own."""

    def __init__(self, test):
        self.test = test
        self._certs = None

    def __getattr__(self, name):
        return getattr(self.test, name)

    @staticmethod
    def wait(seconds):
        time.sleep(seconds)

    @staticmethod
    def until(condition, seconds=20):
        """Wait for something that has to come; False when the time is over."""
        end = time.monotonic() + seconds * imexrun.SCALE
        while not condition():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    # -- servers -------------------------------------------------------------

    def certs(self):
        if self._certs is None:
            self._certs = ALL_CERTS or certs.Certs(self.test.tmpdir("certs"))
        return self._certs

    def serve(self, server):
        """Start a server object (a Server, a Banyan, a Script); it ends with the scene."""
        server.certs = self.certs() if server.tls else None
        server.start()
        self.test.context(f"{type(server).__name__} on port {server.port}, TLS: {server.tls}",
                          server.transcript.text)
        self.test.cleanup(self._judge, server)
        return server

    def server(self, store=None, tls="implicit", **options):
        """Start a model server on this store.

        TLS unless the scene says otherwise: plain text is a standing warning,
        and then exit code 0 could never be told from 1.
        """
        return self.serve(Server(sample() if store is None else store, tls=tls, **options))

    def script(self, plays, **options):
        """Start a strict script."""
        return self.serve(Script(plays, **options))

    def _judge(self, server):
        server.stop()
        for text in server.transcript.violations:
            if not any(re.search(p, text) for p in getattr(server, "forgiven", ())):
                self.test.fail(f"the client broke a rule: {text}")
        for problem in server.failures:
            self.test.fail(f"the server of this test failed: {problem!r}")

    # -- running imex ----------------------------------------------------------

    def options(self, server):
        """The options that this server needs to be reached."""
        if server.tls:
            return ["--tls-ca", self.certs().ca_file]
        return ["--insecure-plaintext"]

    def extract(self, server, *args, job=None, options=None, **run):
        """Run `imex extract` on the server; returns (job, run)."""
        job = job or Job(self)
        how = self.options(server) if options is None else options
        return job, imexrun.run(self, "extract", server.url(), "--to", job, *how, *args, **run)

    def first_run(self, server, *args, code=0, **run):
        """A run that must end well before the scene goes on; returns the job."""
        job, done = self.extract(server, *args, **run)
        self.exits(done, code)
        self.complete(job, server)
        return job

    def start_extract(self, server, *args, job=None, options=None, **run):
        """As extract, but imex runs on."""
        job = job or Job(self)
        how = self.options(server) if options is None else options
        return job, imexrun.start(self, "extract", server.url(), "--to", job, *how, *args, **run)

    def extract_held(self, server, *args, folder="INBOX", **run):
        """As start_extract; imex stands in the third message of a folder. (gate, job, run)"""
        gate = server.hold(uid=3, folder=folder)
        job, started = self.start_extract(server, *args, **run)
        gate.must_be_reached(self)
        return gate, job, started

    def check(self, server, *args, options=None, **run):
        """Run `imex check`."""
        how = self.options(server) if options is None else options
        return imexrun.run(self, "check", server.url(), *how, *args, **run)

    def imex(self, *args, **run):
        """Run imex with these words."""
        return imexrun.run(self, *args, **run)

    def retry_until_done(self, server, *args, job, allowed=(0, 1), tries=6, **run):
        """The same command again until it is complete; returns the last run."""
        for _ in range(tries):
            _, done = self.extract(server, *args, job=job, **run)
            if done.code in allowed:
                break
        self.exits(done, *allowed)
        return done

    # -- expectations: the run ------------------------------------------------

    def exits(self, run, *codes):
        return self.within(run.code, codes, "exit code")

    def says(self, run, pattern):
        """Something imex printed matches."""
        return self.matches(run.text, pattern, "imex says")

    def one_line_error(self, run):
        """An error is one line on standard error."""
        lines = [line for line in run.err.decode(errors="replace").splitlines() if line.strip()]
        return self.equal(len(lines), 1, f"the error is one line: {lines}")

    def secret_free(self, job, run, *secrets):
        """No secret in any file of the job, in an output, or in a process title."""
        for secret in secrets:
            plain = secret.encode()
            forms = [plain, base64.b64encode(plain)]
            user_first = base64.b64encode(b"\0" + USER.encode() + b"\0" + plain)
            for form in [*forms, user_first]:
                self.equal(job.files_with(form), [], f"files that hold the secret as {form!r}")
                self.ok(form not in run.out + run.err, f"imex printed the secret as {form!r}")

    # -- expectations: the wire --------------------------------------------------

    def sent_once(self, server, pattern):
        return self.sent_times(server, pattern, 1)

    def sent_times(self, server, pattern, times):
        log = getattr(server, "transcript", server)
        found = log.commands(pattern)
        return self.equal(len(found), times, f"how often {pattern} was sent: {found[:10]}")

    def never_sent(self, server, *patterns):
        for pattern in patterns:
            self.sent_times(server, pattern, 0)

    def only_sent(self, server, *patterns):
        """No command but these."""
        log = getattr(server, "transcript", server)
        either = re.compile("|".join(f"(?:{p})" for p in patterns), re.I | re.S)
        other = [c for c in log.commands() if not either.match(c)]
        return self.equal(other, [], f"commands other than {patterns}")

    def read_only(self, server):
        """Nothing was sent that could change the source."""
        self.never_sent(server, f"({WRITES})\\b", MARKING)

    def no_bodies(self, server):
        self.never_sent(server, BODIES)

    # -- expectations: what was stored --------------------------------------------

    def account_dir(self, job, index=0):
        dirs = job.account_dirs()
        self.must(len(dirs) > index, f"there is a directory below {job.mail}", dirs)
        return os.path.join(job.mail, dirs[index])

    def mails(self, job, folder=None):
        """All stored messages; folder is a Maildir++ directory name, '' for INBOX."""
        return maildir.messages(self.account_dir(job), folder)

    def complete(self, job, server, without=(), kept=(), folders=None):
        """Every message of the store is there once, right in bytes, name, date and flags.

        without: (folder, uid) pairs that must be missing; kept: pairs that the
        server no longer has and the tree must still have. folders: only these,
        as a map from the server's name to the Maildir++ directory name.
        """
        store = getattr(server, "store", server)
        root = self.account_dir(job)
        where = folders or {f.name: directory_of(store, f.name) for f in store if f.selectable}
        for name, directory in where.items():
            self._complete_folder(root, store[name], directory, set(without), set(kept))
        if folders is None:
            self.equal(sorted(maildir.folders(root)), sorted(set(where.values())),
                       "the folders of the Maildir++ tree")

    def _complete_folder(self, root, folder, directory, without, kept):
        stored = maildir.messages(root, directory)
        strange = [m.path for m in stored if m.identity is None]
        self.equal(strange, [], f"files with foreign names in {directory or 'INBOX'}")
        wanted = {m.uid: m for m in folder if (folder.name, m.uid) not in without}
        expected = [*wanted, *(uid for name, uid in kept if name == folder.name)]
        self.equal(sorted((m.validity, m.uid) for m in stored if m.identity),
                   sorted((folder.uidvalidity, uid) for uid in expected),
                   f"the messages stored of {folder.name}")
        letters = maildir.keywords(root, directory)
        for mail in stored:
            if mail.uid in wanted:
                self._same_message(folder, wanted[mail.uid], mail, letters)

    def _same_message(self, folder, message, mail, letters):
        what = f"{folder.name} UID {message.uid}"
        raw = message.raw
        lf = is_reversible(raw)
        self.equal(mail.data, raw.replace(b"\r\n", b"\n") if lf else raw, f"the bytes of {what}")
        self.equal((mail.size, mail.wire_size), (len(mail.data), len(raw)), f"S and W of {what}")
        date = epoch(message.date)
        if date is not None and date >= 0:
            self.equal((mail.date, mail.mtime), (date, date), f"date and mtime of {what}")
        system = {"\\Seen": "S", "\\Answered": "R", "\\Flagged": "F", "\\Draft": "D",
                  "\\Deleted": "T"}
        want = {system[f] for f in message.flags if f in system}
        self.equal({c for c in mail.flags if c in "DFRST"}, want, f"the flags of {what}")
        self.equal({letters.get(c) for c in mail.flags if c.islower()},
                   {f for f in message.flags if not f.startswith("\\")}, f"the keywords of {what}")

    def no_doubles(self, job):
        """No two files with one identity, and nothing is left in tmp."""
        mails = self.mails(job)
        keys = [(m.folder, m.identity) for m in mails]
        self.equal(len(keys), len(set(keys)), "every identity is stored once")
        root = self.account_dir(job)
        left = [os.path.join(f, n) for f in maildir.folders(root)
                for n in os.listdir(os.path.join(root, f, "tmp"))]
        self.equal(left, [], "files in tmp")

    def tree(self, job):
        """Everything below mail/, for same_tree."""
        return maildir.tree(job.mail)

    def same_tree(self, tree, job, what="the tree equals that of an undisturbed run"):
        differences = maildir.differences(tree, self.tree(job), ("undisturbed", "this run"))
        return self.ok(not differences, what, *differences[:40])

    def inside(self, job):
        """Nothing was written outside the job directory, and no odd name is in it."""
        above = os.path.dirname(job.path)
        self.equal(os.listdir(above), [os.path.basename(job.path)], "beside the job directory")
        for base, dirs, names in os.walk(os.fsencode(job.mail)):
            for name in dirs + names:
                self.ok(not re.search(rb"[\x00-\x1f\x7f]", name), f"an odd file name: {name!r}")
                path = os.path.join(base, name)
                self.ok(not os.path.islink(path), f"a symbolic link: {path!r}")

    # -- expectations: report and events ---------------------------------------------

    def one_event(self, job, number, **fields):
        """Exactly one event with this number and these fields; returns it."""
        found = [e for e in job.events(number)
                 if all(_fits(e.get(k), v) for k, v in fields.items())]
        self.equal(len(found), 1, f"events {number} with {fields}: {job.events(number)}")
        return found[0] if found else {}

    def verdict(self, job, folder, uid, verdict):
        """The report names this UID with this verdict."""
        problems = job.folder(folder).get("problems", [])
        found = [p.get("verdict") for p in problems if p.get("uid") == uid]
        return self.equal(found, [verdict], f"the verdict of {folder} UID {uid}: {problems}")

    def counts(self, job, folder, **wanted):
        """Numbers of the report for one folder, e.g. listed=6, stored=5, header_only=1."""
        entry = job.folder(folder)
        for name, value in wanted.items():
            key = name.replace("_", "-")
            self.equal(entry.get(key), value, f"{folder}: {key} in the report")


def _fits(value, wanted):
    """A compiled pattern is searched in the text, everything else must be equal."""
    if isinstance(wanted, re.Pattern):
        return isinstance(value, str) and wanted.search(value) is not None
    return value == wanted


def is_reversible(raw):
    """Whether a message can be stored with LF: every CR before an LF and the reverse."""
    return not re.search(rb"(?<!\r)\n|\r(?!\n)", raw)


def directory_of(store, name):
    """The Maildir++ directory of a folder name without characters to map."""
    if name.upper() == "INBOX":
        return ""
    if store.prefix and name.startswith(store.prefix):
        name = name[len(store.prefix):]
    levels = name.split(store.delimiter) if store.delimiter else [name]
    return "." + ".".join(re.sub(r"[./\\]|^~", lambda m: f"\\{ord(m[0]):02x}", level)
                          for level in levels)
