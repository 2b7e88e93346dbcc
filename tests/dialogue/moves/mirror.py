"""--mirror: what the source has deleted goes from the destination, if imex put it there, and is kept first."""

import hashlib
import json

from scene import *
from into import *

REMOVED, LEFT = 30066, 30067
ASK = r"UID (STORE|EXPUNGE)|EXPUNGE|CLOSE"


def begun(t, caps=CAPS, there=None, folders=None, **options):
    """A move of three folders with 30 messages each, that is done."""
    m = Move(t, source=small(30), caps=caps, dest=there, **options)
    m.foreign = {}
    m.clean(m.migrate())
    return m


def gone(m, *uids, folder="Archive"):
    """These are deleted on the source; returns (octets, UID there) by UID."""
    found, there = {}, m.dest.store[folder]
    for uid in uids:
        raw = m.source.store[folder][uid].raw
        found[uid] = raw, next(x.uid for x in there if x.raw == raw)
        m.source.store[folder].remove(uid)
    m.before = m.source.store.snapshot()
    return found


def kept(t, m, deleted, folder="Archive"):
    """Each of these is told in the list, and its file has its octets."""
    with open(os.path.join(m.job.path, "removed.jsonl"), encoding="utf-8") as file:
        lines = {line["uid"]: line for line in map(json.loads, file)}
    t.equal(sorted(lines), sorted(uid for _, uid in deleted.values()), "UIDs in removed.jsonl")
    for raw, uid in deleted.values():
        with open(os.path.join(m.job.path, lines[uid]["file"]), "rb") as file:
            t.equal(file.read(), raw, f"the octets of UID {uid}")
        t.equal(lines[uid]["sha256"], hashlib.sha256(raw).hexdigest(), "digest")
        t.equal(lines[uid]["folder"], folder, "folder")


def untouched(t, m, deleted, words, folder="Archive"):
    there = {x.uid: x for x in m.dest.store[folder]}
    t.equal([uid for _, uid in deleted.values() if uid not in there or "\\Deleted" in there[uid].flags], [],
            "messages removed or marked")
    t.ok([e for e in m.job.events(LEFT) if re.search(words, e["text"]) and e["folder"] == folder],
         f"a warning: {words}", *m.told())


def scene_removed_and_kept(t):
    m = begun(t)
    deleted = gone(m, 3, 9, 30)
    m.clean(m.migrate("--mirror"))
    m.arrived()
    kept(t, m, deleted)
    t.equal(len(m.job.events(REMOVED)), 3, "events of removal")
    t.equal([m.job.folder("Archive").get(k) for k in ("expunged", "mirrored")], [3, 3], "the report")
    t.never_sent(m.dest.transcript, r"EXPUNGE|CLOSE")
    mark = m.dest.transcript.mark()
    m.again("--mirror")
    t.never_sent(m.dest.transcript.since(mark), ASK, "SELECT")
    words = ["--insecure-plaintext", "--dest-insecure-plaintext"]
    run = t.imex("verify", m.job, m.dest.url(), *words[1:], env={"IMEX_DEST_PASSWORD": DEST_PASSWORD})
    t.exits(run, 0)


def scene_without_the_option_nothing_goes(t):
    m = begun(t)
    deleted = gone(m, 3)
    m.clean(m.migrate())
    t.never_sent(m.dest.transcript, ASK)
    # What it kept goes once the option is given.
    m.clean(m.migrate("--mirror"))
    m.arrived()
    kept(t, m, deleted)


def scene_more_than_a_tenth(t):
    m = begun(t)
    deleted = gone(m, 1, 2, 3, 4)
    m.warned(m.migrate("--mirror"))
    untouched(t, m, deleted, "4 of its 30 messages are gone from the source, that is more than 10 %")
    t.never_sent(m.dest.transcript, ASK)


def scene_no_uidplus(t):
    m = begun(t, caps=without("UIDPLUS"))
    deleted = gone(m, 3)
    m.warned(m.migrate("--mirror"))
    untouched(t, m, deleted, "UIDPLUS")
    t.never_sent(m.dest.transcript, ASK)


