"""The story: a server refuses BODY.PEEK[] and RFC822.PEEK, and no message is lost.

Each refused form is asked once in the whole run, each refusal is one event
14002 that says what replaced it, and the source has its flags as before although
the form that works sets \\Seen for good.
"""

from collections import Counter

from banyan import Banyan
from scene import *

PASSWORD_OF_STORY = "migracion"


def refusals(server):
    """The BAD lines that the server sent, without CRLF."""
    return re.findall(r"(?m)^(\S+ BAD [^\r\n]*)\r$", server.transcript.sent().decode("latin-1"))


def scene_first_run(t):
    server = t.serve(Banyan())
    before = server.store.snapshot()
    job, run = t.extract(server, password=PASSWORD_OF_STORY)
    t.exits(run, 1)
    t.complete(job, server)
    t.no_doubles(job)
    t.equal(server.store.snapshot(), before, "the flags on the source")
    t.equal(job.account_dirs(), [f"usuario1%25ncc%25migracion@127.0.0.1%3A{server.port}"],
            "ACCOUNT")

    bad = refusals(server)
    refused = [c for c in server.transcript.commands("UID FETCH") if any(c in r for r in bad)]
    forms = Counter(re.sub(r"UID FETCH \S+ ", "", c) for c in refused)
    t.ok("(RFC822.PEEK)" in forms, "RFC822.PEEK was tried", forms)
    t.equal(set(forms.values()), {1}, f"each refused form was sent once: {forms}")
    for command in refused:
        t.matches(command, r"^UID FETCH \d+ \([^()]+\)$", "a new form is tried on one message")


def scene_events(t):
    server = t.serve(Banyan())
    job, run = t.extract(server, password=PASSWORD_OF_STORY)
    t.exits(run, 1)
    events = job.events(14002)
    t.equal(sorted(e["reply"] for e in events), sorted(refusals(server)),
            "one event 14002 for each refusal, with the raw reply")
    for event in events:
        t.equal((event["account"], event["level"], event["source"]),
                ("usuario1%ncc%migracion", "warning", "imex"), f"event {event}")
        t.ok(event["command"] in event["reply"], "the command without its tag", event)
        t.ok(event["text"], "the text says what replaced it", event)
    story = t.one_event(job, 14002, command=re.compile(r"^UID FETCH \d+ \(RFC822\.PEEK\)$"))
    t.matches(story.get("reply", ""),
              r'^\S+ BAD UID Request "\S+ UID FETCH \d+ \(RFC822\.PEEK\)" at column \d+$',
              "the reply")
    t.equal(story.get("folder"), "INBOX", "the folder of the event")
    t.ok(str(story.get("uid")) in story.get("command", ""), "the UID of the event", story)
    told = [w["text"] for w in job.report()["accounts"][0]["warnings"] if w["event"] == 14002]
    t.ok(len(told) == 1 and told[0].count("RFC822 works and is used instead") == 1,
         "the report says once what replaced all of them", told)


def scene_second_run(t):
    server = t.serve(Banyan())
    before = server.store.snapshot()
    job, first = t.extract(server, password=PASSWORD_OF_STORY)
    t.exits(first, 1)
    tree, mark = t.tree(job), server.transcript.mark()
    job, second = t.extract(server, password=PASSWORD_OF_STORY, job=job)
    t.exits(second, 1)
    log = server.transcript.since(mark)
    t.no_bodies(log)
    t.never_sent(log, r".*PEEK", "SELECT", "(UID )?STORE")
    t.same_tree(tree, job, "the second run changed nothing")
    t.equal(server.store.snapshot(), before, "the flags on the source")


def scene_new_mail_uses_what_was_learned(t):
    server = t.serve(Banyan())
    job, first = t.extract(server, password=PASSWORD_OF_STORY)
    t.exits(first, 1)
    server.store["INBOX"].add(letter("INBOX", 70))
    before, mark = server.store.snapshot(), server.transcript.mark()
    job, second = t.extract(server, password=PASSWORD_OF_STORY, job=job)
    t.exits(second, 1)
    t.never_sent(server.transcript.since(mark), r".*PEEK")
    t.complete(job, server)
    t.equal(server.store.snapshot(), before, "the flags on the source")


def scene_no_source_writes(t):
    """Forms that set \\Seen are skipped, so the bodies cannot be had; nothing is written."""
    server = t.serve(Banyan())
    before = server.store.snapshot()
    job, run = t.extract(server, "--no-source-writes", password=PASSWORD_OF_STORY)
    t.exits(run, 2)
    t.read_only(server)
    t.equal(server.store.snapshot(), before, "the flags on the source")
    entry = job.folder("INBOX")
    t.equal(sum(entry.get(v, 0) for v in BAD), entry.get("listed"), f"no message is good: {entry}")


def scene_select_refused(t):
    """What cannot be given back is told and stays owed; the next run gives it back."""
    server = t.serve(Banyan())
    before = server.store.snapshot()
    server.on("SELECT ", "$TAG NO [NOPERM] read only today\r\n")
    job, run = t.extract(server, password=PASSWORD_OF_STORY)
    t.exits(run, 1)
    t.ok(server.store.snapshot() != before, "flags are on the source that were not there")
    t.ok(any("read only today" in e["text"] for e in job.events()), "why is told", job.events())
    server.clear()
    job, again = t.extract(server, password=PASSWORD_OF_STORY, job=job)
    t.exits(again, 1)
    t.equal(server.store.snapshot(), before, "the flags on the source")


def scene_flags_of_a_folder_that_was_made_anew(t):
    """Of other messages nothing is taken away."""
    server = t.serve(Banyan())
    server.on("SELECT ", "$TAG NO [NOPERM] read only today\r\n")
    job, run = t.extract(server, password=PASSWORD_OF_STORY)
    t.exits(run, 1)
    server.clear()
    inbox = server.store["INBOX"]
    inbox.renumber(inbox.uidvalidity + 1000, 2)
    for message in inbox:
        message.flags.add("\\Seen")
    before = server.store.snapshot()
    job, again = t.extract(server, password=PASSWORD_OF_STORY, job=job)
    t.exits(again, 1)
    t.equal(server.store.snapshot()["INBOX"], before["INBOX"], "the flags on the source")
