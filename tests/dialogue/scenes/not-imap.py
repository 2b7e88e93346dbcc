"""What answers is not an IMAP server: exit 69, one line, and nothing is sent to it."""

from scene import *


def refused(t, *pieces):
    server = t.script(lambda s: (s.send(*pieces), s.end()))
    job, run = t.extract(server, "--timeout", "2s")
    t.exits(run, 69)
    t.one_line_error(run)
    t.never_sent(server, "LOGIN", "AUTHENTICATE")
    t.secret_free(job, run, PASSWORD)
    return run


def scene_smtp(t):
    refused(t, "220 mail.example.org ESMTP\r\n")


def scene_http(t):
    refused(t, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", Cut)


def scene_pop3(t):
    refused(t, "+OK POP3 ready\r\n")


def scene_a_tls_alert(t):
    refused(t, b"\x15\x03\x01\x00\x02\x02\x46", Cut)


def scene_closed_without_a_word(t):
    t.says(refused(t, Cut), r"port \d+ closed the connection without a greeting; check host and port")


def scene_a_line_without_end(t):
    refused(t, b"* OK " + b"x" * (3 << 20))


def scene_silence(t):
    refused(t, Stall)


def scene_greeting_bye(t):
    server = t.script(lambda s: (s.send("* BYE overloaded, go away\r\n"), s.send(Cut)))
    _, run = t.extract(server)
    t.exits(run, 69)
    t.says(run, "overloaded, go away")


def scene_closed_port(t):
    server = t.server()
    server.stop()
    _, run = t.extract(server)
    t.exits(run, 69)
    t.one_line_error(run)
