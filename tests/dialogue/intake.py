"""How a server takes mail in: APPEND with its literals, octet by octet.

The rules that a client must keep (rules.md 2.1) are watched here, since only the
server sees the order in which octets arrive. What a server may do wrong hangs in
as rules: target.append(before="NO [OVERQUOTA] full", folder="INBOX", times=1).
"""

import re
import time

from syntax import LITERAL_END, Cursor, SyntaxProblem
from store import epoch
from wire import Action, Cut, Hangup

MEMBERS_LIMIT = 64          # messages of one MULTIAPPEND
EXECUTION_GRACE = 1         # seconds in which a client must have left behind a BAD
MINUS_LIMIT = 4096          # octets of a non-synchronising literal under LITERAL-
_APPEND = re.compile(rb"(\S+) APPEND ", re.I)
_NAME_LITERAL = re.compile(rb"\S+ APPEND ~?\{\d+\+?\}$", re.I)
_MAIL_LITERAL = re.compile(rb"(~?)\{(\d+)(\+?)\}\r\n")


class Member:
    """One message of an APPEND. raw is what came so far."""

    def __init__(self, append, flags, date, size, sync, binary):
        self.append, self.index = append, len(append.members)
        self.flags, self.date, self.size = flags, date, size
        self.sync, self.binary = sync, binary
        self.raw = b""

    folder = property(lambda self: self.append.folder)

    def facts(self):
        """What must have been accepted before mail goes without being asked for (rules.md 2.1)."""
        return {("folder", self.folder), ("date", date_form(self.date)),
                *(("flag", f.lower()) for f in self.flags)}


class Append:
    """One APPEND command; members are its messages, folder is the name as asked for."""

    def __init__(self, session, tag, folder):
        self.session, self.tag, self.folder = session, tag, folder
        self.members = []
        self.answer = None          # the refusal, once it is known


class Rule:
    """When something is done to a message, and what; see Target.append."""

    PHASES = {"before": ("before",), "during": ("bye", "cut", "stall"), "after": ("after",),
              "keep": ("keep", "flags", "date", "appear", "answer", "drop", "do", "twice")}

    def __init__(self, folder=None, flag=None, dated=None, has=None, larger=None, when=None,
                 sync=None, members=None, times=None, skip=0, stored=False, **what):
        self.folder, self.flag, self.dated = folder, flag, dated
        self.has, self.larger, self.when = has, larger, when
        self.sync, self.members = sync, members
        self.times, self.skip, self.stored = times, skip, stored
        self.what = what
        self.phase = next(p for p, names in self.PHASES.items() if set(names) & what.keys())
        unknown = what.keys() - set(self.PHASES[self.phase])
        if unknown:
            raise TypeError(f"an append rule does not know {unknown}")
        self.seen = self.struck = 0

    def applies(self, member):
        tests = (
            self.folder is None or re.fullmatch(self.folder, member.folder),
            self.flag is None or any(re.fullmatch(self.flag, f, re.I) for f in member.flags),
            self.dated is None or re.search(self.dated, member.date or ""),
            self.has is None or re.search(self.has, member.raw, re.S),
            self.larger is None or member.size > self.larger,
            self.sync is None or member.sync == self.sync,
            self.members is None or len(member.append.members) in self.members,
            self.when is None or self.when(member))
        return all(tests)

    def take(self, member):
        """True if it strikes now."""
        if not self.applies(member):
            return False
        self.seen += 1
        if self.seen <= self.skip or self.times is not None and self.struck >= self.times:
            return False
        self.struck += 1
        return True


