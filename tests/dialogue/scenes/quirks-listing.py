"""Servers that list less than they should, or otherwise: worked around, and never called complete when it is not."""

from old import Old
from scene import *
from people import *

LISTING = r"UID FETCH \S+ (?!.*(BODY|RFC822(?!\.SIZE)))"


def complete(t, server, *codes, **check):
    job, run = t.extract(server)
    t.exits(run, *(codes or (0, 1)))
    t.complete(job, server, **check)
    t.no_doubles(job)
    t.read_only(server)
    return job, run


def scene_imap4_of_1994(t):
    """RFC 1730: RFC822.PEEK first, no STATUS, and UID is no item of a listing."""
    server = t.server(level="IMAP4")
    server.on(r"UID FETCH \S+ \(UID", "$TAG BAD Bogus attribute list in UID FETCH\r\n")
    complete(t, server, 0, 1)
    t.never_sent(server, "STATUS", r"UID FETCH \S+ \(UID ")
    run = t.check(server)
    t.says(run, r"imap4-1994 \(seen\)")


def scene_one_item_refused(t):
    """The listing asks for less until it is taken; the next account begins with what was taken."""
    server = t.serve(house(people("a", 2)))
    server.on(r"UID FETCH \S+ (\(.*INTERNALDATE|FAST)", "$TAG BAD no such item\r\n")
    job = Job(t)
    run = t.imex("extract", "--users", listed(t, server), "--to", job, "--jobs", "1", *ONE, *t.options(server),
                 password=None)
    t.exits(run, 1)
    for at, user in enumerate(sorted(server.accounts)):
        t.equal(len(maildir.messages(t.account_dir(job, at), "")), 3, f"the mail of {user}")
    refused = server.transcript.count(r"UID FETCH \S+ (\(.*INTERNALDATE|FAST)")
    t.equal(refused, 3, "refused listings: three forms, once for the server")


def scene_no_listing_at_all(t):
    """Only one message at a time."""
    server = t.server(sample(("INBOX",), count=5))
    server.on(r"UID FETCH \d+:\S+ ", "$TAG BAD Bogus sequence\r\n")
    complete(t, server, 1)


def scene_listing_refused_for_a_message(t):
    """One message of the first folder makes each listing of it BAD: the others of it are looked at alone, and other
    folders are listed at once, with dates."""
    server = t.server(sample(("INBOX", "Work"), count=8))

    @server.on(r"UID FETCH (\d+):?(\d+|\*)? (?!.*(BODY|RFC822(?!\.SIZE)))")
    def _(call):
        low, high = int(call.match[1]), call.match[2]
        high = low if high is None else 10 ** 9 if high == "*" else int(high)
        if call.session.folder.name == "INBOX" and low <= 1 <= high:
            return "$TAG BAD internal error\r\n"
        return call.normal()
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server, folders={"Work": ".Work"})
    t.counts(job, "INBOX", listed=8, stored=8)
    t.ok(server.transcript.count(r"UID FETCH \d+ \((UID )?FLAGS INTERNALDATE") <= 9, "messages looked at alone")
    t.equal(server.transcript.count(r"UID FETCH \d+ FAST"), 1, "forms that were tried for one message")


@quirk(43)
def scene_status_refused(t):
    server = t.server(caps="NAMESPACE")
    server.on(r"STATUS", "$TAG BAD what?\r\n")
    complete(t, server, 1)
    t.sent_once(server, "STATUS")


@quirk(43, 27)
def scene_no_uidnext(t):
    """163.com and Courier: no UIDNEXT, and STATUS with an empty list; what is absent is unknown, not zero."""
    server = t.server(caps="NAMESPACE")
    server.on(r"STATUS (\S+)", lambda call: f"* STATUS {call.match[1]} ()\r\n$TAG OK done\r\n")
    server.on(r"EXAMINE", lambda call: lacking(call, b"UIDNEXT"))
    job, _ = complete(t, server)
    last = max(m.uid for m in server.store["INBOX"].messages)
    t.equal(job.folder("INBOX")["proof"]["uidnext"], last + 1, "complete up to")


