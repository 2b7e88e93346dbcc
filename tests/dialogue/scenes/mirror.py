"""--mirror: what the source has deleted goes from the files, too, kept first, and never too much of it."""

import hashlib
import json

import sidecar
from people import *
from scene import *

REMOVED, LEFT = 30066, 30067
EML = ("--format", "eml")


def begun(t, *args, count=30):
    """Two folders of 30 messages, extracted once."""
    server = t.server(sample(("INBOX", "Archive"), count=count))
    job, run = t.extract(server, *args)
    t.exits(run, 0)
    return server, job


def gone(server, *uids, folder="INBOX"):
    """These are deleted on the source; returns their octets by UID."""
    found = {}
    for uid in uids:
        found[uid] = server.store[folder][uid].raw
        server.store[folder].remove(uid)
    return found


def mirrored(t, server, job, *args, code=0):
    job, run = t.extract(server, "--mirror", *args, job=job)
    t.exits(run, code)
    return run


def files(t, job):
    """Names of the messages that are stored, of any format."""
    return sorted(os.path.relpath(os.path.join(base, name), job.mail) for base, _, names in os.walk(job.mail)
                  for name in names if ".imex" in name or name.endswith(".eml"))


def kept(t, job, octets, folder="INBOX"):
    """Each of these is told in the list, and its file has its octets."""
    with open(os.path.join(job.path, "removed.jsonl"), encoding="utf-8") as file:
        lines = {line["uid"]: line for line in map(json.loads, file)}
    t.equal(sorted(lines), sorted(octets), "UIDs in removed.jsonl")
    for uid, raw in octets.items():
        line = lines[uid]
        with open(os.path.join(job.path, line["file"]), "rb") as file:
            t.equal(file.read(), raw, f"the octets of UID {uid} in {line['file']}")
        t.equal((line["sha256"], line["size"]), (hashlib.sha256(raw).hexdigest(), len(raw)), "digest, size")
        t.equal((line["folder"], line["destination"]), (folder, None), "folder, destination")


def verified(t, server, job):
    t.exits(t.imex("verify", job), 0)
    t.exits(t.imex("verify", job, server.url(), *t.options(server)), 0)


def warned(t, job, words, folder="INBOX"):
    found = [e["text"] for e in job.events(LEFT) if e["folder"] == folder and re.search(words, e["text"])]
    return t.ok(found, f"a warning for {folder}: {words}", *[str(e) for e in job.events(LEFT)])


def untouched(t, job, before):
    t.equal(files(t, job), before, "the files")
    t.equal(job.events(REMOVED), [], "events of removal")


def scene_removed_and_kept(t):
    server, job = begun(t)
    octets = gone(server, 4, 17)
    run = mirrored(t, server, job)
    t.complete(job, server)
    t.no_doubles(job)
    kept(t, job, octets)
    t.equal(len(job.events(REMOVED)), 2, "events of removal")
    t.says(run, "removed   2 that the source has deleted")
    t.counts(job, "INBOX", listed=28, expunged=2, mirrored=2)
    t.read_only(server)
    verified(t, server, job)


def scene_index_files_stay_true(t):
    """Neither the sidecar nor dovecot-uidlist tell of it any more; what imports the tree is not told either."""
    server, job = begun(t)
    gone(server, 4, 30)
    mirrored(t, server, job)
    with open(os.path.join(t.account_dir(job), "dovecot-uidlist"), encoding="utf-8") as file:
        uids = [int(line.split()[0]) for line in file.readlines()[1:]]
    t.equal(uids, [m.uid for m in server.store["INBOX"]], "UIDs in dovecot-uidlist")
    t.equal(sorted(sidecar.read(t.account_dir(job)).current()), uids, "UIDs in folder.jsonl")
    copy = Job(t)
    done = t.imex("convert", job, "--to", copy, "--format", "eml")
    t.exits(done, 0)
    t.equal(len([n for n in files(t, copy) if n.endswith(".eml")]), 58, "messages of the copy")


