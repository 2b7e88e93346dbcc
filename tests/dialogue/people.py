"""Servers with many accounts, and lists of them.

    server = t.serve(house(people("a", 6)))              # a1 .. a6, each with a password and mail of its own
    server.bears = 2                                     # refuses a third connection in its greeting
    server.crossly("a3", "NO [THROTTLED] later", 2)      # the first two logins of a3
    run = t.imex("extract", "--users", listed(t, server), "--to", job, *ONE, *t.options(server))
    t.within(server.peak, (1, 2), "connections at once")

Each connection sees the mail of who logged in; server.store[...] in a scene is that of the first.
"""

import os
import socket
import threading

from model import Server
from scene import Store, directory_of, fill
from target import Target

TAP_HELPER = True
ONE = ["--connections", "1"]
ESTABLISHED = 1         # of TCP; a client that is gone leaves CLOSE_WAIT


def mailbox(count=3, folders=("INBOX",), seed=None, first=1700000000):
    """A small store; mail of two seeds differs."""
    store = Store(first=first)
    for name in folders:
        fill(store["INBOX"] if name == "INBOX" else store.add(name), count, seed and seed + name)
    return store


def people(name, number, **mail):
    """{name1: its store, ...}"""
    return {f"{name}{n}": mailbox(seed=f"{name}{n}", **mail) for n in range(1, number + 1)}


def password_of(user):
    return f"pW-{user}-&9"


class Many:
    """Mixed into a Server: many accounts, and how many connections it bears."""

    def __init__(self, accounts, **options):
        self.accounts = accounts
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._wires = set()
        self._cross = []
        self.bears = None           # connections at once; one more is refused
        self.bears_logins = None    # sessions that are logged in at once; likewise
        self._inside = set()
        self.refusal = "* BYE [UNAVAILABLE] too many connections\r\n"
        self.refused = 0
        self.peak = 0               # most connections at once
        self.logins = []            # names, in order, right or wrong
        super().__init__(None, **options)

    @property
    def store(self):
        """Of who logged in on the connection that this thread serves."""
        user = getattr(self._mine, "user", None)
        return self.accounts[user] if user else next(iter(self.accounts.values()))

    @store.setter
    def store(self, value):
        pass

    def crossly(self, user, answer, times=None):
        """Answer logins of this user so: pieces, or text behind the tag.

        times: the first so many, or as long as it says so; None: all.
        """
        self._cross.append([user, answer, times])

    @staticmethod
    def _alive(wires):
        """Those that the client has not closed, whether this side has seen it or not."""
        def alive(wire):
            try:
                return socket.socket.getsockopt(wire.sock, socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == ESTABLISHED
            except OSError:
                return False
        return sum(map(alive, list(wires)))

    def play(self, wire):
        with self._lock:
            before = self._alive(self._wires)
            full = self.bears is not None and before >= self.bears
            if full:
                self.refused += 1
            else:
                self._wires.add(wire)
                self.peak = max(self.peak, before + 1)
        if full:
            wire.send(self.refusal)
            wire.bye()
        try:
            super().play(wire)
        finally:
            self._wires.discard(wire)
            self._inside.discard(wire)

    def _enter(self, call, user, password):
        name = user.decode("utf-8", "replace")
        self.logins.append(name)
        for rule in self._cross:
            if rule[0] == name and (rule[2]() if callable(rule[2]) else rule[2] != 0):
                rule[2] = rule[2] - 1 if isinstance(rule[2], int) else rule[2]
                return [call.tagged(rule[1])] if isinstance(rule[1], str) else rule[1]
        if name not in self.accounts or password.decode("utf-8", "replace") != password_of(name):
            return self.no(call, "[AUTHENTICATIONFAILED] wrong name or password")
        with self._lock:
            if self.bears_logins is not None and self._alive(self._inside) >= self.bears_logins:
                self.refused += 1
                return self.no(call, "[LIMIT] too many sessions")
            self._inside.add(call.wire)
        self._mine.user = call.session.user = name
        return self.ok(call)

    def url_of(self, user):
        scheme = "imaps" if self.tls == "implicit" else "imap"
        return f"{scheme}://{user}@127.0.0.1:{self.port}/"


class ManyServer(Many, Server):
    pass


class ManyTarget(Many, Target):
    pass


def house(accounts, **options):
    """A source with these accounts; TLS unless the scene says otherwise."""
    return ManyServer(accounts, tls=options.pop("tls", "implicit"), **options)


def new_house(names, **options):
    """A destination with these accounts, all of them empty."""
    accounts = {name: Store(first=1750000000 + 1000 * n) for n, name in enumerate(names)}
    return ManyTarget(accounts, tls=options.pop("tls", "implicit"), **options)


def table(t, text, name="users.csv"):
    """A list as it stands; returns its path."""
    path = os.path.join(t.tmpdir("list"), name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o600)
    return path


def listed(t, *servers, wrong=()):
    """The list of all accounts of these servers; the passwords of some may be wrong."""
    rows = [f"{s.url_of(user)},{'wrong' if user in wrong else password_of(user)}\n"
            for s in servers for user in s.accounts]
    return table(t, "source,password\n" + "".join(rows))


def whole(t, job, *servers, without=()):
    """Each account of these servers is stored, once and right."""
    found = {}
    for name in job.account_dirs():
        found[name.partition("@")[0]] = os.path.join(job.mail, name)
    for server in servers:
        for user, store in server.accounts.items():
            if user in without:
                continue
            if t.ok(user in found, f"{user} has mail", sorted(found)):
                for folder in store:
                    t._complete_folder(found[user], folder, directory_of(store, folder.name), set(), set())
