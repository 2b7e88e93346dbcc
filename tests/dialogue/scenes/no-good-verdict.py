"""A message that cannot be had is named with its reason, and costs no other message."""

from hooks import lacking
from scene import *

ANY_BODY = r"BODY(\.PEEK)?\[|RFC822(?!\.SIZE)"
BROKEN = Refuse("NO [SERVERBUG] cannot read it")
WHOLE = r"BODY(\.PEEK)?\[(TEXT)?\]|RFC822$|RFC822\.(TEXT|PEEK)"
BUT_HEADER = r"BODY(\.PEEK)?\[(?!HEADER|0)|RFC822$|RFC822\.(TEXT|PEEK)"


@quirk(23)
def scene_phantom(t):
    """SEARCH lists a UID that FETCH never gives: a good verdict and a warning."""
    server = t.server()
    server.fetch(uid=4, folder="INBOX", item=r".", reply=NO_MESSAGE)
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server, without=[("INBOX", 4)])
    t.counts(job, "INBOX", stored=5, phantom=1)
    t.one_event(job, 30032, uid=4, folder="INBOX", level="warning")


def scene_refused(t):
    server = t.server()
    flags = server.store.snapshot()
    server.fetch(uid=4, folder="INBOX", item=ANY_BODY, reply=BROKEN)
    job, run = t.extract(server)
    t.exits(run, 2)
    t.complete(job, server, without=[("INBOX", 4)])
    t.verdict(job, "INBOX", 4, "refused")
    t.counts(job, "INBOX", listed=6, stored=5, refused=1)
    problem = job.folder("INBOX").get("problems", [{}])[0]
    t.matches(str(problem.get("reply")), r"NO \[SERVERBUG\] cannot read it", "the raw reply")
    t.equal(server.store.snapshot(), flags, "every form was tried, and the flags are as they were")


@quirk(7, 26)
def scene_refused_in_a_window(t):
    """One NO for a window of many: only the bad message is without a body."""
    server = t.server(sample(["INBOX"], 40))
    server.fetch(uid=17, item=ANY_BODY,
                 reply=Refuse("NO Some messages could not be FETCHed (Failure)"))
    job, run = t.extract(server)
    t.exits(run, 2)
    t.complete(job, server, without=[("INBOX", 17)])
    t.verdict(job, "INBOX", 17, "refused")


def scene_the_server_recovers(t):
    """The same command later gives the message, and the exit code is good again."""
    server = t.server()
    server.fetch(uid=4, folder="INBOX", item=ANY_BODY, reply=BROKEN)
    job, run = t.extract(server)
    t.exits(run, 2)
    server.clear()
    mark = server.transcript.mark()
    job, run = t.extract(server, job=job)
    t.exits(run, 0, 1)
    t.complete(job, server)
    t.never_sent(server.transcript.since(mark), r"UID FETCH (?!4 ).*BODY\.PEEK\[")


def scene_header_only(t):
    server = t.server()
    server.fetch(uid=4, folder="INBOX", item=BUT_HEADER, reply=Refuse("NO the body is damaged"))
    job, run = t.extract(server)
    t.exits(run, 2)
    t.verdict(job, "INBOX", 4, "header-only")
    t.says(run, r"messages  23 of 24 stored, .*; 23 of them by this run")
    problem = job.folder("INBOX").get("problems", [{}])[0]
    t.matches(str(problem.get("subject")), r"^3: ", "the subject, for people")
    t.matches(str(problem.get("message_id")), r"\.3@example\.org", "the Message-ID")
    t.matches(str(problem.get("from")), "ana3@example.org", "the sender")
    stored = [m for m in t.mails(job, "") if m.uid == 4]
    t.ok(len(stored) == 1 and b"Subject: 3: " in stored[0].data, "the header is stored")


def scene_reconstructed(t):
    """Only the MIME parts can be had: put together, and marked so."""
    server = t.server(sample(["INBOX"], 6))
    server.fetch(uid=3, item=r"BODY(\.PEEK)?\[(TEXT)?\]|RFC822$|RFC822\.(TEXT|PEEK)",
                 reply=Refuse("NO try the parts"))
    job, run = t.extract(server)
    t.exits(run, 2)
    t.verdict(job, "INBOX", 3, "reconstructed")
    stored = [m for m in t.mails(job, "") if m.uid == 3]
    t.ok(len(stored) == 1 and b"AAECAwQFBgcICQ==" in stored[0].data, "the parts are stored")


