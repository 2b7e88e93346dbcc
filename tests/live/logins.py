#!/usr/bin/env python3
"""Every way to log in, against a Dovecot that offers all of them, and Cyrus, whose admin logs in for others.

Dovecot checks access tokens by itself: JSON web tokens (RFC 7519), signed with a key of the test.
"""

import base64
import csv
import hashlib
import hmac
import json
import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "lib")]
import mailbox  # noqa: E402  (ours, not the library's)
import maildir  # noqa: E402
import servers  # noqa: E402
import tap      # noqa: E402
from imexrun import PASSWORD, Job, run  # noqa: E402
from proxy import Proxy  # noqa: E402

USER, OTHER = "ana-lopez", "bea"
ADMIN, ADMIN_PASSWORD = "overseer", "master-pA55"
KEY = b"a key that signs tokens"
BY_PASSWORD = ["plain", "login", "cram-md5", "digest-md5", "scram-sha-1", "scram-sha-256", "scram", "auto"]
MECHANISM = {"login": "LOGIN", "scram": "AUTHENTICATE SCRAM-SHA-256", "auto": "AUTHENTICATE PLAIN",
             "oauth": "AUTHENTICATE OAUTHBEARER"}

CONF = """
auth_mechanisms = {mechanisms}
passdb {{
  driver = passwd-file
  master = yes
  args = scheme=PLAIN username_format=%u {dir}/etc/masters
}}
plugin {{
  acl_user = %u
}}
# Else each wrong password makes the next login of this address slower.
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
passdb {{
  driver = oauth2
  mechanisms = oauthbearer xoauth2
  args = {dir}/etc/oauth2.conf
}}
"""
OAUTH2 = """
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={dir}/etc/keys/
username_attribute = sub
"""
ALL = "plain login cram-md5 digest-md5 scram-sha-1 scram-sha-256 oauthbearer xoauth2"


class Dovecot(servers.Dovecot):
    """With a master user, and tokens."""

    def __init__(self, mechanisms=ALL):
        super().__init__("# written below", DOVECOT_AUTO="no")
        self.mechanisms = mechanisms

    def _prepare(self):
        self.extra = CONF.format(dir=self.dir, mechanisms=self.mechanisms)
        self._put("etc/masters", f"{ADMIN}:{{PLAIN}}{ADMIN_PASSWORD}\n")
        self._put("etc/oauth2.conf", OAUTH2.format(dir=self.dir))
        self._put("etc/keys/default/HS256/default", base64.b64encode(KEY).decode())
        super()._prepare()

    def _put(self, name, text):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def token(user, seconds=600):
    """A JSON web token for this user that is good for so long."""
    def part(octets):
        return base64.urlsafe_b64encode(octets).rstrip(b"=")
    now = int(time.time())
    text = b".".join(part(json.dumps(value).encode()) for value in
                     ({"alg": "HS256", "typ": "JWT"}, {"sub": user, "iat": now - 60, "exp": now + seconds}))
    return (text + b"." + part(hmac.new(KEY, text, hashlib.sha256).digest())).decode()


class Stage:
    """Both servers, with two accounts of some messages each."""

    def __enter__(self):
        self.dovecot, self.cyrus = Dovecot().start(), servers.Cyrus().start()
        for server in (self.dovecot, self.cyrus):
            for user in (USER, OTHER):
                server.add_user(user, PASSWORD)
            for user in (USER, OTHER):
                fill(server, user)
        self.proxy = Proxy(self.dovecot.port).__enter__()
        return self

    def __exit__(self, *_):
        self.proxy.__exit__()
        self.dovecot.stop()
        self.cyrus.stop()

    def dir(self, name):
        return os.path.join(self.dovecot.dir, name)

    def extract(self, t, name, *args, port=None, server=None, user=USER, **options):
        """(job, run) of an extraction through the proxy, in plain text, so that commands are seen."""
        server = server or self.dovecot
        self.proxy.reset()
        t.context(server.name, server.describe)
        job = Job(t, self.dir(name))
        done = run(t, "extract", server.url(user, port=port or self.proxy.port), "--to", job, "--insecure-plaintext",
                   *args, **options)
        return job, done


