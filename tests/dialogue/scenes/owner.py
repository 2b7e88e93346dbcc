"""--owner and --mode: the tree of mail is the mail user's, state and log are not."""

import stat

from scene import *
from people import *

USER, GROUP = 61234, 61235      # of nobody: numbers do as well as names
FORMATS = ("maildir", "mbox", "eml", "exchange")


def tree(top):
    """{path: (owner, group, mode)} of all below, and of the top itself."""
    found = {}
    for here, _, names in os.walk(top):
        for name in [".", *names]:
            path = os.path.normpath(os.path.join(here, name))
            s = os.lstat(path)
            found[os.path.relpath(path, top)] = (s.st_uid, s.st_gid, stat.S_IMODE(s.st_mode))
    return found


def handed(t, top, owner=(USER, GROUP), mode=0o640):
    dirs = mode | (mode & 0o444) >> 2
    found = tree(top)
    t.ok(len(found) > 3, "something is there", found)
    wrong = {p: (u, g, oct(m)) for p, (u, g, m) in found.items()
             if (u, g) != owner or m != (dirs if os.path.isdir(os.path.join(top, p)) else mode)}
    t.equal(wrong, {}, "what is not as it should be")


def ours(t, job):
    me = os.geteuid()
    for name in os.listdir(job.path):
        s = os.lstat(os.path.join(job.path, name))
        if name != "mail":
            t.equal((name, s.st_uid, stat.S_IMODE(s.st_mode) & 0o077), (name, me, 0), "what is not mail stays ours")


def root_alone(t):
    if os.geteuid() != 0:
        t.skip("not root")


def top_of(job, form):
    return job.mail if form == "exchange" else os.path.join(job.mail, job.account_dirs()[0])


def scene_all_formats(t):
    root_alone(t)
    server = t.server(sample())
    for form in FORMATS:
        job, run = t.extract(server, "--format", form, "--owner", f"{USER}:{GROUP}", "--mode", "640")
        t.within(run.code, (0, 1), "exit code")
        handed(t, top_of(job, form))
        ours(t, job)


def scene_later_runs_and_retry(t):
    """What comes later is handed over too: the job keeps the options for retry."""
    root_alone(t)
    server = t.server(sample())
    server.fetch(uid=3, folder="INBOX", item=r"(BODY|RFC822|BINARY)\S*$", reply=Refuse("NO not today"))
    job, run = t.extract(server, "--owner", f"{USER}:{GROUP}", "--mode", "0640")
    t.exits(run, 2)
    server.clear()
    server.store["INBOX"].add(letter("INBOX", 99))
    server.store.add("New")
    t.exits(t.imex("retry", job, *t.options(server)), 1)     # it was refused once
    t.complete(job, server)
    handed(t, top_of(job, "maildir"))
    ours(t, job)


def scene_retry_of_a_list(t):
    root_alone(t)
    server = t.serve(house(people("a", 2)))
    server.crossly("a2", "NO [AUTHENTICATIONFAILED] no", 1)
    job = Job(t)
    run = t.imex("extract", "--users", listed(t, server), "--to", job, *ONE, "--owner", str(USER), *t.options(server),
                 password=None)
    t.exits(run, 2)
    run = t.imex("retry", job, "--users", listed(t, server), *t.options(server), password=None)
    t.exits(run, 0)
    for name in job.account_dirs():
        owners = {(u, g) for u, g, _ in tree(os.path.join(job.mail, name)).values()}
        t.equal(owners, {(USER, USER)}, f"who owns the mail of {name}")


def scene_convert(t):
    root_alone(t)
    server = t.server(sample())
    job, run = t.extract(server)
    t.exits(run, 0)
    before = tree(job.path)
    to = Job(t)
    run = t.imex("convert", job, "--to", to, "--format", "eml", "--owner", f"{USER}:{GROUP}", "--mode", "600")
    t.within(run.code, (0, 1), "exit code")
    handed(t, top_of(to, "eml"), mode=0o600)
    t.equal(tree(job.path), before, "the source")


def scene_mode_alone(t):
    """Needs no root."""
    server = t.server(sample())
    job, run = t.extract(server, "--mode", "660")
    t.exits(run, 0)
    handed(t, top_of(job, "maildir"), owner=(os.geteuid(), os.getegid()), mode=0o660)


def scene_said_wrong(t):
    server = t.server(sample())
    for words, code, says in (
            (("--mode", "888"), 64, "permissions of files in octal"),
            (("--mode", "440"), 64, r"let the owner read and write \(600 to 777\)"),
            (("--mode", "1777"), 64, "permissions of files in octal"),
            (("--owner", ":"), 64, "USER or USER:GROUP is expected"),
            (("--owner", "no-such-user-here"), 78, "there is no user 'no-such-user-here' on this machine"),
            (("--owner", "0:no-such-group"), 78, "there is no group 'no-such-group' on this machine")):
        job, run = t.extract(server, *words)
        t.exits(run, code)
        t.one_line_error(run)
        t.says(run, says)
        t.ok(not os.path.exists(job.path), "nothing was made")
    t.equal(server.connections, 0, "connections")