def scene_second_run_is_quiet(t):
    server, job = begun(t)
    gone(server, 4)
    mirrored(t, server, job)
    tree, said = t.tree(job), len(job.events(REMOVED))
    mirrored(t, server, job)
    mirrored(t, server, job, "--list-all")
    t.same_tree(tree, job)
    t.equal((len(job.events(REMOVED)), job.events(LEFT)), (said, []), "events")


def scene_eml(t):
    server, job = begun(t, *EML)
    octets = gone(server, 4, 17)
    before = files(t, job)
    mirrored(t, server, job)
    left = [n for n in before if not re.search(r"/INBOX/(4|17)\.eml$", n)]
    t.equal(files(t, job), left, "the files")
    kept(t, job, octets)
    verified(t, server, job)


def scene_without_the_option_it_is_kept(t):
    server, job = begun(t)
    gone(server, 4)
    job, run = t.extract(server, job=job)
    t.exits(run, 0)
    t.complete(job, server, kept=[("INBOX", 4)])
    t.counts(job, "INBOX", expunged=1, mirrored=0)
    # What earlier runs have kept goes as well, once it is asked for; nothing of the mailbox has changed.
    mirrored(t, server, job)
    t.complete(job, server)
    verified(t, server, job)


def scene_more_than_a_tenth(t):
    server, job = begun(t)
    gone(server, 1, 2, 3, 4)
    gone(server, 5, folder="Archive")
    before = files(t, job)
    mirrored(t, server, job, code=1)
    warned(t, job, r"4 of its 30 messages are gone from the source, that is more than 10 %")
    left = [n for n in before if "/.Archive/" not in n or "U5.imex" not in n]
    t.equal(files(t, job), left, "the files: those of the other folder went")
    t.counts(job, "INBOX", expunged=4, mirrored=0)
    # The folder has grown, so that they are less than a tenth now.
    fill(server.store["INBOX"], 20, "new")
    mirrored(t, server, job)
    t.complete(job, server)


def scene_a_folder_is_gone(t):
    """All of it would go, so nothing does, and it is told; so is it when it is there again."""
    server, job = begun(t)
    before = files(t, job)
    archive = server.store.folders.pop("Archive")
    mirrored(t, server, job, code=1)
    untouched(t, job, before)
    warned(t, job, "gone from the source", "Archive")
    server.store.folders["Archive"] = archive
    mirrored(t, server, job)
    t.complete(job, server)


def scene_not_proved(t):
    """SEARCH and the listing are at odds: what is not listed may be there."""
    server, job = begun(t)
    before = files(t, job)
    gone(server, 4)
    server.on(r"EXAMINE .?INBOX", lambda call: [re.sub(rb"29 EXISTS", b"30 EXISTS", x) if isinstance(x, bytes) else x
                                              for x in call.normal()])
    server.on(r"LIST|STATUS", lambda call: [re.sub(rb"MESSAGES 29", b"MESSAGES 30", x) if isinstance(x, bytes) else x
                                            for x in call.normal()])
    mirrored(t, server, job, code=2)
    untouched(t, job, before)
    warned(t, job, "not proved")
    server.clear()
    mirrored(t, server, job)
    t.complete(job, server)


def scene_left_out_is_not_gone(t):
    """A narrower selection takes nothing away, whatever it leaves out, and neither does one that moves."""
    server, job = begun(t)
    before = files(t, job)
    for words in (("--since", "2004-01-01"), ("--folder", "INBOX"), ("--exclude", "Archive"), ("--unseen",),
                  ("--search", "FLAGGED"), ("--max-size", "10"), ("--skip-deleted",),
                  ("--since", "2004-02-01")):
        mirrored(t, server, job, *words, "--list-all")
        untouched(t, job, before)
        t.equal(job.events(LEFT), [], f"warnings with {words}")
    server.store["INBOX"].flag(3, "\\Deleted")
    mirrored(t, server, job, "--skip-deleted")
    t.equal((len(files(t, job)), job.events(REMOVED)), (len(before), []), "what is only marked as deleted stays")


