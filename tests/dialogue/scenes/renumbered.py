"""A folder with another UIDVALIDITY: what is stored already is recognised by size, date and header, and not
fetched again."""

import imexrun

from scene import *

BODY = rb"BODY\[\] \{"
HEADER = rb"BODY\[HEADER\] \{"
CHANGED = 30026
RECOGNISED = 30084
LOOKED_AT = 3                       # whole messages of each folder that are read to prove it


def count(pattern, log):
    return len(re.findall(pattern, log.sent()))


def renumber(*folders, first=101):
    for folder in folders:
        folder.renumber(folder.uidvalidity + 1000, first)


def again(t, server, job, *codes, args=()):
    mark = server.transcript.mark()
    job, run = t.extract(server, *args, job=job)
    t.exits(run, *(codes or (1,)))
    log = server.transcript.since(mark)
    t.read_only(log)
    return log


def wires(t, job, folder=""):
    return sorted(m.wire for m in t.mails(job, folder))


def first(t, count=40, **options):
    server = t.server(sample(("INBOX",), count=count), **options)
    return server, t.first_run(server)


def scene_nothing_is_fetched(t):
    """A hundred messages: their headers in one flight, three bodies, and what is new."""
    server, job = first(t, 100)
    inbox = server.store["INBOX"]
    inbox.remove(7)
    lost = 1
    renumber(inbox)
    inbox.add(letter("INBOX", 501), ["\\Flagged"])
    log = again(t, server, job)
    t.equal(count(HEADER, log), 99, "headers sent")
    t.equal(count(BODY, log), LOOKED_AT + 1, "bodies sent: those looked at, and what is new")
    t.equal(len(t.mails(job, "")), 100 + lost, "files: one for each message, and what the server has no longer")
    t.ok(set(m.raw for m in inbox) <= set(wires(t, job)), "each message of INBOX is there")
    t.no_doubles(job)
    names = os.listdir(os.path.join(t.account_dir(job), "cur"))
    t.equal(len([n for n in names if f".V{inbox.uidvalidity}U" in n]), 100, "names with the new UIDs")
    t.ok(job.events(CHANGED), "the change is told")
    t.ok([e["text"] for e in job.events(RECOGNISED)][-1].startswith("99 messages"), "and how many are recognised")
    log = again(t, server, job)
    t.equal((count(HEADER, log), count(BODY, log)), (0, 0), "sent in a further run")
    t.equal(len(t.mails(job, "")), 100 + lost, "and no file more")
    t.equal(t.imex("verify", job, server.url(), *t.options(server)).code in (0, 1), True, "verify")


def scene_flags_follow(t):
    server, job = first(t)
    inbox = server.store["INBOX"]
    renumber(inbox)
    inbox.flag(103, "\\Seen", "\\Answered", "Later")
    inbox.flag(104)
    log = again(t, server, job)
    t.equal(count(BODY, log), LOOKED_AT, "bodies sent")
    t.complete(job, server)
    t.no_doubles(job)


def scene_many_folders(t):
    """The server was migrated: all folders have another UIDVALIDITY."""
    server = t.server(sample([f"F{n}" for n in range(12)], count=20))
    job = t.first_run(server)
    renumber(*server.store)
    log = again(t, server, job)
    folders = len([f for f in server.store if len(f.messages)])
    t.equal(count(BODY, log), LOOKED_AT * folders, "bodies sent")
    t.equal(len([c for c in log.commands("UID") if "HEADER" in str(c)]), folders, "commands for headers")
    t.complete(job, server)
    t.no_doubles(job)


def twin(number, body):
    raw = b"Subject: twin\r\nMessage-ID: <twin@example>\r\n\r\n" + body + b"\r\n"
    return raw, (), imap_date(1100000000 + number)


def scene_twins(t):
    """Equal ones are matched one to one; those that differ in their bodies alone are fetched."""
    store = sample(("INBOX",), count=20)
    inbox = store["INBOX"]
    for _ in range(3):
        inbox.add(*twin(1, b"the same"))
    for body in (b"body A", b"body B"):
        inbox.add(*twin(2, body))
    server = t.server(store)
    job = t.first_run(server)
    inbox.remove(inbox.messages[-3].uid)
    renumber(inbox)
    log = again(t, server, job)
    t.equal(count(BODY, log), LOOKED_AT + 2, "bodies sent: those looked at, and the two that differ")
    stored = wires(t, job)
    for m in inbox:
        t.ok(stored.count(m.raw) >= 1, "each is there")
    t.equal(len(stored), len(inbox.messages) + 1, "and the one that is gone is kept")
    t.no_doubles(job)


