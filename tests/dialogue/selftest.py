"""Tests of the test library: the servers against a hand-written client.

A scene is worth what its server and its checks are worth, so here the servers
must answer right, the faults must happen, and each check must fail when it should.
"""

import base64
import io
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "lib")]

import maildir                                                      # noqa: E402
import mime                                                         # noqa: E402
import tap                                                          # noqa: E402
from banyan import Banyan                                           # noqa: E402
from hooks import NO_MESSAGE, Refuse                                # noqa: E402
from messages import compact                                        # noqa: E402
from model import PASSWORD, USER                                    # noqa: E402
from script import Script                                           # noqa: E402
from scene import Scene, is_reversible                              # noqa: E402
from store import epoch, imap_date, sample                          # noqa: E402
from wire import Cut, Gate, Segments, Slow, Stall                   # noqa: E402


class Client:
    """A raw client: lines out, replies in."""

    def __init__(self, server, tls=None):
        self.sock = socket.create_connection(("127.0.0.1", server.port), 5)
        if tls:
            self.start_tls(tls)
        self.buffer = b""
        self.greeting = self.line()
        self.number = 0

    def start_tls(self, ca_file):
        context = ssl.create_default_context(cafile=ca_file)
        context.check_hostname = True
        self.sock = context.wrap_socket(self.sock, server_hostname="127.0.0.1")

    def line(self):
        while b"\r\n" not in self.buffer:
            self._more()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def exactly(self, size):
        while len(self.buffer) < size:
            self._more()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def _more(self):
        data = self.sock.recv(65536)
        if not data:
            raise EOFError(self.buffer)
        self.buffer += data

    def reply(self, tag):
        """All up to the tagged line of this tag, literals included."""
        found = b""
        while True:
            line = self.line()
            found += line + b"\r\n"
            if literal := re.search(rb"\{(\d+)\}$", line):
                found += self.exactly(int(literal[1]))
            elif line.startswith(tag + b" "):
                return found

    def say(self, text):
        """Send one command with a tag of its own; returns the tag."""
        self.number += 1
        tag = b"T%d" % self.number
        text = text if isinstance(text, bytes) else text.encode()
        self.sock.sendall(tag + b" " + text + b"\r\n")
        return tag

    def ask(self, text):
        return self.reply(self.say(text))

    def login(self, user=USER, password=PASSWORD):
        return self.ask(f'LOGIN "{user}" "{password}"')


def plain(t, store=None, **options):
    """(server, a client that has logged in)"""
    server = t.server(store, tls=None, **options)
    client = Client(server)
    t.ok(b"OK" in client.login(server.user, server.password), "login")
    return server, client


def violations(server, seconds=1.0):
    """The violations, once there is one; cleared, so that the scene does not fail on them."""
    end = time.monotonic() + seconds
    while not server.transcript.violations and time.monotonic() < end:
        time.sleep(0.005)
    found = list(server.transcript.violations)
    server.transcript.violations.clear()
    return found


# -- the model answers right ---------------------------------------------

def test_session_from_greeting_to_logout(t):
    server, c = plain(t)
    t.ok(c.greeting.startswith(b"* OK "), "greeting")
    t.ok(b"* CAPABILITY IMAP4rev1 " in c.ask("CAPABILITY"), "capability")
    t.ok(b'* NAMESPACE (("" "/")) NIL NIL' in c.ask("NAMESPACE"), "namespace")
    listing = c.ask('LIST "" "*"')
    t.equal(listing.count(b"* LIST"), 4, "folders listed")
    t.equal(c.ask('LIST "" "%"').count(b"* LIST"), 3, "top folders listed")
    t.ok(b'* LIST (\\Noselect) "/" ""' in c.ask('LIST "" ""'), "the delimiter")
    both = c.ask('LIST "" "*" RETURN (SUBSCRIBED STATUS (MESSAGES UIDNEXT SIZE))')
    t.equal(both.count(b"* STATUS"), 4, "LIST-STATUS")
    t.ok(b'* STATUS "Sent" (MESSAGES 6 UIDNEXT 7 SIZE' in both, "status values", both)
    t.ok(b"[READ-ONLY]" in c.ask("EXAMINE Sent"), "examine")
    t.ok(b"* BYE" in c.ask("LOGOUT"), "bye")
    t.equal(server.transcript.commands("EXAMINE"), ["EXAMINE Sent"], "the transcript")