class Intake:
    """Reads one APPEND from a wire and answers it; a new one for each command."""

    def __init__(self, target, session, line):
        self.target, self.session, self.wire = target, session, session.wire
        self.line = line
        self.append = None

    def run(self):
        head = self._head()
        self.wire.log.add(self.wire.number, "C", head)
        tag = _APPEND.match(head)[1].decode("latin-1")
        cursor = Cursor(head + b"\r\n", _APPEND.match(head).end())
        try:
            self.append = Append(self.session, tag, cursor.astring().decode("latin-1"))
            if not self._members(cursor):
                return
        except Hangup:
            self._keep_what_came()
            raise
        except SyntaxProblem as problem:
            self._violation(f"bad syntax: {problem}: {cursor.data[:200]!r}")
            self.append = self.append or Append(self.session, tag, "")
            self._say(f"BAD {problem}")
            return
        self._finish()

    def _members(self, cursor):
        """Take all messages in; False if the command is answered and over."""
        while self._member(cursor):
            rest = self.wire.read_line()
            if not rest:
                return True
            self.wire.log.add(self.wire.number, "D", rest)
            cursor = Cursor(rest + b"\r\n")
        return False

    def _keep_what_came(self):
        """The client is gone in the middle: a server may keep the messages that are whole."""
        if self.target.eager and self.append.answer is None and not self.target.stopping:
            with self.target.store.lock:
                for member in self.append.members:
                    if member.raw and len(member.raw) == member.size:
                        self.target.deliver(self.append, member)

    def _head(self):
        """The command up to its first message, with a folder name that is a literal."""
        head = self.line
        if _NAME_LITERAL.search(head):
            literal = LITERAL_END.search(head)
            if not literal[2]:
                self.wire.must_be_quiet("an open synchronising literal")
                self.wire.send(b"+ the name\r\n")
            head += b"\r\n" + self.wire.read_exactly(int(literal[1])) + self.wire.read_line()
        return head

    def _violation(self, text):
        self.target.violation(self.session, text)

    def _say(self, text):
        self.wire.send(f"{self.append.tag} {text}\r\n")

    # -- one message -----------------------------------------------------------

    def _member(self, cursor):
        """Take a message in; False if the command is answered and over."""
        member = self._parse(cursor)
        self._watch(member)
        self.append.members.append(member)
        refusal = self._refusal(member, "before")
        if member.sync:
            if self.append.answer is None and refusal is None:
                self.wire.must_be_quiet("an open synchronising literal")
                self.wire.send(self.target.plus)
            else:
                self._refuse(self.append.answer or refusal)
                return False
        elif refusal and refusal.startswith("BAD"):
            self._execute(member, refusal)
            return False
        elif refusal and self.append.answer is None:
            self.append.answer = refusal
        self._read(member)
        after = self._refusal(member, "after")
        if after and self.append.answer is None:
            self.append.answer = after
        return True

    def _parse(self, cursor):
        flags, date = [], None
        cursor.space()
        if cursor.peek() == b"(":
            flags = cursor.listed(cursor.flag)
            cursor.space()
        if cursor.peek() == b'"':
            date = cursor.string().decode("latin-1")
            if epoch(date) is None or len(date) != 26:
                cursor.bad(f"expected a date-time, got {date!r}")
            cursor.space()
        found = cursor.take(_MAIL_LITERAL, "a literal")
        cursor.end()
        if "\\recent" in (f.lower() for f in flags):
            cursor.bad("\\Recent is not the client's to set")
        return Member(self.append, flags, date, int(found[2]), not found[3], bool(found[1]))

    def _watch(self, member):
        """The rules of the client (rules.md 2.1)."""
        knows = self.session.knows
        if member.index and not knows("MULTIAPPEND"):
            self._violation("MULTIAPPEND, which is not offered")
        if member.index == MEMBERS_LIMIT:
            self._violation(f"more than {MEMBERS_LIMIT} messages in one APPEND")
        if member.binary and not knows("BINARY"):
            self._violation("a literal8, and BINARY is not offered")
        if not member.sync and not knows("LITERAL+") \
                and not (knows("LITERAL-") and member.size <= MINUS_LIMIT):
            self._violation(f"a non-synchronising literal of {member.size} octets, not offered")
        if member.sync and not member.index:
            self.session.early = set()
            return
        unknown = member.facts() - (self.target.learnt - self.session.early)
        if unknown:
            self._violation(f"a {'synchronising' if member.sync else 'non-synchronising'} literal, "
                            f"message {member.index + 1}, and never accepted: {sorted(map(str, unknown))}")

    def _refusal(self, member, phase):
        for rule in self.target.append_rules:
            if rule.phase == phase and rule.take(member):
                text = rule.what[phase]
                if rule.stored:
                    self.target.deliver(self.append, member)
                return text(member) if callable(text) else text
        if phase == "before" and self.target.missing(self.append.folder):
            return "NO [TRYCREATE] no such folder"
        return None

    def _refuse(self, text):
        """Instead of '+': not an octet of the literal may come now."""
        self._say(text)
        self.wire.pump(0.02)
        start = self.wire.inbuf[:24]
        if start and any(raw.startswith(start) for raw in self.target.mail_of_source()):
            self._violation(f"a literal was sent behind {text!r} instead of '+': {start!r}")

    def _execute(self, member, text):
        """What Dovecot does behind a BAD: the lines of the message are commands now."""
        self._say(text)
        lines = (self.wire.read_exactly(member.size) + self.wire.read_line()).split(b"\r\n")
        self.wire.log.add(self.wire.number, "!", b"lines of a message run as commands: "
                          + repr(lines[:20]).encode())
        self.target.executed += lines
        for line in lines:
            if line.strip():
                self.wire.send(line.split()[0][:40] + b" BAD Error in IMAP command received by server.\r\n")
        self.wire.answered()
        self._condemn()

    def _condemn(self):
        """What is on its way is run as well; but the client, once it has read BAD, must leave."""
        end = time.monotonic() + EXECUTION_GRACE
        while not self.wire.eof and time.monotonic() < end:
            self.target.executed += self.wire.inbuf.split(b"\r\n")
            self.wire.inbuf = b""
            self.wire.pump(0.05)
        if not self.wire.eof:
            self.wire.inbuf = b""
            self.session.condemned = True

    def _read(self, member):
        """The octets of the message, with what happens in between."""
        for rule in self.target.append_rules:
            if rule.phase == "during" and rule.take(member):
                self._disturb(member, rule)
        member.raw += self.wire.read_exactly(member.size - len(member.raw))
        self.wire.log.add(self.wire.number, "D", member.raw)

    def _disturb(self, member, rule):
        what = rule.what
        at = next(what[name] for name in ("bye", "cut", "stall") if name in what)
        at, action = at if isinstance(at, tuple) else (at, None)
        at = at(member) if callable(at) else at
        at = member.size + at if at < 0 else min(at, member.size)
        member.raw = self.wire.read_exactly(at)
        if "bye" in what:
            self.wire.send(f"* BYE {action or 'closing'}\r\n")
        if "stall" in what:
            (action or Cut()).run(self.wire)
            return
        (action if isinstance(action, Action) else Cut()).run(self.wire)

    # -- the end ---------------------------------------------------------------

    def _finish(self):
        append, target = self.append, self.target
        if append.answer is not None:
            self._say(append.answer)
            self.wire.answered()
            return
        with target.store.lock:
            pieces = target.finish(append)
        self.wire.pump(0.003 if self._teaches() else 0)
        self.session.early = self._teaches() if self.wire.inbuf else set()
        try:
            self.wire.play(pieces)
        finally:
            self._learn()

    def _teaches(self):
        if not self.append.members[0].sync:
            return set()
        return self.append.members[0].facts() - self.target.learnt

    def _learn(self):
        if self.append.members[0].sync and self.append.answer is None:
            self.target.learnt |= self.append.members[0].facts()


def is_append(line):
    return _APPEND.match(line) is not None


def date_form(date):
    """What one accepted date says of another: its form, and whether it lies in plain time."""
    if date is None:
        return "none"
    form = re.sub(r"\d", "9", re.sub(r"[A-Z][a-z][a-z]", "Aaa", date)).replace("-9999", "+9999")
    when = epoch(date)
    when = "before 1970-01-02" if when < 86400 else "from 2038 on" if when >= 2147483647 else "plain"
    return f"{form} {when}"


def gone(wire):
    """Whether the client has left; one that was killed right behind its last octet, too."""
    try:
        wire.pump(0.02)
    except Hangup:
        return True
    return wire.eof
