"""The message commands of the model server."""

import re

import mime
from hooks import NO_MESSAGE, OMIT, FetchCall, Refuse, flag_text
from syntax import ATOM, Item, fetch_item, fetch_items, in_set, members

# Items that some client or server knows: to ask for one is a step of a ladder, not bad grammar.
LADDER_ITEMS = {"RFC822.PEEK", "RFC822.TEXT.PEEK", "RFC822.HEADER.PEEK", "BINARY", "BINARY.SIZE"}
PLAIN_ITEMS = {"FLAGS", "UID", "INTERNALDATE", "RFC822", "RFC822.SIZE", "RFC822.HEADER",
               "RFC822.TEXT", "BODY", "BODYSTRUCTURE", "ENVELOPE"}


class MessageCommands:
    """FETCH, SEARCH, STORE and their UID forms; a part of Server."""

    def do_uid(self, call, cursor):
        cursor.space()
        name = cursor.take(ATOM, "a command")[0].decode().upper()
        if name not in ("FETCH", "SEARCH", "STORE", "COPY", "EXPUNGE"):
            self.violation(call.session, f"unknown UID command {name}")
            return [call.tagged(f"BAD Command unrecognized: UID {name}")]
        return getattr(self, "do_" + name.lower())(call, cursor, by_uid=True)

    def _selected(self, call):
        if call.session.folder:
            return True
        # Pipelined behind an EXAMINE that failed, this is no fault of the client.
        return False

    def _chosen(self, call, text, by_uid):
        """[(sequence number, message)] of a sequence set; None if a number is out of range."""
        view = call.session.view
        last = (view[-1].uid if by_uid else len(view)) if view else 0
        ranges = members(text, last)
        if not by_uid and any(high > len(view) or low < 1 for low, high in ranges):
            return None
        return [(n, m) for n, m in enumerate(view, 1) if in_set(m.uid if by_uid else n, ranges)]

    def do_fetch(self, call, cursor, by_uid=False):
        cursor.space()
        text = cursor.sequence()
        cursor.space()
        items = fetch_items(cursor)
        modifiers = self._fetch_modifiers(call, cursor)
        cursor.end()
        if not self._selected(call):
            return [call.tagged("BAD no folder is open")]
        refusal = self.refuse_items(call, items)
        if refusal:
            return [call.tagged(refusal)]
        if not by_uid and "UIDONLY" in call.session.enabled:
            return [call.tagged("BAD [UIDREQUIRED] message numbers are not for now")]
        chosen = self._chosen(call, text, by_uid)
        if chosen is None:
            return [call.tagged("BAD Bogus sequence in FETCH")]
        chosen, partial = call.session.seen_of(chosen)
        if by_uid and not any(i.name == "UID" for i in items):
            items = [Item("UID", text="UID"), *items]
        earlier = []
        if "VANISHED" in modifiers:
            if not by_uid or "CHANGEDSINCE" not in modifiers or "QRESYNC" not in call.session.enabled:
                self.violation(call.session, "VANISHED without UID, CHANGEDSINCE or ENABLE QRESYNC")
                return [call.tagged("BAD VANISHED is not for now")]
            earlier = self._vanished(call.session.folder, text, modifiers["CHANGEDSINCE"])
        if "CHANGEDSINCE" in modifiers:
            chosen = [(n, m) for n, m in chosen if m.modseq > modifiers["CHANGEDSINCE"]]
            if not any(i.name == "MODSEQ" for i in items):
                items.append(Item("MODSEQ", text="MODSEQ"))
        return [*earlier, *self._fetch_pieces(call, chosen, items, partial)] if earlier \
            else self._fetch_pieces(call, chosen, items, partial)

    def _vanished(self, folder, text, since):
        """What was expunged of a set (RFC 7162 3.2.6)."""
        ranges = members(text, folder.uidnext - 1)
        gone = [uid for uid, modseq in folder.gone.items() if modseq > since and in_set(uid, ranges)]
        return [f"* VANISHED (EARLIER) {compact(gone)}\r\n"] if gone else []

    def do_partial(self, call, cursor):
        """A slice of RFC 1730, by sequence number, origins from 1; the answer names no origin."""
        if self.level != "IMAP4":
            return self.unknown(call)
        cursor.space()
        number = cursor.number()
        cursor.space()
        item = fetch_item(cursor)
        cursor.space()
        start = cursor.number()
        cursor.space()
        count = cursor.number()
        cursor.end()
        refusal = self.refuse_items(call, [item])
        if refusal or not 1 <= number <= len(call.session.view):
            return [call.tagged(refusal or "BAD Bogus sequence in PARTIAL")]
        item.start, item.count = start - 1, count
        return self._fetch_pieces(call, [(number, call.session.view[number - 1])], [item])

    def refuse_items(self, call, items):
        """A tagged refusal (without tag) for items this server does not take, or None."""
        for item in items:
            known = item.name in PLAIN_ITEMS or item.section is not None \
                or item.name == "MODSEQ" and self.need(call, "CONDSTORE")
            if item.name in LADDER_ITEMS or not known:
                if item.name not in LADDER_ITEMS:
                    self.violation(call.session, f"unknown FETCH item {item.text!r}")
                if self.level == "IMAP4" and item.name.startswith("RFC822"):
                    continue
                return f"BAD Bogus attribute list in {call.text.partition('FETCH')[0]}FETCH"
        return None

    def _fetch_modifiers(self, call, cursor):
        found = {}
        if cursor.has(b" "):
            self.need(call, "CONDSTORE")

            def modifier():
                word = cursor.word().decode().upper()
                if word == "CHANGEDSINCE":
                    cursor.space()
                    found[word] = cursor.number()
                else:
                    self.need(call, "QRESYNC")
                    found[word] = True
            cursor.listed(modifier)
        return found

    def _fetch_pieces(self, call, chosen, items, partial=""):
        """A generator, so that a drop in the middle has no effect on later messages."""
        session = call.session
        session.refusal = None
        for number, message in chosen:
            if self.between:
                yield self.between(session, message) or b""
            if session.view[number - 1:number] != [message]:
                if message not in session.view:
                    continue
                number = session.view.index(message) + 1
            call.wire.pump()
            yield from self._fetch_line(session, number, message, items)
        if session.refusal:
            yield call.tagged(session.refusal)
        else:
            yield from self.ok(call, partial + "FETCH completed", expunges=False)

    def _fetch_line(self, session, number, message, items):
        seen_before = "\\Seen" in message.flags
        fields = []
        for item in sorted(items, key=lambda i: (i.name == "UID") == self.uid_last):
            value = self._value(session, message, item)
            if value is NO_MESSAGE:
                return
            if isinstance(value, Refuse):
                session.refusal = value.text
                return
            if value is not OMIT and not (item.name == "UID" and "UIDONLY" in session.enabled):
                fields.append((item, value))
        if not seen_before and "\\Seen" in message.flags \
                and not any(item.name == "FLAGS" for item, _ in fields):
            fields.append((Item("FLAGS"), b"(" + flag_text(message) + b")"))
        if session.folder:
            session.shown[message.uid] = (frozenset(message.flags), message.modseq)
        yield session.fetch_head(number, message)
        for index, (item, value) in enumerate(fields):
            yield b" " if index else b""
            yield self.item_name(item) + b" "
            yield value
        yield b")\r\n"

    def item_name(self, item):
        """What an item is called in the answer."""
        if item.section is None:
            return item.name.encode()
        fields = f" ({' '.join(f.decode('latin-1') for f in item.fields)})" if item.fields else ""
        start = "" if item.start is None else f"<{item.start}>"
        return f"{item.name}[{item.section}{fields}]{start}".encode("latin-1")

    def _value(self, session, message, item):
        if item.is_body and not item.peek and "PEEK" not in item.name \
                and item.name != "RFC822.HEADER":
            self._mark_seen(session, message)
        value = self.item_value(session, message, item)
        for rule in self._rules:
            if rule.applies(session, message, item):
                changed = rule.take(FetchCall(session, message, item, value))
                if changed is not None:
                    return changed
        return value

    def _mark_seen(self, session, message):
        if "\\Seen" in message.flags:
            return
        if session.read_only and not self.seen_under_examine:
            return
        message.flags.add("\\Seen")
        session.folder._touch(message)
        self.stored()

    def stored(self):
        """Called after each change of flags, for servers that keep them."""

    def item_value(self, session, message, item):
        """The right value, as it stands on the wire."""
        if item.is_body:
            return self.body_value(message, item)
        values = {"FLAGS": lambda: b"(" + flag_text(message) + b")",
                  "UID": lambda: b"%d" % message.uid,
                  "INTERNALDATE": lambda: b'"' + message.date.encode("latin-1") + b'"',
                  "RFC822.SIZE": lambda: b"%d" % message.claimed_size,
                  "MODSEQ": lambda: b"(%d)" % message.modseq,
                  "ENVELOPE": lambda: mime.envelope(message.raw),
                  "BODY": lambda: mime.structure(message.raw),
                  "BODYSTRUCTURE": lambda: mime.structure(message.raw)}
        return values[item.name]()

    def body_value(self, message, item):
        if item.section is not None:
            if self.level == "IMAP4" and not item.section[:1].isdigit():
                return b"NIL"           # what UW imap-4 says to BODY[]
            data = mime.section(message.raw, item.section, item.fields)
        else:
            part = item.name.replace("RFC822", "").replace(".PEEK", "").lstrip(".")
            data = mime.section(message.raw, part)
        if data is None:
            return b"NIL"
        if item.start is not None:
            end = None if item.count is None else item.start + item.count
            data = data[item.start:end]
        return b"{%d}\r\n%s" % (len(data), data)

    def do_search(self, call, cursor, by_uid=False):
        returns = None
        if cursor.has(b" RETURN "):
            self.need(call, "ESEARCH")
            returns = [w.decode().upper() for w in cursor.listed(cursor.word)] or ["ALL"]
        if cursor.has(b" CHARSET "):
            cursor.astring()
        tests = self._search_keys(call, cursor)
        cursor.end()
        if not self._selected(call):
            return [call.tagged("BAD no folder is open")]
        hits = [(n, m) for n, m in enumerate(call.session.view, 1) if all(t(n, m) for t in tests)]
        if not by_uid and "UIDONLY" in call.session.enabled:
            return [call.tagged("BAD [UIDREQUIRED] message numbers are not for now")]
        hits, partial = call.session.seen_of(hits)
        numbers = [m.uid if by_uid else n for n, m in hits]
        if returns is None:
            line = " ".join(["* SEARCH", *map(str, numbers)])
        else:
            line = self._esearch(call, numbers, returns, by_uid)
        return [line + "\r\n", *self.ok(call, partial + "SEARCH completed", expunges=False)]

    def _esearch(self, call, numbers, returns, by_uid):
        line = f'* ESEARCH (TAG "{call.tag}")' + (" UID" if by_uid else "")
        if "COUNT" in returns:
            line += f" COUNT {len(numbers)}"
        if numbers and "MIN" in returns:
            line += f" MIN {min(numbers)}"
        if numbers and "MAX" in returns:
            line += f" MAX {max(numbers)}"
        if numbers and "ALL" in returns:
            line += f" ALL {compact(numbers)}"
        return line

    _FLAG_KEYS = {"ANSWERED", "FLAGGED", "DELETED", "SEEN", "DRAFT"}

    def _search_keys(self, call, cursor):
        tests = []
        while cursor.has(b" "):
            tests.append(self._search_key(call, cursor))
        if not tests:
            cursor.bad("expected a search key")
        return tests

    def _search_key(self, call, cursor):
        view = call.session.view
        if cursor.peek().isdigit() or cursor.peek() == b"*":
            ranges = members(cursor.sequence(), len(view))
            return lambda n, m: in_set(n, ranges)
        word = cursor.word().decode().upper()
        plain = word.removeprefix("UN")
        if word == "ALL":
            return lambda n, m: True
        if plain in self._FLAG_KEYS:
            flag = "\\" + plain.capitalize()
            return lambda n, m: (flag in m.flags) == (plain == word)
        if word == "UID":
            cursor.space()
            ranges = members(cursor.sequence(), view[-1].uid if view else 0)
            return lambda n, m: in_set(m.uid, ranges)
        if word == "NOT":
            cursor.space()
            inner = self._search_key(call, cursor)
            return lambda n, m: not inner(n, m)
        if word == "MODSEQ":
            self.need(call, "CONDSTORE")
            cursor.space()
            least = cursor.number()
            return lambda n, m: m.modseq >= least
        if word in ("LARGER", "SMALLER"):
            cursor.space()
            limit = cursor.number()
            return lambda n, m: (m.claimed_size > limit) == (word == "LARGER")
        if word == "HEADER":
            cursor.space()
            name = cursor.astring()
            cursor.space()
            value = cursor.astring().lower()
            return lambda n, m: value in (mime.Part(m.raw).field(re.escape(name)) or b"").lower()
        if word in ("SINCE", "BEFORE", "ON", "SENTSINCE", "SENTBEFORE", "KEYWORD", "SUBJECT"):
            cursor.space()
            cursor.astring()
            return lambda n, m: True        # a prefilter; wider is allowed in these tests
        return cursor.bad(f"unknown search key {word}")

    def do_store(self, call, cursor, by_uid=False):
        cursor.space()
        text = cursor.sequence()
        cursor.space()
        if cursor.has(b"(UNCHANGEDSINCE "):
            self.need(call, "CONDSTORE")
            cursor.number()
            cursor.token(b") ")
        sign = "+" if cursor.has(b"+") else "-" if cursor.has(b"-") else ""
        cursor.token(b"FLAGS")
        silent = cursor.has(b".SILENT")
        cursor.space()
        flags = set(cursor.listed(cursor.flag) if cursor.peek() == b"(" else [cursor.flag()])
        cursor.end()
        if not self._selected(call):
            return [call.tagged("BAD no folder is open")]
        if call.session.read_only:
            return self.no(call, "[READ-ONLY] the folder is open read-only")
        chosen = self._chosen(call, text, by_uid) or []
        return self._store(call, chosen, sign, flags, silent, by_uid)

    def _store(self, call, chosen, sign, flags, silent, by_uid):
        out, session = [], call.session
        for number, message in chosen:
            if sign == "+":
                message.flags |= flags
            elif sign == "-":
                message.flags -= flags
            else:
                message.flags = set(flags)
            session.folder._touch(message)
            session.shown[message.uid] = (frozenset(message.flags), message.modseq)
            uid = b"UID %d " % message.uid if by_uid else b""
            if not silent:
                out.append(b"* %d FETCH (%sFLAGS (%s))\r\n" % (number, uid, flag_text(message)))
        self.stored()
        return [*out, *self.ok(call, "STORE completed", expunges=False)]

    def do_copy(self, call, cursor, by_uid=False):
        self.violation(call.session, "COPY: nothing here should copy on the server")
        return self.no(call, "COPY is not for scenes")

    def do_expunge(self, call, cursor, by_uid=False):
        for message in [m for m in call.session.view if "\\Deleted" in m.flags]:
            call.session.folder.remove(message.uid)
        return self.ok(call)


def compact(numbers):
    """[1, 2, 3, 7] -> '1:3,7'"""
    runs = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(a) if a == b else f"{a}:{b}" for a, b in runs)