def scene_reconstructed_but_one_part(t):
    """A notice stands for the part that is refused; a later run that gets the mail replaces it."""
    server = t.server(sample(["INBOX"], 6))
    server.fetch(uid=3, item=r"BODY(\.PEEK)?\[(TEXT)?\]|RFC822$|RFC822\.(TEXT|PEEK)",
                 reply=Refuse("NO try the parts"))
    server.fetch(uid=3, item=r"BODY\.PEEK\[2\]", reply=Refuse("NO [SERVERBUG] not this one"))
    job, run = t.extract(server)
    t.exits(run, 2)
    t.verdict(job, "INBOX", 3, "reconstructed")
    stored = [m for m in t.mails(job, "") if m.uid == 3]
    t.ok(len(stored) == 1 and b"not this one" in stored[0].data, "the notice names the answer")
    server.clear()
    job, run = t.extract(server, job=job)
    t.exits(run, 1)         # the refused forms of the first run stand as warnings
    t.complete(job, server)


def scene_no_part_either(t):
    """Nothing but the header can be had."""
    server = t.server(sample(["INBOX"], 6))
    server.fetch(uid=3, item=r"BODY(\.PEEK)?\[(?!HEADER\])|RFC822$|RFC822\.(TEXT|PEEK)",
                 reply=Refuse("NO nothing"))
    job, run = t.extract(server)
    t.exits(run, 2)
    t.verdict(job, "INBOX", 3, "header-only")


NESTED = (b"From: ana@example.org\r\nSubject: nested\r\nMIME-Version: 1.0\r\n"
          b'Content-Type: multipart/mixed; boundary="out"\r\n\r\n'
          b'--out\r\nContent-Type: multipart/alternative; boundary="in"\r\n\r\n'
          b"--in\r\nContent-Type: text/plain\r\n\r\nplain words\r\n"
          b"--in\r\nContent-Type: text/html\r\n\r\n<p>rich words</p>\r\n--in--\r\n"
          b"\r\n--out\r\nContent-Type: message/rfc822\r\n\r\n"
          b"Subject: inner\r\n\r\ninner words\r\n"
          b"\r\n--out\r\nContent-Type: image/png\r\n\r\nPIXELS\r\n--out--\r\n")


def only_parts(t, raw):
    """A server that gives UID 7 in parts only."""
    server = t.server(sample(["INBOX"], 6))
    message = server.store["INBOX"].add(raw)
    server.fetch(uid=message.uid, item=WHOLE, reply=Refuse("NO try the parts"))
    return server, message.uid


def the_file(t, job, uid):
    stored = [m.data for m in t.mails(job, "") if m.uid == uid]
    t.equal(len(stored), 1, "files of this message")
    return stored[0].replace(b"\r\n", b"\n") if stored else b""


def the_reason(job, uid):
    return next((p.get("reason") for p in job.folder("INBOX").get("problems", [])
                 if p.get("uid") == uid), None)


def scene_reconstructed_nested(t):
    """A multipart in a multipart and a mail in a mail keep their places; nothing sets \\Seen."""
    server, uid = only_parts(t, NESTED)
    flags = server.store.snapshot()
    job, run = t.extract(server)
    t.exits(run, 2)
    t.verdict(job, "INBOX", uid, "reconstructed")
    t.equal(the_file(t, job, uid), NESTED.replace(b"\r\n", b"\n"), "put together as it was")
    t.equal(the_reason(job, uid), "put together from its MIME parts", "the reason")
    t.equal(server.store.snapshot(), flags, "flags")


def scene_reconstructed_where_seen_must_not_be_set(t):
    server, uid = only_parts(t, NESTED)
    job, run = t.extract(server, "--no-source-writes")
    t.exits(run, 2)
    t.verdict(job, "INBOX", uid, "reconstructed")
    t.never_sent(server.transcript, r"UID FETCH \S+ \((BODY\[|RFC822\)|RFC822\.TEXT)")


