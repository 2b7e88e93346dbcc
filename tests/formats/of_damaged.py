"""Damaged Exchange sets: a clear error with file and place, and every message that can be reached."""

import email
import os
import random
import re

import example
from lab import Lab, needs

ALL = {"Presupuesto, v2", "Keys", 'About "keys"'}
SAMPLES = int(os.environ.get("FORMATS_SAMPLES", "40"))     # of 1,000: EM-18

# name of a spoilt set -> (the file that is named, subjects that are still there)
CASES = {
    "a pointer beyond the end": ("00000001.PRI", {"Presupuesto, v2", "Keys"}),
    "a pointer into the middle": ("00000001.PRI", {"Presupuesto, v2", "Keys"}),
    "a pointer out of the directory": ("00000001.PRI", {"Presupuesto, v2", "Keys"}),
    "a pointer to no listed file": ("00000001.PRI", {"Presupuesto, v2", "Keys"}),
    "a body in another's chain": ("00000001.PRI", {"Presupuesto, v2", "Keys"}),
    "eleven fields": ("00000001.PRI", {"Presupuesto, v2", "Keys"}),
    "an open quote": ("00000001.PRI", {"Presupuesto, v2", "Keys"}),
    "Length of 4 GiB": ("00000001.SEC", {"Presupuesto, v2", "Keys"}),
    "a negative Length": ("00000001.SEC", {"Presupuesto, v2", "Keys"}),
    "no Length": ("00000001.SEC", {"Presupuesto, v2", "Keys"}),
    "a secondary file cut in the data": ("00000001.SEC", {"Presupuesto, v2", "Keys"}),
    "a secondary file cut at a record": ("00000001.", {"Presupuesto, v2", "Keys"}),
    "a file that is not there": ("00000001.SEC", set()),
    "no header row": ("00000001.PRI", set()),
}
# Faults of which a lenient reader may make nothing, or a warning, but which lose nothing.
BORNE = ["a quoted pointer", "two lines with one body", "text behind a quote", "a NUL in a field",
         "an unknown record", "a file named twice", "thirteen fields", "a comma without quotes", "a CR in a field",
         "a dot without quotes", "LF alone at the ends", "no last line end", "thirteen digits", "month 13",
         "priority 2", "a boolean of another word", "an encoding", "no name", "a position behind the body",
         "octets behind the last record", "a bare LF in a body", "no blank line", "a second section of an owner",
         "a chain that does not end", "a single backslash in DIRECTORY", "UTF-8 as 65001 that is none"]


def convert(t, lab, files, **how):
    source = lab.path("set")
    example.write(source, files)
    job, run = lab.run_convert(source, "maildir", timeout=30, **how)
    return job, run


def subjects(lab, job):
    if not os.path.isdir(os.path.join(job, "mail")):
        return set()
    return {email.message_from_bytes(k.wire)["Subject"]
            for f in lab.content(job, "maildir").values() for k in f.messages.values()}


def said(run, job):
    """What was said of it: on the terminal and in the event log."""
    path = os.path.join(job, "events.jsonl")
    text = open(path, encoding="utf-8", errors="replace").read() if os.path.exists(path) else ""
    return run.text + text


def check_damage(t, what, file, left):
    needs(t, "convert")
    lab = Lab(t)
    job, run = convert(t, lab, example.SPOILT[what])
    t.equal(run.code, 2, f"{what}: exit code")
    text = said(run, job)
    found = [line for line in text.splitlines() if re.search(file.replace(".", r"\."), line)]
    t.ok(found, f"{what}: {file} is named", text[-1500:])
    t.ok(any(re.search(r"(?i)(line|offset|octet|byte|at|:) ?\d+", line) for line in found)
         or "not there" in what or "not named" in what, f"{what}: with line or offset", *found[:5])
    got = subjects(lab, job)
    t.ok(left <= got, f"{what}: the rest is read: {got}", text[-1500:])
    t.ok(got <= ALL | {None, ""}, f"{what}: nothing is made up: {got}")


def test_what_cannot_be_reached_is_told_and_the_rest_is_read(t):
    for what, (file, left) in CASES.items():
        check_damage(t, what, file, left)


def test_what_can_be_borne_loses_nothing(t):
    needs(t, "convert")
    lab = Lab(t)
    for what in BORNE:
        job, run = convert(t, lab, example.SPOILT[what])
        t.within(run.code, (0, 1, 2), f"{what}: exit code")
        got = subjects(lab, job)
        t.ok(got, f"{what}: what the damage does not touch is there", said(run, job)[-800:])


def test_every_spoilt_set_ends_in_order(t):
    """No crash, no hang, one of the exit codes for it."""
    needs(t, "convert")
    lab = Lab(t)
    for what, files in example.SPOILT.items():
        _, run = convert(t, lab, files)
        t.within(run.code, (0, 1, 2, 65, 66), f"{what}: exit code")
        t.ok(run.code in (0, 1) or run.text.strip(), f"{what}: something is said")


