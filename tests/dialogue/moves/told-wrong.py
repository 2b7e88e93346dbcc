"""What a destination tells of a message is another one's: its UID, how many there are, its octets, its flags."""

from scene import *
from into import *


FLAGS = ("\\Seen",), ("\\Flagged",), (), ("\\Seen", "\\Answered")
ALONE = without("MULTIAPPEND")


def same_size(count=6):
    """Messages that nothing but their text tells apart."""
    store = Store()
    for number in range(count):
        store["INBOX"].add(b"Subject: letter\r\nMessage-ID: <%d@example.org>\r\n\r\nthe text of %d\r\n" % (number, number),
                           FLAGS[number % len(FLAGS)], "07-Nov-2002 16:18:49 +0200")
    return store


def uid_of_the_next(t, **how):
    """The second message gets OK and a UID, is not stored, and the third one has that UID."""
    m = Move(t, source=same_size(), caps=ALONE)
    validity = m.dest.store["INBOX"].uidvalidity
    m.dest.append(times=1, skip=1, drop=True, answer=f"$TAG OK [APPENDUID {validity} 2] done\r\n", **how)
    m.migrate()
    missing, doubled = m.counts()
    t.equal(doubled, [], "messages that are there twice")
    t.equal(m.last.code, 2 if missing else 1, "the exit code, with these missing: " + repr(missing))
    m.until_done()
    m.arrived()


def scene_uid_of_the_next(t):
    uid_of_the_next(t)


def scene_uids_swapped(t):
    """Of two: each has what the other one has been told."""
    m = Move(t, source=same_size(), caps=ALONE)
    validity = m.dest.store["INBOX"].uidvalidity
    for uid, skip in ((4, 2), (3, 3)):
        m.dest.append(times=1, skip=skip, answer=f"$TAG OK [APPENDUID {validity} {uid}] done\r\n")
    m.migrate()
    m.until_done()
    m.arrived()
    run = t.imex("verify", m.job, m.source.url(), "--deep", "--insecure-plaintext", "--dest-insecure-plaintext",
                 env={"IMEX_DEST_PASSWORD": DEST_PASSWORD})
    t.exits(run, 0)


def told_alone(t, uid):
    """Of the third message alone a UID is told, and it is not stored: that of the one behind it, or before it, is not taken for it."""
    for caps in (ALONE, without("UIDPLUS MULTIAPPEND"), ""):
        m = Move(t, source=same_size(), caps=caps)
        m.dest.tell_appenduid = False
        validity = m.dest.store["INBOX"].uidvalidity
        m.dest.append(times=1, skip=2, drop=True, answer=f"$TAG OK [APPENDUID {validity} {uid}] done\r\n")
        m.warned(m.migrate())
        m.arrived()
        m.again()


def scene_uid_of_the_next_whose_own_is_not_told(t):
    told_alone(t, 3)


def scene_uid_of_the_one_before_whose_own_is_not_told(t):
    told_alone(t, 2)


def scene_exists_is_not_told(t):
    """Behind a cut: what is in doubt is looked for all the same."""
    for lie in (b"", b"* 0 EXISTS\r\n", b"* many EXISTS\r\n"):
        m = Move(t, source=same_size(), caps=ALONE)
        m.dest.append(answer=Cut, times=1, skip=2)

        @m.dest.on("SELECT")
        def _(call):
            flat = b"".join(p if isinstance(p, bytes) else p.encode("latin-1") for p in call.normal())
            return [re.sub(rb"\* \d+ EXISTS\r\n", lie, flat)]
        m.migrate()
        t.within(m.last.code, (0, 1, 2, 69), "exit code")
        m.dest.clear()
        m.until_done()
        m.arrived()


def mute(m, frozen, told):
    """The destination sends no EXISTS, or told: at SELECT alone. Frozen: it shows what was there at SELECT."""
    def drop(pieces):
        return [re.sub(rb"\* \d+ EXISTS\r\n", b"", p if isinstance(p, bytes) else p.encode("latin-1"))
                if isinstance(p, (bytes, str)) else p for p in pieces]

    def freeze(session, yes):
        if yes:
            session.changes = lambda *args: b""
        else:
            session.__dict__.pop("changes", None)

    @m.dest.on("SELECT|NOOP|UID")
    def _(call):
        opens = call.text.startswith("SELECT")
        freeze(call.session, frozen and not opens)
        return call.normal() if told and opens else drop(call.normal())
    usual = m.dest.finish

    def finish(append):
        freeze(append.session, frozen)
        pieces = usual(append)
        return drop(pieces) if isinstance(pieces, list) else pieces
    m.dest.finish = finish


