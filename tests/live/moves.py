#!/usr/bin/env python3
"""moves.py [TEST...]: from each real server to each other, in one step and through files.

The mailbox of mailbox.py is put on Dovecot, Cyrus and Courier, and each is moved to an
account of each of them. What a server then serves of a message is not guessed: an oracle,
an account beside it, is given the same message by a client that shares no code with imex.
"""

import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import arrival      # noqa: E402
import mailbox      # noqa: E402
import refusals     # noqa: E402
import servers      # noqa: E402
import tap          # noqa: E402
from imexrun import PASSWORD, SCALE, run, start    # noqa: E402
from move import PLAIN, USER, Move, shown, undone, uses, verified  # noqa: E402
from proxy import Proxy     # noqa: E402

FOREIGN = mailbox.note(777, "was here before")


class Stage:
    """The servers that can run here, each with the mailbox of USER."""

    def __init__(self):
        self.servers, self.missing, self.loaded, self.pictures = {}, {}, {}, {}

    def __enter__(self):
        self.missing = {name: reason for name in servers.ALL if (reason := servers.why_not(name))}
        try:
            with ThreadPoolExecutor() as pool:
                list(pool.map(self._begin, [name for name in servers.ALL if name not in self.missing]))
        except BaseException:
            self.__exit__()
            raise
        return self

    def _begin(self, name):
        server = self.servers[name] = servers.ALL[name]()
        server.start()
        # The files of users are written by the script without a lock: before tests fork.
        for user in (USER, *(f"{kind}-{other}" for kind in ("step", "files", "extras", "given", "mirror", "copy", "renamed", "named", "oracle1",
                                                                      "oracle2")
                             for other in servers.ALL if other not in self.missing)):
            server.add_user(user, PASSWORD)
        with server.client(USER, PASSWORD) as client:
            self.loaded[name] = mailbox.load(server, client, mailbox.plan(small=40, size=1 << 20))
            special(client)
            self.pictures[name] = client.picture()

    def __exit__(self, *_):
        for server in self.servers.values():
            server.stop()

    def pair(self, t, one, other):
        for name in (one, other):
            if name in self.missing:
                t.skip(self.missing[name])
            t.context(name, self.servers[name].describe)
        return self.servers[one], self.servers[other]


def special(client):
    """Mail in folders with a special use, whose names are not everywhere the same."""
    if "Spam" in uses(client) and "\\Sent" in uses(client).get("Sent", ()):
        client.command(b"RENAME", b"Sent", b"Gesendet")
    for name, use in uses(client).items():
        if use & {"\\Sent", "\\Junk"}:
            for number in range(3):
                client.append(name, mailbox.note(number, use.copy().pop()), ["\\Seen"], mailbox.DATES[3])


def step(stage, one, other):
    """imex migrate into an account that holds a message of its own, and one that is to come."""
    def test(t):
        source, dest = stage.pair(t, one, other)
        move = Move(t, source, dest, f"step-{one}", f"oracle1-{one}")
        with source.client(USER, PASSWORD) as client:
            already = next(m for m in client.messages("INBOX") if b"Subject: inbox 3\r" in m.body)
        with move.client() as client:
            client.append("INBOX", FOREIGN, ["\\Flagged"], mailbox.DATES[3])
            client.append("INBOX", already.body, sorted(already.flags), already.date.decode().strip())
        before = move.picture()
        migrate = ["migrate", source.url(USER), move.url, "--job", move.job, *PLAIN]
        done = move.imex(*migrate)
        t.equal(done.code, 1, "complete, and the plain text is a warning")
        t.must(os.path.exists(os.path.join(move.job, "imex.db")), "there is a job")
        move.arrived({"INBOX": [FOREIGN]})
        verified(move)
        after = move.picture()
        done = move.imex(*migrate)
        t.equal(done.code, 1, "complete again")
        move.nothing_sent(done, "the second run")
        t.equal(shown(move.picture()), shown(after), "and changes nothing")
        with source.client(USER, PASSWORD) as client:
            t.equal(client.picture(), stage.pictures[one], "the source is what it was")
        undone(move, before)
    return test


def files(stage, one, other):
    """imex extract, then imex import into an empty account: as if it had been moved by the server."""
    def test(t):
        source, dest = stage.pair(t, one, other)
        move = Move(t, source, dest, f"files-{one}", f"oracle2-{one}")
        tree = os.path.join(t.tmpdir("tree"), "tree")
        before = move.picture()
        done = run(t, "extract", source.url(USER), "--to", tree, PLAIN[0], timeout=120)
        t.must(done.code == 1, "extracted", done.describe())
        into = ["import", tree, move.url, "--job", move.job, PLAIN[1]]
        t.equal(move.imex(*into).code, 1, "complete, and the plain text is a warning")
        t.must(os.path.exists(os.path.join(move.job, "imex.db")), "there is a job")
        move.arrived()
        verified(move, deep=False)
        done = move.imex(*into)
        t.equal(done.code, 1, "complete again")
        move.nothing_sent(done, "the second run")
        undone(move, before)
    return test


