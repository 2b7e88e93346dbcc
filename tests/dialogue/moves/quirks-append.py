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
