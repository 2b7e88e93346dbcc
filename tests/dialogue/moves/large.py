"""Messages that stream through, and are never here as a whole: refused, cut, and without LITERAL+."""

from scene import *
from into import *

LINES = b"0123456789abcdef\r\n"


def large(t, caps=CAPS):
    """Large messages between small ones."""
    source = small()
    for number in range(3):
        source["INBOX"].add(letter("INBOX", 50 + number) + LINES * 60000, ("\\Seen",) * (number % 2))
        source["INBOX"].add(letter("INBOX", 60 + number))
    return Move(t, source=source, caps=caps)


def half(f):
    return [f.value[:len(f.value) // 2], Cut]


def scene_each_waits_for_the_server(t):
    m = large(t, caps="UIDPLUS")
    m.clean(m.migrate())
    m.arrived()
    m.again()


def scene_refused_before_the_first_octet(t):
    """What the source gives of it goes nowhere; then it is tried with care."""
    for caps in CAPS, "UIDPLUS":
        m = large(t, caps)
        m.dest.append(before="NO [CANNOT] not now", larger=300000, times=2)
        m.until_done()
        m.arrived()
        m.quarantined()


def scene_refused_behind_the_last_octet(t):
    for caps in CAPS, "UIDPLUS":
        m = large(t, caps)
        m.dest.append(after="NO [SERVERBUG] internal error", larger=300000, times=1)
        m.until_done()
        m.arrived()
        m.quarantined()


def scene_cut_on_the_source(t):
    """Nothing is made up to fill the literal: the connection to the destination goes, too."""
    for caps in CAPS, "UIDPLUS", "LITERAL+":
        m = large(t, caps)
        for uid in (7, 9):
            m.source.fetch(uid=uid, folder="INBOX", reply=half, times=1)
        m.until_done()
        m.arrived()
        t.equal(m.dest.executed, [], "lines of messages that the server took for commands")


def scene_cut_on_the_source_and_refused(t):
    m = large(t, caps="UIDPLUS")
    m.dest.append(before="NO [CANNOT] not now", larger=300000, times=1)
    m.source.fetch(uid=5, folder="INBOX", reply=half, times=1)
    m.until_done()
    m.arrived()
    m.quarantined()
