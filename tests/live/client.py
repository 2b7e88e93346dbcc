"""A small IMAP client that shares no line with imex.

It reads answers into Python values and nothing is interpreted twice: an atom or a
string is bytes, a list is a list, NIL is None. Names of folders are the octets of
the wire (modified UTF-7). Used to fill test servers and to see what they serve.
"""

import base64
import email.utils
import hashlib
import re
import socket
import ssl
from dataclasses import dataclass

SYSTEM = {b"\\Seen", b"\\Answered", b"\\Flagged", b"\\Deleted", b"\\Draft"}
_ATOM = re.compile(rb'[^\s()"{]+')


class Refused(Exception):
    """The server answered NO or BAD."""


@dataclass
class Message:
    """What a server says of one message."""
    uid: int
    flags: frozenset        # without \Recent
    recent: bool
    date: bytes             # INTERNALDATE as sent
    size: int
    body: bytes = None

    @property
    def digest(self):
        return hashlib.sha256(self.body).hexdigest()


def mutf7(name):
    """A name in modified UTF-7 (RFC 3501 5.1.3)."""
    def coded(match):
        utf16 = match.group(0).encode("utf-16-be")
        return "&" + base64.b64encode(utf16).decode().rstrip("=").replace("/", ",") + "-"
    return re.sub(r"[^\x20-\x7e]+", coded, name.replace("&", "&-"))


def instant(internaldate):
    """Seconds since 1970 of an INTERNALDATE."""
    return int(email.utils.parsedate_to_datetime(
        re.sub(r"^\s*(\d+)-(\w+)-", r"\1 \2 ", internaldate.decode())).timestamp())


def quote(name):
    """A folder name as a quoted string; as a literal it would need a round trip."""
    raw = name.encode("ascii") if isinstance(name, str) else name
    return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


class Client:
    """One connection. Every command returns the untagged answers as lists of values."""

    def __init__(self, port, tls=False, timeout=60):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.sock = context.wrap_socket(self.sock)
        self.file = self.sock.makefile("rb")
        self.count = 0
        self.greeting = self._response()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.sock.close()

    # -- the wire --

    def _response(self):
        """One response: (line with literals taken out, literals)."""
        parts, literals = [], []
        while True:
            line = self.file.readline()
            if not line:
                raise EOFError("connection closed by the server")
            found = re.search(rb"\{(\d+)\}\r\n$", line)
            if not found:
                parts.append(line)
                return b"".join(parts), literals
            parts.append(line[:found.start()] + b"{}")
            literals.append(self.file.read(int(found.group(1))))

    def send(self, *pieces):
        """Start a command; a piece that is a bytearray goes as a literal."""
        self.count += 1
        tag = b"T%d" % self.count
        out = tag
        for piece in pieces:
            if isinstance(piece, bytearray):
                self.sock.sendall(out + b" {%d}\r\n" % len(piece))
                line, _ = self._response()
                while line.startswith(b"* "):
                    line, _ = self._response()
                if not line.startswith(b"+"):
                    raise Refused(line.decode("latin-1").strip())
                out = bytes(piece)
            else:
                out += b" " + piece
        self.sock.sendall(out + b"\r\n")
        return tag

    def answer(self, tag):
        """The untagged answers up to the tagged one, parsed; Refused unless OK."""
        found = []
        while True:
            line, literals = self._response()
            if line.startswith(tag + b" "):
                if not line[len(tag) + 1:].upper().startswith(b"OK"):
                    raise Refused(line.decode("latin-1").strip())
                self.said = line
                return found
            if line.startswith(b"* "):
                found.append(parse(line[2:], literals))

    def command(self, *pieces):
        return self.answer(self.send(*pieces))

    # -- commands --

    def login(self, user, password):
        self.command(b"LOGIN", quote(user), quote(password))
        return self

    def create(self, name, subscribe=False):
        self.command(b"CREATE", quote(name))
        if subscribe:
            self.command(b"SUBSCRIBE", quote(name))

    def delete(self, name):
        self.command(b"DELETE", quote(name))

    def rename(self, name, to):
        self.command(b"RENAME", quote(name), quote(to))

    def append(self, folder, body, flags=(), date=None):
        when = [b'"' + date.encode() + b'"'] if date else []
        marks = b"(" + b" ".join(f.encode() for f in flags) + b")"
        self.command(b"APPEND", quote(folder), marks, *when, bytearray(body))

    def store(self, folder, uids, change):
        """Change flags as a user would: store("INBOX", "1:3", r"+FLAGS (\\Seen)")."""
        self.command(b"SELECT", quote(folder))
        self.command(b"UID STORE", uids.encode(), change.encode())
        self.command(b"CHECK")

    def expunge(self, folder, uids):
        self.store(folder, uids, r"+FLAGS (\Deleted)")
        self.command(b"EXPUNGE")

    def folders(self):
        """{name: set of attributes} of everything LIST gives; special-use where it can."""
        found = {}
        for row in self.command(b"LIST", b'""', b'"*"'):
            if row[0] == b"LIST":
                found[row[3].decode("latin-1")] = {a.decode() for a in row[1]}
        return found

    def subscriptions(self):
        return {row[3].decode("latin-1") for row in self.command(b"LSUB", b'""', b'"*"')
                if row[0] == b"LSUB" and b"\\Noselect" not in row[1]}

    def status(self, folder):
        """{item: number} of messages, recent, unseen, uidnext, uidvalidity."""
        for row in self.command(b"STATUS", quote(folder),
                                b"(MESSAGES RECENT UNSEEN UIDNEXT UIDVALIDITY)"):
            if row[0] == b"STATUS":
                pairs = row[2]
                return {k.decode().lower(): int(v) for k, v in zip(pairs[::2], pairs[1::2])}
        raise Refused("no STATUS answer")

    def examine(self, folder, word=b"EXAMINE"):
        """EXAMINE, or SELECT; returns the number of messages."""
        rows = self.command(word, quote(folder))
        return max([int(r[0]) for r in rows if r[1:] == [b"EXISTS"]], default=0)

    def messages(self, folder, bodies=True):
        """[Message] in the order of the server, without changing anything there."""
        return self.fetch("1:*", bodies) if self.examine(folder) else []

    def fetch(self, numbers, bodies=True):
        """[Message] of the folder that is open, by sequence numbers."""
        items = b"(UID FLAGS INTERNALDATE RFC822.SIZE%s)" % (b" BODY.PEEK[]" if bodies else b"")
        found = {}
        for row in self.command(b"FETCH", numbers.encode(), items):
            if len(row) == 3 and row[1] == b"FETCH":
                found.setdefault(int(row[0]), {}).update(_pairs(row[2]))
        return [_message(found[n]) for n in sorted(found) if b"UID" in found[n]]

    def picture(self, bodies=False):
        """All of an account as a source must still look afterwards: a value to compare."""
        return {name: (self.status(name), [(m.uid, m.flags, m.date, m.size) +
                                           ((m.digest,) if bodies else ())
                                           for m in self.messages(name, bodies)])
                for name, attrs in self.folders().items() if not unselectable(attrs)}


