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