def scene_reconstructed_without_some_parts(t):
    """Two neighbours are refused and the last comes: all are named, none ends the message."""
    server, uid = only_parts(t, NESTED)
    server.fetch(uid=uid, item=r"BODY\.PEEK\[(1\.2|2)(\.MIME)?\]", reply=Refuse("NO broken disk"))
    job, run = t.extract(server)
    t.exits(run, 2)
    t.verdict(job, "INBOX", uid, "reconstructed")
    t.equal(the_reason(job, uid), "put together from its MIME parts; "
            "parts 1.2 (text/html), 2 (message/rfc822) missing", "the reason")
    data = the_file(t, job, uid)
    t.ok(b"plain words" in data and b"PIXELS" in data, "what came is there")
    t.equal(data.count(b"The server answered: NO broken disk"), 2, "a notice for each")
    job, run = t.extract(server, job=job)
    t.exits(run, 2)
    t.equal(the_file(t, job, uid), data, "a second run leaves the same file")


def scene_reconstructed_without_the_last_part(t):
    server, uid = only_parts(t, NESTED)
    server.fetch(uid=uid, item=r"BODY\.PEEK\[3\]", reply=b"NIL")
    job, run = t.extract(server)
    t.exits(run, 2)
    t.equal(the_reason(job, uid), "put together from its MIME parts; "
            "part 3 (image/png) missing", "the reason")
    t.ok(the_file(t, job, uid).endswith(b"--out--\n"), "the message is closed")


def scene_reconstructed_stays_when_less_comes(t):
    """The parts of the first run are not given up for a header of the second."""
    server, uid = only_parts(t, NESTED)
    job, run = t.extract(server)
    before = the_file(t, job, uid)
    server.fetch(uid=uid, item=BUT_HEADER, reply=Refuse("NO worse now"))
    job, run = t.extract(server, job=job)
    t.exits(run, 2)
    t.verdict(job, "INBOX", uid, "reconstructed")
    t.equal(the_file(t, job, uid), before, "the file of the first run")


def scene_reconstructed_single_part(t):
    server, uid = only_parts(t, b"Subject: one\r\n\r\nonly words\r\n")
    job, run = t.extract(server)
    t.exits(run, 2)
    t.verdict(job, "INBOX", uid, "reconstructed")
    t.equal(the_file(t, job, uid), b"Subject: one\n\nonly words\n", "header and text")


def scene_structure_names_parts_that_do_not_exist(t):
    """A structure of a thousand parts costs few commands, and ends."""
    server, uid = only_parts(t, NESTED)
    leaf = b'("text" "plain" NIL NIL NIL "7bit" 5 1)'
    server.fetch(uid=uid, item="BODYSTRUCTURE", reply=b"(" + leaf * 999 + b' "mixed")')
    server.fetch(uid=uid, item=r"BODY\.PEEK\[\d", reply=Refuse("NO no such part"))
    job, run = t.extract(server)
    t.exits(run, 2)
    t.verdict(job, "INBOX", uid, "header-only")
    asked = server.transcript.commands(r"UID FETCH \d+ \(BODY\.PEEK\[\d+\]")
    t.ok(0 < len(asked) <= 20, f"{len(asked)} parts were asked for")


def scene_structure_is_nonsense(t):
    """Whatever is said in place of a structure, the header is stored and the others are whole."""
    bomb = b"(" * 5000 + b")" * 5000
    for reply in (b"NIL", b"()", b"(NIL)", b'"text"', b"(NIL NIL NIL)", bomb, b'("text")',
                  Refuse("BAD what?"), NO_MESSAGE, b"(((", b"{5}\r\nabcde"):
        server, uid = only_parts(t, NESTED)
        server.fetch(uid=uid, item="BODYSTRUCTURE", reply=reply)
        job, run = t.extract(server)
        t.exits(run, 2)
        t.counts(job, "INBOX", stored=6, header_only=1)


