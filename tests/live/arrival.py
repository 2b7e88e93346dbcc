"""What a message must have become on another server, and which folder it is in."""

import os
import re
import sqlite3
from collections import Counter

from client import Refused, instant, unselectable

# Level of a folder name: what the server is known to refuse, so that it gets another one.
REFUSES = {
    "dovecot": re.compile(r"[./]|^~|^$"),
    "cyrus": re.compile(r"[/%\"\\{]|^!|^~"),
    "courier": re.compile(r"[./]|&2D|^~"),      # &2D...: beyond 16 bits
}


def selectable(client):
    return sorted(name for name, attrs in client.folders().items() if not unselectable(attrs))


def names(job):
    """{folder of the source: folder of the destination}, as on the wire, from imex's own state."""
    db = sqlite3.connect(f"file:{os.path.join(job, 'imex.db')}?mode=ro", uri=True)
    rows = db.execute("SELECT name, path FROM folder WHERE vanished=0 AND excluded=0").fetchall()
    db.close()
    text = [[v.decode("latin-1") if isinstance(v, bytes) else v for v in row] for row in rows]
    return {name: path for name, path in text if path}


def levels(server, wire):
    if wire.upper() == "INBOX":
        return []
    path = wire[len(server.prefix):] if server.prefix and wire.startswith(server.prefix) else wire
    return path.split(server.delimiter)


def check_names(t, source, dest, found):
    """Each folder has the name of the source in the other server's form, or a good reason."""
    lower = Counter(n.lower() for n in found)
    for name, got in found.items():
        path = levels(source, name)
        want = dest.folder(*path)
        if got == want:
            continue
        why = any(REFUSES[dest.name].search(level) for level in path) or lower[name.lower()] > 1 or \
            path[0] == "INBOX" or any(level != level.strip() or "  " in level for level in path)
        t.ok(why, f"{name} is called {got}, it could be {want}")


class Oracle:
    """An account that is given a message by hand: how does this server serve it?"""

    def __init__(self, server, user, password):
        self._login = server.client, user, password
        self.open()

    def open(self):
        make, *login = self._login
        self.client = make(*login)

    def close(self):
        self.client.close()

    def served(self, message):
        """The message as it comes back; None: the server refuses it."""
        date = message.date.decode().strip()
        try:
            self.client.append("INBOX", message.body, sorted(message.flags), date)
        except Refused:
            return None
        # Courier takes no APPEND in a session that examines.
        return self.client.fetch(str(self.client.examine("INBOX", b"SELECT")))[-1]


def key(message):
    return message.digest, frozenset(f.lower() for f in message.flags), instant(message.date)


def essence(body):
    """What no repair may change: line ends, NUL and 8-bit octets of headers may."""
    body = re.sub(rb"[\r\n]+", b"\n", body.replace(b"\0", b"\x80")).strip(b"\n")
    return re.sub(rb"[\x80-\xff]", b"X", body)


def differences(oracle, wanted, there, extra=()):
    """Messages that are missing, changed or too many, in words. extra: bodies that were there before."""
    left = {}
    for message in there:
        left.setdefault(key(message), []).append(message)
    for body in extra:
        found = next((k for k, ms in left.items() if ms and ms[0].body == body), None)
        if found is None:
            return [f"what was there before is gone: {body[:60]!r}"]
        left[found].pop()
    open_ = [m for m in wanted if not _take(left, key(m))]
    problems = []
    for message in open_:
        served = oracle.served(message)
        if served and _take(left, key(served)):
            continue
        rest = [m for ms in left.values() for m in ms]
        same = next((m for m in rest if _may_be(message, served, m)), None)
        if same is None:
            near = [m for m in rest if essence(m.body) == essence(message.body)][:1]
            problems.append(f"missing: {_words(message)}; by hand {_words(served)}; there {_words(*near)}")
        else:
            _take(left, key(same))
    return problems + [f"too many: {_words(m)}" for ms in left.values() for m in ms]


def _take(left, wanted):
    return bool(left.get(wanted)) and bool(left[wanted].pop())


def _may_be(message, served, got):
    """Is this the message as it had to be repaired, or with a date that the server makes up?"""
    if served is None:
        return essence(got.body) == essence(message.body) and got.flags == message.flags
    date_kept = instant(served.date) == instant(message.date)
    return got.digest == served.digest and key(got)[1] == key(served)[1] and \
        (not date_kept or instant(got.date) == instant(message.date))


def _words(message=None):
    if message is None:
        return "nothing"
    return f"UID {message.uid} {message.date.decode()} {sorted(message.flags)} {len(message.body)} octets, " \
        f"{message.body[:70]!r}"
