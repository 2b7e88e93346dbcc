"""Strict scripts: a server that says and expects exactly what is written."""

import re

from hooks import with_tag
from model import PASSWORD, USER, Server
from wire import Hangup, Listener, ScriptError


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
        self.wire.play(with_tag(list(pieces), self.tag.encode()))

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
        lines = [*lines[:-1], f"{self.tag} {lines[-1]}"]
        self.wire.send("".join(line + "\r\n" for line in lines))
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