def test_fetch_gives_the_bytes(t):
    server, c = plain(t)
    c.ask("EXAMINE INBOX")
    for message in server.store["INBOX"]:
        got = c.ask(f"UID FETCH {message.uid} (FLAGS RFC822.SIZE BODY.PEEK[])")
        t.ok(b"BODY[] {%d}\r\n%s)\r\n" % (len(message.raw), message.raw) in got, "the body", got)
        t.ok(b"RFC822.SIZE %d " % len(message.raw) in got, "the size")
    raw = server.store["INBOX"][1].raw
    t.ok(b"BODY[]<5> {7}\r\n" + raw[5:12] in c.ask("UID FETCH 1 (BODY.PEEK[]<5.7>)"), "a slice")
    head, _, text = raw.partition(b"\r\n\r\n")
    both = c.ask("UID FETCH 1 (BODY.PEEK[HEADER] BODY.PEEK[TEXT])")
    t.ok(head + b"\r\n\r\n BODY[TEXT] {%d}\r\n%s" % (len(text), text) in both, "header and text")


def test_fetch_marks_seen_only_where_it_should(t):
    server, c = plain(t)
    unseen = [m for m in server.store["INBOX"] if "\\Seen" not in m.flags][0]
    c.ask("EXAMINE INBOX")
    c.ask(f"UID FETCH {unseen.uid} (RFC822)")
    t.ok("\\Seen" not in unseen.flags, "EXAMINE protects")
    c.ask("SELECT INBOX")
    c.ask(f"UID FETCH {unseen.uid} (BODY.PEEK[])")
    t.ok("\\Seen" not in unseen.flags, "PEEK protects")
    t.ok(b"FLAGS (\\Seen)" in c.ask(f"UID FETCH {unseen.uid} (RFC822)"), "the change is told")
    t.ok("\\Seen" in unseen.flags, "RFC822 marks")
    c.ask(f"UID STORE {unseen.uid} -FLAGS.SILENT (\\Seen)")
    t.ok("\\Seen" not in unseen.flags, "STORE takes it off")
    c.ask("EXAMINE INBOX")
    t.ok(b"NO [READ-ONLY]" in c.ask(f"UID STORE {unseen.uid} +FLAGS (\\Seen)"), "STORE refused")


def test_search_and_news(t):
    server, c = plain(t)
    folder = server.store["INBOX"]
    folder.remove(2)
    c.ask("EXAMINE INBOX")
    t.ok(b"* SEARCH 1 3 4 5 6\r\n" in c.ask("UID SEARCH ALL"), "search")
    t.ok(b"* SEARCH 1 2 3 4 5\r\n" in c.ask("SEARCH ALL"), "search by number")
    t.ok(b"UID COUNT 5 ALL 1,3:6\r\n" in c.ask("UID SEARCH RETURN (COUNT ALL) UID 1:6"), "esearch")
    folder.add(b"Subject: new\r\n\r\n")
    folder.remove(1)
    t.ok(b"EXPUNGE" not in c.ask("UID SEARCH ALL"), "no EXPUNGE in SEARCH")
    t.ok(b"* 1 EXPUNGE" in c.ask("NOOP"), "EXPUNGE with NOOP")
    t.ok(b"* SEARCH 3 4 5 6 7" in c.ask("UID SEARCH ALL"), "the new view")
    t.equal(compact([5, 1, 2, 3, 9]), "1:3,5,9", "compact")


def test_changedsince(t):
    server, c = plain(t)
    before = server.store["INBOX"].modseq
    server.store["INBOX"].flag(4, "\\Flagged")
    c.ask("EXAMINE INBOX (CONDSTORE)")
    got = c.ask(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {before})")
    t.equal(re.findall(rb"UID (\d+)", got), [b"4"], "only the changed one")


