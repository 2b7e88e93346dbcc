"""The folder commands of the model server."""

import re

from hooks import octets
from syntax import quote

SYSTEM_FLAGS = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")


class FolderCommands:
    """LIST, LSUB, STATUS, SELECT and their kin; a part of Server."""

    append_limits = {}          # octets by folder name; others: NIL

    def do_namespace(self, call, cursor):
        cursor.end()
        if not self.need(call, "NAMESPACE"):
            return [call.tagged("BAD Command unrecognized: NAMESPACE")]
        prefix, delimiter = octets(self.store.prefix), self._delimiter()
        return [b"* NAMESPACE ((" + quote(prefix) + b" " + delimiter + b")) NIL NIL\r\n",
                *self.ok(call)]

    def do_list(self, call, cursor):
        cursor.space()
        selection = []
        if cursor.peek() == b"(":
            self.need(call, "LIST-EXTENDED")
            selection = [w.upper() for w in cursor.listed(cursor.word)]
            cursor.space()
        reference = cursor.astring()
        cursor.space()
        if cursor.peek() == b"(":
            self.need(call, "LIST-EXTENDED")
            patterns = cursor.listed(cursor.list_mailbox)
        else:
            patterns = [cursor.list_mailbox()]
        wanted, status = self._return_options(call, cursor)
        cursor.end()
        if patterns == [b""]:
            if self.level == "IMAP4":
                return self.ok(call)
            return [b"* LIST (\\Noselect) " + self._delimiter() + b' ""\r\n', *self.ok(call)]
        out = []
        for folder in self._matching(reference, patterns):
            if b"SUBSCRIBED" in selection and not folder.subscribed:
                continue
            if b"SPECIAL-USE" in selection and not folder.use:
                continue
            show = b"SUBSCRIBED" in selection or b"SUBSCRIBED" in wanted
            out.append(self.list_line(call.session, folder, show_subscribed=show))
            if status and folder.selectable:
                out.append(self._status_line(folder, status))
        return [*out, *self.ok(call)]

    def _return_options(self, call, cursor):
        """([options], [status items]) of LIST ... RETURN (...)"""
        options, status = [], []
        if cursor.has(b" RETURN "):
            self.need(call, "LIST-EXTENDED")

            def option():
                word = cursor.word().upper()
                if word == b"STATUS":
                    self.need(call, "LIST-STATUS")
                    cursor.space()
                    status.extend(self._status_items(call, cursor))
                options.append(word)
            cursor.listed(option)
        return options, status

    def do_lsub(self, call, cursor):
        cursor.space()
        reference = cursor.astring()
        cursor.space()
        pattern = cursor.list_mailbox()
        cursor.end()
        out = [self.list_line(call.session, f, "LSUB")
               for f in self._matching(reference, [pattern]) if f.subscribed]
        return [*out, *self.ok(call)]

    def list_line(self, session, folder, word="LIST", show_subscribed=False):
        """One LIST line. A scene may replace this method of the server object."""
        attributes = list(folder.attributes)
        if not folder.selectable:
            attributes.append("\\Noselect")
        if folder.use and session.knows("SPECIAL-USE"):
            attributes.append(folder.use)
        if show_subscribed and folder.subscribed:
            attributes.append("\\Subscribed")
        return b"* %s (%s) %s %s\r\n" % (word.encode(), " ".join(attributes).encode("latin-1"),
                                         self._delimiter(), quote(folder.name))

    def _delimiter(self):
        return quote(self.store.delimiter) if self.store.delimiter else b"NIL"

    def _matching(self, reference, patterns):
        delimiter = re.escape(self.store.delimiter or "\0")
        found = []
        for folder in self.store:
            for pattern in patterns:
                text = re.escape((reference + pattern).decode("latin-1"))
                text = text.replace(r"\*", "(?s:.)*").replace("%", f"[^{delimiter}]*")
                if re.fullmatch(text, folder.name, re.I if folder.name == "INBOX" else 0):
                    found.append(folder)
                    break
        return found

    def do_status(self, call, cursor):
        cursor.space()
        name = cursor.astring()
        cursor.space()
        items = self._status_items(call, cursor)
        cursor.end()
        if self.level == "IMAP4" and not call.session.knows("STATUS"):
            self.violation(call.session, "STATUS, which RFC 1730 does not have")
            return [call.tagged("BAD Command unrecognized: STATUS")]
        folder = self.store.get(name.decode("latin-1"))
        if folder is None or not folder.selectable:
            return self.no(call, "[NONEXISTENT] no such folder")
        if call.session.folder is folder:
            self.violation(call.session, "STATUS of the selected folder")
        return [self._status_line(folder, items), *self.ok(call)]

    def _status_items(self, call, cursor):
        items = [w.decode().upper() for w in cursor.listed(cursor.word)]
        for item, cap in (("HIGHESTMODSEQ", "CONDSTORE"), ("SIZE", "STATUS=SIZE"),
                          ("MAILBOXID", "OBJECTID"), ("APPENDLIMIT", "APPENDLIMIT")):
            if item in items and not (item == "SIZE" and self.level == "IMAP4rev2"):
                self.need(call, cap)
        return items

    def _status_line(self, folder, items):
        values = {"MESSAGES": len(folder), "RECENT": 0, "UIDNEXT": folder.uidnext,
                  "UIDVALIDITY": folder.uidvalidity, "HIGHESTMODSEQ": folder.modseq,
                  "UNSEEN": sum("\\Seen" not in m.flags for m in folder),
                  "DELETED": sum("\\Deleted" in m.flags for m in folder),
                  "SIZE": sum(m.claimed_size for m in folder),
                  "APPENDLIMIT": self.append_limits.get(folder.name, "NIL"), "MAILBOXID": f"({folder.id})"}
        text = " ".join(f"{i} {values[i]}" for i in items if i in values)
        return b"* STATUS " + quote(folder.name) + f" ({text})\r\n".encode()

    def do_examine(self, call, cursor):
        return self._open(call, cursor, read_only=True)

    def do_select(self, call, cursor):
        return self._open(call, cursor, read_only=False)

    def _open(self, call, cursor, read_only):
        cursor.space()
        name = cursor.astring().decode("latin-1")
        if cursor.has(b" "):
            self.need(call, "CONDSTORE")
            cursor.listed(lambda: self._open_option(call, cursor))
        cursor.end()
        folder = self.store.get(name)
        call.session.close()        # RFC 3501: a failed one leaves nothing selected
        if folder is None or not folder.selectable:
            return self.no(call, "[NONEXISTENT] no such folder" if self.level != "IMAP4"
                           else "no such folder")
        call.session.open(folder, read_only)
        return [*self.open_lines(call.session, folder, read_only),
                call.tagged(f"OK [READ-{'ONLY' if read_only else 'WRITE'}] {call.name} completed")]

    def _open_option(self, call, cursor):
        word = cursor.word().upper()
        call.session.enabled.add("CONDSTORE")
        if word == b"QRESYNC":
            self.need(call, "QRESYNC")
            cursor.space()
            cursor.listed(lambda: cursor.take(re.compile(rb"[\d:,*]+|\([^)]*\)"), "QRESYNC data"))

    def open_lines(self, session, folder, read_only):
        """The untagged lines of SELECT and EXAMINE."""
        flags = " ".join([*SYSTEM_FLAGS, *sorted(folder.keywords)])
        lines = [f"* {len(folder)} EXISTS", "* 0 RECENT", f"* FLAGS ({flags})",
                 f"* OK [PERMANENTFLAGS ({'' if read_only else flags + ' ' + chr(92) + '*'})] ok",
                 f"* OK [UIDVALIDITY {folder.uidvalidity}] ok"]
        if self.level != "IMAP4":
            lines.append(f"* OK [UIDNEXT {folder.uidnext}] ok")
        if session.knows("CONDSTORE"):
            lines.append(f"* OK [HIGHESTMODSEQ {folder.modseq}] ok")
        if session.knows("OBJECTID"):
            lines.append(f"* OK [MAILBOXID ({folder.id})] ok")
        return ["\r\n".join(lines).encode("latin-1") + b"\r\n"]

    def do_close(self, call, cursor):
        cursor.end()
        call.session.close()
        return self.ok(call)

    def do_unselect(self, call, cursor):
        self.need(call, "UNSELECT")
        return self.do_close(call, cursor)

    def _name(self, cursor):
        cursor.space()
        return cursor.astring().decode("latin-1")

    def do_create(self, call, cursor):
        name = self._name(cursor)
        cursor.end()
        if self.store.get(name):
            return self.no(call, "[ALREADYEXISTS] it exists")
        self.store.add(name, subscribed=False)
        return self.ok(call)

    def do_delete(self, call, cursor):
        name = self._name(cursor)
        cursor.end()
        if not self.store.get(name):
            return self.no(call, "[NONEXISTENT] no such folder")
        del self.store.folders[name]
        return self.ok(call)

    def do_subscribe(self, call, cursor):
        return self._subscribe(call, cursor, True)

    def do_unsubscribe(self, call, cursor):
        return self._subscribe(call, cursor, False)

    def _subscribe(self, call, cursor, value):
        folder = self.store.get(self._name(cursor))
        cursor.end()
        if not folder:
            return self.no(call, "[NONEXISTENT] no such folder")
        folder.subscribed = value
        return self.ok(call)

    def do_append(self, call, cursor):
        folder = self.store.get(self._name(cursor))
        cursor.space()
        flags, date = [], None
        if cursor.peek() == b"(":
            flags = cursor.listed(cursor.flag)
            cursor.space()
        if cursor.peek() == b'"':
            date = cursor.string().decode("latin-1")
            cursor.space()
        raw = cursor.string()
        cursor.end()
        if not folder:
            return self.no(call, "[TRYCREATE] no such folder")
        message = folder.add(raw, flags, date or "01-Jan-2020 00:00:00 +0000")
        code = ""
        if call.session.knows("UIDPLUS"):
            code = f"[APPENDUID {folder.uidvalidity} {message.uid}] "
        return self.ok(call, f"{code}APPEND completed")
