"""A destination that says OK and does not tell which message is which: without UIDPLUS, in another order,
with others between, or a moment later. All messages here have the same number of octets."""

from scene import *
from into import *

MARKS = [("\\Seen",), ("\\Answered", "\\Seen"), ("\\Flagged", "$Work"), ()]


def alike(count=12):
    source = Store()
    for n in range(count):
        source["INBOX"].add(b"From: a@example.org\r\nSubject: number %02d\r\nMessage-ID: <%02d@example.org>\r\n\r\n"
                            b"text\r\n" % (n, n), set(MARKS[n % 4]), "%02d-Mar-2020 10:11:12 +0100" % (n + 1))
    return source


def scene_refused_and_kept_between_others(t):
    """Each third is answered NO, and is there all the same."""
    for caps in ("", "LITERAL+", "LITERAL+ MULTIAPPEND"):
        m = Move(t, source=alike(), caps=caps)
        for n in (1, 4, 7):
            m.dest.append(after="NO APPEND failed", stored=True, skip=n, times=1)
        m.warned(m.migrate())
        m.arrived()
        m.again()


def scene_others_come_meanwhile(t):
    """Somebody else's mail of the same size arrives between two messages."""
    m = Move(t, source=alike(), caps="LITERAL+")

    def deliver(append):
        raw = b"From: b@example.org\r\nSubject: another 7\r\nMessage-ID: <77@example.com>\r\n\r\ntext\r\n"
        t.equal(len(raw), len(m.source.store["INBOX"][1].raw), "octets")
        uid = m.dest.store["INBOX"].add(raw, set(), "01-Feb-2020 10:11:12 +0100").uid
        m.foreign["INBOX", uid] = m._of("INBOX", uid)

    m.dest.append(do=deliver, skip=4, times=1)
    m.clean(m.migrate())
    m.arrived()
    m.again()


def scene_numbered_in_another_order(t):
    """UIDs are given when the folder is looked at, by another order than that of APPEND."""
    m = Move(t, source=alike(), caps="LITERAL+")

    done = []

    @m.dest.on("NOOP")
    def _(call):
        own = [message for message in m.dest.store["INBOX"] if message.own and not done]
        done.extend(own)
        contents = [(x.raw, x.flags, x.date) for x in own]
        for message, (raw, flags, date) in zip(own, contents[1::2] + contents[::2]):
            message.raw, message.flags, message.date = raw, flags, date
        return call.normal()

    m.clean(m.migrate())
    m.arrived()
    m.again()


def scene_seen_late(t):
    """What was answered OK can be seen 1.5 s later; the APPEND before it at once."""
    for caps in (CAPS, without("UIDPLUS"), ""):
        m = Move(t, source=alike(4), caps=caps)
        m.dest.append(appear=1.5, skip=1, times=2)
        m.clean(m.migrate())
        m.arrived()
        m.again()


def scene_told_wrong(t):
    """APPENDUID names UIDs that nothing has."""
    m = Move(t, source=alike(4))
    m.dest.append(answer="$TAG OK [APPENDUID %d 9001] stored\r\n" % m.dest.store["INBOX"].uidvalidity)
    m.clean(m.migrate())
    m.arrived()
    m.again()