def test_literals_both_ways(t):
    server, c = plain(t)
    tag = c.say("EXAMINE {4}")
    t.ok(c.line().startswith(b"+ "), "go ahead")
    c.sock.sendall(b"Sent\r\n")
    t.ok(b"OK [READ-ONLY]" in c.reply(tag), "opened by a literal name")
    t.ok(b"APPENDUID" in c.ask(b"APPEND Sent (\\Seen) {6+}\r\na: b\r\n"), "literal+ append")
    t.equal(server.store["Sent"][7].raw, b"a: b\r\n", "what was appended")


def test_imap4_of_1730(t):
    server, c = plain(t, level="IMAP4")
    t.ok(b"* CAPABILITY IMAP4\r\n" in c.ask("CAPABILITY"), "capability")
    t.ok(b"UIDNEXT" not in c.ask("EXAMINE INBOX"), "no UIDNEXT")
    raw = server.store["INBOX"][1].raw
    t.ok(b"BODY[] NIL" in c.ask("UID FETCH 1 (BODY.PEEK[])"), "BODY[] is NIL")
    t.ok(b"RFC822.PEEK {%d}\r\n%s" % (len(raw), raw) in c.ask("UID FETCH 1 (RFC822.PEEK)"), "peek")
    t.ok(b"BODY[0] {" in c.ask("UID FETCH 1 (BODY.PEEK[0])"), "the header as part 0")
    t.ok(b"BAD" in c.ask("STATUS INBOX (MESSAGES)"), "no STATUS")
    t.equal(len(violations(server)), 1, "STATUS was noticed")


def test_mime_parts(t):
    raw = sample(count=3)["INBOX"][3].raw
    t.equal(mime.section(raw, "2"), b"AAECAwQFBgcICQ==", "part 2")
    t.ok(mime.section(raw, "1.MIME").startswith(b"Content-Type: text/plain"), "1.MIME")
    t.ok(mime.structure(raw).endswith(b'"MIXED")'), "structure", mime.structure(raw))
    t.equal(mime.section(raw, "HEADER") + mime.section(raw, "TEXT"), raw, "header and text")
    t.ok(b'"Fri, ' in mime.envelope(raw), "envelope")


# -- TLS -----------------------------------------------------------------

def test_tls_from_the_first_byte(t):
    server = t.server(tls="implicit")
    c = Client(server, t.certs().ca_file)
    t.ok(b"OK" in c.login(), "login over TLS")
    for kind in ("wrong-name", "expired", "untrusted"):
        server.cert = kind
        try:
            Client(server, t.certs().ca_file)
            t.fail(f"the {kind} certificate was accepted")
        except ssl.SSLError as problem:
            t.matches(str(problem), "mismatch|expired|unable to get local issuer", kind)


def test_starttls_and_injection(t):
    server = t.server(tls="starttls")
    c = Client(server)
    t.ok(b"STARTTLS" in c.ask("CAPABILITY"), "offered")
    t.ok(b"OK" in c.ask("STARTTLS"), "begin")
    c.start_tls(t.certs().ca_file)
    t.ok(b"STARTTLS" not in c.ask("CAPABILITY"), "gone under TLS")
    t.ok(b"OK" in c.login(), "login")
    d = Client(server)
    d.sock.sendall(b"x STARTTLS\r\ny NOOP\r\n")
    t.matches(str(violations(server)), "NOOP.*sent behind STARTTLS", "injection is noticed")


def test_pins(t):
    t.equal(base64.b64decode(t.certs().pin("good", "base64")).hex(), t.certs().pin(), "two forms")
    t.ok(t.certs().pin() != t.certs().pin("other"), "keys differ")


# -- faults --------------------------------------------------------------

def received(client):
    """Everything until the stream ends."""
    data = client.buffer
    client.sock.settimeout(5)
    while chunk := client.sock.recv(65536):
        data += chunk
    return data


def test_cut_after_each_offset(t):
    server = t.server(tls=None)
    whole = len(Client(server).greeting) + 2
    for offset in range(1, whole + 1):
        server.cut_after(offset)
        raw = socket.create_connection(("127.0.0.1", server.port), 5)
        got = b""
        while chunk := raw.recv(100):
            got += chunk
        raw.close()
        t.equal(len(got), offset, "octets before the cut")


