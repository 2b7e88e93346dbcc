"""Names of folders that would leave the directory, collide or break a terminal."""

from scene import *

NAMES = ["..", ".", "../../etc", "/etc/passwd", "..%2f..", "~root", "C:\\x", "cur", "new", "tmp",
         "a/b", "a\\b", "Twin", "twin", "TWIN", "esc\x1b[31mred", "bell\x07", "tab\tname",
         " lead", "trail ",
         "&AOk-", "&", "&AGE-", "&2D0-", "caf\xc3\xa9", "\xff\xfe", "*", "%", "a%b",
         '"quoted"', "NIL",
         "dovecot-keywords", "subscriptions", "x" * 300, "y" * 1000, "deep.er.and.deep.er",
         "INBOX2", "nul", "con", "-rf", "$HOME", "`id`", "a;b", "..%00", "\u00e9"]


def hostile(delimiter):
    store = Store(delimiter=delimiter)
    fill(store["INBOX"], 2)
    for number, name in enumerate(NAMES):
        folder = store.add(name)
        folder.add(b"Subject: %d\r\n\r\nin its own folder\r\n" % number)
    return store


def everything_is_there(t, server, job, run):
    t.exits(run, 1)
    t.inside(job)
    stored = t.mails(job)
    t.equal(sorted(m.wire for m in stored),
            sorted(m.raw for f in server.store for m in f), "every message is stored, once")
    t.equal(len({m.folder for m in stored}), len(server.store.folders), "each folder by itself")
    t.ok(job.events(30025), "mapped names are reported")
    t.ok(b"\x1b" not in run.out + run.err and b"\x07" not in run.out + run.err,
         "no control character reaches the terminal")
    t.read_only(server)


@quirk(50)
def scene_with_dots(t):
    server = t.server(hostile("."))
    everything_is_there(t, server, *t.extract(server))


@quirk(50)
def scene_with_slashes(t):
    server = t.server(hostile("/"))
    everything_is_there(t, server, *t.extract(server))


@quirk(50)
def scene_flat(t):
    """No delimiter at all."""
    server = t.server(hostile(None))
    everything_is_there(t, server, *t.extract(server))


def scene_check_shows_them_safely(t):
    server = t.server(hostile("."))
    run = t.check(server)
    t.within(run.code, (0, 1), "exit code")
    t.says(run, "INBOX2")
    t.ok(b"\x1b" not in run.out + run.err, "no control character reaches the terminal")


def scene_names_that_cannot_be_sent(t):
    """A NUL or a line end in a name: the folder cannot be asked for, the others are complete."""
    store = sample(["INBOX", "Sent"], 3)
    for name in ("nul\0byte", "cr\rlf\nx"):
        store.add(name, 1)
    server = t.server(store)
    job, run = t.extract(server)
    t.within(run.code, (1, 2), "exit code")
    t.inside(job)
    t.complete(job, server, folders={"INBOX": "", "Sent": ".Sent"})


def scene_nul_beside_the_name_before_it(t):
    """It is not taken for that one, nor for another with a NUL: each that cannot be asked for is a folder that failed."""
    store = sample(["INBOX", "a"], 3)
    for name in ("a\0b", "a\0c"):
        store.add(name, 1)
    server = t.server(store)
    job, run = t.extract(server)
    for _ in range(2):
        t.exits(run, 2)
        t.complete(job, server, folders={"INBOX": "", "a": ".a"})
        failed = sorted(f["name"] for f in job.report()["accounts"][0]["folders"] if not f["proved"])
        t.equal([name[:5] for name in failed], ["a\\0b~", "a\\0c~"], "both are in the report")
        job, run = t.extract(server, job=job)


def scene_second_run_finds_them_again(t):
    server = t.server(hostile("."))
    job, first = t.extract(server)
    everything_is_there(t, server, job, first)
    tree, mark = t.tree(job), server.transcript.mark()
    job, second = t.extract(server, job=job)
    t.exits(second, 1)
    t.same_tree(tree, job, "the second run changed nothing")
    t.no_bodies(server.transcript.since(mark))
