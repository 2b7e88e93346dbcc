"""Tests of the server that mail goes to: a client that keeps the rules, and ones that break them."""

import imaplib
import time

from essence import essence
from into import Move
from selftest import Client, violations
from store import Store, epoch, imap_date, sample
from target import Target
from wire import Cut

MAIL = b"From: a@example.org\r\nSubject: one\r\n\r\ntext\r\n"
DATE = '"01-Feb-2003 04:05:06 +0100"'


def target(t, store=None, **options):
    """(target, a client that has logged in)"""
    server = t.serve(Target(store or Store(), tls=None, **options))
    client = Client(server)
    t.ok(b"OK" in client.login(server.user, server.password), "login")
    return server, client


def put(c, mail=MAIL, words=f"() {DATE}", folder="INBOX"):
    """APPEND as it is right for the first time: the literal after '+'."""
    tag = c.say(f"APPEND {folder} {words} {{{len(mail)}}}")
    line = c.line()
    if not line.startswith(b"+"):
        return line
    c.sock.sendall(mail + b"\r\n")
    return c.reply(tag)


def at_once(c, *mails, words=f"() {DATE}", folder="INBOX", end=b"\r\n"):
    """APPEND without waiting, one or several messages."""
    parts = [f" {words} {{{len(m)}+}}\r\n".encode() + m for m in mails]
    c.number += 1
    tag = b"T%d" % c.number
    c.sock.sendall(tag + b" APPEND " + folder.encode() + b"".join(parts) + end)
    return tag


def test_into_imaplib_appends_and_reads_back(t):
    server = t.serve(Target(Store(), tls=None))
    with imaplib.IMAP4("127.0.0.1", server.port) as c:
        c.login(server.user, server.password)
        t.equal(c.create("Sent")[0], "OK", "CREATE")
        t.equal(c.subscribe("Sent")[0], "OK", "SUBSCRIBE")
        kind, text = c.append("Sent", r"(\Seen $Label1)", DATE, MAIL)
        t.equal((kind, b"APPENDUID" in text[0]), ("OK", True), "APPEND")
        t.ok(b"Sent" in c.list()[1][0] or b"Sent" in c.list()[1][1], "LIST")
        c.select("Sent")
        found = c.uid("FETCH", "1", "(FLAGS INTERNALDATE BODY.PEEK[])")[1]
        t.equal(found[0][1], MAIL, "the octets")
        t.ok(b"$Label1 \\Seen" in found[0][0] and b"01-Feb-2003" in found[0][0], "flags and date")
        t.equal(c.uid("SEARCH", "HEADER", "Subject", "one")[1], [b"1"], "SEARCH")
        c.uid("STORE", "1", "+FLAGS", r"(\Deleted)")
        c.uid("EXPUNGE", "1")
        t.equal(len(server.store["Sent"]), 0, "EXPUNGE of its own")


def test_into_learnt_then_at_once(t):
    server, c = target(t)
    t.ok(b"OK [APPENDUID 1700000001 1] " in put(c, words=rf"(\Seen $X) {DATE}"), "the first")
    t.ok(b" 2] " in c.reply(at_once(c, MAIL, words=rf"($x) {DATE}")), "then at once")
    many = [MAIL + b"%d\r\n" % n for n in range(64)]
    t.ok(b"3:66] " in c.reply(at_once(c, *many)), "and many")
    t.equal([m.raw for m in server.store["INBOX"]], [MAIL, MAIL, *many], "what was stored")
    t.equal(server.store["INBOX"][2].flags, {"$x"}, "the flags")


def test_into_what_was_never_accepted_is_noticed(t):
    server, c = target(t)
    server.store.add("Other")
    c.reply(at_once(c, MAIL))
    t.ok("never accepted" in violations(server)[0], "the first of all")
    put(c)
    for what, mails, words, folder in (
            ("another folder", (MAIL,), f"() {DATE}", "Other"),
            ("a flag", (MAIL,), rf"(\Seen) {DATE}", "INBOX"),
            ("a date of another form", (MAIL,), '() " 1-Feb-2003 04:05:06 +0100"', "INBOX"),
            ("a date of 1969", (MAIL,), '() "31-Dec-1969 04:05:06 +0100"', "INBOX"),
            ("no date", (MAIL,), "()", "INBOX"),
            ("the second of two", (MAIL, MAIL), rf"(\Seen) {DATE}", "INBOX")):
        c.reply(at_once(c, *mails, words=words, folder=folder))
        t.ok(any("never accepted" in v for v in violations(server)), what)
    c.reply(at_once(c, *[MAIL] * 65))
    t.ok("more than 64" in violations(server)[0], "too many")


def test_into_refused_is_not_learnt(t):
    server, c = target(t)
    server.append(after="NO [SERVERBUG] no", times=1)
    t.ok(b"NO [SERVERBUG]" in put(c), "refused behind the literal")
    c.reply(at_once(c, MAIL))
    t.ok("never accepted" in violations(server)[0], "a NO teaches nothing")


