"""A folder that has another name on the source is not fetched again."""

import json

from model import DEFAULT_CAPS
from scene import *

BODY = rb"BODY\[\] \{"
RENAMED = 30077


def bodies(server, mark):
    return len(re.findall(BODY, server.transcript.since(mark).sent()))


def again(t, server, job, *codes):
    mark = server.transcript.mark()
    job, run = t.extract(server, job=job)
    t.exits(run, *codes)
    return mark


def scene_with_children(t):
    """Its directory, and those of its sub-folders, have the new names; three bodies of each were looked at."""
    server = t.server()
    job = t.first_run(server)
    server.store.rename("Archive", "Old mail")
    server.store["Old mail"].add(letter("Old mail", 30))
    server.store["Old mail"].remove(2)
    mark = again(t, server, job, 1)
    t.equal(bodies(server, mark), 3 + 3 + 1, "bodies sent: those looked at, and what is new")
    t.read_only(server.transcript.since(mark))
    t.complete(job, server, kept=[("Old mail", 2)])
    t.no_doubles(job)
    t.equal(sorted(e["folder"] for e in job.events(RENAMED)), ["Old mail", "Old mail/2003"], "what was told")
    mark = again(t, server, job, 1)
    t.equal(bodies(server, mark), 0, "bodies sent in a further run")
    t.complete(job, server, kept=[("Old mail", 2)])


def scene_and_back(t):
    server = t.server()
    job = t.first_run(server)
    for old, new in (("Sent", "Gone"), ("Gone", "Sent")):
        server.store.rename(old, new)
        mark = again(t, server, job, 1)
        t.equal(bodies(server, mark), 3, f"bodies sent when {old} became {new}")
        t.complete(job, server)


def scene_old_name_again(t):
    """Another folder has the name that this one had."""
    server = t.server()
    job = t.first_run(server)
    server.store.rename("Sent", "Sent 2003")
    server.store.add("Sent", 4)
    again(t, server, job, 0, 1)
    t.complete(job, server, folders={"Sent": ".Sent", "INBOX": ""})
    sent = sorted(m.raw for m in server.store["Sent 2003"])
    t.ok(sent == sorted(m.wire for m in t.mails(job, ".Sent 2003")), "the renamed one is there whole")


def scene_in_the_way(t):
    """What is called so already is left alone."""
    server = t.server()
    job = t.first_run(server)
    os.makedirs(os.path.join(t.account_dir(job), ".Other", "cur"))
    server.store.rename("Sent", "Other")
    mark = again(t, server, job, 1)
    t.equal(bodies(server, mark), 3, "bodies sent")
    t.equal(sorted(m.wire for m in t.mails(job, ".Sent")), sorted(m.raw for m in server.store["Other"]),
            "the directory keeps its name")
    server.store.add("Sent", 4)
    again(t, server, job, 1)
    t.equal(sorted(m.wire for m in t.mails(job, ".Sent~2")), sorted(m.raw for m in server.store["Sent"]),
            "a new folder of the old name goes beside it")


def scene_two_alike(t):
    """Two folders that match one: neither is it."""
    server = t.server()
    job = t.first_run(server)
    store = server.store
    store.rename("Sent", "One")
    twin = store.add("Two", uidvalidity=store["One"].uidvalidity)
    for m in store["One"]:
        twin.add(m.raw, m.flags, m.date, uid=m.uid)
    again(t, server, job, 0, 1)
    t.equal(job.events(RENAMED), [], "no folder is taken for another")
    for name in ("One", "Two"):
        t.equal(len(t.mails(job, "." + name)), 6, f"messages of {name}")


def scene_others_with_its_numbers(t):
    """Equal numbers, sizes and dates, but other mail."""
    server = t.server()
    job = t.first_run(server)
    server.store.rename("Sent", "New")
    for m in server.store["New"]:
        m.raw = m.raw.replace(b"ana", b"eva", 1)
    mark = again(t, server, job, 0, 1)
    t.equal(job.events(RENAMED), [], "it is not taken for the other")
    t.equal(bodies(server, mark), 3 + 6, "bodies sent: those looked at, then all")


