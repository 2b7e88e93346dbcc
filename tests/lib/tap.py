"""A small test runner that speaks TAP.

    import tap

    def test_two_runs_are_equal(t):
        t.equal(first, second, "the trees are equal")

    tap.main(globals())

Tests are the functions named test_* in the order of the file, or a list of
(name, callable). A callable takes the Test object, or nothing. Checks are soft:
a scene goes on after a failed one, so that one run shows everything that is
wrong; t.must() and any exception end the test.

Why not unittest: its output says nothing of what was started, and a scene that
fails is only worth something with the transcript of both sides. Whoever starts
a thing (a server, the program) calls t.context(title, text_or_callable) and the
text appears below `not ok`, and nowhere else.

With jobs > 1, or fork=True, each test runs in a process of its own, so that a
hung or crashed test cannot take the others along. TAP comes out in order.
"""

import argparse
import gc
import inspect
import multiprocessing
import multiprocessing.connection
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback

MAX_CONTEXT = 12000     # characters of one context; the middle is left out


class Skip(Exception):
    """Ends a test that cannot run here; the reason is the text."""


class Stop(Exception):
    """Ends a test whose next step makes no sense after a failed check."""


class Test:
    """What a running test is given: checks, notes, temporary places."""

    def __init__(self, name):
        self.name = name
        self.failures = []
        self.notes = []
        self._checks = 0
        self._contexts = []
        self._cleanups = []

    # -- checks ---------------------------------------------------------

    def ok(self, truth, what, *details):
        """Note a failure unless truth; returns truth."""
        self._checks += 1
        if not truth:
            where = _caller()
            self.failures.append("\n".join([f"{what}  ({where})", *map(str, details)]))
        return bool(truth)

    def equal(self, got, want, what):
        return self.ok(got == want, what, f"  got:  {_short(got)}", f"  want: {_short(want)}")

    def within(self, got, allowed, what):
        return self.ok(got in allowed, what, f"  got: {_short(got)}",
                       f"  want one of: {_short(allowed)}")

    def matches(self, text, pattern, what):
        return self.ok(re.search(pattern, text) is not None, what,
                       f"  pattern: {pattern}", f"  text: {_short(text)}")

    def must(self, truth, what, *details):
        """As ok(), but the test ends here if it is false."""
        if not self.ok(truth, what, *details):
            raise Stop()

    def fail(self, what, *details):
        self.ok(False, what, *details)

    def skip(self, reason):
        raise Skip(reason)

    # -- what is shown of a failure --------------------------------------

    def note(self, text):
        self.notes.append(str(text))

    def context(self, title, text):
        """Show text (or what it returns when called) if the test fails."""
        self._contexts.append((title, text))

    # -- places and endings ----------------------------------------------

    def cleanup(self, function, *args):
        """Call function at the end; last registered, first called."""
        self._cleanups.append((function, args))

    def tmpdir(self, name="tmp"):
        """A fresh directory, removed at the end unless KEEP=1."""
        path = tempfile.mkdtemp(prefix=f"imex-{name}-")
        if os.environ.get("KEEP") == "1":
            self.note(f"kept: {path}")
        else:
            self.cleanup(shutil.rmtree, path, True)
        return path

    # -- running -----------------------------------------------------------

    def run(self, function):
        """Run the test; returns a Result, never raises."""
        begin, computed = time.monotonic(), _computed()
        skipped = None
        try:
            function(self) if inspect.signature(function).parameters else function()
        except Skip as reason:
            skipped = str(reason)
        except Stop:
            pass
        except Exception:               # a broken test is a failed test
            self.failures.append(traceback.format_exc().rstrip())
        self._end_all()
        if not self._checks and not self.failures and skipped is None:
            self.failures.append("the test checked nothing")
        return Result(self.name, skipped, self.failures, self._diagnostics(),
                      time.monotonic() - begin, _computed() - computed)

    def _end_all(self):
        while self._cleanups:
            function, args = self._cleanups.pop()
            try:
                function(*args)
            except Exception:
                self.failures.append("cleanup: " + traceback.format_exc().rstrip())

    def _diagnostics(self):
        lines = list(self.notes)
        if not self.failures:
            return lines
        for title, text in self._contexts:
            lines.append(f"--- {title}")
            try:
                lines.append(_cut(str(text() if callable(text) else text)))
            except Exception as problem:
                lines.append(f"(cannot be shown: {problem!r})")
        return lines


class Result:
    """The outcome of one test, plain data so that it can cross a pipe."""

    def __init__(self, name, skipped, failures, diagnostics, seconds, computed=0.0):
        self.name = name
        self.skipped = skipped
        self.failures = failures
        self.diagnostics = diagnostics
        self.seconds, self.computed = seconds, computed

    def show(self, number, out):
        good = not self.failures
        line = f"{'ok' if good else 'not ok'} {number} - {self.name}"
        if self.skipped is not None and good:
            line += f" # SKIP {self.skipped}"
        print(line, file=out)
        for text in [*self.failures, *self.diagnostics]:
            for part in str(text).split("\n"):
                print("# " + _printable(part), file=out)
        out.flush()


# -- discovery and the command line --------------------------------------

def discover(namespace):
    """The functions named test_*, as (name, callable), in the order of the file."""
    found = [(name, value) for name, value in namespace.items()
             if name.startswith("test_") and callable(value)]
    return [(name[len("test_"):].replace("_", " "), value) for name, value in found]


