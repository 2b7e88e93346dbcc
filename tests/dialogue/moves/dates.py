"""Dates that the server changes or refuses; instants are compared (rules.md 2.7)."""

from scene import *
from into import *

ODD = ("01-Jan-1970 00:00:00 +0000", "31-Dec-1969 23:00:00 +0000", "01-Jan-2040 00:00:00 +0000")


def dated(*dates):
    source = small()
    for number, date in enumerate(dates):
        source["INBOX"].add(letter("INBOX", 60 + number), date=date)
    return source


def scene_zone_lost(t):
    m = Move(t, source=small(8))
    m.dest.append(date=lambda d: imap_date(epoch(d), 0))
    m.clean(m.migrate())
    m.arrived()
    m.again()


def scene_1970_and_the_future_become_now(t):
    m = Move(t, source=dated(*ODD))
    m.dest.append(date=lambda d: now() if not 86400 <= epoch(d) <= time.time() else d)
    m.warned(m.migrate())
    m.arrived()
    m.again()


def scene_every_date_becomes_now(t):
    """That is a loss which is told: never exit 0 without a word."""
    m = Move(t)
    m.dest.append(date=now)
    m.migrate()
    t.within(m.last.code, (1, 2), "exit code")
    m.arrived(dates=False)
    warnings = m.job.report()["accounts"][0].get("warnings")
    t.ok([w for w in warnings if "date" in str(w).lower()], "the report tells of dates", warnings)
    m.again()


def scene_refused(t):
    """WildDuck: a date it does not like is BAD."""
    m = Move(t, source=dated(*ODD))
    m.dest.append(before="BAD Invalid date-time argument for APPEND",
                  when=lambda x: x.date and not 0 < epoch(x.date) <= time.time())
    m.warned(m.migrate())
    m.arrived()
    m.quarantined()
    m.again()


def scene_no_date_is_taken(t):
    m = Move(t, caps=without("MULTIAPPEND"))
    m.dest.append(before="BAD Too many arguments", dated=".")
    m.migrate()
    t.within(m.last.code, (1, 2), "exit code")
    m.arrived(dates=False)
    m.quarantined()


@quirk(36)
def scene_one_digit_days(t):
    """A date in another form is asked for first; the server watches."""
    source = Store()
    fill(source["INBOX"], 40)
    for number, message in enumerate(source["INBOX"]):
        message.date = f"{number % 9 + 1:2}-Feb-2004 10:00:00 +0100"
    m = Move(t, source=source)
    m.clean(m.migrate())
    m.arrived()


def scene_a_date_that_is_none(t):
    """The warning speaks of the copy there, not of a file."""
    m = Move(t, source=dated("31-Feb-2003 25:61:61 +9900", ODD[1]))
    m.warned(m.migrate())
    m.arrived(dates=False)
    told = [e["text"] for e in m.job.events() if "internal date" in e["text"]]
    t.equal(len(told), 1, f"events about dates: {told}")
    t.matches(told[0], "31-Feb-2003.*of its header", "what is told")
