"""A message without a good verdict is told in words for people (From, Date, Subject, Message-ID), with the command and the
raw answer, whatever became of it (rules.md 1.7); its header is asked for without a trace."""

from hooks import lacking
from old import Old, mailbox
from rfc1730 import Imap4
from scene import *

FIELDS = r"BODY\.PEEK\[HEADER\.FIELDS"
BUT_FIELDS = r"BODY(?!\.PEEK\[HEADER\.FIELDS)|RFC822(?!\.SIZE)"
WHOLE = r"BODY(\.PEEK)?\[(TEXT)?\]|RFC822$|RFC822\.(TEXT|PEEK)"
BUT_HEADER = r"BODY(\.PEEK)?\[(?!HEADER|0)|RFC822$|RFC822\.(TEXT|PEEK)"
NOTICE = (b"From: System Administrator\r\nSubject: Retrieval using the IMAP4 protocol failed for the following "
          b"message: 4\r\n\r\nThe server couldn't retrieve the following message\r\n")


def named(t, job, verdict, uid=4, reply=None, command=None, number=14002):
    """INBOX 4 is the letter of number 3."""
    t.verdict(job, "INBOX", uid, verdict)
    problem = job.folder("INBOX").get("problems", [{}])[0]
    for key, text in (("from", "ana3@example.org"), ("date", r"^Fri, 04 Nov 2002|^\w+, 04 Nov 2002"), ("subject", "^3: "),
                      ("message_id", r"\.3@example\.org")):
        t.matches(str(problem.get(key)), text, f"{verdict}: {key}")
    event = t.one_event(job, number, uid=uid, level="error", text=re.compile("^verdict " + verdict))
    if reply is not None:
        t.matches(str(problem.get("reply")), reply, f"{verdict}: the raw reply")
        t.matches(str(event.get("reply")), reply, f"{verdict}: the raw reply of the event")
        t.matches(str(event.get("command")), command or rf"^UID FETCH {uid} \(", f"{verdict}: the command")


def extracted(t, server, *args):
    flags = server.store.snapshot()
    job, run = t.extract(server, *args)
    t.exits(run, 2)
    t.equal(server.store.snapshot(), flags, "the flags on the source")
    return job


def nothing_of_4(server):
    """It is listed, has these fields of a header, and nothing else."""
    server.fetch(uid=4, folder="INBOX", item=BUT_FIELDS, reply=NO_MESSAGE)
    server.on(r"UID FETCH 4 \((?!BODY\.PEEK\[HEADER\.FIELDS|.*FLAGS)", "$TAG OK FETCH completed\r\n")


def scene_refused(t):
    for word in ("NO", "BAD"):
        server = t.server()
        server.fetch(uid=4, folder="INBOX", item=BUT_FIELDS, reply=Refuse(word + " [SERVERBUG] cannot read it"))
        job = extracted(t, server)
        named(t, job, "refused", reply=r"^\d+ " + word + r" \[SERVERBUG\] cannot read it")


def scene_refused_in_every_form(t):
    """Of all messages: the first that is told has the answer, too."""
    server = t.server(sample(["INBOX"], 4))
    server.fetch(item=BUT_FIELDS, reply=Refuse("BAD what?"))
    job = extracted(t, server)
    problems = job.folder("INBOX")["problems"]
    t.equal([p["uid"] for p in problems], [1, 2, 3, 4], "each is told")
    t.ok(all("ana" in p["from"] and p["subject"] and p["message_id"] and "BAD what?" in p["reply"] for p in problems),
         "in words, and with an answer", problems)
    told = [e for e in job.events(14002) if e["text"].startswith("verdict ")]
    t.equal(len(told), 4, "events of the verdicts")
    t.ok(all(e.get("command") and "BAD what?" in e.get("reply", "") for e in told), "with command and answer", told)


def scene_failed(t):
    """OK, and nothing, to each form."""
    server = t.server(sample(["INBOX"], 6))
    nothing_of_4(server)
    named(t, extracted(t, server), "failed", reply=r"^\d+ OK FETCH completed", number=30031)


def scene_nil(t):
    """And BAD to the one form that the server does not know."""
    for reply in (NO_MESSAGE, b"NIL", b"{0}\r\n"):
        server = t.server()
        server.fetch(uid=4, folder="INBOX", item=BUT_FIELDS, reply=reply)
        named(t, extracted(t, server), "refused", reply=r"^\d+ BAD ", command=r"^UID FETCH 4 \(RFC822\.PEEK\)")


