"""Cut a message into the parts that BODY[...] names, byte for byte.

Only what a fake server needs: the standard library's parser changes bytes, so
the message is cut by its boundaries here.
"""

import re

from syntax import quote


class Part:
    """A part: its own header and body as wire bytes, and its children."""

    def __init__(self, raw):
        at = raw.find(b"\r\n\r\n")
        if raw.startswith(b"\r\n"):
            self.header, self.body = b"\r\n", raw[2:]
        elif at < 0:
            self.header, self.body = raw, b""
        else:
            self.header, self.body = raw[:at + 4], raw[at + 4:]
        self.type, self.parameters = _content_type(self.field(b"Content-Type"))
        self.children = []
        if self.type.startswith("multipart/") and "boundary" in self.parameters:
            mark = re.escape(self.parameters["boundary"].encode("latin-1"))
            pieces = re.split(rb"(?:^|\r\n)--" + mark + rb"(?:--)?[ \t]*(?:\r\n|$)", self.body)
            self.children = [Part(piece) for piece in pieces[1:-1]]

    def field(self, name):
        """The value of a header field, unfolded, or None."""
        found = re.search(rb"^" + name + rb":[ \t]*((?:.|\r\n[ \t])*)", self.header, re.I | re.M)
        return re.sub(rb"\r\n[ \t]+", b" ", found[1]).strip() if found else None

    def select(self, names, leave_out=False):
        """Header lines whose field name is (not) in names, and the empty line."""
        wanted = {n.lower() for n in names}
        lines = re.findall(rb"[^\r\n]+(?:\r\n[ \t][^\r\n]*)*\r\n", self.header)
        chosen = [line for line in lines
                  if (line.partition(b":")[0].strip().lower() in wanted) != leave_out]
        return b"".join(chosen) + b"\r\n"


def section(raw, name, fields=()):
    """The octets of BODY[name], or None if there is no such part."""
    if name == "":
        return raw
    part, numbers, rest = Part(raw), *_split(name)
    if numbers and numbers[0] == 0:             # RFC 1730: BODY[0] is the header
        return part.header
    for number in numbers:
        children = part.children or ([part] if numbers == [1] else [])
        if not 1 <= number <= len(children):
            return None
        part = children[number - 1]
    if rest in ("HEADER", "MIME"):
        return part.header
    if rest.startswith("HEADER.FIELDS"):
        return part.select(fields, rest.endswith("NOT"))
    return part.body


def structure(raw):
    """BODYSTRUCTURE without extension data."""
    return _structure(Part(raw))


def envelope(raw):
    part = Part(raw)

    def text(name):
        value = part.field(name)
        return b"NIL" if value is None else quote(value)

    def people(name):
        value = part.field(name)
        if not value:
            return b"NIL"
        user, _, host = value.strip(b"<>").partition(b"@")
        return b"((NIL NIL " + quote(user) + b" " + quote(host) + b"))"

    sender = people(b"From")
    return b"(" + b" ".join([text(b"Date"), text(b"Subject"), sender, sender, sender, people(b"To"),
                             people(b"Cc"), people(b"Bcc"), text(b"In-Reply-To"),
                             text(b"Message-ID")]) + b")"


def _structure(part):
    main, _, sub = part.type.partition("/")
    if part.children:
        inner = b"".join(_structure(child) for child in part.children)
        return b"(" + inner + b" " + quote(sub.upper()) + b")"
    parameters = b" ".join(quote(k.upper()) + b" " + quote(v) for k, v in part.parameters.items())
    encoding = part.field(b"Content-Transfer-Encoding") or b"7BIT"
    words = [quote(main.upper()), quote(sub.upper()),
             b"(" + parameters + b")" if parameters else b"NIL", b"NIL", b"NIL",
             quote(encoding.upper()), b"%d" % len(part.body)]
    if main == "text":
        words.append(b"%d" % part.body.count(b"\n"))
    return b"(" + b" ".join(words) + b")"


def _split(name):
    """'1.2.MIME' -> ([1, 2], 'MIME')"""
    words = name.split(".")
    count = 0
    while count < len(words) and words[count].isdigit():
        count += 1
    return [int(w) for w in words[:count]], ".".join(words[count:])


def _content_type(value):
    found = re.match(rb"([\w+.-]+/[\w+.-]+)(.*)", value or b"text/plain; charset=us-ascii", re.S)
    if not found:
        return "text/plain", {}
    pairs = re.findall(rb';\s*([\w-]+)=(?:"([^"]*)"|([^\s;]+))', found[2])
    return (found[1].decode("latin-1").lower(),
            {k.decode().lower(): (q or v).decode("latin-1") for k, q, v in pairs})
