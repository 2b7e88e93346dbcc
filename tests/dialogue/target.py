"""A server that mail goes to: the model, with CREATE, APPEND and what real servers make of them.

    target = Target(Store(), user="bob", caps="LITERAL+ UIDPLUS")
    target.append(before="NO [OVERQUOTA] quota exceeded", times=1)
    target.append(after="NO message contains NUL characters", has=rb"\\0")
    target.append(keep=lambda m: m.raw[:len(m.raw) // 2])
    target.append(cut=-1)                               # before the last octet
    target.append(answer=Cut, appear=1.5, times=1)      # stored, seen late, never answered

It watches what the client does to mail that is not its own: message.own and
folder.own say what came by APPEND and CREATE. The phases of a rule, and what may
stand in it, are in intake.py and README.md.
"""

import threading
import time

from intake import Intake, Rule, gone, is_append
from model import Server
from messages import compact
from syntax import Cursor, in_set, members
from store import imap_date

PLUS = b"+ OK\r\n"
CAPS = "LITERAL+ MULTIAPPEND ID NAMESPACE UIDPLUS ESEARCH ENABLE CONDSTORE LIST-EXTENDED " \
       "LIST-STATUS SPECIAL-USE CREATE-SPECIAL-USE CHILDREN UNSELECT STATUS=SIZE SASL-IR"
NOW = "25-Nov-2026 10:00:00 +0000"


