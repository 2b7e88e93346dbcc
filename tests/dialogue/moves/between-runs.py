"""What changes on either side between two runs, and what was there before the first."""

from model import DEFAULT_CAPS
from scene import *
from into import *


def first(t, **options):
    m = Move(t, **options)
    m.clean(m.migrate())
    m.arrived()
    return m


def scene_new_mail(t):
    m = first(t)
    m.source.store["INBOX"].add(letter("INBOX", 80), ("\\Flagged",))
    m.source.store.add("Neu", 3)
    m.before, mark = m.source.store.snapshot(), m.dest.transcript.mark()
    m.clean(m.migrate())
    m.arrived()
    t.ok(m.dest.transcript.since(mark).count("APPEND") <= 4, "only what is new was sent")
    m.again()


def large(t, flags=True):
    """A source so large that changes alone are asked for, moved once; then new mail and other flags."""
    m = first(t, source=sample(("INBOX",), count=300),
              source_options={"caps": " ".join([DEFAULT_CAPS, "QRESYNC"])})
    inbox = m.source.store["INBOX"]
    inbox.add(letter("INBOX", 300), ("\\Flagged",))
    if flags:
        inbox.flag(7, "\\Answered", "$Forwarded")
        inbox.flag(299)
    m.before = m.source.store.snapshot()
    return m


def scene_changes_alone(t):
    m = large(t)
    marks = m.source.transcript.mark(), m.dest.transcript.mark()
    m.clean(m.migrate())
    m.arrived()
    log = m.source.transcript.since(marks[0])
    t.equal(len(re.findall(rb"^\* \d+ FETCH ", log.sent(), re.M)), 4, "flags of two, one new with its body")
    t.equal(m.dest.transcript.since(marks[1]).count("APPEND"), 1, "only what is new was sent")
    t.equal(len(m.job.events(30075)), 1, "it is told that changes alone were asked for")
    m.again()


def scene_changes_alone_are_not_enough(t):
    """The folder on the destination was made anew: each message is looked for again."""
    m = large(t, flags=False)
    m.dest.store["INBOX"].renumber(m.dest.store["INBOX"].uidvalidity + 1000, 501)
    mark = m.dest.transcript.mark()
    m.warned(m.migrate())
    m.arrived()
    t.ok(m.job.events(30075) == [] and len(m.job.events(30076)) == 1, "it was listed in full")
    t.equal(m.dest.transcript.since(mark).count("APPEND"), 1, "only what is new was sent")
    m.again()


def other_uidvalidity(t, caps):
    m = first(t, caps=caps)
    for name in ("INBOX", "Archive"):
        m.dest.store[name].renumber(m.dest.store[name].uidvalidity + 1000, 501)
    mark = m.dest.transcript.mark()
    m.source.store["INBOX"].add(letter("INBOX", 81))
    m.before = m.source.store.snapshot()
    m.warned(m.migrate())
    m.arrived()
    t.ok(m.dest.transcript.since(mark).count("APPEND") <= 1, "only what is new was sent")
    t.ok(m.job.events(30026), "the change is told")
    m.again()


def scene_uidvalidity_of_the_destination(t):
    other_uidvalidity(t, CAPS)


def scene_uidvalidity_of_the_destination_without_uidplus(t):
    other_uidvalidity(t, "")


def scene_uidvalidity_of_the_source(t):
    m = first(t)
    m.source.store["INBOX"].renumber(m.source.store["INBOX"].uidvalidity + 1000, 501)
    m.source.store["INBOX"].add(letter("INBOX", 82))
    m.before, mark = m.source.store.snapshot(), m.dest.transcript.mark()
    m.warned(m.migrate())
    m.arrived()
    t.ok(m.dest.transcript.since(mark).count("APPEND") <= 1, "only what is new was sent")
    m.again()


def scene_uidvalidity_of_the_source_and_flags(t):
    """Copies stay with the messages they are of, and follow their flags; three bodies are read, and what is new."""
    m = first(t, source=sample(("INBOX",), count=40))
    inbox = m.source.store["INBOX"]
    before = sorted(c.uid for c in m.dest.store["INBOX"])
    inbox.renumber(inbox.uidvalidity + 1000, 501)
    inbox.flag(504, "\\Answered", "$Forwarded")
    inbox.add(letter("INBOX", 83))
    m.before = m.source.store.snapshot()
    marks = m.source.transcript.mark(), m.dest.transcript.mark()
    m.warned(m.migrate())
    m.arrived()
    t.equal(len(re.findall(rb"BODY\[\] \{", m.source.transcript.since(marks[0]).sent())), 4, "bodies sent")
    t.equal(m.dest.transcript.since(marks[1]).count("APPEND"), 1, "only what is new was sent")
    t.ok(set(before) < set(c.uid for c in m.dest.store["INBOX"]), "the copies are the same")
    m.again()
    inbox.flag(505, "\\Seen", "\\Deleted")
    m.before = m.source.store.snapshot()
    m.warned(m.migrate())
    m.arrived()


