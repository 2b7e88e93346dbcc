"""--source-host: the server has moved, and the accounts of the job are those that they were."""

import os

import imexrun
from scene import *


def scene_the_same_mail(t):
    store = sample()
    server, new = t.server(store), t.server(store)
    job, run = t.extract(server)
    t.exits(run, 0)
    dirs = job.account_dirs()
    server.stop()
    run = t.imex("extract", server.url(), "--to", job, *t.options(server), "--source-host", f"127.0.0.1:{new.port}")
    t.exits(run, 0)
    t.equal(job.account_dirs(), dirs, "the account's directory")
    t.no_bodies(new)
    t.complete(job, new)
    store["INBOX"].add(b"Subject: new\r\n\r\nHere.\r\n")
    new.on(r"EXAMINE .?INBOX", "$TAG NO not now\r\n", times=1)
    t.exits(t.imex("extract", server.url(), "--to", job, *t.options(server),
                   "--source-host", f"127.0.0.1:{new.port}"), 2)
    t.exits(t.imex("retry", job, *t.options(server)), 0)
    t.complete(job, new)
    t.exits(t.imex("verify", job, server.url(), *t.options(server), "--source-host", f"127.0.0.1:{new.port}"), 0)


def scene_of_a_list(t):
    """Whatever host a row names."""
    new = t.server(sample())
    listed = os.path.join(t.tmpdir("list"), "users.csv")
    with open(listed, "w") as file:
        file.write(f"source,password\nimaps://{USER}@gone.example/,{PASSWORD}\n")
    job = imexrun.Job(t)
    run = t.imex("extract", "--users", listed, "--to", job, *t.options(new), "--source-host", f"127.0.0.1:{new.port}")
    t.exits(run, 0)
    t.equal(job.account_dirs(), [f"{USER}@gone.example"], "the account's directory")
    t.complete(job, new)


def scene_other_mail(t):
    server = t.server(sample())
    job, run = t.extract(server)
    t.exits(run, 0)
    other = sample()
    for number, name in enumerate(("INBOX", "Archive", "Archive/2003", "Sent")):
        other[name].renumber(7000 + number)
    new = t.server(other)
    new.id = '("name" "other" "version" "1")'
    run = t.imex("extract", server.url(), "--to", job, *t.options(server), "--source-host", f"127.0.0.1:{new.port}")
    t.exits(run, 78)
    t.says(run, "another server")
    t.no_bodies(new)
    t.complete(job, server)


def scene_no_place(t):
    for value in ("", "a:b", "a/b", "u@a", "[::1"):
        run = t.imex("extract", "imaps://a@127.0.0.1/", "--to", "/nonexistent/out", "--source-host", value)
        t.exits(run, 64)
        t.says(run, "HOST or HOST:PORT is|may not be empty")
