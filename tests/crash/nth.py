"""The n-th call that can fail fails, or imex is killed there: for each kind of call, in a small job of
each kind (small.py). imex ends by itself with an exit code of the contract, says so and nothing secret;
what ended well is what an undisturbed run leaves, and whatever did not is that after the same command
once more (rules.md 4.6).

By default a few of each kind of call are taken: the first, and then at a stride. CRASH_EVERY=1: all;
CRASH_PART=2/8 the second of eight parts of them, which together are all.
"""

import ctypes
import errno
import os
import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import imexrun
import lab as lib
import plan
import shim
import small
from lab import Done

POINTS = int(os.environ.get("CRASH_POINTS", "2"))   # of each kind of call
PART, PARTS = map(int, (os.environ.get("CRASH_PART") or "1/1").split("/"))
AT_ONCE = 3
TRIES = 3               # of the same command, where a server may have to wait for what is in doubt
TIME_LIMIT = 60 * imexrun.SCALE
CODES = {0, 1, 2, 68, 69, 73, 74, 75}
MEMORY = "out of memory"
GLIBC = "nss_database.c"    # its own assertion when there is no memory to read /etc/nsswitch.conf
CHANGES = tuple(range(shim.CREATE, shim.SEND))
ALL = (*CHANGES, shim.SEND, shim.OPEN, shim.READ, shim.LOOK, shim.RECV, shim.CONNECT, shim.WAIT, shim.TLS,
       shim.DATABASE, shim.THREAD)
SQLITE_BUSY, SQLITE_NOMEM, SQLITE_IOERR, SQLITE_FULL = 5, 7, 10, 13


@dataclass
class Fault:
    """What is done to which calls. like: of requests for memory those of this library."""
    name: str
    ops: tuple
    errno: int = 0
    do: str = "fail"
    like: str = ""
    many: int = 1

    def how(self, at):
        return {"do": self.do, "at": at, "only": self.ops, "like": self.like, "many": self.many,
                "errno": self.errno, "also": tuple(op for op in self.ops if op >= shim.SEND)}

    def counts(self, call):
        return call.op in self.ops and (self.like in call.path or self.like in call.other)


FAULTS = [
    Fault("memory of imex", (shim.ALLOC,), errno.ENOMEM, like="imex+"),
    Fault("memory of SQLite", (shim.ALLOC,), errno.ENOMEM, like="libsqlite3"),
    Fault("memory of TLS", (shim.ALLOC,), errno.ENOMEM, like="libssl"),
    Fault("memory of crypto", (shim.ALLOC,), errno.ENOMEM, like="libcrypto"),
    Fault("memory of libc", (shim.ALLOC,), errno.ENOMEM, like="libc.so"),
    Fault("open", (shim.CREATE, shim.OPEN), errno.EMFILE),
    Fault("read", (shim.READ,), errno.EIO),
    Fault("read interrupted", (shim.READ,), errno.EINTR, many=3),
    Fault("half a read", (shim.READ,), do="short", many=5),
    Fault("look", (shim.LOOK,), errno.EIO),
    Fault("write", (shim.WRITE, shim.TRUNCATE), errno.ENOSPC),
    Fault("write interrupted", (shim.WRITE,), errno.EINTR, many=3),
    Fault("half a write", (shim.WRITE,), do="short", many=3),
    Fault("names", (shim.RENAME, shim.UNLINK, shim.MKDIR, shim.RMDIR, shim.LINK, shim.TIMES), errno.EIO),
    Fault("sync", (shim.SYNC, shim.SYNC_ALL), errno.EIO),
    Fault("database", (shim.DATABASE,), SQLITE_IOERR),
    Fault("database full", (shim.DATABASE,), SQLITE_FULL),
    Fault("database without memory", (shim.DATABASE,), SQLITE_NOMEM),
    Fault("connect", (shim.CONNECT,), errno.ECONNREFUSED),
    Fault("send", (shim.SEND,), errno.EPIPE),
    Fault("half a send", (shim.SEND,), do="short", many=5),
    Fault("receive", (shim.RECV,), errno.ECONNRESET),
    Fault("receive interrupted", (shim.RECV, shim.SEND, shim.WAIT), errno.EINTR, many=3),
    Fault("half received", (shim.RECV,), do="short", many=5),
    Fault("wait", (shim.WAIT,), errno.ENOMEM),
    Fault("TLS", (shim.TLS,), errno.EIO),
    Fault("thread", (shim.THREAD,), errno.EAGAIN),
    Fault("killed before", ALL, do="kill-before"),
    Fault("killed after", (*CHANGES, shim.SEND), do="kill-after"),
]


