"""A TCP relay that counts, remembers what the client said, and can strike.

    with Proxy(server.port) as proxy:
        proxy.strike(100000, os.kill, pid, signal.SIGKILL)

Octets, commands and turns are counted from the last reset() on, over all connections. A
turn is one more time that the client spoke after it had heard something: a round trip.
Only meaningful without TLS; the port stays the same for its life, so that an
account keeps its name over several runs.
"""

import re
import selectors
import socket
import threading

FETCH = re.compile(rb"\* \d+ FETCH ")


class Proxy:
    def __init__(self, target):
        self.target = target
        self.reset()

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._over, self._wake = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._wake.close()
        self._thread.join(5)

    def reset(self):
        """Forget what was counted and what was to be struck."""
        self.down = self.up = self.turns = self.connections = 0
        self.fetched = 0    # lines that look like a FETCH response, octets of bodies included
        self._tail = b""
        self._heard = False
        self.said = b""
        self._strike = None

    def strike(self, octets, function, *args):
        """Call function once, when exactly so many octets went to the client."""
        self._strike = (octets, function, args)

    def commands(self, pattern=r""):
        """What the client sent that matches, without tags."""
        lines = self.said.decode("latin-1").split("\r\n")
        return [text for text in (line.partition(" ")[2] for line in lines) if re.match(pattern, text, re.I) and text]

    def _serve(self):
        loop = selectors.DefaultSelector()
        loop.register(self._listener, selectors.EVENT_READ)
        loop.register(self._over, selectors.EVENT_READ)
        peers = {}
        while True:
            for key, _ in loop.select():
                if key.fileobj is self._over:
                    for sock in [self._listener, self._over, *peers]:
                        sock.close()
                    return
                if key.fileobj is self._listener:
                    self._pair(loop, peers)
                elif key.fileobj in peers and not self._relay(key.fileobj, *peers[key.fileobj]):
                    other = peers[key.fileobj][0]
                    for sock in (key.fileobj, other):
                        loop.unregister(sock)
                        sock.close()
                        del peers[sock]

    def _pair(self, loop, peers):
        client, _ = self._listener.accept()
        server = socket.create_connection(("127.0.0.1", self.target))
        self.connections += 1
        for sock, other, is_server in ((client, server, False), (server, client, True)):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peers[sock] = (other, is_server)
            loop.register(sock, selectors.EVENT_READ)

    def _relay(self, sock, other, from_server):
        """Pass on what has come; False when either side is gone."""
        try:
            data = sock.recv(16384)
            alive = bool(data)
            if from_server:
                data = self._struck(data, other)
                self.down += len(data)
                self._heard = True
                self._look(data)
            else:
                self.turns += self._heard
                self._heard = False
                self.up += len(data)
                self.said += data
            other.sendall(data)
        except OSError:
            return False
        return alive

    def _look(self, data):
        """Count lines; the last one, which may go on, waits for its end."""
        *lines, self._tail = (self._tail + data).split(b"\n")
        self.fetched += sum(bool(FETCH.match(line)) for line in lines)

    def _struck(self, data, client):
        """Strike between two octets of data; returns those that are still to be sent."""
        if not self._strike or self.down + len(data) < self._strike[0]:
            return data
        octets, function, args = self._strike
        self._strike = None
        client.sendall(data[:octets - self.down])
        function(*args)
        data, self.down = data[octets - self.down:], octets
        return data