def main(tests, **options):
    """Run what the command line names (all without arguments) and exit."""
    if isinstance(tests, dict):
        tests = discover(tests)
    parser = argparse.ArgumentParser(description="Run tests, print TAP.")
    parser.add_argument("names", nargs="*", help="only tests whose name contains one of these")
    parser.add_argument("-l", "--list", action="store_true", help="list the names and stop")
    parser.add_argument("-j", "--jobs", type=int, default=options.pop("jobs", 1),
                        help="tests at a time (default %(default)s)")
    parser.add_argument("--times", action="store_true",
                        help="print how long each test took, and how much of that it and what it started computed")
    args = parser.parse_args()
    chosen = [t for t in tests if not args.names or any(_named(n, t[0]) for n in args.names)]
    if args.list:
        print("\n".join(name for name, _ in chosen))
        sys.exit(0)
    if not chosen:
        print(f"Bail out! no test is named {' '.join(args.names)}")
        sys.exit(2)
    sys.exit(run(chosen, jobs=args.jobs, times=args.times, **options))


def run(tests, jobs=1, fork=False, timeout=None, times=False, out=sys.stdout):
    """Run (name, callable) pairs; returns the exit status: 0, or 1 on any failure."""
    print(f"1..{len(tests)}", file=out, flush=True)
    results = _forked(tests, jobs, timeout) if fork or jobs > 1 else _in_turn(tests)
    failed = []
    for number, result in enumerate(results, 1):
        result.show(number, out)
        if times:
            print(f"# {result.seconds:.2f} s, {result.computed:.2f} s of it computing", file=out)
        if result.failures:
            failed.append(result.name)
    if failed:
        print(f"# {len(failed)} of {len(tests)} failed: {'; '.join(failed)}", file=out)
    return 1 if failed else 0


def _named(wanted, name):
    """'seed-banyan' names the test 'seed banyan' too."""
    flat = re.sub(r"[-_ ]+", " ", name)
    return wanted in name or re.sub(r"[-_ ]+", " ", wanted) in flat


def _in_turn(tests):
    for name, function in tests:
        yield Test(name).run(function)


def _forked(tests, jobs, timeout):
    """Results in the order of the tests, at most jobs processes at a time."""
    context = multiprocessing.get_context("fork")
    waiting = list(enumerate(tests))
    running, done = {}, {}
    # Else the collector of each child writes to, and so copies, every object that was there before it.
    gc.collect()
    gc.freeze()
    for number in range(len(tests)):
        while number not in done:
            while waiting and len(running) < max(jobs, 1):
                index, (name, function) = waiting.pop(0)
                running[index] = _Child(context, name, function, timeout)
            multiprocessing.connection.wait([c.pipe for c in running.values()], 0.2)
            for index, child in list(running.items()):
                result = child.poll()
                if result is not None:
                    done[index] = result
                    del running[index]
        yield done.pop(number)


class _Child:
    """One test in its own process, with a time limit."""

    def __init__(self, context, name, function, timeout):
        self.name = name
        self.begin = time.monotonic()
        self.timeout = timeout
        self.pipe, child_end = context.Pipe(False)
        self.process = context.Process(target=_child_main, args=(child_end, name, function))
        self.process.start()
        child_end.close()

    def poll(self):
        """The result, or None while the test runs."""
        if self.pipe.poll():
            try:
                result = self.pipe.recv()
            except EOFError:
                result = None
            self.process.join()
            return result or self._lost(f"the test process died ({self.process.exitcode})")
        if self.timeout and time.monotonic() - self.begin > self.timeout:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.join(2)
            if self.process.is_alive():
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.join()
            return self._lost(f"still running after {self.timeout} s")
        return None

    def _lost(self, why):
        return Result(self.name, None, [why], [], time.monotonic() - self.begin)


def _child_main(pipe, name, function):
    os.setpgid(0, 0)    # so that what the test started can be ended with it
    test = Test(name)
    signal.signal(signal.SIGTERM, lambda *_: _give_up(pipe, test))
    pipe.send(test.run(function))
    pipe.close()
    sys.stdout.flush()
    os._exit(0)


def _give_up(pipe, test):
    """Asked to end by the runner's clock: say what is known, stop what was started."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    test.failures.append("took too long; it stood here:\n" + "".join(traceback.format_stack()))
    diagnostics = test._diagnostics()
    for text in test.failures + diagnostics:
        sys.stderr.write(f"# {test.name}: {text}\n")
    os.killpg(0, signal.SIGKILL)


def _computed():
    """Seconds of processors that this process and those it started and waited for have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


# -- text ------------------------------------------------------------------

def _caller():
    """file:line of the check, outside this file and the helpers named check_*."""
    for frame in inspect.stack()[2:]:
        if frame.filename != __file__ and not frame.frame.f_globals.get("TAP_HELPER"):
            return f"{os.path.basename(frame.filename)}:{frame.lineno}"
    return "?"


def _short(value, limit=2000):
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"


def _cut(text):
    if len(text) <= MAX_CONTEXT:
        return text
    half = MAX_CONTEXT // 2
    return f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"


def _printable(text):
    return "".join(c if c.isprintable() or c == "\t" else f"\\x{ord(c):02x}" for c in text)