def cut():
    """What the proxy calls to lose a connection."""
    raise ConnectionError("cut by the test")


def fill(server, user):
    with server.client(user, PASSWORD) as client:
        for number in range(3):
            client.append("INBOX", mailbox.note(number, user))


def stored(job):
    return sorted(m.wire for account in job.account_dirs() for m in maildir.messages(os.path.join(job.mail, account)))


def came(t, job, done, what, user=USER):
    t.equal(done.code, 1, f"{what}: complete, and the plain text is a warning")
    t.equal(stored(job), sorted(mailbox.note(n, user) for n in range(3)), f"{what}: the messages came")


def test_each_way_with_a_password(t, stage):
    for way in BY_PASSWORD:
        job, done = stage.extract(t, f"by-{way}", "--auth", way)
        came(t, job, done, way)
        wanted = MECHANISM.get(way, f"AUTHENTICATE {way.upper()}")
        t.ok(stage.proxy.commands(wanted + r"\b"), f"{way}: {wanted} was sent", *stage.proxy.commands())
        t.equal(len(stage.proxy.commands("LOGIN|AUTHENTICATE")), 1, f"{way}: once")
        _, done = stage.extract(t, f"not-by-{way}", "--auth", way, password="wrong")
        t.equal(done.code, 77, f"{way}: a wrong password is said as such")
        t.equal(len(stage.proxy.commands("LOGIN|AUTHENTICATE")), 1, f"{way}: and not tried again")


def test_what_is_left_is_found(t, stage):
    """A server that offers neither PLAIN nor LOGIN."""
    for mechanism in ("scram-sha-256", "digest-md5", "cram-md5"):
        with Dovecot(mechanism) as server:
            server.add_user(USER, PASSWORD)
            t.context("dovecot", server.describe)
            done = run(t, "extract", server.url(USER), "--to", os.path.join(server.dir, "job"), "--insecure-plaintext")
            t.equal(done.code, 1, f"{mechanism} alone: complete")
            done = run(t, "check", server.url(USER), "--insecure-plaintext", "--auth", "plain")
            t.equal(done.code, 77, f"{mechanism} alone: no PLAIN")
            t.matches(done.text, r"does not offer PLAIN \(--auth\).*" + mechanism.upper(), "what it has is told")
    with Dovecot("xoauth2") as server:
        server.add_user(USER, PASSWORD)
        done = run(t, "check", server.url(USER, tls=True), "--tls-ca", server.ca_file)
        t.equal(done.code, 77, "tokens alone: a password is not sent")
        t.matches(done.text, "takes access tokens and no passwords: give --auth oauth", "what to do")


def test_access_tokens(t, stage):
    for way in ("oauth", "xoauth2", "oauthbearer"):
        job, done = stage.extract(t, f"by-{way}", "--auth", way, password=token(USER))
        came(t, job, done, way)
        t.equal(len(stage.proxy.commands(MECHANISM.get(way, f"AUTHENTICATE {way.upper()}"))), 1, f"{way}: sent once")
        for bad, why in ((token(USER, -10), "one that has run out"), (token(OTHER), "that of somebody else"),
                         ("nonsense", "one that is none")):
            _, done = stage.extract(t, f"not-by-{way}", "--auth", way, password=bad)
            t.equal(done.code, 77, f"{way}: {why}")
            t.matches(done.text, f"refused the access token of '{USER}'.*get a new token", f"{way}: {why}: the error")
            t.ok(bad not in done.text and not job.files_with(bad.encode()), f"{way}: and shows no token")


def test_a_token_is_asked_for_again(t, stage):
    """A command is run for each login: the token of an hour ago is none any more."""
    count, fresh = stage.dir("count"), stage.dir("token")
    with open(fresh, "w", encoding="utf-8") as file:
        file.write(token(USER))
    command = f"echo x >> {count}; cat {fresh}"
    stage.proxy.reset()
    stage.proxy.strike(1500, cut)
    job = Job(t, stage.dir("again"))
    done = run(t, "extract", stage.dovecot.url(USER, port=stage.proxy.port), "--to", job, "--insecure-plaintext",
               "--auth", "oauth", "--password-command", command, "--connections", "1", password=None)
    came(t, job, done, "over a connection that is lost")
    with open(count, encoding="utf-8") as file:
        t.equal(len(file.readlines()), stage.proxy.connections, "one token a connection")
    t.within(stage.proxy.connections, (2, 3), "connections")


