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


def scene_the_source_had_it_no_more(t):
    """When the copy was lost the source had lost the message: verify says so each time, and no run promises to bring it."""
    m = Move(t)
    m.warned(m.migrate())
    m.source.store["INBOX"].remove(4)
    m.warned(m.migrate())
    verify(m, 0, "--deep")
    m.dest.store["INBOX"].messages.pop()
    for _ in range(2):
        run = verify(m, 2)
        t.says(run, "DIFFERENT +alice INBOX UID 4: .*the source no longer had it .* cannot be sent again")
        t.says(run, "1 copy is lost of a message that the source no longer has: no run brings it again")
        t.ok("imex retry" not in run.text, "nothing to retry", run.text)
        done = m.retry()
        t.exits(done, 0)
        t.says(done, "Nothing to retry: all that the source has is complete")
        t.says(done, "Of 1 message that it no longer has, the copy was stored: no run can bring it again; .*imex verify ")
    m.migrate("--mirror")
    verify(m, 0, "--deep")
    t.says(m.retry(), "Nothing to retry: all is complete")


def scene_a_folder(t):
    """It is gone from the destination, whether the server lists what was above it or not."""
    for caps in (CAPS, ""):
        for how in (Move.retry, Move.migrate):
            m = Move(t, caps=caps)
            m.warned(m.migrate())
            for name in ("Archive", "Archive/2003"):
                there = m.dest.store.folders[name]
                there.messages, there.selectable = [], False
            del m.dest.store.folders["Archive/2003"]
            run = verify(m, 2)
            t.says(run, "DIFFERENT +alice Archive: folder .*with 4 copies")
            t.says(run, "8 copies are lost; to bring them again: imex retry ")
            t.says(verify(m, 2), "8 copies are lost; to bring them again: imex retry ")
            m.warned(how(m))
            m.arrived()
            verify(m, 0, "--deep")
            m.again()


def scene_a_folder_and_the_source_had_less(t):
    m = Move(t)
    m.warned(m.migrate())
    m.source.store["Archive"].remove(2)
    m.before = m.source.store.snapshot()
    m.warned(m.migrate())
    del m.dest.store.folders["Archive"]
    run = verify(m, 2)
    t.says(run, "3 copies are lost; to bring them again")
    t.says(run, "1 copy is lost of a message that the source no longer has")
    m.warned(m.retry())
    m.arrived()


def scene_a_folder_that_does_not_open(t):
    """It is listed: its copies may be whole, and nothing is noted."""
    m = Move(t)
    m.warned(m.migrate())
    m.dest.on(r"EXAMINE \"?Archive\"?$", "$TAG NO [NOPERM] not today\r\n")
    run = verify(m, 2)
    t.says(run, "DIFFERENT +alice Archive: .*not today")
    t.ok("copies are lost" not in run.text, "none is called lost", run.text)
    t.says(m.retry(), "Nothing to retry")
    m.dest.clear()
    verify(m, 0)


def scene_without_noting(t):
    m = Move(t)
    m.warned(m.migrate())
    gone(m)
    t.says(verify(m, 2, "--dry-run"), "not noted in the state.*--dry-run")
    t.says(m.retry(), "Nothing to retry")
