"""A copy that is found again, though its row no longer says where it is, has the flags that its message has now."""

from scene import *
from into import *


def moved(t, caps=CAPS):
    m = Move(t, caps=caps)
    m.clean(m.migrate())
    return m, m.source.store["INBOX"], m.dest.store["INBOX"]


def ended(m):
    """All is as on the source, one copy each, but for what people did there."""
    m.before, mark = m.source.store.snapshot(), m.dest.transcript.mark()
    m.warned(m.migrate())
    m.t.never_sent(m.dest.transcript.since(mark), "APPEND")
    m.arrived()
    m.again()


def elsewhere_meanwhile(t, caps):
    """Moved out, moved back with other flags, while the source got another UIDVALIDITY."""
    m, inbox, _ = moved(t, caps)
    x = inbox[2]
    inbox.remove(2)
    m.before = m.source.store.snapshot()
    m.clean(m.migrate())
    inbox.renumber(inbox.uidvalidity + 1000, 501)
    inbox.add(x.raw, ("\\Answered", "Mine"), x.date)
    ended(m)
    t.exits(imexrun.run(t, "verify", m.job, "--insecure-plaintext", "--dest-insecure-plaintext",
                        env={"IMEX_DEST_PASSWORD": m.password}), 0)


def scene_elsewhere_meanwhile(t):
    elsewhere_meanwhile(t, CAPS)


def scene_elsewhere_meanwhile_without_uidplus(t):
    elsewhere_meanwhile(t, "")


def scene_the_destination_is_renumbered(t):
    m, inbox, there = moved(t)
    there.renumber(there.uidvalidity + 1000, 501)
    inbox.flag(2, "\\Answered", "Mine")
    ended(m)


def scene_gone_meanwhile_and_the_destination_is_renumbered(t):
    m, inbox, there = moved(t)
    x = inbox[2]
    inbox.remove(2)
    m.before = m.source.store.snapshot()
    m.clean(m.migrate())
    there.renumber(there.uidvalidity + 1000, 501)
    inbox.add(x.raw, ("\\Answered", "Mine"), x.date, uid=2)
    ended(m)


def scene_what_people_did_there_stays(t):
    """Of a copy that is found again only what changed on the source changes."""
    m, inbox, there = moved(t)
    inbox.flag(2, "\\Answered")                                 # it was \Seen
    there.flag(2, "\\Seen", "\\Flagged")
    there.flag(4)                                               # it was \Flagged
    there.renumber(there.uidvalidity + 1000, 501)
    m.before = m.source.store.snapshot()
    m.warned(m.migrate())
    t.equal([set(there[uid].flags) for uid in (502, 504)], [{"\\Answered", "\\Flagged"}, set()], "the flags there")


def scene_files_of_others(t):
    """A Maildir has another UIDVALIDITY with each new message: what people did with the copies is not undone by that."""
    m = Move(t, source=Store())
    root = t.tmpdir("mail")
    for part in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(root, part))
    cur = os.path.join(root, "cur")

    def put(number, flags):
        with open(os.path.join(cur, f"100{number}.x.host:2,{flags}"), "wb") as file:
            file.write(letter("INBOX", number))
    for number in range(1, 5):
        put(number, "S")
    m.load(root)
    there = m.dest.store["INBOX"]
    os.rename(os.path.join(cur, "1003.x.host:2,S"), os.path.join(cur, "1003.x.host:2,R"))
    there.flag(1)
    put(5, "F")
    m.load(root)
    t.exits(m.last, 1)
    t.equal([set(c.flags) for c in there], [set(), {"\\Seen"}, {"\\Answered"}, {"\\Seen"}, {"\\Flagged"}], "the flags there")
