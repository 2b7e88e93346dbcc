"""Products of today and of long ago, with what is known of each at once."""

from scene import *

FIRST_FORM = r"BODY\.PEEK\[\]$"
NO_DATA = r"RFC822(?!\.SIZE)"


def complete(t, server, *codes, **check):
    job, run = t.extract(server)
    t.exits(run, *(codes or (0, 1)))
    t.complete(job, server, **check)
    t.no_doubles(job)
    return job, run


# -- Gmail -----------------------------------------------------------------------

@quirk(4)
def scene_gmail_folders(t):
    """[Gmail] holds no mail, names are of any language: special use tells what they are."""
    store = sample(["INBOX", "[Gmail]", "[Gmail]/Papelera", "[Gmail]/Enviados"], 2)
    store["[Gmail]"].selectable = False
    server = t.server(store, greeting="* OK Gimap ready for requests\r\n")

    @server.on(r"LIST")
    def _(call):
        text = b"".join(p if isinstance(p, bytes) else p.encode() for p in call.normal())
        return [text.replace(b') "/" "[Gmail]/Papelera"', b' \\Trash) "/" "[Gmail]/Papelera"')
                .replace(b"( \\Trash", b"(\\Trash")]
    job, _ = complete(t, server, 0)
    t.never_sent(server, r'EXAMINE "?\[Gmail\]"?$')
    run = t.check(server)
    t.says(run, r"\[Gmail\]/Papelera +2 .*\\Trash")


@quirk(4)
def scene_gmail_folder_limit(t):
    """Exactly 1,000 messages: a limit of the account may hide the others, and that is said."""
    for greeting, code in (("* OK Gimap ready for requests\r\n", 1), (None, 0)):
        server = t.server(sample(("INBOX",), count=1000), greeting=greeting)
        job, _ = complete(t, server, code)
        t.equal(len(job.events(30028)), code, "warnings of the count")


# -- Exchange --------------------------------------------------------------------

@quirk(9)
def scene_authenticated_but_not_connected(t):
    """The login is good and the mailbox is none: said with its causes, 77, and not tried again."""
    server = t.server()
    server.on(r"ID|NAMESPACE|LIST|LSUB|STATUS|EXAMINE", "$TAG BAD User is authenticated but not connected.\r\n")
    job, run = t.extract(server)
    t.exits(run, 77)
    t.one_line_error(run)
    for cause in ("another's", "IMAP is switched off", "scope", "shared mailbox"):
        t.says(run, cause)
    t.sent_once(server, "LOGIN|AUTHENTICATE")
    t.secret_free(job, run, PASSWORD)


@quirk(11)
def scene_ten_errors(t):
    """A connection is ended after ten errors; the message that causes them does not hold up the others."""
    server = t.server(sample(("INBOX",), count=12))
    errors = {}

    def refuse(call):
        if not re.match(r"UID FETCH 4 ", call.text) and not (call.match and "4" in call.text.split()[2].split(",")):
            return None
        n = errors[call.wire.number] = errors.get(call.wire.number, 0) + 1
        if n >= 10:
            return ["* BYE Connection is closed. 14\r\n", Cut]
        return "$TAG BAD Command Error. 10\r\n"
    server.fetch(uid=4, item=r"BODY|RFC822(?!\.SIZE)", reply=Refuse("BAD Command Error. 10"))
    server.on(r"UID FETCH 4 .*(BODY|RFC822)", refuse)
    job, run = t.extract(server)
    t.exits(run, 2)
    t.complete(job, server, without=[("INBOX", 4)])
    t.counts(job, "INBOX", listed=12, stored=11)
    t.ok(sum(errors.values()) < 40, "the message is not asked for again and again", errors)


def refusing(server, bad, most=10):
    """BAD to each command for the body of such a message, and BYE to the last of so many on a connection."""
    errors = {}

    @server.on(r"UID FETCH \S+ .*(BODY|RFC822)(?!\.SIZE)")
    def _(call):
        if not bad & set(numbers(call.text.split()[2])):
            return call.normal()
        n = errors[call.wire.number] = errors.get(call.wire.number, 0) + 1
        if n >= most:
            return ["* BYE Connection is closed. 14\r\n", Cut]
        return "$TAG BAD Command Error. 10\r\n"
    return errors


