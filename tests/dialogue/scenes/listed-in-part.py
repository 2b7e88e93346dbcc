"""A listing that leaves out flags, date or size of a message, which is something else than none."""

from scene import *

PLAIN = "LITERAL+ NAMESPACE"
ITEMS = "FLAGS", "INTERNALDATE", r"RFC822\.SIZE"


def scene_once(t):
    for item in ITEMS:
        server = t.server()
        server.fetch(uid=3, folder="INBOX", item=item, reply=OMIT, times=1)
        t.first_run(server)
        t.sent_once(server, r"UID FETCH 3:3 \(UID FLAGS")


def scene_in_every_listing_of_many(t):
    for caps in (PLAIN, PLAIN + " ESEARCH CONDSTORE ENABLE"):
        server = t.server(caps=caps)
        for item in ITEMS:
            server.fetch(uid=3, folder="INBOX", item=item, reply=OMIT, times=2)
        t.first_run(server)
        t.sent_once(server, r"UID FETCH 3 \(UID FLAGS")


def scene_without_search(t):
    server = t.server(caps=PLAIN)
    server.on(r"UID SEARCH", "$TAG BAD what\r\n")
    server.fetch(uid=3, folder="INBOX", item="FLAGS", reply=OMIT, times=1)
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)


def scene_in_a_line_of_its_own(t):
    """Behind the lines of all messages, of which the last seemed to be the end of the listing."""
    server = t.server(sample(("INBOX",)))

    @server.on(r"UID FETCH .*INTERNALDATE")
    def _(call):
        lines = b"".join(p if isinstance(p, bytes) else p.encode() for p in call.normal()).splitlines(keepends=True)
        alone = [re.sub(rb"FETCH \((UID \d+ FLAGS \(.*?\)).*\)", rb"FETCH (\1)", line) for line in lines[:-1]]
        return [*(re.sub(rb" FLAGS \(.*?\)", b"", line) for line in lines[:-1]), *alone, lines[-1]]

    t.first_run(server)


def scene_a_date_that_is_not_quoted(t):
    """Its time is behind a blank: the day alone was taken for the date."""
    server = t.server()
    server.fetch(uid=3, folder="INBOX", item="INTERNALDATE", reply=lambda f: f.value.strip(b'"'), times=1)
    t.first_run(server)


def scene_two_lines_with_one_uid(t):
    """The second is that of another message, whose flags are not this one's."""
    server = t.server(caps=PLAIN)
    for item in "UID", "FLAGS":
        server.fetch(uid=4, folder="INBOX", item=item, reply=b"3" if item == "UID" else None, times=1)
    t.first_run(server)


def scene_flags_never(t):
    """The message is stored, that its flags are missing is said, and the next run asks for them again."""
    for caps in (PLAIN, PLAIN + " ESEARCH CONDSTORE ENABLE"):
        server = t.server(caps=caps)
        server.fetch(uid=2, folder="INBOX", item="FLAGS", reply=OMIT)
        job, run = t.extract(server)
        t.exits(run, 1)
        t.one_event(job, 30088, folder="INBOX")
        t.equal(len(t.mails(job)), 24, "all messages are stored")
        server.clear()
        job, run = t.extract(server, job=job)
        t.exits(run, 0)
        t.complete(job, server)


def scene_flags_that_were_told_before(t):
    server = t.server(caps=PLAIN)
    job = t.first_run(server)
    server.fetch(uid=2, folder="INBOX", item="FLAGS", reply=OMIT)
    job, run = t.extract(server, job=job)
    t.exits(run, 1)
    t.complete(job, server)


def scene_of_no_message(t):
    """A server without flags costs a few looks, not one for each message."""
    store = Store()
    for folder in ("INBOX", "Archive"):
        box = store["INBOX"] if folder == "INBOX" else store.add(folder)
        for number in range(200):
            box.add(letter(folder, number))
    server = t.server(store)
    server.fetch(item="FLAGS", reply=OMIT)
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)
    t.within(server.transcript.count(r"UID FETCH \d+ \(UID FLAGS"), range(0, 65), "messages looked at alone")


def scene_seen_is_not_taken_away(t):
    """Of a message whose flags were not told nobody knows that reading it has set \\Seen."""
    server = t.server(caps=PLAIN, seen_under_examine=True)
    server.store["INBOX"][2].flags = {"\\Seen"}
    server.on(r"UID FETCH .*PEEK", "$TAG BAD what\r\n")

    @server.on(r"UID FETCH .*INTERNALDATE")
    def _(call):
        return [re.sub(rb"UID 2 FLAGS \(.*?\)", b"UID 2", b"".join(
            p if isinstance(p, bytes) else p.encode() for p in call.normal()))]

    before = server.store.snapshot()
    job, run = t.extract(server)
    t.exits(run, 1)
    t.equal(server.store.snapshot(), before, "the flags on the server")