def test_cut_in_a_literal_under_tls(t):
    server = t.server(tls="implicit")
    c = Client(server, t.certs().ca_file)
    c.login()
    c.ask("EXAMINE INBOX")
    server.fetch(uid=3, reply=lambda f: [f.value[:50], Cut], item="BODY")
    c.say("UID FETCH 1:6 (BODY.PEEK[])")
    begin = time.monotonic()
    try:
        data = received(c)
    except ssl.SSLError:            # no close_notify: what a client must notice
        data = b""
    t.ok(time.monotonic() - begin < 2, "the cut is at once")
    t.ok(b"completed" not in data, "no tagged answer")


def test_hooks_replace_and_end(t):
    server, c = plain(t)
    server.on(r"NOOP", "* OK [ALERT] hm\r\n$TAG NO not now\r\n", times=1, after=1)
    t.equal([b"OK" in c.ask("NOOP") and b"hm" not in server.transcript.sent() for _ in "12"][0],
            True, "the first passes")
    t.ok(b"NO not now" in server.transcript.sent(), "the second was refused")
    t.ok(b"NOOP completed" in c.ask("NOOP"), "the third passes")

    @server.on(r"UID FETCH (\d+)")
    def _(call):
        return [b"* 9 EXISTS\r\n", *call.normal()] if call.match[1] == "2" else None
    c.ask("EXAMINE INBOX")
    t.ok(b"* 9 EXISTS" in c.ask("UID FETCH 2 (FLAGS)"), "a decorated hook")
    t.ok(b"* 9 EXISTS" not in c.ask("UID FETCH 3 (FLAGS)"), "which may pass")
    server.clear()
    t.ok(b"* 9 EXISTS" not in c.ask("UID FETCH 2 (FLAGS)"), "cleared")


def test_fetch_rules(t):
    server, c = plain(t, uid_last=True)
    server.fetch(uid=2, reply=b"NIL", times=1)
    server.fetch(uid=3, reply=NO_MESSAGE)
    server.fetch(uid=4, reply=Refuse("NO [SERVERBUG] sorry"))
    server.fetch(uid=5, item="RFC822.SIZE", reply=b"99")
    server.between = lambda session, m: b"* 1 FETCH (FLAGS (\\Seen))\r\n" if m.uid == 6 else b""
    c.ask("EXAMINE INBOX")
    got = c.ask("UID FETCH 1:6 (RFC822.SIZE BODY.PEEK[])")
    t.ok(b"BODY[] NIL UID 2)" in got, "NIL, and the UID comes last")
    t.equal(re.findall(rb"UID (\d)", got), [b"1", b"2", b"5", b"6"], "who was given")
    t.ok(got.endswith(b"NO [SERVERBUG] sorry\r\n"), "the refusal")
    t.ok(b"RFC822.SIZE 99" in got, "a wrong size")
    t.ok(b"\r\n* 1 FETCH (FLAGS (\\Seen))\r\n* 6 FETCH" in got, "between")
    t.ok(b"BODY[] {" in c.ask("UID FETCH 2 (BODY.PEEK[])"), "once only")


def test_slow_segments_stall_gate(t):
    server, c = plain(t)
    server.on("NOOP", lambda call: [Slow(call.tagged("OK slowly"), 1, 0.001)])
    t.ok(c.ask("NOOP").endswith(b"OK slowly\r\n"), "slow")
    server.on("NOOP", lambda call: [Segments(call.tagged("OK in parts"), 2, 5)])
    t.ok(c.ask("NOOP").endswith(b"OK in parts\r\n"), "segments")
    gate = Gate()
    server.on("NOOP", lambda call: [gate, call.tagged("OK opened")])
    tag = c.say("NOOP")
    t.ok(gate.reached.wait(3), "the gate is reached")
    gate.open()
    t.ok(c.reply(tag).endswith(b"OK opened\r\n"), "the gate opens")
    server.on("NOOP", Stall)
    c.sock.settimeout(0.2)
    c.say("NOOP")
    try:
        c.line()
        t.fail("a stalled server answered")
    except TimeoutError:
        pass


