"""Mail from servers without UIDs goes to a server of today."""

from into import *
from old import Old, kept, mailbox


def from_old(t, level, store=None, **options):
    """A move whose source is of that level."""
    m = Move(t, source=Store(), **options)
    m.source = t.serve(Old(store or mailbox(), level, user="alice"))
    m.dest.sources = (m.source.store,)
    m.before = m.source.store.snapshot()
    return m


def moved(m):
    """All is there, and reading left no trace."""
    m.arrived(source_kept=False)
    m.t.equal(m.source.store.snapshot(), m.before, "the source is as it was")


def scene_imap2bis(t):
    m = from_old(t, "IMAP2bis")
    m.warned(m.migrate())
    moved(m)
    m.again()


def scene_imap2(t):
    m = from_old(t, "IMAP2")
    m.warned(m.migrate())
    moved(m)


def scene_rfc1064(t):
    m = from_old(t, "RFC 1064", mailbox("INBOX"))
    m.warned(m.migrate())
    moved(m)


def scene_second_run(t):
    m = from_old(t, "IMAP2bis")
    m.warned(m.migrate())
    inbox, mark = m.source.store["INBOX"], m.dest.transcript.mark()
    gone = inbox[3]
    inbox.remove(3)
    inbox.add(letter("INBOX", 77), ["\\Seen"])
    m.before = m.source.store.snapshot()
    m.warned(m.migrate())
    t.sent_times(m.dest.transcript.since(mark), "APPEND", 1)
    t.equal(m.source.store.snapshot(), m.before, "the source is as it was")
    m.source.store["INBOX"].add(gone.raw, gone.flags, gone.date)    # its copy is kept
    m.arrived(source_kept=False)


def scene_destination_cut(t):
    """An APPEND in doubt is looked for by the octets that the source gives once more."""
    m = from_old(t, "IMAP2bis", mailbox("INBOX", count=4))
    m.dest.append(answer=Cut, appear=0.5, times=1)
    m.until_done()
    moved(m)
