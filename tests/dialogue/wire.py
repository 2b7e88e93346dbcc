"""The network side of a fake server: connections, TLS, faults, the transcript.

A Listener accepts on a loopback port and gives each connection a thread that
runs play(wire). A Wire is that connection. Everything that goes over it is in
the listener's transcript. One thread reads and writes a connection, so a Wire
drains its socket whenever it sends or waits: a client that pipelines never
blocks us, and bytes that wait for an answer can be counted (rules.md 1.5).

Faults are values put among the bytes to send: Cut, Reset, Stall, Pause, Slow,
Segments, Gate. Cut ends the stream after what was sent so far has arrived;
Reset does not wait for that.
"""

import re
import select
import socket
import ssl
import struct
import threading
import time

from syntax import LITERAL_END, command_bytes

HANG_LIMIT = 60         # seconds after which a server gives up on a client
LINE_LIMIT = 8000       # octets of one command line
BACKLOG_LIMIT = 4096    # octets of commands that wait for their answer


class Hangup(Exception):
    """The connection is over."""


class ScriptError(Exception):
    """The client did not do what a strict script expects; a violation was recorded."""


# -- faults ----------------------------------------------------------------

class Action:
    """Something a server does between two pieces of bytes."""

    def run(self, wire):
        raise NotImplementedError


class Cut(Action):
    """End the stream here, without a word, and without close_notify under TLS."""

    def run(self, wire):
        wire.cut()


class Reset(Action):
    """Reset the connection."""

    def run(self, wire):
        wire.reset()


class Stall(Action):
    """Say nothing for so many seconds; without a number until the client goes away."""

    def __init__(self, seconds=None):
        self.seconds = seconds

    def run(self, wire):
        wire.wait(self.seconds)


class Pause(Stall):
    """A stall of a moment."""


class Gate(Action):
    """Wait until the scene opens the gate; reached is set when a server stands at it."""

    def __init__(self):
        self.reached = threading.Event()
        self.opened = threading.Event()

    def open(self):
        self.opened.set()

    def must_be_reached(self, t, what="imex asks for the message", seconds=20):
        t.must(self.reached.wait(seconds), what)

    def run(self, wire):
        self.reached.set()
        wire.wait(None, self.opened)


class Slow(Action):
    """Send data in steps of so many octets with a pause after each."""

    def __init__(self, data, step=1, pause=0.0005):
        self.data, self.step, self.pause = data, step, pause

    def run(self, wire):
        for at in range(0, len(self.data), self.step):
            wire.send(self.data[at:at + self.step])
            time.sleep(self.pause)


