"""The way to the server begins while the state is made; the login waits until all is well there."""

from scene import *

LOGIN = r"(LOGIN|AUTHENTICATE) "


def scene_no_login_for_a_job_that_is_refused(t):
    """What is wrong with the directory is told at once, and no login was spent on it."""
    server = t.server()
    job = t.first_run(server)
    mark = server.transcript.mark()
    _, run = t.extract(server, "--format", "mbox", job=job)
    t.exits(run, 78)
    t.one_line_error(run)
    t.never_sent(server.transcript.since(mark), LOGIN)


def scene_silent_server_of_a_job_that_is_refused(t):
    """Nobody waits for a greeting that does not come."""
    server = t.server()
    job = t.first_run(server)
    server.greeting = lambda session: Stall()
    _, run = t.extract(server, "--format", "mbox", "--timeout", "40s", job=job, timeout=30)
    t.exits(run, 78)
    t.one_line_error(run)
    server.greeting = None
    t.complete(job, server)


def scene_one_login(t):
    """Dialled once, logged in once."""
    server = t.server(sample(("INBOX",)))
    t.first_run(server)
    t.equal(server.transcript.count(LOGIN), 1, "logins")
    t.equal(len({e.connection for e in server.transcript.entries}), 1, "connections")


def scene_interrupted_before_the_greeting(t):
    """A signal ends the wait for a session that another thread opens."""
    gate = Gate()
    server = t.server()
    server.greeting = lambda session: gate
    job, run = t.start_extract(server)
    gate.must_be_reached(t, "imex has connected")
    run.signal(signal.SIGINT)
    t.exits(run.wait(), 75)
    server.greeting = None
    gate.open()
    t.retry_until_done(server, job=job, allowed=(0,))
    t.complete(job, server)


def scene_further_connections(t):
    """They are logged in while the first one finds out how bodies are asked for, and ask for none."""
    server = t.server(sample(count=3))

    @server.on(r"UID FETCH \d+ \(BODY", times=1)
    def _(call):
        t.ok(server.transcript.wait_for(LOGIN, count=3), "the others log in meanwhile")
        t.equal(server.transcript.count(r"UID FETCH .*BODY"), 1, "bodies asked for so far")
        return call.normal()
    job, run = t.extract(server, "--connections", "3")
    t.exits(run, 0)
    t.complete(job, server)
