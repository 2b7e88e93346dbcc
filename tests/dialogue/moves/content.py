"""Messages that a server refuses for what is in them: the octets first, then one repair, then quarantine."""

from scene import *
from into import *


def with_one(raw, flags=("\\Seen",)):
    """A mailbox with this message in the middle of INBOX; its UID is 5."""
    source = small()
    source["INBOX"].add(raw, flags)
    fill(source["INBOX"], 4, seed="more")
    return source


NUL = b"From: a@example.org\r\nSubject: with nul\r\n\r\none\0two\r\n"
BARE = b"From: a@example.org\r\nSubject: bare ones\r\n\r\none\ntwo\nthree\r\n"
GARBAGE = b"Subject: invalid header\r\nthis is not a header\r\n\r\nbody\r\n"
LONG = b"From: a@example.org\r\nSubject: long line\r\n\r\n" + b"word " * 4000 + b"\r\n"
EIGHT = b"From: a@example.org\r\nSubject: eight bits\r\nX-Name: Andr\xe9\r\n\r\nbody\r\n"


def refused(t, raw, text, caps=CAPS, phase="after", **rule):
    m = Move(t, source=with_one(raw), caps=caps)
    m.dest.append(**{phase: text}, **rule)
    m.migrate()
    m.repaired("INBOX", 5, reply=re.escape(text if isinstance(text, str) else text[1])[:40])
    m.again()
    return m


@quirk(6)
def scene_nul_ends_the_connection(t):
    """Gmail: BYE in mid-literal. The message that follows goes on."""
    m = Move(t, source=with_one(NUL), caps=without("MULTIAPPEND"))
    text = "Invalid character in literal"
    m.dest.append(bye=(NUL.index(b"\0") + 1, text), when=lambda x: x.size == len(NUL))
    m.until_done(codes=(1, 2))
    m.repaired("INBOX", 5)
    t.ok(any("Invalid character" in (e.get("reply") or "") for e in m.job.events()),
         "the words of the BYE are in an event")


def ends_the_connection(t, raw, text):
    """For what is in the message, without a word; repaired it is taken."""
    m = Move(t, source=with_one(raw), caps=without("MULTIAPPEND"))
    m.dest.append(cut=-1, when=lambda x: x.size == len(raw))
    m.until_done(codes=(1, 2))
    m.repaired("INBOX", 5)
    told = [e["text"] for e in m.job.events(30054)]
    t.ok(len(told) == 1 and re.match(text, told[0]) and "closed the connection" in told[0], "the repair is told", told)
    m.again()


def scene_bare_newlines_end_the_connection(t):
    ends_the_connection(t, BARE, "line ends made CRLF")


def scene_an_invalid_header_ends_the_connection(t):
    ends_the_connection(t, GARBAGE, ".* of the header encoded")


def scene_a_long_line_ends_the_connection(t):
    ends_the_connection(t, LONG, "lines over 998 octets broken")


def scene_an_accident_repairs_nothing(t):
    """Twice the connection ends at a message that could be repaired; the third time it is taken as it is."""
    m = Move(t, source=with_one(GARBAGE), caps=without("MULTIAPPEND"))
    m.dest.append(cut=-1, when=lambda x: x.size == len(GARBAGE), times=2)
    m.until_done()
    m.arrived()


@quirk(28)
def scene_nul(t):
    refused(t, NUL, "NO Message contains NUL characters", has=rb"\0")


@quirk(28)
def scene_bare_newlines(t):
    source = with_one(BARE)
    for folder in source:       # the usual one with bare line ends is not for this server
        folder.messages[:] = [m for m in folder if m.raw == BARE or b"bare LF" not in m.raw]
    m = Move(t, source=source)
    m.dest.append(after="NO Message contains bare newlines", has=rb"(?<!\r)\n")
    m.migrate()
    m.repaired("INBOX", 5, "bare newlines")
    m.again()


@quirk(28, 45)
def scene_invalid_header(t):
    refused(t, GARBAGE, "NO Message contains invalid header", has=rb"this is not a header")


@quirk(15)
def scene_long_line(t):
    """Exchange; there is no LITERAL+ there."""
    refused(t, LONG, "BAD Command Argument Error. 11", has=rb"[^\n]{9900}",
            caps="UIDPLUS IDLE NAMESPACE")


