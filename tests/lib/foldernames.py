"""Folder names, flags, keywords and dates that formats find hard, and a mailbox of them all.

Names are what people see; utf7() gives what goes over the wire, and back.
"""

import base64
import re

import formats
from store import Store, imap_date

TWENTY = "/".join(f"level {n}" for n in range(1, 21))

# EM-25 names most of these.
NAMES = ["Two words", "dots.in.name", ".hidden", "ends with a dot.", 'quo"te', "#hash", "100%", "!bang",
         "semi;colon", "comma, name", " lead", "trail ", "Entw\u00fcrfe", "\u65e5\u672c\u8a9e",
         "\u8868\u30bd", "back\\slash", "CON", "aux.txt", "a", "A", "colon:name", "star*", "what?",
         "a<b>|c", "it's & more", "e\u0301", "\u00e9", TWENTY, "x" * 240, "\u00e4" * 130, "folder.mbox",
         "folder.jsonl", "12.eml", "cur", "INBOX/Child of inbox", "~tilde", "~2", "%41", "per%2fcent",
         "name (2)", "NIL", "\U0001f600", "MAILMESSAGE,x", "-dash", "Inbox box"]

# Two names that one character less would make one: "a\b" becomes a_b in an Exchange set.
TWINS = ["under\\score", "under_score", "Sent Items", "Deleted Items"]

FLAGS = [(), ("\\Seen",), ("\\Seen", "\\Answered"), ("\\Flagged",), ("\\Draft",), ("\\Deleted", "\\Seen"),
         ("\\Seen", "$Forwarded"), ("NonJunk", "Project-X"), ("\\Answered", "\\Flagged", "\\Draft", "\\Seen"),
         ("\\Seen", "$label1", "a.b", "UPPER", "upper"), ("k+ey", "[sic", "#x", "a;b", "c,d")]

# Seconds since 1970 and the zone of the server, in minutes.
DATES = [(1, 0), (86400, 0), (946684799, 0), (946684800, 60), (978307200, -300), (1049032799, 60),
         (1049032800, 120), (1067130000, 120), (1067133600, 60), (1234567890, 345), (2147483647, 0),
         (2147558400, -720), (4291747199, 0), (1700000000, 840)]

INTERNALDATES = [imap_date(when, zone) for when, zone in DATES]

# EM-15: these keep their date wherever it stands. EM-14: of those it is left empty.
GOOD_DATES = {"1969": "Sun, 20 Jul 1969 20:17:40 +0000", "1970": "Fri, 02 Jan 1970 00:00:00 +0000",
              "1999": "Fri, 31 Dec 1999 23:59:59 +0100", "2000": "Sat, 01 Jan 2000 00:00:00 +0100",
              "2000 of two digits": "Tue, 04 Jan 00 12:00:00 +0000", "2000-02-29": "Tue, 29 Feb 2000 23:30:00 -0500",
              "2001": "Mon, 01 Jan 2001 00:00:01 +0000", "2038": "Wed, 20 Jan 2038 03:14:08 +0000",
              "2106": "Sun, 07 Feb 2106 06:28:16 +0000", "no day": "9 Nov 2003 10:00:00 +0530",
              "no seconds": "Sun, 9 Nov 2003 10:00 GMT", "old zone": "Sun, 09 Nov 2003 10:00:00 EST",
              "comment": "Sun, 09 Nov 2003 10:00:00 +0100 (CET)", "minus zero": "Sun, 09 Nov 2003 10:00:00 -0000",
              "before spring, Berlin": "Sun, 30 Mar 2003 00:59:59 +0000",
              "after spring, Berlin": "Sun, 30 Mar 2003 01:00:00 +0000",
              "before autumn, Berlin": "Sun, 26 Oct 2003 00:59:59 +0000",
              "after autumn, Berlin": "Sun, 26 Oct 2003 01:00:00 +0000",
              "the old rule, New York": "Mon, 20 Mar 2006 12:00:00 +0000",
              "the new rule, New York": "Tue, 20 Mar 2007 12:00:00 +0000",
              "Moscow before 2011": "Sat, 01 Jan 2011 12:00:00 +0000",
              "Moscow after 2011": "Sun, 01 Jan 2012 12:00:00 +0000",
              "Moscow after 2014": "Thu, 01 Jan 2015 12:00:00 +0000"}
