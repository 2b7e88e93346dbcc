"""Messages that a server hides, in whatever way: each folder ends with what is true of it, never with a false "complete"."""

from scene import *

ANY_BODY = r"BODY(\.PEEK)?\[|RFC822(?!\.SIZE)"
PLAIN = "ID NAMESPACE"
LISTING = r"UID FETCH \S+ (?!.*(BODY|RFC822(?!\.SIZE)))"


def text_of(call):
    return b"".join(p if isinstance(p, bytes) else p.encode() for p in call.normal())


def inbox(t, count=30):
    return t.server(sample(("INBOX",), count=count), caps=PLAIN)


def finds(server, uids):
    """SEARCH tells these alone."""
    server.on("UID SEARCH", "* SEARCH " + " ".join(map(str, uids)) + "\r\n$TAG OK [MESSAGELIMIT 10 21] done\r\n")


@quirk(20)
def scene_search_is_cut(t):
    """SEARCH finds the first ten, the last ten, or none of thirty: the listing has the others."""
    for uids in (range(1, 11), range(21, 31), ()):
        server = inbox(t)
        finds(server, uids)
        job, run = t.extract(server)
        t.exits(run, 0, 1)
        t.complete(job, server)
        t.counts(job, "INBOX", listed=30, stored=30)


@quirk(20)
def scene_the_listing_is_cut(t):
    """A listing never has more than ten messages; SEARCH has all, and they are looked at alone."""
    server = inbox(t)

    @server.on(LISTING)
    def _(call):
        lines = text_of(call).split(b"\r\n")
        data = [line for line in lines if line.startswith(b"* ")]
        return b"\r\n".join([*data[:10], *[line for line in lines if not line.startswith(b"* ")]])
    job, run = t.extract(server)
    t.exits(run, 0, 1)
    t.complete(job, server)


def scene_both_are_cut(t):
    """EXISTS alone tells of the others: not proved."""
    server = inbox(t)
    finds(server, range(21, 31))
    server.fetch(uid=list(range(1, 21)), item=".", reply=NO_MESSAGE)
    job, run = t.extract(server)
    t.exits(run, 2)
    t.complete(job, server, without=[("INBOX", uid) for uid in range(1, 21)])
    t.one_event(job, 30022, folder="INBOX")


def scene_status_alone_tells(t):
    """STATUS counts thirty, and the folder, when it is open, shows ten, or none: that is said."""
    for shown in (10, 0):
        server = inbox(t)
        store = server.store["INBOX"]
        server.on(r"STATUS", f"* STATUS \"INBOX\" (MESSAGES 30 UIDNEXT 31 UIDVALIDITY {store.uidvalidity})\r\n$TAG OK done\r\n")
        del store.messages[:30 - shown]
        job, run = t.extract(server)
        t.exits(run, 1)
        t.complete(job, server)
        t.one_event(job, 30028, folder="INBOX", level="warning")
        t.equal(job.report()["exit_code"], 1, "a later look at the report says so, too")


def scene_fetch_gives_nothing(t):
    """EXISTS and SEARCH know six, and FETCH answers OK to everything: not a folder of six phantoms that is complete."""
    server = t.server(sample(["INBOX"], 6))
    server.on("(UID )?FETCH", "$TAG OK done\r\n")
    job, run = t.extract(server)
    t.exits(run, 2)
    t.counts(job, "INBOX", stored=0, phantom=6)
    t.matches(job.folder("INBOX")["proof"]["why"], "gives less than half", "the proof")
    server.clear()
    job, run = t.extract(server, job=job)
    t.complete(job, server)


def scene_no_body_in_any_form(t):
    """OK and nothing, NIL, or no octet, for all messages in all forms: none is stored, each is named."""
    for reply in (NO_MESSAGE, b"NIL", b"{0}\r\n"):
        server = inbox(t, 4)
        server.fetch(item=ANY_BODY, reply=reply)
        job, run = t.extract(server)
        t.exits(run, 2)
        entry = job.folder("INBOX")
        t.equal((entry.get("listed"), entry.get("stored")), (4, 0), f"listed and stored with {reply!r}")
        t.equal(sorted(p["uid"] for p in entry.get("problems", [])), [1, 2, 3, 4], "each is named")


@quirk(13)
def scene_notices_in_place_of_all(t):
    """Exchange: each message is a notice. All are placeholders, none counts as stored."""
    server = inbox(t, 4)
    notice = (b"From: System Administrator\r\nSubject: Retrieval using the IMAP4 protocol failed for the following "
              b"message: 4\r\n\r\nThe server couldn't retrieve the following message\r\n")
    server.fetch(item=ANY_BODY, reply=b"{%d}\r\n%s" % (len(notice), notice))
    job, run = t.extract(server)
    t.exits(run, 2)
    t.equal({p["verdict"] for p in job.folder("INBOX").get("problems", [])} & {"stored"}, set(), "verdicts")
    t.equal(len(job.folder("INBOX").get("problems", [])), 4, "each is named")


@quirk(12)
def scene_all_are_short(t):
    """Each form cuts each message at 200 octets: stored as it came, and each is told; where slices go on, it is whole."""
    for slices in (False, True):
        server = inbox(t, 6)
        server.fetch(item=r"BODY(\.PEEK)?\[\]|RFC822(\.PEEK)?$",
                     reply=lambda f: b"{%d}\r\n%s" % (len(f.data[:200]), f.data[:200]))
        server.fetch(item=r"BODY(\.PEEK)?\[(HEADER|TEXT|\d)|RFC822\.(HEADER|TEXT)", reply=Refuse("BAD what?"))
        if not slices:
            server.fetch(item=r"BODY(\.PEEK)?\[\]<", reply=Refuse("BAD what?"))
        job, run = t.extract(server)
        if slices:
            t.exits(run, 0, 1)
            t.complete(job, server)
        else:
            t.exits(run, 1)
            t.equal({e["uid"] for e in job.events(30030)}, set(range(1, 7)), "each short message is told")


def scene_folders_come_and_go_in_lists(t):
    """A folder that one LIST leaves out is not gone for good: what is stored of it stays, and the next run has it."""
    server = t.server(sample(["INBOX", "Sent"], 3), caps=PLAIN)
    job = t.first_run(server)
    server.on("LIST", lambda call: lacking(call, b'"Sent"'))
    server.on("LSUB", lambda call: lacking(call, b'"Sent"'))
    job, run = t.extract(server, job=job)
    t.exits(run, 0, 1)
    t.equal(len(t.mails(job, ".Sent")), 3, "what is stored stays")
    server.clear()
    server.store["Sent"].add(letter("Sent", 99), ["\\Seen"], " 7-Nov-2003 16:18:49 +0200")
    job, run = t.extract(server, job=job)
    t.exits(run, 0, 1)
    t.complete(job, server)
