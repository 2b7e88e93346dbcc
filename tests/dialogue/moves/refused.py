"""The server says NO, before or after the octets, and sometimes stores all the same."""

import glob

from scene import *
from into import *

COMMANDS = b"".join(b"a%d %s\r\n" % (n, c) for n, c in enumerate((
    b"DELETE INBOX", b"SELECT INBOX", b"STORE 1:* +FLAGS (\\Deleted)", b"EXPUNGE", b"LOGOUT")))


def commands():
    """A mailbox in which one message is made of commands, with a keyword of its own."""
    source = small()
    source["INBOX"].add(b"Subject: commands\r\n\r\n" + COMMANDS, ("\\Seen", "Own-Word"))
    source["Archive"].add(COMMANDS)
    return source


@quirk(51)
def scene_a_message_made_of_commands(t):
    m = Move(t, source=commands())
    m.dest.append(before="BAD Error in IMAP command APPEND: Invalid flag", flag="Own-Word")
    m.dest.on(r"UID STORE .*Own-Word", "$TAG BAD Error in IMAP command STORE: Invalid flag\r\n")
    m.warned(m.migrate())
    m.arrived(flags=lambda f: f - {"Own-Word"})
    m.refused("Invalid flag")
    t.equal(m.dest.executed, [], "lines of messages that the server took for commands")


def scene_bad_to_a_literal_that_was_fine_before(t):
    """The server took such literals once: nothing is sent behind the BAD, and nothing is lost."""
    source = small(8)
    fill(source["INBOX"], 30)
    m = Move(t, source=source)
    m.dest.append(before="BAD Error in IMAP command APPEND", sync=False, skip=3)
    m.until_done()
    m.arrived()
    t.ok(m.dest.executed, "the server did it")


def scene_no_before_the_octets(t):
    """One message is refused for good, the others go on."""
    m = Move(t, caps=without("LITERAL+ MULTIAPPEND"))
    m.dest.append(before="NO [CANNOT] not this one", larger=450)
    big = [(f.name, u.uid) for f in m.source.store for u in f if len(u.raw) > 450]
    m.lost(m.migrate())
    m.arrived(without=big)
    m.quarantined(*big)
    m.refused(r"\[CANNOT\] not this one")


@quirk(52)
def scene_no_behind_the_octets(t):
    m = Move(t)
    raw = m.source.store["Archive"][2].raw
    m.dest.append(after="NO Message refused because it contains a virus", has=re.escape(raw))
    m.lost(m.migrate())
    m.arrived(without=[("Archive", 2)])
    m.quarantined(("Archive", 2))
    m.refused("virus", level="error", folder="Archive", uid=2)
    t.verdict(m.job, "Archive", 2, "refused")
    m.again()


def scene_refused_once(t):
    m = Move(t)
    m.dest.append(after="NO [SERVERBUG] internal error", times=1, skip=2)
    m.until_done()
    m.arrived()
    m.quarantined()


def stored_all_the_same(t, caps, text, **rule):
    m = Move(t, caps=caps)
    m.dest.append(after=text, stored=True, **rule)
    m.warned(m.migrate())
    m.arrived(flags=False)
    m.quarantined()
    m.again()


def scene_no_and_stored(t):
    """UW imapd: a NO for the keyword, and the message is there."""
    text = "NO APPEND failed: Unknown flag: Project-X"
    stored_all_the_same(t, without("UIDPLUS MULTIAPPEND LITERAL+"), text, flag="Project-X|\\$.*")


def scene_no_and_stored_with_uidplus(t):
    text = "NO [APPENDUID 1750000001 3] Bad flag list"
    stored_all_the_same(t, without("MULTIAPPEND"), text, times=2, skip=1)


def scene_no_and_stored_every_time(t):
    stored_all_the_same(t, "", "NO no reason")


@quirk(52)
def scene_ok_and_nothing_stored(t):
    """OK, and it is not there: never "complete"."""
    m = Move(t, caps=without("UIDPLUS"))
    m.dest.append(drop=True, times=1, skip=1)
    m.migrate()
    if m.last.code == 1:
        m.arrived()
    else:
        m.lost(m.last)


@quirk(52)
def scene_ok_and_never_stored(t):
    """A filter moves it elsewhere each time: it lies in quarantine, and the others are there."""
    for caps in (CAPS, without("UIDPLUS"), without("UIDPLUS MULTIAPPEND")):
        m = Move(t, caps=caps)
        raw = m.source.store["Archive"][1].raw
        m.dest.append(drop=True, has=re.escape(raw))
        t.exits(m.migrate(), 2)
        m.quarantined(("Archive", 1))
        m.arrived(without=[("Archive", 1)])
        t.says(m.last, "does not show it" if "UIDPLUS" not in caps else "does not show it|keeps another message")


def scene_stored_twice(t):
    """One OK, two copies: a warning at least, or the surplus one is taken away."""
    m = Move(t)
    m.dest.append(twice=True, times=1, skip=1)
    m.migrate()
    missing, doubled = m.counts()
    t.equal(missing, [], "messages missing")
    t.ok(not doubled or m.last.code == 2, "a double that stays is told", m.last.code, doubled)


