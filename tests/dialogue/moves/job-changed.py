"""migrate: paused in the middle of a folder, it goes on where it was, and nothing is doubled."""

from scene import *
from into import *


def say(m, *words):
    run = m.t.imex("job", m.job, *words, password=None)
    m.t.exits(run, 0)
    return run


def scene_paused(t):
    m = Move(t)
    gate = m.source.hold(uid=3, folder="INBOX", after=20)
    m.start()
    gate.must_be_reached(t)
    t.says(say(m, "pause"), "^paused")
    gate.open()
    t.must(t.until(lambda: re.search(r"(?m)^\S+ to \S+: paused, [0-3]/", t.imex("status", m.job).text)), "it is paused")
    marks = m.source.transcript.mark(), m.dest.transcript.mark()
    for _ in range(2):
        t.says(say(m), "(?m)^process .*: paused$")
    t.equal([len(s.transcript.since(mark).commands(".")) for s, mark in zip((m.source, m.dest), marks)], [0, 0],
            "commands while it is paused")
    say(m, "resume")
    t.exits(m.last.wait(), 1)
    m.arrived()
    m.again()


def scene_stopped(t):
    """The only account: it ends with 2, and retry goes on."""
    m = Move(t)
    gate = m.source.hold(uid=3, folder="INBOX", after=20)
    m.start()
    gate.must_be_reached(t)
    say(m, "stop", m.source.user)
    gate.open()
    t.exits(m.last.wait(), 2)
    t.says(m.last, "stopped by imex job stop")
    t.exits(m.retry(), 1)
    m.arrived()