BAD_DATES = {"absent": None, "words": "yesterday evening", "minus one": "-1", "empty": "",
             "year 1": "Mon, 01 Jan 0001 00:00:00 +0000", "year 9999": "Fri, 31 Dec 9999 23:59:59 +0000",
             "month": "Fri, 31 Foo 2003 10:00:00 +0000"}


def utf7(name):
    """A name in modified UTF-7 (RFC 3501 5.1.3)."""
    def coded(found):
        if found[0] == "&":
            return "&-"
        text = base64.b64encode(found[0].encode("utf-16-be")).decode().rstrip("=")
        return "&" + text.replace("/", ",") + "-"
    return re.sub(r"[^\x20-\x7e]+|&", coded, name)


def from_utf7(wire):
    def plain(found):
        if not found[1]:
            return "&"
        text = found[1].replace(",", "/")
        return base64.b64decode(text + "=" * (-len(text) % 4)).decode("utf-16-be")
    return re.sub(r"&([^-]*)-", plain, wire)


def dated(which):
    """One specimen for each of these dates; the name is the subject."""
    return [formats.Specimen(name, formats.mail(subject=name, date=text)) for name, text in which.items()]


def deliver(folder, specimens):
    """Put specimens into a folder of a store, with flags and dates that go round."""
    for number, specimen in enumerate(specimens):
        folder.add(specimen.raw, FLAGS[number % len(FLAGS)], INTERNALDATES[number % len(DATES)])


def small(count=6):
    """A mailbox of few, ordinary folders."""
    store = Store()
    some = formats.specimens(formats.plain, formats.structures)
    deliver(store["INBOX"], some[:count])
    for number, name in enumerate(("Archive", "Archive/2003", "Entw\u00fcrfe"), 1):
        deliver(store.add(utf7(name)), some[number * count:(number + 1) * count])
    deliver(store.add("Sent", use="\\Sent"), some[:2])
    store.add("Empty")
    return store


def of_kinds(*groups, with_big=False):
    """A mailbox with the specimens of these groups (all without), in INBOX."""
    store = Store()
    deliver(store["INBOX"], formats.specimens(*groups, with_big=with_big))
    return store


def of_names(names=NAMES):
    """A mailbox with a folder of each name, a message in each that says where it belongs."""
    store = Store()
    deliver(store["INBOX"], formats.specimens(formats.plain)[:1])
    for number, name in enumerate(names):
        folder = store.add(utf7(name))
        folder.add(formats.mail(f"in {number}\r\n", subject=f"folder {number}"), FLAGS[number % len(FLAGS)],
                   INTERNALDATES[number % len(DATES)])
    return store


def of_keywords(count=40):
    """More keywords in a folder than a Maildir has letters for."""
    store = Store()
    for number in range(count):
        store["INBOX"].add(formats.mail(subject=f"{number}"), (f"Keyword-{number}", "\\Seen"))
    store["INBOX"].add(formats.mail(subject="all"), [f"Keyword-{n}" for n in range(count)])
    return store


def everything():
    """All of it."""
    store = of_kinds()
    for folder in of_names():
        if folder.name != "INBOX":
            store.folders[folder.name] = folder
            folder.uidvalidity += 1000
    deliver(store.add("Sent", use="\\Sent"), dated(GOOD_DATES))
    deliver(store.add("Trash", use="\\Trash", subscribed=False), dated(BAD_DATES))
    deliver(store.add("Drafts", use="\\Drafts"), formats.specimens(formats.plain)[:4])
    store.add("Empty")
    store.add("Parent", selectable=False)
    deliver(store.add("Parent/Child"), formats.specimens(formats.priorities)[:3])
    keywords = of_keywords()["INBOX"]
    keywords.name, keywords.uidvalidity = "Keywords", 1699999999
    store.folders["Keywords"] = keywords
    return store