def scene_it_was_there_before(t):
    """A copy that imex has found, and has not put there, is not its own to remove."""
    source, there = small(30), Store(first=1750000000)
    there.add("Archive", 0).add(source["Archive"][9].raw, source["Archive"][9].flags, source["Archive"][9].date)
    m = Move(t, source=source, dest=there)
    m.migrate()
    deleted = gone(m, 3, 9)
    m.warned(m.migrate("--mirror"))
    untouched(t, m, {9: deleted.pop(9)}, r"1 copies were there before.*UID 9")
    kept(t, m, deleted)


def scene_changed_there(t):
    """Another message has the UID of the copy: it is left."""
    m = begun(t)
    m.dest.forgiven = ["not its own"]
    deleted = gone(m, 3, 9)
    m.dest.store["Archive"][deleted[9][1]].raw = b"Subject: mine\r\n\r\nsomebody has written this\r\n"
    m.warned(m.migrate("--mirror"))
    untouched(t, m, {9: deleted.pop(9)}, r"1 copies are not what imex has stored.*UID 9")
    kept(t, m, deleted)


def scene_gone_there_too(t):
    m = begun(t)
    deleted = gone(m, 3, 9)
    m.dest.store["Archive"].remove(deleted[9][1])
    m.clean(m.migrate("--mirror"))
    deleted.pop(9)
    kept(t, m, deleted)
    t.equal(m.job.folder("Archive").get("mirrored"), 2, "mirrored in the report")
    mark = m.dest.transcript.mark()
    m.clean(m.migrate("--mirror"))
    t.never_sent(m.dest.transcript.since(mark), ASK, "SELECT")


def scene_another_uidvalidity_there(t):
    m = begun(t)
    deleted = gone(m, 3)
    m.dest.store["Archive"].renumber(m.dest.store["Archive"].uidvalidity + 1000, 501)
    m.warned(m.migrate("--mirror"))
    t.never_sent(m.dest.transcript, ASK)
    t.ok(deleted[3][0] in [x.raw for x in m.dest.store["Archive"]], "it is there")


def scene_expunge_is_refused(t):
    """The mark is taken off again."""
    m = begun(t)
    deleted = gone(m, 3)
    m.dest.on(r"UID EXPUNGE", "$TAG NO [NOPERM] not yours\r\n")
    m.warned(m.migrate("--mirror"))
    untouched(t, m, deleted, "1 copies are there still")
    t.equal(m.job.events(REMOVED), [], "events of removal")
    m.dest.clear()
    m.until_done("--mirror")
    m.arrived()


def scene_cut_before_it_is_removed(t):
    m = begun(t)
    deleted = gone(m, 3)
    m.dest.on(r"UID STORE .*Deleted", Cut, times=1)
    m.migrate("--mirror")
    m.until_done("--mirror")
    m.arrived()
    kept(t, m, deleted)


def scene_new_under_another_uid(t):
    """The message is there again with a new UID: its copy is not taken for the old one's, and arrives once."""
    m = begun(t)
    raw = m.source.store["Archive"][8].raw
    gone(m, 8)
    m.source.store["Archive"].add(raw, ("\\Seen",))
    m.before = m.source.store.snapshot()
    m.until_done("--mirror")
    m.arrived()
    m.again("--mirror")
    m.arrived()


def scene_left_out_is_not_gone(t):
    m = begun(t)
    before = m.snapshot()
    for words in (("--since", "2004-01-01"), ("--folder", "INBOX"), ("--exclude", "Archive"), ("--max-size", "10")):
        m.migrate("--mirror", "--list-all", *words)
        t.equal(m.snapshot() == before, True, f"nothing changes there with {words}")
    t.never_sent(m.dest.transcript, ASK)


def scene_with_delete_extra(t):
    """Both at once: strangers go by the one, and what the source has deleted by the other."""
    m = begun(t)
    m.dest.forgiven = ["not its own"]
    gone(m, 3)
    m.dest.store["Archive"].add(b"Subject: stranger\r\n\r\nnobody knows me\r\n")
    m.clean(m.migrate("--mirror", "--delete-extra"))
    m.arrived()
    t.equal([len(m.job.events(n)) for n in (REMOVED, 30064)], [1, 1], "events of removal")
