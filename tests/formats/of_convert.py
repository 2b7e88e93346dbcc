"""imex convert: any format to any other; what comes back after a round is what was there."""

import os
import shutil
import signal
import time

import foldernames
import imexrun
import maildir
import sets
import trees
from lab import Lab, needs

FULL = ("--full-source",)


def extra(format):
    return FULL if format == "exchange" else ()


def started(t, format, store=None, *args):
    """A job to convert from; the server is not needed any more."""
    needs(t, "convert", format)
    lab = Lab(t, store or foldernames.everything())
    return lab, lab.extract(format, *(args or extra(format)))


def chain(t, *formats, store=None):
    """extract to the first, convert on and on; every step holds all of it."""
    for name in formats:
        needs(t, name)
    lab, job = started(t, formats[0], store)
    first = lab.holds(job, formats[0])
    for format in formats[1:]:
        job = lab.convert(job, format, *extra(format))
        there = lab.content(job, format)
        lab.same(first, there, f"{' -> '.join(formats)}: {format} holds the same")
        without = [(f.name, uid) for f in there.values() for uid, k in f.messages.items() if k.wire is None]
        t.equal(without, [], f"messages of {format} without their octets")
        lab.verifies(job)
    problems = trees.against_store(there, lab.store)
    t.ok(not problems, "the end of the chain holds what the server has", *problems[:10])


def test_maildir_to_mbox_to_eml_to_maildir(t):
    chain(t, "maildir", "mbox", "eml", "maildir")


def test_maildir_to_exchange_with_the_source_to_maildir(t):
    chain(t, "maildir", "exchange", "maildir")


def test_mbox_to_exchange_to_mbox(t):
    chain(t, "mbox", "exchange", "mbox", store=foldernames.small())


def test_eml_to_exchange_to_eml(t):
    chain(t, "eml", "exchange", "eml", store=foldernames.small())


def test_each_to_its_own_kind(t):
    needs(t, "convert", "mbox", "eml", "exchange")
    for format in ("maildir", "mbox", "eml", "exchange"):
        chain(t, format, format, store=foldernames.small())


def test_a_5_MB_attachment_and_every_kind(t):
    chain(t, "maildir", "mbox", "exchange", "eml", store=foldernames.of_kinds(with_big=True))


def test_converting_gives_what_extracting_gives(t):
    """One loop: an mbox made from a Maildir is the mbox that the server would have given."""
    needs(t, "convert", "mbox")
    lab = Lab(t, foldernames.small())
    direct = lab.content(lab.extract("mbox"), "mbox")
    job = lab.convert(lab.extract("maildir"), "mbox")
    lab.same(direct, lab.content(job, "mbox"), "the same content")
    for name, folder in direct.items():
        paths = [os.path.join(f.directory, "folder.mbox") for f in (folder, lab.content(job, "mbox")[name])]
        octets = [open(p, "rb").read() if os.path.exists(p) else b"" for p in paths]
        t.ok(octets[0] == octets[1], f"folder.mbox of {name!r}", trees.first_difference(*octets))


def test_the_source_is_not_touched(t):
    lab, job = started(t, "maildir", foldernames.small())
    before = maildir.tree(job)
    lab.convert(job, "maildir")
    t.equal(maildir.differences(before, maildir.tree(job)), [], "everything below the source's directory")


def test_the_same_command_again_changes_nothing(t):
    needs(t, "mbox", "eml", "exchange")
    lab, job = started(t, "maildir", foldernames.small())
    for format in ("maildir", "mbox", "eml", "exchange"):
        other = lab.convert(job, format)
        before = maildir.tree(os.path.join(other, "mail"))
        lab.convert(job, format, job=other)
        t.equal(maildir.differences(before, maildir.tree(os.path.join(other, "mail"))), [],
                f"{format}: files after a second run")


def test_new_mail_in_the_source_is_converted_by_the_next_run(t):
    needs(t, "mbox", "convert")
    lab = Lab(t, foldernames.small())
    job = lab.extract("maildir")
    other = lab.convert(job, "mbox")
    foldernames.deliver(lab.store["Archive"], [m for m in foldernames.dated(foldernames.GOOD_DATES)][:3])
    lab.store["INBOX"].flag(1, "\\Flagged", "Later")
    lab.extract("maildir", job=job)
    lab.convert(job, "mbox", job=other)
    lab.holds(other, "mbox")


def test_killed_and_resumed(t):
    for format in ("mbox", "eml", "exchange", "maildir"):
        needs(t, format)
    lab, job = started(t, "maildir")
    whole = lab.content(job, "maildir")
    for format, after in (("mbox", 0.05), ("eml", 0.1), ("exchange", 0.2), ("maildir", 0.02)):
        other = lab.path()
        run = imexrun.start(t, "convert", job, "--to", other, "--format", format, *extra(format))
        time.sleep(after)
        run.signal(signal.SIGKILL).wait()
        lab.convert(job, format, *extra(format), job=other)
        lab.same(whole, lab.content(other, format), f"{format}, killed after {after} s and run again")
        lab.verifies(other)


def test_a_job_without_its_state_is_read_by_its_sidecars(t):
    for format in ("maildir", "mbox", "eml", "exchange"):
        needs(t, format)
        lab, job = started(t, format, foldernames.small())
        whole = lab.content(job, format)
        bare = lab.fresh_copy(job)
        for name in os.listdir(bare):
            if name.startswith(("imex", "report", "events")):
                os.unlink(os.path.join(bare, name))
        other = lab.convert(bare, "maildir")
        lab.same(whole, lab.content(other, "maildir"), f"{format} without imex.db")