def test_verify_tells_of_a_damaged_set(t):
    needs(t, "convert")
    lab = Lab(t)
    source = lab.path("set")
    example.write(source, example.SPOILT["a pointer beyond the end"])
    run = lab.imex("verify", source, "--job", lab.path())
    t.within(run.code, (2, 65), "exit code")
    t.ok("00000001.PRI" in run.text, "it names the file", run.describe())


def test_overlapping_records(t):
    """A pointer into the data of another message, where a header was put."""
    needs(t, "convert")
    inner = b"Body,3,,TRUE,,,\r\nabc\r\n"
    outer = b"Body,%d,,TRUE,,,\r\n%s\r\n" % (len(inner), inner)
    at = len(example.SEC)
    lines = example.twelve(subject="outer", body=f"#00000001.SEC({at})") + \
        example.twelve(subject="inner", body=f"#00000001.SEC({at + outer.index(inner)})")
    lab = Lab(t)
    job, run = convert(t, lab, example.with_line(lines, outer))
    t.equal(run.code, 2, "exit code")
    t.matches(said(run, job), r"00000001\.(SEC|PRI)", "the file is named")
    got = subjects(lab, job)
    t.ok(ALL | {"outer"} <= got, f"what does not overlap is there: {got}")


def test_EM_13_lengths_alone_count(t):
    needs(t, "convert")
    body = b"Body,5,,TRUE,,,\r\n! x\r\nMAILMESSAGE,x\r\n\r\n!\r\n"
    extra = b"Body,%d,,TRUE,,,\r\n%s\r\n" % (len(body), body)
    line = example.twelve(subject="markers", body=f"#00000001.SEC({len(example.SEC)})")
    lab = Lab(t)
    job, run = convert(t, lab, example.with_line(line, extra))
    t.within(run.code, (0, 1), "exit code")
    found = [k.wire for f in lab.content(job, "maildir").values() for k in f.messages.values()
             if b"Subject: markers" in k.wire]
    t.equal([email.message_from_bytes(w).get_payload(decode=True) for w in found], [body], "the body")


def test_continued_lines(t):
    """Two backslashes at the end of a line join it with the next, in MAILMESSAGE alone."""
    needs(t, "convert")
    line = example.twelve(subject="joined", body=f"#00000001.SEC({len(example.SEC)})")
    joined = line.replace(b"joined,", b"joined,\\\\\r\n", 1)
    lab = Lab(t)
    job, run = convert(t, lab, example.with_line(b"! a comment \\\\\r\n" + joined, b"Body,2,,TRUE,,,\r\nok\r\n"))
    t.within(run.code, (0, 1), "exit code")
    t.ok(ALL | {"joined"} <= subjects(lab, job), "the line is one")


def test_quoted_hash_is_text(t):
    needs(t, "convert")
    line = example.twelve(subject='"#00000001.SEC(50)"', body=f"#00000001.SEC({len(example.SEC)})")
    lab = Lab(t)
    job, run = convert(t, lab, example.with_line(line, b"Body,2,,TRUE,,,\r\nok\r\n"))
    t.within(run.code, (0, 1), "exit code")
    t.ok("#00000001.SEC(50)" in subjects(lab, job), "a subject")


def test_EM_18_no_mutation_hangs_or_crashes(t):
    """One octet changed, lost or added in the secondary file, or its end cut off."""
    needs(t, "convert")
    rng = random.Random(18)
    lab = Lab(t)
    for number in range(SAMPLES):
        data = bytearray(example.SEC)
        at = rng.randrange(len(data))
        kind = number % 4
        if kind == 0:
            data[at] = rng.randrange(256)
        elif kind == 1:
            del data[at]
        elif kind == 2:
            data.insert(at, rng.choice(b'\r\n\0",;9T'))
        else:
            del data[at:]
        job, run = convert(t, lab, {**example.FILES, "00000001.SEC": bytes(data)})
        t.within(run.code, (0, 1, 2, 65), f"mutation {kind} at {at}: exit code")
        if kind in (1, 2, 3) and at >= 114 + 49:    # the first message is whole then
            t.ok("Presupuesto, v2" in subjects(lab, job) or kind == 3 and at < 191,
                 f"mutation {kind} at {at}: the first message is read", said(run, job)[-800:])


def test_names_that_leave_the_directory(t):
    """In the packing list and in pointers; nothing outside is opened."""
    needs(t, "convert")
    lab = Lab(t)
    for name in (b"..\\x.SEC", b"../x.SEC", b"/etc/passwd", b"C:\\x.SEC", b"\\\\host\\x.SEC"):
        source = lab.path("set")
        example.write(source, {**example.FILES, "imex.PKL": example.PKL.replace(
            b"00000001.SEC,", name + b",")})
        with open(os.path.join(os.path.dirname(source), "x.SEC"), "wb") as file:
            file.write(example.SEC.replace(b"Hola", b"AWAY"))
        job, run = lab.run_convert(source, "maildir")
        t.within(run.code, (2, 65), f"{name}: exit code")
        found = [w for f in (lab.content(job, "maildir") if os.path.isdir(os.path.join(job, "mail")) else {})
                 .values() for w in (k.wire for k in f.messages.values()) if b"AWAY" in w]
        t.equal(found, [], f"{name}: nothing was read from outside")