@quirk(29)
def scene_empty_list(t):
    """LIST of all names none; level by level they come."""
    server = t.server(sample(["INBOX", "Archive", "Archive/2003", "Archive/2003/May", "Sent"], 3), caps="NAMESPACE")
    server.on(r'LIST "" "?\*', "$TAG OK nothing here\r\n")
    job, _ = complete(t, server, 1)
    t.one_event(job, 30079, level="warning")


@quirk(29)
def scene_nothing_is_listed(t):
    """No folder in any way, and INBOX has mail: copied, and never called complete."""
    server = t.server(caps="NAMESPACE")
    server.on(r"LIST|LSUB", "$TAG OK nothing here\r\n")
    job, run = t.extract(server)
    t.exits(run, 2)
    t.equal(len(t.mails(job, "")), 6, "INBOX")
    t.says(run, "lists no folder at all")
    server.clear()
    job, run = t.extract(server, job=job)
    t.exits(run, 0)
    t.complete(job, server)


@quirk(29)
def scene_nothing_is_listed_and_nothing_is_there(t):
    server = t.server(Store(), caps="NAMESPACE")
    server.on(r"LIST|LSUB", "$TAG OK nothing here\r\n")
    job, run = t.extract(server)
    t.exits(run, 0)


@quirk(29)
def scene_list_is_refused(t):
    """One broken mount point makes a refusal of the whole answer: level by level all come."""
    server = t.server(sample(["INBOX", "Archive", "Archive/2003", "Sent"], 3), caps="NAMESPACE")
    server.on(r'LIST "" "?\*', "$TAG NO cannot open a mount point\r\n")
    job, _ = complete(t, server, 1)
    t.one_event(job, 30079, level="warning")
    t.one_event(job, 14002, level="warning", account="usuario", command='LIST "" "*"',
                reply=re.compile(r"^\d+ NO cannot open a mount point"))


def scene_list_is_refused_altogether(t):
    """In every way, by NO and by BAD, with LIST-EXTENDED and without: each refusal is an event with the raw answer."""
    for caps in ("NAMESPACE", "NAMESPACE LIST-EXTENDED LIST-STATUS"):
        for word in ("NO", "BAD"):
            server = t.server(caps=caps)
            server.on("LIST", f"$TAG {word} not today\r\n")
            job, run = t.extract(server)
            t.exits(run, 2, 69)
            for command in ('LIST "" "*"', 'LIST "" "%"'):
                t.one_event(job, 14002, level="error", account="usuario", command=command,
                            reply=re.compile(f"^\\d+ {word} not today"))


def scene_find_is_refused(t):
    server = t.serve(Old(sample(["INBOX"], 2), "IMAP2bis"))
    server.on("FIND", "$TAG NO not today\r\n")
    job, run = t.extract(server)
    t.exits(run, 2, 69)
    t.one_event(job, 14002, level="error", account="usuario", command="FIND ALL.MAILBOXES *", reply=re.compile("NO not today"))


@quirk(29)
def scene_list_is_refused_behind_some(t):
    """What lies below the mount point is refused by itself, too: what came is copied, and never called complete."""
    server = t.server(sample(["INBOX", "Archive", "Archive/2003", "Shared", "Shared/x"], 3), caps="NAMESPACE")
    refusal = "$TAG NO cannot open a mount point\r\n"
    server.on(r'LIST "" "?\*', lambda call: ['* LIST () "/" "Shared/x"\r\n', refusal])
    server.on(r'LIST "" "?Shared/%', refusal)
    job, run = t.extract(server)
    t.exits(run, 2)
    t.complete(job, server)
    t.says(run, "refuses to list a part of its folders")
    t.one_event(job, 14002, level="error", command='LIST "" "Shared/%"', reply=re.compile("NO cannot open a mount point"))
    # None of those that are not listed has vanished.
    server.clear()
    server.on(r"LIST", "$TAG NO cannot open a mount point\r\n")
    job, run = t.extract(server, job=job)
    t.exits(run, 2, 69)
    t.says(run, "refuses to list its folders: .*cannot open a mount point")
    t.equal([f["name"] for f in job.report()["accounts"][0]["folders"] if f.get("vanished")], [], "folders called vanished")
    server.clear()
    job, run = t.extract(server, job=job)
    t.exits(run, 0, 1)
    t.complete(job, server)