def scene_left_out_around_it(t):
    """A selection left the folder out before it was renamed, or after it, or by --subscribed: nothing is known of
    the new name but that it was left out."""
    def subscribe(server):
        server.store["Gone"].subscribed = False

    for first, before, after in (((), ("--exclude", "Sent"), None), ((), None, ("--folder", "INBOX")),
                                 (("--subscribed",), None, ("--subscribed",))):
        server = t.server()
        job, run = t.extract(server, *first)
        t.exits(run, 0)
        if before:
            t.exits(t.extract(server, *before, job=job)[1], 0)
        server.store.rename("Sent", "Gone")
        subscribe(server)
        if after:
            t.exits(t.extract(server, *after, job=job)[1], 0)
        mark = again(t, server, job, 1)
        t.equal(bodies(server, mark), 3, f"bodies sent after {before} or {after}")
        t.equal([e["folder"] for e in job.events(RENAMED)], ["Gone"], "what was told")
        t.complete(job, server)
        t.no_doubles(job)
        mark = again(t, server, job, 1)
        t.equal(bodies(server, mark), 0, "bodies sent in a further run")
        t.complete(job, server)


def scene_files_stay(t):
    """Below a directory of eml are others: it stays, and the sidecar has the name."""
    server = t.server()
    job, run = t.extract(server, "--format", "eml")
    t.exits(run, 0)
    server.store.rename("Archive", "Old mail")
    mark = server.transcript.mark()
    job, run = t.extract(server, job=job)
    t.exits(run, 1)
    t.equal(bodies(server, mark), 6, "bodies sent: those looked at")
    with open(os.path.join(t.account_dir(job), "Archive", "folder.jsonl"), encoding="utf-8") as file:
        names = [json.loads(line)["name"] for line in file if '"folder"' in line]
    t.equal(names, ["Archive", "Old mail"], "names in the sidecar")


WITH_IDS = DEFAULT_CAPS + " OBJECTID"


def scene_known_by_its_id(t):
    """Nothing has to be looked at, and what is new is all that is fetched."""
    server = t.server(caps=WITH_IDS)
    job = t.first_run(server)
    server.store.rename("Archive", "Old mail")
    server.store["Old mail"].add(letter("Old mail", 30))
    mark = again(t, server, job, 1)
    t.equal(bodies(server, mark), 1, "bodies sent: what is new")
    t.complete(job, server)
    t.no_doubles(job)
    t.equal(sorted(e["folder"] for e in job.events(RENAMED)), ["Old mail", "Old mail/2003"], "what was told")


def scene_names_that_were_swapped(t):
    """Two, or three in a ring: each record goes on under the new name of its folder, and so does its directory."""
    for caps, looked_at in ((WITH_IDS, 0), (None, 3)):
        for ring in (("Archive", "Sent"), ("Archive", "Sent", "Archive/2003")):
            server = t.server(**({"caps": caps} if caps else {}))
            job = t.first_run(server)
            folders = server.store.folders
            moved = [folders.pop(name) for name in ring]
            for folder, name in zip(moved, ring[1:] + ring[:1]):
                folder.name = name
                folders[name] = folder
            folders["Sent"].add(letter("Sent", 30))
            mark = again(t, server, job, 1)
            t.equal(bodies(server, mark), looked_at * len(ring) + 1, "bodies sent: those looked at, and what is new")
            told = {e["folder"]: e["text"] for e in job.events(RENAMED)}
            t.equal(sorted(told), sorted(ring), "what was told")
            for old, new in zip(ring, ring[1:] + ring[:1]):
                t.ok(f"was called '{old}' " in told[new], f"what {new} was called", told[new])
            t.complete(job, server)
            t.no_doubles(job)
            mark = again(t, server, job, 1)
            t.equal(bodies(server, mark), 0, "bodies sent in a further run")
            t.complete(job, server)