def extras(stage, one, other):
    """Access rights and annotations, between two accounts of their own."""
    def test(t):
        source, dest = stage.pair(t, one, other)
        comment = f'"came from {one}"'.encode()
        with source.client(f"given-{other}", PASSWORD) as client:
            client.command(b"SETACL", b"INBOX", USER.encode(), b"lr")
            client.command(b"SETMETADATA", b"INBOX", b"(/private/comment " + comment + b")")
        with Proxy(dest.port) as proxy:
            words = ["migrate", source.url(f"given-{other}"), dest.url(f"extras-{one}", port=proxy.port), "--job",
                     os.path.join(t.tmpdir("extras"), "job"), "--acl", "--metadata", *PLAIN]
            for what in ("first", "second"):
                proxy.reset()
                done = run(t, *words, env={"IMEX_DEST_PASSWORD": PASSWORD}, timeout=120)
                t.equal(done.code, 1, f"the {what} run is complete, and the plain text is a warning")
            sent = proxy.commands("SETACL|SETMETADATA|DELETEACL")
            t.ok(not sent, "the second run sends nothing", sent, done.describe())
        with dest.client(f"extras-{one}", PASSWORD) as client:
            acl = client.command(b"GETACL", b"INBOX")[0][2:]
            found = client.command(b"GETMETADATA", b"INBOX", b"(/private/comment)")
        rights = dict(zip(acl[::2], acl[1::2]))
        t.equal(rights.get(USER.encode()), b"lr", "the right that was given")
        t.ok(b"a" in rights.get(f"extras-{one}".encode(), b""), "the own login keeps its rights", rights)
        t.ok(comment.strip(b'"') in str(found).encode(), "the annotation", found)
    return test


def watch(stage, one, other):
    """A message that comes after the full run is there soon; a signal ends it all in order."""
    def test(t):
        source, dest = stage.pair(t, one, other)
        user, job = f"extras-{other}", os.path.join(t.tmpdir("watch"), "job")
        words = ["migrate", source.url(user), dest.url(f"files-{one}"), "--job", job, "--under", "watched", "--watch",
                 "--watch-poll", "1h", *PLAIN]
        running = start(t, *words, env={"IMEX_DEST_PASSWORD": PASSWORD}, timeout=240)
        # Courier looks itself once a minute, when it has missed what came while nobody was in IDLE.
        end = time.monotonic() + 150 * SCALE
        with dest.client(f"files-{one}", PASSWORD) as there:
            for number in (901, 902):
                with source.client(user, PASSWORD) as here:
                    here.append("INBOX", mailbox.note(number, "late"), [], mailbox.DATES[3])
                while b"late" not in b"".join(m.body for m in came(there)[number - 901:]):
                    t.must(time.monotonic() < end, f"message {number} has arrived")
                    time.sleep(0.1)
            running.signal(signal.SIGTERM)
            t.equal(running.wait().code, 1, "complete, and the plain text is a warning")
            t.equal(len(came(there)), 2, "each message once")
    return test


def mirrored(stage, one, other):
    """What the source has deleted goes there, too, and is kept; a further run has nothing to do."""
    def test(t):
        source, dest = stage.pair(t, one, other)
        job = os.path.join(t.tmpdir("mirror"), "job")
        with source.client(f"mirror-{other}", PASSWORD) as here:
            for number in range(12):
                here.append("INBOX", mailbox.note(number, "mirror"), [], mailbox.DATES[3])
        with Proxy(dest.port) as proxy:
            words = ["migrate", source.url(f"mirror-{other}"), dest.url(f"copy-{one}", port=proxy.port), "--job", job,
                     "--mirror", *PLAIN]
            done = run(t, *words, env={"IMEX_DEST_PASSWORD": PASSWORD}, timeout=120)
            t.must(done.code == 1, "complete, and the plain text is a warning", done.describe())
            with source.client(f"mirror-{other}", PASSWORD) as here:
                here.command(b"SELECT", b"INBOX")
                here.command(b"STORE", b"5", b"+FLAGS.SILENT", b"(\\Deleted)")
                here.command(b"EXPUNGE")
                want = sorted(m.body for m in here.messages("INBOX"))
            for what in ("the run", "the next one"):
                proxy.reset()
                done = run(t, *words, env={"IMEX_DEST_PASSWORD": PASSWORD}, timeout=120)
                t.equal(done.code, 1, f"{what} is complete, and the plain text is a warning")
            t.equal(proxy.commands("(UID )?(STORE|EXPUNGE)|APPEND"), [], "the second one changes nothing")
        with dest.client(f"copy-{one}", PASSWORD) as there:
            found = sorted(m.body for m in there.messages("INBOX"))
        t.equal(len(found), 11, "messages there")
        t.equal([b[:80] for b in found if b not in want], [], "and they are those of the source")
        kept = [name for _, _, names in os.walk(os.path.join(job, "removed")) for name in names]
        t.equal(len(kept), 1, "messages that are kept")
    return test


