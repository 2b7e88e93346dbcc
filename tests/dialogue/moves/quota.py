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


@quirk(45)
def scene_before_the_octets(t):
    full(t, "NO [OVERQUOTA] Quota exceeded (mailbox for user is full)")


@quirk(45)
def scene_behind_the_octets(t):
    full(t, "NO [OVERQUOTA] Quota exceeded", phase="after")


@quirk(26, 45)
def scene_plain_words(t):
    full(t, "NO APPEND The 1500 MB storage limit has been exceeded", caps=without("UIDPLUS"))


@quirk(45)
def scene_other_plain_words(t):
    full(t, "NO Over quota", phase="after", caps=without("LITERAL+ MULTIAPPEND"))


def scene_quota_is_told_before(t):
    """QUOTA says that there is no room for all of it: a word before the start."""
    m = Move(t, caps=CAPS + " QUOTA")
    m.dest.quota = (900 * 1024, 901 * 1024)
    m.migrate()
    t.says(m.last, "(?i)quota")