MUTE = [(frozen, told, caps) for frozen in (False, True) for told in (False, True)
        for caps in (CAPS, without("UIDPLUS"))]


def scene_exists_is_never_told(t):
    """What was in doubt, and shows up before the wait is over, is there once."""
    for frozen, told, caps in MUTE:
        for how in ({}, {"appear": 1.2}):
            m = Move(t, source=same_size(), caps=caps)
            mute(m, frozen, told)
            m.dest.append(answer=Cut, times=1, skip=2, **how)
            m.until_done()
            m.arrived()
            m.again()


def scene_exists_is_never_told_and_stored_twice(t):
    """What is one too many is found by looking."""
    for frozen, told, caps in MUTE:
        m = Move(t, source=same_size(), caps=caps)
        mute(m, frozen, told)
        m.dest.append(twice=True, times=1, skip=1)
        m.migrate()
        missing, doubled = m.counts()
        t.equal(missing, [], "messages missing")
        t.ok(not doubled or m.last.code == 2, "a double that stays is told", m.last.code, doubled)


def scene_search_names_less_than_there_is(t):
    m = Move(t, source=same_size(), caps=ALONE)
    m.dest.append(answer=Cut, times=1, skip=2)
    m.dest.on("UID SEARCH", "* SEARCH 1\r\n$TAG OK SEARCH completed\r\n")
    m.migrate()
    m.dest.clear()
    m.until_done()
    m.arrived()


def in_doubt(t, command, answer):
    """The third message is in doubt, and what is asked for to find it is answered so: once, and then always."""
    for times in (1, None):
        m = Move(t, source=same_size(), caps=ALONE)
        m.dest.append(answer=Cut, times=1, skip=2)
        m.dest.on(command, answer, times=times)
        m.migrate()
        t.exits(m.last, 1 if times else 2)
        _, doubled = m.counts()
        t.equal(doubled, [], "messages that are there twice")
        m.dest.clear()
        m.retry()
        m.until_done()
        m.arrived()


def scene_copy_that_cannot_be_read(t):
    """It may be the message in doubt: once it is asked for again, and else nothing is sent that could be there."""
    in_doubt(t, r"UID FETCH 3 .*BODY\.PEEK\[\]", "$TAG NO [SERVERBUG] Internal error\r\n")


def scene_uidnext_that_nobody_tells(t):
    """What was there before is never taken for imex's own, whose flags it may mend."""
    listings = r"UID FETCH 1:\* \(UID\)", "UID SEARCH ALL"
    for refused in listings[:1], listings[1:], listings:
        source, dest = small(), Store(first=1750000000)
        for uid in (1, 3):
            dest["INBOX"].add(source["INBOX"][uid].raw, ("\\Draft",), source["INBOX"][uid].date)
        m = Move(t, source=source, dest=dest)
        m.dest.tell_uidnext = False
        for command in refused:
            m.dest.on(command, "$TAG NO Internal error\r\n")
        m.migrate()
        t.exits(m.last, 2 if refused == listings else 1)
        t.equal({key: (x.raw, set(x.flags)) for key in m.foreign for x in m.dest.store[key[0]] if x.uid == key[1]},
                m.foreign, "the messages that were there before, unchanged")


def scene_headers_that_cannot_be_read(t):
    """One of them may be that of the message in doubt: without them nothing is sent that could be there."""
    for answer in ("$TAG NO [SERVERBUG] Internal error\r\n", "$TAG OK FETCH completed\r\n"):
        in_doubt(t, r"UID FETCH .*BODY\.PEEK\[HEADER\]", answer)


def scene_headers_only_one_by_one(t):
    """A message that the server cannot read takes no others with it."""
    dest = Store(first=1750000000)
    for message in same_size()["INBOX"]:
        dest["INBOX"].add(message.raw, message.flags, message.date)
    m = Move(t, source=same_size(), dest=dest)
    m.dest.on(r"UID FETCH (\d+[:,]\S+|2) .*BODY\.PEEK\[HEADER\]", "$TAG NO Internal error\r\n")
    m.warned(m.migrate())
    missing, doubled = m.counts()
    t.equal((missing, len(doubled)), ([], 1), "messages missing, and how many are there twice")
    m.refused("Internal error", level="warning", folder="INBOX")


def scene_headers_later(t):
    """A server that asks to wait is waited for."""
    m = Move(t, source=same_size(), caps=ALONE)
    m.dest.append(answer=Cut, times=1, skip=2)
    m.dest.on(r"UID FETCH .*BODY\.PEEK\[HEADER\]", "$TAG NO [THROTTLED] not so fast\r\n", times=2)
    m.until_done("--retry-delay", "100ms")
    m.arrived()


