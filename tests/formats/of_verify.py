"""imex verify: 0 on what was just written, 2 on what was touched since; it names the place."""

import os

import foldernames
import sets
from damage import flip
from lab import Lab, needs

EXCHANGE = ("--full-source",)


def extracted(t, format, *args):
    needs(t, format)
    lab = Lab(t, foldernames.small())
    return lab, lab.extract(format, *args)


def cut(path, by):
    when = os.stat(path)
    os.truncate(path, when.st_size - by)
    os.utime(path, ns=(when.st_atime_ns, when.st_mtime_ns))


def message_file(lab, job, format, folder="Archive"):
    """(path, octet inside a message) of a file that holds mail of a folder."""
    if format == "exchange":
        made = sets.read(lab.t, job, 0)
        record = next(r for r in made.records["00000001.SEC"] if r.length > 5)
        header = len(open(os.path.join(job, "mail", record.file), "rb").read()[record.offset:]
                     .split(b"\r\n")[0])
        return os.path.join(job, "mail", record.file), record.offset + header + 2 + record.length // 2
    kept = list(lab.content(job, format)[folder].messages.values())[1]
    at = kept.line.get("at", 0) + kept.line.get("stored", kept.line["wire"]) // 2
    return kept.path, at


def says_where(t, run, path):
    t.ok(os.path.basename(path) in run.text, f"verify names {os.path.basename(path)}", run.describe())


def twice(t, format, *args):
    lab, job = extracted(t, format, *args)
    lab.verifies(job)
    lab.verifies(job, what="and again: verify changes nothing")
    lab.holds(job, format)


def flipped(t, format, *args):
    lab, job = extracted(t, format, *args)
    path, at = message_file(lab, job, format)
    flip(path, at)
    says_where(t, lab.verifies(job, 2, "an octet was changed"), path)
    flip(path, at)
    lab.verifies(job, 0, "and is what it was again")


def removed(t, format, *args):
    lab, job = extracted(t, format, *args)
    path, _ = message_file(lab, job, format)
    os.rename(path, os.path.join(os.path.dirname(job), "away"))
    lab.verifies(job, 2, "a file is missing")


def shortened(t, format, *args):
    for by in (1, 2, 7, 60):
        lab, job = extracted(t, format, *args)
        path, _ = message_file(lab, job, format)
        cut(path, by)
        lab.verifies(job, 2, f"a file is shorter by {by}")


def test_maildir_is_what_it_was(t):
    twice(t, "maildir")


def test_maildir_with_another_octet(t):
    flipped(t, "maildir")


def test_maildir_with_a_file_less(t):
    removed(t, "maildir")


def test_maildir_with_a_shorter_file(t):
    shortened(t, "maildir")


def test_mbox_is_what_it_was(t):
    twice(t, "mbox")


def test_mbox_with_another_octet(t):
    flipped(t, "mbox")


def test_mbox_with_a_file_less(t):
    removed(t, "mbox")


def test_mbox_with_a_shorter_file(t):
    shortened(t, "mbox")


def test_mbox_with_mail_that_another_program_added(t):
    """What is there as committed is well; what is there besides is told."""
    lab, job = extracted(t, "mbox")
    path, _ = message_file(lab, job, "mbox")
    with open(path, "ab") as file:
        file.write(b"From x@example.org Sat Jan  1 00:00:00 2000\nSubject: foreign\n\nhello\n\n")
    run = lab.imex("verify", job)
    t.within(run.code, (1, 2), "verify tells of it")
    says_where(t, run, path)


def test_eml_is_what_it_was(t):
    twice(t, "eml")


def test_eml_with_another_octet(t):
    flipped(t, "eml")


def test_eml_with_a_file_less(t):
    removed(t, "eml")


def test_eml_with_a_shorter_file(t):
    shortened(t, "eml")


def test_exchange_is_what_it_was(t):
    twice(t, "exchange")


def test_exchange_with_the_source_is_what_it_was(t):
    twice(t, "exchange", *EXCHANGE)


def test_exchange_with_another_octet(t):
    flipped(t, "exchange")


def test_exchange_with_the_source_and_another_octet(t):
    flipped(t, "exchange", *EXCHANGE)


def test_exchange_with_a_file_less(t):
    removed(t, "exchange")


def test_exchange_with_a_cut_secondary_file(t):
    shortened(t, "exchange", *EXCHANGE)


def test_exchange_with_another_octet_in_the_primary_file(t):
    lab, job = extracted(t, "exchange")
    path = os.path.join(job, "mail", "00000001.PRI")
    with open(path, "rb") as file:
        data = file.read()
    flip(path, data.index(b"SEC(") + 4)
    run = lab.verifies(job, 2, "a pointer was changed")
    says_where(t, run, path)


def test_exchange_without_its_packing_list(t):
    lab, job = extracted(t, "exchange")
    os.unlink(os.path.join(job, "mail", "imex.PKL"))
    lab.verifies(job, 2, "the packing list is missing")
