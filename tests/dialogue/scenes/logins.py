"""AUTHENTICATE with servers that break it: nobody is believed, nothing leaks, and the error says what to do."""

import base64
import hashlib
import hmac
import json

from scene import *

TOKEN = "ya29.a0-Token_0123456789"
SCRAM = "SASL-IR LOGINDISABLED AUTH=SCRAM-SHA-256"


def b64(octets):
    return base64.b64encode(octets).decode()


def scram(t, end, password=PASSWORD, rounds=4096):
    """A server with SCRAM-SHA-256 alone; end(call, signature): its answer to the proof of the client."""
    server = t.server(caps=SCRAM)

    def answer(call):
        first = base64.b64decode(call.data.split(b" ")[-1])
        bare = first.split(b",", 2)[2]
        nonce = dict(part.split(b"=", 1) for part in bare.split(b","))[b"r"] + b"server"
        said = b"r=" + nonce + b",s=" + base64.b64encode(b"salt salt") + b",i=%d" % rounds
        final = server._challenge(call, base64.b64encode(said))
        without = final.rpartition(b",p=")[0]
        key = hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt salt", min(rounds, 4096))
        signature = hmac.new(hmac.new(key, b"Server Key", "sha256").digest(), b",".join([bare, said, without]), "sha256")
        return end(call, signature.digest())

    server.on("AUTHENTICATE SCRAM", answer)
    return server


def let_in(server, call):
    call.session.user = server.user
    return server.ok(call)


def scene_scram(t):
    """Both sides have shown that they know the password."""
    def end(call, signature):
        server._challenge(call, base64.b64encode(b"v=" + base64.b64encode(signature)))
        return let_in(server, call)
    server = scram(t, end)
    job, run = t.extract(server)
    t.exits(run, 0)
    t.complete(job, server)


def scene_scram_of_an_impostor(t):
    """A server that takes any password, and cannot show that it knows this one."""
    def at_once(call, _):
        return let_in(server, call)

    def in_vain(call, _):
        server._challenge(call, base64.b64encode(b"v=" + base64.b64encode(b"x" * 32)))
        return let_in(server, call)

    def too_short(call, _):
        server._challenge(call, base64.b64encode(b"v="))
        return let_in(server, call)

    for end in (at_once, in_vain, too_short):
        server = scram(t, end)
        server.forgiven = ["not base64"]        # "*" ends the exchange
        job, run = t.extract(server)
        t.exits(run, 77)
        t.one_line_error(run)
        t.says(run, "has not shown that it knows the password|SCRAM-SHA-256: ")
        t.secret_free(job, run, PASSWORD)
        t.equal(server.transcript.count("LIST|EXAMINE|SELECT"), 0, "nothing more is asked of it")


def scene_scram_that_takes_for_ever(t):
    """How often the password is digested is the server's choice, up to a limit."""
    for rounds in (1000001, 2 ** 31 - 1, 2 ** 64):
        server = scram(t, lambda call, _: let_in(server, call), rounds=rounds)
        server.forgiven = ["not base64"]
        job, run = t.extract(server)
        t.exits(run, 77)
        t.says(run, "SCRAM-SHA-256: it asks for more than 1000000 rounds")


def scene_challenges_that_are_none(t):
    for caps, mechanism in (("AUTH=CRAM-MD5", "CRAM-MD5"), ("AUTH=DIGEST-MD5", "DIGEST-MD5"), ("AUTH=LOGIN", "LOGIN"),
                            ("SASL-IR AUTH=SCRAM-SHA-1", "SCRAM-SHA-1"), ("AUTH=SCRAM-SHA-256", "SCRAM-SHA-256")):
        for said in (b"not base64 at all!", base64.b64encode(b"\0\xff" * 40), base64.b64encode(b"x" * 3000), b""):
            server = t.server(caps="LOGINDISABLED " + caps)
            server.forgiven = ["not base64"]

            def answer(call):
                for _ in range(3):
                    server._challenge(call, said)
                return call.tagged("BAD that is the end")
            server.on("AUTHENTICATE", answer)
            job, run = t.extract(server)
            t.exits(run, 77)
            t.one_line_error(run)
            t.secret_free(job, run, PASSWORD)


