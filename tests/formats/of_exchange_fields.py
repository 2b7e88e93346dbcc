"""Every field of an Exchange set against Python's email package, and the rows of the fault table."""

import re

import expect
import foldernames
import formats
import sets
from expect import Place
from lab import Lab, needs
from store import Store

ODD = {s.raw for s in formats.specimens() if "odd" in s}
TAGS = {s.raw: s.tags for s in formats.specimens()}


def fields(t, store, *args, zone="UTC", page=1252, odd=frozenset(ODD)):
    """Extract, read, compare all; returns (lab, job, messages)."""
    needs(t, "exchange")
    lab = Lab(t, store)
    full = "--full-source" in args
    job = lab.extract("exchange", "--codepage", str(page), *args, tz=zone)
    messages = sets.read(t, job, 0).messages
    sets.compare(t, messages, store, Place(zone, page, full), odd, TAGS)
    return lab, job, messages


def dates(which):
    store = Store()
    foldernames.deliver(store["INBOX"], foldernames.dated(which))
    return store


def of(*specimens):
    store = Store()
    foldernames.deliver(store["INBOX"], specimens)
    return store


def test_all_fields_of_all_kinds_without_the_source(t):
    fields(t, foldernames.of_kinds())


def test_all_fields_of_all_kinds_in_1252(t):
    fields(t, foldernames.of_kinds(with_big=True), "--full-source")


def test_all_fields_of_all_kinds_in_932(t):
    fields(t, foldernames.of_kinds(), "--full-source", page=932)


def test_all_fields_of_all_kinds_in_65001(t):
    fields(t, foldernames.of_kinds(), "--full-source", page=65001)


def test_all_folders(t):
    fields(t, foldernames.everything(), "--full-source", page=65001)


def test_EM_09_no_address_is_lost(t):
    _, _, messages = fields(t, foldernames.of_kinds(formats.headers), "--full-source", page=65001)
    for message in messages:
        for recipient in filter(None, [message.sender, *message.to, *message.cc, *message.bcc]):
            t.ok(recipient.type in ("SMTP", "") and (recipient.address or recipient.display),
                 f"name and address: {recipient}")
        t.ok(all(r.address for r in message.to if re.search(r"\w@\w", r.display)), "a display is no lost address",
             message.to)


def test_EM_49_a_long_list_of_recipients_is_whole(t):
    many = [s for s in formats.specimens(formats.headers) if s.name == "800 recipients"]
    _, _, messages = fields(t, of(*many), "--full-source")
    t.equal(len(messages[0].to), 800, "recipients")
    t.equal(messages[0].to[799].address, "p799@example.org", "the last of them")


def test_EM_14_a_date_that_is_none_spoils_only_itself(t):
    lab, job, messages = fields(t, dates(foldernames.BAD_DATES))
    t.equal(len(messages), len(foldernames.BAD_DATES), "all are there")
    t.ok(all(m.body == "text\r\n" for m in messages), "and whole")
    t.matches(lab.report_text(job), "(?i)date", "the report tells of dates")


def test_EM_15_dates_keep_their_year(t):
    _, _, messages = fields(t, dates(foldernames.GOOD_DATES))
    years = {m.subject: m.send_date[:4] for m in messages}
    t.equal({n: years.get(n) for n in ("1969", "1999", "2001", "2038", "2106")},
            {n: n for n in ("1969", "1999", "2001", "2038", "2106")}, "years")
    t.equal(years.get("2000"), "1999", "a New Year of another zone, told in UTC")


def test_EM_15_internal_dates_keep_their_year(t):
    store = Store()
    for date in foldernames.INTERNALDATES:
        store["INBOX"].add(formats.mail(subject=date), (), date)
    fields(t, store)


def test_EM_16_the_zone_of_the_message_s_own_day_counts(t):
    for zone in ("Europe/Berlin", "America/New_York", "Europe/Moscow", "Asia/Kolkata"):
        _, _, messages = fields(t, dates(foldernames.GOOD_DATES), zone=zone)
        told = {m.subject: m.send_date[8:] for m in messages}
        if zone == "Europe/Berlin":
            t.equal(told["before spring, Berlin"], "015959", "before the clock goes forward")
            t.equal(told["after spring, Berlin"], "030000", "after")
            t.equal((told["before autumn, Berlin"], told["after autumn, Berlin"]), ("025959", "020000"),
                    "and when it goes back")
        if zone == "America/New_York":
            t.equal((told["the old rule, New York"], told["the new rule, New York"]), ("070000", "080000"),
                    "a rule that changed")
        if zone == "Europe/Moscow":
            t.equal((told["Moscow before 2011"], told["Moscow after 2011"], told["Moscow after 2014"]),
                    ("150000", "160000", "150000"), "a zone that moved")


def test_EM_17_unread_is_as_on_the_server(t):
    _, _, messages = fields(t, foldernames.of_kinds(formats.line_ends, formats.structures, formats.random_ones),
                            "--full-source")
    t.ok({m.unread for m in messages} == {True, False}, "there are both")


def test_EM_05_drafts_are_unsent(t):
    store = foldernames.small(4)
    store.add("Entw&APw-rfe 2", use="\\Drafts").add(formats.mail(subject="no flag"))
    _, _, messages = fields(t, store)
    t.ok(any(m.unsent and m.subject == "no flag" for m in messages), "by the folder's use")


