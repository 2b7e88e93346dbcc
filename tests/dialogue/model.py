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

from extras import ExtrasCommands
from folders import FolderCommands
from hooks import Call, FetchRule, Hook, octets, with_tag
from idle import IdleCommands
from messages import MessageCommands
from session import Session
from syntax import TAG, Cursor, SyntaxProblem
from wire import Gate, Listener

DEFAULT_CAPS = "LITERAL+ ID NAMESPACE UIDPLUS ESEARCH ENABLE CONDSTORE LIST-EXTENDED " \
               "LIST-STATUS SPECIAL-USE CHILDREN UNSELECT STATUS=SIZE SASL-IR"
USER = "usuario"
PASSWORD = "pA55-wd&9"


class Server(FolderCommands, ExtrasCommands, IdleCommands, MessageCommands, Listener):
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
        self._hooks.insert(0, Hook(pattern, reply, times, after))
        return None

    def fetch(self, uid=None, item=r"BODY|RFC822(?!\.SIZE)", reply=None, folder=None, times=None):
        """Give another value for an item of some messages.

        reply: bytes (the raw value, b'NIL' or b'{3}\\r\\nabc'), a list with
        actions, OMIT, NO_MESSAGE, Refuse(text), or a function of the FetchCall.
        """
        if reply is None:
            return lambda function: self.fetch(uid, item, function, folder, times) or function
        self._rules.insert(0, FetchRule(uid, folder, item, reply, times))
        return None

    def hold(self, uid, after=60, times=1, **which):
        """Stop behind so many octets of a message (as of fetch) until the gate is opened, which is returned."""
        gate = Gate()
        self.fetch(uid, reply=lambda f: [f.value[:after], gate, f.value[after:]], times=times, **which)
        return gate

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
            data = self.read(session)
            if data is None:
                continue
            call = self._parse_tag(session, data)
            wire.play(self._respond(call))
            wire.answered()
            if call.name == "STARTTLS" and getattr(session, "go_tls", False):
                session.go_tls = False
                wire.start_tls()
            if call.name == "LOGOUT":
                wire.bye()

    def read(self, session):
        """The next command, whole; None if it was answered already."""
        return session.wire.read_command(lambda partial: self._refuse_literal(session, partial))

    def greet(self, session):
        if self.greeting is not None:
            greeting = self.greeting(session) if callable(self.greeting) else self.greeting
            if isinstance(greeting, (bytes, str)) and b"PREAUTH" in octets(greeting).upper():
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
                    return octets(pieces).replace(b"$TAG", call.tag.encode())
        return None

    def _respond(self, call):
        self._watch(call)
        for hook in self._hooks:
            handled, pieces = hook.take(call)
            if handled:
                return with_tag(pieces, call.tag.encode())
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
        done = call.tagged(f"OK {text or call.name + ' completed'}")
        return [call.session.changes(expunges), done]

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
