"""The connection ends in the middle of a message: the same run gets it again, whole."""

import exchange

from scene import *


def half(f):
    return [f.value[:len(f.value) // 2], Cut]


def recovers(t, server, reply, **rule):
    server.fetch(uid=4, folder="INBOX", reply=reply, times=1, **rule)
    job, run = t.extract(server)
    t.exits(run, 0 if server.tls else 1)
    t.complete(job, server)
    t.no_doubles(job)
    t.read_only(server)
    t.ok(server.connections > 1, "it connected again")


@quirk(34)
def scene_cut(t):
    recovers(t, t.server(tls=None), half)


def scene_cut_without_close_notify(t):
    recovers(t, t.server(), half)


def scene_bye_inside(t):
    recovers(t, t.server(), lambda f: [f.value[:40], b"* BYE shutting down\r\n", Cut])


def scene_reset(t):
    recovers(t, t.server(), lambda f: [f.value[:40], Pause(0.05), Reset])


@quirk(34)
def scene_always_at_the_same_place(t):
    """One form never gets past the place, another does."""
    server = t.server()
    server.fetch(uid=4, folder="INBOX", item=r"BODY\.PEEK\[\]$", reply=half)
    job, run = t.extract(server)
    t.exits(run, 0, 1)
    t.complete(job, server)
    t.no_doubles(job)


@quirk(26, 34)
def scene_no_form_gets_past_it(t):
    """The message is given up after a few tries, all others are stored."""
    server = t.server()
    server.fetch(uid=4, folder="INBOX", item=r"BODY|RFC822(?!\.SIZE)", reply=Cut)
    job, run = t.extract(server, timeout=60)
    t.exits(run, 2)
    t.complete(job, server, without=[("INBOX", 4)])
    t.verdict(job, "INBOX", 4, "failed")
    t.ok(server.connections < 40, f"{server.connections} connections")


def scene_exchange(t):
    """What had come of it is in no file of the set."""
    server = t.server()
    server.fetch(uid=4, folder="INBOX", reply=half, times=1)
    job, run = t.extract(server, "--format", "exchange")
    t.exits(run, 1)
    for name in ("INBOX", "Sent"):
        t.counts(job, name, listed=6, stored=6)
    whole, _ = t.extract(t.server(), "--format", "exchange")
    t.equal(len(lines(job)), 24, "messages")
    t.equal(lines(job), lines(whole), "the same as without the cut")


def scene_exchange_of_a_large_message(t):
    """The same, when much of it was on its way into the set, and once more behind it."""
    def made():
        server = t.server()
        for letter in b"ab":
            server.store["INBOX"].add(b"Subject: big %c\r\n\r\n" % letter + b"0123456789 abcdefghijklmnopqrstuvwxyz\r\n" * 60000)
        return server
    server = made()
    for uid in (7, 8):
        server.fetch(uid=uid, folder="INBOX", reply=half, times=1)
    job, run = t.extract(server, "--format", "exchange")
    t.exits(run, 0, 1)
    whole, _ = t.extract(made(), "--format", "exchange")
    t.equal(lines(job), lines(whole), "the same as without the cuts")


def lines(job):
    """(folder, subject, body) of each message of the set."""
    return sorted((m.folder, m.subject, m.body) for s in exchange.read_folder(job.mail) for m in s.messages)