# -- the ruler is straight -------------------------------------------------

def test_it_sees_what_rides_behind(t):
    server, c = plain(t)
    c.sock.sendall(b"a LOGIN x y\r\nb NOOP\r\n")
    t.matches(str(violations(server)), "sent behind LOGIN", "LOGIN")
    c.reply(b"b")
    violations(server, 0.05)
    c.sock.sendall(b"a EXAMINE INBOX\r\nb UID FETCH 1:* (FLAGS)\r\nc UID SEARCH ALL\r\n")
    c.reply(b"c")
    t.equal(violations(server, 0.05), [], "a listing may ride behind EXAMINE")
    c.sock.sendall(b"a EXAMINE INBOX\r\nb UID FETCH 1 (BODY.PEEK[])\r\n")
    c.reply(b"b")
    t.matches(str(violations(server)), "behind an open EXAMINE", "a body may not")
    c.sock.sendall(b"a UID FETCH 1 (FLAGS)\r\nb FETCH 1 (FLAGS)\r\n")
    c.reply(b"b")
    t.matches(str(violations(server)), "behind an open UID command", "numbers behind UID")
    c.sock.sendall(b"a UID FETCH 1 (BODY.PEEK[])\r\nb UID FETCH 2 (BODY.PEEK[])\r\n"
                   b"c EXAMINE Sent\r\n")
    c.reply(b"c")
    t.equal(violations(server, 0.05), [], "UID FETCH and EXAMINE may follow UID FETCH")


def test_it_sees_long_lines_and_long_queues(t):
    server, c = plain(t)
    c.ask("EXAMINE INBOX")
    c.ask("UID FETCH " + ",".join(["1"] * 4100) + " (FLAGS)")
    t.matches(str(violations(server)), "a line of 82.. octets", "a long line")
    many = b"".join(b"q%04d UID FETCH 1 (FLAGS)\r\n" % n for n in range(400))
    c.sock.sendall(many)
    c.reply(b"q0399")
    t.matches(str(violations(server)), "octets of commands without an answer", "a long queue")
    few = b"".join(b"q%04d UID FETCH 1 (FLAGS)\r\n" % n for n in range(100))
    c.sock.sendall(few)
    c.reply(b"q0099")
    t.equal(violations(server, 0.05), [], "a short queue")


def test_it_sees_bad_grammar(t):
    server, c = plain(t)
    c.ask("EXAMINE INBOX")
    for wrong in ("UID FETCH 1 (FLAGS BODY.PEEK[)", "UID FETCH 1 ( FLAGS)", "EXAMINE  INBOX",
                  "UID FETCH 0 (FLAGS)", "UID FETCH 1 (FLAGS) ", "FROBNICATE", "NOOP x",
                  "UID FETCH 1 (NOSUCHITEM)", 'LIST "" caf\xe9', "STATUS INBOX (MESSAGES)",
                  "UID SEARCH", "UID COPY 1 Sent"):
        c.ask(wrong)
        t.ok(violations(server), f"noticed: {wrong}")
    for right in ("UID FETCH 1 (RFC822.PEEK)", "UID FETCH 1:*,3 FLAGS", 'LIST "" {1+}\r\n*',
                  "UID SEARCH RETURN (MIN MAX COUNT) UID 1:* UNDELETED", "STATUS Sent (UIDNEXT)",
                  "UID FETCH 1 BODY.PEEK[HEADER.FIELDS (Subject From)]", "FETCH 1 FAST"):
        c.ask(right)
        t.equal(violations(server, 0.02), [], f"accepted: {right}")


def test_it_sees_what_was_not_offered(t):
    server, c = plain(t, caps="")
    for wrong in ("ID NIL", "NAMESPACE", "ENABLE CONDSTORE", "UID SEARCH RETURN (ALL) ALL",
                  "STATUS Sent (HIGHESTMODSEQ)", 'LIST "" "*" RETURN (SUBSCRIBED)'):
        c.ask("EXAMINE INBOX")
        c.ask(wrong)
        t.ok(violations(server), f"noticed: {wrong}")


