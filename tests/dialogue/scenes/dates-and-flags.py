"""Dates and flags as real servers give them."""

import os

import sidecar
from scene import *


@quirk(25, 36, 49)
def scene_dates(t):
    store = Store()
    odd = ["31-Feb-2003 10:00:00 +0000", "01-Jan-2003 10:00:00 +10039",
           "01-Jan-1960 00:00:00 +0000", "00-Jan-0000 00:00:00 +0000",
           " 7-Nov-2003 16:18:49 +0200", "7-Nov-2003 16:18:49 +0200",
           "07-nov-2003 16:18:49 +0200", "31-Dec-9999 23:59:59 +0000", "30-Jun-2012 23:59:60 +0000",
           "01-Jan-1970 00:00:00 +0000", "29-Feb-2004 12:00:00 -1200"]
    for number, date in enumerate(odd):
        store["INBOX"].add(letter("INBOX", number), date=date)
    server = t.server(store)
    job, run = t.extract(server)
    t.exits(run, 0, 1)
    stored = {m.uid: m for m in t.mails(job, "") if m.identity}
    t.equal(sorted(stored), list(range(1, len(odd) + 1)), "all messages are stored")
    t.equal({stored[u].date for u in (5, 6)} if len(stored) == len(odd) else None, {1068214729},
            "one or two digits, padded or not")
    t.equal(stored[3].date if 3 in stored else None, 0, "before 1970 the name says 0")
    for uid, mail in stored.items():
        t.equal(mail.wire, store["INBOX"][uid].raw, f"the bytes of UID {uid}")


@quirk(49)
def scene_nil_and_absent_dates(t):
    server = t.server()
    server.fetch(uid=2, item="INTERNALDATE", reply=b"NIL")
    server.fetch(uid=3, item="INTERNALDATE", reply=OMIT)
    server.fetch(uid=4, item="INTERNALDATE", reply=b'""')
    job, run = t.extract(server)
    t.exits(run, 0, 1)
    t.equal(len(t.mails(job)), 24, "all messages are stored")


@quirk(29, 30, 48)
def scene_odd_flags(t):
    store = Store()
    flags = [["\\seen"], ["\\Recent", "\\Seen"], ["\\Foo"], ["$Forwarded", "$MDNSent"], ["a]b"],
             ["x" * 400]]
    for number, these in enumerate(flags):
        store["INBOX"].add(letter("INBOX", number), these)
    server = t.server(store)
    job, run = t.extract(server)
    t.exits(run, 0, 1)
    stored = {m.uid: m for m in t.mails(job, "") if m.identity}
    t.equal(sorted(stored), [1, 2, 3, 4, 5, 6], "all messages are stored")
    t.ok(all("S" in stored[uid].flags for uid in stored.keys() & {1, 2}), "the case of a flag does not count")


@quirk(48)
def scene_keywords_of_octets(t):
    """Not UTF-8, and so no text of JSON: they are kept apart, and come back as they were, from every format."""
    flags = (["\xe4"], ["\xf6", "plain"], ["plain"])
    for form in ("maildir", "mbox", "eml", "exchange"):
        store = Store()
        for number, these in enumerate(flags):
            store["INBOX"].add(letter("INBOX", number), these)
        server = t.server(store)
        job, run = t.extract(server, "--format", form, *(["--smtp-address", "a@example.org"] if form == "exchange" else []))
        t.exits(run, 0, 1)
        t.exits(t.imex("verify", job), 0)
        t.exits(t.imex("verify", job, server.url(), *t.options(server)), 0)
        again = os.path.join(t.tmpdir("again"), "job")
        t.exits(t.imex("convert", job, "--to", again, "--format", "eml"), 0, 1)
        t.exits(t.imex("verify", again), 0)
        folder = sidecar.read(os.path.join(again, "mail", os.listdir(os.path.join(again, "mail"))[0], "INBOX"))
        t.equal([line.get("keywords_b64") for line in folder.current().values()], ["5A==", "cGxhaW4g9g==", None],
                f"keywords by way of {form}")


@quirk(48)
def scene_more_keywords_than_letters(t):
    """Maildir has 26 letters; the sidecar keeps the others."""
    store = Store()
    for number in range(40):
        store["INBOX"].add(letter("INBOX", number), [f"Keyword{number}", "\\Seen"])
    server = t.server(store)
    job, run = t.extract(server)
    t.exits(run, 1)
    t.equal(len(t.mails(job, "")), 40, "all messages are stored")
    sidecar = os.path.join(t.account_dir(job), "folder.jsonl")
    t.must(os.path.exists(sidecar), "there is a sidecar")
    with open(sidecar, encoding="utf-8") as file:
        text = file.read()
    for number in range(40):
        t.ok(f"Keyword{number}\"" in text, f"Keyword{number} is in the sidecar")