def scene_capability_tells_nothing(t):
    """OK, and no list that can be read: a server that has CAPABILITY is none from before LIST."""
    for told in ("", "* CAPABILITY\r\n", "* CAPABILITY " + "X " * 20000 + "\r\n"):
        server = t.server()
        server.on(r"CAPABILITY", lambda call, told=told: [told, call.tagged("OK done")])
        server.forgiven = [r"RFC822\.PEEK", "LOGIN"]
        complete(t, server, 1)


def scene_capability_told_and_refused(t):
    """The question is BAD, and the login tells them: no server from before UIDs, of which INBOX alone could be had."""
    server = t.server()
    server.on(r"CAPABILITY", "$TAG BAD no\r\n")
    server.on(r"LOGIN", "$TAG OK [CAPABILITY IMAP4rev1 UIDPLUS] in\r\n")
    job, run = t.extract(server)
    t.exits(run, 0)
    t.complete(job, server)


def scene_inbox_that_cannot_be_opened(t):
    """LIST calls INBOX \\Noselect, and STATUS counts its mail: it is copied, and told."""
    server = t.server(caps="NAMESPACE")
    closed = b'* LIST (\\Noselect) "/" "INBOX"'
    server.on(r"LIST", lambda call: b"".join(p if isinstance(p, bytes) else p.encode() for p in call.normal())
              .replace(b'* LIST () "/" "INBOX"', closed))
    job, _ = complete(t, server, 1)
    t.one_event(job, 30079, level="warning", folder="INBOX")
    # And where it is none, nobody misses it.
    server = t.server(sample(["Archive"], 3), caps="NAMESPACE")
    server.on(r'(STATUS|EXAMINE) "?INBOX', "$TAG NO it is not there\r\n")
    server.on(r"LIST", lambda call: [closed + b"\r\n", *(p for p in call.normal() if b'"INBOX"' not in (p if isinstance(p, bytes) else p.encode()))])
    job, run = t.extract(server)
    t.exits(run, 0)
    t.equal(len(t.mails(job, ".Archive")), 3, "messages in the other")


def scene_list_without_inbox(t):
    server = t.server(caps="NAMESPACE")
    server.on(r"LIST", lambda call: lacking(call, b'"INBOX"'))
    complete(t, server)


@quirk(29)
def scene_exists_counts_up(t):
    """Zimbra: EXISTS comes several times; the last one holds."""
    server = t.server(sample(("INBOX",), count=30))

    @server.on(r"EXAMINE")
    def _(call):
        return [b"* 5 EXISTS\r\n* 10 EXISTS\r\n* 20 EXISTS\r\n", *call.normal()]
    complete(t, server, 0)


@quirk(20)
def scene_cut_by_a_limit(t):
    """EXISTS says 30, SEARCH and FETCH know the last 20: a part is hidden, and it is said, exit 2."""
    server = t.server(sample(("INBOX",), count=30))
    hidden = [m.uid for m in server.store["INBOX"].messages[:10]]
    server.fetch(uid=hidden, item=".", reply=NO_MESSAGE)

    @server.on(r"UID SEARCH")
    def _(call):
        return [re.sub(rb"(?m)^(\* ESEARCH.*ALL) \S+", rb"\1 %d:%d" % (hidden[-1] + 1, hidden[-1] + 20), p)
                if isinstance(p, bytes) else re.sub(r"(?m)^(\* ESEARCH.*ALL) [^\r\s]+", rf"\1 {hidden[-1] + 1}:{hidden[-1] + 20}", p)
                for p in call.normal()]
    job, run = t.extract(server)
    t.exits(run, 2)
    t.complete(job, server, without=[("INBOX", uid) for uid in hidden])
    t.one_event(job, 30022, folder="INBOX")


