"""imap:// means STARTTLS. Without it no password is sent, on loopback either."""

from scene import *

SECRETS = (r"LOGIN", r"AUTHENTICATE")


def no_password(t, server, job, run):
    t.exits(run, 69)
    t.one_line_error(run)
    t.never_sent(server, *SECRETS)
    t.secret_free(job, run, PASSWORD)


def scene_not_offered(t):
    server = t.server(tls=None)
    no_password(t, server, *t.extract(server, options=[]))


def scene_refused(t):
    server = t.server(tls="starttls")
    server.on("STARTTLS", "$TAG NO not today\r\n")
    no_password(t, server, *t.extract(server))


def scene_plain_text_after_the_ok(t):
    """The server, or someone between, goes on in plain text: the handshake fails."""
    server = t.server(tls="starttls")
    server.on("STARTTLS", lambda call: [call.tagged("OK go"), Pause(0.05), "* OK still plain\r\n",
                                        Stall(2), Cut])
    no_password(t, server, *t.extract(server))


def scene_preauth(t):
    """PREAUTH before STARTTLS would make all the session plain text."""
    server = t.server(tls="starttls", greeting="* PREAUTH welcome\r\n")
    job, run = t.extract(server)
    no_password(t, server, job, run)
    t.only_sent(server, "CAPABILITY", "LOGOUT")


def scene_injected_capabilities(t):
    """Octets that come with the OK are older than TLS and are dropped."""
    server = t.server(tls="starttls")

    @server.on("STARTTLS", times=1)
    def _(call):
        call.session.go_tls = True
        return call.tagged("OK go") + b"* CAPABILITY IMAP4rev1 INJECTED\r\n"
    job, run = t.extract(server)
    t.within(run.code, (1, 69), "told, at least as a warning")
    if run.code == 1:
        t.complete(job, server)
        t.sent_times(server, "CAPABILITY", server.transcript.count("CAPABILITY"))
    t.ok(b"INJECTED" not in run.out + run.err, "the injected line had no effect")


def scene_starttls_works(t):
    server = t.server(tls="starttls")
    job, run = t.extract(server)
    t.exits(run, 0)
    t.complete(job, server)
    t.read_only(server)
    commands = server.transcript.commands()
    t.ok(commands.index("STARTTLS") <= 1, "STARTTLS comes first", commands[:4])


def scene_insecure_plaintext_is_said(t):
    server = t.server(tls=None)
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)
    t.ok("insecure-plaintext" in str(job.report()) + str(job.events()), "the report says so")


def allowed(t, server):
    return t.extract(server, "--insecure-plaintext")


def told(job):
    return "nothing is encrypted" in str(job.events(30013))


def scene_insecure_plaintext_leaves_starttls_alone(t):
    """Where it is offered, too: a certificate of the server's own does not shut anybody out."""
    server = t.server(tls="starttls", cert="untrusted")
    job, run = allowed(t, server)
    t.exits(run, 1)
    t.complete(job, server)
    t.never_sent(server, "STARTTLS")
    t.ok(told(job), "the report says that nothing is encrypted")


def scene_insecure_plaintext_where_tls_is_a_must(t):
    """Nobody logs in without TLS there, which the option keeps away: the message says which one it is."""
    server = t.server(tls="starttls", greeting="* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hm\r\n")
    job, run = allowed(t, server)
    t.exits(run, 77)
    t.says(run, "lets nobody log in without TLS, which it offers: leave --insecure-plaintext away")
    t.never_sent(server, "LOGIN|AUTHENTICATE")


def scene_insecure_plaintext_is_said_once(t):
    """By several connections of one account, too."""
    server = t.server(tls=None)
    job, run = t.extract(server, "--connections", "3")
    t.exits(run, 1)
    t.equal(len(job.events(30013)), 1, "one event")


def scene_insecure_plaintext_and_preauth(t):
    """STARTTLS is not possible any more."""
    server = t.server(tls="starttls", greeting="* PREAUTH welcome\r\n")
    job, run = allowed(t, server)
    t.exits(run, 1)
    t.complete(job, server)
    t.ok(told(job), "the report says so")


def scene_words_from_before_tls(t):
    """Not one is shown, whatever ends the session; and a control character is written as imex-limits(7) says."""
    for make in (lambda s: setattr(s, "greeting", "* BYE [ALERT] \x1b[31m evil.example\r\n"),
                 lambda s: setattr(s, "greeting", "* BYE [AUTHENTICATIONFAILED] evil.example\r\n"),
                 lambda s: setattr(s, "greeting", "evil.example\r\n"),
                 lambda s: s.on("STARTTLS", "$TAG NO evil.example\r\n"),
                 lambda s: s.on("STARTTLS", "* evil.example\r\n$TAG BAD evil.example\r\n"),
                 lambda s: s.on("CAPABILITY", "$TAG NO evil.example\r\n")):
        server = t.server(tls="starttls")
        make(server)
        job, run = t.extract(server, "--timeout", "1s")
        t.ok(run.code not in (0, 1), "exit code", run.code)
        t.ok(b"evil" not in run.out + run.err, "not on the terminal", run.err)
        t.ok("evil" not in str(job.events()), "nor in the log")
        t.never_sent(server, *SECRETS)
    server = t.server(tls=None, greeting="* BYE \x1b[31m no\r\n")
    _, run = t.extract(server, "--timeout", "1s")
    t.ok(rb"\x1b[31m" in run.err and b"\x1b" not in run.err, "written so that it does nothing", run.err)
