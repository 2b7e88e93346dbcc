"""A destination that is full: what went is there once, the rest goes when there is room."""

from scene import *
from into import *


def full(t, text, phase="before", **options):
    m = Move(t, source=small(8), **options)
    m.dest.append(**{phase: text}, when=lambda x: m.dest.octets() + x.size > 9000)
    m.lost(m.migrate())
    missing, doubled = m.counts(exact=True)
    t.equal(doubled, [], "messages doubled")
    t.ok(missing, "the server was full")
    m.refused(re.escape(text[3:]))
    m.dest.clear()
    if m.migrate().code != 1:
        m.warned(m.retry())
    m.arrived()


def scene_before_the_octets(t):
    full(t, "NO [OVERQUOTA] Quota exceeded (mailbox for user is full)")


def scene_behind_the_octets(t):
    full(t, "NO [OVERQUOTA] Quota exceeded", phase="after")


def scene_plain_words(t):
    full(t, "NO APPEND The 1500 MB storage limit has been exceeded", caps=without("UIDPLUS"))


def scene_other_plain_words(t):
    full(t, "NO Over quota", phase="after", caps=without("LITERAL+ MULTIAPPEND"))


def scene_quota_is_told_before(t):
    """QUOTA says that there is no room for all of it: a word before the start."""
    m = Move(t, caps=CAPS + " QUOTA")
    m.dest.quota = (900 * 1024, 901 * 1024)
    m.migrate()
    t.says(m.last, "(?i)quota")


def scene_less_quota_than_the_account_needs(t):
    """Nothing of it is begun, no folder is made; with more quota the same command does it all."""
    m = Move(t, source=small(8), caps=CAPS + " QUOTA")
    m.dest.quota = (0, 4 * 1024)
    run = m.migrate()
    t.exits(run, 74)
    t.one_line_error(run)
    t.says(run, r"the account needs 1\d kB, and the quota of the destination leaves 4.1 kB: nothing of it is begun; "
                "have the quota raised")
    t.equal(m.dest.transcript.count("CREATE|APPEND"), 0, "what was sent to the destination")
    t.no_bodies(m.source)
    m.dest.quota = (0, 1024 * 1024)
    t.exits(m.migrate(), 0)
    m.arrived()
    t.equal(m.dest.transcript.count("GETQUOTAROOT"), 2, "questions for the quota, one a run")


def scene_sizes_that_come_with_the_listing_and_a_quota(t):
    m = Move(t, source=small(8), caps=CAPS + " QUOTA", source_options={"caps": without("STATUS=SIZE")})
    m.dest.quota = (0, 4 * 1024)
    t.exits(m.migrate(), 74)
    t.says(m.last, "what comes next of the folder 'INBOX'")
    t.equal(m.dest.transcript.count("APPEND"), 0, "messages that were sent")
    m.dest.quota = (0, 1024 * 1024)
    m.migrate()
    m.arrived()


def scene_a_full_quota_of_what_is_there_already(t):
    """The mail that fills it may be the same: it is recognised, and nothing is refused beforehand."""
    source, dest = small(8), Store(first=1750000000)
    for folder in source:
        there = dest.get(folder.name) or dest.add(folder.name)
        for message in folder:
            there.add(message.raw, message.flags, message.date)
    m = Move(t, source=source, dest=dest, caps=CAPS + " QUOTA")
    m.dest.quota = (m.dest.octets() // 1024 * 1024, (m.dest.octets() // 1024 + 1) * 1024)
    t.exits(m.migrate(), 1)
    t.equal(m.dest.transcript.count("APPEND"), 0, "messages that were sent")
    t.ok(m.job.events(30063), "a word about the quota")