def scene_uidvalidity_of_both(t):
    """No copy is where a row says it is: each message is looked for, and none is sent."""
    m = first(t, source=sample(("INBOX",), count=40))
    for side in (m.source, m.dest):
        side.store["INBOX"].renumber(side.store["INBOX"].uidvalidity + 1000, 501)
    m.before, mark = m.source.store.snapshot(), m.dest.transcript.mark()
    m.warned(m.migrate())
    m.arrived()
    t.never_sent(m.dest.transcript.since(mark), "APPEND")
    m.again()


def there_before(source, change=lambda raw: raw):
    """A destination where other programs and people left mail, some of it the same."""
    dest = Store()
    dest["INBOX"].add(b"Subject: not of the source\r\n\r\nother mail\r\n", ("\\Deleted",))
    for uid in (1, 3):
        dest["INBOX"].add(change(source["INBOX"][uid].raw), ("\\Seen",))
    dest.add("Archive")
    dest["Archive"].add(b"no header\r\n")
    dest.add("Theirs", 3)
    return dest


def scene_foreign_messages(t):
    """What is there already is not doubled, what is not ours is not touched."""
    source = small()
    m = Move(t, source=source, dest=there_before(source))
    m.warned(m.migrate())
    m.arrived()
    m.again()


def scene_flags_of_what_is_there_already(t):
    """What people made of it there stays, be it more or less than the source has; later changes follow."""
    source = small()
    dest = there_before(source)
    inbox, there = source["INBOX"], dest["INBOX"]
    inbox.flag(1, "\\Answered", "Mine")
    there.flag(2, "\\Seen", "\\Flagged", "Theirs")
    m = Move(t, source=source, dest=dest)
    m.warned(m.migrate())
    m.arrived()
    t.never_sent(m.dest, "STORE")
    m.again()
    inbox.flag(1, "\\Answered", "\\Draft")
    there[2].own = True         # from here on it may be changed
    m.before = m.source.store.snapshot()
    m.warned(m.migrate())
    t.equal(set(there[2].flags), {"\\Seen", "\\Flagged", "Theirs", "\\Draft"},
            "what the source gained is there, what it lost was never there, and the rest is theirs")


def scene_foreign_messages_of_a_server_that_adds_headers(t):
    source = small()
    m = Move(t, source=source, dest=there_before(source, lambda raw: b"X-UID: 9\r\n" + raw), caps="")
    m.warned(m.migrate())
    m.arrived(exact=False)
    m.again()


def scene_one_to_one(t):
    """Three equal messages here, one there: two are missing."""
    source = small()
    for _ in range(2):
        source["INBOX"].add(source["INBOX"][1].raw)
    dest = Store()
    dest["INBOX"].add(source["INBOX"][1].raw)
    m = Move(t, source=source, dest=dest)
    m.warned(m.migrate())
    m.arrived()
    m.again()


def scene_the_state_is_lost(t):
    """Another job between the same two servers finds everything there."""
    m = first(t)
    m.job = Job(t)
    mark = m.dest.transcript.mark()
    m.warned(m.migrate())
    m.arrived()
    t.never_sent(m.dest.transcript.since(mark), "APPEND")


def scene_somebody_removed_a_copy(t):
    """What a user deleted there does not come back."""
    m = first(t)
    m.dest.store["INBOX"].remove(m.dest.store["INBOX"].messages[0].uid)
    mark = m.dest.transcript.mark()
    m.migrate()
    t.within(m.last.code, (1, 2), "exit code")
    t.never_sent(m.dest.transcript.since(mark), "APPEND")


def scene_new_mail_arrives_there_meanwhile(t):
    """The user's new mail is delivered into the folder that is filled."""
    m = Move(t, source=small(8), caps="LITERAL+")
    m.dest.append(folder="INBOX", times=3, skip=1, do=lambda append: m.dest.store["INBOX"].add(
        b"Subject: just came\r\n\r\n%d\r\n" % m.dest.store["INBOX"].uidnext))
    m.warned(m.migrate())
    inbox = m.dest.store["INBOX"]
    came = [x for x in inbox if x.raw.startswith(b"Subject: just came")]
    t.equal(len(came), 3, "the user's mail")
    t.ok(not any("\\Deleted" in x.flags for x in came), "untouched")
    inbox.messages[:] = [x for x in inbox if x not in came]
    m.arrived()


def scene_one_account_under_two_names(t):
    """SOURCE and DEST are one mailbox: refused before anything is written (rules.md 2.6)."""
    m = Move(t)
    m.dest.store = m.source.store
    m.dest.user, m.dest.password = m.source.user, m.source.password
    m.password = m.source.password
    t.exits(m.migrate(), 64)
    t.never_sent(m.dest, "APPEND")