def test_into_nothing_rides_behind_a_literal_that_waits(t):
    server, c = target(t)
    c.sock.sendall(b"x APPEND INBOX () {%d}\r\n%s\r\n" % (len(MAIL), MAIL))
    c.reply(b"x")
    t.ok("open synchronising literal" in violations(server)[0], "the literal itself")
    server.append(before="NO [OVERQUOTA] full", times=1)
    server.sources = (Store(),)
    server.sources[0]["INBOX"].add(MAIL)
    c.sock.sendall(b"y APPEND INBOX () {%d}\r\n%s\r\n" % (len(MAIL), MAIL))
    t.ok(b"NO [OVERQUOTA]" in c.reply(b"y"), "refused before '+'")
    t.ok(any("instead of '+'" in v for v in violations(server)), "octets behind the refusal")
    time.sleep(0.1)
    violations(server, 0.2)


def test_into_early_use_of_what_is_not_answered_yet(t):
    server, c = target(t)
    tag = c.say(f"APPEND INBOX () {DATE} {{{len(MAIL)}}}")
    c.line()
    c.sock.sendall(MAIL + b"\r\n" + b"z APPEND INBOX () %s {%d+}\r\n%s\r\n"
                   % (DATE.encode(), len(MAIL), MAIL))
    c.reply(tag)
    c.reply(b"z")
    t.ok("never accepted" in violations(server)[0], "sent before the OK")


def test_into_a_body_is_run_when_a_literal_at_once_is_bad(t):
    server, c = target(t)
    put(c)
    server.append(before="BAD Error in IMAP command", sync=False)
    mail = b"a1 DELETE INBOX\r\n\r\n"
    at_once(c, mail)
    t.ok(b"BAD" in c.line() and b"a1 BAD" in c.line(), "both answers")
    t.ok(b"a1 DELETE INBOX" in server.executed, "noted")
    time.sleep(1.3)
    c.ask("NOOP")
    t.ok("refused by BAD" in violations(server)[0], "the client should have left")


def test_into_the_faults(t):
    server, c = target(t)
    put(c)
    inbox = server.store["INBOX"]
    server.append(after="NO stored all the same", stored=True, times=1)
    t.ok(b"NO" in put(c) and len(inbox) == 2, "NO that stores")
    server.append(keep=lambda m: m.raw[:9], times=1)
    t.ok(b"OK" in put(c) and inbox[3].raw == MAIL[:9], "half")
    server.append(flags=lambda f: {x.lower() for x in f}, date=lambda d: '01-Jan-2024 00:00:00 +0000', times=1)
    t.ok(b"OK" in put(c, words=f"($Ab) {DATE}") and inbox[4].flags == {"$ab"}, "flags and date")
    server.append(answer="$TAG OK done\r\n", times=1)
    t.equal(put(c).rpartition(b"\n")[0][-7:-1], b"K done", "OK without a code")
    server.append(bye=(5, "Invalid character in literal"), times=1)
    t.ok(put_until_end(t, c).endswith(b"* BYE Invalid character in literal\r\n"), "BYE")
    t.equal(len(inbox), 5, "and not stored")


def put_until_end(t, c, mail=MAIL):
    """What comes until the server ends the stream."""
    c.say(f"APPEND INBOX () {DATE} {{{len(mail)}}}")
    c.line()
    found = b""
    try:
        c.sock.sendall(mail + b"\r\n")
        while True:
            found += c.line() + b"\r\n"
    except (EOFError, OSError):
        return found


def test_into_seen_late(t):
    server, c = target(t)
    server.append(answer=Cut, appear=0.4, times=1)
    t.equal(put_until_end(t, c), b"", "no answer")
    t.equal(len(server.store["INBOX"]), 0, "not there at once")
    server.settle()
    t.equal(len(server.store["INBOX"]), 1, "there later")


def test_into_lazy(t):
    server, c = target(t, lazy=0.3)
    put(c)
    t.equal(len(server.store["INBOX"]), 1, "at once while the client is there")
    at_once(c, MAIL)
    c.sock.close()
    time.sleep(0.15)
    t.equal(len(server.store["INBOX"]), 1, "late when it is gone")
    server.settle()
    time.sleep(0.2)
    t.equal(len(server.store["INBOX"]), 2, "there in the end")


def test_into_eager(t):
    """A message that came whole is kept, though the command never ended."""
    server, c = target(t, lazy=0.2, eager=True)
    put(c)
    at_once(c, MAIL, MAIL, end=b"")
    c.sock.close()
    time.sleep(0.1)
    t.equal(len(server.store["INBOX"]), 1, "late")
    server.settle()
    t.equal(len(server.store["INBOX"]), 3, "and then all that came")


