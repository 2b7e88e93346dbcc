"""A model IMAP server: answers any well-formed command from a Store.

It is meant to be right where a scene does not make it wrong. Three ways to make
it wrong, from coarse to fine:

    server.on(r"STATUS", "$TAG NO not today\\r\\n")        another answer to a command
    server.fetch(uid=5, item="BODY", reply=b"NIL")        another value of one item
    server.between = lambda session, m: b"* 1 EXPUNGE"    lines between FETCH answers

And it watches the client: what breaks the grammar or a rule of pipelining is in
server.transcript.violations, and the scene fails on it.
"""

import base64
import re

import mime
from syntax import (ATOM, Cursor, Item, SyntaxProblem, TAG, fetch_items, in_set, members, quote)
from wire import Hangup, Listener, ScriptError

SYSTEM_FLAGS = ("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft")
DEFAULT_CAPS = "LITERAL+ ID NAMESPACE UIDPLUS ESEARCH ENABLE CONDSTORE LIST-EXTENDED " \
               "LIST-STATUS SPECIAL-USE CHILDREN UNSELECT STATUS=SIZE SASL-IR"
USER = "usuario"
PASSWORD = "pA55-wd&9"

# Items that some client or server knows: to ask for one is a step of a ladder, not bad grammar.
LADDER_ITEMS = {"RFC822.PEEK", "RFC822.TEXT.PEEK", "RFC822.HEADER.PEEK", "BINARY", "BINARY.SIZE"}
PLAIN_ITEMS = {"FLAGS", "UID", "INTERNALDATE", "RFC822", "RFC822.SIZE", "RFC822.HEADER",
               "RFC822.TEXT", "BODY", "BODYSTRUCTURE", "ENVELOPE"}

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


class _Hook:
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


class _FetchRule:
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
        del self.view[number - 1]
        return b"* %d EXPUNGE\r\n" % number

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
                    del self.view[number - 1]
                    out.append(b"* %d EXPUNGE\r\n" % number)
        new = [m for m in self.folder if m not in self.view]
        if new:
            self.view += new
            out.append(b"* %d EXISTS\r\n" % len(self.view))
        for number, message in enumerate(self.view, 1):
            now = (frozenset(message.flags), message.modseq)
            if message not in new and self.shown.get(message.uid, now) != now:
                out.append(b"* %d FETCH (UID %d FLAGS (%s))\r\n"
                           % (number, message.uid, _flags(message)))
            self.shown[message.uid] = now
        return b"".join(out)