@quirk(11)
def scene_many_errors(t):
    """Half of the messages are refused: a new connection begins before the server ends the old one, and all
    others come."""
    server = t.server(sample(("INBOX",), count=60))
    bad = set(range(2, 60, 2))
    before = server.store.snapshot()
    errors = refusing(server, bad)
    job, run = t.extract(server, timeout=60)
    t.exits(run, 2)
    t.ok(max(errors.values()) < 10, "errors of each connection", errors)
    t.complete(job, server, without=[("INBOX", uid) for uid in bad])
    t.counts(job, "INBOX", listed=60, stored=31, refused=29)
    t.no_doubles(job)
    t.equal(server.store.snapshot(), before, "the flags on the source")
    t.equal([e for e in job.events(30011) if e["level"] == "warning"], [], "connections that were lost")


@quirk(11)
def scene_errors_while_mail_goes(t):
    """Between two of those connections a message is expunged and others arrive."""
    server = t.server(sample(("INBOX",), count=40))
    bad = set(range(2, 40, 3))
    refusing(server, bad)

    @server.on(r"EXAMINE ", after=1, times=1)
    def _(call):
        server.store["INBOX"].remove(39)
        fill(server.store["INBOX"], 3, "late")
        return call.normal()
    job, run = t.extract(server, timeout=60)
    t.exits(run, 2)
    t.complete(job, server, without=[("INBOX", uid) for uid in bad])
    t.no_doubles(job)
    t.equal(job.report()["accounts"][0]["folders"][0]["proved"], True, "the folder is proved")


def scene_first_message_refused(t):
    """A message that is refused in all forms does not speak for the others, also where no form has worked yet."""
    for bad in ({1}, {1, 2}):
        server = t.server(sample(("INBOX", "Work"), count=12))

        @server.on(r"UID FETCH \S+ .*(BODY|RFC822)(?!\.SIZE)")
        def _(call):
            if call.session.folder.name == "INBOX" and bad & set(numbers(call.text.split()[2])):
                return "$TAG BAD cannot read message\r\n"
            return call.normal()
        job, run = t.extract(server)
        t.exits(run, 2)
        t.complete(job, server, without=[("INBOX", uid) for uid in bad])
        t.counts(job, "INBOX", listed=12, stored=12 - len(bad), refused=len(bad))


def scene_only_message_refused(t):
    """The first folder has one message, which is refused in all forms: those of the next one come."""
    server = t.server(sample(("INBOX", "Work"), count=1))
    fill(server.store["Work"], 20)

    @server.on(r"UID FETCH \S+ .*(BODY|RFC822)(?!\.SIZE)")
    def _(call):
        if call.session.folder.name == "INBOX":
            return "$TAG BAD cannot read message\r\n"
        return call.normal()
    job, run = t.extract(server)
    t.exits(run, 2)
    t.complete(job, server, without=[("INBOX", 1)])
    t.counts(job, "Work", listed=21, stored=21)


def scene_message_refused_in_a_later_run(t):
    """The form that worked is refused for the first of the new messages: the others come in it all the same."""
    server = t.server(sample(("INBOX",), count=3))
    job = t.first_run(server)
    fill(server.store["INBOX"], 30)
    bad = {4}
    server.clear()
    errors = refusing(server, bad, 99)
    t.exits(t.extract(server, job=job)[1], 2)
    t.complete(job, server, without=[("INBOX", 4)])
    t.counts(job, "INBOX", listed=33, stored=32, refused=1)
    t.ok(sum(errors.values()) < 20, "refused commands", errors)


def scene_form_refused_from_now_on(t):
    """The server is another one than in the last run, and refuses the form that has worked: another one does."""
    server = t.server(sample(("INBOX",), count=3))
    job = t.first_run(server)
    fill(server.store["INBOX"], 300)
    server.clear()
    server.on(r"UID FETCH \S+ \(BODY\.PEEK\[\]", "$TAG BAD unknown item\r\n")
    t.exits(t.extract(server, job=job)[1], 1)
    t.complete(job, server)
    t.no_doubles(job)


@quirk(14)
def scene_exchange_2010(t):
    """PEEK answers OK without data for one message, BODY[] has it: got so, and \\Seen is taken away again."""
    server = t.server(seen_under_examine=True)
    before = server.store.snapshot()
    server.fetch(uid=4, folder="INBOX", item=r"BODY\.PEEK", reply=NO_MESSAGE)
    server.fetch(uid=4, folder="INBOX", item=r"RFC822\.(PEEK|HEADER|TEXT)", reply=NO_MESSAGE)
    server.forgiven = [r"RFC822\.PEEK"]
    complete(t, server, 0, 1)
    t.equal(server.store.snapshot(), before, "the flags on the source")