class Ground:
    """The tries of one kind of job, and what an undisturbed one leaves."""

    def __init__(self, t, kind):
        self.t, self.kind = t, kind
        self.place = t.tmpdir("nth")
        small.Small.run = self.run
        self.job = small.KINDS[kind](t, self.place)
        self.number = 0
        self.faults = self.kills = self.ended = self.unharmed = self.unstruck = 0
        one = self.job.fresh(0)
        done = self.run(self.job.words(one))
        t.must(done.code in (0, 1), "the undisturbed run succeeds", done)
        self.code, self.wanted = done.code, self.job.found(one)
        t.must(not self.job.odd(one, self.wanted), "and is sound", self.job.odd(one, self.wanted))
        self.job.end(one)

    def run(self, words, one=None, **how):
        log = one and one.root + ".log"
        env = {"PATH": os.environ["PATH"], "HOME": self.place, "LANG": "C.UTF-8", "TZ": "UTC", "TERM": "dumb",
               **small.Small.env}
        if how:
            if os.path.exists(log):
                os.unlink(log)
            env.update(shim.environment(one.root, log, **how))
        argv = [*imexrun.program(), *words]
        process = subprocess.Popen(argv, env=env, cwd=self.place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        try:
            out, err = process.communicate(timeout=TIME_LIMIT)
            code = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            code = None
        calls = shim.read_log(log, one.root) if how and os.path.exists(log) else []
        return Done(argv, code, out, err, calls)

    def calls(self):
        """All calls that an undisturbed run makes."""
        one = self.job.fresh("count")
        done = self.run(self.job.words(one), one, do="count", also=range(shim.SEND, shim.ALLOC + 1))
        self.job.end(one)
        self.t.must(done.code == self.code, "counting changes nothing", done)
        return done.calls

    def strike(self, fault, at):
        self.number += 1
        one = self.job.fresh(self.number)
        try:
            done = self.run(self.job.words(one), one, **fault.how(at))
            self.judge(one, fault, at, done)
        finally:
            if os.path.exists(one.root + ".log"):
                os.unlink(one.root + ".log")
            self.job.end(one)

    def judge(self, one, fault, at, done):
        t, what = self.t, f"{self.kind}, {fault.name} {at}: {done.struck}"
        if not done.struck:
            self.unstruck += 1
        elif done.killed:
            self.kills += 1
        else:
            self.faults += 1
        problems = [] if done.killed and fault.do.startswith("kill") else self.odd_end(done, fault)
        good = done.code in (0, 1)
        if good:
            self.unharmed += 1
            if done.struck and done.struck.op == shim.RMDIR:
                self.finish(one)        # an empty directory stayed, and goes with the next run
        else:
            self.ended += 1
            again = self.finish(one)
            # What has nothing left to be tried again has no warnings of its own either.
            if again.code not in ({0, 1} if self.kind == "retry" else {self.code}):
                problems.append(f"then the same command: {again}")
        # A message that failed alone comes later, and so stands elsewhere in a file of many, or in a further set.
        wanted = {k: v for k, v in self.wanted.items() if done.code != 2 or k != "files" or self.job.form.apart}
        problems += self.spilt(one, done) + self.job.odd(one, wanted)
        t.ok(not problems, what, done, *problems[:8])

    def finish(self, one):
        """The same command again, undisturbed; without syncs, as a busy disk makes them slow."""
        for _ in range(TRIES):
            done = self.run(self.job.words(one), one, do="count")
            if done.code != 75 and not (one.dest and done.code == 2):
                break
        return done

    def odd_end(self, done, fault):
        """Sentences on how it ended with a fault."""
        if done.code is None:
            return ["it hung"]
        said = [line for line in done.err.splitlines() if line.startswith("imex: ")]
        if GLIBC in done.err and done.code == -signal.SIGABRT and fault.name == "memory of libc":
            return []
        if done.code == -signal.SIGSEGV and fault.name == "memory of libc" and in_nss(done.struck):
            return []
        if done.code not in CODES:
            return [f"exit code {done.code}"]
        # Of a list the other account goes on, and is worth 2.
        if MEMORY in done.err and done.code not in ((2, 74, 75) if self.kind == "a list of two" else (74, 75)):
            return [f"out of memory, but exit code {done.code}"]
        if done.code not in (0, 1, 2) and not said:
            return ["not a word of why"]
        if done.code in (73, 74) and set(fault.ops) <= {*CHANGES, shim.OPEN, shim.READ, shim.LOOK} and \
                not names_place(done):
            return ["the error names no file"]
        return []

    @staticmethod
    def spilt(one, done):
        """Passwords that were printed, or are in files of the job."""
        text = (done.out + done.err).encode()
        found = [f"the output has the password {secret}" for secret in small.SECRETS if secret.encode() in text]
        for base, _, names in os.walk(one.job):
            for name in names:
                with open(os.path.join(base, name), "rb") as file:
                    data = file.read()
                found += [f"{name} has the password {secret}" for secret in small.SECRETS if secret.encode() in data]
        return found

    def __str__(self):
        return f"{self.faults} faults, {self.kills} kills; {self.ended} runs ended by it, {self.unharmed} did all " \
            f"the same, {self.unstruck} met none"


def in_nss(struck):
    """The C library's nss_database.c also goes on with what it could not allocate."""
    libc = ctypes.CDLL("libc.so.6")
    with open("/proc/self/maps", encoding="ascii") as maps:
        base = min(int(line.split("-")[0], 16) for line in maps if "/libc.so.6" in line)
    end = ctypes.cast(libc.__nss_database_get, ctypes.c_void_p).value - base
    at = re.search(r"libc\.so\.6\+0x([0-9a-f]+)", str(struck))
    return at is not None and end - 0x1800 <= int(at.group(1), 16) <= end + 0x400


def names_place(done):
    """An error says of which file, directory or account it speaks."""
    return "'" in done.err or "/" in done.err or "job directory" in done.err


def taken(total, name):
    """Numbers up to total: all or a part of all, or the first and some at a stride."""
    if plan.EVERY:
        return list(plan.each(total, name))[PART - 1::PARTS]
    return sorted({1, *plan.each(total, name, max(POINTS - 1, 1))}) if total else []


def disturbed(kind, faults):
    def test(t):
        begin = time.monotonic()
        ground = Ground(t, kind)
        calls = ground.calls()
        for fault in faults:
            total = sum(map(fault.counts, calls))
            before = len(t.failures)
            with ThreadPoolExecutor(AT_ONCE) as pool:
                for _ in pool.map(lambda at, fault=fault: ground.strike(fault, at), taken(total, kind + fault.name)):
                    pass
            if plan.EVERY:
                t.note(f"{fault.name}: {total} calls, {len(t.failures) - before} failures")
        t.note(f"nth: {kind}: {ground}; of {len(calls)} calls; {time.monotonic() - begin:.0f} s")
        t.ok(ground.faults + ground.kills > ground.unstruck, "faults struck", ground)
    return test


def tests():
    wanted = os.environ.get("CRASH_FAULTS", "").split(",")
    faults = [f for f in FAULTS if wanted == [""] or f.name in wanted]
    return [(f"nth: {kind}", disturbed(kind, faults)) for kind in small.KINDS]
