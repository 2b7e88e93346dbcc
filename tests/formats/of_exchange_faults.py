"""Rows of the fault table that are about losses: what a set cannot hold is told, never dropped."""

import json
import os
import random
import re

import foldernames
import formats
import sets
from expect import Place
from lab import Lab, needs
from store import Store


def extracted(t, store, *args, codes=(1,), **how):
    needs(t, "exchange")
    lab = Lab(t, store)
    job = lab.extract("exchange", *args, codes=codes, **how)
    return lab, job, sets.read(t, job, 0).messages


def one(raw, flags=()):
    store = Store()
    store["INBOX"].add(raw, flags)
    return store


def test_a_flag_without_a_column_is_told(t):
    lab, job, _ = extracted(t, one(formats.mail(), ("\\Answered", "\\Flagged", "\\Seen")))
    text = lab.report_text(job)
    t.ok("Answered" in text and "Flagged" in text, "the report names them")
    t.ok("\\Seen" not in text, "not those that have a column")


def test_a_keyword_without_a_column_is_told(t):
    lab, job, _ = extracted(t, one(formats.mail(), ("$Forwarded",)))
    t.ok("$Forwarded" in lab.report_text(job), "the report names it")


def test_a_header_without_a_column_is_told(t):
    raw = next(s.raw for s in formats.specimens(formats.plain) if s.name == "fields without a column")
    lab, job, _ = extracted(t, one(raw))
    text = lab.report_text(job)
    for name in ("Message-ID", "In-Reply-To", "Reply-To", "References", "Received", "List-Id"):
        t.ok(name in text, f"the report names {name}")


def test_with_the_source_no_header_is_lost(t):
    raw = next(s.raw for s in formats.specimens(formats.plain) if s.name == "fields without a column")
    lab, job, messages = extracted(t, one(raw), "--full-source", codes=(0, 1))
    t.ok("References" not in lab.report_text(job), "the report does not complain")
    t.equal([a.data for a in messages[0].attachments if a.name == "message.eml"], [raw], "the source")


def test_EM_10_a_character_that_the_page_lacks_is_told(t):
    raw = formats.typed("text/plain; charset=utf-8", "\u65e5 and \u65e5 and \u20ac\r\n".encode(),
                        subject=formats.word("\u0416 x"), sender=formats.word("\u0416") + " <z@example.org>")
    lab, job, messages = extracted(t, one(raw))
    t.equal((messages[0].body, messages[0].subject), ("? and ? and \u20ac\r\n", "? x"), "in the set")
    text = lab.report_text(job)
    t.ok("U+65E5" in text and "U+0416" in text, "the report names code points")
    t.ok("U+20AC" not in text, "not those that the page has")


def test_nothing_is_lost_in_utf_8(t):
    raw = formats.typed("text/plain; charset=utf-8", "\u65e5\r\n".encode())
    lab, job, messages = extracted(t, one(raw), "--codepage", "65001", codes=(0, 1))
    t.equal(messages[0].body, "\u65e5\r\n", "in the set")
    t.ok("U+65E5" not in lab.report_text(job), "the report does not complain")


def test_html_made_text_is_told(t):
    raw = next(s.raw for s in formats.specimens(formats.structures) if s.name == "html only")
    lab, job, _ = extracted(t, one(raw))
    t.matches(lab.report_text(job), "HTML", "the report tells of it")


def test_a_changed_folder_name_is_told(t):
    store = Store()
    store.add("back\\slash").add(formats.mail())
    lab, job, messages = extracted(t, store)
    t.equal(messages[0].folder, "back_slash", "in the set")
    t.ok("back_slash" in lab.report_text(job), "the report names it")


def test_EM_21_a_part_that_cannot_be_decoded_stops_nothing(t):
    store = Store()
    damaged = [s for s in formats.specimens(formats.structures) if "damaged" in s]
    foldernames.deliver(store["INBOX"], [*damaged, *formats.specimens(formats.plain)[:2]])
    lab, job, messages = extracted(t, store)
    t.equal(len(messages), len(store["INBOX"]), "every message is there")
    t.ok(all(m.attachments for m in messages if m.attachments or "x" == m.subject and "Hello" in m.body),
         "with its attachments")
    text = lab.report_text(job)
    t.matches(text, r"(?i)decode|encod|broken|damaged", "the report tells of a part")


