"""What two copies of a message have in common, whatever servers did to them.

Written from the words of the manual, and not from the program: the header fields
that servers leave alone, and the body, with line ends, final line ends, 8-bit
octets, NUL and ">From " evened out.
"""

import re

KEPT = (b"from sender reply-to to cc bcc subject date message-id in-reply-to references "
        b"mime-version content-type content-transfer-encoding").split()
_ODD = re.compile(rb"[\x00\x80-\xff]")


def essence(raw):
    """bytes; equal for two copies of one message."""
    text = raw.replace(b"\r", b"")
    head, found, body = text.partition(b"\n\n")
    if text.startswith(b"\n"):
        head, body = b"", text[1:]
    elif not found:
        head, body = text, b""
    fields = re.findall(rb"^([^\s:]+)[ \t]*:((?:.|\n[ \t])*)", head, re.M)
    lines = [name.lower() + b":" + b" ".join(value.split())
             for name, value in fields if name.lower() in KEPT]
    body = re.sub(rb"^>From ", b"From ", body.rstrip(b"\n"), flags=re.M)
    return _ODD.sub(b"X", b"\n".join(lines) + b"\n\n" + body)


def title(raw):
    """A few words by which people know a message."""
    found = re.search(rb"^Subject:[ \t]*(.*?)\r?$", raw, re.I | re.M)
    return f"{(found[1] if found else raw[:40])!r}, {len(raw)} octets"
