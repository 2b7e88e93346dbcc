"""A relay that knows where lines and literals are, and ends the stream at one of these places.

Places are counted from 1, over all connections, in one direction: behind each line;
and in each literal at its start, in its middle, before its last octet and behind it
(before the CRLF that follows). What came before the place is delivered, nothing more.
"""

import re
import socket
import threading

_LITERAL = re.compile(rb"~?\{(\d+)\+?\}\r\n$")
UP, DOWN = "to the server", "from the server"


class Places:
    """Finds the places in one direction of one connection, as the octets come."""

    def __init__(self):
        self.line = b""
        self.left = self.size = 0       # of a literal

    def feed(self, data):
        """[(offset in data, words)] of the places in it."""
        found, at = [], 0
        while at < len(data):
            if self.left:
                step = min(self.left, len(data) - at)
                done = self.size - self.left
                for place, words in ((self.size // 2, "middle"), (self.size - 1, "last octet"),
                                     (self.size, "end")):
                    if done < place <= done + step:
                        found.append((at + place - done, f"{words} of a literal of {self.size}"))
                at += step
                self.left -= step
                continue
            end = data.find(b"\n", at)
            if end < 0:
                self.line += data[at:]
                break
            self.line += data[at:end + 1]
            at = end + 1
            literal = _LITERAL.search(self.line)
            found.append((at, f"start of a literal of {int(literal[1])}" if literal
                          else f"line {self.line[:50]!r}"))
            self.left = self.size = int(literal[1]) if literal else 0
            self.line = b""
        return found


class Cutter:
    """way: UP or DOWN; at: which place, 0 for none. seen is how many there were, struck the one."""

    def __init__(self, target, way=DOWN, at=0):
        self.target, self.way, self.at = target, way, at
        self.seen, self.struck = 0, None
        self._lock = threading.Lock()
        self._sockets = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._over = False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._over = True
        # A thread may wait in accept, which close() does not wake.
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        for sock in [self._listener, *self._sockets]:
            _end(sock)

    def _accept(self):
        while not self._over:
            try:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                continue
            self._sockets += [client, server]
            for sock in (client, server):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for way, one, other in ((UP, client, server), (DOWN, server, client)):
                threading.Thread(target=self._relay, args=(way, one, other), daemon=True).start()

    def _relay(self, way, source, sink):
        places = Places()
        try:
            while data := source.recv(65536):
                place = self._place(places.feed(data)) if way == self.way else None
                if place is not None:
                    sink.sendall(data[:place])
                    break
                sink.sendall(data)
        except OSError:
            pass
        try:
            sink.shutdown(socket.SHUT_WR)       # what was sent arrives, then the end
            source.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def _place(self, found):
        with self._lock:
            for offset, words in found:
                self.seen += 1
                if self.seen == self.at:
                    self.struck = words
                    return offset
        return None


def _end(sock):
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    sock.close()
