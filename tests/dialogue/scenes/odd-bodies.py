"""A body that is NIL, missing, short or surrounded by other data is got all the same."""

from scene import *

FIRST_FORM = r"BODY\.PEEK\[\]$"


def recovered(t, server, *codes, **check):
    job, run = t.extract(server)
    t.exits(run, *(codes or (0, 1)))
    t.complete(job, server, **check)
    t.no_doubles(job)
    t.read_only(server)
    return job


def scene_nil_for_one_message(t):
    server = t.server()
    server.fetch(uid=4, folder="INBOX", item=FIRST_FORM, reply=b"NIL")
    recovered(t, server)
    t.ok(server.transcript.count(r"UID FETCH .*BODY\.PEEK\[\]") > 3,
         "the form is kept for the others")


def scene_nil_for_all(t):
    """NIL on three messages with no success is learned for the server."""
    server = t.server(sample(count=12))
    server.fetch(item=FIRST_FORM, reply=b"NIL")
    recovered(t, server)
    asked = server.transcript.count(r"UID FETCH .*BODY\.PEEK\[\]")
    t.ok(asked <= 3, f"BODY.PEEK[] was asked {asked} times")


def scene_empty_ok(t):
    """The command ends with OK and nothing came."""
    server = t.server()
    server.fetch(uid=4, folder="INBOX", item=FIRST_FORM, reply=NO_MESSAGE)
    recovered(t, server)


def scene_empty_literal(t):
    server = t.server()
    server.fetch(uid=4, folder="INBOX", item=FIRST_FORM, reply=b"{0}\r\n")
    recovered(t, server)


def scene_short_literal(t):
    """A whole literal, but not the whole message; another form has it all."""
    server = t.server()

    @server.fetch(uid=4, folder="INBOX", item=FIRST_FORM)
    def _(f):
        part = f.data[:len(f.data) // 2]
        return b"{%d}\r\n%s" % (len(part), part)
    recovered(t, server)


def scene_quoted_body(t):
    """A string is a string: a short body may come in quotes."""
    store = Store()
    store["INBOX"].add(b'Subject: "x\\y"', ["\\Seen"])
    server = t.server(store)
    server.fetch(uid=1, item=FIRST_FORM, reply=rb'"Subject: \"x\\y\""')
    recovered(t, server, 0)


@quirk(31, 32)
def scene_flags_of_others_in_between(t):
    server = t.server()

    def news(session, message):
        lines = [b"* %d FETCH (FLAGS (%s))\r\n" % (n, " ".join(m.flags).encode())
                 for n, m in enumerate(session.view, 1)]
        return b"* OK still here\r\n" + b"".join(lines) + b"* 0 RECENT\r\n"
    server.between = news
    recovered(t, server, 0)


@quirk(32)
def scene_the_literal_comes_before_its_uid(t):
    server = t.server(uid_last=True)
    recovered(t, server, 0)


def scene_expunged_in_the_middle(t):
    """Another client removes a message while we read: gone, and the numbers shift."""
    server = t.server(uid_last=True)

    def remove(session, message):
        bodies = session.wire.busy.upper().find(b"BODY.PEEK[]") > 0
        if bodies and session.folder.name == "INBOX" and message.uid == 2 \
                and 4 in [m.uid for m in session.view]:
            return session.expunge(4)
        return b""
    server.between = remove
    job, run = t.extract(server)
    t.exits(run, 0, 1)
    stored = [m.uid for m in t.mails(job, "")]
    t.within(stored, ([1, 2, 3, 5, 6], [1, 2, 3, 4, 5, 6]), "UIDs of INBOX")
    t.complete(job, server, kept=[("INBOX", 4)] if 4 in stored else [])


def scene_delivered_in_the_middle(t):
    """A message that arrives during the run is taken too."""
    server = t.server()
    arrived = []

    def deliver(session, message):
        if session.folder.name == "INBOX" and message.uid == 2 and not arrived:
            arrived.append(True)
            return session.deliver(letter("INBOX", 30))
        return b""
    server.between = deliver
    recovered(t, server, 0)


@quirk(33)
def scene_another_message_comes_back(t):
    """The UID in the answer decides, and nothing is stored under a wrong one."""
    server = t.server()
    swapped = []

    @server.fetch(uid=4, folder="INBOX", item=r"UID$")
    def _(f):
        if b"BODY" in f.session.wire.busy and not swapped:
            swapped.append(True)
            return b"1"
        return None
    recovered(t, server)
    t.ok(swapped, "the wrong UID was sent")


@quirk(12)
def scene_size_too_large(t):
    """RFC822.SIZE is wrong in all forms: stored, and a warning."""
    server = t.server()
    message = server.store["INBOX"][4]
    message.size = len(message.raw) + 100
    job = recovered(t, server, 1)
    t.counts(job, "INBOX", listed=6, stored=6)
    t.one_event(job, 30030, uid=4, folder="INBOX", level="warning")


@quirk(12)
def scene_size_too_small(t):
    server = t.server()
    message = server.store["INBOX"][4]
    message.size = len(message.raw) - 7
    job = recovered(t, server, 1)
    t.one_event(job, 30030, uid=4, folder="INBOX", level="warning")


@quirk(31)
def scene_sizes_zero(t):
    """A size of 0 means unknown."""
    server = t.server()
    for folder in server.store:
        for message in folder:
            message.size = 0
    recovered(t, server)


def scene_an_empty_message(t):
    store = Store()
    store["INBOX"].add(b"")
    store["INBOX"].add(letter("INBOX", 1))
    server = t.server(store)
    job, run = t.extract(server)
    t.exits(run, 0, 1)
    t.complete(job, server)


def scene_one_octet_at_a_time(t):
    """All the session, one octet in a write."""
    server = t.server(sample(["INBOX", "Sent"], 5), tls=None, chop=1)
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)


