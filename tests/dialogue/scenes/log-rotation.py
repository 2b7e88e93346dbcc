"""SIGHUP, as from logrotate: events go on in a new events.jsonl, and none is lost or torn."""

import json
import pty

from scene import *
import imexrun


def lines(path):
    with open(path, "rb") as file:
        text = file.read()
    return text, [json.loads(line) for line in text.splitlines()]


def scene_the_terminal_is_gone(t):
    """That, too, is SIGHUP: the run ends in order, and the same command goes on."""
    server = t.server(sample(count=30))
    job = Job(t)
    gate = server.hold(uid=3, folder="INBOX")
    words = [*imexrun.program(), "extract", server.url(), "--to", job.path, *t.options(server)]
    pid, master = pty.fork()
    if pid == 0:
        os.environ.update(IMEX_PASSWORD=imexrun.PASSWORD, TERM="dumb")
        os.execvp(words[0], words)
    gate.must_be_reached(t)
    os.close(master)
    gate.open()
    t.equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 75, "exit code")
    t.equal(job.events(30210), [], "the log was not opened anew")
    t.retry_until_done(server, job=job, allowed=(0,))
    t.complete(job, server)


def scene_renamed(t):
    server = t.server(sample(count=30))
    gate, job, run = t.extract_held(server)
    log, old = os.path.join(job.path, "events.jsonl"), os.path.join(job.path, "events.jsonl.1")
    os.rename(log, old)
    run.signal(signal.SIGHUP)
    t.must(t.until(lambda: os.path.exists(log) and os.path.getsize(log) > 0, 20), "a new events.jsonl")
    gate.open()
    t.exits(run.wait(), 0)
    before, after = lines(old), lines(log)
    t.ok(before[0].endswith(b"\n") and after[0].endswith(b"\n"), "whole lines in both")
    t.equal(after[1][0]["event"], 30210, "the first event of the new file")
    numbers = [e["event"] for e in before[1] + after[1]]
    t.equal([n for n in numbers if n in (30002, 30003)], [30002, 30003], "the account's begin and end, once each")
    t.equal(numbers.count(30021), len(list(server.store)), "each folder's proof, once")
    t.complete(job, server)
    # Neither a later run nor the report asks for the old file, and a torn last line is cut as ever.
    os.remove(old)
    with open(log, "ab") as file:
        file.write(b'{"time":"2026-')
    _, run = t.extract(server, job=job)
    t.exits(run, 0)
    t.equal(len(job.report()["accounts"]), 1, "accounts of the report")
    t.ok(len(job.events()) > len(after[1]), "events of the further run")