def scene_stored_and_refused_for_now(t):
    """NO, come later; and it is there."""
    m = Move(t, source=same_size(), caps=ALONE)
    m.dest.append(answer="$TAG NO [UNAVAILABLE] try again\r\n", times=1, skip=1, stored=True)
    m.until_done("--retry-delay", "100ms")
    m.arrived()
    m.again()


def scene_marked_as_deleted(t):
    """What comes is marked by the server: the mark is taken off, or told."""
    m = Move(t, source=same_size(), caps=ALONE)
    m.dest.append(flags=lambda found: {*found, "\\Deleted"})
    m.warned(m.migrate())
    m.arrived()
    stubborn = Move(t, source=same_size(2))
    stubborn.dest.append(flags=lambda found: {*found, "\\Deleted"})
    stubborn.dest.on("UID STORE", "$TAG NO not for you\r\n")
    stubborn.warned(stubborn.migrate())
    t.one_event(stubborn.job, 30052, uid=1, text=re.compile("marked it as deleted"))


def scene_ok_without_a_uid_and_shown_late(t):
    """Answered OK under no UID, it is in doubt: it is not sent again before --doubt-wait, and is found when it shows up."""
    for caps in (without("UIDPLUS"), ALONE):
        m = Move(t, source=same_size(), caps=caps)
        third = m.source.store["INBOX"][3]
        m.dest.append(drop=True, answer="$TAG OK done\r\n", times=1, skip=2)
        m.dest.on("UID SEARCH", lambda call, m=m, x=third: m.dest._store_one("INBOX", x.raw, x.flags, x.date) and None,
                  after=14, times=1)
        m.warned(m.migrate("--doubt-wait", "50s", "--timeout", "60s", timeout=120))
        m.arrived()
        sent = [e for e in m.dest.transcript.entries if e.direction == "D" and third.raw in e.data]
        t.equal(len(sent), 1, "how often it was sent")


def scene_flags_that_nobody_sent(t):
    """The server marks what comes as read: that is taken off again, or told; a flag that stays is tried once."""
    m = Move(t, source=same_size(), caps=ALONE)
    m.dest.append(flags=lambda found: {*found, "\\Seen"})
    m.clean(m.migrate())
    m.arrived()
    stubborn = Move(t, source=same_size())
    stubborn.dest.append(flags=lambda found: {*found, "\\Seen"})
    stubborn.dest.on("UID STORE", "$TAG OK as you like\r\n")
    stubborn.warned(stubborn.migrate())
    t.sent_once(stubborn.dest, "UID STORE")
    told = [e["uid"] for e in stubborn.job.events(30052) if "besides: \\Seen" in e["text"]]
    t.equal(sorted(told), [2, 3, 6], "messages of which it is told")
    run = t.imex("verify", stubborn.job, "--insecure-plaintext", "--dest-insecure-plaintext",
                 env={"IMEX_DEST_PASSWORD": DEST_PASSWORD})
    t.exits(run, 1)


def scene_flags_that_changed_later(t):
    """OK to STORE is not believed: a flag that is not set, or not taken away, is told; of a copy that is gone nothing."""
    m = Move(t, source=same_size())
    m.clean(m.migrate())
    m.dest.on("UID STORE [12] ", "$TAG OK STORE completed\r\n")
    m.source.store["INBOX"].flag(1, "\\Seen", "\\Answered", "later")
    m.source.store["INBOX"].flag(2)
    m.source.store["INBOX"].flag(4, "\\Seen", "\\Flagged")
    m.source.store["INBOX"].flag(5, "\\Flagged")
    m.dest.store["INBOX"].remove(5)
    m.warned(m.migrate())
    t.one_event(m.job, 30052, uid=1, text=re.compile("did not keep: .Answered later"))
    t.one_event(m.job, 30052, uid=2, text=re.compile("did not take away: .Flagged"))
    t.equal(len(m.job.events(30052)), 2, "events of it")
    t.equal(m.dest.store["INBOX"][4].flags, {"\\Seen", "\\Flagged"}, "the flags of one that it sets")


def scene_drafts_are_drafts(t):
    """What a server gives all that lies in a folder is told, and left."""
    m = Move(t, source=same_size(1), caps=ALONE)
    m.dest.append(flags=lambda found: {*found, "\\Draft"})
    m.warned(m.migrate())
    t.never_sent(m.dest, "UID STORE")
    t.one_event(m.job, 30052, uid=1, text=re.compile("besides: .Draft"))
