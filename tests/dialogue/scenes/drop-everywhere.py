"""The stream ends after any octet of the session; in the end the tree is the same."""

from scene import *


def scene(t):
    server = t.server(sample(["INBOX", "Archive"], 4))
    job, run = t.extract(server)
    t.exits(run, 0)
    t.complete(job, server)
    tree = t.tree(job)
    total = len(server.transcript.sent(1))
    for offset in range(1, total, max(total // 60, 1)):
        server.cut_after(offset)
        job = Job(t)
        t.retry_until_done(server, job=job)
        if not t.same_tree(tree, job, f"cut after {offset} of {total} octets"):
            break
    t.read_only(server)
