"""Lines of a sidecar that tell something else than the state, or nothing any more."""

import json

from scene import *


def retell(path, uid, **other):
    """The line of a message tells something else."""
    with open(path, "rb") as f:
        lines = f.read().splitlines()
    told = [json.loads(line) for line in lines]
    at = max(n for n, line in enumerate(told) if line.get("uid") == uid)
    lines[at] = json.dumps({**told[at], **other}, separators=(",", ":")).encode()
    with open(path, "wb") as f:
        f.write(b"\n".join(lines) + b"\n")


def lose_lines(path, *uids):
    """Their lines are no lines any more."""
    with open(path, "rb") as f:
        lines = f.read().splitlines(keepends=True)
    lost = [n for n, line in enumerate(lines) if json.loads(line).get("uid") in uids]
    with open(path, "wb") as f:
        f.writelines(b"x" * (len(line) - 1) + b"\n" if n in lost else line for n, line in enumerate(lines))


def octets(job):
    """All messages of a job in the format eml, by the directory of their folder."""
    found = {}
    for base, _, names in os.walk(job.mail):
        for name in names:
            if name.endswith(".eml"):
                with open(os.path.join(base, name), "rb") as f:
                    found.setdefault(os.path.basename(base), []).append(f.read())
    return {folder: sorted(raws) for folder, raws in found.items()}


def scene_of_a_line(t):
    for form in ("mbox", "eml"):
        store = sample(["INBOX"], 3)
        store["INBOX"].flag(2, "\\Seen", "Later", "Work")
        job, run = t.extract(t.server(store), "--format", form)
        t.exits(run, 0)
        t.exits(t.imex("verify", job), 0)
        path = os.path.join(job.mail, job.account_dirs()[0], "INBOX", "folder.jsonl")
        with open(path, "rb") as f:
            before = f.read()
        for other, says in (({"keywords": ["Work"]}, "another program changed the keywords"),
                            ({"flags": ["\\Answered"]}, "another program changed the flags")):
            retell(path, 2, **other)
            run = t.imex("verify", job)
            t.exits(run, 2)
            t.says(run, rf"DIFFERENT  .* INBOX UID 2: file flags differ: .*{says}")
            t.says(run, "1 different")
            with open(path, "wb") as f:
                f.write(before)
        t.exits(t.imex("verify", job), 0)


def scene_a_line_that_is_lost(t):
    """convert takes the octets all the same, with what the file tells of them, and says so."""
    store = sample(["INBOX"], 5)
    store["INBOX"].add(b"Subject: quoted\r\n\r\n>From here\r\nFrom there\r\n", ("\\Flagged",))
    store["INBOX"].add(b"Subject: last\r\n\r\nend\r\n")
    job, run = t.extract(t.server(store), "--format", "mbox")
    t.exits(run, 0)
    path = os.path.join(job.mail, job.account_dirs()[0], "INBOX", "folder.jsonl")
    lose_lines(path, 2, 3, 6)
    made = Job(t)
    run = t.imex("convert", job, "--to", made, "--format", "eml")
    t.exits(run, 1)
    t.says(run, r"no line of the sidecar tells of 3 messages, the first at octet \d+")
    # Only its line tells that a message does not end in a line end.
    t.equal(sorted(raw.rstrip() for raw in octets(made)["INBOX"]), sorted(m.raw.rstrip() for m in store["INBOX"]),
            "the messages, each once")
    run = t.imex("verify", job)
    t.exits(run, 2)
    t.equal(len(re.findall("file without a record", run.text)), 3, "named by verify, each once")


def scene_lines_that_a_set_lost(t):
    """Of an Exchange set, too: within a file, of a whole folder, and of all that a later run wrote."""
    store = sample(["INBOX", "Sent", "Archive"], 5)
    server = t.server(store)
    job, run = t.extract(server, "--format", "exchange", "--full-source")
    t.exits(run, 0, 1)
    store["INBOX"].add(b"Subject: late\r\n\r\nlate\r\n", ("\\Seen",))
    t.exits(t.extract(server, "--format", "exchange", "--full-source", job=job)[1], 0, 1)
    tree = os.path.join(job.mail, next(name for name in job.account_dirs() if "@" in name))
    lose_lines(os.path.join(tree, "INBOX", "folder.jsonl"), 2, 3, store["INBOX"].uidnext - 1)
    os.unlink(os.path.join(tree, "Archive", "folder.jsonl"))
    made = Job(t)
    run = t.imex("convert", job, "--to", made, "--format", "eml")
    t.exits(run, 1)
    t.says(run, r"no line of the sidecar tells of 3 messages, the first in 00000001.PRI line \d+")
    t.says(run, r"no line of the sidecar tells of 5 messages, the first in 00000001.PRI line \d+")
    t.equal(octets(made), {name: sorted(m.raw for m in store[name]) for name in ("INBOX", "Sent", "Archive")},
            "the messages, each once, in their folders")
    run = t.imex("verify", job)
    t.exits(run, 2)
    for uid in (2, 3, 6):
        t.says(run, f"DIFFERENT  usuario INBOX UID {uid}: ")
    t.says(run, "DIFFERENT  usuario INBOX: file without a record: '00000002.PRI line 5'")


def scene_a_set_that_was_rewritten(t):
    """Whose lines are elsewhere is not taken twice."""
    job, run = t.extract(t.server(sample(["INBOX"], 5)), "--format", "exchange", "--full-source")
    t.exits(run, 0, 1)
    path = os.path.join(job.mail, "00000001.PRI")
    with open(path, "rb") as f:
        lines = f.read().splitlines(keepends=True)
    with open(path, "wb") as f:
        f.writelines(lines[:-2] + [b"! a comment\r\n"] + lines[-2:])
    run = t.imex("convert", job, "--to", Job(t), "--format", "eml")
    t.says(run, "'00000001.PRI': the messages are not where the sidecars say")
    t.exits(run, 2)


def scene_two_accounts_of_one_address(t):
    """What another account's sidecars tell of is that account's, though the owner is the same."""
    one, two = sample(["INBOX"], 3), sample(["INBOX"], 2)
    two["INBOX"].add(b"Subject: second\r\n\r\nsecond\r\n")
    job = Job(t)
    words = ("--format", "exchange", "--full-source", "--smtp-address", "both@example.org")
    for store in (one, two):
        t.exits(t.extract(t.server(store), *words, job=job)[1], 0, 1)
    made = Job(t)
    run = t.imex("convert", job, "--to", made, "--format", "eml")
    t.exits(run, 0, 1)
    t.ok("no line of the sidecar" not in run.text, "all have their lines")
    t.equal(len(octets(made)["INBOX"]), 6, "messages")