def unselectable(attrs):
    return bool({a.lower() for a in attrs} & {"\\noselect", "\\nonexistent"})


def _pairs(items):
    return {k.upper(): v for k, v in zip(items[::2], items[1::2])}


def _message(items):
    flags = frozenset(items[b"FLAGS"])
    return Message(int(items[b"UID"]), frozenset(f.decode("latin-1") for f in flags - {b"\\Recent"}),
                   b"\\Recent" in flags, items[b"INTERNALDATE"], int(items[b"RFC822.SIZE"]),
                   items.get(b"BODY[]"))


# -- parsing ---------------------------------------------------------------

def parse(line, literals):
    """The values of one response line whose literals stand as {} in it.

    Text behind OK, NO, BYE and the like is not grammar: it is one value.
    """
    word = line.split(b" ", 1)[0].upper().strip()
    if word in (b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"):
        return [word, line[len(word):].strip()]
    values, _ = _values(line.rstrip(b"\r\n"), 0, iter(literals))
    return values


def _values(line, at, literals):
    """Values up to the closing parenthesis or the end; returns them and where it stopped."""
    found = []
    while at < len(line):
        c = line[at:at + 1]
        if c == b" ":
            at += 1
        elif c == b")":
            return found, at + 1
        elif c == b"(":
            inner, at = _values(line, at + 1, literals)
            found.append(inner)
        elif c == b'"':
            end = re.compile(rb'(?:[^"\\]|\\.)*"').match(line, at + 1).end()
            found.append(re.sub(rb"\\(.)", rb"\1", line[at + 1:end - 1]))
            at = end
        elif line[at:at + 2] == b"{}":
            found.append(next(literals))
            at += 2
        else:
            atom = _ATOM.match(line, at).group(0)
            found.append(None if atom.upper() == b"NIL" else atom)
            at += len(atom)
    return found, at
