"""IMAP4 of RFC 1730 as imap-4 of the University of Washington spoke it (docs/servers-seen.md 3).

Sections have numbers: BODY[] and BODY[HEADER] are NIL, BODY[0] is the header. RFC822.PEEK and PARTIAL
are there, slices in angle brackets are not; no STATUS, no UIDNEXT, no answer to LIST "" "".
"""

from model import Server
from store import sample

GREETING = "* OK vm IMAP4 Service 8.3(144) at Mon, 4 Mar 1996 10:00:00 -0800 (Report problems to root)\r\n"
KNOWN = {"CAPABILITY", "LOGIN", "LOGOUT", "NOOP", "SELECT", "EXAMINE", "CREATE", "DELETE", "RENAME", "SUBSCRIBE",
         "UNSUBSCRIBE", "LIST", "LSUB", "APPEND", "CHECK", "CLOSE", "EXPUNGE", "SEARCH", "FETCH", "PARTIAL",
         "STORE", "COPY", "UID", "FIND"}
PERMANENT = "\\Answered \\Flagged \\Deleted \\Draft \\Seen"


def mailbox(*folders, count=6):
    """As store.sample, without keywords, which came later."""
    store = sample(folders or ("INBOX", "Archive", "mail/1996"), count)
    for folder in store:
        folder.keywords.clear()
        for message in folder:
            message.flags = {f for f in message.flags if f.startswith("\\")}
    return store


class Spoken:
    """What makes a model server one of RFC 1730; a part of Imap4 and of destinations."""

    def caps_for(self, session):
        return ["IMAP4", "SCAN", "SORT", "AUTH-LOGIN"]

    def answer(self, call):
        if call.name not in KNOWN:
            self.violation(call.session, f"RFC 1730 has no {call.name}: {call.text[:80]!r}")
            return [call.tagged(f"BAD Command unrecognized: {call.name}")]
        return super().answer(call)

    def open_lines(self, session, folder, read_only):
        return [f"* {len(folder)} EXISTS\r\n",
                f"* OK [UIDVALIDITY {folder.uidvalidity}] UID validity status\r\n",
                f"* FLAGS ({PERMANENT})\r\n"
                f"* OK [PERMANENTFLAGS ({'' if read_only else PERMANENT})] Permanent flags\r\n",
                "* 0 RECENT\r\n"]

    def _open(self, call, cursor, read_only):
        open_before = call.session.folder
        pieces = super()._open(call, cursor, read_only)
        told = ("EXISTS", "UIDVALIDITY")
        return [p for p in pieces
                if not (open_before is call.session.folder and any(w in str(p) for w in told))]

    def refuse_items(self, call, items):
        for item in items:
            if item.start is not None and call.name != "PARTIAL" or item.fields \
                    or item.name in ("BINARY", "MODSEQ", "RFC822.HEADER.PEEK"):
                return f"BAD Bogus attribute list in {call.text.partition('FETCH')[0]}FETCH"
        return None


class Imap4(Spoken, Server):
    """The source."""

    def __init__(self, store=None, **options):
        options.setdefault("greeting", GREETING)
        options.setdefault("tls", "implicit")
        super().__init__(store or mailbox(), level="IMAP4", caps="", **options)