def scene_changed_by_somebody_else(t):
    server, job = begun(t)
    octets = gone(server, 4, 17)
    changed = next(m for m in t.mails(job, "") if m.uid == 4)
    path = os.path.join(t.account_dir(job), changed.path)
    with open(path, "r+b") as file:
        file.write(b"X")
    mirrored(t, server, job, code=1)
    t.ok(os.path.exists(path), "it is left")
    kept(t, job, {17: octets[17]})
    warned(t, job, r"1 copies are not what imex has stored.*UID 4")


def scene_gone_here_too(t):
    """Somebody has removed the file already: there is nothing to do but to know it."""
    server, job = begun(t)
    gone(server, 4)
    lost = next(m for m in t.mails(job, "") if m.uid == 4)
    os.unlink(os.path.join(t.account_dir(job), lost.path))
    mirrored(t, server, job)
    t.equal(job.events(REMOVED), [], "events of removal")
    verified(t, server, job)


def scene_other_flags_here(t):
    """A client has renamed the file; it is the same message."""
    server, job = begun(t)
    octets = gone(server, 4)
    mail = next(m for m in t.mails(job, "") if m.uid == 4)
    path = os.path.join(t.account_dir(job), mail.path)
    os.rename(path, re.sub(r":2,.*", ":2,FRS", path))
    mirrored(t, server, job)
    t.complete(job, server)
    kept(t, job, octets)


def scene_back_on_the_source(t):
    """It is new there, and is copied anew; so is one that comes back under its old UID."""
    server, job = begun(t)
    octets = gone(server, 4, 5)
    mirrored(t, server, job)
    inbox = server.store["INBOX"]
    inbox.add(octets[4], ("\\Seen",))
    inbox.add(octets[5], ("\\Seen",), uid=5)
    mirrored(t, server, job)
    t.complete(job, server)
    t.no_doubles(job)
    verified(t, server, job)


def scene_changes_alone(t):
    """Also where the folder is not listed, and the server tells what vanished."""
    server = t.server(sample(("INBOX",), count=300), caps="QRESYNC CONDSTORE ENABLE ESEARCH LIST-EXTENDED LIST-STATUS")
    job = t.first_run(server)
    gone(server, 40, 41, 299)
    mirrored(t, server, job)
    t.equal(len(job.events(30075)), 1, "changes alone")
    t.complete(job, server)
    verified(t, server, job)


def scene_many(t):
    """More than are kept together."""
    server = t.server(sample(("INBOX",), count=1400))
    job = t.first_run(server)
    octets = gone(server, *range(1, 1400, 11))
    mirrored(t, server, job)
    t.complete(job, server)
    t.equal(len(job.events(REMOVED)), len(octets), "events of removal")
    kept(t, job, octets)
    verified(t, server, job)


def scene_several_connections(t):
    """Each has had its folders open; one removes."""
    server = t.server(sample(("INBOX", "A", "B", "C"), count=12))
    job = t.first_run(server, "--connections", "3")
    for folder in ("INBOX", "A", "B", "C"):
        gone(server, 7, folder=folder)
        fill(server.store[folder], 2, "new")
    mirrored(t, server, job, "--connections", "3")
    t.complete(job, server)
    t.equal(len(job.events(REMOVED)), 4, "events of removal")
    verified(t, server, job)


def scene_a_large_one(t):
    """More than is held in memory, and one that is stored as it came."""
    for words in ((), EML):
        server = t.server(sample(("INBOX",), count=30))
        big = b"Subject: big\r\n\r\n" + b"0123456789 abcdefghijklmnopqrstuvwxyz\r\n" * 60000
        for raw in (big, big + b"bare LF\n"):
            server.store["INBOX"].add(raw, ("\\Seen", "$Big"))
        job, run = t.extract(server, *words)
        t.exits(run, 0)
        octets = gone(server, 31, 32)
        mirrored(t, server, job)
        kept(t, job, octets)
        verified(t, server, job)


