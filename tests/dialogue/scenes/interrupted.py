"""Ctrl-C ends the run in order, exit 75; the same command goes on where it was."""

import re

from scene import *
from terminal import on_terminal
import imexrun


def undisturbed(t, server):
    job, run = t.extract(server)
    t.exits(run, 0)
    return t.tree(job)


def scene_once(t):
    server = t.server(sample(count=30))
    tree = undisturbed(t, server)
    gate, job, run = t.extract_held(server)
    run.interrupt()
    gate.open()
    t.exits(run.wait(), 75)
    t.says(run, "(?i)again|continue|resume")
    t.retry_until_done(server, job=job, allowed=(0,))
    t.complete(job, server)
    t.same_tree(tree, job)


def scene_sigterm(t):
    server = t.server(sample(count=30))
    gate, job, run = t.extract_held(server)
    run.interrupt(signal.SIGTERM)
    gate.open()
    t.exits(run.wait(), 75)
    t.retry_until_done(server, job=job, allowed=(0,))
    t.complete(job, server)


def scene_twice(t):
    """The second one stops at once, though a message is in flight."""
    server = t.server(sample(count=30))
    tree = undisturbed(t, server)
    _, job, run = t.extract_held(server, env=imexrun.ABRUPT)
    run.interrupt()
    run.signal(signal.SIGINT)
    t.exits(run.wait(), 75)
    t.ok(run.seconds < 8, f"it took {run.seconds:.1f} s")
    t.retry_until_done(server, job=job, allowed=(0,))
    t.same_tree(tree, job)


def scene_killed(t):
    server = t.server(sample(count=30))
    tree = undisturbed(t, server)
    _, job, run = t.extract_held(server)
    run.signal(signal.SIGKILL)
    run.wait()
    t.retry_until_done(server, job=job, allowed=(0,))
    t.complete(job, server)
    t.same_tree(tree, job)


def scene_while_a_command_prints_the_password(t):
    """Nobody waits for it any more, and what it has started is gone."""
    server = t.server(sample(count=3))
    for number, words in ((signal.SIGINT, ["extract", server.url(), "--to", Job(t)]),
                          (signal.SIGTERM, ["check", server.url()])):
        told = os.path.join(t.tmpdir("told"), "pid")
        hangs = f"sleep 600 & echo $! >'{told}.new'; mv '{told}.new' '{told}'; wait"
        run = imexrun.start(t, *words, "--password-command", hangs, *t.options(server), password=None)
        t.must(t.until(lambda told=told: os.path.exists(told)), "the command runs")
        with open(told, encoding="ascii") as file:
            pid = int(file.read())
        run.signal(number)
        t.exits(run.wait(), 75)
        t.says(run, "--password-command: interrupted while the command ran; run the same command again")
        t.one_line_error(run)
        t.ok(t.until(lambda pid=pid: not os.path.exists(f"/proc/{pid}")), "what the command started is gone")
    t.equal(server.connections, 0, "connections")


def scene_at_the_prompt(t):
    """Of the source and of the destination; the terminal shows again what is typed."""
    server = t.server(sample(count=3))
    for words, env in ((["check", server.url()], {}),
                       (["migrate", server.url(), "imaps://u@127.0.0.1:1/", "--job", str(Job(t))],
                        {"IMEX_PASSWORD": imexrun.PASSWORD})):
        ended = ["sh", "-c", 'trap : INT; "$@"; echo "code $?"; stty -a', "sh", *imexrun.program(), *words,
                 *map(str, t.options(server))]
        _, drawn = on_terminal(ended, {"TERM": "dumb", "HOME": t.tmpdir("home"), **env}, [b"\x03"], seconds=20)
        t.ok(b"Password of" in drawn, "it was asked for the password", drawn)
        t.ok(re.search(rb"interrupted at the password prompt.*code 75\r\n", drawn, re.S), "exit code 75", drawn)
        t.ok(re.search(rb"[ ;]echo\b", drawn), "the terminal is as it was", drawn)


def scene_two_on_one_job(t):
    """The second process is told who works there, and changes nothing."""
    server = t.server(sample(count=30))
    gate, job, first = t.extract_held(server)
    mark = server.transcript.mark()
    _, second = t.extract(server, job=job)
    t.exits(second, 75)
    t.says(second, rf"\b{first.pid}\b")
    t.one_line_error(second)
    t.never_sent(server.transcript.since(mark), "EXAMINE", "UID FETCH")
    gate.open()
    t.exits(first.wait(), 0)
    t.complete(job, server)


def scene_verify_of_a_run_that_did_not_end(t):
    """What was never fetched is missing, and not newer than the run."""
    server = t.server(sample(("INBOX",), count=8))
    gate = Gate()
    server.fetch(uid=5, folder="INBOX", item=r"BODY\.PEEK\[\]$", reply=lambda f: [f.value[:9], gate])
    job = Job(t)
    run = imexrun.start(t, "extract", server.url(), "--to", job, *t.options(server))
    gate.must_be_reached(t)
    run.signal(9)
    run.wait()
    gate.open()
    server.clear()
    run = imexrun.run(t, "verify", job, server.url(), *t.options(server))
    t.exits(run, 2)
    t.says(run, "DIFFERENT")
