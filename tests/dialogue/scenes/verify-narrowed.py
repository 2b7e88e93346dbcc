"""After a run that was narrowed verify still reads all that is stored; of the source what the selection takes."""

import json

from scene import *

FOLDERS = ["INBOX", "Archive", "Sent"]


def narrowed(t, form="maildir"):
    """All is stored; the last run looked at INBOX alone."""
    server = t.server(sample(FOLDERS, 3))
    job, _ = t.extract(server, "--format", form)
    t.within(t.extract(server, "--format", form, "--folder", "INBOX", job=job)[1].code, (0, 1), "exit code")
    return server, job


def spoil(job, folder):
    """The first file of a folder has one octet more."""
    top = os.path.join(job.mail, job.account_dirs()[0])
    name = min(n for n in os.listdir(os.path.join(top, folder)) if n != "folder.jsonl")
    with open(os.path.join(top, folder, name), "ab") as f:
        f.write(b"x")


def verify(t, code, job, *words):
    run = t.imex("verify", job, *words)
    t.exits(run, code)
    return run


def scene_all_that_is_stored(t):
    for form, sent in (("maildir", ".Sent/cur"), ("eml", "Sent"), ("mbox", "Sent")):
        server, job = narrowed(t, form)
        t.says(verify(t, 0, job), "9 messages in 3 folders .* equal")
        spoil(job, sent)
        t.says(verify(t, 2, job), "DIFFERENT  .* Sent")
        t.says(verify(t, 2, job, server.url(), "--deep", *t.options(server)), "DIFFERENT  .* Sent")


def scene_what_is_asked_for(t):
    _, job = narrowed(t)
    spoil(job, ".Sent/cur")
    t.says(verify(t, 0, job, "--folder", "INBOX"), "3 messages in 1 folder .* equal")
    t.says(verify(t, 0, job, "--exclude", "S*"), "6 messages in 2 folders .* equal")
    t.says(verify(t, 2, job, "--folder", "Sent"), "DIFFERENT  .* Sent")


def scene_of_the_source_what_the_selection_takes(t):
    """What came, went or changed in a folder that the last run left out is no difference, until it is asked for."""
    server, job = narrowed(t)
    options = t.options(server)
    server.store["Sent"].remove(1)
    server.store["Sent"].flag(2, "\\Flagged")
    server.store["Archive"].renumber(1800000000, 1)
    run = verify(t, 0, job, server.url(), *options)
    t.says(run, "9 messages in 3 folders")
    t.says(run, "2 of the folders are left out by the selection and were not compared with the source")
    run = verify(t, 0, job, server.url(), "--json", *options)
    t.equal(json.loads(run.out)["left_out_folders"], 2, "folders left out")
    run = verify(t, 2, job, server.url(), "--folder", "Sent", *options)
    t.says(run, "explained  .* Sent UID 1: message gone")
    t.says(run, "DIFFERENT  .* Sent UID 2: flags differ")
    t.ok("Archive" not in run.text, "no Archive", run.text)
