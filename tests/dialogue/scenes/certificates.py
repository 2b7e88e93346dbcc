"""A certificate that proves nothing ends the run before the password is sent."""

from scene import *


def refused(t, kind, word, *more):
    server = t.server(tls="implicit", cert=kind)
    job, run = t.extract(server, *more)
    t.exits(run, 69)
    t.one_line_error(run)
    t.says(run, f"(?i){word}")
    t.equal(server.transcript.commands(), [], "commands sent")
    return server


def scene_expired(t):
    refused(t, "expired", "expired")


def scene_wrong_name(t):
    refused(t, "wrong-name", "name|host|mismatch|not valid for")


def scene_untrusted(t):
    refused(t, "untrusted", "issuer|trust|verif|self.signed|authority")


def scene_expired_under_starttls(t):
    server = t.server(tls="starttls", cert="expired")
    _, run = t.extract(server)
    t.exits(run, 69)
    t.never_sent(server, "LOGIN", "AUTHENTICATE")


def scene_good(t):
    server = t.server(tls="implicit")
    job, run = t.extract(server)
    t.exits(run, 0)
    t.complete(job, server)
    t.read_only(server)


def scene_right_pin_as_hex(t):
    server = t.server(tls="implicit")
    job, run = t.extract(server, "--tls-pin", "sha256:" + t.certs().pin("good"))
    t.exits(run, 0)
    t.complete(job, server)


def scene_right_pin_as_base64(t):
    server = t.server(tls="implicit")
    job, run = t.extract(server, "--tls-pin", "sha256:" + t.certs().pin("good", "base64"))
    t.exits(run, 0)
    t.complete(job, server)


def scene_wrong_pin(t):
    refused(t, "good", "pin", "--tls-pin", "sha256:" + t.certs().pin("other"))


def scene_insecure_tls_is_said(t):
    server = t.server(tls="implicit", cert="expired")
    job, run = t.extract(server, "--insecure-tls")
    t.exits(run, 1)
    t.complete(job, server)
    t.ok("insecure-tls" in str(job.report()) + str(job.events()), "the report says so")


def scene_insecure_tls_does_not_allow_plain_text(t):
    server = t.server(tls=None)
    _, run = t.extract(server, options=["--insecure-tls"])
    t.exits(run, 69)
    t.never_sent(server, "LOGIN", "AUTHENTICATE")