def scene_parts_of_another_message(t):
    """A part whose answer turns out to be another message's is not put into this one."""
    server, uid = only_parts(t, NESTED)

    @server.on(rf"UID FETCH {uid} \(BODY\.PEEK\[3\]\)")
    def _(call):
        return [b"* 7 FETCH (BODY[3] {5}\r\nALIEN UID 2)\r\n", call.tagged("OK done")]
    job, run = t.extract(server)
    t.exits(run, 2)
    t.verdict(job, "INBOX", uid, "header-only")
    t.ok(b"ALIEN" not in the_file(t, job, uid), "nothing of the other message")


@quirk(13)
def scene_placeholder(t):
    """A known text in place of the mail is not the mail."""
    server = t.server()
    text = (b"From: Microsoft Exchange Server\r\n"
            b"Subject: Retrieval using the IMAP4 protocol failed for the following message: 4\r\n"
            b"MIME-Version: 1.0\r\n\r\n"
            b"The server couldn't retrieve the following message:\r\n\r\nSubject: \"plan\"\r\n")

    @server.fetch(uid=4, folder="INBOX", item=r"BODY(\.PEEK)?\[\]|RFC822$")
    def _(f):
        f.message.size = len(text)
        return b"{%d}\r\n%s" % (len(text), text)
    server.fetch(uid=4, folder="INBOX", item=r"BODY(\.PEEK)?\[.|RFC822\.(TEXT|HEADER|PEEK)",
                 reply=Refuse("NO no"))
    job, run = t.extract(server)
    t.exits(run, 2)
    t.verdict(job, "INBOX", 4, "placeholder")


def scene_folder_refused(t):
    server = t.server()
    server.on(r'EXAMINE "?Archive"?( |$)', "$TAG NO [NOPERM] not for you\r\n")
    job, run = t.extract(server)
    t.exits(run, 2)
    others = {"INBOX": "", "Archive/2003": ".Archive.2003", "Sent": ".Sent"}
    t.complete(job, server, folders=others)
    t.equal(job.folder("Archive").get("proved"), False, "the folder is not proved")
    t.ok("not for you" in str(job.report()), "the server's words are in the report")


def scene_folder_vanishes(t):
    """A folder that is listed and not there any more when its turn comes."""
    server = t.server()
    server.on(r'EXAMINE "?Sent"?( |$)', "$TAG NO [NONEXISTENT] no such folder\r\n")
    job, run = t.extract(server)
    t.within(run.code, (0, 1, 2), "exit code")
    t.complete(job, server, folders={"INBOX": "", "Archive": ".Archive"})


@quirk(20)
def scene_server_counts_more(t):
    """EXISTS says more than SEARCH and FETCH give: not proved."""
    server = t.server()

    @server.on(r'EXAMINE "?INBOX"?( |$)')
    def _(call):
        return [p.replace(b"* 6 EXISTS", b"* 9 EXISTS") if isinstance(p, bytes) else p
                for p in call.normal()]
    job, run = t.extract(server)
    t.exits(run, 2)
    t.complete(job, server)
    t.equal(job.folder("INBOX").get("proved"), False, "INBOX is not proved")


def never_again(server, items):
    """The first listing has all; then UID 4 is left out of every answer to FETCH, and SEARCH goes on naming it."""
    server.fetch(uid=4, folder="INBOX", item=items, reply=NO_MESSAGE)
    listings = []

    @server.on(r"(UID )?FETCH .*(RFC822\.SIZE|FAST)")
    def _(call):
        listings.append(call.text)
        return call.normal() if len(listings) == 1 else lacking(call, b"(UID 4 ")


def scene_listed_once_and_never_again(t):
    """FETCH has listed it with size and flags: that is no phantom, and nothing is complete without it."""
    server = t.server(sample(("INBOX",)))
    never_again(server, r"(?!RFC822\.SIZE|FLAGS|INTERNALDATE|UID)")
    job, run = t.extract(server)
    t.exits(run, 2)
    t.counts(job, "INBOX", listed=6, stored=5, phantom=0)
    t.equal([p["uid"] for p in job.folder("INBOX")["problems"]], [4], "what has no good verdict")
    server.clear()
    t.within(t.extract(server, job=job)[1].code, (0, 1), "exit code when it is given again")
    t.complete(job, server)
