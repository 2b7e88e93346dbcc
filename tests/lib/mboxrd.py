"""An independent reader of mboxrd files, and what Python's mailbox says of the same file.

mboxrd (the reversible quoting): a line that begins with any number of '>' and "From "
gets one '>' more, so that a line that begins with "From " is always a separator. Behind
each message stands an empty line. Lines end in LF, which stands for CRLF, or in CRLF.

    for mail in mboxrd.split(data): mail.sender, mail.date, mail.wire
    mboxrd.at(data, line)           # the message that a sidecar line speaks of

Nothing here knows the program that wrote the file.
"""

import calendar
import hashlib
import mailbox
import re
import time
from dataclasses import dataclass

SEPARATOR = re.compile(rb"From (\S+) +((?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?:Jan|Feb|Mar|Apr|May|Jun|Jul"
                       rb"|Aug|Sep|Oct|Nov|Dec) [ \d]\d \d\d:\d\d:\d\d \d{4})\r?\n")
_QUOTED = re.compile(rb"^>(>*From )", re.M)
_TO_QUOTE = re.compile(rb"^(>*From )", re.M)


class Broken(Exception):
    """Not mboxrd: octet and what is wrong."""


@dataclass
class Mail:
    """One message of a file. octets: as in the file, without separator and closing blank line."""
    at: int             # of the separator
    start: int          # of the message itself
    end: int
    sender: bytes
    date: int           # seconds since 1970, the separator's time taken as UTC
    octets: bytes

    @property
    def text(self):
        return unquote(self.octets)

    @property
    def wire(self):
        """What went over the wire, if all its line ends were CRLF."""
        return crlf(self.text)


def quote(octets):
    return _TO_QUOTE.sub(rb">\1", octets)


def unquote(octets):
    return _QUOTED.sub(rb"\1", octets)


def crlf(octets):
    """Each line end as CRLF."""
    return re.sub(rb"\r?\n", b"\r\n", octets)


def split(data):
    """The messages of a file, strictly; Broken where it is none."""
    starts = [m.start() for m in re.finditer(rb"^From ", data, re.M)]
    if data and (not starts or starts[0] != 0):
        raise Broken(f"octet 0: no separator: {data[:60]!r}")
    found = []
    for at, end in zip(starts, [*starts[1:], len(data)]):
        line = SEPARATOR.match(data, at)
        if not line:
            raise Broken(f"octet {at}: not a separator: {data[at:at + 80]!r}")
        blank = b"\r\n" if data[end - 3:end] == b"\n\r\n" else b"\n"
        if data[end - len(blank) - 1:end] != b"\n" + blank:
            raise Broken(f"octet {end}: no empty line ends the message: {data[end - 20:end]!r}")
        # An empty message: the line end of the separator is the one before the blank line.
        stop = max(end - len(blank), line.end())
        found.append(Mail(at, line.end(), stop, line[1], _seconds(line[2]),
                          data[line.end():stop]))
    return found


def _seconds(date):
    # strptime would ask the locale for the names of months and days.
    names = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
    _, month, day, clock, year = date.split()
    hour, minute, second = (int(n) for n in clock.split(b":"))
    return calendar.timegm((int(year), names.index(month) + 1, int(day), hour, minute, second))


def at(data, line):
    """The wire octets of the message that a sidecar line ("at", "stored", "eol") points to.

    "at" may be the octet of the separator or of the first line behind it: no message line
    of an mboxrd file begins with "From ", so both are told apart. "stored" counts octets
    in the file, the separator among them or not: only one of the two gives the digest.
    """
    start, stored, eol = line["at"], line["stored"], line.get("eol", "lf")
    separator = SEPARATOR.match(data, start)
    begin = separator.end() if separator else start
    tries = []
    # "status_at" and "status_len": header lines that are not the message's.
    hole = begin + line.get("status_at", 0)
    gap = line.get("status_len", 0)
    for end in {begin + stored, start + stored}:
        octets = unquote(data[begin:hole] + data[hole + gap:end])
        wire = octets if eol == "wire" else octets.replace(b"\n", b"\r\n")
        if hashlib.sha256(wire).hexdigest() == line["sha256"]:
            return wire
        tries.append((begin, end, len(wire)))
    raise Broken(f"octet {start}: UID {line.get('uid')} has another digest: {tries}, "
                 f"{data[begin:begin + 60]!r}")


# -- Python's own reader ---------------------------------------------------------------

def python_messages(path):
    """The messages as mailbox.mbox gives them: octets without separator, mboxo-unquoted."""
    box = mailbox.mbox(path, create=False)
    try:
        return [box.get_bytes(key) for key in box.keys()]
    finally:
        box.close()


def python_flags(path):
    """The flags that mailbox.mbox reads from Status and X-Status."""
    box = mailbox.mbox(path, create=False)
    try:
        return [set(message.get_flags()) for message in box]
    finally:
        box.close()


def python_agrees(path):
    """Sentences on what mailbox.mbox and this reader see differently; [] if nothing."""
    with open(path, "rb") as file:
        ours = split(file.read())
    theirs = python_messages(path)
    if len(ours) != len(theirs):
        return [f"{path}: {len(ours)} messages here, {len(theirs)} in Python's mailbox"]
    said = []
    for number, (mail, other) in enumerate(zip(ours, theirs), 1):
        # get_bytes gives what is stored, still quoted.
        if mail.octets.rstrip(b"\r\n") != other.rstrip(b"\r\n"):
            said.append(f"{path}: message {number} at {mail.at}: {mail.octets[:60]!r} here, "
                        f"{other[:60]!r} in Python's mailbox")
    return said


# -- files as other programs make them -----------------------------------------------

def separator(sender=b"MAILER-DAEMON", when=1000000000):
    return b"From %s %s\n" % (sender, time.asctime(time.gmtime(when)).encode())


def make(messages, variety="mboxrd", eol=b"\n"):
    """An mbox file of (wire octets, sender, seconds): mboxrd, mboxo or mboxcl2."""
    made = []
    for wire, sender, when in messages:
        text = wire.replace(b"\r\n", eol)
        if variety == "mboxrd":
            text = quote(text)
        elif variety == "mboxo":
            text = re.sub(rb"^From ", b">From ", text, flags=re.M)
        elif variety == "mboxcl2":
            head, blank, body = text.partition(eol + eol)
            text = head + eol + b"Content-Length: %d" % len(body) + blank + body
        made.append(separator(sender, when).replace(b"\n", eol) + text + eol)
    return b"".join(made)
