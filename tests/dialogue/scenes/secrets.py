"""Passwords are in the memory of the program, and nowhere else."""

import resource

from scene import *


def scene_no_core_file_holds_them(t):
    server = t.server(sample(count=5))
    gate = Gate()
    server.fetch(uid=3, folder="INBOX", times=1, reply=lambda f: [f.value[:60], gate, f.value[60:]])
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))      # which a child inherits
    try:
        job, run = t.start_extract(server)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    t.must(gate.reached.wait(20), "imex asks for the message")
    t.equal(resource.prlimit(run.pid, resource.RLIMIT_CORE), (0, 0), "limit of core files")
    gate.open()
    t.exits(run.wait(), 0)
    t.complete(job, server)