def scene_another_twin_is_new(t):
    """A new message with size, date and header of a stored one: neither is believed."""
    store = sample(("INBOX",), count=20)
    inbox = store["INBOX"]
    inbox.add(*twin(1, b"body A"))
    server = t.server(store)
    job = t.first_run(server)
    renumber(inbox)
    inbox.add(*twin(1, b"body B"))
    log = again(t, server, job)
    t.equal(count(BODY, log), LOOKED_AT + 2, "bodies sent")
    t.equal(wires(t, job), sorted(m.raw for m in inbox), "all is there, once")
    t.no_doubles(job)


def scene_bodies_that_changed(t):
    """Size, date and header are the same, and the body is not: the sample shows it, all are fetched."""
    server, job = first(t, 30)
    inbox = server.store["INBOX"]
    before = wires(t, job)
    for m in inbox:
        head, _, body = m.raw.partition(b"\r\n\r\n")
        m.raw = head + b"\r\n\r\n" + body.replace(b"e", b"E")
    renumber(inbox)
    log = again(t, server, job)
    t.equal(count(BODY, log), LOOKED_AT + 30, "bodies sent")
    stored = wires(t, job)
    for raw in [m.raw for m in inbox] + before:
        t.ok(raw in stored, "both are there")


def scene_headers_are_refused(t):
    """Nothing is recognised then, and nothing is lost or doubled."""
    server, job = first(t, 10)
    server.on("UID FETCH .*HEADER", "$TAG BAD no headers here\r\n")
    renumber(server.store["INBOX"])
    log = again(t, server, job)
    t.equal(count(BODY, log), 10, "bodies sent")
    t.complete(job, server)
    t.no_doubles(job)


def formats(form, read):
    def scene(t):
        server = t.server(sample(("INBOX",), count=40))
        job, run = t.extract(server, "--format", form)
        t.exits(run, 0, 1)
        inbox = server.store["INBOX"]
        renumber(inbox, first=5)            # old and new UIDs overlap
        inbox.flag(9, "\\Flagged", "Later")
        log = again(t, server, job)
        t.equal(count(BODY, log), LOOKED_AT, "bodies sent")
        done = t.imex("verify", job, server.url(), *t.options(server))
        t.ok(done.code in (0, 1), f"verify {done}")
        log = again(t, server, job)
        t.equal(count(BODY, log), 0, "bodies sent in a further run")
    return scene


scene_mbox = formats("mbox", None)
scene_eml = formats("eml", None)
scene_exchange = formats("exchange", None)


def scene_changed_files(t):
    """Another program has changed flags of the stored files, and the size of one."""
    server, job = first(t, 20)
    inbox, root = server.store["INBOX"], t.account_dir(job)
    cur = os.path.join(root, "cur")
    names = sorted(os.listdir(cur))
    os.rename(os.path.join(cur, names[4]), os.path.join(cur, names[4].partition(":2,")[0] + ":2,FRS"))
    with open(os.path.join(cur, names[9]), "ab") as f:
        f.write(b"more\n")
    renumber(inbox)
    log = again(t, server, job)
    t.equal(count(BODY, log), LOOKED_AT + 1, "bodies sent: those looked at, and the one whose file is not as it was")
    t.equal(wires(t, job)[:], sorted(m.raw for m in inbox), "the messages of INBOX, each once")


def in_mid_run(t, *args):
    """The folder is made anew while the first run reads it: each message is there once in the end, and it is told."""
    server = t.server(sample(("INBOX",), count=12))

    def cut(f):
        renumber(server.store["INBOX"])
        return [f.value[:20], Cut]
    server.fetch(uid=7, folder="INBOX", item=r"BODY\.PEEK\[\]$", reply=cut, times=1)
    job, run = t.extract(server, *args)
    t.exits(run, 1)
    found = [f for f in job.report()["accounts"][0]["folders"] if not f["vanished"]]
    t.equal([(f["listed"], f["stored"]) for f in found], [(12, 12)], "listed and stored")
    t.one_event(job, CHANGED, folder="INBOX")
    t.says(imexrun.run(t, "verify", job, server.url(), *t.options(server)), "12 messages in 1 folder .*equal")
    return server, job


def scene_in_mid_run(t):
    server, job = in_mid_run(t)
    t.complete(job, server)
    t.no_doubles(job)


def scene_in_mid_run_into_mbox(t):
    in_mid_run(t, "--format", "mbox")


def scene_in_mid_run_into_eml(t):
    in_mid_run(t, "--format", "eml")
