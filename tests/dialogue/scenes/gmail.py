"""Labels and ids of Gmail are in the sidecar, and a message that has several labels is fetched and stored once."""

import json

from gmail import ALL, Gmail, labelled
from scene import *
from scene import directory_of, imexrun

LISTING = r"UID FETCH \S+ \(UID FLAGS INTERNALDATE RFC822\.SIZE X-GM-MSGID X-GM-THRID X-GM-LABELS\)"


def told(t, job, server, folder):
    """UID -> the "gmail" of its last line in the sidecar."""
    with open(os.path.join(t.account_dir(job), directory_of(server.store, folder), "folder.jsonl")) as lines:
        rows = [json.loads(line) for line in lines]
    return {row["uid"]: row.get("gmail") for row in rows if "uid" in row}


def is_told(t, job, server):
    for folder in server.store:
        if not folder.selectable:
            continue
        want = {m.uid: {"msgid": str(server.msgid(m)), "thrid": str(server.msgid(m) - 1),
                        "labels": sorted(server.labels(m, folder))} for m in folder}
        t.equal(told(t, job, server, folder.name), want, f"what the sidecar of {folder.name} tells")


def inodes(t, job):
    """Octets of a message -> the inodes of its files."""
    found = {}
    for mail in t.mails(job):
        found.setdefault(mail.wire, []).append(os.stat(mail.path).st_ino)
    return found


@quirk(3)
def scene_one_body(t):
    server = t.serve(Gmail(labelled()))
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)
    is_told(t, job, server)
    for raw, files in inodes(t, job).items():
        t.equal(len(set(files)), 1, f"files of one message: {files}")
    t.equal(len(t.mails(job, "")), len(server.store["INBOX"]), "INBOX has what is labelled so")
    t.equal(len(inodes(t, job)), len(server.store[ALL]), "nothing that is in All Mail alone is lost")
    fetched = sum(len(list(numbers(c.split()[2]))) for c in server.transcript.commands(r"UID FETCH \S+ \(BODY.PEEK"))
    t.equal(fetched, len(server.store[ALL]), "bodies that were asked for")
    t.equal(len(job.events(30084)), 3, "each folder that shares tells of it")
    t.exits(t.imex("verify", job), 0)
    t.exits(imexrun.run(t, "verify", job, server.url(), "--deep", *t.options(server)), 0, 1)


def scene_of_several_connections(t):
    server = t.serve(Gmail(labelled(40)))
    job, run = t.extract(server, "--connections", "3")
    t.exits(run, 1)
    t.complete(job, server)
    is_told(t, job, server)


@quirk(3)
def scene_new_label(t):
    """In a later run a message gets one more label: no body is fetched, and the labels are told anew everywhere."""
    for caps in (None, "ID NAMESPACE UIDPLUS LIST-EXTENDED X-GM-EXT-1"):
        server = t.serve(Gmail(labelled(), **({"caps": caps} if caps else {})))
        job, _ = t.extract(server)
        raw = server.store[ALL][6].raw
        mark = server.transcript.mark()
        server.store["Work"].add(raw, ["\\Seen"], server.store[ALL][6].date)
        server.store[ALL]._touch(server.store[ALL][6])
        job, run = t.extract(server, job=job)
        t.exits(run, 1)
        t.no_bodies(server.transcript.since(mark))
        t.complete(job, server)
        is_told(t, job, server)
        mark = server.transcript.mark()
        tree = t.tree(job)
        t.extract(server, job=job)
        t.same_tree(tree, job)


def scene_other_formats(t):
    """They have the labels too, and each folder its own copy."""
    for form in ("eml", "mbox", "exchange"):
        server = t.serve(Gmail(labelled()))
        job, run = t.extract(server, "--format", form)
        t.exits(run, 1)
        for folder in server.store:
            if folder.selectable:
                t.counts(job, folder.name, listed=len(folder), stored=len(folder))
        lines = [json.loads(line) for path, _, names in os.walk(job.mail) for name in names if name == "folder.jsonl"
                 for line in open(os.path.join(path, name))]
        t.equal(sum(1 for row in lines if row.get("gmail", {}).get("msgid")),
                sum(len(f) for f in server.store), "lines with labels and ids")
        t.exits(t.imex("verify", job), 0, 1)


def scene_converted(t):
    """A later conversion keeps them."""
    server = t.serve(Gmail(labelled()))
    job, _ = t.extract(server)
    copy = job.path + "-eml"
    done = t.imex("convert", job, "--to", copy, "--format", "eml")
    t.exits(done, 0, 1)
    lines = [line for path, _, names in os.walk(copy) for name in names
             if name == "folder.jsonl" for line in open(os.path.join(path, name)) if '"gmail"' in line]
    t.equal(len(lines), sum(len(f) for f in server.store), "lines with labels and ids")


@quirk(3)
def scene_same_id_of_another_message(t):
    """Whatever the server says of ids: what has another size or date is fetched."""
    server = t.serve(Gmail(labelled()))
    server.msgid = lambda message: 5
    job, run = t.extract(server)
    t.within(run.code, (1, 2), "exit code")
    t.complete(job, server)


def scene_labels_refused(t):
    server = t.serve(Gmail(labelled()))
    server.on(r".*X-GM-", "$TAG BAD Could not parse command\r\n")
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)
    t.sent_times(server, ".*X-GM-", 1)
    t.one_event(job, 14002, text=re.compile("asked for instead"))


def scene_odd_labels(t):
    """Labels of every kind, and values that are none: the listing is good all the same."""
    server = t.serve(Gmail(labelled()))
    server.more = {m.raw: ["\\Sent", 'with "quotes" and \\', "\\Important", "Entw&APw-rfe", "a" * 300]
                   for m in server.store["INBOX"]}
    server.fetch(uid=1, folder="Work", item="X-GM-LABELS", reply=b"NIL")
    server.fetch(uid=1, folder="two words", item="X-GM-MSGID", reply=b"-7")
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)
    uid = server.store[ALL].messages[1].uid
    t.equal(told(t, job, server, ALL)[uid]["labels"], sorted(server.labels(server.store[ALL][uid], server.store[ALL])),
            "what the sidecar tells")
    t.equal(told(t, job, server, "Work")[1]["labels"], [], "no labels were told")
    t.equal(told(t, job, server, "two words")[1]["msgid"], None, "no id was told")


@quirk(3)
def scene_copy_changed_by_somebody(t):
    """The stored file is not there any more, or is another: the message is fetched."""
    server = t.serve(Gmail(labelled()))
    job, _ = t.extract(server, "--folder", "INBOX")
    for number, mail in enumerate(t.mails(job, "")):
        if number % 2:
            os.remove(mail.path)
        else:
            os.replace(mail.path, mail.path.replace(":2,", ":2,F"))
    job, run = t.extract(server, "--folder", "Work", job=job)
    t.exits(run, 1)
    t.complete(job, server, folders={"Work": directory_of(server.store, "Work")})