@quirk(11)
def scene_many_long_lines(t):
    """Exchange ends a connection after ten errors: a new one begins before, and nothing is in doubt."""
    source = Store()
    fill(source["INBOX"], 5)
    for number in range(15):
        source["INBOX"].add(LONG.replace(b"long line", b"long line %d" % number))
        fill(source["INBOX"], 2, seed=f"more {number}")
    m = Move(t, source=source, caps="UIDPLUS IDLE NAMESPACE")
    m.dest.append(after="BAD Command Argument Error. 11", has=rb"[^\n]{9900}")
    m.migrate()
    m.arrived(exact=lambda raw: b" ".join(raw.split()))
    t.equal(len(m.job.events(30054)), 15, "repaired messages")
    bads = [m.dest.transcript.sent(n).count(b" BAD ") for n in range(1, m.dest.connections + 1)]
    t.ok(sum(bads) >= 15 and max(bads) < 10, "errors of each connection", bads)
    t.equal([e for e in m.job.events(30011) if e["level"] == "warning"], [], "connections that were lost")
    m.again()


def scene_eight_bits_in_a_header(t):
    refused(t, EIGHT, "NO Message contains non-ASCII characters in headers", has=rb"Andr\xe9")


def scene_one_among_many(t):
    """In a MULTIAPPEND the bad message is found; the good ones are there once."""
    source = Store()
    fill(source["INBOX"], 40)
    source["INBOX"].add(NUL, uid=41)
    fill(source["INBOX"], 40, seed="more")
    m = Move(t, source=source)
    m.dest.append(after="NO Message contains NUL characters", has=rb"\0")
    m.migrate()
    m.repaired("INBOX", 41, "NUL")


BIG = b"From: a@example.org\r\nSubject: big\r\n\r\n" + b"0123456789\r\n" * 9000


@quirk(8, 18)
def scene_too_big(t):
    m = Move(t, source=with_one(BIG))
    m.dest.append(before="NO [TOOBIG] Message size exceeds allowed limit", larger=50000)
    m.lost(m.migrate())
    m.arrived(without=[("INBOX", 5)])
    m.quarantined(("INBOX", 5))
    m.refused("TOOBIG", folder="INBOX", uid=5)
    m.again()


@quirk(8)
def scene_appendlimit(t):
    """What is over the limit that the server tells is not even begun."""
    m = Move(t, source=with_one(BIG), caps=CAPS + " APPENDLIMIT=50000")
    m.lost(m.migrate())
    m.arrived(without=[("INBOX", 5)])
    m.quarantined(("INBOX", 5))
    t.never_sent(m.dest, rf"APPEND .*\{{{len(BIG)}\+?\}}")


def scene_appendlimit_of_each_folder(t):
    """Without a value it is asked for by STATUS (RFC 7889); NIL is none."""
    source = with_one(BIG)
    source["Archive"].add(BIG)
    source["Archive/2003"].add(BIG)
    m = Move(t, source=source, caps=CAPS + " APPENDLIMIT")
    m.dest.append_limits = {"INBOX": 50000, "Archive": len(BIG)}
    m.lost(m.migrate())
    m.arrived(without=[("INBOX", 5)])
    m.quarantined(("INBOX", 5))
    t.never_sent(m.dest, rf"APPEND \"?INBOX\"? .*\{{{len(BIG)}\+?\}}")
    m.again()


def scene_appendlimit_that_is_not_told(t):
    """A server that refuses the question is believed to have none."""
    m = Move(t, source=with_one(BIG), caps=CAPS + " APPENDLIMIT")
    m.dest.on(r"STATUS .*APPENDLIMIT", "$TAG BAD unknown item\r\n")
    m.migrate()
    m.arrived()
    t.ok(m.dest.transcript.count("STATUS .*APPENDLIMIT"), "it was asked")


def scene_the_big_one_goes_when_the_limit_is_raised(t):
    m = Move(t, source=with_one(BIG))
    m.dest.append(before="NO [TOOBIG] Message size exceeds allowed limit", larger=50000)
    m.lost(m.migrate())
    m.dest.clear()
    m.warned(m.retry())
    m.arrived()
