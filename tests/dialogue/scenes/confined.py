"""While it hears a server the program writes only where it must, and starts no program."""

from scene import *
from confinement import *
from people import *

# What a password command of a list leaves, when it may.
HANGS = "sleep 600 & echo $! >'{0}.new'; mv '{0}.new' '{0}'; wait"


def scene_each_command(t):
    kernel_can_confine(t)
    server = t.server(sample(count=5))
    job, how = Job(t), t.options(server)
    keeps_to_itself(t, server, "extract", server.url(), "--to", job, *how)
    t.complete(job, server)
    for words in (["check", server.url()], ["check", server.url(), "--to", job],
                  ["extract", server.url(), "--to", job, "--dry-run"],
                  ["extract", server.url(), "--to", job], ["verify", job, server.url()],
                  ["verify", job, server.url(), "--deep"]):
        keeps_to_itself(t, server, *words, *how)
    t.complete(job, server)


def scene_unless_it_is_told_not_to(t):
    server = t.server(sample(count=5))
    for words in (["check", server.url()], ["extract", server.url(), "--to", Job(t)]):
        held = Held(t, server)
        run = imexrun.start(t, *words, "--no-confine", *t.options(server))
        t.ok(not held.confined(run), f"imex {words[0]} has given up nothing")
        held.go_on(run)


def programs(t, server, command="echo '{}'"):
    """A list whose passwords are printed by a program each."""
    return table(t, "source,password_command\n" + "".join(
        f"{server.url_of(user)},{command.format(password_of(user))}\n" for user in server.accounts))


def scene_a_list_with_programs(t):
    """They are started while others are at work, by a process that was there before."""
    kernel_can_confine(t)
    server = t.serve(house(people("a", 4)))
    path, job, how = programs(t, server), Job(t), [*t.options(server), "--jobs", "1"]
    keeps_to_itself(t, server, "check", "--users", path, *how)
    keeps_to_itself(t, server, "extract", "--users", path, "--to", job, *how)
    t.equal(sorted(server.logins), sorted(["a1", "a2", "a3", "a4"] * 2), "logins")
    whole(t, job, server)
    # Of a retry the job keeps them.
    server.logins.clear()
    server.accounts["a3"]["INBOX"].add(b"Subject: one more\r\n\r\nmore\r\n")
    keeps_to_itself(t, server, "extract", "--users", path, "--to", job, *how)
    whole(t, job, server)


def scene_a_program_that_hangs_ends_with_the_run(t):
    server = t.serve(house(people("a", 1)))
    told = os.path.join(t.tmpdir("told"), "pid")
    path = table(t, f"source,password_command\n{server.url_of('a1')},{HANGS.format(told)}\n")
    run = imexrun.start(t, "extract", "--users", path, "--to", Job(t), *t.options(server))
    t.must(t.until(lambda: os.path.exists(told)), "the command runs")
    with open(told, encoding="ascii") as file:
        pid = int(file.read())
    run.signal()
    t.exits(run.wait(), 75)
    t.equal(server.logins, [], "logins")
    t.ok(t.until(lambda: not os.path.exists(f"/proc/{pid}")), "what the command started is gone")


def scene_a_program_that_hangs_ends_with_a_run_that_is_killed(t):
    server = t.serve(house(people("a", 1)))
    told = os.path.join(t.tmpdir("told"), "pid")
    path = table(t, f"source,password_command\n{server.url_of('a1')},{HANGS.format(told)}\n")
    run = imexrun.start(t, "extract", "--users", path, "--to", Job(t), *t.options(server))
    t.must(t.until(lambda: os.path.exists(told)), "the command runs")
    with open(told, encoding="ascii") as file:
        pid = int(file.read())
    run.signal(9)
    run.wait()
    t.ok(t.until(lambda: not os.path.exists(f"/proc/{pid}")), "what the command started is gone")


def scene_the_accounts_of_a_list_are_verified(t):
    kernel_can_confine(t)
    server = t.serve(house(people("a", 3)))
    path, job, how = programs(t, server), Job(t), t.options(server)
    t.exits(t.imex("extract", "--users", path, "--to", job, *how), 0)
    keeps_to_itself(t, server, "verify", job, "--users", path, *how)