def test_strict_script(t):
    def play(s):
        s.send("* OK hello\r\n")
        t.equal(s.expect(r"LOGIN (\S+) \S+")[1], "me", "the match")
        s.reply("* CAPABILITY IMAP4rev1", "OK in")
        s.expect("NOOP")
        s.reply("OK")
    server = t.serve(Script(play))
    c = Client(server)
    t.ok(c.ask("LOGIN me you").endswith(b"T1 OK in\r\n"), "as written")
    c.say("SELECT INBOX")
    t.matches(str(violations(server)), "expected 'NOOP', got 'SELECT INBOX'", "and strict")


# -- the Banyan ------------------------------------------------------------

def test_banyan_refuses_as_in_the_article(t):
    server = t.serve(Banyan())
    c = Client(server)
    t.ok(b"OK" in c.login(server.user, server.password), "login")
    t.equal(c.ask("CAPABILITY").split(b"\r\n")[0], b"* CAPABILITY IMAP4", "IMAP4 alone")
    t.ok(b"UIDNEXT" not in c.ask("EXAMINE INBOX"), "no UIDNEXT")
    c.sock.sendall(b"0004 UID FETCH 5 (RFC822.PEEK)\r\n")
    t.equal(c.reply(b"0004"),
            b'0004 BAD UID Request "0004 UID FETCH 5 (RFC822.PEEK)" at column 25\r\n', "the line")
    c.sock.sendall(b"0005 UID FETCH 5 (BODY.PEEK[])\r\n")
    t.equal(c.reply(b"0005"),
            b'0005 BAD UID Request "0005 UID FETCH 5 (BODY.PEEK[])" at column 23\r\n',
            "BODY.PEEK[]")
    raw = server.store["INBOX"][5].raw
    t.ok("\\Seen" not in server.store["INBOX"][5].flags, "unseen before")
    t.ok(b"RFC822 {%d}\r\n%s" % (len(raw), raw) in c.ask("UID FETCH 5 (RFC822)"), "RFC822")
    t.ok("\\Seen" in server.store["INBOX"][5].flags, "seen after, though EXAMINEd")
    c.ask("SELECT INBOX")
    c.ask("UID STORE 5 -FLAGS (\\Seen)")
    t.ok("\\Seen" not in server.store["INBOX"][5].flags, "restored")
    t.ok(b"BAD" in c.ask("STATUS INBOX (MESSAGES)"), "no STATUS")
    violations(server)


def test_banyan_as_a_program(t):
    where = t.tmpdir()
    port_file, state = os.path.join(where, "port"), os.path.join(where, "state.json")
    argv = [sys.executable, os.path.join(HERE, "banyan.py"), "--port-file", port_file,
            "--state", state, "--messages", "9"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE)
    t.cleanup(process.kill)
    port = int(process.stdout.readline())
    with open(port_file, encoding="ascii") as file:
        t.equal(int(file.read()), port, "the port file")

    class Address:
        pass
    Address.port = port
    c = Client(Address)
    c.login("usuario1%ncc%migracion", "migracion")
    t.ok(b"* 9 EXISTS" in c.ask("EXAMINE INBOX"), "nine messages")
    with open(state, encoding="utf-8") as file:
        t.equal(json.load(file)["INBOX"]["5"], [], "unseen in the state")
    c.ask("UID FETCH 5 (RFC822)")
    with open(state, encoding="utf-8") as file:
        t.equal(json.load(file)["INBOX"]["5"], ["\\Seen"], "kept in the state")
    process.send_signal(signal.SIGTERM)
    t.equal(process.wait(5), 0, "ends on SIGTERM")
    process.stdout.close()


# -- the checks fail when they should ----------------------------------------

def stored_as_imex_would(root, folder):
    """Write a folder as the contract says, by hand."""
    for part in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(root, part))
    for m in folder:
        data = m.raw.replace(b"\r\n", b"\n") if is_reversible(m.raw) else m.raw
        letter = {"\\Seen": "S", "\\Answered": "R", "\\Flagged": "F", "\\Draft": "D",
                  "\\Deleted": "T", "$Forwarded": "a"}
        letters = "".join(sorted(letter[f] for f in m.flags))
        when = epoch(m.date)
        name = f"{when}.V{folder.uidvalidity}U{m.uid}.imex,S={len(data)},W={len(m.raw)}:2,{letters}"
        path = os.path.join(root, "cur", name)
        with open(path, "wb") as file:
            file.write(data)
        os.utime(path, (when, when))
    with open(os.path.join(root, "dovecot-keywords"), "w", encoding="ascii") as file:
        file.write("0 $Forwarded\n")


