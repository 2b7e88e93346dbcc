"""imex check looks, says what it saw, and changes nothing."""

import json

from banyan import Banyan
from scene import *


def scene_says_what_is_there(t):
    server = t.server()
    before = server.store.snapshot()
    run = t.check(server)
    t.exits(run, 0)
    for word in ("model", "IMAP4rev1", "INBOX", "Archive/2003", "Sent", r"BODY\.PEEK\[\]"):
        t.says(run, word)
    t.read_only(server)
    t.equal(server.store.snapshot(), before, "the source")
    bodies = server.transcript.commands(r"UID FETCH .*BODY\.PEEK\[\]")
    t.ok(len(bodies) <= 1, "the form is tried on one message", bodies)


def scene_json(t):
    server = t.server()
    run = t.check(server, "--json")
    t.exits(run, 0)
    said = json.loads(run.out)
    t.ok(isinstance(said, dict), "an object")
    t.ok("Archive/2003" in run.out.decode(), "the folders")


def scene_banyan(t):
    """The form that works sets \\Seen, so it is tried on a message that has it."""
    server = t.serve(Banyan())
    before = server.store.snapshot()
    run = t.check(server, password="migracion")
    t.within(run.code, (0, 1), "exit code")
    t.equal(server.store.snapshot(), before, "the flags on the source")
    t.never_sent(server, "SELECT", "(UID )?STORE")
    t.says(run, "RFC822")


def scene_banyan_with_nothing_read(t):
    server = t.serve(Banyan())
    for folder in server.store:
        for message in folder:
            message.flags.discard("\\Seen")
    before = server.store.snapshot()
    run = t.check(server, password="migracion")
    t.equal(server.store.snapshot(), before, "the flags on the source")
    t.says(run, r"would set \\Seen, not tried")


def scene_refused_login(t):
    server = t.server()
    run = t.check(server, password="wrong")
    t.exits(run, 77)
    t.one_line_error(run)
