"""--format mbox: mboxrd, the wire's octets back, and other programs that read the files."""

import calendar
import collections
import os
import re
import shutil

import foldernames
import mboxrd
import placing
import terminal
from lab import Lab, needs
from store import epoch


def boxes(content):
    """(folder, path, octets) of each mbox file."""
    for folder in content.values():
        path = os.path.join(folder.directory, "folder.mbox")
        if os.path.exists(path):
            with open(path, "rb") as file:
                yield folder, path, file.read()


def is_plain(raw):
    """Whether the wire's octets follow from the file alone: CRLF everywhere, also at the end."""
    return raw.endswith(b"\r\n") and not re.search(rb"(?<!\r)\n|\r(?!\n)", raw)


def extracted(t, store, *args, **how):
    needs(t, "mbox")
    lab = Lab(t, store)
    job = lab.extract("mbox", *args, **how)
    return lab, job, lab.holds(job, "mbox")


def test_every_kind_of_message_comes_back_with_the_sidecar(t):
    lab, job, _ = extracted(t, foldernames.of_kinds(with_big=True))
    lab.verifies(job)


def test_every_mbox_is_mboxrd_and_needs_no_sidecar_for_plain_mail(t):
    lab, _, content = extracted(t, foldernames.everything())
    for folder, path, data in boxes(content):
        mails = mboxrd.split(data)
        wanted = [m.raw for m in lab.store[folder.name]]
        t.equal(len(mails), len(wanted), f"messages in {path}")
        got = collections.Counter(m.wire for m in mails)
        missing = [w for w in wanted if is_plain(w) and not got[w]]
        t.ok(not missing, f"{folder.name!r}: all plain messages are there without the sidecar", *missing[:3])


def test_separators_tell_the_internal_date(t):
    lab, _, content = extracted(t, foldernames.of_kinds())
    lines = content["INBOX"].messages
    (_, _, data), = boxes(content)
    for mail in mboxrd.split(data):
        mine = [k for k in lines.values() if k.line["at"] in (mail.at, mail.start)]
        t.must(len(mine) == 1, f"a sidecar line for the message at {mail.at}", [k.line for k in mine])
        when = epoch(mine[0].date)
        t.equal(mail.date, when, f"UTC in the separator of UID {mine[0].uid}")
        t.ok(b"@" in mail.sender or mail.sender == b"MAILER-DAEMON", f"a sender: {mail.sender!r}")


def test_every_kind_of_folder_name(t):
    lab, job, content = extracted(t, foldernames.of_names())
    placing.check_safe(t, lab.account(job))
    placing.check_layout(t, lab.account(job), content, "folder.mbox")
    lab.verifies(job)


def test_names_for_windows(t):
    lab, job, content = extracted(t, foldernames.of_names(), "--windows-names")
    placing.check_safe(t, lab.account(job))
    placing.check_windows(t, lab.account(job))
    placing.check_layout(t, lab.account(job), content, "folder.mbox")
    lab.verifies(job)


def test_keywords_are_in_the_sidecar(t):
    lab, job, _ = extracted(t, foldernames.of_keywords())
    lab.verifies(job)


def test_wire_line_ends(t):
    lab, job, content = extracted(t, foldernames.of_kinds(), "--eol", "crlf")
    for _, path, data in boxes(content):
        t.equal(len(mboxrd.split(data)), len(lab.store["INBOX"]), f"messages in {path}")
    lab.verifies(job)


def test_python_s_mailbox_reads_the_same(t):
    lab, _, content = extracted(t, foldernames.everything())
    seen = 0
    for folder, path, _ in boxes(content):
        t.equal(mboxrd.python_agrees(path), [], f"mailbox.mbox on {folder.name!r}")
        seen += len(mboxrd.python_messages(path))
    t.equal(seen, sum(len(f) for f in lab.store), "messages in all")


def test_status_headers_are_read_by_python_s_mailbox(t):
    """And taken away again: the wire's octets come back."""
    lab, job, content = extracted(t, foldernames.of_kinds(), "--mbox-status")
    letters = {"\\Seen": "R", "\\Answered": "A", "\\Flagged": "F", "\\Draft": "T", "\\Deleted": "D"}
    (folder, path, _), = boxes(content)
    want = collections.Counter(frozenset(letters[f] for f in m.flags if f in letters)
                               for m in lab.store[folder.name] if b"\r\n\r\n" in m.raw and is_plain(m.raw)
                               and b"\r\nStatus:" not in m.raw)
    got = collections.Counter(frozenset(f - {"O"}) for f in mboxrd.python_flags(path))
    short = {tuple(k): (n, got[k]) for k, n in want.items() if got[k] < n}
    t.equal(short, {}, "flags that Python's mailbox sees: (wanted, seen)")
    lab.verifies(job)


def test_status_headers_are_not_there_unasked(t):
    _, _, content = extracted(t, foldernames.small())
    for _, path, data in boxes(content):
        t.ok(b"\nX-Status:" not in data and b"\nX-Keywords:" not in data.replace(b"X-Keywords: a b", b""),
             f"no status in {path}")


def test_mutt_reads_it(t):
    needs(t, "mbox")
    if not shutil.which("mutt"):
        t.skip("mutt is not installed")
    lab, _, content = extracted(t, foldernames.everything())
    for folder, path, data in list(boxes(content)):
        if folder.name in ("INBOX", "Archive", "Sent", "Two words", "Keywords"):
            got = in_mutt(t, lab, path)
            want = [m.raw for m in lab.store[folder.name]]
            t.equal(len(got), len(want), f"messages that mutt sees in {folder.name!r}")
            text = b"".join(got)
            for raw in want:
                subject = re.search(rb"^Subject: (folder \d+)\r$", raw, re.M)
                t.ok(not subject or subject[1] in text, f"mutt shows {subject and subject[1]}")


def in_mutt(t, lab, path):
    """The messages of a file as mutt pipes them, one by one."""
    home = os.path.dirname(lab.path())
    rc, out = os.path.join(home, "muttrc"), os.path.join(home, "out")
    with open(rc, "w", encoding="utf-8") as file:
        file.write("set pipe_split=yes pipe_decode=no wait_key=no quit=yes folder=.\nset pipe_sep=''\n")
    # Tag every message, send each through a pipe of its own, leave.
    keys = [b"T", b"~A\n", b";|", b"(cat; printf '\\001') >> %s\n" % out.encode(), b"q"]
    code, drawn = terminal.on_terminal(
        ["mutt", "-n", "-R", "-F", rc, "-f", path],
        {"HOME": home, "TERM": "xterm", "MAILDIR": home, "LC_ALL": "C.UTF-8"}, keys, 90)
    t.equal(code, 0, "mutt ends well")
    t.must(os.path.exists(out), "mutt piped something", drawn[-500:])
    with open(out, "rb") as file:
        return file.read().split(b"\1")[:-1]


def test_dates_of_the_corpus_are_dates(t):
    """A test of the test: the internal dates that are compared are all instants."""
    for text, (when, _) in zip(foldernames.INTERNALDATES, foldernames.DATES):
        t.equal(epoch(text), when, text)
    t.equal(calendar.timegm((2106, 1, 1, 0, 0, 0)), 4291747200, "the last of them is in 2105")
