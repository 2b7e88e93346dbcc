"""--delete-extra: what the source has not leaves the destination, kept first, and never too much of it."""

import hashlib
import json

from scene import *
from into import *

REMOVED, LEFT = 30064, 30065
PLAIN = ["--insecure-plaintext", "--dest-insecure-plaintext"]
ASK = r"UID (STORE|EXPUNGE)|EXPUNGE|CLOSE"


def strangers(folder, count):
    """Messages of others in a folder of the destination; returns their octets by UID."""
    found = {}
    for n in range(count):
        raw = b"Subject: stranger %d\r\nMessage-ID: <s%d@example.org>\r\n\r\nnobody knows me %d\r\n" % (n, n, n)
        found[folder.add(raw, ("\\Seen",)).uid] = raw
    return found


def begun(t, extra=2, caps=CAPS, there=None):
    """A move in which each folder holds 30 messages, INBOX and others there; (move, octets by UID)."""
    m = Move(t, source=small(30), caps=caps, dest=there)
    m.dest.forgiven = ["not its own"]
    m.foreign = {}
    found = strangers(m.dest.store["INBOX"], extra)
    return m, found


def kept(t, m, octets):
    """Each of these is told in the list, and its file has its octets."""
    with open(os.path.join(m.job.path, "removed.jsonl"), encoding="utf-8") as file:
        lines = {line["uid"]: line for line in map(json.loads, file)}
    t.equal(sorted(lines), sorted(octets), "UIDs in removed.jsonl")
    for uid, raw in octets.items():
        line = lines[uid]
        with open(os.path.join(m.job.path, line["file"]), "rb") as file:
            t.equal(file.read(), raw, f"the octets of UID {uid} in {line['file']}")
        t.equal((line["sha256"], line["size"]), (hashlib.sha256(raw).hexdigest(), len(raw)), "digest, size")
        t.equal(line["subject"], raw.split(b"\r\n")[0][9:].decode(), "subject")
        t.equal(line["folder"], "INBOX", "folder")


def untouched(t, m, octets, words):
    """None is gone, none was even marked, and it is told why."""
    there = {x.uid: x for x in m.dest.store["INBOX"]}
    t.ok(set(octets) <= set(there), "all are there", sorted(there))
    t.equal([uid for uid in octets if "\\Deleted" in there[uid].flags], [], "messages marked as deleted")
    t.never_sent(m.dest.transcript, ASK)
    t.ok([e for e in m.job.events(LEFT) if re.search(words, e["text"])], f"a warning: {words}", *m.told())


def scene_removed_and_kept(t):
    m, octets = begun(t)
    m.warned(m.migrate("--delete-extra"))
    m.arrived()
    kept(t, m, octets)
    t.equal(len(m.job.events(REMOVED)), 2, "events of removal")
    mark = m.dest.transcript.mark()
    m.again("--delete-extra")
    t.never_sent(m.dest.transcript.since(mark), ASK)


def scene_copies_of_what_the_source_has_deleted(t):
    """They are extra as well; verify does not miss them then, also where the run was killed behind the server's OK."""
    for killed in (False, True):
        m, _ = begun(t, extra=0)
        m.warned(m.migrate())
        m.source.store["INBOX"].remove(7)
        m.before = m.source.store.snapshot()
        if killed:
            @m.dest.on("UID EXPUNGE", times=1)
            def _(call, m=m):
                call.normal()
                m.last.process.kill()
                m.last.process.wait()
                return [Cut]
            m.start("--delete-extra").wait()
            t.equal(m.last.code, -signal.SIGKILL, "it was killed")
        m.warned(m.migrate("--delete-extra"))
        m.arrived()
        run = t.imex("verify", m.job, *PLAIN, env={"IMEX_DEST_PASSWORD": DEST_PASSWORD})
        t.exits(run, 0)


def scene_without_the_option_nothing_goes(t):
    m, octets = begun(t)
    m.warned(m.migrate())
    t.ok(set(octets) <= {x.uid for x in m.dest.store["INBOX"]}, "all are there")
    t.never_sent(m.dest.transcript, ASK)


def scene_gone_from_the_source(t):
    """A copy whose message the source has expunged is extra, too."""
    m, octets = begun(t, extra=0)
    m.clean(m.migrate())
    raw = m.source.store["Archive"][5].raw
    m.source.store["Archive"].remove(5)
    m.before = m.source.store.snapshot()
    m.clean(m.migrate("--delete-extra"))
    m.arrived()
    t.equal([x.uid for x in m.dest.store["Archive"] if x.raw == raw], [], "its copy")
    t.equal(len(m.job.events(REMOVED)), 1, "events of removal")


def scene_more_than_a_tenth(t):
    m, octets = begun(t, extra=4)
    m.warned(m.migrate("--delete-extra"))
    untouched(t, m, octets, "4 of its 34 messages.*10 %")


def scene_a_small_folder(t):
    """One of nine is more than a tenth."""
    m = Move(t, source=small(8))
    m.dest.forgiven, m.foreign = ["not its own"], {}
    octets = strangers(m.dest.store["INBOX"], 1)
    m.warned(m.migrate("--delete-extra"))
    untouched(t, m, octets, "1 of its 9 messages")