class Server(Listener):
    """The model server. level is IMAP4rev1, IMAP4rev2 or IMAP4 (RFC 1730)."""

    def __init__(self, store, level="IMAP4rev1", caps=DEFAULT_CAPS, user=USER, password=PASSWORD,
                 greeting=None, greeting_caps=False, caps_before_login=None, uid_last=False,
                 seen_under_examine=False, **listener):
        super().__init__(**listener)
        self.store = store
        self.level = level
        self.caps = caps.split() if isinstance(caps, str) else list(caps)
        if level == "IMAP4" and caps is DEFAULT_CAPS:
            self.caps = []
        self.caps_before_login = caps_before_login
        self.greeting = greeting
        self.greeting_caps = greeting_caps
        self.user, self.password = user, password
        self.uid_last = uid_last
        self.seen_under_examine = seen_under_examine
        self.between = None
        self.id = '("name" "model" "version" "1")'
        self._hooks = []
        self._rules = []

    # -- what scenes call --------------------------------------------------

    def on(self, pattern, reply=None, times=None, after=0):
        """Answer commands that match (from the first letter after the tag) with reply.

        reply: bytes or text in which $TAG is the tag, an action, a list of
        these, or a function of the Call that returns such, or None for the
        normal answer. Later hooks win. Without reply this is a decorator.
        times: only so often; after: let the first so many pass.
        """
        if reply is None:
            return lambda function: self.on(pattern, function, times, after) or function
        self._hooks.insert(0, _Hook(pattern, reply, times, after))
        return None

    def fetch(self, uid=None, item=r"BODY|RFC822(?!\.SIZE)", reply=None, folder=None, times=None):
        """Give another value for an item of some messages.

        reply: bytes (the raw value, b'NIL' or b'{3}\\r\\nabc'), a list with
        actions, OMIT, NO_MESSAGE, Refuse(text), or a function of the FetchCall.
        """
        if reply is None:
            return lambda function: self.fetch(uid, item, function, folder, times) or function
        self._rules.insert(0, _FetchRule(uid, folder, item, reply, times))
        return None

    def clear(self):
        """Forget all hooks and rules: from here on the server is well."""
        self._hooks, self._rules, self.between = [], [], None

    def url(self, scheme=None):
        scheme = scheme or ("imaps" if self.tls == "implicit" else "imap")
        user = "".join(c if c.isalnum() or c in "._-" else f"%{ord(c):02X}" for c in self.user)
        return f"{scheme}://{user}@127.0.0.1:{self.port}/"

    def violation(self, session, text):
        session.wire.violation(text)

    # -- a connection --------------------------------------------------------

    def play(self, wire):
        session = Session(self, wire)
        greeting = self.greet(session)
        wire.play(greeting)
        while True:
            data = wire.read_command(lambda partial: self._refuse_literal(session, partial))
            call = self._parse_tag(session, data)
            wire.play(self._respond(call))
            wire.answered()
            if call.name == "STARTTLS" and getattr(session, "go_tls", False):
                session.go_tls = False
                wire.start_tls()
            if call.name == "LOGOUT":
                wire.bye()

    def greet(self, session):
        if self.greeting is not None:
            greeting = self.greeting(session) if callable(self.greeting) else self.greeting
            if isinstance(greeting, (bytes, str)) and b"PREAUTH" in _bytes(greeting).upper():
                session.user = self.user
            return greeting
        caps = f"[CAPABILITY {' '.join(session.caps())}] " if self.greeting_caps else ""
        return f"* OK {caps}model server ready\r\n"

    def caps_for(self, session):
        if self.caps_before_login is not None and not session.user:
            caps = self.caps_before_login.split()
        else:
            caps = self.caps
        caps = [self.level] + caps
        if self.level != "IMAP4" and not any(c.startswith("AUTH=") for c in caps):
            caps.append("AUTH=PLAIN")
        if self.tls == "starttls":
            secure = session.wire.tls
            caps = [c for c in caps if not (secure and c == "LOGINDISABLED")]
            caps += [] if secure else ["STARTTLS"]
        return caps

    def _parse_tag(self, session, data):
        tag = TAG.match(data)
        if not tag or data[tag.end():tag.end() + 1] != b" ":
            self.violation(session, f"no tag and space: {data[:60]!r}")
            return Call(session, "*", data)
        return Call(session, tag[0].decode(), data[tag.end() + 1:])

    def _refuse_literal(self, session, partial):
        call = self._parse_tag(session, partial)
        for hook in self._hooks:
            if hook.pattern.pattern.startswith("LITERAL "):
                call.text = "LITERAL " + partial.decode("latin-1")
                handled, pieces = hook.take(call)
                if handled:
                    return _bytes(pieces).replace(b"$TAG", call.tag.encode())
        return None

    def _respond(self, call):
        self._watch(call)
        for hook in self._hooks:
            handled, pieces = hook.take(call)
            if handled:
                return _with_tag(pieces, call.tag.encode())
        return call.normal()

    def answer(self, call):
        """The model's own answer to a command, as a list of pieces."""
        call.wire.pump()
        handler = getattr(self, "do_" + call.name.lower().replace("-", "_"), None)
        if handler is None or not call.name.isalpha():
            return self.unknown(call)
        with self.store.lock:
            cursor = Cursor(call.data, len(call.name))
            try:
                return handler(call, cursor)
            except SyntaxProblem as problem:
                self.violation(call.session, f"bad syntax: {problem}: {call.text[:200]!r}")
                return [call.tagged(f"BAD {problem}")]

    def unknown(self, call):
        self.violation(call.session, f"unknown command: {call.text[:80]!r}")
        return [call.tagged(f"BAD Command unrecognized: {call.name}")]

    # -- the rules of pipelining ---------------------------------------------

    _ALONE = ("LOGIN", "AUTHENTICATE", "STARTTLS", "COMPRESS", "ENABLE", "IDLE")
    _LISTING = re.compile(rb"\S+ UID (SEARCH|FETCH (?!.*(BODY|RFC822(?!\.SIZE)|BINARY)))", re.I)
    _NUMBERS = re.compile(rb"\S+ (FETCH|STORE|COPY|MOVE|SEARCH|PARTIAL) ", re.I)

    def _watch(self, call):
        """Note what may not stand in the queue behind this command (rules.md 1.5)."""
        wire, session = call.wire, call.session
        if call.name in self._ALONE:
            wire.must_be_quiet(call.name)
        elif call.name == "EXAMINE":
            wire.pump()
            for line in wire.pending():
                if not self._LISTING.match(line):
                    self.violation(session, f"{line[:80]!r} sent behind an open EXAMINE")
        elif call.name == "UID":
            wire.pump()
            for line in wire.pending():
                if self._NUMBERS.match(line):
                    self.violation(session, f"{line[:80]!r} sent behind an open UID command")

    # -- any state -----------------------------------------------------------

    def ok(self, call, text=None, expunges=True):
        """News of the folder, then the tagged OK."""
        return [call.session.changes(expunges), call.tagged(f"OK {text or call.name + ' completed'}")]

    def no(self, call, text):
        return [call.tagged(f"NO {text}")]

    def need(self, call, cap):
        """True if the capability is offered; else the client should not have asked."""
        if call.session.knows(cap):
            return True
        self.violation(call.session, f"{call.text[:60]!r} needs {cap}, which is not offered")
        return False

    def do_capability(self, call, cursor):
        cursor.end()
        return ["* CAPABILITY " + " ".join(call.session.caps()) + "\r\n", *self.ok(call)]

    def do_noop(self, call, cursor):
        cursor.end()
        return self.ok(call)

    do_check = do_noop

    def do_logout(self, call, cursor):
        cursor.end()
        return ["* BYE see you\r\n", call.tagged("OK LOGOUT completed")]

    def do_id(self, call, cursor):
        if not self.need(call, "ID"):
            return [call.tagged("BAD Command unrecognized: ID")]
        cursor.space()
        if not cursor.has(b"NIL"):
            cursor.listed(lambda: cursor.has(b"NIL") or cursor.string())
        cursor.end()
        return [f"* ID {self.id}\r\n", *self.ok(call)]

    def do_enable(self, call, cursor):
        if not self.need(call, "ENABLE"):
            return [call.tagged("BAD Command unrecognized: ENABLE")]
        asked = []
        while cursor.has(b" "):
            asked.append(cursor.word().decode().upper())
        cursor.end()
        new = [a for a in asked if call.session.knows(a)]
        call.session.enabled |= set(new)
        return [("* ENABLED " + " ".join(new)).rstrip() + "\r\n", *self.ok(call)]

    # -- before login --------------------------------------------------------

    def do_starttls(self, call, cursor):
        cursor.end()
        if self.tls != "starttls" or call.wire.tls:
            self.violation(call.session, "STARTTLS, which is not offered")
            return [call.tagged("BAD STARTTLS is not offered")]
        call.session.go_tls = True
        return [call.tagged("OK begin TLS")]

    def do_login(self, call, cursor):
        cursor.space()
        user = cursor.astring()
        cursor.space()
        password = cursor.astring()
        cursor.end()
        if call.session.knows("LOGINDISABLED"):
            self.violation(call.session, "LOGIN although LOGINDISABLED")
            return self.no(call, "[PRIVACYREQUIRED] LOGIN is disabled")
        return self._enter(call, user, password)

    def do_authenticate(self, call, cursor):
        cursor.space()
        mechanism = cursor.word().decode().upper()
        initial = None
        if cursor.has(b" "):
            initial = call.data[cursor.at:]
            self.need(call, "SASL-IR")
        if mechanism not in ("PLAIN", "LOGIN") or not call.session.knows("AUTH=" + mechanism):
            self.violation(call.session, f"AUTHENTICATE {mechanism}, which is not offered")
            return self.no(call, "no such mechanism")
        if mechanism == "LOGIN":
            user = self._challenge(call, b"VXNlcm5hbWU6")
            return self._enter(call, user, self._challenge(call, b"UGFzc3dvcmQ6"))
        answer = self._challenge(call, b"") if initial is None else self._decode(call, initial)
        words = answer.split(b"\0")
        if len(words) != 3:
            return [call.tagged("BAD not a PLAIN response")]
        return self._enter(call, words[1], words[2])

    def _challenge(self, call, text):
        call.wire.send(b"+ " + text + b"\r\n")
        line = call.wire.read_line()
        call.wire.log.add(call.wire.number, "C", b"+ " + line)
        return self._decode(call, line)

    def _decode(self, call, text):
        try:
            return b"" if text == b"=" else base64.b64decode(text, validate=True)
        except ValueError:
            self.violation(call.session, f"not base64: {text[:60]!r}")
            return b""

    def _enter(self, call, user, password):
        if call.session.user:
            self.violation(call.session, "a second login")
        if (user.decode("utf-8", "replace"), password.decode("utf-8", "replace")) \
                != (self.user, self.password):
            return self.no(call, "[AUTHENTICATIONFAILED] wrong name or password"
                           if self.level != "IMAP4" else "LOGIN failed")
        call.session.user = self.user
        return self.ok(call)

    # -- folders ---------------------------------------------------------------

    def do_namespace(self, call, cursor):
        cursor.end()
        if not self.need(call, "NAMESPACE"):
            return [call.tagged("BAD Command unrecognized: NAMESPACE")]
        prefix, delimiter = _bytes(self.store.prefix), self._delimiter()
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
                          ("MAILBOXID", "OBJECTID")):
            if item in items and not (item == "SIZE" and self.level == "IMAP4rev2"):
                self.need(call, cap)
        return items

    def _status_line(self, folder, items):
        values = {"MESSAGES": len(folder), "RECENT": 0, "UIDNEXT": folder.uidnext,
                  "UIDVALIDITY": folder.uidvalidity, "HIGHESTMODSEQ": folder.modseq,
                  "UNSEEN": sum("\\Seen" not in m.flags for m in folder),
                  "DELETED": sum("\\Deleted" in m.flags for m in folder),
                  "SIZE": sum(m.claimed_size for m in folder)}
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
        code = f"[APPENDUID {folder.uidvalidity} {message.uid}] " if call.session.knows("UIDPLUS") else ""
        return self.ok(call, f"{code}APPEND completed")

    # -- messages -----------------------------------------------------------------

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
        chosen = self._chosen(call, text, by_uid)
        if chosen is None:
            return [call.tagged("BAD Bogus sequence in FETCH")]
        if by_uid and not any(i.name == "UID" for i in items):
            items = [Item("UID", text="UID"), *items]
        if "CHANGEDSINCE" in modifiers:
            chosen = [(n, m) for n, m in chosen if m.modseq > modifiers["CHANGEDSINCE"]]
            items += [] if any(i.name == "MODSEQ" for i in items) else [Item("MODSEQ", text="MODSEQ")]
        return self._fetch_pieces(call, chosen, items)

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

    def _fetch_pieces(self, call, chosen, items):
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
            yield from self.ok(call, "FETCH completed", expunges=False)

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
            if value is not OMIT:
                fields.append((item, value))
        if not seen_before and "\\Seen" in message.flags \
                and not any(item.name == "FLAGS" for item, _ in fields):
            fields.append((Item("FLAGS"), b"(" + _flags(message) + b")"))
        if session.folder:
            session.shown[message.uid] = (frozenset(message.flags), message.modseq)
        yield b"* %d FETCH (" % number
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
        values = {"FLAGS": lambda: b"(" + _flags(message) + b")",
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
        numbers = [m.uid if by_uid else n for n, m in hits]
        if returns is None:
            line = " ".join(["* SEARCH", *map(str, numbers)])
        else:
            line = self._esearch(call, numbers, returns, by_uid)
        return [line + "\r\n", *self.ok(call, "SEARCH completed", expunges=False)]

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
        return self._store(call, self._chosen(call, text, by_uid) or [], sign, flags, silent, by_uid)

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
                out.append(b"* %d FETCH (%sFLAGS (%s))\r\n" % (number, uid, _flags(message)))
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


def _flags(message):
    return " ".join(sorted(message.flags)).encode("latin-1")


def _bytes(text):
    return text.encode("latin-1") if isinstance(text, str) else text


def _with_tag(pieces, tag):
    """A hook's reply with $TAG filled in; large bodies and actions pass as they are."""
    if isinstance(pieces, (bytes, str)):
        return _bytes(pieces).replace(b"$TAG", tag)
    if isinstance(pieces, (list, tuple)):
        return [_with_tag(piece, tag) for piece in pieces]
    return pieces


class Script(Listener):
    """A strict script: play(s) says line by line what is expected and sent.

        def play(s):
            s.send("* OK hello\\r\\n")
            s.expect("CAPABILITY")
            s.reply("* CAPABILITY IMAP4rev1", "OK done")
            s.expect(r"LOGIN \\S+ \\S+")
            s.reply("BAD go away")
            s.end()

    plays is one function for every connection, or a list with one for each. A
    client that sends something else is a violation.
    """

    def __init__(self, plays, user=USER, password=PASSWORD, **listener):
        super().__init__(**listener)
        self.plays = plays
        self.user, self.password = user, password

    url = Server.url

    def play(self, wire):
        if callable(self.plays):
            chosen = self.plays
        elif wire.number <= len(self.plays):
            chosen = self.plays[wire.number - 1]
        else:
            wire.violation("a connection more than the script has")
            raise Hangup()
        chosen(Exchange(wire))


class Exchange:
    """One connection of a strict script."""

    def __init__(self, wire):
        self.wire = wire
        self.tag = "*"

    def send(self, *pieces):
        """Send bytes and actions as they are; $TAG is the tag of the last command."""
        self.wire.play(_with_tag(list(pieces), self.tag.encode()))

    def expect(self, pattern):
        """The next command must match, whole, case ignored; returns the match."""
        data = self.wire.read_command()
        self.tag, _, text = data.decode("latin-1").partition(" ")
        match = re.fullmatch(pattern, text, re.I | re.S)
        if not match:
            self.wire.violation(f"expected {pattern!r}, got {text[:200]!r}")
            raise ScriptError()
        return match

    def expect_line(self, pattern):
        """The next line must match; for answers to a challenge."""
        line = self.wire.read_line().decode("latin-1")
        self.wire.log.add(self.wire.number, "C", line.encode("latin-1"))
        if not re.fullmatch(pattern, line, re.I):
            self.wire.violation(f"expected the line {pattern!r}, got {line[:200]!r}")
            raise ScriptError()
        return line

    def reply(self, *lines):
        """Untagged lines as they are, then the last one with the tag."""
        self.wire.send("".join(line + "\r\n" for line in lines[:-1]) + f"{self.tag} {lines[-1]}\r\n")
        self.wire.answered()

    def start_tls(self, kind=None):
        self.wire.start_tls(kind)

    def end(self):
        """Nothing but LOGOUT or the end of the stream may follow."""
        while True:
            data = self.wire.read_command()
            if data.partition(b" ")[2].upper() != b"LOGOUT":
                self.wire.violation(f"nothing more was expected, got {data[:200]!r}")
            else:
                self.tag = data.partition(b" ")[0].decode()
                self.reply("* BYE bye", "OK bye")
                self.wire.bye()
