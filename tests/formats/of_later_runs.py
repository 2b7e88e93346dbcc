"""A second run: new mail is added behind the old, other flags go to the sidecar."""

import os

import foldernames
import formats
import mboxrd
import sets
from expect import Place
from lab import Lab, needs


def grown(store):
    """What a second run finds: new mail in two folders, a new folder, other flags."""
    foldernames.deliver(store["INBOX"], formats.specimens(formats.special)[:4])
    foldernames.deliver(store["Archive/2003"], formats.specimens(formats.line_ends)[:5])
    foldernames.deliver(store["Empty"], formats.specimens(formats.names)[:2])
    foldernames.deliver(store.add("New"), formats.specimens(formats.priorities)[:2])
    store["INBOX"].flag(1, "\\Seen", "\\Answered", "Later")
    store["Archive"].flag(2)


def files(job):
    """path -> octets of everything below mail/ but the sidecars."""
    found = {}
    for base, _, names in os.walk(os.path.join(job, "mail")):
        for name in names:
            path = os.path.join(base, name)
            if not name.startswith("folder.jsonl"):
                with open(path, "rb") as file:
                    found[os.path.relpath(path, job)] = file.read()
    return found


def two_runs(t, format, *args):
    needs(t, format)
    lab = Lab(t, foldernames.small())
    job = lab.extract(format, *args)
    before = files(job)
    grown(lab.store)
    return lab, lab.extract(format, *args, job=job), before


def test_mbox_is_added_to(t):
    lab, job, before = two_runs(t, "mbox")
    lab.holds(job, "mbox")
    for path, octets in files(job).items():
        old = before.get(path, b"")
        t.ok(octets.startswith(old), f"{path} begins with what it was")
        if path.endswith("folder.mbox"):
            t.equal(mboxrd.python_agrees(os.path.join(job, path)), [], f"Python reads {path}")
    lab.verifies(job)


def test_eml_gets_new_files(t):
    lab, job, before = two_runs(t, "eml")
    lab.holds(job, "eml")
    after = files(job)
    t.equal([p for p, octets in before.items() if after.get(p) != octets], [], "old files are as they were")
    lab.verifies(job)


def test_exchange_gets_new_numbers(t):
    lab, job, before = two_runs(t, "exchange", "--full-source")
    lab.holds(job, "exchange")
    after = files(job)
    kept = [p for p in before if p.endswith(("imex.PKL", "00000001.PRI", "00000001.SEC"))]
    t.equal([p for p in kept if after.get(p) != before[p]], [], "the first set is as it was")
    first, second = sets.read(t, job)
    t.equal(os.path.basename(second.path), "imex-2.PKL", "the second packing list")
    names = [{n.upper() for n, _ in s.files} - {"DIRECTORY.PRI"} for s in (first, second)]
    t.equal(names[0] & names[1], set(), "a file belongs to one of the sets")
    new = {(f.name, m.raw) for f in lab.store for m in f} - {
        (f.name, m.raw) for f in foldernames.small() for m in f}
    got = [a.data for m in second.messages for a in m.attachments if a.name == "message.eml"]
    t.equal(sorted(got), sorted(raw for _, raw in new), "it holds the new messages alone")
    lab.verifies(job)


def test_exchange_that_found_nothing_new_writes_no_set(t):
    needs(t, "exchange")
    lab = Lab(t, foldernames.small())
    job = lab.extract("exchange")
    before = files(job)
    lab.extract("exchange", job=job)
    t.equal(sorted(files(job)), sorted(before), "the files")
    t.ok(files(job) == before, "and what is in them")


def test_flags_change_in_the_sidecar(t):
    for format in ("maildir", "mbox", "eml", "exchange"):
        needs(t, format)
        lab = Lab(t, foldernames.small())
        job = lab.extract(format)
        before = files(job)
        lab.store["INBOX"].flag(1, "\\Seen", "\\Flagged", "Later")
        lab.store["INBOX"].flag(3)
        lab.extract(format, job=job)
        got = lab.holds(job, format)
        t.equal(got["INBOX"].messages[1].flags, frozenset(("\\Seen", "\\Flagged", "Later")), f"{format}: flags")
        if format != "maildir":
            t.ok(files(job) == before, f"{format}: the mail is as it was")
        lab.verifies(job)


def test_mail_that_went_from_the_server_stays(t):
    for format in ("mbox", "eml", "exchange"):
        needs(t, format)
        lab = Lab(t, foldernames.small())
        job = lab.extract(format)
        before = lab.content(job, format)
        lab.store["INBOX"].remove(2)
        lab.extract(format, job=job)
        lab.same(before, lab.content(job, format), f"{format}: what was stored is kept")
        lab.verifies(job)


def test_another_uidvalidity(t):
    for format in ("mbox", "eml", "exchange"):
        needs(t, format)
        lab = Lab(t, foldernames.small())
        job = lab.extract(format)
        lab.store["Archive"].renumber(1800000001, 3)
        lab.store["Archive"].add(formats.mail(subject="new"), ("\\Seen",))
        lab.extract(format, job=job, codes=(1,))
        lab.holds(job, format, f"{format}: the new numbers")
        lab.verifies(job)


def test_a_file_that_another_program_changed_is_left(t):
    needs(t, "mbox")
    lab = Lab(t, foldernames.small())
    job = lab.extract("mbox")
    path = os.path.join(lab.content(job, "mbox")["Archive"].directory, "folder.mbox")
    with open(path, "ab") as file:
        file.write(b"From x@example.org Sat Jan  1 00:00:00 2000\nSubject: foreign\n\nhello\n\n")
    with open(path, "rb") as file:
        changed = file.read()
    lab.store["Archive"].add(formats.mail(subject="new"))
    lab.extract("mbox", job=job, codes=(1,))
    with open(path, "rb") as file:
        t.ok(file.read() == changed, "the changed file is as it was left")
    t.ok(os.path.exists(path + ".2"), "a second one was started", os.listdir(os.path.dirname(path)))
    lab.holds(job, "mbox")


def test_the_fields_of_the_second_set_are_right(t):
    lab, job, _ = two_runs(t, "exchange", "--full-source")
    messages = [m for s in sets.read(t, job) for m in s.messages]
    t.equal(len(messages), sum(len(f) for f in lab.store), "messages of both sets")
    odd = {s.raw for s in formats.specimens() if "odd" in s}
    tags = {s.raw: s.tags for s in formats.specimens()}
    # Unread of the first set is that of the first run: flags change in the sidecar only.
    lab.store["INBOX"].flag(1)
    lab.store["Archive"].flag(2, *foldernames.FLAGS[1])
    sets.compare(t, messages, lab.store, Place("UTC", 1252, True), odd, tags)