class Forever(Action):
    """Send data again and again until the client goes away; in the transcript it stands once.

    pause: seconds between two; with 0, at full speed, many go out at a time.
    limit: octets after which it is silent.
    """

    def __init__(self, data, pause=0.0, limit=None):
        self.data, self.pause, self.limit = data, pause, limit

    def run(self, wire):
        wire.log.add(wire.number, "S", self.data + b" (for ever)")
        piece = self.data if self.pause else self.data * max(1, 65536 // len(self.data))
        sent = 0
        while self.limit is None or sent < self.limit:
            wire.quietly(piece)
            sent += len(piece)
            if self.pause:
                wire.wait(self.pause)
        wire.wait(None)


class Segments(Action):
    """Send data cut at these offsets, each part in a TCP segment of its own."""

    def __init__(self, data, *offsets, pause=0.005):
        self.data, self.offsets, self.pause = data, offsets, pause

    def run(self, wire):
        ends = [*sorted(self.offsets), len(self.data)]
        begin = 0
        for end in ends:
            wire.send(self.data[begin:end])
            begin = end
            time.sleep(self.pause)


# -- what was said ---------------------------------------------------------

class Entry:
    """One thing that happened: direction 'C' client, 'S' server, '!' note."""

    def __init__(self, seconds, connection, direction, data):
        self.seconds, self.connection = seconds, connection
        self.direction, self.data = direction, data


class Transcript:
    """All that went over all connections of one server, in order."""

    def __init__(self):
        self.begin = time.monotonic()
        self.entries = []
        self.violations = []
        self.changed = threading.Condition()

    def add(self, connection, direction, data):
        with self.changed:
            entry = Entry(time.monotonic() - self.begin, connection, direction, data)
            self.entries.append(entry)
            self.changed.notify_all()
            return entry

    def violation(self, connection, text):
        """The client broke a rule; every scene fails on it unless it says otherwise."""
        self.add(connection, "!", text.encode("utf-8", "backslashreplace"))
        self.violations.append(f"connection {connection}: {text}")

    def commands(self, pattern=r"", connection=None):
        """Commands without tag, as text, that match the pattern from their first letter on."""
        wanted = re.compile(pattern, re.I | re.S)
        found = []
        for entry in list(self.entries):
            if entry.direction == "C" and connection in (None, entry.connection):
                text = entry.data.decode("latin-1").partition(" ")[2]
                if wanted.match(text):
                    found.append(text)
        return found

    def count(self, pattern, connection=None):
        return len(self.commands(pattern, connection))

    def sent(self, connection=None):
        """All octets the server sent."""
        return b"".join(e.data for e in list(self.entries)
                        if e.direction == "S" and connection in (None, e.connection))

    def mark(self):
        """A place in time; since(mark) is the transcript from there on."""
        return len(self.entries)

    def since(self, mark):
        part = Transcript()
        part.entries = self.entries[mark:]
        return part

    def wait_for(self, pattern, seconds=10, count=1):
        """Wait until count commands match; False when the time is over."""
        with self.changed:
            return self.changed.wait_for(lambda: self.count(pattern) >= count, seconds)

    def text(self):
        """For people: who said what and when, long data shortened."""
        lines = []
        for e in list(self.entries):
            data = e.data if len(e.data) <= 600 else \
                e.data[:400] + b" ...%d octets... " % (len(e.data) - 500) + e.data[-100:]
            shown = data.decode("latin-1").encode("unicode_escape").decode()
            lines.append(f"{e.seconds:8.3f} #{e.connection} {e.direction}: {shown}")
        return "\n".join(lines)


# -- one connection --------------------------------------------------------

class Wire:
    """One connection, seen from the server."""

    def __init__(self, listener, sock, number):
        self.listener = listener
        self.log = listener.transcript
        self.number = number
        self.sock = sock
        self.tls = False
        self.inbuf = b""
        self.eof = False
        self.busy = b""             # the command that is being answered
        self.sent = 0               # octets of the stream so far
        self.cut_at = listener.cut_for(number)
        self.tag = b"*"
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # -- reading --

    def read_line(self):
        """One line without its CRLF; Hangup at the end of the stream."""
        deadline = time.monotonic() + HANG_LIMIT
        while b"\r\n" not in self.inbuf:
            if self.eof or time.monotonic() > deadline:
                raise Hangup()
            if len(self.inbuf) > 1 << 20:
                self.violation("a line of more than 1 MiB without CRLF")
                raise Hangup()
            self.pump(0.1)
        line, _, self.inbuf = self.inbuf.partition(b"\r\n")
        limit = self.listener.line_limit
        if len(line) + 2 > limit:
            self.violation(f"a line of {len(line) + 2} octets, the limit is {limit}")
        return line

    def read_exactly(self, size):
        deadline = time.monotonic() + HANG_LIMIT
        while len(self.inbuf) < size:
            if self.eof or time.monotonic() > deadline:
                raise Hangup()
            self.pump(0.1)
        data, self.inbuf = self.inbuf[:size], self.inbuf[size:]
        return data

    def read_command(self, refuse_literal=None):
        """One command with its literals, b'' never; Hangup at the end of the stream.

        refuse_literal(command so far) may return bytes to send instead of '+'.
        """
        command = self.read_line()
        while literal := LITERAL_END.search(command):
            if not literal[2]:
                refusal = refuse_literal(command) if refuse_literal else None
                if refusal is not None:
                    self.record(command)
                    self.send(refusal)
                    return self.read_command(refuse_literal)
                self.must_be_quiet("an open synchronising literal")
                self.send(b"+ go ahead\r\n")
            command += b"\r\n" + self.read_exactly(int(literal[1])) + self.read_line()
        self.record(command)
        return command

    def record(self, command):
        """Note a command and watch the limit of unanswered octets."""
        self.busy = command
        self.log.add(self.number, "C", command)
        self.pump()

    def answered(self):
        """The command in hand has its tagged answer."""
        self.busy = b""

    def must_be_quiet(self, behind):
        """Nothing may have been sent behind this command."""
        self.pump(0.003)
        if self.inbuf:
            self.violation(f"{self.inbuf[:60]!r} sent behind {behind}")

    def pending(self):
        """The complete lines that wait in the buffer."""
        return self.inbuf.split(b"\r\n")[:-1]

    def pump(self, seconds=0.0):
        """Take in what has arrived; wait for something at most so long."""
        self._check_alive()
        if self.tls and self.sock.pending() or self.eof:
            seconds = min(seconds, 0.02) if self.eof else 0
        if not self.eof:
            self._poll(select.POLLIN, seconds)
            while self._receive():
                pass
        elif seconds:
            time.sleep(seconds)
        if not self.busy or not self.listener.backlog_limit:
            return
        waiting = command_bytes(self.inbuf)
        if waiting and waiting + len(self.busy) > self.listener.backlog_limit:
            if not self._said_backlog:
                self._said_backlog = True
                self.violation(f"{waiting + len(self.busy)} octets of commands without an answer")

    _said_backlog = False

    def _receive(self):
        try:
            data = self.sock.recv(65536)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except (OSError, ssl.SSLError, ValueError):
            data = b""
        if not data:
            self.eof = True
            return False
        self.inbuf += data
        return True

    def wait(self, seconds=None, event=None):
        """Sleep; ends early when the event is set or the client is gone (Hangup)."""
        end = time.monotonic() + (HANG_LIMIT if seconds is None else seconds)
        while time.monotonic() < end:
            if event and event.is_set():
                return
            self.pump(min(0.02, max(end - time.monotonic(), 0)))
            if self.eof:
                raise Hangup()
        if seconds is None:
            raise Hangup()

    def wait_a_little(self):
        """For something to read; Hangup when the client is gone."""
        self.pump(0.02)
        if self.eof and b"\r\n" not in self.inbuf:
            raise Hangup()

    # -- writing --

    def send(self, data):
        """Send bytes; the stream is cut where the scene wants it cut."""
        if isinstance(data, str):
            data = data.encode("latin-1")
        if self.cut_at is not None and self.sent + len(data) >= self.cut_at:
            self._send(data[:self.cut_at - self.sent])
            self.cut()
        self._send(data)

    def quietly(self, data):
        """Send without a line in the transcript."""
        self._send(data, log=False)

    def play(self, pieces):
        """Send what a handler returned: bytes, actions, lists of them."""
        if isinstance(pieces, (bytes, str)):
            self.send(pieces)
        elif isinstance(pieces, Action):
            pieces.run(self)
        elif isinstance(pieces, type):      # Cut as well as Cut()
            pieces().run(self)
        else:
            for piece in _joined(pieces):
                self.play(piece)

    def _send(self, data, log=True):
        if data and log:
            self.log.add(self.number, "S", data)
            self.sent += len(data)
        view, deadline = memoryview(data), time.monotonic() + HANG_LIMIT
        while view:
            self._check_alive()
            try:
                view = view[self.sock.send(view[:self.listener.chop]):]
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                self._poll(select.POLLOUT | (0 if self.eof else select.POLLIN), 0.1)
                while not self.eof and self._receive():
                    pass
            except (OSError, ssl.SSLError) as problem:
                raise Hangup() from problem
            if time.monotonic() > deadline:
                raise Hangup()

    # -- ending and TLS --

    def cut(self):
        """End the stream after all that was sent; what arrives meanwhile is dropped."""
        self.log.add(self.number, "!", b"cut after %d octets" % self.sent)
        self._shut(socket.SHUT_WR)
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline and not self._gone():
            time.sleep(0.002)
        raise Hangup()

    def reset(self):
        self.log.add(self.number, "!", b"reset after %d octets" % self.sent)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Hangup()

    def bye(self):
        """End in order: close_notify, then the stream."""
        if self.tls:
            try:
                self.sock.setblocking(True)
                self.sock.settimeout(1)
                self.sock = self.sock.unwrap()
            except (OSError, ValueError):
                pass
        self.cut()

    def start_tls(self, kind=None):
        """Shake hands as the server; a failure of the handshake is a Hangup.

        Nothing is read before: what comes now is the client's hello.
        """
        if self.inbuf:
            self.violation(f"{self.inbuf[:60]!r} sent in clear text before the handshake")
            self.inbuf = b""
        context = self.listener.tls_context(kind)
        self.sock.setblocking(True)
        self.sock.settimeout(10)
        try:
            self.sock = context.wrap_socket(self.sock, server_side=True)
        except (OSError, ssl.SSLError) as problem:
            self.log.add(self.number, "!", f"TLS handshake failed: {problem}".encode())
            raise Hangup() from problem
        self.log.add(self.number, "!", b"TLS is up")
        self.sock.setblocking(False)
        self.tls = True

    def violation(self, text):
        self.log.violation(self.number, text)

    def close(self):
        try:
            self.sock.close()
        except OSError:
            pass

    def _gone(self):
        try:
            return not socket.socket.recv(self.sock, 65536)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True

    def _shut(self, how):
        try:
            socket.socket.shutdown(self.sock, how)
        except OSError:
            pass

    def _poll(self, events, seconds):
        poller = select.poll()
        poller.register(self.sock.fileno(), events)
        poller.poll(seconds * 1000)

    def _check_alive(self):
        if self.listener.stopping:
            raise Hangup()


def _joined(pieces):
    """Neighbouring bytes in one piece, so that a reply is not split by accident."""
    held = []
    for piece in pieces:
        if isinstance(piece, str):
            piece = piece.encode("latin-1")
        if isinstance(piece, bytes):
            held.append(piece)
            continue
        if held:
            yield b"".join(held)
            held = []
        yield piece
    if held:
        yield b"".join(held)


# -- the listener ------------------------------------------------------------

class Listener:
    """Accepts connections on 127.0.0.1 and plays the server on each in a thread."""

    backlog_limit = BACKLOG_LIMIT       # None: any number of octets may wait

    def __init__(self, certs=None, tls=None, cert="good", line_limit=LINE_LIMIT, port=0,
                 chop=None):
        self.certs = certs
        self.tls = tls              # None, "implicit" or "starttls"
        self.cert = cert
        self.line_limit = line_limit
        self.chop = chop            # octets of one write; None: as they come
        self.transcript = Transcript()
        self.stopping = False
        self.failures = []          # exceptions of our own threads
        self._cuts = {}
        self._number = 0
        self._threads = []
        self._socket = socket.create_server(("127.0.0.1", port), backlog=64)
        self._socket.settimeout(0.1)
        self.port = self._socket.getsockname()[1]
        self.host = "127.0.0.1"

    def play(self, wire):
        """Serve one connection."""
        raise NotImplementedError

    def cut_after(self, octets, connection=None):
        """Cut the stream of this connection (None: the next one) after so many octets."""
        self._cuts[self._number + 1 if connection is None else connection] = octets

    def cut_for(self, number):
        return self._cuts.get(number, self._cuts.get("all"))

    @property
    def connections(self):
        return self._number

    def start(self):
        thread = threading.Thread(target=self._accept, daemon=True)
        thread.start()
        self._threads.append(thread)
        return self

    def stop(self):
        """End all connections; returns when their threads are gone."""
        self.stopping = True
        for thread in list(self._threads):
            thread.join(5)
        self._socket.close()

    def tls_context(self, kind=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.certs.pair(kind or self.cert))
        context.options |= getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
        return context

    def _accept(self):
        while not self.stopping:
            try:
                sock, _ = self._socket.accept()
            except socket.timeout:
                continue
            except OSError:
                return
            self._number += 1
            thread = threading.Thread(target=self._serve, args=(sock, self._number), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock, number):
        self.transcript.add(number, "!", b"connected")
        wire = Wire(self, sock, number)
        try:
            if self.tls == "implicit":
                wire.start_tls()
            self.play(wire)
        except (Hangup, ScriptError):
            pass
        except Exception as problem:    # a fault of the test library fails the scene
            self.failures.append(problem)
            self.transcript.add(number, "!", f"server fault: {problem!r}".encode())
        finally:
            wire.close()
            self.transcript.add(number, "!", b"closed")
