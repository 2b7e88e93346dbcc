"""Passwords are in the memory of the program, and nowhere else."""

import ctypes
import resource

from scene import *
from people import *

LANDLOCK_VERSION = (444, None, 0, 1)        # landlock_create_ruleset(NULL, 0, LANDLOCK_CREATE_RULESET_VERSION)


def kernel_can_confine(t):
    if ctypes.CDLL(None).syscall(*LANDLOCK_VERSION) < 2:
        t.skip("the kernel has no Landlock")


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


def gives_up(t, *options):
    """Does a run with those options keep to its directory, as the kernel tells of it?"""
    server = t.server(sample(count=5))
    gate = Gate()
    server.fetch(uid=3, folder="INBOX", times=1, reply=lambda f: [f.value[:60], gate, f.value[60:]])
    job, run = t.start_extract(server, *options)
    t.must(gate.reached.wait(20), "imex asks for the message")
    with open(f"/proc/{run.pid}/status", encoding="ascii") as status:
        given = next(line.split()[1] for line in status if line.startswith("NoNewPrivs:"))
    gate.open()
    t.exits(run.wait(), 0)
    t.complete(job, server)
    return given == "1"


def scene_the_process_keeps_to_its_directory(t):
    kernel_can_confine(t)
    t.ok(gives_up(t), "it has given up to write elsewhere, and to start programs")


def scene_unless_it_is_told_not_to(t):
    t.ok(not gives_up(t, "--no-confine"), "it has given up nothing")


def scene_unless_a_list_has_programs_to_start(t):
    server = t.serve(house(people("a", 3)))
    rows = [f"{server.url_of(user)},echo '{password_of(user)}'\n" for user in server.accounts]
    path = table(t, "source,password_command\n" + "".join(rows))
    job = Job(t)
    run = t.imex("extract", "--users", path, "--to", job, *t.options(server), "--jobs", "2")
    t.exits(run, 0)
    t.equal(sorted(server.logins), ["a1", "a2", "a3"], "logins")
