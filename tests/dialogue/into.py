"""A migration from one model server to another, for scenes:

    from into import *

    def scene(t):
        m = Move(t, caps="UIDPLUS")
        m.dest.append(before="NO [OVERQUOTA] full", times=1)
        m.warned(m.migrate())
        m.arrived()                 # each message once, right in octets, flags, date
        m.refused(r"OVERQUOTA")     # an event 14002 with the raw reply
        m.again()                   # a further run changes nothing, and sends no APPEND

Both servers speak plain text, which is a standing warning: a run without any
other one exits 1 here.
"""

import os
import re
import subprocess
import time
from collections import Counter

import imexrun
from essence import essence, title
from imexrun import Job
from model import DEFAULT_CAPS, PASSWORD, Server
from scene import Scene
from store import Store, epoch, fill, imap_date, letter, sample
from target import CAPS, NOW, Target, now
from wire import Cut, Gate, Pause, Reset, Stall

__all__ = ["CAPS", "Counter", "Cut", "DEFAULT_CAPS", "DEST_PASSWORD", "Gate", "Job", "Move", "NOW", "PASSWORD", "Pause", "Reset", "Scene",
           "Server", "Stall", "Store", "Target", "epoch", "essence", "fill", "imap_date", "imexrun", "letter", "now", "os",
           "re", "sample", "small", "time", "title", "without"]

TAP_HELPER = True
DEST_PASSWORD = "oTher-9!x"
WORDS = ["--insecure-plaintext", "--dest-insecure-plaintext", "--doubt-wait", "2s"]
INSECURE = 30013


def can(command):
    """Whether the program under test has the command; it is asked once."""
    if command not in _known:
        done = subprocess.run([*imexrun.program(), command, "--help"], capture_output=True, check=False,
                              stdin=subprocess.DEVNULL)
        _known[command] = b"unknown command" not in (done.stdout + done.stderr).lower() \
            and done.returncode == 0
    return _known[command]


_known = {}


def small(count=4):
    """Three folders that differ in all a migration must keep."""
    return sample(("INBOX", "Archive", "Archive/2003"), count=count)


def without(text):
    """The usual capabilities without these."""
    return " ".join(c for c in CAPS.split() if c not in text.split())


def key_of(exact):
    """How messages are told apart: True, False, or a function of the octets."""
    if callable(exact):
        return exact
    return (lambda raw: raw) if exact else essence


def title_line(raw):
    """The words after the number of a subject, which repairs leave alone."""
    found = re.search(rb"^Subject:[ \t]*([\w :]*)", raw, re.I | re.M)
    return found[1] if found else raw[:20]