def test_who_logs_in_for_others(t, stage):
    for way in ("auto", "plain", "scram-sha-256", "scram-sha-1", "digest-md5"):
        if way != "digest-md5":     # Dovecot takes no other name there
            job, done = stage.extract(t, f"for-{way}", "--auth", way, "--auth-user", ADMIN, password=ADMIN_PASSWORD)
            came(t, job, done, f"dovecot, {way}")
        job, done = stage.extract(t, f"cyrus-for-{way}", "--auth", way, "--auth-user", "cyrus", password="cyrus",
                                  server=stage.cyrus, port=stage.cyrus.port, user=OTHER)
        came(t, job, done, f"cyrus, {way}", OTHER)
    _, done = stage.extract(t, "not-for", "--auth-user", ADMIN)
    t.equal(done.code, 77, "the account's own password is not the admin's")
    t.matches(done.text, f"refused the login of '{ADMIN}' for '{USER}'.*may log in for others", "and is named")
    _, done = stage.extract(t, "never-for", "--auth-user", ADMIN, "--auth", "cram-md5", password=ADMIN_PASSWORD)
    t.equal(done.code, 77, "CRAM-MD5 has no place for two names")
    t.equal(stage.proxy.commands("AUTHENTICATE|LOGIN"), [], "and nothing is sent")


def test_a_list_with_one_admin(t, stage):
    """Each row has its way; the job keeps it for retry and verify."""
    path = stage.dir("users.csv")
    secret = stage.dir("secret")
    with open(secret, "w", encoding="utf-8") as file:
        file.write(ADMIN_PASSWORD + "\n")
    os.chmod(secret, 0o600)
    with open(path, "w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["source", "password", "password-file", "auth", "auth-user"])
        rows.writerow([stage.dovecot.url(USER), "", secret, "scram", ADMIN])
        rows.writerow([stage.dovecot.url(OTHER), token(OTHER), "", "xoauth2", ""])
    os.chmod(path, 0o600)
    job = Job(t, stage.dir("listed"))
    done = run(t, "extract", "--users", path, "--to", job, "--insecure-plaintext", password=None)
    t.equal(done.code, 1, "complete, and the plain text is a warning")
    t.equal(stored(job), sorted(mailbox.note(n, user) for n in range(3) for user in (USER, OTHER)), "all came")
    done = run(t, "verify", job, stage.dovecot.url(USER), "--insecure-plaintext", password=ADMIN_PASSWORD)
    t.within(done.code, (0, 1), "verify knows who logs in")


def test_into_a_server(t, stage):
    job = Job(t, stage.dir("moved"))
    with open(stage.dir("cyrus-password"), "w", encoding="utf-8") as file:
        file.write("cyrus\n")
    os.chmod(stage.dir("cyrus-password"), 0o600)
    done = run(t, "migrate", stage.dovecot.url(USER), stage.cyrus.url(OTHER), "--job", job, "--insecure-plaintext",
               "--dest-insecure-plaintext", "--auth", "scram", "--dest-auth", "digest-md5", "--dest-auth-user", "cyrus", "--compress", "--dest-compress",
               "--dest-password-file", stage.dir("cyrus-password"))
    t.equal(done.code, 1, "complete, and the plain text is a warning")
    with stage.cyrus.client(OTHER, PASSWORD) as client:
        bodies = [m.body for m in client.messages("INBOX")]
    t.equal(sorted(bodies), sorted(mailbox.note(n, user) for n in range(3) for user in (USER, OTHER)), "all are there")
    done = run(t, "verify", job, "--deep", "--insecure-plaintext", "--dest-insecure-plaintext", "--dest-password-file",
               stage.dir("cyrus-password"))
    t.within(done.code, (0, 1), "and verified")


def main():
    reason = servers.why_not()
    if reason:
        print(f"1..0 # SKIP {reason}")
        sys.exit(0)
    with Stage() as stage:
        tap.main([(what, lambda t, f=function: f(t, stage)) for what, function in tap.discover(globals())])


if __name__ == "__main__":
    main()