def test_into_folders(t):
    server, c = target(t, Store(delimiter=".", prefix="INBOX."))
    t.ok(b"NO [CANNOT]" in c.ask("CREATE Sent"), "the prefix is missing")
    t.ok(b"OK" in c.ask(r"CREATE INBOX.a.Sent (USE (\Sent))"), "special use")
    t.ok(rb'(\Noselect) "." "INBOX.a"' in c.ask('LIST "" "*"'), "a parent that holds no mail")
    server.store.fold_case = True
    t.ok(b"NO [ALREADYEXISTS]" in c.ask("CREATE INBOX.A.SENT"), "twins by case")
    server.creates = lambda name, use: name.upper()
    t.ok(b"OK" in c.ask("CREATE INBOX.new") and server.store.get("INBOX.NEW"), "another name")
    server.creates = lambda name, use: "NO [NOPERM] not you"
    t.ok(b"NO [NOPERM]" in c.ask("CREATE INBOX.x"), "no right")
    t.ok(b"NO [TRYCREATE]" in put(c, folder="INBOX.none"), "no folder")
    server.read_only = {"INBOX"}
    t.ok(b"[READ-ONLY]" in c.ask("SELECT INBOX"), "read only")


def test_into_other_peoples_mail_is_watched(t):
    server, c = target(t, sample(("INBOX", "Archive"), count=7))
    c.ask("SELECT INBOX")
    for command in (r"UID STORE 1 +FLAGS (\Seen)", "DELETE Archive", "RENAME INBOX x", "CLOSE"):
        c.ask(command)
        t.ok(violations(server), command)


def test_into_renames_what_is_its_own(t):
    server, c = target(t, sample(("INBOX", "Theirs"), count=1))
    for command in ("CREATE a", "CREATE a/b", "SUBSCRIBE a", "RENAME a c", "UNSUBSCRIBE a"):
        t.ok(b" OK " in c.ask(command), command)
    t.equal(sorted(server.store.folders), ["INBOX", "Theirs", "c", "c/b"], "with all below it")
    t.ok(b" NO " in c.ask("RENAME c Theirs"), "a name that is taken")
    t.equal(violations(server), [], "no rule is broken")
    c.ask("RENAME Theirs x")
    t.ok(violations(server), "not its own")


def test_into_essence(t):
    same = [MAIL, MAIL.replace(b"\r\n", b"\n"), MAIL[:-2], b"X-UID: 7\r\n" + MAIL, MAIL + b"\r\n"]
    t.equal(len({essence(m) for m in same}), 1, "what servers change")
    t.ok(essence(MAIL) != essence(MAIL.replace(b"text", b"test")), "another body")
    t.ok(essence(MAIL) != essence(MAIL.replace(b"one", b"two")), "another subject")


def copied(t, change=lambda m: None):
    """A Move whose messages were copied by hand; change: of a message that was."""
    move = Move(t)
    for folder in move.source.store:
        there = move.dest.store.get(folder.name) or move.dest.store.add(folder.name)
        for message in folder:
            new = there.add(message.raw, message.flags, imap_date(epoch(message.date)))
            new.own = True
            change(new)
    return move


def test_into_arrived_accepts_right_and_sees_wrong(t):
    copied(t).arrived()
    move = copied(t)
    inbox, archive = move.dest.store["INBOX"], move.dest.store["Archive"]

    def sees(what, undo=None, **how):
        before = len(t.failures)
        move.arrived(**how)
        t.equal(len(t.failures) > before, True, f"noticed: {what}")
        del t.failures[before:]
        if undo:
            undo()

    lost = inbox.messages.pop()
    sees("a message is missing", lambda: inbox.messages.append(lost))
    archive.messages.append(archive.messages[0])
    sees("a message is doubled", archive.messages.pop)
    raw = archive.messages[0].raw
    archive.messages[0].raw = raw + b"more"
    sees("other octets", lambda: setattr(archive.messages[0], "raw", raw))
    archive.messages[0].raw = raw + b"more"
    sees("another body", lambda: setattr(archive.messages[0], "raw", raw), exact=False)
    archive.messages[0].raw = b"X-UID: 7\r\n" + raw
    move.arrived(exact=False)
    archive.messages[0].raw = raw
    inbox[2].flags.add("\\Draft")
    sees("another flag", lambda: inbox[2].flags.discard("\\Draft"))
    date, inbox[2].date = inbox[2].date, "01-Jan-2001 00:00:00 +0000"
    sees("another date", lambda: setattr(inbox[2], "date", date))
    move.source.store["INBOX"].flag(1, "\\Seen")
    sees("a flag of the source changed", lambda: move.source.store["INBOX"].flag(1))
    move.arrived()
    sees("one that must not be there", without=[("INBOX", 1)])
    t.equal(move.found("Archive"), "Archive", "the folder with these messages")


def test_into_foreign_mail_counts(t):
    source, dest = sample(("INBOX",), count=2), Store()
    source["INBOX"].add(source["INBOX"][1].raw)
    dest["INBOX"].add(b"Subject: theirs\r\n\r\n", ("\\Seen",))
    dest["INBOX"].add(source["INBOX"][1].raw)
    move = Move(t, source=source, dest=dest)
    t.equal(len(move.counts()[0]), 2, "one of two equal ones, and the other, are missing")
    for uid in (1, 2):
        m = dest["INBOX"].add(source["INBOX"][uid].raw, source["INBOX"][uid].flags,
                              source["INBOX"][uid].date)
        m.own = True
    t.equal(move.counts(exact=True), ([], []), "then each is there")
