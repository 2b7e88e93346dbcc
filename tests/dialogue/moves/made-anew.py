"""A folder of the destination is made anew, with another UIDVALIDITY or with the one that it had, and the run that sees
it does not come to its end: later ones look for each message all the same."""

import signal

from model import DEFAULT_CAPS
from scene import *
from into import *

QRESYNC = {"caps": " ".join([DEFAULT_CAPS, "QRESYNC"])}
STEPS = (1000, 0)               # what UIDVALIDITY goes up by


def first(t, count, **options):
    m = Move(t, source=sample(("INBOX",), count=count), source_options=QRESYNC, **options)
    m.clean(m.migrate())
    m.arrived()
    return m


def anew(m, step=0, mail=()):
    """INBOX is deleted and made again, and this mail delivered."""
    folder = m.dest.store["INBOX"]
    folder.messages = []
    folder.renumber(folder.uidvalidity + step)
    for raw in mail:
        folder.add(raw)


def begun(t, count, step):
    m = first(t, count)
    anew(m, step)
    return m


def whole(m):
    m.warned(m.migrate())
    m.arrived()
    m.again()


def interrupted(t, number, command):
    for step in STEPS:
        interrupted_at(t, number, command, step)


def interrupted_at(t, number, command, step):
    """The run gets the signal when the source is sent this command."""
    m = begun(t, 5, step)
    gate = Gate()

    @m.source.on(command, times=1)
    def _(call):
        return [gate, *call.normal()]
    run = m.start()
    gate.must_be_reached(t, command)
    run.signal(number)
    run.wait()
    gate.open()
    m.source.clear()
    whole(m)


def scene_killed_at_the_listing(t):
    interrupted(t, signal.SIGKILL, r"UID FETCH .*RFC822\.SIZE")


def scene_killed_at_a_body(t):
    interrupted(t, signal.SIGKILL, r"UID FETCH .*BODY\.PEEK\[\]")


def scene_interrupted_at_a_body(t):
    interrupted(t, signal.SIGINT, r"UID FETCH .*BODY\.PEEK\[\]")


def scene_killed_at_an_append(t):
    for step in STEPS:
        for skip in (0, 3):
            m = begun(t, 5, step)
            runs = []
            m.dest.append(times=1, skip=skip, do=lambda _append, runs=runs: runs[0].signal(signal.SIGKILL))
            runs.append(m.start())
            runs[0].wait()
            m.dest.clear()
            whole(m)


def scene_source_lost(t):
    """Once, in the middle of the folder: what changed since the last run is not all there is to do."""
    for step in STEPS:
        m = begun(t, 300, step)
        m.source.store["INBOX"].add(letter("INBOX", 301))
        m.before = m.source.store.snapshot()
        m.source.fetch(uid=150, item=r"BODY\.PEEK\[\]$", reply=lambda f: [f.value[:30], Cut], times=1)
        whole(m)


def scene_the_same_uidvalidity(t):
    """Servers with one UIDVALIDITY for all and ever: UIDNEXT has gone back."""
    for caps in (CAPS, ""):
        for how in (Move.migrate, Move.retry):
            m = first(t, 5, caps=caps)
            anew(m)
            if how is Move.retry:       # it has nothing to do, until verify has seen it
                t.exits(t.imex("verify", m.job, env={"IMEX_DEST_PASSWORD": DEST_PASSWORD}, password=PASSWORD), 2)
            m.warned(how(m))
            m.arrived()
            t.equal(len(m.job.events(30026)), 1, "it is told once")
            m.again()


def scene_the_same_uidvalidity_and_other_mail(t):
    """What has the UIDs of copies now is somebody's: it is not taken for them, and not touched."""
    m = first(t, 5)
    inbox = m.source.store["INBOX"]
    anew(m, mail=[b"Subject: news %d\r\n\r\nother\r\n" % n for n in range(3)] + [inbox[2].raw])
    m.foreign = {("INBOX", x.uid): (x.raw, set(x.flags)) for x in m.dest.store["INBOX"]}
    inbox.flag(1, "\\Answered")
    m.before = m.source.store.snapshot()
    mark = m.dest.transcript.mark()
    m.warned(m.migrate())
    m.arrived()
    t.equal(m.dest.transcript.since(mark).count("APPEND"), 4, "what is not there is sent")
    m.again()


def wrong_uidnext(m, told):
    """The server states this UIDNEXT, whatever there is."""
    @m.dest.on("SELECT|LIST|STATUS")
    def _(call):
        return [re.sub(rb"UIDNEXT \d+", b"UIDNEXT %d" % told, piece) if isinstance(piece, bytes) else piece
                for piece in call.normal()]


def scene_uidnext_is_wrong(t):
    """There are messages with higher UIDs than it states: nothing is sent, and nothing asked of the source."""
    for told in (1, 3):
        m = first(t, 5)
        wrong_uidnext(m, told)
        marks = m.source.transcript.mark(), m.dest.transcript.mark()
        m.clean(m.migrate())
        m.arrived()
        t.never_sent(m.dest.transcript.since(marks[1]), "APPEND")
        t.never_sent(m.source.transcript.since(marks[0]), "UID FETCH .*BODY")
        t.ok(b"UIDNEXT %d]" % told in m.dest.transcript.since(marks[1]).sent(), "it was stated")


def scene_uidnext_goes_back_with_the_last_message(t):
    """Copies with lower UIDs are there: only what had the UIDs that are given again is brought again."""
    m = first(t, 9)
    inbox = m.dest.store["INBOX"]
    for uid in (2, 8, 9):
        inbox.remove(uid)
    inbox.uidnext = 8
    mark = m.source.transcript.mark()
    m.warned(m.migrate())
    t.equal(sorted(title(x.raw) for x in inbox),
            sorted(title(x.raw) for x in m.source.store["INBOX"] if x.uid != 2), "what is there")
    t.equal(len(re.findall(rb"BODY\[\] \{", m.source.transcript.since(mark).sent())), 2, "bodies sent")
    m.again()


def scene_without_uidnext(t):
    """A server that tells none: it may have gone back, and nobody knows."""
    m = first(t, 5)
    m.dest.tell_uidnext = False
    m.dest.store["INBOX"].remove(5)
    mark = m.dest.transcript.mark()
    m.migrate()
    t.never_sent(m.dest.transcript.since(mark), "APPEND")


def scene_anew_with_mail_that_was_there(t):
    """Its UIDs are others than those that messages in doubt have been sent behind: it is known again all the same."""
    source, dest = sample(("INBOX",), count=5), Store(first=1750000000)
    old = source["INBOX"][3]
    dest["INBOX"].add(old.raw, (), old.date)
    m = Move(t, source=source, dest=dest)
    m.foreign = {}

    @m.dest.on("UID FETCH .*RFC822.SIZE", times=1)
    def _(call):
        folder = m.dest.store["INBOX"]
        folder.renumber(folder.uidvalidity + 1000, 101)
        return [Cut]
    m.warned(m.migrate("--retry-delay", "100ms"))
    missing, doubled = m.counts()
    t.equal((missing, doubled), ([], []), "messages missing, messages that are there twice")
