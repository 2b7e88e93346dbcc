"""imex control --dest: the accounts of a Migration Wizard's list go into a server."""

import json

from scene import *
from into import *

HEADER = "IMAP_Mailbox,IMAP_Password,SMTP_Address,IMAP_Server,IMAP_Port,IMAP_SSL\r\n"
PLAIN = ["--dest-insecure-plaintext", "--insecure-plaintext"]


def imex(m, *words, code=0, **more):
    run = m.t.imex(*words, env={"IMEX_DEST_PASSWORD": DEST_PASSWORD}, password=more.pop("password", PASSWORD), **more)
    m.t.exits(run, code)
    m.t.secret_free(m.job, run, PASSWORD, DEST_PASSWORD)
    return run


def control(m, function, rows, *words, code):
    base = os.path.dirname(m.job.path)
    for name, text in (("c.ctl", f"Mode,IMAP\nFunction,{function}\nFile,{os.path.basename(m.job.path)}\n"
                                 "Accounts,users.csv\n"), ("users.csv", HEADER + rows)):
        with open(os.path.join(base, name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(os.path.join(base, name), 0o600)
    return imex(m, "control", os.path.join(base, "c.ctl"), *PLAIN, *words, code=code, password=None)


def people(m):
    return "".join(f"{user},{word},{user}@example.org,127.0.0.1,{m.source.port},N\r\n"
                   for user, word in (("nobody", "n0t-right"), ("alice", PASSWORD)))


def scene_control_full(t):
    """Each account of the list goes to the one of its login."""
    m = Move(t, user="alice")
    dest = ["--dest", f"imap://%u@127.0.0.1:{m.dest.port}/", "--doubt-wait=2s"]
    run = control(m, "FULL", people(m), "--dest", f"imap://%u:s3cret@127.0.0.1:{m.dest.port}/", "--dry-run", code=2)
    t.one_line_error(run)
    t.ok("s3cret" not in run.text, "a password in DEST is refused, and not shown")
    run = control(m, "FULL", people(m), *dest, "--dry-run", code=0)
    t.says(run, "To +imap://%u@127")
    t.equal(m.dest.transcript.commands() + m.source.transcript.commands(), [], "a dry run contacts nobody")
    run = control(m, "FULL", people(m), *dest, code=2)
    t.says(run, r"\[1/2\] nobody on 127.0.0.1: failed")
    t.says(run, r"\[2/2\] alice on 127.0.0.1: complete with warnings, 12 of 12")
    m.arrived()
    t.matches(t.one_event(m.job, 10068).get("text", ""), "import: imap://%u@", "event 10068")
    run = imex(m, "verify", m.job, f"imap://alice@127.0.0.1:{m.dest.port}/", "--deep")
    t.says(run, "12 messages .* equal")
    run = imex(m, "status", m.job)
    t.says(run, f"alice@\\S+ to alice@127.0.0.1:{m.dest.port}: complete")
    mark = m.dest.transcript.mark()
    control(m, "FULL", people(m).splitlines(True)[1], *dest, code=1)
    t.never_sent(m.dest.transcript.since(mark), "APPEND")


def scene_control_import(t):
    """What EXTRACT stored; each account has a job of its own."""
    m = Move(t, user="alice")
    dest = ["--dest", f"imap://%u@127.0.0.1:{m.dest.port}/", "--doubt-wait=2s"]
    control(m, "EXTRACT", people(m), "--format=mbox", code=2)
    mark = m.source.transcript.mark()
    run = control(m, "IMPORT", people(m), *dest, code=2)
    t.says(run, r"\[1/2\] nobody on 127.0.0.1: failed: .*has no mail of it")
    t.says(run, r"\[2/2\] alice on 127.0.0.1: complete")
    t.equal(m.source.transcript.since(mark).commands(), [], "the source is not asked")
    m.arrived()
    own = os.path.join(m.job.path, "import", f"alice@127.0.0.1%3A{m.dest.port}")
    with open(os.path.join(own, "report.json"), encoding="utf-8") as file:
        t.equal(json.load(file)["job"]["command"], "import", "its report")
    run = imex(m, "undo", m.job, f"imap://alice@127.0.0.1:{m.dest.port}/", "--yes", "--dest-insecure-plaintext")
    t.says(run, "12 messages were removed")
    m.warned(imex(m, "retry", own, code=1))


def scene_the_account_of_an_import_is_kept(t):
    """Its source has two accounts; retry, verify and undo need not be told which."""
    m = Move(t, user="alice")
    t.extract(t.server(sample(("INBOX",), 1), user="carol"), job=m.job)
    control(m, "EXTRACT", people(m).splitlines(True)[1], "--format=maildir", code=1)
    url = f"imap://alice@127.0.0.1:{m.dest.port}/"
    plain = ["--dest-insecure-plaintext", "--doubt-wait=2s"]
    run = imex(m, "import", m.job, url, *plain, code=64)
    t.says(run, "there are 2 accounts.*--account NAME")
    t.one_line_error(imex(m, "import", m.job, url, "--account", "dave", *plain, code=64))
    imex(m, "import", m.job, url, "--account", "alice", *plain, code=1)
    m.arrived()
    m.dest.append(before="NO not now")
    m.source.store["INBOX"].add(letter("INBOX", 55))
    m.before = m.source.store.snapshot()
    control(m, "EXTRACT", people(m).splitlines(True)[1], "--format=maildir", code=1)
    imex(m, "import", m.job, url, "--account", "alice", *plain, code=2)
    own = os.path.join(m.job.path, "import", f"alice@127.0.0.1%3A{m.dest.port}")
    m.dest.clear()
    imex(m, "retry", own, *plain, code=1)
    m.arrived()
    t.says(imex(m, "verify", own, "--deep"), "13 messages .* equal")
    t.says(imex(m, "verify", m.job, url, "--deep"), "13 messages .* equal")


def scene_control_with_a_server_and_a_format(t):
    """One of both can be meant."""
    m = Move(t, user="alice")
    dest = ["--dest", f"imap://%u@127.0.0.1:{m.dest.port}/"]
    run = control(m, "FULL", people(m), *dest, "--format=mbox", code=2)
    t.one_line_error(run)
    t.says(run, "--format is for files, and --dest is a server")
    t.equal(m.dest.transcript.commands() + m.source.transcript.commands(), [], "nobody was contacted")
