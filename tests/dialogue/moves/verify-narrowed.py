"""After a run that was narrowed verify still looks after all copies that there are."""

from scene import *
from into import *

PLAIN = ["--insecure-plaintext", "--dest-insecure-plaintext"]


def narrowed(t):
    """All was copied; the last run looked at INBOX alone."""
    m = Move(t, source=sample(("INBOX", "Archive", "Sent"), count=3))
    t.within(m.migrate().code, (0, 1), "exit code")
    t.within(m.migrate("--folder", "INBOX").code, (0, 1), "exit code")
    return m


def verify(t, m, code, *words):
    run = t.imex("verify", m.job, *PLAIN, *words, env={"IMEX_DEST_PASSWORD": DEST_PASSWORD})
    t.exits(run, code)
    return run


def scene_copies_that_are_gone(t):
    m = narrowed(t)
    t.says(verify(t, m, 0), "9 messages in 3 folders")
    m.dest.store["Sent"].remove(1)
    t.says(verify(t, m, 2), "DIFFERENT  .* Sent UID 1: message missing on the target")
    t.says(verify(t, m, 0, "--folder", "INBOX"), "3 messages in 1 folder ")


def scene_what_the_source_has_done_since(t):
    """In a folder that is left out it is no difference, until it is asked for."""
    m = narrowed(t)
    m.source.store["Sent"].remove(1)
    m.source.store["Archive"].renumber(1800000000, 1)
    t.says(verify(t, m, 0, "--deep"), "2 of the folders are left out by the selection")
    t.says(verify(t, m, 2, "--folder", "Archive"), "DIFFERENT  .* Archive: UIDVALIDITY differs")


def scene_a_copy_that_only_the_source_explains(t):
    """Then its message is asked for, in a folder that is left out too."""
    m = narrowed(t)
    copy = m.dest.store["Sent"][1]
    copy.raw = b"X-Spam: no\r\n" + copy.raw.replace(b"\r\nSubject:", b"\r\nX-Own: 1\r\nSubject:", 1)
    m.source.store["Sent"].remove(2)
    t.says(verify(t, m, 1), "explained  .* Sent UID 1: bytes on the target differ")
