"""Flags and keywords that the server refuses, renames or drops: read back, never believed."""

from scene import *
from into import *

KEYWORDS = {"$Forwarded", "Project-X", "$Junk"}


def keyworded():
    return small(8)


def scene_keywords_in_lower_case(t):
    m = Move(t, source=keyworded())
    m.dest.append(flags=lambda f: {x if x[0] == "\\" else x.lower() for x in f})
    m.warned(m.migrate())
    m.arrived(flags=lambda f: {x if x[0] == "\\" else x.lower() for x in f})
    m.again()


def scene_keywords_renamed(t):
    """mox: $Junk becomes $NotJunk. That is worth a warning in the report."""
    m = Move(t, source=keyworded())
    m.dest.append(flags=lambda f: {"$NotJunk" if x == "$Junk" else x for x in f})
    m.warned(m.migrate())
    m.arrived(flags=False)
    t.ok(m.job.report()["accounts"][0].get("warnings"), "the report tells of it")
    m.again()


def scene_keywords_dropped(t):
    m = Move(t, source=keyworded())
    m.dest.append(flags=lambda f: {x for x in f if x[0] == "\\"})
    m.dest.permanent = ["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"]
    m.warned(m.migrate())
    m.arrived(flags=lambda f: {x for x in f if x[0] == "\\"})
    m.again()


@quirk(30)
def scene_permanentflags_without_star(t):
    """What cannot be kept is not asked for, or asked for once."""
    m = Move(t, source=keyworded())
    m.dest.permanent = ["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft", "$Forwarded"]
    m.dest.append(before="NO [CANNOT] no such keyword", flag="Project-X|\\$Junk")
    m.dest.on(r"UID STORE .*(Project-X|\$Junk)", "$TAG NO [CANNOT] no such keyword\r\n")
    m.warned(m.migrate())
    m.arrived(flags=lambda f: f - {"Project-X", "$Junk"})
    m.quarantined()
    m.again()


@quirk(29, 30)
def scene_keyword_refused_by_bad(t):
    m = Move(t, source=keyworded())
    m.dest.append(before="BAD Error in IMAP command APPEND: Invalid keyword", flag="Project-X")
    m.dest.on(r"UID STORE .*Project-X", "$TAG BAD Error in IMAP command STORE: Invalid keyword\r\n")
    m.warned(m.migrate())
    m.arrived(flags=lambda f: f - {"Project-X"})
    m.refused("Invalid keyword", level="warning")
    m.again()


def scene_too_many_keywords(t):
    """Cyrus: a limit of keywords, told behind the literal."""
    m = Move(t, source=keyworded(), caps=without("MULTIAPPEND"))
    m.dest.append(after="NO Too many user flags in mailbox", flag="Project-X|\\$Junk")
    m.dest.on(r"UID STORE .*(Project-X|\$Junk)", "$TAG NO Too many user flags in mailbox\r\n")
    m.warned(m.migrate())
    m.arrived(flags=lambda f: f - {"Project-X", "$Junk"})
    m.refused("Too many user flags")
    m.again()


@quirk(26)
def scene_all_flags_refused(t):
    """GroupWise 7: only an APPEND without anything is taken; STORE works."""
    m = Move(t, source=keyworded(), caps=without("MULTIAPPEND LITERAL+"))
    m.dest.append(before="BAD APPEND", when=lambda x: x.flags)
    m.warned(m.migrate())
    m.arrived(flags=False)
    m.quarantined()
    m.again()


def scene_flags_dropped_by_append(t):
    """imap4d: flags of APPEND are lost; STORE sets them."""
    m = Move(t, source=keyworded())
    m.dest.append(flags=lambda f: ())
    m.warned(m.migrate())
    m.arrived()
    m.again()


def scene_later_change_refused(t):
    """What a STORE between two runs is refused is told, and takes no other flag with it."""
    m = Move(t)
    m.clean(m.migrate())
    m.source.store["INBOX"].flag(1, "\\Flagged", "\\Draft", "New-Word")
    m.before = m.source.store.snapshot()
    m.dest.on(r"UID STORE 1 .*(Draft|New-Word)", "$TAG NO [CANNOT] no such flag\r\n")
    m.warned(m.migrate())
    for word in "Draft", "New-Word":
        t.ok(any(word in e["text"] and e["uid"] == 1 for e in m.job.events(14002)), f"{word} is told", *m.told())
    m.arrived(flags=lambda f: f - {"\\Draft", "New-Word"})
    m.again()


def scene_later_keyword_without_a_place(t):
    m = Move(t)
    m.dest.permanent = ["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"]
    m.clean(m.migrate())
    m.source.store["INBOX"].flag(1, "\\Flagged", "New-Word")
    m.before = m.source.store.snapshot()
    m.warned(m.migrate())
    t.one_event(m.job, 30052, uid=1, text=re.compile("New-Word"))
    m.arrived(flags=lambda f: f - {"New-Word"})
    m.again()


def scene_later_change_of_case(t):
    """A keyword is the same in any case: setting one and taking the other away would lose it."""
    source = small()
    source["INBOX"].flag(1, "\\Flagged", "Project-X")
    m = Move(t, source=source)
    m.clean(m.migrate())
    m.source.store["INBOX"].flag(1, "\\Flagged", "project-x")
    m.before = m.source.store.snapshot()
    m.clean(m.migrate())
    t.never_sent(m.dest, "UID STORE")
    m.arrived(flags=lambda f: {"Project-X" if x == "project-x" else x for x in f})


def scene_later_change_later(t):
    """A server that asks to wait is waited for."""
    m = Move(t)
    m.clean(m.migrate())
    m.source.store["INBOX"].flag(1, "\\Flagged", "New-Word")
    m.before = m.source.store.snapshot()
    m.dest.on("UID STORE", "$TAG NO [THROTTLED] not so fast\r\n", times=2)
    m.until_done("--retry-delay", "100ms")
    m.arrived()
    m.again()
