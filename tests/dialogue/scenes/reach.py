"""--bind, --resolve, -4 and -6: how a host is reached, while its names stay."""

import imexrun
from scene import *

HOST = "mail.elsewhere.example"


def elsewhere(server):
    return f"imaps://{USER}@{HOST}:{server.port}/"


def scene_resolve(t):
    """The certificate must be the host's, and the account is named for it; retry goes the same way."""
    server = t.server(sample(), cert="wrong-name")
    server.on(r"EXAMINE .?Sent", "$TAG NO not now\r\n", times=1)
    job = imexrun.Job(t)
    run = t.imex("extract", elsewhere(server), "--to", job, *t.options(server),
                 "--resolve", f"{HOST}:{server.port}:127.0.0.1")
    t.exits(run, 2)
    t.equal(job.account_dirs(), [f"{USER}@{HOST}%3A{server.port}"], "the account's directory")
    t.exits(t.imex("retry", job, *t.options(server)), 0)
    t.complete(job, server)


def scene_the_destination_too(t):
    source, dest = t.server(sample()), t.server(Store(), cert="wrong-name")
    run = t.imex("check", source.url(), elsewhere(dest), *t.options(source), "--dest-tls-ca", t.certs().ca_file,
                 "--resolve", f"{HOST}:{dest.port}:127.0.0.1", env={"IMEX_DEST_PASSWORD": PASSWORD})
    t.exits(run, 0, 1)
    t.ok(dest.transcript.count(r"LIST"), "the destination was looked at")


def scene_a_local_address(t):
    server = t.server(sample())
    job, run = t.extract(server, "--bind", "127.0.0.9", "-4")
    t.exits(run, 0)
    t.complete(job, server)


def scene_what_was_tried(t):
    server = t.server(sample())
    job, run = t.extract(server, "--bind", "192.0.2.1", "--tries", "1")
    t.exits(run, 69)
    t.says(run, r"cannot connect to 127\.0\.0\.1 port \d+ from 192\.0\.2\.1: binding to 192\.0\.2\.1: ")
    job, run = t.extract(server, "-6")
    t.exits(run, 68)
    t.says(run, r"without an IPv6 address \(--ipv6\)")


def scene_values_that_are_none(t):
    for words, says in ((["--bind", "localhost"], "a local address as"), (["--resolve", "a:993"], "HOST:PORT:ADDRESS is"),
                        (["-4", "-6"], "exclude each other")):
        run = t.imex("extract", "imaps://a@127.0.0.1/", "--to", "/nonexistent/out", *words)
        t.exits(run, 64)
        t.says(run, says)
