"""The mailbox a fake server serves: folders, messages, flags, dates, UIDs.

Scenes change it between two runs: store["INBOX"].add(...), .remove(uid),
.flag(uid, ...). Names are wire names (modified UTF-7, or whatever a hostile
server would send) as latin-1 text, so that any octet can stand in one.
"""

import calendar
import random
import re
import threading
import time

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
DATE = "07-Nov-2003 16:18:49 +0200"


class Message:
    """One message. size overrides what RFC822.SIZE claims."""

    def __init__(self, uid, raw, flags=(), date=DATE, size=None):
        self.uid = uid
        self.raw = raw
        self.flags = set(flags)
        self.date = date
        self.size = size
        self.modseq = 1
        self.own = False            # the client put it there by APPEND

    @property
    def claimed_size(self):
        return len(self.raw) if self.size is None else self.size


class Folder:
    """One folder; messages are kept in the order of their UIDs."""

    def __init__(self, name, uidvalidity=1700000001, attributes=(), selectable=True,
                 subscribed=True, use=None):
        self.name = name
        self.uidvalidity = uidvalidity
        self.attributes = list(attributes)
        self.selectable = selectable
        self.subscribed = subscribed
        self.use = use
        self.messages = []
        self.uidnext = 1
        self.modseq = 1
        self.gone = {}              # UID of what was expunged -> modseq
        self.keywords = set()
        self.own = False            # the client made it by CREATE
        self.id = None              # OBJECTID; stays when it is renamed

    def __iter__(self):
        return iter(self.messages)

    def __len__(self):
        return len(self.messages)

    def __bool__(self):
        return True

    def __getitem__(self, uid):
        for message in self.messages:
            if message.uid == uid:
                return message
        raise KeyError(uid)

    def add(self, raw, flags=(), date=DATE, uid=None, size=None):
        """Deliver a message; returns it."""
        message = Message(self.uidnext if uid is None else uid, raw, flags, date, size)
        self.messages.append(message)
        self.messages.sort(key=lambda m: m.uid)
        self.uidnext = max(self.uidnext, message.uid + 1)
        self._touch(message)
        return message

    def remove(self, uid):
        self.messages.remove(self[uid])
        self.modseq += 1
        self.gone[uid] = self.modseq

    def flag(self, uid, *flags):
        """Set exactly these flags."""
        self[uid].flags = set(flags)
        self._touch(self[uid])

    def renumber(self, uidvalidity, first=1):
        """What a rebuilt server does: another UIDVALIDITY, other UIDs, the same mail."""
        self.uidvalidity = uidvalidity
        for number, message in enumerate(self.messages, first):
            message.uid = number
        self.uidnext = first + len(self.messages)

    def _touch(self, message):
        self.modseq += 1
        message.modseq = self.modseq
        self.keywords |= {f for f in message.flags if not f.startswith("\\")}


class Store:
    """All folders of one account."""

    def __init__(self, delimiter="/", prefix="", first=1700000000):
        self.folders = {}
        self.first = first          # UIDVALIDITYs are above it: two servers share none
        self.delimiter = delimiter
        self.prefix = prefix
        self.lock = threading.RLock()
        self.fold_case = False      # "Sent" and "SENT" are one folder
        self._made = 0
        self.add("INBOX")

    def __getitem__(self, name):
        folder = self.get(name)
        if folder is None:
            raise KeyError(name)
        return folder

    def __iter__(self):
        return iter(self.folders.values())

    def get(self, name):
        name = "INBOX" if name.upper() == "INBOX" else name
        if self.fold_case and name not in self.folders:
            name = next((n for n in self.folders if n.upper() == name.upper()), name)
        return self.folders.get(name)

    def add(self, name, count=0, **options):
        """A new folder with count varied messages; returns it."""
        self._made += 1             # one that is made again is another folder
        options.setdefault("uidvalidity", self.first + self._made)
        folder = self.folders[name] = Folder(name, **options)
        folder.id = f"F{self.first}-{self._made}"
        fill(folder, count)
        return folder

    def rename(self, old, new):
        """What RENAME does: the same folder, and all below it, under another name."""
        below = old + (self.delimiter or "/")
        for name in [n for n in self.folders if n == old or n.startswith(below)]:
            folder = self.folders.pop(name)
            folder.name = new + name[len(old):]
            self.folders[folder.name] = folder

    def snapshot(self):
        """folder -> {uid: sorted flags}: to say that a run changed nothing."""
        return {f.name: {m.uid: sorted(m.flags) for m in f} for f in self}