def test_an_exchange_set_without_the_source_gives_rebuilt_messages(t):
    needs(t, "exchange")
    lab, job = started(t, "maildir", foldernames.small())
    made = lab.convert(job, "exchange")
    other, run = lab.run_convert(made, "maildir")
    t.within(run.code, (0, 1, 2), "exit code")
    there = lab.content(other, "maildir")
    t.equal({n: sorted(f.messages) for n, f in there.items()},
            {n: sorted(f.messages) for n, f in lab.content(job, "maildir").items()}, "every UID is there")
    t.ok("octets, the message has" not in lab.report_text(other), "no warning of the size of each", run.text[:2000])
    t.ok(all(k.line.get("rebuilt") for f in there.values() for k in f.messages.values()),
         "each is marked as rebuilt")
    flags = {(n, u): k.flags for n, f in there.items() for u, k in f.messages.items()}
    t.equal(flags, {(f.name, m.uid): frozenset(m.flags) for f in lab.store for m in f}, "flags and keywords")


def test_another_kind_of_job_is_refused(t):
    needs(t, "convert", "mbox")
    lab, job = started(t, "maildir", foldernames.small(1))
    other = lab.convert(job, "mbox")
    _, run = lab.run_convert(job, "eml", job=other)
    t.equal(run.code, 78, "another format into the same job")
    _, run = lab.run_convert(job, "mbox", job=job)
    t.within(run.code, (64, 78), "into itself")
    lab.holds(other, "mbox")


def test_a_target_inside_of_the_source_is_refused(t):
    """Also one that is not there yet: it would be part of the source from then on."""
    needs(t, "convert")
    lab, job = started(t, "mbox", foldernames.small(1))
    before = maildir.tree(os.path.join(job, "mail"))
    for name in ("", "sub", "mail/x/y", "mail"):
        _, run = lab.run_convert(job, "eml", job=os.path.join(job, name))
        t.equal(run.code, 64, f"into DIR/{name}")
    t.equal(maildir.differences(before, maildir.tree(os.path.join(job, "mail"))), [], "the mail of the source")
    t.ok(not os.path.exists(os.path.join(job, "sub")), "nothing was made in the source")


def others_maildir(lab):
    """A Maildir of another program, with one message."""
    place = lab.path()
    for part in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(place, part))
    with open(os.path.join(place, "cur", "1.a:2,S"), "wb") as file:
        file.write(b"Subject: one\r\n\r\nbody\r\n")
    return place


def test_two_warnings_of_one_kind_are_both_in_the_report(t):
    needs(t, "convert", "eml")
    lab = Lab(t)
    place = others_maildir(lab)
    for name in (".First", ".Second"):
        os.symlink("/etc", os.path.join(place, name))
    job = lab.convert(place, "eml", codes=(1,))
    told = lab.report_text(job)
    for name in (".First", ".Second"):
        t.ok(f"'{name}'" in told, f"the report tells of {name}", told)


def test_the_summary_of_two_accounts_does_not_give_one_what_is_the_others(t):
    needs(t, "convert", "eml")
    lab = Lab(t)
    first = lab.run_convert(others_maildir(lab), "eml")
    t.ok(b"1 of them by this run" in first[1].out, "one account", first[1].describe())
    twin = os.path.join(os.path.dirname(lab.path()), "other")
    os.rename(others_maildir(lab), twin)
    _, run = lab.run_convert(twin, "eml", job=first[0])
    t.equal(run.code, 0, "exit code")
    t.ok(b"by this run" not in run.out, "two accounts", run.describe())


def test_the_report_names_the_place_of_the_mail(t):
    needs(t, "convert", "exchange", "mbox")
    lab = Lab(t)
    place = others_maildir(lab)
    for format, tail, ends in (("exchange", "/mail/", False), ("mbox", f"/mail/{os.path.basename(place)}", True)):
        job = lab.convert(place, format)
        text = lab.imex("report", job).text
        t.ok(f"  in {job}{tail}\n" in text, f"{format}: where it is", text)
        html = lab.imex("report", job, "--format", "html").text
        t.equal(["line ends" in text, "line ends" in html], [ends, ends], f"{format}: line ends")


def test_a_source_that_is_not_there(t):
    needs(t, "convert")
    lab = Lab(t)
    _, run = lab.run_convert(lab.path("nothing"), "maildir")
    t.equal(run.code, 66, "no such input")
    empty = lab.path("empty")
    os.mkdir(empty)
    _, run = lab.run_convert(empty, "maildir")
    t.within(run.code, (65, 66), "a directory without mail")


def test_a_source_that_was_damaged_gives_the_rest(t):
    needs(t, "convert", "mbox")
    lab, job = started(t, "maildir", foldernames.small())
    copy = lab.fresh_copy(job)
    kept = list(lab.content(copy, "maildir")["Archive"].messages.values())[1]
    os.unlink(kept.path)
    other, run = lab.run_convert(copy, "mbox")
    t.within(run.code, (1, 2), "exit code")
    t.ok(os.path.basename(kept.line["file"])[:20] in run.text or f" {kept.uid}" in run.text,
         "it says which", run.describe())
    left = {u for u in lab.content(other, "mbox")["Archive"].messages}
    t.equal(left, set(lab.content(job, "maildir")["Archive"].messages) - {kept.uid}, "the others are there")


def test_folders_of_a_converted_set_are_those_of_the_extracted_one(t):
    needs(t, "exchange")
    lab, job = started(t, "maildir", foldernames.small())
    one = sets.read(t, lab.extract("exchange"), 0)
    two = sets.read(t, lab.convert(job, "exchange"), 0)
    shape = [sorted((m.folder, m.subject, m.send_date, m.received_date, m.unread) for m in s.messages)
             for s in (one, two)]
    t.equal(shape[0], shape[1], "lines of both sets")
    shutil.rmtree(job)