def renamed(stage, one, other):
    """A folder, with what is below it, that has another name on the source gets it on the destination, too."""
    def test(t):
        source, dest = stage.pair(t, one, other)
        job, user = os.path.join(t.tmpdir("renamed"), "job"), f"renamed-{other}"
        old, new = source.folder("Before"), source.folder("After")
        with source.client(user, PASSWORD) as here:
            for name in old, source.folder("Before", "Below"):
                here.create(name, subscribe=True)
                for number in range(5):
                    here.append(name, mailbox.note(number, name), [], mailbox.DATES[3])
        with Proxy(dest.port) as proxy:
            words = ["migrate", source.url(user), dest.url(f"named-{one}", port=proxy.port), "--job", job, *PLAIN]
            t.equal(run(t, *words, env={"IMEX_DEST_PASSWORD": PASSWORD}, timeout=120).code, 1, "the first run")
            with source.client(user, PASSWORD) as here:
                was = here.status(old)["uidvalidity"]
                here.rename(old, new)
                keeps = here.status(new)["uidvalidity"] == was
            proxy.reset()
            t.equal(run(t, *words, env={"IMEX_DEST_PASSWORD": PASSWORD}, timeout=120).code, 1, "the run after that")
            if keeps:
                t.equal(len(proxy.commands("RENAME")), 1, "one RENAME")
                t.equal(proxy.commands("APPEND|CREATE"), [], "nothing else is sent")
            proxy.reset()
            t.equal(run(t, *words, env={"IMEX_DEST_PASSWORD": PASSWORD}, timeout=120).code, 1, "a further run")
            t.equal(proxy.commands("APPEND|CREATE|RENAME|(UN)?SUBSCRIBE"), [], "which has nothing to do")
            done = run(t, "verify", job, *PLAIN, env={"IMEX_DEST_PASSWORD": PASSWORD}, timeout=120)
            t.ok(done.code in (0, 1), "verified", done)
        with dest.client(f"named-{one}", PASSWORD) as there:
            names = [dest.folder("After"), dest.folder("After", "Below")]
            t.equal([len(there.messages(name)) for name in names], [5, 5], "messages under the new names")
            if keeps:
                t.equal([n for n in there.folders() if "Before" in n], [], "folders with the old one")
                t.equal(sorted(n for n in there.subscriptions() if "Before" in n or "After" in n), sorted(names),
                        "subscriptions")
    return test


def came(client):
    """The messages in the INBOX below `watched`; it may not be there yet."""
    names = [n for n in arrival.selectable(client) if "watched" in n and n.endswith("INBOX")]
    return client.messages(names[0]) if names else []


def tests(stage):
    pairs = [(one, other) for other in servers.ALL for one in servers.ALL]
    return [(f"{one} to {other} in one step", step(stage, one, other)) for one, other in pairs] + \
        [(f"{one} to {other} through files", files(stage, one, other)) for one, other in pairs] + \
        [(f"access rights and annotations from {one} to {other}", extras(stage, one, other))
         for one in ("dovecot", "cyrus") for other in ("dovecot", "cyrus")] + \
        [(f"{one} watched into {other}", watch(stage, one, other))
         for one, other in (("dovecot", "dovecot"), ("cyrus", "dovecot"), ("courier", "dovecot"))] + \
        [(f"{one} mirrored into {other}", mirrored(stage, one, other))
         for one, other in (("dovecot", "dovecot"), ("cyrus", "dovecot"), ("dovecot", "cyrus"), ("dovecot", "courier"))] + \
        [(f"{one} renamed into {other}", renamed(stage, one, other))
         for one, other in (("dovecot", "dovecot"), ("dovecot", "cyrus"), ("dovecot", "courier"), ("courier", "dovecot"))] + \
        [(f"refused: {what}", lambda t, f=function: f(t, stage))
         for what, function in tap.discover(vars(refusals))]


def main():
    reason = servers.why_not()
    if reason:
        print(f"1..0 # SKIP {reason}")
        sys.exit(0)
    begin = time.monotonic()
    with Stage() as stage:
        print(f"# {', '.join(stage.servers)}: {time.monotonic() - begin:.1f} s")
        tap.main(tests(stage), jobs=2, fork=True, timeout=150 * SCALE)


if __name__ == "__main__":
    main()