def test_EM_38_every_message_is_accounted_for(t):
    lab, job, messages = extracted(t, foldernames.everything())
    report = lab.report(job)
    stored = sum(f.get("stored", 0) for f in report["accounts"][0]["folders"])
    t.equal((stored, len(messages)), (sum(len(f) for f in lab.store),) * 2, "stored, and in the set")


def test_EM_48_a_large_attachment_is_not_dropped(t):
    big, = formats.specimens(formats.big)
    lab, _, messages = extracted(t, one(big.raw), codes=(0, 1))
    t.equal([len(a.data) for a in messages[0].attachments], [5 * 1024 * 1024], "its octets")


def test_EM_22_sizes_in_headers_are_ignored(t):
    raws = [formats.mail(b"12345\r\n", ["Content-Length: 1 2", "X-Size: -1", "Lines: 99999999999999999999"]),
            formats.multipart("mixed", formats.part(b"12345\r\n", extra=["Content-Length: 2"]))]
    store = Store()
    for raw in raws:
        store["INBOX"].add(raw)
    _, _, messages = extracted(t, store)
    t.equal([m.body.strip() for m in messages], ["12345"] * 2, "the texts")


def test_EM_43_mail_flagged_deleted_keeps_its_folder(t):
    store = Store()
    store["INBOX"].add(formats.mail(), ("\\Deleted", "\\Seen"))
    _, _, messages = extracted(t, store)
    t.equal([m.folder for m in messages], ["Inbox"], "its folder")


def test_EM_26_quotes_enclose_one_value_each(t):
    """Every mix of values that need quotes and of values that do not."""
    needs(t, "exchange")
    rng = random.Random(26)
    people = ["a@localhost", "Bob <bob@localhost>", '"Lee, Bill" <bill@example.org>', '"x; y" <semi@localhost>',
              '"\\"Q\\"" <q@localhost>', '"he said \\"hi\\", then" <h@example.org>', '"!" <bang@localhost>',
              '"back\\\\" <b@localhost>', "Plain Name <p@localhost>", '"#1" <n@localhost>', '"5\\" disk" <d@localhost>']
    store = Store()
    for number in range(150):
        some = rng.choices(people, k=rng.randrange(1, 6))
        store["INBOX"].add(formats.mail(sender=rng.choice(people), to=", ".join(some), subject=f"mix {number}",
                                        headers=["Cc: " + rng.choice(people)]))
    lab = Lab(t, store)
    job = lab.extract("exchange")
    sets.compare(t, sets.read(t, job, 0).messages, store, Place())


def test_EM_28_backslashes_in_the_directory_come_back(t):
    for user in ("a\\r\\new", "dom\\user", "ends\\"):
        needs(t, "exchange")
        lab = Lab(t, foldernames.small(1), user=user)
        made = sets.read(t, lab.extract("exchange"), 0)
        told = [v for o in made.directory for values in o.values() for v in values]
        t.ok(any(user in v for v in told), f"{user!r} is in a field of DIRECTORY", told)


def test_EM_23_unknown_fields_stop_nothing(t):
    store = Store()
    store["INBOX"].add(formats.mail(headers=["X-\u0001: ?", "Weird Field: x", ":", "X" * 900 + ": y", "Token"]))
    store["INBOX"].add(formats.mail(subject="next"))
    _, _, messages = extracted(t, store)
    t.equal(len(messages), 2, "messages")
    t.ok("next" in {m.subject for m in messages}, "the one behind it too")


def events(job):
    with open(os.path.join(job, "events.jsonl"), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def test_EM_34_no_error_is_told_when_all_arrived(t):
    _, job, _ = extracted(t, foldernames.everything())
    t.equal([e for e in events(job) if e["level"] == "error"], [], "events of level error")


def test_EM_40_events_have_no_unfilled_inserts(t):
    _, job, _ = extracted(t, foldernames.everything())
    texts = [re.sub(r"stored as '[^']*'", "", e["text"]) for e in events(job)]
    odd = [x for x in texts if re.search(r"%[0-9dszlu]", x) and "100%" not in x]
    t.equal([x for x in odd if "%41" not in x and "%2f" not in x and "%3A" not in x], [], "texts")


def test_EM_41_warnings_name_what_they_are_about(t):
    _, job, _ = extracted(t, foldernames.everything())
    warnings = [e for e in events(job) if e["level"] == "warning"]
    t.ok(warnings, "there are warnings")
    t.equal([e for e in warnings if not e.get("account")], [], "warnings without an account")
    t.equal([e for e in warnings if e.get("uid") and not e.get("folder")], [], "a UID without its folder")
