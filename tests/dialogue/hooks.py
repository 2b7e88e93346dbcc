"""What scenes hang into a model server: other answers, other values, and small helpers."""

import re

OMIT = object()             # fetch rule: leave this item out of the answer
NO_MESSAGE = object()       # fetch rule: no answer for this message at all


class Refuse:
    """Fetch rule: leave the message out and end the command with this text."""

    def __init__(self, text="NO cannot read this message"):
        self.text = text


class Call:
    """One command as a hook sees it."""

    def __init__(self, session, tag, data):
        self.session = session
        self.server = session.server
        self.wire = session.wire
        self.tag = tag
        self.data = data                            # without the tag
        self.text = data.decode("latin-1")
        self.name = self.text.partition(" ")[0].upper()
        self.match = None
        self.nth = 0                                # how often the hook matched, from 1

    def normal(self):
        """What the model would answer, as a list of pieces; has the effects, too."""
        return self.server.answer(self)

    def tagged(self, text):
        """The tagged line."""
        return f"{self.tag} {text}\r\n".encode("latin-1")


class FetchCall:
    """One item of one message as a fetch rule sees it."""

    def __init__(self, session, message, item, value):
        self.session, self.message, self.item, self.value = session, message, item, value

    @property
    def data(self):
        """The octets of a literal value."""
        return self.value.partition(b"}\r\n")[2]


class Hook:
    def __init__(self, pattern, reply, times, after):
        self.pattern = re.compile(pattern, re.I | re.S)
        self.reply, self.times, self.after = reply, times, after
        self.seen = 0

    def take(self, call):
        """(handled, pieces)"""
        call.match = self.pattern.match(call.text)
        if not call.match:
            return False, None
        self.seen += 1
        if self.seen <= self.after or (self.times and self.seen > self.after + self.times):
            return False, None
        call.nth = self.seen - self.after
        pieces = self.reply(call) if callable(self.reply) and not isinstance(self.reply, type) \
            else self.reply
        return pieces is not None, pieces


class FetchRule:
    def __init__(self, uid, folder, item, reply, times):
        self.uids = None if uid is None else {uid} if isinstance(uid, int) else set(uid)
        self.folder, self.item = folder, re.compile(item, re.I)
        self.reply, self.times = reply, times

    def applies(self, session, message, item):
        return (self.times is None or self.times > 0) \
            and (self.uids is None or message.uid in self.uids) \
            and self.folder in (None, session.folder.name) and self.item.match(item.text)

    def take(self, call):
        if self.times is not None:
            self.times -= 1
        return self.reply(call) if callable(self.reply) and not isinstance(self.reply, type) \
            else self.reply


def flag_text(message):
    return " ".join(sorted(message.flags)).encode("latin-1")


def octets(text):
    return text.encode("latin-1") if isinstance(text, str) else text


def numbers(text):
    """The numbers of a set as it stands in a command: "1,4:6" has 1, 4, 5, 6."""
    for part in text.split(","):
        low, _, high = part.partition(":")
        yield from range(int(low), int(high or low) + 1)


def lacking(call, *words):
    """The right answer without the lines in which one of these occurs."""
    lines = b"".join(octets(p) for p in call.normal()).split(b"\r\n")
    return [b"\r\n".join(line for line in lines if not any(w in line for w in words))]


def with_tag(pieces, tag):
    """A hook's reply with $TAG filled in; large bodies and actions pass as they are."""
    if isinstance(pieces, (bytes, str)):
        return octets(pieces).replace(b"$TAG", tag)
    if isinstance(pieces, (list, tuple)):
        return [with_tag(piece, tag) for piece in pieces]
    return pieces
