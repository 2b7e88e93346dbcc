"""A refused login is said once, exit 77, and no echo of the server leaks the password."""

from scene import *

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
