"""A refused login is said once, exit 77, and no echo of the server leaks the password."""

from scene import *
from people import *

ECHO = 'S3cr"et\\tail9'


def echo(call):
    """What the server of the story does with every line it dislikes."""
    return call.tagged(f'BAD "{call.tag} {call.text}"')


def scene_login_echoed(t):
    server = t.server(caps="LOGIN-REFERRALS", level="IMAP4")
    server.on("LOGIN", echo)
    job, run = t.extract(server)
    t.exits(run, 77)
    t.one_line_error(run)
    t.secret_free(job, run, PASSWORD)
    event = t.one_event(job, 14002)
    t.ok("***" in event.get("reply", ""), "the reply is kept with *** for the password", event)
    t.sent_once(server, "LOGIN|AUTHENTICATE")


def scene_quoted_password_echoed(t):
    """The echo has the password as it was quoted on the wire."""
    server = t.server(caps="", level="IMAP4")
    server.on("LOGIN", echo)
    job, run = t.extract(server, password=ECHO)
    t.exits(run, 77)
    t.secret_free(job, run, ECHO, "S3cr", "tail9")


def scene_sasl_echoed(t):
    """The echo has the base64 response of AUTHENTICATE PLAIN."""
    server = t.server(caps="SASL-IR LOGINDISABLED")
    server.on("AUTHENTICATE", echo)
    server.on("LOGIN", echo)
    server.forgiven = ["LOGINDISABLED"]
    job, run = t.extract(server)
    t.exits(run, 77)
    t.secret_free(job, run, PASSWORD)


def scene_wrong_password(t):
    server = t.server()
    job, run = t.extract(server, password="not the one")
    t.exits(run, 77)
    t.one_line_error(run)
    t.secret_free(job, run, "not the one")
    t.sent_once(server, "LOGIN|AUTHENTICATE")


def scene_told_to_wait(t):
    server = t.server()
    server.on("LOGIN|AUTHENTICATE", "$TAG NO [UNAVAILABLE] try again later\r\n")
    _, run = t.extract(server)
    t.exits(run, 75)


# -- not for its password -----------------------------------------------------------------

TOO_MANY = ("NO [ALERT] Too many simultaneous connections. (Failure)",
            "NO Too many open connections (1 of 1 for a1)",
            "NO Maximum number of connections from user+IP exceeded (mail_max_userip_connections=1)")


@quirk(2, 30)
def scene_further_connections_refused(t):
    """The account goes on with the one it has, and one login alone is refused."""
    folders = tuple(["INBOX"] + [f"F{i}" for i in range(4)])
    for answer in (*TOO_MANY, "NO Login failed.", "NO [AUTHENTICATIONFAILED] Authentication failed."):
        for connections in (3, 32):
            server = t.serve(house(people("a", 1, count=30, folders=folders)))
            server.crossly("a1", answer, lambda: len(server.logins) > 1)
            job = Job(t)
            run = t.imex("extract", server.url_of("a1"), "--to", job, "--connections", str(connections),
                         *t.options(server), password=password_of("a1"))
            t.exits(run, 0)
            t.equal(len(server.logins), 2, f"logins where {answer!r}")
            t.equal(sum(f["stored"] for f in job.report()["accounts"][0]["folders"]), 150, "all is there")


@quirk(2)
def scene_too_many_of_a_list(t):
    """Where the first login of an account is refused so, it is tried again later."""
    for words in TOO_MANY:
        server = t.serve(house(people("a", 8)))
        for user in server.accounts:
            server.crossly(user, words, lambda: len(server.logins) % 4 == 3)
        job = Job(t)
        run = t.imex("extract", "--users", listed(t, server), "--to", job, "--jobs", "8", "--retry-delay", "100ms",
                     "--tries", "1", *ONE, *t.options(server), password=None, timeout=30)
        t.exits(run, 0)
        t.says(run, "8 accounts: 8 complete, 0 complete with warnings, 0 failed")
        t.equal([e["text"] for e in job.events() if e["level"] == "error"], [], "errors")