@quirk(47)
def scene_uidvalidity_above_32_bits(t):
    """Milliseconds for UIDVALIDITY: the same folder in the second run."""
    server = t.server(sample(("INBOX",), count=5))
    server.on(r"EXAMINE", lambda call: [re.sub(rb"UIDVALIDITY \d+", b"UIDVALIDITY 1795365581454", b"".join(
        p if isinstance(p, bytes) else p.encode() for p in call.normal()))])
    server.on(r"LIST", lambda call: [re.sub(rb"UIDVALIDITY \d+", b"UIDVALIDITY 1795365581454", b"".join(
        p if isinstance(p, bytes) else p.encode() for p in call.normal()))])
    job, run = t.extract(server)
    t.exits(run, 0, 1)
    t.equal(len(t.mails(job, "")), 5, "messages")
    mark = server.transcript.mark()
    job, run = t.extract(server, job=job)
    t.exits(run, 0, 1)
    t.equal(len(t.mails(job, "")), 5, "messages after the second run")
    t.no_bodies(server.transcript.since(mark))


@quirk(47)
def scene_uidvalidity_missing(t):
    """Absent or 0: unknown; the second run doubles nothing."""
    for word in (b"", b"* OK [UIDVALIDITY 0] x\r\n"):
        server = t.server(sample(("INBOX",), count=5), caps="NAMESPACE")
        server.on(r"EXAMINE", lambda call, word=word: [word, *lacking(call, b"UIDVALIDITY")])
        server.on(r"STATUS (\S+)", "$TAG NO not now\r\n")
        job, run = t.extract(server)
        t.exits(run, 0, 1)
        t.equal(len(t.mails(job, "")), 5, "messages")
        job, run = t.extract(server, job=job)
        t.exits(run, 0, 1)
        t.equal(len(t.mails(job, "")), 5, "messages after the second run")


def subscriptions(t, job):
    with open(os.path.join(t.account_dir(job), "subscriptions"), encoding="utf-8") as file:
        return file.read().split("\n")[2:]


def scene_subscriptions_are_not_told(t):
    """LSUB is refused: told, and what an earlier run has heard stands. Nothing can be selected by it then."""
    for refusal in "NO [UNAVAILABLE] not now", "BAD unknown command":
        server = t.server(sample(("INBOX", "Archive", "Sent"), 2), caps="NAMESPACE")
        server.store["Sent"].subscribed = False
        job, run = t.extract(server)
        t.exits(run, 0)
        known = subscriptions(t, job)
        t.ok("Archive" in known and "Sent" not in known, "what is subscribed", known)
        server.on("LSUB", f"$TAG {refusal}\r\n")
        job, run = t.extract(server, job=job)
        t.exits(run, 1)
        t.one_event(job, 14002, level="warning", text=re.compile("which folders are subscribed is not known"))
        t.equal(subscriptions(t, job), known, "subscriptions that were known")
        mark = server.transcript.mark()
        job, run = t.extract(server, "--subscribed")
        t.exits(run, 2)
        t.says(run, r"refuses to say which folders are subscribed \(LSUB\)")
        t.equal(server.transcript.since(mark).count("EXAMINE"), 0, "opened folders")


def scene_namespaces_are_not_told(t):
    """Whose folders they are is not known: copied as one's own, and told."""
    server = t.server(sample(("INBOX", "Other/bob"), 2), caps="NAMESPACE")
    server.on("NAMESPACE", "$TAG NO not today\r\n")
    job, run = complete(t, server, 1)
    t.one_event(job, 14002, level="warning", text=re.compile("folders of other people and shared ones"))
