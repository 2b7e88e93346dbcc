"""A mailbox with what mailboxes have: the content of the live tests and of the demo.

load() puts it on a server through its own front door and returns what went in. What
a server then makes of it (Courier drops a bare CR, Cyrus masks 8-bit headers) is the
server's business: a copy is compared with what the server serves, not with this.
"""

import base64
import random
from dataclasses import dataclass, field

from client import Refused, mutf7

SYSTEM = ["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"]

DATES = ["01-Jan-1970 00:00:01 +0000", "05-Nov-1975 12:34:56 +1400", "31-Dec-1979 23:59:59 -1200",
         "29-Feb-2000 00:00:00 +0545", "28-Mar-2004 02:30:00 +0100", "08-Sep-2001 21:46:40 -0400",
         "17-Jul-1996 02:44:25 -0700", "31-Dec-2022 23:59:59 +1245"]


@dataclass
class Loaded:
    """What was put in: folders in wire form (as paths), and the messages of each."""
    messages: dict = field(default_factory=dict)    # path -> [(flags, date, bytes)]
    subscribed: set = field(default_factory=set)
    refused: list = field(default_factory=list)     # what the server did not take, in words

    @property
    def count(self):
        return sum(len(rows) for rows in self.messages.values())


def note(number, subject="Hello", body=None, extra=""):
    """An ordinary message."""
    body = body if body is not None else f"This is message {number}.\r\n"
    return (f"From: Ana Lucía <ana{number % 7}@example.org>\r\n".replace("í", "=?utf-8?q?=C3=AD?=")
            + f"To: list@example.net\r\nSubject: {subject} {number}\r\n"
            f"Date: Mon, 22 Nov 1999 16:{number % 60:02d}:00 -0600\r\n"
            f"Message-ID: <{number}.live@example.org>\r\nMIME-Version: 1.0\r\n{extra}\r\n"
            ).encode() + (body if isinstance(body, bytes) else body.encode())


def nested(number):
    """Multipart in multipart, an attachment with a Spanish name, an embedded message."""
    inner = note(number + 1000, "inner")
    attachment = base64.encodebytes(bytes(range(256)) * 8).replace(b"\n", b"\r\n")
    return note(number, "multipart", extra='Content-Type: multipart/mixed; boundary="out"\r\n', body=(
        b"preamble\r\n--out\r\nContent-Type: multipart/alternative; boundary=in\r\n\r\n"
        b"--in\r\n\r\nplain\r\n--in\r\nContent-Type: text/html\r\n\r\n<p>html</p>\r\n--in--\r\n"
        b"--out\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n"
        b"Content-Disposition: attachment; filename*=utf-8''a%C3%B1o%20nuevo.bin\r\n\r\n" + attachment +
        b"--out\r\nContent-Type: message/rfc822\r\n\r\n" + inner + b"\r\n--out--\r\nepilogue\r\n"))


def oddities():
    """(what, bytes): each has cost some program its mail."""
    binary = bytes(b for b in range(1, 256)) * 40
    protocol = b"T1 OK done\r\n* BYE see you\r\n)\r\n* 1 EXPUNGE\r\n{5}\r\n+ idling\r\nA1 LOGOUT\r\n"
    return [
        ("lines that look like the protocol", note(1, body=protocol)),
        ("From and dots at line starts", note(2, body="From me\r\n>From you\r\n.\r\n..\r\n.x\r\n")),
        ("8-bit text, no charset", note(3, body="Grüße, señor\r\n".encode("latin-1"))),
        ("UTF-8 text", note(4, body="Grüße, señor, 日本語 📎\r\n")),
        ("8-bit header", b"Subject: na\xefve \xfc\r\nFrom: x@example.org\r\n\r\nbody\r\n"),
        ("a line of 9000 octets", note(5, body=b"x" * 9000 + b"\r\nend\r\n")),
        ("a header of 9000 octets", note(6, "s" * 9000)),
        ("no newline at the end", note(7, body="stops here")),
        ("a CR at the very end", note(8, body="stops here\r")),
        ("bare LF in the body", note(9, body="one\ntwo\r\nthree\n\n\r\n")),
        ("only bare LF", note(10, body="one\r\n").replace(b"\r\n", b"\n")),
        ("bare CR in the body", note(11, body="one\rtwo\r\nthree\r\r\n\r")),
        ("binary without NUL", note(12, body=binary)),
        ("trailing blanks and tabs", note(13, body="a \r\n\t\r\n \r\n \t \r\n")),
        ("header only", b"Subject: only\r\nMessage-ID: <only@example.org>\r\n\r\n"),
        ("a header without its empty line", b"Subject: unended\r\nMessage-ID: <unended@example.org>\r\n"),
        ("an empty line and nothing else", b"\r\n"),
        ("no header at all", b"\r\njust a body\r\n"),
        ("a folded header", b"Subject: a\r\n b\r\n\tc\r\nFrom: y@example.org\r\n\r\nx\r\n"),
        ("nested MIME", nested(14)),
        ("a placeholder's words in a real message", note(15, body="This message could not be retrieved.\r\n")),
    ]


