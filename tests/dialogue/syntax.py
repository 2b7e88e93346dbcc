"""What a client may send: the command grammar of RFC 1730, 3501 and some extensions.

A strict reader. It is the ruler the client is measured with, so it accepts
nothing that the grammar does not. A command is one bytes object, literals
inline as `{5}\\r\\nhello`.
"""

import re
from dataclasses import dataclass, field

ATOM = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
ASTRING = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\]+')
LIST_MAILBOX = re.compile(rb'[^\x00-\x20\x7f-\xff(){"\\]+')
TAG = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\+]+')
QUOTED = re.compile(rb'"((?:[^\x00\r\n"\\\x80-\xff]|\\["\\])*)"')
LITERAL = re.compile(rb"~?\{(\d+)(\+?)\}\r\n")
LITERAL_END = re.compile(rb"~?\{(\d+)(\+?)\}$")
_NUMBER = rb"(?:\*|[1-9]\d*)"
_RANGE = _NUMBER + rb"(?::" + _NUMBER + rb")?"
SEQ_SET = re.compile(_RANGE + rb"(?:," + _RANGE + rb")*")
SECTION = re.compile(rb"\[((?:\d+(?:\.\d+)*)?\.?"
                     rb"(?:HEADER\.FIELDS(?:\.NOT)?|HEADER|TEXT|MIME)?)", re.I)


class SyntaxProblem(Exception):
    """The client's command does not follow the grammar; column counts from 1."""

    def __init__(self, what, at):
        super().__init__(f"{what} at column {at + 1}")
        self.column = at + 1


class Cursor:
    """Reads tokens off a command, left to right."""

    def __init__(self, data, at=0):
        self.data = data
        self.at = at

    def done(self):
        return self.at >= len(self.data)

    def peek(self):
        return self.data[self.at:self.at + 1]

    def bad(self, what):
        raise SyntaxProblem(what, self.at)

    def end(self):
        if not self.done():
            self.bad(f"unexpected {self.data[self.at:self.at + 20]!r}")

    def take(self, pattern, what):
        found = pattern.match(self.data, self.at)
        if not found:
            self.bad(f"expected {what}")
        self.at = found.end()
        return found

    def token(self, text):
        """Skip this exact text (case ignored) or complain."""
        if not self.has(text):
            self.bad(f"expected {text!r}")

    def has(self, text):
        """Skip this text if it stands here."""
        if self.data[self.at:self.at + len(text)].upper() == text.upper():
            self.at += len(text)
            return True
        return False

    def space(self):
        self.token(b" ")

    def word(self):
        return self.take(ATOM, "an atom")[0]

    def number(self):
        return int(self.take(re.compile(rb"\d+"), "a number")[0])

    def string(self):
        """A quoted string or a literal."""
        if self.peek() == b'"':
            return re.sub(rb"\\(.)", rb"\1", self.take(QUOTED, "a quoted string")[1])
        size = int(self.take(LITERAL, "a string")[1])
        value = self.data[self.at:self.at + size]
        self.at += size
        return value

    def astring(self, pattern=ASTRING):
        if self.peek() in (b'"', b"{", b"~"):
            return self.string()
        return self.take(pattern, "an astring")[0]

    def list_mailbox(self):
        return self.astring(LIST_MAILBOX)

    def sequence(self):
        return self.take(SEQ_SET, "a sequence set")[0].decode()

    def listed(self, item):
        """A parenthesised list of what item() reads, separated by single spaces."""
        self.token(b"(")
        found = []
        while not self.has(b")"):
            if found:
                self.space()
            found.append(item())
        return found

    def flag(self):
        self.has(b"\\") and self._back(1)
        return self.take(re.compile(rb"\\?" + ATOM.pattern), "a flag")[0].decode("latin-1")

    def _back(self, count):
        self.at -= count


@dataclass
class Item:
    """One FETCH item. section is None, or what stands between the brackets."""
    name: str
    section: str = None
    fields: list = field(default_factory=list)
    start: int = None
    count: int = None
    peek: bool = False
    text: str = ""

    @property
    def is_body(self):
        return self.section is not None or self.name in (
            "RFC822", "RFC822.PEEK", "RFC822.TEXT", "RFC822.TEXT.PEEK",
            "RFC822.HEADER", "RFC822.HEADER.PEEK")

    @property
    def carries_mail(self):
        """Not a header alone."""
        return self.is_body and "HEADER" not in self.text.upper() and self.section != "0"


MACROS = {"ALL": "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE",
          "FAST": "FLAGS INTERNALDATE RFC822.SIZE",
          "FULL": "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY"}


def fetch_items(cursor):
    """The item list of a FETCH, macros resolved."""
    if cursor.peek() == b"(":
        return cursor.listed(lambda: fetch_item(cursor))
    one = fetch_item(cursor)
    if one.name in MACROS:
        return [Item(name, text=name) for name in MACROS[one.name].split()]
    return [one]


def fetch_item(cursor):
    begin = cursor.at
    name = cursor.take(re.compile(rb"[A-Za-z0-9.-]+"), "a FETCH item")[0].decode().upper()
    item = Item(name.removesuffix(".PEEK") if name.startswith(("BODY", "BINARY")) else name,
                peek=name.endswith(".PEEK"))
    if item.name in ("BODY", "BINARY", "BINARY.SIZE") and cursor.peek() == b"[":
        item.section = cursor.take(SECTION, "a section")[1].decode().upper()
        if "FIELDS" in item.section:
            cursor.space()
            item.fields = cursor.listed(cursor.astring)
        cursor.token(b"]")
        if cursor.has(b"<"):
            item.start = cursor.number()
            if cursor.has(b"."):
                item.count = cursor.number()
            cursor.token(b">")
    item.text = cursor.data[begin:cursor.at].decode("latin-1")
    return item


def members(text, last):
    """The numbers of a sequence set as a list of (low, high); '*' is last."""
    ranges = []
    for part in text.split(","):
        ends = [last if end == "*" else int(end) for end in part.split(":")]
        ranges.append((min(ends), max(ends)))
    return ranges


def in_set(number, ranges):
    return any(low <= number <= high for low, high in ranges)


def command_bytes(buffered):
    """How many of these buffered octets are command text and not literal data."""
    count = at = 0
    while at < len(buffered):
        end = buffered.find(b"\r\n", at)
        if end < 0:
            return count + len(buffered) - at
        count += end + 2 - at
        literal = LITERAL_END.search(buffered[at:end])
        at = end + 2 + (int(literal[1]) if literal else 0)
    return count


def quote(text):
    """An astring a server may send: an atom is not quoted, odd octets make a literal."""
    if isinstance(text, str):
        text = text.encode("latin-1")
    if re.search(rb"[\x00\r\n\x80-\xff]", text):
        return b"{%d}\r\n%s" % (len(text), text)
    return b'"' + re.sub(rb'(["\\])', rb"\\\1", text) + b'"'