# -- others ----------------------------------------------------------------------

@quirk(22)
def scene_id_wanted(t):
    """163.com opens a folder only for who has told a name by ID."""
    server = t.server()
    told = set()

    @server.on(r"ID")
    def _(call):
        told.add(call.wire.number)
    server.on(r"EXAMINE|STATUS|SELECT", lambda call: None if call.wire.number in told
              else "$TAG NO EXAMINE Unsafe Login. Please contact kefu@188.com for help\r\n")
    complete(t, server, 0)
    # Each connection has to, also one that lists nothing.
    job, run = t.extract(server, "--connections", "3")
    t.exits(run, 0)
    t.complete(job, server)


@quirk(22)
def scene_id_refused(t):
    """ID is offered and answered BAD: nothing depends on it. Where it is not offered it is not sent."""
    server = t.server()
    server.on(r"ID", "$TAG BAD what?\r\n")
    complete(t, server, 0, 1)
    server = t.server(caps="NAMESPACE")
    complete(t, server, 0)
    t.never_sent(server, r"ID\b")


@quirk(23)
def scene_icloud(t):
    """RFC822 answers OK without a body, SEARCH names what is not there, and \\Sent comes without SPECIAL-USE."""
    server = t.server(sample(("INBOX",), count=6), caps="ID NAMESPACE LIST-STATUS", greeting="* OK iCloud IMAP ready\r\n")
    server.fetch(item=NO_DATA, reply=NO_MESSAGE)
    server.fetch(uid=2, item=FIRST_FORM, reply=b"NIL")
    server.fetch(uid=5, item=".", reply=NO_MESSAGE)
    job, _ = complete(t, server, 1, without=[("INBOX", 5)])
    t.counts(job, "INBOX", listed=6, stored=5, phantom=1)
    t.never_sent(server, r"UID FETCH .*RFC822(?!\.SIZE)", r"LIST .* RETURN")


@quirk(23)
def scene_list_return_refused(t):
    """LIST with RETURN is BAD though it is offered: plain LIST, and the second run knows it."""
    server = t.server(caps="ID NAMESPACE LIST-EXTENDED LIST-STATUS")
    server.on(r"LIST .* RETURN", "$TAG BAD Parse Error\r\n")
    job, _ = complete(t, server, 1)
    t.sent_once(server, r"LIST .* RETURN")
    t.one_event(job, 14002, command=re.compile("RETURN"), level="warning")
    mark = server.transcript.mark()
    job, run = t.extract(server, job=job)
    t.exits(run, 0, 1)
    t.never_sent(server.transcript.since(mark), r"LIST .* RETURN")


def hides(server, *names):
    server.on(r"LIST", lambda call: lacking(call, *[b'"%s"' % name for name in names]))


@quirk(25, 26, 41)
def scene_hidden_folders(t):
    """Domino, GroupWise, FirstClass: LIST leaves out Sent, which can be opened."""
    for greeting in ("* OK Domino IMAP4 Server Release 8.5 ready\r\n", "* OK GroupWise IMAP4rev1 ready\r\n",
                     "* OK FirstClass IMAP4rev1 server\r\n"):
        server = t.server(caps="NAMESPACE", greeting=greeting)
        hides(server, b"Sent")
        server.on(r"LSUB", lambda call: lacking(call, b'"Sent"'))
        job, _ = complete(t, server, 1)
        t.one_event(job, 30079, folder="Sent", level="warning")


@quirk(25, 41)
def scene_subscribed_and_not_listed(t):
    """LSUB names what LIST hides, and a folder that is gone; the first is copied, of the second nobody hears."""
    server = t.server(caps="NAMESPACE")
    hides(server, b"Archive/2003")
    server.on(r"LSUB", lambda call: [b'* LSUB () "/" "Gone"\r\n', *call.normal()])
    job, _ = complete(t, server, 1)
    t.one_event(job, 30079, folder="Archive/2003")