def big(size):
    """About so many octets, base64 lines, the same each time."""
    data = base64.encodebytes(random.Random(5).randbytes(size * 3 // 4)).replace(b"\n", b"\r\n")
    return note(5000, "five megabytes", data, "Content-Transfer-Encoding: base64\r\n")


def keywords_of(number):
    """Some keywords, not the same for every message."""
    pool = ["$Forwarded", "$Label1", "NonJunk", "$MDNSent", "Proyecto.1999", "a" * 40]
    return [word for bit, word in enumerate(pool) if number >> bit & 1]


def flags_of(number):
    return [flag for bit, flag in enumerate(SYSTEM) if number >> bit & 1]


def plan(small=150, size=5 << 20, many_keywords=True):
    """[(path of names, subscribe, [(flags, date, bytes)])]; names are for people, not for the wire."""
    odd = [body for _, body in oddities()]
    folders = [
        (["Oddities"], True, [(flags_of(n), None, body) for n, body in enumerate(odd)]),
        (["Flags"], True, [(flags_of(n) + keywords_of(n), None, note(n, "flags")) for n in range(64)]),
        (["Dates"], False, [([], date, note(n, "dated")) for n, date in enumerate(DATES)]),
        (["Projekte"], True, [([], None, note(1, "level one"))]),
        (["Projekte", "2024"], False, []),
        (["Projekte", "2024", "Übergabe & Ende"], True, [(["\\Seen"], DATES[3], note(n, "deep")) for n in range(5)]),
        (["Correo año"], True, [(flags_of(n), None, note(n, "año")) for n in range(9)]),
        (["日本語"], False, [([], None, note(n, "unicode")) for n in range(3)]),
        (["日本語", "受信"], True, [(["\\Flagged"], None, note(1, "below"))]),
        (["📎 Anhänge"], False, [([], None, nested(n)) for n in range(3)]),
        (["Two  blanks"], False, [([], None, note(1, "blanks"))]),
        (["case"], False, [([], None, note(1, "lower"))]),
        (["CASE"], False, [([], None, note(1, "upper"))]),
        (["Empty"], True, []),
        (["INBOX", "below it"], False, [([], None, note(1, "below INBOX"))]),
        (["v1.2 notes"], True, [([], None, note(1, "a dot in the name"))]),
        (["~tilde"], False, [([], None, note(1, "a tilde in front"))]),
        (["Only a parent", "child"], False, [([], None, note(1, "child"))]),
        (["Big"], False, [(["\\Seen"], DATES[5], big(size)), ([], None, note(2, "small beside it"))]),
        (["Many"], False, [(["\\Seen"] if n % 3 else [], DATES[n % 8], note(n, "many")) for n in range(small)]),
        ([], False, [(flags_of(n), DATES[n % 8] if n % 2 else None, note(n, "inbox")) for n in range(12)]),
    ]
    if many_keywords:
        rows = [([f"kw{n:02d}", f"kw{(n * 7) % 40:02d}"], None, note(n, "keyword")) for n in range(40)]
        folders.append((["Keywords"], False, rows))
    return folders


def load(server, client, folders):
    """Put the folders on the server; what it refuses is noted and left out."""
    loaded = Loaded()
    existing = set(client.folders())
    for path, subscribe, rows in folders:
        wire = server.folder(*map(mutf7, path))
        try:
            if wire not in existing:
                client.create(wire)
            if subscribe:
                client.command(b"SUBSCRIBE", b'"' + wire.encode() + b'"')
                loaded.subscribed.add(wire)
        except Refused as refusal:
            loaded.refused.append(f"folder {'/'.join(path)}: {refusal}")
            continue
        loaded.messages[wire] = []
        for flags, date, body in rows:
            try:
                client.append(wire, body, flags, date)
                loaded.messages[wire].append((flags, date, body))
            except Refused as refusal:
                loaded.refused.append(f"{wire}: {body[:40]!r}...: {refusal}")
    return loaded
