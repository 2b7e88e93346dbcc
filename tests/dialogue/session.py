"""What a model server knows of one connection, and the news it owes that client."""

from hooks import flag_text


class Session:
    """What the server knows of one connection."""

    def __init__(self, server, wire):
        self.server, self.wire = server, wire
        self.user = None
        self.folder = None
        self.view = []              # messages by sequence number, as the client knows them
        self.read_only = False
        self.enabled = set()
        self.refusal = None
        self.early = set()          # what an APPEND taught when the next command was here already
        self.condemned = False      # a literal was refused by BAD: the client must leave

    def open(self, folder, read_only):
        self.folder, self.read_only = folder, read_only
        self.view = list(folder)
        self.shown = {m.uid: (frozenset(m.flags), m.modseq) for m in folder}

    def close(self):
        self.folder, self.view = None, []

    def expunge(self, uid):
        """Another client removes a message, and this one is told at once."""
        number = [m.uid for m in self.view].index(uid) + 1
        self.folder.remove(uid)
        return self._forget(number)

    def _forget(self, number):
        """The line that tells of a removal."""
        uid = self.view.pop(number - 1).uid
        return b"* VANISHED %d\r\n" % uid if self.enabled & {"QRESYNC", "UIDONLY"} else b"* %d EXPUNGE\r\n" % number

    def fetch_head(self, number, message):
        """How the line begins that tells of a message (RFC 9586 3.3)."""
        return b"* %d UIDFETCH (" % message.uid if "UIDONLY" in self.enabled else b"* %d FETCH (" % number

    def limit(self):
        """Messages that one command may see (RFC 9738); None: all."""
        found = [c for c in self.caps() if c.upper().startswith("MESSAGELIMIT=")]
        return int(found[0].partition("=")[2]) if found else None

    def seen_of(self, chosen):
        """The part of [(number, message)] that a command sees, and the code that tells of the rest."""
        limit = self.limit()
        if limit is None:
            return chosen, ""
        if "UIDONLY" not in self.enabled:
            chosen = [(n, m) for n, m in chosen if m in self.view[-limit:]]
        if len(chosen) <= limit:
            return chosen, ""
        chosen = chosen[-limit:]
        return chosen, f"[MESSAGELIMIT {limit} {chosen[0][1].uid}] "

    def deliver(self, raw, flags=()):
        """A message arrives, and the client is told at once."""
        self.view.append(self.folder.add(raw, flags))
        return b"* %d EXISTS\r\n" % len(self.view)

    def caps(self):
        return self.server.caps_for(self)

    def knows(self, cap):
        return cap.upper() in (c.upper() for c in self.caps())

    def changes(self, expunges):
        """Untagged news of the open folder; removals only where the RFC allows them."""
        if not self.folder:
            return b""
        out = []
        if expunges:
            for number in range(len(self.view), 0, -1):
                if self.view[number - 1] not in self.folder.messages:
                    out.append(self._forget(number))
        new = [m for m in self.folder if m not in self.view]
        if new:
            self.view += new
            out.append(b"* %d EXISTS\r\n" % len(self.view))
        for number, message in enumerate(self.view, 1):
            now = (frozenset(message.flags), message.modseq)
            if message not in new and self.shown.get(message.uid, now) != now:
                out.append(self.fetch_head(number, message) + b"UID %d FLAGS (%s))\r\n"
                           % (message.uid, flag_text(message)))
            self.shown[message.uid] = now
        return b"".join(out)
