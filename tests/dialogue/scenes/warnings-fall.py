"""Warnings of what a server answered once fall when a later whole run does not meet it; those of mail, and of what is
learnt and so not asked again, stay."""

from scene import *

PLAIN = "NAMESPACE ID"
ALL = {"list": ('LIST "" "?\\*', "NO cannot open a mount point"), "namespace": ("NAMESPACE", "NO not now"),
       "namespace is BAD": ("NAMESPACE", "BAD not now"), "lsub": ("LSUB", "NO not now")}


def warnings(job):
    return sorted((w["event"], w["folder"] or "") for w in job.report()["accounts"][0].get("warnings", []))


def warned(t, server, job=None, *args):
    job, run = t.extract(server, *args, job=job)
    t.exits(run, 1)
    return job, warnings(job)


def quiet(t, server, job):
    _, run = t.extract(server, job=job)
    t.exits(run, 0)
    t.complete(job, server)
    t.equal(warnings(job), [], "warnings that stand")
    t.equal(job.report()["exit_code"], 0, "exit code of the report")


def scene_the_list(t):
    for name, (command, answer) in ALL.items():
        server = t.server(sample(["INBOX", "Archive/2003", "Sent"], 3), caps=PLAIN)
        server.on(command, f"$TAG {answer}\r\n")
        job, told = warned(t, server)
        t.ok((30086, "") in told, f"{name}: told of the account", told)
        t.ok(job.events(14002), f"{name}: and in the event log")
        t.equal(warned(t, server, job)[1], told, f"{name}: met again, it stands")
        server.clear()
        quiet(t, server, job)


def scene_a_folder(t):
    """SEARCH and a part of the listing refused: it falls when that folder is read again, and not when its proof is
    carried over."""
    for command in ("UID SEARCH .*ALL", r"UID FETCH \S+ \(UID FLAGS"):
        server = t.server(sample(["INBOX", "Sent"], 3))
        server.on(command, "$TAG NO not now\r\n", times=1)
        job, told = warned(t, server)
        t.equal(told, [(30086, "INBOX")], f"{command}: told of the folder")
        server.store["Sent"].add(letter("Sent", 40))
        t.equal(warned(t, server, job)[1], told, f"{command}: carried over, it stands")
        server.store["INBOX"].add(letter("INBOX", 40))
        quiet(t, server, job)


def scene_counts_and_garbage(t):
    server = t.server(sample(["INBOX"], 3))
    server.on("UID SEARCH .*ALL", '* ESEARCH (TAG "$TAG") UID ALL 1:2\r\n* 7 FETCH (%\r\n$TAG OK done\r\n')
    job, told = warned(t, server)
    t.equal(told, [(14001, "INBOX"), (30028, "INBOX")], "told")
    server.clear()
    server.store["INBOX"].add(letter("INBOX", 40))
    quiet(t, server, job)


def scene_status(t):
    """What STATUS told falls when STATUS has told again, and not when it was not asked or said nothing."""
    server = t.server(sample(["INBOX"], 3), caps=PLAIN)
    store = server.store["INBOX"]
    counts = f"* STATUS \"INBOX\" (MESSAGES 30 UIDNEXT 31 UIDVALIDITY {store.uidvalidity})\r\n$TAG OK done\r\n"
    server.on("STATUS", counts)
    job, told = warned(t, server)
    t.equal(told, [(30087, "INBOX")], "told")
    t.one_event(job, 30028, folder="INBOX", level="warning")
    server.clear()
    server.on("STATUS", "$TAG OK nothing to tell\r\n")
    store.add(letter("INBOX", 40))
    t.equal(warned(t, server, job)[1], told, "STATUS says nothing, it stands")
    server.clear()
    store.add(letter("INBOX", 41))
    quiet(t, server, job)


def scene_a_run_that_does_not_end(t):
    """The folders cannot be listed, or be opened: nothing falls that such a run has not seen to its end."""
    server = t.server(sample(["INBOX", "Sent"], 3), caps=PLAIN)
    server.on("NAMESPACE", "$TAG NO not now\r\n", times=1)
    server.on("UID SEARCH .*ALL", "$TAG NO not now\r\n", times=1)
    job, told = warned(t, server)
    t.equal(told, [(30086, ""), (30086, "INBOX")], "told")
    server.store["INBOX"].add(letter("INBOX", 40))
    server.store["Sent"].add(letter("Sent", 40))
    server.on("LIST", "$TAG NO no folders\r\n")
    _, run = t.extract(server, job=job)
    t.exits(run, 2, 69)
    t.equal(warnings(job), told, "what stands")
    server.clear()
    server.on("EXAMINE", "$TAG NO not this one\r\n")
    _, run = t.extract(server, job=job)
    t.exits(run, 2)
    t.equal(warnings(job), told[1:], "what stands when the list was whole")
    server.clear()
    quiet(t, server, job)


def scene_what_stays(t):
    """A size that was misstated; a command that is not sent any more."""
    server = t.server(sample(["INBOX"], 3), caps="NAMESPACE LIST-EXTENDED LIST-STATUS")
    server.fetch(uid=2, item="RFC822.SIZE", reply=b"10")
    server.on(r"LIST .* RETURN", "$TAG BAD Parse Error\r\n")
    job, told = warned(t, server)
    t.equal(told, [(14002, ""), (30030, "INBOX")], "told")
    server.clear()
    server.store["INBOX"].add(letter("INBOX", 40))
    t.equal(warned(t, server, job)[1], told, "what stands")