def scene_no_uidplus(t):
    m, octets = begun(t, caps=without("UIDPLUS"))
    m.warned(m.migrate("--delete-extra"))
    untouched(t, m, octets, "UIDPLUS")


def scene_a_message_in_quarantine(t):
    m, octets = begun(t)
    m.dest.append(after="NO [CANNOT] not this one", has=re.escape(m.source.store["INBOX"][3].raw))
    m.lost(m.migrate("--delete-extra"))
    untouched(t, m, octets, "not stored there")
    m.dest.clear()
    m.warned(m.retry())     # the job keeps the option
    m.arrived()
    kept(t, m, octets)


def scene_a_copy_that_was_moved(t):
    """It is missing in one folder and extra in the other: nothing goes anywhere."""
    m, octets = begun(t)
    m.warned(m.migrate())
    archive, inbox = m.dest.store["Archive"], m.dest.store["INBOX"]
    octets[inbox.add(archive[4].raw).uid] = archive[4].raw
    archive.remove(4)
    m.warned(m.migrate("--delete-extra"))
    untouched(t, m, octets, "no longer where they were put")


def scene_another_uidvalidity(t):
    m, octets = begun(t)
    m.warned(m.migrate())
    m.dest.store["INBOX"].renumber(m.dest.store["INBOX"].uidvalidity + 1000, 501)
    m.warned(m.migrate("--delete-extra"))
    t.never_sent(m.dest.transcript, ASK)
    t.ok([e for e in m.job.events(LEFT) if "UIDVALIDITY" in e["text"]], "a warning", *m.told())


def scene_left_out_by_the_selection(t):
    m, octets = begun(t)
    m.warned(m.migrate("--delete-extra", "--since", "2003-11-08"))
    untouched(t, m, octets, "selection")


def scene_a_message_that_is_not_given_whole(t):
    m, octets = begun(t)
    first, second = sorted(octets)
    m.dest.fetch(uid=first, folder="INBOX", item=r"BODY\.PEEK\[\]$", reply=b'"x"')
    m.warned(m.migrate("--delete-extra"))
    t.equal([x.uid for x in m.dest.store["INBOX"] if x.uid in octets], [first], "the one that stays")
    t.equal([x.flags for x in m.dest.store["INBOX"] if x.uid == first], [{"\\Seen"}], "without a mark")
    kept(t, m, {second: octets[second]})
    t.ok([e for e in m.job.events(LEFT) if f"UID {first} whole" in e["text"]], "a warning", *m.told())


def scene_expunge_is_refused(t):
    """The mark is taken off again."""
    m, octets = begun(t)
    m.dest.on(r"UID EXPUNGE", "$TAG NO [NOPERM] not yours\r\n")
    m.warned(m.migrate("--delete-extra"))
    t.equal([x.flags for x in m.dest.store["INBOX"] if x.uid in octets], [{"\\Seen"}] * 2, "flags")
    t.ok([e for e in m.job.events(LEFT) if "2 of 2" in e["text"]], "a warning", *m.told())
    t.equal(m.job.events(REMOVED), [], "events of removal")


def scene_cut_before_it_is_removed(t):
    """What was kept is there still, and goes in the next run."""
    m, octets = begun(t)
    m.dest.on(r"UID STORE .*Deleted", Cut, times=1)
    m.migrate("--delete-extra")
    t.ok(set(octets) <= {x.uid for x in m.dest.store["INBOX"]}, "all are there")
    m.until_done("--delete-extra")
    m.arrived()
    t.equal([x.uid for x in m.dest.store["INBOX"] if x.uid in octets], [], "what is left")
    t.equal(len(m.job.events(REMOVED)), 2, "events of removal")


def scene_told_before(t):
    """check, and a dry run, say how many would go of each folder; by headers, one to one."""
    m, _ = begun(t, extra=4)
    archive, there = m.source.store["Archive"], m.dest.store.add("Archive", 0)
    for message in archive:
        there.add(message.raw)
    there.add(archive[3].raw)
    before = [m.snapshot(), m.source.store.snapshot()]
    for command in (["check"], ["migrate", "-n"]):
        words = [*command, m.source.url(), m.dest.url(), *PLAIN]
        run = t.imex(*words, "--delete-extra", "--json", env={"IMEX_DEST_PASSWORD": DEST_PASSWORD})
        t.exits(run, 0)
        rows = {row["from"]: row.get("extra") for row in json.loads(run.out)["folders"]}
        t.equal(rows, {"INBOX": 4, "Archive": 1, "Archive/2003": None}, "extra messages by folder")
        run = t.imex(*words, "--delete-extra", env={"IMEX_DEST_PASSWORD": DEST_PASSWORD})
        t.says(run, "has 4 messages, 4 extra: too many, none would go")
        t.says(run, "has 31 messages, 1 extra\\n")
    t.equal([m.snapshot(), m.source.store.snapshot()] == before, True, "nothing changes anywhere")
    t.never_sent(m.dest.transcript, ASK, "SELECT")
