"""The connection ends in an APPEND; what was sent may show up later (rules.md 2.3)."""

from scene import *
from into import *


def cut(t, source=None, caps=CAPS, **rule):
    m = Move(t, source=source, caps=caps)
    m.dest.append(**rule)
    m.until_done()
    m.arrived()
    m.again()
    return m


def scene_at_the_first_octet(t):
    cut(t, cut=0, times=1, skip=2)


def scene_in_the_middle(t):
    cut(t, cut=100, times=2, skip=3)


def scene_before_the_last_octet(t):
    cut(t, cut=-1, times=1, skip=1)


def scene_reset_in_the_middle(t):
    cut(t, cut=(60, Reset()), times=1, skip=4)


def scene_bye_in_the_middle(t):
    cut(t, bye=(50, "server is going down"), times=1, skip=2)


def scene_stored_and_never_answered(t):
    cut(t, answer=Cut, times=1, skip=2)


def scene_stored_late(t):
    """Not to be seen at once, there 1.5 s later: sent again it would be doubled."""
    cut(t, answer=Cut, appear=1.5, times=1, skip=2)


def scene_stored_late_without_uidplus(t):
    cut(t, answer=Cut, appear=1.5, times=1, skip=2, caps="LITERAL+")


def scene_stored_late_twice(t):
    cut(t, answer=Cut, appear=1.2, times=2, skip=1, folder="INBOX")


def scene_never_stored_and_never_answered(t):
    cut(t, answer=Cut, drop=True, times=1, skip=2)


def equal_ones(t, *flags):
    """Of four equal messages one is in doubt; its copy is known by date and flags."""
    source = small()
    archive = source["Archive"]
    for each in flags:
        archive.add(archive[1].raw, each, archive[1].date if not each else "07-Nov-2003 16:18:49 +0200")
    cut(t, source=source, answer=Cut, appear=1.5, times=1, skip=1, folder="Archive", caps="UIDPLUS")


@quirk(35)
def scene_source_waits_meanwhile(t):
    """Who waits until a message cannot come any more speaks to the source, too, which else ends the connection."""
    m = Move(t, source=small())
    m.dest.append(answer=Cut, drop=True, times=1, skip=2)
    m.until_done("--timeout", "5s", "--doubt-wait", "22s")
    m.arrived()
    said = [[text.split()[0] for text in m.source.transcript.commands(connection=n)]
            for n in range(1, m.source.connections + 1)]
    t.ok(any(a == b == "NOOP" for words in said for a, b in zip(words, words[1:])), "NOOP behind NOOP on a source", said)
    m.again()


def scene_equal_ones_stored_late(t):
    equal_ones(t, (), (), ())


def scene_equal_ones_with_other_flags_stored_late(t):
    equal_ones(t, ("\\Seen",), (), ("\\Seen", "\\Flagged"))


def scene_a_part_of_several_is_stored(t):
    """A MULTIAPPEND is cut, and the server keeps the first half of it."""
    source = Store()
    fill(source["INBOX"], 40)
    m = Move(t, source=source)
    struck = []

    def half(append):
        if len(append.members) < 4 or struck:
            return None
        struck.append(append)
        for member in append.members[:len(append.members) // 2]:
            m.dest.deliver(append, member)
        return [Cut]
    m.dest.at_finish = half
    m.until_done()
    t.ok(struck, "several messages went in one APPEND")
    m.arrived()
    m.again()


def scene_source_cut_inside_an_append(t):
    """Nothing is padded: the destination's connection is dropped (rules.md 2.5)."""
    source = small()
    source["INBOX"].add(letter("INBOX", 70) + b"0123456789abcdef\r\n" * 30000)
    m = Move(t, source=source)
    m.source.fetch(uid=5, folder="INBOX", times=1, reply=lambda f: [f.value[:200000], Cut])
    m.until_done()
    m.arrived()


@quirk(35)
def scene_source_stalls_inside_an_append(t):
    """After it the message waits in the spool until it is whole; nothing is held open meanwhile (rules.md 2.5)."""
    source = small()
    raw = letter("INBOX", 70) + b"0123456789abcdef\r\n" * 30000
    source["INBOX"].add(raw)
    m = Move(t, source=source)
    m.source.fetch(uid=5, folder="INBOX", times=2, reply=lambda f: [f.value[:200000], Stall])
    m.until_done("--timeout", "2s")
    m.arrived()
    t.equal(m.dest.transcript.count(rf"APPEND \"INBOX\" .*\{{{len(raw)}\+?\}}"), 2, "once streamed, once from the spool")
    m.again()


@quirk(35)
def scene_source_dies_and_comes_back(t):
    m = Move(t, source=small(8))
    m.source.fetch(uid=6, folder="Archive", times=2, reply=lambda f: [f.value[:40], Reset])
    m.until_done()
    m.arrived()


def scene_expunged_in_the_middle(t):
    """It may have gone or not; the others are there."""
    m = Move(t, source=small(8))
    inbox = m.source.store["INBOX"]
    raw = inbox[6].raw
    m.source.fetch(uid=5, folder="INBOX", item="BODY", times=1,
                   reply=lambda f: inbox.remove(6) or f.value)
    m.until_done()
    t.ok(all(x.uid != 6 for x in inbox), "it was expunged")
    m.dest.store["INBOX"].messages[:] = [x for x in m.dest.store["INBOX"] if x.raw != raw]
    m.arrived(source_kept=False)
