"""verify counts folders without messages, and misses their directories."""

import shutil

from scene import *


def empty(form):
    return {"maildir": ".Empty"}.get(form, "Empty")


def scene_empty_folders(t):
    for form in ("maildir", "mbox", "eml", "exchange"):
        store = sample(["INBOX", "Sent"], 3)
        store.add("Empty")
        store.add("Four")
        server = t.server(store)
        job, run = t.extract(server, "--format", form)
        t.exits(run, 0, 1)
        run = t.imex("verify", job)
        t.exits(run, 0)
        t.says(run, "6 messages in 4 folders .*: equal")
        # Other numbers, emptied, and gone from the source.
        store["Empty"].renumber(77, 1)
        for uid in (1, 2, 3):
            store["Sent"].remove(uid)
        del store.folders["Four"]
        t.exits(t.extract(server, "--format", form, job=job)[1], 0, 1)
        run = t.imex("verify", job)
        t.exits(run, 0)
        t.says(run, "6 messages in 3 folders .*: equal")
        account = next(name for name in os.listdir(job.mail) if "@" in name)
        shutil.rmtree(os.path.join(job.mail, account, empty(form)))
        run = t.imex("verify", job)
        t.exits(run, 2)
        t.says(run, "DIFFERENT  usuario Empty: file missing: no message is lost: ")
        t.says(run, "6 messages in 3 folders .*: 1 different, 0 more explained")


def scene_empty_folder_with_another_number_each_time(t):
    """As Courier has it: with no message on either side there is nothing that could differ."""
    store = sample(["INBOX"], 2)
    store.add("Empty")
    server = t.server(store)
    job, run = t.extract(server)
    t.exits(run, 0)
    store["Empty"].renumber(78, 1)
    verify = ["verify", job, server.url(), *t.options(server)]
    run = t.imex(*verify)
    t.exits(run, 0)
    t.says(run, "2 messages in 2 folders .*: equal")
    store["Empty"].add(b"Subject: new\r\n\r\nx\r\n")
    run = t.imex(*verify)
    t.exits(run, 2)
    t.says(run, "UIDVALIDITY differs: was .*, is 78")
