"""The reader of mboxrd files and of sidecars, against files made by hand."""

import hashlib
import os

import mboxrd
import sidecar

QUOTES = b"Subject: x\r\n\r\nFrom a\r\n>From b\r\n>>From c\r\n> From d\r\nfrom e\r\n"
FILE = (b"From ana@example.org Thu Jan  1 00:00:10 1970\nSubject: x\n\n>From a\n>>From b\n>>>From c\n"
        b"> From d\nfrom e\n\nFrom MAILER-DAEMON Sun Sep  9 01:46:40 2001\nSubject: y\n\n\n")


def broken(function, *args):
    try:
        return f"none, but {function(*args)!r}"
    except (mboxrd.Broken, sidecar.Broken) as problem:
        return str(problem)


def test_quoting_is_reversible(t):
    for text in (QUOTES, b"From ", b">From ", b"", b"a\nFrom b", b"\rFrom c", b">>>>From \n>From"):
        t.equal(mboxrd.unquote(mboxrd.quote(text)), text, f"back again: {text!r}")
        t.ok(not mboxrd.quote(text).startswith(b"From "), "no separator is made")


def test_a_file_is_split(t):
    one, two = mboxrd.split(FILE)
    t.equal((one.sender, one.date, one.wire), (b"ana@example.org", 10, QUOTES), "the first")
    t.equal((two.sender, two.date, two.wire), (b"MAILER-DAEMON", 1000000000, b"Subject: y\r\n\r\n"),
            "the second")
    t.equal(mboxrd.split(b""), [], "an empty file")


def test_what_it_makes_it_reads(t):
    want = [(QUOTES, b"a@b", 5), (b"", b"c@d", 6), (b"\r\n", b"e@f", 7), (b"a\r\n\r\n\r\n", b"g@h", 8)]
    for eol in (b"\n", b"\r\n"):
        got = mboxrd.split(mboxrd.make(want, eol=eol))
        t.equal([(m.wire, m.sender, m.date) for m in got], want, f"with {eol!r}")


def test_what_is_no_mbox_is_refused(t):
    t.matches(broken(mboxrd.split, b"Subject: x\n\n"), "no separator", "a message")
    t.matches(broken(mboxrd.split, FILE[:-2]), "no empty line", "no empty line at the end")
    t.matches(broken(mboxrd.split, FILE.replace(b">From a", b"From a")), "not a separator", "unquoted")
    t.matches(broken(mboxrd.split, FILE.replace(b"d\nfrom e\n\n", b"d\nfrom e\n")), "no empty line",
              "none in the middle")


def test_a_place_is_read_with_its_line(t):
    start = FILE.index(b"Subject: x")
    stored = FILE.index(b"\nFrom MAILER") - start
    line = {"uid": 1, "eol": "lf", "sha256": hashlib.sha256(QUOTES).hexdigest()}
    for place, length in ((start, stored), (0, stored), (0, stored + start)):
        t.equal(mboxrd.at(FILE, {**line, "at": place, "stored": length}), QUOTES, f"at {place}")
    t.matches(broken(mboxrd.at, FILE, {**line, "at": start + 1, "stored": stored}), "digest", "one off")
    t.matches(broken(mboxrd.at, FILE, {**line, "at": start, "stored": stored - 1}), "digest", "short")
    raw = b"a\r\nbare\nFrom x\r\n\rcr"
    data = mboxrd.separator() + mboxrd.quote(raw) + b"\n\n"
    wire = {"at": len(mboxrd.separator()), "stored": len(raw) + 1, "eol": "wire",
            "sha256": hashlib.sha256(raw).hexdigest()}
    t.equal(mboxrd.at(data, wire), raw, "octets of the wire")


def test_python_s_mailbox_agrees(t):
    path = os.path.join(t.tmpdir("mbox"), "mbox")
    with open(path, "wb") as file:
        file.write(FILE)
    t.equal(mboxrd.python_agrees(path), [], "the same messages")
    t.equal(len(mboxrd.python_messages(path)), 2, "two of them")


def test_a_sidecar_s_last_line_counts(t):
    place = t.tmpdir("side")
    lines = (b'{"folder":"INBOX","name":"INBOX","delim":"/","uidvalidity":7}\n'
             b'{"uid":1,"uidvalidity":7,"flags":[]}\n{"uid":2,"uidvalidity":7,"flags":[]}\n'
             b'{"uid":1,"uidvalidity":7,"flags":["\\\\Seen"]}\n{"uid":2,"uidvalidity":7,"removed":true}\n'
             b'{"uid":9,"uidvalidity":6,"flags":[]}\n')
    with open(os.path.join(place, "folder.jsonl"), "wb") as file:
        file.write(lines)
    with open(os.path.join(place, "folder.jsonl.2"), "wb") as file:
        file.write(b'{"uid":3,"uidvalidity":7,"flags":[]}\n')
    made = sidecar.folders(place)["INBOX"]
    t.equal({u: x["flags"] for u, x in made.current().items()}, {1: ["\\Seen"], 3: []}, "what counts")
    with open(os.path.join(place, "folder.jsonl"), "ab") as file:
        file.write(b'{"uid":')
    t.matches(broken(sidecar.read, place), "does not end", "a torn line")
