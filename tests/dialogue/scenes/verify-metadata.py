"""What a sidecar tells of a message besides its octets is compared with the state, too."""

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