def scene_a_list(t):
    """Each account by itself; they share one list of what was removed."""
    server = t.serve(house(people("m", 3, count=10)))
    users, job = listed(t, server), Job(t)
    t.exits(t.imex("extract", "--users", users, "--to", job, *t.options(server)), 0)
    for login in ("m1", "m2"):
        server.accounts[login]["INBOX"].remove(3)
    run = t.imex("extract", "--users", users, "--to", job, "--mirror", *t.options(server))
    t.exits(run, 0)
    with open(os.path.join(job.path, "removed.jsonl"), encoding="utf-8") as file:
        t.equal(sorted(json.loads(line)["account"] for line in file), ["m1", "m2"], "accounts of the list")
    t.exits(t.imex("verify", job), 0)


def told(job, number):
    try:
        return job.events(number)
    except ValueError:      # a line that is just being written
        return []


def scene_watched(t):
    """What is deleted while the account is watched goes at once."""
    server = t.server(sample(("INBOX",), count=30))
    job, run = t.start_extract(server, "--mirror", "--watch", "--watch-idle", "0", "--watch-poll", "200ms", timeout=90)
    t.must(t.until(lambda: told(job, 30220), 40), "the watch begins")
    with server.store.lock:
        server.store["INBOX"].remove(4)
    t.ok(t.until(lambda: told(job, REMOVED), 40), "it is removed")
    t.exits(run.signal(signal.SIGTERM).wait(), 0)
    t.complete(job, server)


def scene_another_uidvalidity(t):
    """What is left under the old numbers stays: nobody has told that it is gone. That is told, each time."""
    server, job = begun(t)
    octets = gone(server, 8)
    gone(server, 3, folder="Archive")
    t.exits(t.extract(server, job=job)[1], 0)       # of this one a listing has told it
    server.store["Archive"].renumber(server.store["Archive"].uidvalidity + 1000, 501)
    server.store["INBOX"].renumber(server.store["INBOX"].uidvalidity + 1000, 501)
    mirrored(t, server, job, code=1)
    t.ok(octets[8].replace(b"\r\n", b"\n") in [m.data for m in t.mails(job, "")], "it is there")
    t.equal(job.events(REMOVED), [], "events of removal")
    for times in (1, 2):
        told = [e for e in job.events(LEFT) if "1 copies were left behind when its UIDVALIDITY changed" in e["text"]]
        t.equal(sorted(e["folder"] for e in told), sorted(["Archive", "INBOX"] * times), "what is told to stay")
        mirrored(t, server, job, code=1)


def scene_put_back_by_import(t):
    """The undo list is a tree that can be imported."""
    server, job = begun(t)
    octets = gone(server, 4, 17)
    mirrored(t, server, job)
    copy = Job(t)
    done = t.imex("convert", os.path.join(job.path, "removed"), "--to", copy, "--format", "maildir")
    t.within(done.code, (0, 1), "exit code")
    found = sorted(m.data.replace(b"\r\n", b"\n") for m in maildir.messages(t.account_dir(copy)))
    t.equal(found, sorted(raw.replace(b"\r\n", b"\n") for raw in octets.values()), "what is read from the list")


def scene_formats_that_keep_all(t):
    """mbox and exchange: refused before anything is contacted, also when the job says so."""
    server = t.server()
    for form in ("mbox", "exchange"):
        job, run = t.extract(server, "--mirror", "--format", form)
        t.exits(run, 64)
        t.one_line_error(run)
        t.says(run, f"--mirror is for --format maildir and eml: .* stored as {form}")
    job, run = t.extract(server, "--format", "mbox")
    t.exits(run, 0)
    mark = server.transcript.mark()
    job, run = t.extract(server, "--mirror", job=job)
    t.exits(run, 64)
    t.only_sent(server.transcript.since(mark))
    for command in ("import", "convert"):
        t.exits(t.imex(command, job, "--mirror"), 64)


def scene_retry_removes_nothing(t):
    """The option is not kept."""
    server, job = begun(t)
    gone(server, 4)
    mirrored(t, server, job)
    gone(server, 6)
    server.store["Archive"].add(letter("Archive", 77))
    server.fetch(uid=31, folder="Archive", reply=Refuse("NO never"))
    job, run = t.extract(server, job=job)
    t.exits(run, 2)
    server.clear()
    done = t.imex("retry", job, *t.options(server))
    t.within(done.code, (0, 1), "exit code")
    t.complete(job, server, kept=[("INBOX", 6)])
