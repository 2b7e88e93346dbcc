"""Servers from before IMAP4, each of one level: what it does not have is answered by BAD.

IMAP2bis speaks as imapd 3.6 of the University of Washington did (docs/servers-seen.md 3);
IMAP2 (RFC 1176) has neither FIND ALL.MAILBOXES nor EXAMINE, nor APPEND, CREATE and the like;
the first of all, RFC 1064, has no FIND at all: its client knows INBOX. None has UIDs: n, the
number that imex gives, is the uid of the store as long as every message of a folder was
seen in its order, and UIDVALIDITY is 0.
"""

import re
import time

from model import Server
from store import epoch, sample

FIRST = "LOGIN LOGOUT NOOP SELECT CHECK EXPUNGE COPY FETCH STORE SEARCH".split()
COMMANDS = {"IMAP2bis": {*FIRST, "EXAMINE", "FIND", "PARTIAL", "APPEND", "CREATE", "DELETE", "RENAME",
                         "SUBSCRIBE", "UNSUBSCRIBE"},
            "IMAP2": {*FIRST, "FIND"},
            "RFC 1064": {*FIRST}}
# How a client finds out with whom it speaks.
PROBES = ("CAPABILITY", "FIND", "EXAMINE", "SEARCH")
ITEMS = ("FLAGS", "INTERNALDATE", "RFC822.SIZE", "RFC822", "RFC822.HEADER", "RFC822.TEXT", "ENVELOPE",
         "BODY", "BODYSTRUCTURE")
GREETING = {"IMAP2bis": "* OK vm IMAP2bis Service 7.8(100) at Mon, 4 Mar 1996 10:00:00 -0800\r\n",
            "IMAP2": "* OK vm IMAP2 Service 6.3(70) at Mon, 4 Mar 1991 10:00:00 -0800 (PST)\r\n",
            "RFC 1064": "* OK vm IMAP2 Server 4.3\r\n"}


def mailbox(*folders, count=6):
    """As store.sample; numbers are given by imex, so that no folder has a UIDVALIDITY."""
    store = sample(folders or ("INBOX", "Archive", "mail/1995"), count)
    for folder in store:
        folder.uidvalidity = 0
        folder.keywords.clear()
        for message in folder:
            # Neither keywords nor \Draft were there then.
            message.flags = {f for f in message.flags if f.startswith("\\") and f != "\\Draft"}
    return store


class Old(Server):
    """The server; without: commands it does not have besides."""

    def __init__(self, store=None, level="IMAP2bis", without=(), **options):
        options.setdefault("greeting", GREETING[level])
        options.setdefault("seen_under_examine", True)
        super().__init__(store or mailbox(), level=level, caps="", **options)
        self.commands = COMMANDS[level] - set(without)

    def caps_for(self, session):
        return []

    def answer(self, call):
        if call.name not in self.commands:
            return self.unrecognized(call)
        pieces = super().answer(call)
        return (self._without_uids(p) for p in pieces)

    @staticmethod
    def _without_uids(piece):
        if isinstance(piece, bytes) and piece.startswith(b"* "):
            return re.sub(rb"FETCH \(UID \d+ ", b"FETCH (", piece)
        return piece

    def unrecognized(self, call):
        if call.name not in PROBES:
            self.violation(call.session, f"{self.level} has no {call.name}: {call.text[:80]!r}")
        please = "" if call.session.user else "/login please"
        return [call.tagged(f"BAD Command unrecognized{please}: {call.name}")]

    # -- folders -------------------------------------------------------------

    def do_find(self, call, cursor):
        what = call.text.split()[1].upper()
        if what == "ALL.MAILBOXES" and self.level == "IMAP2bis":
            names = [f.name for f in reversed(list(self.store))]
        elif what == "MAILBOXES":
            names = ["~/" + f.name for f in self.store if f.subscribed and f.name != "INBOX"]
            names = names if self.level == "IMAP2bis" else ["INBOX", *names]
        else:
            return [call.tagged(f"BAD Command unrecognized: FIND {what}")]
        if not call.text.endswith(" *"):
            self.violation(call.session, f"no pattern of that time: {call.text!r}")
        return [*(f"* MAILBOX {n}\r\n".encode("latin-1") for n in names),
                call.tagged(f"OK FIND {what} completed")]

    def _open(self, call, cursor, read_only):
        open_before = call.session.folder
        pieces = super()._open(call, cursor, read_only)
        # What is told already is not told again.
        return [p for p in pieces if not (open_before is call.session.folder and " EXISTS" in str(p))]

    def open_lines(self, session, folder, read_only):
        return [f"* {len(folder)} EXISTS\r\n",
                "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen)\r\n* 0 RECENT\r\n"]

    def do_append(self, call, cursor):
        self.violation(call.session, "nothing here should write to an old server")
        return self.no(call, "APPEND failed")

    # -- messages ------------------------------------------------------------

    def do_fetch(self, call, cursor, by_uid=False):
        if "*" in call.text.split()[1]:
            self.violation(call.session, f"'*' in a set: {call.text[:80]!r}")
            return [call.tagged("BAD Bogus sequence in FETCH")]
        return super().do_fetch(call, cursor)

    def refuse_items(self, call, items):
        for item in items:
            if item.peek or item.start is not None or item.name not in ITEMS:
                return "BAD Bogus attribute list in FETCH"
        return None

    def item_value(self, session, message, item):
        if item.section is not None:
            return b"NIL"
        if item.name == "INTERNALDATE" and self.level != "IMAP2bis":
            when = time.gmtime(epoch(message.date))
            return time.strftime('"%d-%b-%y %H:%M:%S-GMT"', when).encode()
        return super().item_value(session, message, item)

    def _search_key(self, call, cursor):
        if re.match(rb"(UID|\d|\*|\()", cursor.data[cursor.at:]):
            cursor.bad("a search key of IMAP4")
        return super()._search_key(call, cursor)

    def _store(self, call, chosen, sign, flags, silent, by_uid):
        if silent:
            self.violation(call.session, "FLAGS.SILENT, which only IMAP4 has")
        return super()._store(call, chosen, sign, flags, silent, by_uid)


def kept(server):
    """The flags of all messages by what they are, to say that a run changed none."""
    return {f.name: [(m.raw, sorted(m.flags)) for m in f] for f in server.store}
