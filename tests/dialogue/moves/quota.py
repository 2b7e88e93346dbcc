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
    t.exits(m.migrate(), 1)
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


# -- --quota ---------------------------------------------------------------------------

MIB = 1024 * 1024


def two(t, here, there=" QUOTA QUOTA=RES-STORAGE", was=100 * MIB, limit=500 * MIB, **options):
    """Accounts with another quota; `here`: what the destination offers."""
    m = Move(t, source=small(3), caps=CAPS + here, source_options={"caps": CAPS + there}, **options)
    m.source.quota, m.dest.quota = (20 * MIB, limit), (MIB, was)
    return m


def quota_stays(m, why):
    m.warned(m.migrate("--quota"))
    m.arrived()
    m.t.equal(m.dest.quota[1], 100 * MIB, "the limit there")
    told = m.t.one_event(m.job, 30121)
    m.t.matches(told.get("text", ""), why, "event 30121")


def scene_the_quota_becomes_that_of_the_source(t):
    m = two(t, " QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE QUOTASET")
    m.dest.quota_more = {"MESSAGE": (3, 1000)}
    run = m.migrate("--quota")
    m.clean(run)
    m.arrived()
    t.equal((m.dest.quota, m.dest.quota_more), ((MIB, 500 * MIB), {"MESSAGE": (3, 1000)}), "the limits there")
    t.never_sent(m.source, "SETQUOTA")
    mark = m.dest.transcript.mark()
    t.exits(m.migrate("--quota"), run.code)
    t.never_sent(m.dest.transcript.since(mark), "SETQUOTA")
    m.source.quota = (20 * MIB, 600 * MIB)
    m.dest.append(before="NO [ALERT] not now", folder="Archive", times=1)
    m.retry()
    t.within(m.dest.quota[1], (500 * MIB, 600 * MIB), "the limit after a retry")


def scene_only_when_asked_for(t):
    m = two(t, " QUOTA QUOTASET")
    m.clean(m.migrate())
    t.never_sent(m.source, "GETQUOTAROOT")
    t.never_sent(m.dest, "SETQUOTA")


def scene_a_quota_that_would_not_have_done(t):
    """It is raised before the forecast looks at it."""
    m = two(t, " QUOTA", was=4 * 1024)
    m.dest.quota = (0, 4 * 1024)
    m.clean(m.migrate("--quota"))
    m.arrived()
    t.equal(m.dest.quota[1], 500 * MIB, "the limit there")


def scene_setquota_is_refused(t):
    m = two(t, " QUOTA")
    m.dest.on("SETQUOTA", "$TAG NO [NOPERM] administrators only\r\n")
    quota_stays(m, "the quota stays at 104857600 octets, on the source it is 524288000: the server refuses another one")


def scene_setquota_is_not_offered(t):
    m = two(t, " QUOTA QUOTA=RES-STORAGE")
    quota_stays(m, "no QUOTASET")
    t.never_sent(m.dest, "SETQUOTA")


def scene_less_than_is_used_there(t):
    m = two(t, " QUOTA QUOTASET", limit=MIB // 2)
    quota_stays(m, "more than that is used there already")
    t.never_sent(m.dest, "SETQUOTA")


def scene_setquota_ends_the_connection(t):
    """Twice; the mail goes all the same."""
    m = two(t, " QUOTA QUOTASET")
    m.dest.on("SETQUOTA", Cut)
    quota_stays(m, "the quota is not copied")


def scene_a_source_without_quota(t):
    m = two(t, " QUOTA QUOTASET", there="")
    m.warned(m.migrate("--quota"))
    m.arrived()
    t.matches(t.one_event(m.job, 30120).get("text", ""), "the source tells no quota", "event 30120")
    t.equal(m.dest.quota[1], 100 * MIB, "the limit there")


def scene_check_says_what_becomes_of_the_quota(t):
    for here, says in ((" QUOTA QUOTASET", "will be copied"), (" QUOTA QUOTA=RES-STORAGE", "cannot be copied")):
        m = two(t, here)
        run = t.imex("check", m.source.url(), m.dest.url(), "--quota", "--insecure-plaintext",
                     "--dest-insecure-plaintext", password=PASSWORD, env={"IMEX_DEST_PASSWORD": DEST_PASSWORD})
        t.exits(run, 0)
        t.says(run, "(?m)^Quota of account +" + says)


def scene_check_says_whether_it_fits(t):
    """Not where mail is there that may be the same, or a selection leaves something out."""
    def check(m, *args):
        return t.imex("check", m.source.url(), m.dest.url(), "--insecure-plaintext", "--dest-insecure-plaintext", *args,
                      password=PASSWORD, env={"IMEX_DEST_PASSWORD": DEST_PASSWORD})
    m = Move(t, source=small(8), caps=CAPS + " QUOTA")
    for quota, says, code in (((0, 4 * 1024), ": IT DOES NOT FIT", 1), ((0, MIB), ": it fits", 0)):
        m.dest.quota = quota
        run = check(m)
        t.exits(run, code)
        t.says(run, rf"(?m)^Quota +0 B of \S+ \S+ used{says}$")
    m.dest.quota = (0, 4 * 1024)
    t.says(check(m, "--since", "2020-01-01"), r"(?m)^Quota +0 B of 4.1 kB used$")
    for folder in m.source.store:
        m.dest.store.get(folder.name) or m.dest.store.add(folder.name)
        fill(m.dest.store[folder.name], 1)
    m.dest.quota = (MIB, MIB + 1024)
    run = check(m)
    t.exits(run, 0)
    t.says(run, r"(?m)^Quota +1.0 MB of 1.0 MB used$")


def scene_a_quota_that_is_full_of_what_is_stored(t):
    """A later run has nothing to warn of."""
    m = Move(t, source=small(8), caps=CAPS + " QUOTA")
    t.exits(m.migrate(), 1)
    m.dest.quota = (MIB, MIB)
    t.exits(m.migrate(), 1)
    t.equal([e["text"] for e in m.job.events() if "may not fit" in e["text"]], [], "warnings of the quota")
    m.arrived()
