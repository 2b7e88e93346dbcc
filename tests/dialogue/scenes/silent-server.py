"""A server that falls silent is left after --timeout, and what it owes is got again."""

from scene import *


def scene_no_greeting(t):
    server = t.script(lambda s: s.send(Stall))
    _, run = t.extract(server, "--timeout", "2s")
    t.exits(run, 69)
    t.ok(run.seconds < 20, f"it took {run.seconds:.1f} s")


def scene_in_a_literal_once(t):
    server = t.server()
    server.fetch(uid=3, folder="INBOX", times=1, reply=lambda f: [f.value[:30], Stall])
    job, run = t.extract(server, "--timeout", "2s")
    t.exits(run, 0, 1)
    t.complete(job, server)
    t.no_doubles(job)


def scene_to_one_command_once(t):
    server = t.server()
    server.on("UID FETCH", Stall, times=1)
    job, run = t.extract(server, "--timeout", "2s")
    t.exits(run, 0, 1)
    t.complete(job, server)


def scene_for_ever(t):
    """Each connection stalls at the same command: an end with an error, in bounded time."""
    server = t.server()
    server.on("EXAMINE", Stall)
    job, run = t.extract(server, "--timeout", "1s", timeout=45)
    t.within(run.code, (2, 69, 74, 75), "exit code")
    server.clear()
    t.retry_until_done(server, job=job)
    t.complete(job, server)
