"""A destination that speaks RFC 1730: no STATUS, no UIDPLUS, no literal without waiting, other words for
a message that is looked at; and one that is older, which is refused."""

from into import *
from old import Old
from rfc1730 import GREETING, Spoken, mailbox


class Dest(Spoken, Target):
    """The destination."""

    def __init__(self, store=None, **options):
        super().__init__(store or Store(first=1750000000), level="IMAP4", caps="", tls=None, greeting=GREETING,
                         password=DEST_PASSWORD, **options)


def to_rfc1730(t, store=None, dest=None, **options):
    m = Move(t, source=store or mailbox())
    m.dest = t.serve(Dest(dest, **options))
    m.dest.sources = (m.source.store,)
    m.foreign = {(f.name, x.uid): (x.raw, set(x.flags)) for f in m.dest.store for x in f}
    return m


def scene_whole(t):
    m = to_rfc1730(t)
    m.warned(m.migrate())
    m.arrived()
    m.again()


def scene_doubt(t):
    """The connection ends before the answer; the message is found, by its size, header and octets."""
    m = to_rfc1730(t, mailbox("INBOX", count=3))
    m.dest.append(answer=Cut, appear=0.5, times=1)
    m.until_done()
    m.arrived()
    t.never_sent(m.dest, r"UID FETCH .*BODY")


def scene_there_already(t):
    store = mailbox("INBOX", count=4)
    dest = Store(first=1750000000)
    for message in list(store["INBOX"])[:2]:
        dest["INBOX"].add(message.raw, message.flags, message.date)
    m = to_rfc1730(t, store, dest)
    m.warned(m.migrate())
    m.arrived()
    t.sent_times(m.dest, "APPEND", 2)


def scene_imap2bis_is_refused(t):
    m = Move(t, source=mailbox("INBOX", count=1))
    m.dest = t.serve(Old(level="IMAP2bis", user="bob", password=DEST_PASSWORD))
    run = m.migrate()
    t.exits(run, 69)
    t.says(run, "a destination must speak IMAP4")
    t.never_sent(m.dest, "APPEND", "CREATE")
