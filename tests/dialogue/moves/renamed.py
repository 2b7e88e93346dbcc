"""A folder of the source that was renamed goes on in the folder of the destination that it had."""

from scene import *
from into import *

RENAMED = 30077


def scene_goes_on_in_its_place(t):
    m = Move(t)
    m.clean(m.migrate())
    before = {name: len(m.dest.store[name]) for name in m.dest.store.folders}
    store = m.source.store
    name = next(n for n in store.folders if n != "INBOX" and "/" not in n)
    store.rename(name, "Other")
    store["Other"].add(letter("Other", 80))
    store.add(name, 2)
    m.before, mark = store.snapshot(), m.dest.transcript.mark()
    m.warned(m.migrate())
    t.equal(len(m.dest.store[name]), before[name] + 1, "messages in the folder that it had")
    t.ok(m.dest.store.get("Other") is None, "none is made")
    t.equal(len(m.dest.store[name + "~2"]), 2, "a folder that has its name now is kept apart")
    told = [e["text"] for e in m.job.events(RENAMED)]
    t.ok(told and name in told[0] and "Other" in [e["folder"] for e in m.job.events(RENAMED)], "both are named", told)
    sent = m.dest.transcript.since(mark).count("APPEND")
    t.ok(sent <= 3, "only what is new was sent", sent)
    mark = m.dest.transcript.mark()
    m.warned(m.migrate())
    t.never_sent(m.dest.transcript.since(mark), "APPEND", "CREATE", "RENAME")


def scene_left_out_when_it_was_renamed(t):
    m = Move(t)
    m.clean(m.migrate())
    store = m.source.store
    name = next(n for n in store.folders if n != "INBOX" and "/" not in n)
    m.migrate("--folder", "INBOX")
    store.rename(name, "Other")
    m.migrate("--folder", "INBOX")
    m.before, mark = store.snapshot(), m.dest.transcript.mark()
    m.warned(m.migrate())
    t.ok("Other" in [e["folder"] for e in m.job.events(RENAMED)], "it is told")
    t.never_sent(m.dest.transcript.since(mark), "APPEND", "CREATE", "RENAME")


def scene_names_that_were_swapped(t):
    """Each goes on in the folder of the destination that it had: nothing is sent, and nothing mixed."""
    m = Move(t)
    m.clean(m.migrate())
    before = {name: sorted(x.raw for x in m.dest.store[name]) for name in m.dest.store.folders}
    store = m.source.store
    for old, new in (("Archive", "aside"), ("Archive/2003", "Archive"), ("aside", "Archive/2003")):
        store.folders[new] = store.folders.pop(old)
        store.folders[new].name = new
    m.before, mark = store.snapshot(), m.dest.transcript.mark()
    m.warned(m.migrate())
    t.equal(sorted(e["folder"] for e in m.job.events(RENAMED)), ["Archive", "Archive/2003"], "what was told")
    t.never_sent(m.dest.transcript.since(mark), "APPEND", "CREATE", "RENAME")
    t.equal({name: sorted(x.raw for x in m.dest.store[name]) for name in m.dest.store.folders}, before, "what is there")
