"""One account on its way to another server: the commands of imex, and what must be there after."""

import os

import arrival
from client import Refused
from imexrun import PASSWORD, run
from proxy import Proxy

USER = "ana-lopez"
PLAIN = ["--insecure-plaintext", "--dest-insecure-plaintext"]
PATIENCE = ["--doubt-wait", "2s"]        # instead of a minute, for what was refused (rules.md 2.3)
SENDS = r"APPEND|CREATE|SUBSCRIBE|DELETE|(UID )?(STORE|EXPUNGE|COPY|MOVE)"
USES = {"\\Sent", "\\Drafts", "\\Junk", "\\Trash", "\\Archive"}


def uses(client):
    """{folder: special uses}; a server that has none tells none."""
    try:
        rows = client.command(b"LIST", b'""', b'"*"', b"RETURN (SPECIAL-USE)")
    except Refused:
        return {}
    found = {r[3].decode("latin-1"): {a.decode().title() for a in r[1]} & USES for r in rows if r[0] == b"LIST"}
    return {name: use for name, use in found.items() if use}


class Move:
    """From USER on one server to an account of another, which may hold something."""

    def __init__(self, t, source, dest, user, oracle):
        self.t, self.source, self.dest, self.user = t, source, dest, user
        self.job = os.path.join(t.tmpdir("move"), "job")
        self.oracle = arrival.Oracle(dest, oracle, PASSWORD)
        t.cleanup(self.oracle.close)
        self.proxy = Proxy(dest.port).__enter__()
        t.cleanup(self.proxy.__exit__)
        with self.client() as client:
            self.subscribed = client.subscriptions()

    def client(self):
        return self.dest.client(self.user, PASSWORD)

    @property
    def url(self):
        return self.dest.url(self.user, port=self.proxy.port)

    def imex(self, *args):
        self.proxy.reset()
        return run(self.t, *args, env={"IMEX_DEST_PASSWORD": PASSWORD}, timeout=120)

    def picture(self):
        """Messages and their state, by folder; without what changes when imex looks."""
        with self.client() as client:
            return {name: rows for name, (_, rows) in client.picture(bodies=True).items() if rows}

    def arrived(self, extra=None, only=None):
        """All that the source serves is there once, and nothing else but extra {folder: bodies}.

        only: these folders of the source, and no word of names and subscriptions.
        """
        t, names = self.t, arrival.names(self.job)
        with self.source.client(USER, PASSWORD) as one, self.client() as other:
            wanted = only or arrival.selectable(one)
            t.equal(sorted(set(wanted) - set(names)), [], "each folder of the source has a name")
            there = arrival.selectable(other)
            t.equal(sorted({names[n] for n in wanted if n in names} - set(there)), [], "each folder is there")
            for name in wanted:
                if names.get(name) in there:
                    problems = arrival.differences(self.oracle, one.messages(name), other.messages(names[name]),
                                                   (extra or {}).get(name, ()))
                    t.equal(problems[:12], [], f"{name}: what was served there is served here")
            if only:
                return
            there, here = uses(one), uses(other)
            plain = {n: names[n] for n in wanted if n in names and not (here and there.get(n))}
            arrival.check_names(t, self.source, self.dest, plain)
            t.equal(len(set(names.values())), len(names), "no two folders have one name")
            t.equal(sorted({names.get(n, n) for n in one.subscriptions()} - other.subscriptions()), [],
                    "what is subscribed there is subscribed here")
            subscribed = {names.get(n, n) for n in one.subscriptions()} | self.subscribed
            t.equal(sorted(other.subscriptions() - subscribed), [], "and nothing else")
            self.special(there, here, names)

    def special(self, there, here, names):
        if not here or self.dest.name == "courier":
            return
        for name, use in there.items():
            self.t.equal(here.get(names.get(name), set()) & use, use, f"the special use of {name}")

    def nothing_sent(self, done, what):
        sent = self.proxy.commands(SENDS)
        self.t.ok(not sent, f"{what} sends nothing", sent[:20], done.describe())


def verified(move, deep=True):
    """Nothing differs but what is explained."""
    for more in ((), ("--deep",))[:1 + deep]:
        done = move.imex("verify", move.job, *more, *PLAIN)
        move.t.within(done.code, (0, 1), f"imex verify {' '.join(more)} proves the copy")
        move.nothing_sent(done, "imex verify")


def undone(move, before):
    """What imex put there is gone, what was there before is not.

    Messages that the server has changed stay, and are named one by one: Cyrus takes 8-bit octets out
    of headers, Courier and Dovecot drop a CR that stands alone.
    """
    t = move.t
    listed = move.imex("undo", move.job, move.url, "--dest-insecure-plaintext")
    move.nothing_sent(listed, "imex undo without --yes and a terminal")
    changed = listed.out.count(b"is not what imex sent any more, stays")
    done = move.imex("undo", move.job, move.url, "--yes", "--dest-insecure-plaintext")
    t.within(done.code, (2,) if changed else (0, 1), "exit code of imex undo")
    after = move.picture()
    for name, rows in before.items():
        t.equal([r[:4] for r in rows if r not in after.get(name, [])], [], f"{name}: what was there before is there")
    left = [row for name, rows in after.items() for row in rows if row not in before.get(name, [])]
    t.equal(len(left), changed, "what stays is what was named")
    with move.source.client(USER, PASSWORD) as client:
        sent = {row[4] for _, rows in client.picture(bodies=True).values() for row in rows}
    t.equal([row[:4] for row in left if row[4] in sent], [], "and has other octets than were sent")


def shown(picture):
    """Of a picture what a failure can show."""
    return {name: [row[:4] for row in rows] for name, rows in picture.items()}