def scene_one_takes_the_name_of_another(t):
    """That one has another name itself; and where it has none any more, the name is not free."""
    for gone in (False, True):
        server = t.server(caps=WITH_IDS)
        job = t.first_run(server)
        server.store.rename("Sent", "Sent 2003")
        if gone:
            del server.store.folders["Sent 2003"]
        server.store.rename("Archive/2003", "Sent")
        mark = again(t, server, job, 0, 1)
        t.equal(len(job.events(RENAMED)), 0 if gone else 2, "what was told")
        t.equal(bodies(server, mark), 6 if gone else 0, "bodies sent")
        if not gone:
            t.complete(job, server)
            t.no_doubles(job)


def scene_another_id(t):
    """Equal numbers and mail, but another folder: it is not looked into, and copied as what it is."""
    server = t.server(caps=WITH_IDS)
    job = t.first_run(server)
    server.store.rename("Sent", "Copy of Sent")
    server.store["Copy of Sent"].id = "Fanother"
    mark = again(t, server, job, 0, 1)
    t.equal(job.events(RENAMED), [], "it is not taken for the other")
    t.equal(bodies(server, mark), 6, "bodies sent: all, once")
    t.equal([len(t.mails(job, d)) for d in (".Sent", ".Copy of Sent")], [6, 6], "both are there")


def scene_two_with_one_id(t):
    """The server is wrong: bodies decide, as without ids."""
    server = t.server(caps=WITH_IDS)
    job = t.first_run(server)
    server.store.rename("Sent", "Gone")
    server.store.add("New", 3).id = server.store["Gone"].id
    mark = again(t, server, job, 1)
    t.equal(bodies(server, mark), 3 + 3, "bodies sent: those looked at, and what is new")
    t.complete(job, server)


def scene_ids_that_are_none(t):
    server = t.server(caps=WITH_IDS)
    job = Job(t)
    for folder, bad in zip(server.store, ("", "a b", "F" * 256, "F.1")):
        folder.id = bad
    t.extract(server, job=job)
    server.store.rename("Sent", "Gone")
    mark = again(t, server, job, 0, 1)
    t.equal(bodies(server, mark), 3, "bodies sent: those looked at")


def scene_learnt_later(t):
    """The id of a folder that was first seen without one is kept when it is opened again."""
    server = t.server()
    job = t.first_run(server)
    server.caps.append("OBJECTID")
    server.store["Sent"].add(letter("Sent", 30))
    again(t, server, job, 0)
    server.store.rename("Sent", "Gone")
    mark = again(t, server, job, 1)
    t.equal(bodies(server, mark), 0, "bodies sent")
    t.complete(job, server)


def scene_ids_are_asked_for_by_themselves(t):
    """Cyrus 3.6 gives octets of its memory for an id that is asked for beside other items; and only when a
    folder is gone, of those that are new."""
    server = t.server(caps=WITH_IDS)
    job = t.first_run(server)
    server.store.rename("Archive", "Old mail")
    again(t, server, job, 1)
    asked = server.transcript.commands("(LIST|STATUS) .*MAILBOXID")
    t.equal(sorted(re.sub(r".*STATUS ", "", c) for c in asked),
            ['"Old mail" (MAILBOXID)', '"Old mail/2003" (MAILBOXID)'], "what was asked")


def scene_ids_are_refused(t):
    server = t.server(caps=WITH_IDS)
    job = t.first_run(server)
    server.on(r"STATUS .*MAILBOXID", "$TAG BAD what?\r\n")
    server.store.rename("Sent", "Gone")
    mark = again(t, server, job, 1)
    t.equal(bodies(server, mark), 3, "bodies sent: those looked at")
    t.complete(job, server)