def scene_wildduck(t):
    """MULTIAPPEND is offered, and only the second message is kept, without flags."""
    m = Move(t, source=small(8))

    def last_alone(append):
        if len(append.members) < 2:
            return None
        last = append.members[-1]
        last.flags = []
        uid = m.dest.deliver(append, last)
        return [f"{append.tag} OK [APPENDUID {m.dest.store[append.folder].uidvalidity} {uid}]"
                " APPEND completed\r\n"]
    m.dest.at_finish = last_alone
    m.until_done()
    m.arrived()
    m.again()


def scene_appenduid_of_another_folder(t):
    """A code that cannot be true is not believed."""
    m = Move(t, caps=without("MULTIAPPEND"))
    m.dest.append(answer="$TAG OK [APPENDUID 4711 99999] done\r\n", folder="Archive")
    m.until_done()
    m.arrived()


DOUBT = 30057


def whole_folder_refused(t, **rule):
    """A folder that takes nothing in the first run; returns the move."""
    m = Move(t)
    m.dest.append(folder="Archive", **rule)
    m.lost(m.migrate())
    m.refused("NOPERM", folder="Archive")
    m.dest.clear()
    return m


def scene_a_folder_refused_before_the_octets_is_not_in_doubt(t):
    """Nothing of it went out: the next run neither waits nor looks, it sends."""
    m = whole_folder_refused(t, before="NO [NOPERM] not yours")
    m.warned(m.migrate("--doubt-wait", "10m"))
    m.arrived()
    t.equal([e["text"] for e in m.job.events(DOUBT)], [], "messages that were in doubt")
    m.again()


def scene_a_folder_refused_behind_the_octets_is_in_doubt(t):
    """Some servers store all the same: the next run looks first."""
    m = whole_folder_refused(t, after="NO [NOPERM] not yours")
    m.warned(m.migrate())
    m.arrived()
    t.ok(m.job.events(DOUBT), "messages were in doubt", *m.told())
    m.again()


def scene_a_doubt_outlives_a_refusal(t):
    """What a cut has left in doubt stays so, though the next run sends nothing of it."""
    m = Move(t)
    archive = m.source.store["Archive"]
    m.dest.append(answer=Cut, drop=True, folder="Archive", times=9)
    m.migrate()
    m.dest.clear()
    m.dest.append(before="NO [NOPERM] not yours", folder="Archive")
    m.lost(m.migrate())
    m.dest.clear()
    m.until_done()
    t.equal(len(m.dest.store["Archive"]), len(archive), "messages there")
    m.arrived()


def scene_a_folder_that_cannot_be_looked_through(t):
    """It is given up with a body on its way, which is no answer to what is asked of the next folder."""
    source = small(60)
    source["INBOX"][1].raw = b"Subject: answers\r\n\r\n* 1 EXPUNGE\r\n* 0 EXISTS\r\n" + \
        b"".join(b"%04d OK done\r\n" % n for n in range(40))
    dest = Store(first=1750000000)
    fill(dest["INBOX"], 5)
    m = Move(t, source=source, dest=dest)
    m.dest.on(r"UID SEARCH ALL", "$TAG NO not now\r\n", times=1)
    m.dest.on(r"UID FETCH 1:\* \(UID\)", "$TAG NO not now\r\n", times=1)
    t.exits(m.migrate(), 2)
    t.equal([e["text"] for e in m.job.events() if e["event"] == 14001], [], "octets of mail taken for answers")
    t.equal([e["folder"] for e in m.job.events() if e["event"] == 30023], ["INBOX"], "folders that failed")
    m.warned(m.retry())
    m.arrived()


def keyword_refused(t, **keeps):
    """The messages with a keyword are refused first, and then placed one by one."""
    m = Move(t, source=small(8))
    m.dest.append(**keeps)
    m.dest.append(before="NO [CANNOT] no keywords", flag="Project-X|\\$Junk|\\$Forwarded")
    m.dest.on(r"UID STORE .*(Project-X|\$Junk|\$Forwarded)", "$TAG NO no keywords\r\n")
    m.migrate()
    return m


def scene_refused_and_then_changed(t):
    """What a server adds to a message that it takes at the second try makes no other message of it."""
    m = keyword_refused(t, keep=lambda x: b"Received: %s\r\n" % (b"x" * (len(x.raw) % 41)) + x.raw)
    m.warned(m.last)
    m.arrived(exact=False, flags=lambda f: {x for x in f if x[0] == "\\"})
    m.quarantined()
    m.again()


def scene_refused_and_then_cut_short(t):
    """OK to less than was sent: that is no copy."""
    m = keyword_refused(t, keep=lambda x: x.raw[:-9])
    m.lost(m.last)
    every = [(f.name, x.uid) for f in m.source.store for x in f]
    m.quarantined(*every)
    m.again()


def scene_not_whole_on_the_source(t):
    """The source gives no more than a header: that is no copy of the message, and is kept beside."""
    m = Move(t)
    m.source.fetch(uid=2, folder="Archive", item=r"BODY(\.PEEK)?\[(?!HEADER|0)|RFC822$|RFC822\.(TEXT|PEEK)",
                   reply=Refuse("NO the body is damaged"))
    m.lost(m.migrate())
    m.arrived(without=[("Archive", 2)], source_kept=False)
    t.verdict(m.job, "Archive", 2, "header-only")
    found = glob.glob(os.path.join(m.job.path, "quarantine", "**", "2.eml"), recursive=True)
    t.equal(len(found), 1, "what there is of it is kept")
    m.source.clear()
    m.retry()
    m.arrived(source_kept=False)
    t.equal(m.source.store.snapshot(), m.before, "the source is as it was")