def test_complete_accepts_right_and_sees_wrong(t):
    store = sample(["INBOX"], 6)

    class Place:
        path = t.tmpdir()
        mail = os.path.join(path, "mail")
        account_dirs = staticmethod(lambda: ["a@b"])
    root = os.path.join(Place.mail, "a@b")
    stored_as_imex_would(root, store["INBOX"])
    files = maildir.messages(root)
    before = maildir.tree(Place.mail)

    def failures():
        inner = Scene(tap.Test("inner"))
        inner.complete(Place, store)
        return inner.test.failures
    t.equal(failures(), [], "a right tree")

    def spoil(what, spoiler, repair):
        spoiler()
        t.ok(failures(), f"noticed: {what}")
        t.ok(maildir.differences(before, maildir.tree(Place.mail)), f"the trees differ: {what}")
        repair()
        t.equal(failures(), [], f"repaired: {what}")
    one = files[0]
    spoil("a lost file", lambda: os.rename(one.path, one.path + ".x"),
          lambda: os.rename(one.path + ".x", one.path))
    spoil("mtime", lambda: os.utime(one.path, (1, 1)),
          lambda: os.utime(one.path, (one.date, one.date)))
    spoil("a flag", lambda: os.rename(one.path, one.path + "F"),
          lambda: os.rename(one.path + "F", one.path))
    spoil("a strange file", lambda: open(os.path.join(root, "cur", "x"), "wb").close(),
          lambda: os.unlink(os.path.join(root, "cur", "x")))

    def write(data):
        with open(one.path, "wb") as file:
            file.write(data)
        os.utime(one.path, (one.date, one.date))
    spoil("a byte", lambda: write(one.data[:-1] + b"?"), lambda: write(one.data))


def test_dates(t):
    for zone in (0, 60, -300, 330):
        t.equal(epoch(imap_date(1000000000, zone)), 1000000000, f"zone {zone}")
    t.equal(epoch("07-Nov-2003 16:18:49 +0200"), 1068214729, "a known one")
    t.equal(epoch("31-Foo-2003"), None, "no date")


def test_the_runner_itself(t):
    def good(x):
        x.ok(True, "fine")

    def wrong(x):
        x.context("server", "the transcript")
        x.equal(1, 2, "one is two")

    def skipped(x):
        x.skip("no such thing here")

    def vacuous(x):
        pass

    def crashing(x):
        os._exit(3)

    def hanging(x):
        time.sleep(60)
    out = io.StringIO()
    tests = [(f.__name__, f) for f in (good, wrong, skipped, vacuous)]
    t.equal(tap.run(tests, out=out), 1, "status of a failing run")
    lines = out.getvalue().splitlines()
    t.equal([line for line in lines if not line.startswith("#")],
            ["1..4", "ok 1 - good", "not ok 2 - wrong", "ok 3 - skipped # SKIP no such thing here",
             "not ok 4 - vacuous"], "the TAP lines")
    t.ok("# the transcript" in lines, "the context of a failure")
    t.ok(any("one is two" in line and "selftest.py" in line for line in lines), "what and where")
    t.equal(tap.run(tests[:1], out=io.StringIO()), 0, "status of a good run")
    forked = io.StringIO()
    tests = [(f.__name__, f) for f in (good, crashing, wrong)]
    t.equal(tap.run(tests, jobs=2, fork=True, out=forked), 1, "status of forked tests")
    t.equal(re.findall(r"^(?:not )?ok.*", forked.getvalue(), re.M),
            ["ok 1 - good", "not ok 2 - crashing", "not ok 3 - wrong"], "forked, in order")


if __name__ == "__main__":
    tap.main([(name, lambda test, f=f: f(Scene(test))) for name, f in tap.discover(globals())])
