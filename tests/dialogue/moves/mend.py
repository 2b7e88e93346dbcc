"""Copies that are missing on the destination: verify names and notes them, and the next run sends them again."""

from scene import *
from into import *

ENV = {"IMEX_DEST_PASSWORD": DEST_PASSWORD}


def verify(m, code, *words):
    run = m.t.imex("verify", m.job, *words, env=ENV, password=PASSWORD)
    m.t.exits(run, code)
    return run


def gone(m):
    """Of one folder the last copy, of another the first."""
    m.dest.store["INBOX"].messages.pop()
    m.dest.store["Archive"].messages.pop(0)


def scene_they_are_sent_again(t):
    for caps in (CAPS, ""):
        for how in (Move.retry, Move.migrate):
            m = Move(t, caps=caps)
            m.warned(m.migrate())
            verify(m, 0, "--deep")
            gone(m)
            run = verify(m, 2)
            t.says(run, "DIFFERENT +alice INBOX UID 4: message missing on the target")
            t.says(run, "2 copies are lost; to bring them again: imex retry ")
            t.says(verify(m, 2), "DIFFERENT +alice INBOX UID 4: message missing on the target: its copy is lost")
            m.warned(how(m))
            m.arrived()
            verify(m, 0, "--deep")
            m.again()


def scene_one_that_has_another_uid_is_found(t):
    """Somebody moved it away and back: it is there, and not sent."""
    m = Move(t)
    m.warned(m.migrate())
    there = m.dest.store["INBOX"].messages.pop()
    m.dest.store["INBOX"].add(there.raw, there.flags, there.date)
    verify(m, 2)
    mark = m.dest.transcript.mark()
    m.warned(m.retry())
    t.never_sent(m.dest.transcript.since(mark), "APPEND")
    m.arrived()
    verify(m, 0)


def scene_the_source_has_it_no_more(t):
    m = Move(t)
    m.warned(m.migrate())
    m.dest.store["INBOX"].messages.pop()
    verify(m, 2)
    m.source.store["INBOX"].remove(4)
    for how in (Move.retry, Move.migrate):
        m.lost(how(m))
        t.says(t.imex("report", m.job), "its copy is lost; the source no longer has it")
    t.says(verify(m, 2), "DIFFERENT +alice INBOX UID 4: .*the source no longer has it")


def scene_without_noting(t):
    m = Move(t)
    m.warned(m.migrate())
    gone(m)
    t.says(verify(m, 2, "--dry-run"), "not noted in the state.*--dry-run")
    t.says(m.retry(), "Nothing to retry")
