"""A Dovecot that does not take everything: each is named, the rest is there, and once it does, a
second run completes without sending anything twice."""

import json
import os

import mailbox
import servers
from client import quote
from imexrun import PASSWORD, Job
from move import PATIENCE, PLAIN, USER, Move


def moving(t, stage, only, extra=None):
    """(move, command) into a Dovecot of its own; extra: lines of its configuration."""
    source, _ = stage.pair(t, "dovecot", "dovecot")
    # A file that is there from the start can be changed later.
    dest = servers.Dovecot(extra or "# nothing", DOVECOT_AUTO="no").start()
    t.cleanup(dest.stop)
    t.context("the destination", dest.describe)
    for user in ("dest", "oracle"):
        dest.add_user(user, PASSWORD)
    move = Move(t, source, dest, "dest", "oracle")
    folders = [word for name in only for word in ("--folder", name)]
    return move, ["migrate", source.url(USER), move.url, "--job", move.job, *folders, *PLAIN, *PATIENCE]


def allow(move, extra="# nothing"):
    """The administrator changes the configuration."""
    move.oracle.close()
    with open(move.dest.knobs["DOVECOT_EXTRA"], "w", encoding="utf-8") as conf:
        conf.write(extra)
    move.dest.restart()
    move.oracle.open()


def told(t, job, done, words):
    """The run and its report say what the server said."""
    t.equal(done.code, 2, "something has no good verdict")
    t.matches(json.dumps(Job(t, job).report()) + done.text, words, "the report has the server's words")
    t.equal([e["text"] for e in Job(t, job).events() if e["event"] == 30004 and "quota" not in e["text"]], [],
            "the account went to its end")


def completes(move, command, only):
    t, done = move.t, move.imex(*command)
    t.equal(done.code, 1, "once it is allowed, the same command completes")
    move.arrived(only=only)
    done = move.imex(*command)
    move.nothing_sent(done, "a further run")


def test_over_quota(t, stage):
    only = ["Flags", "Dates", "INBOX"]
    move, command = moving(t, stage, only, "plugin {\n quota_rule = *:storage=12K\n}\n")
    done = move.imex(*command)
    t.equal(done.code, 74, "what cannot fit is not begun")
    t.matches(done.text, r"needs \d+ kB, and the quota of the destination leaves 12 kB", "the error")
    # Mail that is there may be the same: then only the server knows what is too much.
    allow(move, "plugin {\n quota_rule = *:storage=24K\n}\n")
    with move.client() as client:
        client.create("Else")
        client.append("Else", mailbox.note(777, "was here before", "x" * 70 + "\r\n" * 2 + "y" * 12000))
    told(t, move.job, move.imex(*command), "OVERQUOTA")
    with move.client() as client:
        count = sum(client.status(name)["messages"] for name in client.folders() if name != "Else")
    t.ok(0 < count < 64 + 8 + 12, f"some messages are there: {count}")
    allow(move)
    completes(move, command, only)


def test_folder_that_may_not_be_written(t, stage):
    only = ["Flags", "Dates"]
    move, command = moving(t, stage, only)
    with move.client() as client:
        client.create("Flags")
        client.command(b"SETACL", quote("Flags"), b"dest", b"lrs")
    told(t, move.job, move.imex(*command), "NOPERM|Permission denied")
    with move.client() as client:
        t.equal(client.status("Flags")["messages"], 0, "nothing came into the folder")
    move.arrived(only=["Dates"])
    with move.client() as client:
        client.command(b"SETACL", quote("Flags"), b"dest", b"lrswite")
    completes(move, command, only)


def test_login_that_may_not_create_folders(t, stage):
    only = ["Flags", "INBOX"]
    rules = os.path.join(t.tmpdir("acl"), "acl")
    os.chmod(os.path.dirname(rules), 0o755)
    with open(rules, "w", encoding="ascii") as file:
        file.write("* owner lrwstiea\n")
    move, command = moving(t, stage, only, f"plugin {{\n acl = vfile:{rules}\n}}\n")
    told(t, move.job, move.imex(*command), "NOPERM|Permission denied")
    move.arrived(only=["INBOX"])
    allow(move)
    completes(move, command, only)