class Target(Server):
    """The destination. lazy: seconds until what was sent on a dead connection can be seen; eager:
    of an APPEND that was cut it keeps the messages that came whole."""

    backlog_limit = None

    def __init__(self, store, caps=CAPS, user="bob", lazy=None, eager=False, **options):
        super().__init__(store, caps=caps, user=user, **options)
        self.plus = PLUS
        self.lazy, self.eager = lazy, eager
        self.learnt = set()         # what a synchronising APPEND was answered OK with
        self.append_rules = []
        self.executed = []          # lines of messages that were taken for commands
        self.permanent = None       # flags of PERMANENTFLAGS; None: all, and \*
        self.tell_uidnext = True
        self.tell_appenduid = True
        self.read_only = set()      # folders that open [READ-ONLY] only
        self.creates = None         # name, use -> "NO ...", another name, or None
        self.at_finish = None       # append -> pieces, in place of storing and answering
        self.sources = ()           # stores, whose mail is known when it comes uncalled for
        self.stale = set()          # names that are subscribed to, and no folder has any more
        self._timers = []

    def append(self, **rule):
        """Hang in what is done to messages that match; later rules win."""
        rule = Rule(**rule)
        self.append_rules.insert(0, rule)
        return rule

    def clear(self):
        super().clear()
        self.append_rules, self.at_finish, self.creates = [], None, None

    def stop(self):
        for timer in self._timers:
            timer.cancel()
        super().stop()

    def settle(self, seconds=4):
        """Wait until all that shows late is there."""
        for timer in self._timers:
            timer.join(seconds)

    @property
    def late(self):
        """How many messages showed up late, or will."""
        return len(self._timers)

    def mail_of_source(self):
        return [m.raw for store in self.sources for folder in store for m in folder]

    def missing(self, name):
        with self.store.lock:
            folder = self.store.get(name)
            return folder is None or not folder.selectable

    # -- reading -----------------------------------------------------------------

    def read(self, session):
        wire = session.wire
        line = wire.read_line()
        if session.condemned:
            self.violation(session, f"{line[:60]!r} sent though a literal was refused by BAD")
            session.condemned = False
        if not is_append(line):
            wire.inbuf = line + b"\r\n" + wire.inbuf
            return super().read(session)
        if not session.user:
            self.violation(session, "APPEND before login")
        Intake(self, session, line).run()
        return None

    # -- what becomes of an APPEND -------------------------------------------------

    def finish(self, append):
        """Store the messages; returns the pieces of the answer."""
        if self.at_finish:
            pieces = self.at_finish(append)
            if pieces is not None:
                return pieces
        if self.missing(append.folder):
            return [f"{append.tag} NO [TRYCREATE] no such folder\r\n"]
        uids = [self.deliver(append, member) for member in append.members]
        text = self.ok_text(append, [u for u in uids if u])
        for member in append.members:
            for rule in self._keeping(member, "answer"):
                return with_answer(append, rule.what["answer"], text)
        return [append.session.changes(True), text]

    def ok_text(self, append, uids):
        code = ""
        if append.session.knows("UIDPLUS") and self.tell_appenduid and uids:
            code = f"[APPENDUID {self.store[append.folder].uidvalidity} {compact(uids)}] "
        return f"{append.tag} OK {code}APPEND completed\r\n"

    def _keeping(self, member, name):
        """The rules that change what is kept; each strikes once a message."""
        struck = member.__dict__.setdefault("struck", None)
        if struck is None:
            struck = member.struck = [r for r in self.append_rules
                                      if r.phase == "keep" and r.take(member)]
        return [rule for rule in struck if name in rule.what]

    def deliver(self, append, member):
        """Store a message as this server stores it; returns its UID, None if that comes later."""
        for rule in self._keeping(member, "do"):
            rule.what["do"](append)
        if self._keeping(member, "drop"):
            return self.store[append.folder].uidnext
        raw, flags, date = member.raw, set(member.flags), member.date or NOW
        for rule in reversed(self._keeping(member, "keep")):
            member.raw = raw = rule.what["keep"](member)
        for rule in reversed(self._keeping(member, "flags")):
            flags = set(rule.what["flags"](flags))
        for rule in reversed(self._keeping(member, "date")):
            date = rule.what["date"](date)
        delay = next((r.what["appear"] for r in self._keeping(member, "appear")), None)
        if delay is None and self.lazy and gone(append.session.wire):
            delay = self.lazy
        copies = 2 if self._keeping(member, "twice") else 1
        if delay is None:
            return [self._store_one(append.folder, raw, flags, date) for _ in range(copies)][-1]
        timer = threading.Timer(delay, self._store_one, (append.folder, raw, flags, date))
        timer.daemon = True
        self._timers.append(timer)
        timer.start()
        return None

    def _store_one(self, name, raw, flags, date):
        with self.store.lock:
            folder = self.store.get(name)
            if folder is None:
                return None
            message = folder.add(raw, flags, date)
            message.own = True
            return message.uid

    # -- folders -------------------------------------------------------------------

    def do_create(self, call, cursor):
        name = self._name(cursor)
        use = None
        if cursor.has(b" (USE ("):
            self.need(call, "CREATE-SPECIAL-USE")
            use = cursor.flag()
            cursor.token(b"))")
        cursor.end()
        name = name.rstrip(self.store.delimiter) if self.store.delimiter else name
        folder = self.store.get(name)
        if folder is not None and folder.selectable:
            return self.no(call, "[ALREADYEXISTS] Mailbox already exists")
        answer = self.creates(name, use) if self.creates else None
        if answer and answer.startswith(("NO", "BAD")):
            return [call.tagged(answer)]
        name = answer or name
        if self.store.prefix and not name.startswith(self.store.prefix):
            return self.no(call, "[CANNOT] Invalid mailbox name: missing namespace prefix")
        self._make(name, use)
        return self.ok(call)

    def _make(self, name, use):
        delimiter = self.store.delimiter
        parent = name.rpartition(delimiter)[0] if delimiter else ""
        if parent and not self.store.get(parent):
            self._make(parent, None)
            self.store[parent].selectable = False
        folder = self.store.get(name)
        if folder is None:
            folder = self.store.add(name, subscribed=False)
            folder.own = True
        folder.selectable, folder.use = True, use or folder.use

    def do_delete(self, call, cursor):
        folder = self.store.get(self._name(Cursor(call.data, len(call.name))))
        self._theirs(call, folder, list(folder or ()))
        return super().do_delete(call, cursor)

    def do_rename(self, call, cursor):
        """What the client made goes, with all below it; subscriptions stay with the name."""
        old, new = self._name(cursor), self._name(cursor)
        cursor.end()
        delimiter = self.store.delimiter
        folder = self.store.get(old)
        moved = [f for f in self.store if f.name == old or delimiter and f.name.startswith(old + delimiter)]
        strange = [f.name for f in moved if not f.own]
        if strange or old.upper() == "INBOX":
            self.violation(call.session, f"{call.text[:80]!r} takes {strange or old}, not its own")
        if folder is None:
            return self.no(call, "[NONEXISTENT] no such folder")
        if self.store.get(new) is not None:
            return self.no(call, "[ALREADYEXISTS] it exists")
        self.stale |= {f.name for f in moved if f.subscribed}
        for f in moved:
            f.subscribed = False
        parent = new.rpartition(delimiter)[0] if delimiter else ""
        if parent and self.store.get(parent) is None:
            self._make(parent, None)
            self.store[parent].selectable = False
        self.store.rename(old, new)
        return self.ok(call)

    def do_unsubscribe(self, call, cursor):
        name = self._name(Cursor(call.data, len(call.name)))
        if name not in self.stale:
            return super().do_unsubscribe(call, cursor)
        self.stale.remove(name)
        return self.ok(call)

    def _theirs(self, call, folder, messages):
        """Note a change of what is not the client's."""
        if folder is not None and call.name in ("DELETE", "RENAME") and not folder.own:
            self.violation(call.session, f"{call.text[:80]!r}: the folder is not its own")
        strange = [m.uid for m in messages if not m.own]
        if strange:
            self.violation(call.session, f"{call.text[:80]!r} changes UID {strange}, not its own")

    def do_select(self, call, cursor):
        ahead = Cursor(call.data, len(call.name))
        return self._open(call, cursor, read_only=self._name(ahead) in self.read_only)

    def open_lines(self, session, folder, read_only):
        text = super().open_lines(session, folder, read_only)[0].decode("latin-1")
        lines = text.split("\r\n")
        if self.permanent is not None:
            flags = "" if read_only else " ".join(self.permanent)
            lines = [f"* OK [PERMANENTFLAGS ({flags})] ok" if "[PERMANENTFLAGS" in line else line
                     for line in lines]
        if not self.tell_uidnext:
            lines = [line for line in lines if "[UIDNEXT" not in line]
        return ["\r\n".join(lines).encode("latin-1")]

    def _status_line(self, folder, items):
        if not self.tell_uidnext:
            items = [i for i in items if i != "UIDNEXT"]
        return super()._status_line(folder, items)

    # -- messages that are there ---------------------------------------------------

    def _store(self, call, chosen, sign, flags, silent, by_uid):
        self._theirs(call, None, [m for _, m in chosen])
        if self.permanent is not None and "\\*" not in self.permanent:
            flags = {f for f in flags if f in self.permanent}
        return super()._store(call, chosen, sign, flags, silent, by_uid)

    def do_expunge(self, call, cursor, by_uid=False):
        session = call.session
        doomed = [m for m in session.view if "\\Deleted" in m.flags] if session.folder else []
        if by_uid:
            self.need(call, "UIDPLUS")
            cursor.space()
            ranges = members(cursor.sequence(), session.view[-1].uid if session.view else 0)
            doomed = [m for m in doomed if in_set(m.uid, ranges)]
        cursor.end()
        if not session.folder or session.read_only:
            return self.no(call, "[READ-ONLY] no folder is open for changes")
        self._theirs(call, None, doomed)
        for message in doomed:
            if message in session.folder.messages:
                session.folder.remove(message.uid)
        return self.ok(call)

    def do_close(self, call, cursor):
        """As RFC 3501 has it: what is \\Deleted goes."""
        session = call.session
        if call.name == "CLOSE" and session.folder and not session.read_only:
            doomed = [m for m in session.folder if "\\Deleted" in m.flags]
            self._theirs(call, None, doomed)
            for message in doomed:
                session.folder.remove(message.uid)
        return super().do_close(call, cursor)

    def octets(self):
        with self.store.lock:
            return sum(len(m.raw) for folder in self.store for m in folder)


def with_answer(append, answer, text):
    """An answer of a rule: text in which $OK is the usual line, actions, or a list."""
    if isinstance(answer, (bytes, str)):
        answer = answer.decode("latin-1") if isinstance(answer, bytes) else answer
        return answer.replace("$OK", text).replace("$TAG", append.tag)
    if isinstance(answer, (list, tuple)):
        return [with_answer(append, piece, text) for piece in answer]
    return answer


def now(_date=None):
    """A date as a server makes one up."""
    return imap_date(int(time.time()))