@quirk(41)
def scene_parent_that_is_not_listed(t):
    """No answer names it, and its mail is copied; of parents that are no folders nobody hears."""
    for caps in ("NAMESPACE", "NAMESPACE LIST-EXTENDED LIST-STATUS"):
        server = t.server(sample(("INBOX", "Archive", "Archive/2003", "a/b/c", "a/b/d")), caps=caps)
        hides(server, b"Archive")
        server.on(r"LSUB", lambda call: lacking(call, b'"Archive"'))
        job, _ = complete(t, server, 1)
        t.one_event(job, 30079, folder="Archive")
        t.equal(len(job.events(30079)), 1, "nothing else is told")
        t.sent_times(server, 'STATUS "a/b"', 1)
        t.sent_times(server, 'STATUS "a"', 1)


def scene_parents_asked_for_on_a_server_without_status(t):
    """Only once."""
    server = t.server(sample(("INBOX", "a/b", "c/d", "e/f")), caps="NAMESPACE")
    server.on("STATUS", "$TAG BAD what\r\n")
    job, _ = complete(t, server, 1)
    t.within(server.transcript.count("STATUS"), (1, 2), "it is not asked again and again")


@quirk(41)
def scene_has_no_children(t):
    """\\HasNoChildren is not true, and believed by nobody."""
    server = t.server(caps="NAMESPACE CHILDREN")
    server.on(r"LIST", lambda call: [b"".join(p if isinstance(p, bytes) else p.encode() for p in call.normal())
                                     .replace(b"\\HasChildren", b"\\HasNoChildren").replace(b'LIST ()', b'LIST (\\HasNoChildren)')])
    complete(t, server, 0)


@quirk(38)
def scene_hmailserver(t):
    """Sizes are wrong, slices end wrong, NAMESPACE is none: whole literals are taken as they come."""
    server = t.server(caps="", greeting="* OK hMailServer IMAP ready\r\n")
    server.fetch(item=r"RFC822\.SIZE", reply=lambda f: str(int(f.value) + 7).encode())
    complete(t, server, 1)
    t.never_sent(server, r"UID FETCH .*<\d+\.\d+>", "NAMESPACE")


@quirk(42)
def scene_headers_cut_off(t):
    """Oracle IMS ends BODY[HEADER] at a line that is no field: the whole message is asked for in one piece."""
    store = Store()
    raw = b"From: a@example.org\r\nSubject: x\r\nthis is no field\r\nX-Last: y\r\n\r\nbody\r\n"
    store["INBOX"].add(raw, ["\\Seen"])
    server = t.server(store)
    server.fetch(item=r"BODY\.PEEK\[HEADER\]", reply=b"{34}\r\nFrom: a@example.org\r\nSubject: x\r\n\r\n")
    complete(t, server, 0)
    t.never_sent(server, r"UID FETCH .*\[HEADER\]")


@quirk(42)
def scene_headers_cut_off_and_nothing_else(t):
    """No form gives the message whole: its parts are put together, and that is no good verdict."""
    store = Store()
    store["INBOX"].add(b"From: a@example.org\r\nSubject: x\r\nthis is no field\r\nX-Last: y\r\n\r\nbody\r\n", ["\\Seen"])
    server = t.server(store)
    server.fetch(item=r"BODY\.PEEK\[HEADER\]", reply=b"{34}\r\nFrom: a@example.org\r\nSubject: x\r\n\r\n")
    server.fetch(item=r"BODY(\.PEEK)?\[\]|RFC822$|RFC822\.(PEEK|HEADER|TEXT)", reply=Refuse("BAD no such item"))
    job, run = t.extract(server)
    t.exits(run, 2)
    t.ok(any("verdict reconstructed" in e["text"] for e in job.events(14002)), "the verdict is told", job.events())


@quirk(11, 24)
def scene_one_connection_alone(t):
    """Where a login may have one connection alone the old one is closed before the new one begins; and a refusal
    then is not that of the login."""
    server = t.server(sample(("INBOX",), count=30))
    bad = set(range(2, 30, 3))
    refusing(server, bad)
    server.on(r"(LOGIN|AUTHENTICATE) ", "$TAG NO [AUTHENTICATIONFAILED] one connection only\r\n", after=1, times=1)
    job, run = t.extract(server, timeout=60)
    t.exits(run, 2)
    t.complete(job, server, without=[("INBOX", uid) for uid in bad])
    t.no_doubles(job)
    ends = [[e.connection for e in server.transcript.entries if e.direction == "!" and what in e.data]
            for what in (b"closed", b"connected")]
    t.ok(len(ends[1]) > 2, "connections", ends)