class Move:
    """A source, a destination, a job. Options but source, dest, lazy are the Target's."""

    def __init__(self, t, source=None, dest=None, source_options=None, **options):
        self.t = t
        self.source = t.server(small() if source is None else source, tls=None, user="alice",
                               **(source_options or {}))
        self.dest = t.serve(Target(Store(first=1750000000) if dest is None else dest, tls=None,
                                   password=DEST_PASSWORD, **options))
        self.dest.sources = (self.source.store,)
        self.job = Job(t)
        self.password = DEST_PASSWORD
        self.foreign = {(f.name, m.uid): (m.raw, set(m.flags)) for f in self.dest.store for m in f}
        self.before = self.source.store.snapshot()
        self.last = None

    # -- running ---------------------------------------------------------------

    def words(self, *args, source=None, dest=None, doubt=WORDS):
        return ["migrate", source or self.source.url(), dest or self.dest.url(),
                "--job", self.job, *doubt, *args]

    def migrate(self, *args, timeout=60, **more):
        """`imex migrate`; returns the run."""
        return self._run(imexrun.run, "migrate", self.words(*args, **more), timeout)

    def start(self, *args, timeout=60, **more):
        """The same, but imex runs on."""
        return self._run(imexrun.start, "migrate", self.words(*args, **more), timeout)

    def load(self, directory, *args, timeout=60):
        """`imex import DIRECTORY`; returns the run."""
        words = ["import", directory, self.dest.url(), "--job", self.job, "--dest-insecure-plaintext",
                 "--doubt-wait", "2s", *args]
        return self._run(imexrun.run, "import", words, timeout)

    def _run(self, how, command, words, timeout):
        if not can("migrate"):
            self.t.skip("imex has no command migrate")
        self.last = how(self.t, *words, env={"IMEX_DEST_PASSWORD": self.password}, timeout=timeout)
        return self.last

    def until_done(self, *args, tries=5, codes=(0, 1)):
        """Again and again, until the exit code is one of these; returns the last run."""
        for _ in range(tries):
            done = self.migrate(*args)
            if done.code in codes:
                break
        self.t.exits(done, *codes)
        return done

    def retry(self, timeout=60):
        """`imex retry`, which has another try at what has no good verdict."""
        words = ["retry", self.job, "--dest-insecure-plaintext", "--insecure-plaintext", "--doubt-wait", "2s"]
        return self._run(imexrun.run, "retry", words, timeout)

    # -- how it ended ------------------------------------------------------------

    def clean(self, run):
        """No warning but that the words go in plain text."""
        self.t.exits(run, 1)
        odd = [e for e in self.job.events() if e["level"] in ("warning", "error")
               and e["event"] != INSECURE]
        return self.t.equal(odd, [], "warnings and errors of a run without trouble")

    def warned(self, run):
        return self._ended(run, 1)

    def lost(self, run):
        return self._ended(run, 2)

    def _ended(self, run, code):
        return self.t.ok(run.code == code, f"exit code: got {run.code}, want {code}", *self.told())

    def told(self):
        """The warnings and errors of the log, for people."""
        return [f"  {e['event']} {e['level']} {e.get('folder')} {e.get('uid')}: {e.get('text')} | "
                f"{e.get('command')} | {e.get('reply')}"[:300] for e in self.job.events()
                if e["level"] in ("warning", "error")][:40]

    def refused(self, reply, level=None, **fields):
        """There is an event 14002 with such a raw reply."""
        found = [e for e in self.job.events(14002) if re.search(reply, e.get("reply") or "")
                 and level in (None, e["level"]) and all(e.get(k) == v for k, v in fields.items())]
        return self.t.ok(found, f"an event 14002 {level or ''} with the reply {reply!r} {fields or ''}",
                         *self.told())

    def quarantined(self, *wanted):
        """The messages (folder, uid) of the source lie in quarantine, octet for octet, no other."""
        root, found = os.path.join(self.job.path, "quarantine"), {}
        for base, _, names in os.walk(root):
            for name in names:
                if name.endswith(".eml"):
                    with open(os.path.join(base, name), "rb") as file:
                        found[os.path.join(os.path.relpath(base, root), name)] = file.read()
        expected = sorted((f"{uid}.eml", self.source.store[folder][uid].raw) for folder, uid in wanted)
        return self.t.equal(sorted((os.path.basename(p), raw) for p, raw in found.items()), expected,
                            f"what is in quarantine: {sorted(found)}")

    # -- what arrived --------------------------------------------------------------

    def translate(self, name):
        """The name on the destination by delimiter and prefix alone."""
        there, here = self.dest.store, self.source.store
        if name.upper() == "INBOX":
            return "INBOX"
        if here.prefix and name.startswith(here.prefix):
            name = name[len(here.prefix):]
        if here.delimiter and there.delimiter:
            name = name.replace(here.delimiter, there.delimiter)
        return there.prefix + name

    def counts(self, exact=False, folders=None, missing_ok=()):
        """(missing, doubled): messages by name, against one copy of each."""
        key = key_of(exact)
        missing, doubled = [], []
        self.dest.settle()
        for folder in self.source.store:
            if not folder.selectable:
                continue
            name = (folders or {}).get(folder.name, self.translate(folder.name))
            there = self.dest.store.get(name)
            want = Counter(key(m.raw) for m in folder if (folder.name, m.uid) not in missing_ok)
            want |= Counter(key(raw) for (where, _), (raw, _) in self.foreign.items() if where == name)
            have = Counter(key(m.raw) for m in there or ())
            titles = {key(m.raw): f"{folder.name}: {title(m.raw)}" for m in [*(there or ()), *folder]}
            missing += [titles[k] for k in (want - have).elements()]
            doubled += [titles[k] for k in (have - want).elements()]
            if there is None:
                missing.append(f"the folder {name!r}")
        return missing, doubled

    def arrived(self, exact=True, folders=None, flags=None, dates=True, without=(), source_kept=True):
        """Each message of the source is there once, and the source is as it was.

        exact: octet for octet, else as essence() sees it, or a function of the octets. folders: names on the
        destination that are not the plain ones. flags: what becomes of a set of
        flags there; False: not compared. without: (folder, uid) that must not be there.
        """
        t = self.t
        missing, doubled = self.counts(exact, folders, set(without))
        t.equal((missing, doubled), ([], []), "messages missing, messages doubled or strange")
        for folder in self.source.store:
            if folder.selectable:
                name = (folders or {}).get(folder.name, self.translate(folder.name))
                self._marks(folder, self.dest.store.get(name), exact, flags, dates, set(without))
        kept = {key: self._of(*key) for key in self.foreign}
        t.equal(kept, self.foreign, "the messages that were there before, unchanged")
        if source_kept:
            t.read_only(self.source)
            t.equal(self.source.store.snapshot(), self.before, "the source is as it was")

    def _of(self, name, uid):
        folder = self.dest.store.get(name)
        found = [m for m in folder or () if m.uid == uid]
        return (found[0].raw, set(found[0].flags)) if found else None

    def _marks(self, folder, there, exact, flags, dates, without):
        """Flags, keywords and dates of those that imex brought."""
        if there is None:
            return
        key = key_of(exact)
        change = flags or (lambda found: found)

        # Instants that some servers do not keep are not compared (rules.md 2.7).
        undated = {key(m.raw) for m in folder
                   if not dates or not 86400 <= (epoch(m.date) or 0) <= time.time()}

        def marks(messages, how):
            found = Counter()
            for m in messages:
                kept = frozenset(f for f in m.flags if f != "\\Recent")
                found[key(m.raw), flags is not False and frozenset(how(kept)),
                      None if key(m.raw) in undated else epoch(m.date)] += 1
            return found
        own = [m for m in there if m.own]
        wanted = marks((m for m in folder if (folder.name, m.uid) not in without), change)
        strange = marks(own, lambda found: found) - wanted
        self.t.equal([(title(raw), set(f or ()), when) for raw, f, when in strange], [],
                     f"flags or dates in {there.name} that no message of {folder.name} has: "
                     f"{[(title(k[0]), *k[1:]) for k in wanted - marks(own, lambda f: f)][:4]}")

    def found(self, folder):
        """The name of the folder there that holds the messages of this one, and they alone."""
        want = Counter(essence(m.raw) for m in self.source.store[folder])
        names = [f.name for f in self.dest.store if Counter(essence(m.raw) for m in f) == want]
        self.t.equal(len(names), 1, f"folders with the messages of {folder}: "
                     f"{[(f.name, len(f)) for f in self.dest.store]}")
        return names[0] if names else None

    def repaired(self, folder, uid, reply=None):
        """The message was placed with a repair (exit 1), or lies in quarantine (exit 2).

        Once in either case, and all others as they are.
        """
        raw = self.source.store[folder][uid].raw
        there = self.dest.store[self.translate(folder)]
        twin = [m for m in there if title_line(m.raw) == title_line(raw)]
        self.t.ok(len(twin) <= 1, f"{title(raw)} is there once", [title(m.raw) for m in twin])
        if self.last.code == 2:
            self.t.equal(twin, [], "what was refused is not there")
            self.quarantined((folder, uid))
        else:
            self.t.exits(self.last, 1)
            self.t.equal(len(twin), 1, f"{title(raw)} is there")
            self.quarantined()
        for m in twin:
            there.messages.remove(m)
        self.arrived(without=[(folder, uid)])
        for m in twin:
            there.messages.append(m)
        if reply:
            self.refused(reply, folder=folder, uid=uid)

    def snapshot(self):
        return {f.name: {m.uid: (m.raw, sorted(m.flags), m.date) for m in f}
                for f in self.dest.store}

    def again(self, *args, code=None):
        """The same run once more: nothing changes, no APPEND is sent.

        But what has no good verdict may be tried again: then nothing changes alone.
        """
        before, mark = self.snapshot(), self.dest.transcript.mark()
        code = self.last.code if code is None else code
        done = self.migrate(*args)
        self.t.exits(done, code)
        if code != 2:
            self.t.never_sent(self.dest.transcript.since(mark), "APPEND", "CREATE", "(UID )?STORE")
        self.t.equal(self.snapshot() == before, True, "a further run changes nothing there")
        return done
