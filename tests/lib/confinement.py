"""What a running imex has given up, as the kernel tells of it.

    held = Held(t, server)              # its first login waits
    run = imexrun.start(t, "check", ...)
    held.keeps_to_its_directory()
    held.go_on()
"""

import ctypes
import os

import imexrun
from wire import Gate

LANDLOCK_VERSION = (444, None, 0, 1)        # landlock_create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION)
FILTERED = ("x86_64", "aarch64", "riscv64")


def kernel_can_confine(t):
    """Else the scene is skipped."""
    if ctypes.CDLL(None).syscall(*LANDLOCK_VERSION) < 2:
        t.skip("the kernel has no Landlock")


def can_filter():
    """Sanitizers need calls that a filter refuses, and are left alone."""
    with open(imexrun.program()[-1], "rb") as file:
        text = file.read()
    return os.uname().machine in FILTERED and not any(n in text for n in (b"__asan_init", b"__tsan_init"))


class Held:
    """A server at which a run waits until it has been looked at."""

    def __init__(self, t, server, pattern="LOGIN|AUTHENTICATE"):
        self.t, self.gate = t, Gate()
        server.on(pattern, lambda call: [self.gate, *call.normal()], times=1)

    def given(self, run, word):
        """A line of the run's /proc/PID/status; "" when the kernel has none such."""
        self.gate.must_be_reached(self.t, "imex logs in")
        with open(f"/proc/{run.pid}/status", encoding="ascii") as status:
            return next((line.split()[1] for line in status if line.startswith(word + ":")), "")

    def confined(self, run):
        """Is it? And filtered, where that can be."""
        if can_filter() and self.given(run, "Seccomp"):
            self.t.equal(self.given(run, "Seccomp"), "2" if self.given(run, "NoNewPrivs") == "1" else "0",
                         "a filter of system calls goes with it")
        return self.given(run, "NoNewPrivs") == "1"

    def go_on(self, run, code=0):
        """To the end."""
        self.gate.open()
        self.t.exits(run.wait(), code)


def keeps_to_itself(t, server, *words, code=0, held=None, **how):
    """A run with these words is confined while it hears that server."""
    held = held or Held(t, server)
    run = imexrun.start(t, *words, **how)
    t.ok(held.confined(run), f"imex {words[0]} has given up to write elsewhere, and to start programs")
    held.go_on(run, code)
    return run