def scene_challenges_without_end(t):
    for caps in ("AUTH=CRAM-MD5", "AUTH=LOGIN", "SASL-IR AUTH=PLAIN", "AUTH=SCRAM-SHA-256"):
        server = t.server(caps="LOGINDISABLED " + caps)
        server.forgiven = ["not base64"]

        def answer(call):
            while True:
                server._challenge(call, b"VXNlcm5hbWU6")
        server.on("AUTHENTICATE", answer)
        job, run = t.extract(server, timeout=30)
        t.within(run.code, (69, 77), f"{caps}: it ends: {run.err}")
        t.one_line_error(run)
        t.secret_free(job, run, PASSWORD)


def tokens(t, refusal, caps="SASL-IR AUTH=PLAIN AUTH=XOAUTH2"):
    """A server that refuses each token, with such a challenge before its NO."""
    server = t.server(caps=caps)
    server.said = []

    def answer(call):
        server.said.append(server._challenge(call, refusal))
        return call.tagged("NO AUTHENTICATE failed.")
    server.on("AUTHENTICATE", answer)
    return server


@quirk(9)
def scene_token_refused(t):
    """Why stands in a challenge before the answer; the client says a last, empty word."""
    why = json.dumps({"status": "400", "schemes": "bearer", "scope": "https://mail.google.com/"})
    for caps, last in (("SASL-IR AUTH=XOAUTH2", b""), ("SASL-IR AUTH=OAUTHBEARER AUTH=XOAUTH2", b"\1")):
        server = tokens(t, b64(why.encode()).encode(), caps)
        job, run = t.extract(server, "--auth", "oauth", password=TOKEN)
        t.exits(run, 77)
        t.one_line_error(run)
        t.says(run, r"refused the access token of 'usuario'.*\(status 400, scope https://mail.google.com/\); get a new token")
        t.equal(server.said, [last], "the last word")
        t.secret_free(job, run, TOKEN)
        t.sent_once(server, "AUTHENTICATE")


def scene_token_refused_in_hostile_words(t):
    long = json.dumps({"status": "4" * 5000, "scope": "\x1b[31m\r\n* OK"})
    for words in (long, '{"status": 400}', "[1, 2", json.dumps({"error": TOKEN}), '{"scope": ' * 900, "\0\0\0"):
        server = tokens(t, b64(words.encode()).encode())
        job, run = t.extract(server, "--auth", "xoauth2", password=TOKEN)
        t.exits(run, 77)
        t.one_line_error(run)
        t.ok("\x1b" not in run.text, "no control character is shown", run)
        t.secret_free(job, run, TOKEN)


def scene_token_echoed(t):
    """The echo has the base64 response."""
    server = t.server(caps="SASL-IR AUTH=XOAUTH2")
    server.on("AUTHENTICATE", lambda call: call.tagged(f'BAD "{call.tag} {call.text}"'))
    job, run = t.extract(server, "--auth", "oauth", password=TOKEN)
    t.exits(run, 77)
    t.secret_free(job, run, TOKEN, b64(f"user=usuario\1auth=Bearer {TOKEN}\1\1".encode()).rstrip("="))


def scene_password_where_tokens_are_meant(t):
    """Who is refused with a password learns that the server takes tokens."""
    server = t.server(caps="SASL-IR AUTH=PLAIN AUTH=XOAUTH2")
    _, run = t.extract(server, password="of the account")
    t.exits(run, 77)
    t.says(run, "check user name and password, or give an access token with --auth oauth")


def scene_way_that_is_not_offered(t):
    server = t.server(caps="SASL-IR AUTH=PLAIN")
    for way, name in (("scram", "SCRAM"), ("oauth", "OAuth 2"), ("digest-md5", "DIGEST-MD5")):
        _, run = t.extract(server, "--auth", way)
        t.exits(run, 77)
        t.says(run, rf"does not offer {name} \(--auth\); its capabilities: .*AUTH=PLAIN")
    t.equal(server.transcript.count("LOGIN|AUTHENTICATE"), 0, "nothing is tried")


def scene_login_for_others_is_not_offered(t):
    server = t.server(caps="AUTH=LOGIN AUTH=CRAM-MD5")
    _, run = t.extract(server, "--auth-user", "admin")
    t.exits(run, 77)
    t.says(run, "no way to log in for another user")
    t.equal(server.transcript.count("LOGIN|AUTHENTICATE"), 0, "nothing is tried")


def scene_unknown_way(t):
    server = t.server()
    _, run = t.extract(server, "--auth", "scram-md5")
    t.exits(run, 64)
    t.says(run, "--auth.*scram-sha-256")
    t.equal(server.connections, 0, "nobody is asked")
