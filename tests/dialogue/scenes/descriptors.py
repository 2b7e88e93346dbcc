"""Descriptors and paths that are not what they seem: nothing is printed into a file or connection, no other job opened."""

import shlex
import subprocess

import imexrun

from scene import *


def scene_standard_ones_closed(t):
    """What is printed goes nowhere."""
    server = t.server(tls=None)
    job = Job(t)
    words = shlex.join([*imexrun.program(), "extract", server.url(), "--to", job.path, "--insecure-plaintext"])
    done = subprocess.run(["sh", "-c", f"exec {words} <&- >&- 2>&-"], env={**os.environ, "IMEX_PASSWORD": PASSWORD},
                          check=False, timeout=60)
    t.equal(done.returncode, 1, "exit code")
    t.complete(job, server)
    for name in os.listdir(job.path):
        if os.path.isfile(os.path.join(job.path, name)) and not name.startswith(("report", "events")):
            with open(os.path.join(job.path, name), "rb") as file:
                t.ok(b"warning" not in file.read() or name.startswith("imex.db"), f"what is printed is in {name}")
    t.ok(not server.transcript.count("warning|complete"), "it is not in the connection")


def scene_directory_called_like_a_uri(t):
    above = t.tmpdir("uri")
    server = t.server()
    for name in ("file:z", "file:n?mode=ro", "z"):
        run = imexrun.run(t, "extract", server.url(), "--to", name, *t.options(server), cwd=above)
        t.exits(run, 0)
        t.ok(os.path.exists(os.path.join(above, name, "imex.db")), f"{name} has a state of its own", os.listdir(above))
        run = imexrun.run(t, "status", name, cwd=above)
        t.exits(run, 0)
