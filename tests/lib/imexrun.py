"""Run imex and look at what it left: exit code, events, report, Maildir.

The program is named by the environment variable IMEX. Its own environment is
made from nothing (a home of its own, UTC, C.UTF-8, the password in
IMEX_PASSWORD), so that no netrc, proxy or locale of the developer decides a test.

IMEX_SCALE=N multiplies all time limits, for sanitizer builds.
IMEX_WRAP="strace -f -o x" is put before the program.
"""

import json
import os
import shlex
import signal
import subprocess
import threading
import time

TAP_HELPER = True
PASSWORD = "pA55-wd&9"
SIGINT = signal.SIGINT
SCALE = float(os.environ.get("IMEX_SCALE", "1"))
_KEPT = ("PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "LSAN_OPTIONS", "LD_LIBRARY_PATH")
# A sanitizer's own exit code would be taken for one of ours.
_SANITIZERS = {"ASAN_OPTIONS": "exitcode=99", "TSAN_OPTIONS": "exitcode=99",
               "UBSAN_OPTIONS": "print_stacktrace=1:exitcode=99", "LSAN_OPTIONS": "exitcode=99"}
_ALARMS = ("ERROR: AddressSanitizer", "WARNING: ThreadSanitizer", "ERROR: LeakSanitizer",
           ": runtime error: ", "UndefinedBehaviorSanitizer")


# For a run that ends at once, with all that its threads have in hand.
ABRUPT = {"TSAN_OPTIONS": ":".join(filter(None, [_SANITIZERS["TSAN_OPTIONS"], os.environ.get("TSAN_OPTIONS"),
                                                 "report_thread_leaks=0"]))}


def program():
    """The words that start imex; an error if IMEX is unset."""
    path = os.environ.get("IMEX")
    if not path:
        raise RuntimeError("set IMEX to the imex program to be tested")
    return shlex.split(os.environ.get("IMEX_WRAP", "")) + [os.path.abspath(path)]


class Run:
    """imex, running or ended. argv, code, out, err (bytes), seconds."""

    def __init__(self, t, args, password=PASSWORD, env=None, stdin=b"", cwd=None, timeout=30):
        self.t = t
        self.argv = program() + [str(a) for a in args]
        self.code = None
        self.out = self.err = b""
        self.limit = timeout * SCALE
        self._home = t.tmpdir("home")
        self._begin = time.monotonic()
        self.seconds = None
        self.process = subprocess.Popen(
            self.argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=self._environment(password, env), cwd=cwd or self._home)
        t.context(f"imex {' '.join(map(str, args))}", self.describe)
        t.cleanup(self._end)
        self._readers = [self._collect(self.process.stdout, "out"),
                         self._collect(self.process.stderr, "err")]
        self._feed(stdin)

    @property
    def pid(self):
        return self.process.pid

    @property
    def text(self):
        """Both outputs, as text."""
        return (self.out + b"\n" + self.err).decode(errors="replace")

    def wait(self):
        """Wait for the end; a run over its time limit, or a crash, fails the test."""
        if self.code is not None:
            return self
        try:
            self.process.wait(max(self.limit - (time.monotonic() - self._begin), 0.1))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            self.t.fail(f"imex still ran after {self.limit:.0f} s: {shlex.join(self.argv)}")
        for reader in self._readers:
            reader.join(10)
        self.seconds = time.monotonic() - self._begin
        self.code = self.process.returncode
        self._check_health()
        return self

    def signal(self, number=SIGINT):
        self.process.send_signal(number)
        return self

    def interrupt(self, number=SIGINT):
        """Send the signal and wait until the program says that it has seen it: only then may a server that
        holds it back go on, else a fast one ends the run first."""
        self.signal(number)
        self.t.must(self.t.until(lambda: b"press Ctrl-C again" in self.err, 30 * SCALE), "imex has seen the signal")
        return self

    def describe(self):
        state = "still running" if self.code is None else f"exit {self.code}, {self.seconds:.2f} s"
        out, err = (b.decode(errors="backslashreplace") for b in (self.out, self.err))
        return f"$ {shlex.join(self.argv)}\n[{state}]\nstdout: {out}\nstderr: {err}"

    def _check_health(self):
        if self.code < 0 and self.code not in (-signal.SIGKILL, -signal.SIGTERM):
            self.t.fail(f"imex died of {signal.Signals(-self.code).name}: {shlex.join(self.argv)}")
        for alarm in _ALARMS:
            if alarm in self.text:
                self.t.fail(f"imex: {alarm}")

    def _environment(self, password, extra):
        env = {name: os.environ[name] for name in _KEPT if name in os.environ}
        for name, options in _SANITIZERS.items():
            env[name] = ":".join(filter(None, [options, env.get(name)]))
        env.update(HOME=self._home, LANG="C.UTF-8", TZ="UTC", TERM="dumb")
        if password is not None:
            env["IMEX_PASSWORD"] = password
        env.update(extra or {})
        return env

    def _collect(self, pipe, name):
        def loop():
            while chunk := pipe.read1(65536):
                setattr(self, name, getattr(self, name) + chunk)
            pipe.close()
        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        return thread

    def _feed(self, data):
        try:
            self.process.stdin.write(data)
            self.process.stdin.close()
        except BrokenPipeError:
            pass

    def _end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def start(t, *args, **options):
    """Start imex and return at once with the Run."""
    return Run(t, args, **options)


def run(t, *args, **options):
    """Run imex to its end and return the Run."""
    return Run(t, args, **options).wait()


class Job:
    """A job directory: where imex puts its state and the mail."""

    def __init__(self, t, path=None):
        self.t = t
        self.path = path or os.path.join(t.tmpdir("job"), "job")

    def __fspath__(self):
        return self.path

    __str__ = __fspath__

    def events(self, number=None):
        """The events of the log, oldest first; only those with the number if one is given."""
        path = os.path.join(self.path, "events.jsonl")
        if not os.path.exists(path):
            return []
        found = []
        with open(path, "rb") as file:
            for line in file:
                event = json.loads(line)        # a line that is not JSON is a failure
                if number is None or event["event"] == number:
                    found.append(event)
        return found

    def report(self):
        """What `imex report DIR --format json` prints, decoded."""
        done = run(self.t, "report", self.path, "--format", "json")
        self.t.equal(done.code, 0, "imex report succeeds")
        try:
            return json.loads(done.out)
        except ValueError as problem:
            self.t.fail(f"imex report prints JSON: {problem}", done.describe())
            return {"accounts": []}

    def folder(self, name, account=0):
        """The report's entry of one folder; {} and a failure if there is none."""
        accounts = self.report()["accounts"]
        folders = accounts[account]["folders"] if accounts else []
        for folder in folders:
            if folder["name"] == name:
                return folder
        self.t.fail(f"the report has the folder {name!r}", [f["name"] for f in folders])
        return {}

    @property
    def mail(self):
        return os.path.join(self.path, "mail")

    def account_dirs(self):
        return sorted(os.listdir(self.mail)) if os.path.isdir(self.mail) else []

    def files_with(self, needle):
        """The files anywhere below the job directory that hold these bytes."""
        found = []
        for base, _, names in os.walk(self.path):
            for name in names:
                path = os.path.join(base, name)
                if os.path.isfile(path):
                    with open(path, "rb") as file:
                        if needle in file.read() or needle in os.fsencode(name):
                            found.append(os.path.relpath(path, self.path))
        return found