def test_priorities(t):
    _, _, messages = fields(t, foldernames.of_kinds(formats.priorities), "--full-source")
    for message in messages:
        source = next(a.data for a in message.attachments if a.name == "message.eml")
        for headers, want in formats.PRIORITIES.items():
            if source == formats.mail(headers=[headers]):
                t.equal(message.priority or 0, want, headers)


def test_EM_19_a_part_without_a_name_gets_one(t):
    some = [s for s in formats.specimens(formats.names) if s.name in ("no name", "three without names")]
    lab, job, messages = fields(t, of(*some))
    for message in messages:
        made = [a.name for a in message.attachments]
        t.equal(len(set(made)), len(made), f"names of their own: {made}")
        t.ok(all(re.fullmatch(r"[\w.-]+\.\w+", n) for n in made), f"names with an extension: {made}")
    t.ok(messages[0].attachments[0].name in lab.report_text(job), "the report names the first")


def test_EM_20_names_come_from_the_parameters(t):
    _, _, messages = fields(t, foldernames.of_kinds(formats.names), "--full-source", page=65001)
    told = {a.name for m in messages for a in m.attachments}
    for parameter, name in formats.NAMES.items():
        t.ok(name in told, f"{parameter} is {name!r}", sorted(told))


def test_names_that_leave_the_directory_lose_it(t):
    hostile = [s for s in formats.specimens(formats.names) if "odd" in s]
    _, _, messages = fields(t, of(*hostile), page=65001)
    t.equal(len(messages), len(hostile), "all are there")
    for message in messages:
        for attachment in message.attachments:
            t.ok(attachment.name.strip() and not re.search(r"[/\\\x00-\x1f]", attachment.name)
                 and attachment.name not in (".", ".."), f"a bare name: {attachment.name!r}")
            t.equal(attachment.data, formats.BINARY, f"the octets of {attachment.name!r}")


def test_EM_24_html_is_never_put_into_the_text(t):
    html = [s for s in formats.specimens(formats.structures) if "html" in s]
    _, _, messages = fields(t, of(*html))
    for message in messages:
        t.ok("<" not in message.body, f"no tags in the text: {message.body!r}")
        t.ok(any(b"<b>there</b>" in a.data for a in message.attachments), "and the HTML is attached")


def test_EM_51_calendars_are_not_altered(t):
    some = [s for s in formats.specimens(formats.special) if "calendar" in s.name]
    _, _, messages = fields(t, of(*some))
    for message in messages:
        data = [a.data for a in message.attachments if a.data.startswith(b"BEGIN:VCALENDAR")]
        t.equal(len(data), 1, f"the calendar of {message.subject}")
        t.ok(data and b"BEGIN:VALARM\r\nTRIGGER:-PT15M\r\n" in data[0], "its alarm is what it was")


def test_signed_and_encrypted_mail_is_carried_whole(t):
    whole = [s for s in formats.specimens(formats.special) if "whole" in s]
    _, _, messages = fields(t, of(*whole))
    for message in messages:
        t.ok(any(b"signature" in a.data or b"PGP" in a.data for a in message.attachments),
             "with what proves it", [a.name for a in message.attachments])


def test_EM_13_what_looks_like_a_marker_is_data(t):
    some = [s for s in formats.specimens(formats.line_ends) if "look-alikes" in s.name]
    _, _, messages = fields(t, of(*some))
    t.equal([m.body_octets.removesuffix(b"\r\n") for m in messages],
            [formats.LOOKALIKES.removesuffix(b"\r\n")] * 2, "the bodies")


def test_EM_25_folder_names_round_trip(t):
    store = foldernames.of_names()
    _, _, messages = fields(t, store, page=65001)
    got = {m.folder for m in messages}
    for folder in store:
        t.ok(got & sets.names(folder, store), f"{folder.name!r} is called {sets.names(folder, store)}",
             sorted(got))


def test_EM_12_another_code_page_reproduces_the_source(t):
    store = foldernames.of_kinds(formats.charsets)
    sources = []
    for page in (1252, 932, 65001):
        _, _, messages = fields(t, store, "--full-source", page=page)
        sources.append(sorted(a.data for m in messages for a in m.attachments if a.name == "message.eml"))
    t.ok(sources[0] == sources[1] == sources[2] == sorted(m.raw for m in store["INBOX"]), "the sources")


def test_the_expectations_of_this_test_are_right(t):
    """A test of the test: what Python makes of a few messages that people can check."""
    raw = next(s.raw for s in formats.specimens(formats.headers) if s.name == "all recipients")
    wanted = expect.Wanted(raw, ("\\Seen",), "01-Jan-2000 00:30:00 +0100", Place("Europe/Berlin"))
    t.equal(wanted.to[0], ("Ruiz, Ana", "ana@example.org"), "a comma in a name")
    t.equal(wanted.to[9], ('"', "quote@example.org"), "a quote as a name")
    t.equal((wanted.sent, wanted.received), ("20000412093105", "20000101003000"), "dates in Berlin")
    raw = next(s.raw for s in formats.specimens(formats.charsets) if s.name == "charset windows-1251")
    t.equal(expect.Wanted(raw).text[:5], "\u0421\u044a\u0435\u0448\u044c", "Cyrillic")
    t.equal(formats.NAMES, {p: expect.name_of(expect.email.message_from_bytes(formats.part(
        b"", "a/b", None, "attachment; " + p))) for p in formats.NAMES}, "names of parts")
