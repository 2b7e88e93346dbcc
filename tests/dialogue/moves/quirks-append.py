"""APPEND as all servers take it."""

from scene import *
from into import *


@quirk(21, 36, 39)
def scene_form_of_the_command(t):
    """A list of flags always, days of two digits, and behind each literal CRLF and no octet more."""
    source = Store()
    for n, ending in enumerate((b"", b"\r\n", b"\r\n\r\n")):
        source["INBOX"].add(b"Subject: m%d\r\n\r\nbody%s" % (n, ending), (), " 7-Nov-2016 18:49:23 +0200")
    m = Move(t, source=source, caps=without("MULTIAPPEND"))
    m.migrate()
    t.within(m.last.code, (0, 1), "exit code")
    m.arrived()
    lines = m.dest.transcript.commands("APPEND")
    t.equal(len(lines), 3, "APPENDs")
    for line in lines:
        t.matches(line, r'^APPEND \S+ \([^)]*\) "07-Nov-2016 18:49:23 \+0200" \{\d+\+?\}', "the form of APPEND")


@quirk(16)
def scene_flagged_later(t):
    """Exchange makes a field of \\Flagged: it is set by STORE, and the message stays what it is."""
    for caps in ("UIDPLUS IDLE NAMESPACE", "IDLE NAMESPACE", CAPS):
        source = Store()
        for n, flags in enumerate(((), ("\\Flagged",), ("\\Flagged", "\\Seen"), ("\\Seen",))):
            source["INBOX"].add(letter("INBOX", n + 1), flags)
        m = Move(t, source=source, caps=caps, greeting="* OK The Microsoft Exchange IMAP4 service is ready.\r\n")
        m.dest.append(keep=lambda x: b"X-Message-Flag: Follow up\r\n" + x.raw, when=lambda x: "\\Flagged" in x.flags)
        m.migrate()
        m.arrived()
        t.equal(m.job.events(30055), [], "copies that are not what was sent")
        t.never_sent(m.dest, r"APPEND .*\\Flagged")
        m.again()
