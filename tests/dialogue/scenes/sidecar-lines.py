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
    with open(path, "rb") as f:
        lines = f.read().splitlines(keepends=True)
    lost = [n for n, line in enumerate(lines) if json.loads(line).get("uid") in (2, 3, 6)]
    with open(path, "wb") as f:
        f.writelines(b"x" * (len(line) - 1) + b"\n" if n in lost else line for n, line in enumerate(lines))
    made = Job(t)
    run = t.imex("convert", job, "--to", made, "--format", "eml")
    t.exits(run, 1)
    t.says(run, r"no line of the sidecar tells of 3 messages, the first at octet \d+")
    found = []
    for base, _, names in os.walk(made.mail):
        for name in names:
            if name.endswith(".eml"):
                with open(os.path.join(base, name), "rb") as f:
                    found.append(f.read())
    # Only its line tells that a message does not end in a line end.
    t.equal(sorted(raw.rstrip() for raw in found), sorted(m.raw.rstrip() for m in store["INBOX"]),
            "the messages, each once")
    run = t.imex("verify", job)
    t.exits(run, 2)
    t.equal(len(re.findall("file without a record", run.text)), 3, "named by verify, each once")
