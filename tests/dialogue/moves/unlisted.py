"""Messages that no listing of many gives are sent as all others: once, with an intent, and only when missing."""

from hooks import lacking
from scene import *
from into import *

LISTING = r"UID FETCH \S*[:,*]\S* \(.*RFC822\.SIZE"


def hole(m, *uids):
    @m.source.on(LISTING)
    def _(call):
        inbox = call.session.folder.name == "INBOX"
        return lacking(call, *(b"(UID %d " % uid for uid in uids)) if inbox else call.normal()


def no_sets(m):
    m.source.on(r"UID FETCH \S*[:,*]\S* (\(|FAST)(?!BODY)", "$TAG BAD one message at a time\r\n")


def scene_later_runs(t):
    m = Move(t)
    hole(m, 2, 3)
    m.clean(m.migrate())
    m.arrived()
    m.again()


def scene_no_sets(t):
    m = Move(t, source=sample(("INBOX",), count=15))
    no_sets(m)
    m.warned(m.migrate())
    m.arrived()
    m.again()


def scene_no_sets_and_a_lost_connection(t):
    m = Move(t, source=sample(("INBOX",), count=15))
    no_sets(m)
    m.source.fetch(uid=9, folder="INBOX", item=r"BODY\.PEEK\[\]$", reply=lambda f: [f.value[:20], Cut], times=1)
    m.warned(m.migrate())
    m.arrived()
    m.again()


def scene_listing_refused_in_a_later_run(t):
    m = Move(t)
    m.clean(m.migrate())
    m.source.on(LISTING, "$TAG NO [SERVERBUG] Internal error occurred\r\n")
    mark = m.dest.transcript.mark()
    m.warned(m.migrate("--list-all"))
    m.arrived()
    t.never_sent(m.dest.transcript.since(mark), "APPEND")


def cut(t, how):
    """The destination has the message, shows it late, and has not said so: it is waited for, not sent again."""
    m = Move(t, source=sample(("INBOX",), count=5))
    how(m)
    m.dest.append(times=1, has=re.escape(m.source.store["INBOX"][3].raw), answer=Cut, appear=1.5)
    m.migrate()
    t.within(m.last.code, (0, 1), "exit code")
    m.arrived()
    m.again()


def scene_cut_at_one_of_them(t):
    cut(t, lambda m: hole(m, 3))


def scene_cut_without_sets(t):
    cut(t, no_sets)
