"""Internal dates that are hard to hold: before 1970, at the ends of 32 and of 34 bits, behind what a file
system can give a file. No message fails for its date, and the sidecar tells each as the server did."""

import os

import formats
import sets
from lab import FORMATS, Lab, needs
from store import Store, epoch

# With the Received-Date of an Exchange set in UTC; "": a reader of sets would not bear it (EM-14).
DATES = {"01-Jan-0001 00:00:00 +0000": "", "31-Dec-1600 23:59:59 +0000": "",
         "01-Jan-1601 00:00:00 +0000": "16010101000000", "13-Dec-1901 20:45:51 +0000": "19011213204551",
         "20-Jul-1969 20:17:40 +0000": "19690720201740", "31-Dec-1969 23:59:58 +0000": "19691231235958",
         "31-Dec-1969 23:59:59 +0000": "", "01-Jan-1970 00:00:00 +0000": "19700101000000",
         "01-Jan-1970 01:00:00 +0130": "19691231233000", "19-Jan-2038 03:14:08 +0000": "20380119031408",
         "07-Feb-2106 06:28:16 +0000": "21060207062816", "10-May-2446 22:38:56 +0000": "24460510223856",
         "01-Jan-2500 00:00:00 +0000": "25000101000000", "31-Dec-9998 23:59:59 +0000": "99981231235959",
         "31-Dec-9999 23:59:59 +0000": ""}


def dated():
    store = Store()
    for date in DATES:
        store["INBOX"].add(formats.mail(subject=date), (), date)
    return store


def instants(content):
    return {k.wire: epoch(k.date) for f in content.values() for k in f.messages.values()}


def test_every_date_is_kept(t):
    needs(t, *FORMATS, "convert")
    lab = Lab(t, dated())
    want = {m.raw: epoch(m.date) for m in lab.store["INBOX"]}
    for one in FORMATS:
        source = ("--full-source",) if one == "exchange" else ()
        job = lab.extract(one, *source)
        t.equal(instants(lab.content(job, one)), want, f"{one}: dates")
        lab.verifies(job, what=f"{one}: verify")
        for other in FORMATS:
            source = ("--full-source",) if other == "exchange" else ()
            there = lab.convert(job, other, *source)
            t.equal(instants(lab.content(there, other)), want, f"{one} to {other}: dates")
            lab.verifies(there, what=f"{one} to {other}: verify")
        back = lab.convert(there, one, *(("--full-source",) if one == "exchange" else ()))
        t.equal(instants(lab.content(back, one)), want, f"{one} and back: dates")


def test_a_set_tells_those_that_its_readers_bear(t):
    needs(t, "exchange")
    lab = Lab(t, dated())
    job = lab.extract("exchange")
    told = {m.subject: m.received_date for one in sets.read(t, job) for m in one.messages}
    t.equal(told, DATES, "Received-Date")
    report = lab.report(job)["accounts"][0]
    left = [w["text"] for w in report["warnings"] if "Received-Date" in w["text"]]
    t.equal(len(left), 1, "one warning tells of those that are left empty")
    t.ok(not any("name begins with" in w["text"] for w in report["warnings"]), "and nothing of names of files",
         [w["text"] for w in report["warnings"]])


def test_a_file_has_the_nearest_time_that_it_can(t):
    needs(t, "maildir", "eml")
    for format in ("maildir", "eml"):
        lab = Lab(t, dated())
        job = lab.extract(format)
        for kept in lab.content(job, format)["INBOX"].messages.values():
            when, has = epoch(kept.date), int(os.stat(kept.path).st_mtime)
            if when < 2 ** 31:
                t.equal(has, max(when, 0), f"{format}: {kept.date}")
            else:
                t.ok(2 ** 31 - 1 <= has <= when, f"{format}: {kept.date}", has)
        some = kept.path
        os.utime(some, (1700000000, 1700000000))
        t.equal(lab.imex("verify", job).code, 2 if format == "maildir" else 0,
                f"{format}: a time that another program set is told")
