"""A server that tells labels and ids of messages as Gmail does (X-GM-EXT-1).

    server = t.serve(Gmail(labelled()))     # five messages, each in All Mail and under its labels

A message is known by its octets: it has one X-GM-MSGID in every folder. X-GM-LABELS names the folders that
hold it, without All Mail and without the one that is open.
"""

import zlib

from model import DEFAULT_CAPS, Server
from store import Store, letter
from syntax import quote

ALL = "[Gmail]/All Mail"
TOLD = {"X-GM-MSGID", "X-GM-THRID", "X-GM-LABELS"}


def labelled(count=6):
    """INBOX, Work and two words share messages with All Mail; the last one is in All Mail alone."""
    store = Store()
    store.add("[Gmail]", selectable=False)
    folders = [store["INBOX"], store.add("Work"), store.add("two words"), store.add(ALL, use="\\All")]
    for number in range(count):
        raw, date = letter("gmail", number), "%2d-Nov-2002 10:00:00 +0000" % (1 + number % 28)
        flags = ["\\Seen"] if number % 2 else []
        for at, folder in enumerate(folders[:3]):
            if number < count - 1 and (number + at) % 3 != 0:
                folder.add(raw, flags, date)
        folders[3].add(raw, flags, date)
    return store


class Gmail(Server):
    def __init__(self, store, caps=DEFAULT_CAPS + " X-GM-EXT-1", **options):
        super().__init__(store, caps=caps, **options)
        self.more = {}          # octets of a message -> labels that are no folders

    def msgid(self, message):
        return 2 ** 63 + zlib.crc32(message.raw)

    def labels(self, message, open_folder=None):
        names = [f.name for f in self.store
                 if f.name != ALL and f is not open_folder and any(m.raw == message.raw for m in f)]
        return ["\\Inbox" if n == "INBOX" else n for n in names] + self.more.get(message.raw, [])

    def refuse_items(self, call, items):
        if any(i.name in TOLD for i in items):
            self.need(call, "X-GM-EXT-1")
        return super().refuse_items(call, [i for i in items if i.name not in TOLD])

    def item_value(self, session, message, item):
        if item.name == "X-GM-MSGID":
            return b"%d" % self.msgid(message)
        if item.name == "X-GM-THRID":
            return b"%d" % (self.msgid(message) - 1)
        if item.name == "X-GM-LABELS":
            return b"(" + b" ".join(self._label(n) for n in self.labels(message, session.folder)) + b")"
        return super().item_value(session, message, item)

    @staticmethod
    def _label(name):
        """System labels come as atoms and as strings."""
        return name.encode() if name == "\\Sent" else quote(name)