def sample(folders=("INBOX", "Archive", "Archive/2003", "Sent"), count=6, **options):
    """A store with these folders, count messages each."""
    store = Store(**options)
    for name in folders:
        if name == "INBOX":
            fill(store["INBOX"], count)
        else:
            store.add(name.replace("/", store.delimiter or "/"), count)
    return store


# -- messages ------------------------------------------------------------

def fill(folder, count, seed=None):
    """Add count messages that differ in all a migration must keep."""
    rng = random.Random(seed or folder.name)
    flags = [(), ("\\Seen",), ("\\Seen", "\\Answered"), ("\\Flagged",), ("\\Draft",),
             ("\\Seen", "$Forwarded"), ("\\Deleted",), ("\\Seen", "Project-X", "$Junk")]
    for number in range(count):
        when = 915148800 + rng.randrange(20 * 365 * 86400)
        folder.add(letter(folder.name, number, rng), flags[number % len(flags)],
                   imap_date(when, rng.choice((0, 60, -300, 330))))


def letter(folder, number, rng=random):
    """One message; the shape goes round with the number."""
    subject = f"{number}: {rng.choice(['plan', 'invoice', 'holiday', 'minutes'])}"
    head = [f"From: ana{number}@example.org", "To: usuario@example.net", f"Subject: {subject}",
            f"Date: Fri, {1 + number % 28:02} Nov 2002 10:{number % 60:02}:00 +0100",
            f"Message-ID: <{folder.encode().hex()}.{number}@example.org>"]
    body = "\r\n".join(rng.choice(["Lorem ipsum", "dolor", "", ".", "From here", "sit amet"])
                       for _ in range(rng.randrange(1, 40)))
    plain = ("\r\n".join(head) + "\r\n\r\n" + body + "\r\n").encode()
    shapes = [
        lambda: plain,
        lambda: plain.removesuffix(b"\r\n"),                        # no final line end
        lambda: multipart(head, body),
        lambda: plain + b"bare LF\nand bare CR\rin one text\r\n",   # kept as received
        lambda: plain + b"8-bit \xe9\xff\xfe and UTF-8 \xc3\xa9\r\n",
        lambda: plain + b"x" * 3000 + b"\r\n",
        lambda: plain + b")\r\nA1 OK FETCH completed\r\n* BYE\r\n",  # protocol in the body
    ]
    return shapes[number % len(shapes)]()


def multipart(head, body):
    inner = ("\r\n".join(head) + "\r\nMIME-Version: 1.0\r\n"
             'Content-Type: multipart/mixed; boundary="=_b1"\r\n\r\npreamble\r\n--=_b1\r\n'
             "Content-Type: text/plain; charset=utf-8\r\n\r\n" + body + "\r\n--=_b1\r\n"
             "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
             "AAECAwQFBgcICQ==\r\n--=_b1--\r\nepilogue\r\n")
    return inner.encode()


# -- dates ---------------------------------------------------------------

def imap_date(when, zone_minutes=0):
    """Seconds since 1970 as an INTERNALDATE."""
    local = time.gmtime(when + zone_minutes * 60)
    sign, zone = "-" if zone_minutes < 0 else "+", abs(zone_minutes)
    return (f"{local.tm_mday:02}-{MONTHS[local.tm_mon - 1]}-{local.tm_year} {local.tm_hour:02}:"
            f"{local.tm_min:02}:{local.tm_sec:02} {sign}{zone // 60:02}{zone % 60:02}")


def epoch(date):
    """An INTERNALDATE as seconds since 1970; None if it is none."""
    found = re.match(r"\s*(\d+)-(\w{3})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$", date)
    if not found or found[2] not in MONTHS:
        return None
    day, month, year = int(found[1]), MONTHS.index(found[2]) + 1, int(found[3])
    offset = (int(found[8]) * 60 + int(found[9])) * 60 * (-1 if found[7] == "-" else 1)
    clock = (year, month, day, int(found[4]), int(found[5]), int(found[6]), 0, 0, 0)
    return calendar.timegm(clock) - offset