def scene_placeholder(t):
    """Not in the words of the notice."""
    server = t.server()
    server.fetch(uid=4, folder="INBOX", item=BUT_FIELDS, reply=b"{%d}\r\n%s" % (len(NOTICE), NOTICE))
    job = extracted(t, server)
    named(t, job, "placeholder", number=job.events(14002) and 14002 or 30031, reply=r"^\d+ (OK|BAD|NO)")


def scene_header_only(t):
    server = t.server()
    server.fetch(uid=4, folder="INBOX", item=BUT_HEADER, reply=Refuse("NO the body is damaged"))
    named(t, extracted(t, server), "header-only", reply="NO the body is damaged")


def scene_reconstructed(t):
    server = t.server(sample(["INBOX"], 6))
    server.fetch(uid=4, item=WHOLE, reply=Refuse("NO try the parts"))
    named(t, extracted(t, server), "reconstructed", reply="NO try the parts")


def scene_withheld(t):
    """--no-source-writes, and only forms that set \\Seen are left, and the header alone is refused, too."""
    server = t.server()
    server.fetch(uid=4, folder="INBOX", item=BUT_FIELDS, reply=Refuse("NO not this one"))
    named(t, extracted(t, server, "--no-source-writes"), "refused", reply="NO not this one")
    t.never_sent(server, r"UID FETCH .*(BODY\[|RFC822[ )])")


def scene_no_listing_and_a_header(t):
    """SEARCH names it, no listing and no body in any form: but it has a header, so it is none that never was."""
    server = t.server(sample(["INBOX"], 6))
    nothing_of_4(server)

    @server.on(r"UID FETCH .*RFC822\.SIZE")
    def _(call):
        return lacking(call, b"(UID 4 ") if call.session.folder.name == "INBOX" else call.normal()
    job, run = t.extract(server)
    t.exits(run, 2)
    named(t, job, "failed", reply="OK FETCH completed", number=30031)


def scene_connections_end(t):
    """At its body in every form, not at its header; then at its header, too, which is asked for once."""
    for item, headed in ((BUT_FIELDS, True), (r"BODY|RFC822(?!\.SIZE)", False)):
        server = t.server(sample(["INBOX"], 6))
        server.fetch(uid=4, folder="INBOX", item=item, reply=[Cut])
        job = extracted(t, server)
        t.counts(job, "INBOX", stored=5, failed=1)
        t.equal(server.transcript.count("UID FETCH 4 .*" + FIELDS), 1, "its header was asked for once")
        if headed:
            named(t, job, "failed", number=30031)
        else:
            t.one_event(job, 30031, uid=4, level="error")


def scene_fields_are_refused(t):
    """BAD to that, too: asked once in the run, and nothing else is lost."""
    server = t.server(sample(["INBOX"], 10))
    server.fetch(uid=[4, 6, 8], folder="INBOX", item=r"BODY|RFC822(?!\.SIZE)", reply=Refuse("BAD not these"))
    job = extracted(t, server)
    t.counts(job, "INBOX", stored=7, refused=3)
    t.sent_once(server, "UID FETCH .*" + FIELDS)


def scene_no_subjects(t):
    server = t.server()
    server.fetch(uid=4, folder="INBOX", item=BUT_FIELDS, reply=Refuse("NO not this one"))
    job = extracted(t, server, "--no-subjects")
    problem = job.folder("INBOX")["problems"][0]
    t.equal((problem["from"], problem["subject"]), ("", ""), "what is kept private")
    t.matches(problem["message_id"], r"\.3@example\.org", "the Message-ID")


def scene_rfc1730(t):
    server = t.serve(Imap4())
    server.fetch(uid=4, folder="INBOX", item=r"RFC822\.PEEK$|RFC822$|RFC822\.TEXT|BODY", reply=Refuse("NO not this one"))
    job, run = t.extract(server)
    t.exits(run, 2)
    named(t, job, "header-only", reply="NO not this one")


def scene_without_uids(t):
    server = t.serve(Old(mailbox("INBOX"), "IMAP2bis"))
    server.fetch(uid=4, folder="INBOX", item=r"RFC822$|RFC822\.TEXT", reply=Refuse("NO not this one"))
    job, run = t.extract(server)
    t.exits(run, 2)
    named(t, job, "header-only", reply="NO not this one", command=r"^FETCH 4 \(")
