"""Passwords are in the memory of the program, and nowhere else."""

import resource

from scene import *


def scene_no_core_file_holds_them(t):
    server = t.server(sample(count=5))
    gate = server.hold(uid=3, folder="INBOX")
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))      # which a child inherits
    try:
        job, run = t.start_extract(server)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    gate.must_be_reached(t)
    t.equal(resource.prlimit(run.pid, resource.RLIMIT_CORE), (0, 0), "limit of core files")
    gate.open()
    t.exits(run.wait(), 0)
    t.complete(job, server)