@quirk(51)
def scene_a_tagged_line_octet_by_octet(t):
    server = t.server()
    server.on("UID FETCH", lambda call: [Slow(b"".join(p if isinstance(p, bytes) else b"" for p in
                                                       flat(call.normal())), 1, 0)], times=2)
    recovered(t, server, 0)


def flat(pieces):
    for piece in pieces:
        yield piece.encode() if isinstance(piece, str) else piece


def scene_two_bodies_for_one(t):
    """The number speaks of another message and the size is not that of this one: what comes behind it is."""
    server = t.server(sample(("INBOX",), count=6))
    inbox = server.store["INBOX"]

    @server.on(r"UID FETCH \S+ \(BODY\.PEEK\[\]\)")
    def _(call):
        lie = b"* 3 FETCH (UID 2 BODY[] {%d}\r\n%s)\r\n" % (len(inbox[3].raw), inbox[3].raw)
        return [lie, *call.normal()] if re.match("2", call.text.split()[2]) else call.normal()
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)


def twins_in_size():
    store = Store()
    for number in range(1, 7):
        store["INBOX"].add(b"Subject: %d\r\n\r\nof one size\r\n" % number)
    return store


def scene_number_and_uid_disagree(t):
    """Once a body comes with the UID of the next message and the number of its own; all have the same size."""
    server = t.server(twins_in_size())

    @server.on(r"UID FETCH 2\S* \(BODY\.PEEK\[\]\)", times=1)
    def _(call):
        return [b"".join(call.normal()).replace(b"* 3 FETCH (UID 3 ", b"* 3 FETCH (UID 4 ")]
    job, run = t.extract(server)
    t.exits(run, 0, 1)
    t.complete(job, server)


def scene_numbers_are_always_wrong(t):
    """The numbers of bodies are those of other messages, always: after the first one the UIDs alone count."""
    server = t.server(twins_in_size())

    @server.on(r"UID FETCH \S+ \(BODY\.PEEK\[\]\)")
    def _(call):
        return [re.sub(rb"(?m)^\* (\d+) FETCH", lambda m: b"* %d FETCH" % (int(m[1]) % 6 + 1), b"".join(call.normal()))]
    job, run = t.extract(server)
    t.exits(run, 0, 1)
    t.complete(job, server)
    t.exits(t.extract(server, job=job)[1], 0, 1)
    t.complete(job, server)
