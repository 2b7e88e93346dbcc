"""What size and flags leave out, and which folders come first."""

from scene import *


def mailbox():
    """INBOX: UIDs 1 to 4 of growing size, 2 and 4 seen."""
    store = Store()
    for number in range(4):
        raw = letter("INBOX", number) + b"x" * 10000 * number + b"\r\n"
        store["INBOX"].add(raw, flags=["\\Seen"] if number % 2 else [])
    return store


def uids(t, job):
    return sorted(m.uid for m in t.mails(job, "") if m.identity)


def reasons(job):
    return [(e["reason"], e["uids"]) for e in job.folder("INBOX").get("excluded_messages")]


def scene_sizes(t):
    server = t.server(mailbox())
    job, run = t.extract(server, "--min-size", "5k", "--max-size", "25k")
    t.exits(run, 0)
    t.equal(uids(t, job), [2, 3], "what has such a size")
    t.equal(reasons(job), [("smaller than --min-size 5120", "1"), ("larger than --max-size 25600", "4")],
            "who is left out, and why")
    t.counts(job, "INBOX", listed=4, stored=2, excluded=2)
    mark = server.transcript.mark()
    job, run = t.extract(server, job=job)
    t.exits(run, 0)
    t.equal(len(re.findall(rb"BODY\[\] \{", server.transcript.since(mark).sent())), 2, "just the rest")
    t.complete(job, server)


def scene_a_size_that_is_not_known_passes(t):
    server = t.server(mailbox())
    server.fetch(uid=4, item="RFC822.SIZE", reply=OMIT)
    job, run = t.extract(server, "--max-size", "25k")
    t.exits(run, 0, 1)
    t.equal(uids(t, job), [1, 2, 3, 4], "all four")


def scene_unseen(t):
    server = t.server(mailbox())
    job, run = t.extract(server, "--unseen")
    t.exits(run, 0)
    t.equal(uids(t, job), [1, 3], "what is not seen")
    t.equal(reasons(job), [("seen (--unseen)", "2,4")], "who is left out, and why")
    t.read_only(server)


def scene_priority_folders(t):
    server = t.server(sample())
    job, run = t.extract(server, "--connections", "1", "--priority-folders", "Sent", "--priority-folders",
                         "Archive/*")
    t.exits(run, 0)
    order = [c.split(" ", 1)[1].strip('"') for c in server.transcript.commands("EXAMINE")]
    t.equal(order[:2], ["Sent", "Archive/2003"], "the folders that were named")
    t.equal(order[2:], ["INBOX", "Archive"], "the others as they were listed")
    t.complete(job, server)


def scene_sizes_that_exclude_each_other(t):
    run = t.imex("extract", "imaps://a@127.0.0.1/", "--to", "/nonexistent/out", "--min-size", "2M", "--max-size", "1M")
    t.exits(run, 64)
    t.says(run, "no message can be between them")
