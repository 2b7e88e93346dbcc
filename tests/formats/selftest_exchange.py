"""The reader of Exchange sets against the worked examples, and against spoilt ones."""

import os
import random

import example
import exchange
import exfields
from exfields import Pointer, Recipient


def read(t, files=None, **how):
    return exchange.read_set(example.write(t.tmpdir("set"), files), **how)


def accepts(t, files, what):
    try:
        return read(t, files)
    except exchange.Fault as fault:
        t.fail(f"{what}: {fault}")
        return None


def refuses(t, files, what):
    try:
        read(t, files)
        return t.fail(f"the reader takes a set with {what}")
    except exchange.Fault as fault:
        return t.ok(fault.place and fault.what, f"{what}: {fault}")


def problem(function, *args):
    try:
        return f"none, but {function(*args)!r}"
    except exfields.Problem as found:
        return str(found)


# -- the examples ------------------------------------------------------------------

def test_the_secondary_example_has_407_octets_and_its_records(t):
    t.equal(len(example.SEC), 407, "octets of the example")
    records = read(t).records["00000001.SEC"]
    t.equal([r.offset for r in records], example.OFFSETS, "offsets")
    t.equal([r.length for r in records], [43, 25, 38, 92, 25], "lengths")
    t.equal([r.type for r in records], ["Body", "Attachment", "Body", "Other", "Body"], "types")


def test_the_primary_example_gives_three_messages(t):
    first, second, third = read(t).messages
    t.equal((first.folder, first.subject, first.send_date, first.received_date, first.priority),
            ("Inbox", "Presupuesto, v2", "20000412093105", "20000412093140", 1), "the first")
    t.equal(first.body, "Hola:\r\nAdjunto el presupuesto, versi\u00f3n 2.\r\n", "its body")
    t.equal([(a.name, a.data, a.position, a.format) for a in first.attachments],
            [("presupuesto v2.csv", b"id;amount\r\n1;100\r\n2;250\r\n", -1, "None")], "its attachment")
    t.equal([r.address for r in second.cc], ["ana@example.org", "luis@example.org", "eva@example.org"],
            "a list in an Other record")
    t.equal((second.folder, second.unread, second.priority), ("Proyectos\\Banyan", True, None),
            "the second")
    t.equal((third.sender, third.to, third.subject, third.unsent, third.send_date),
            (Recipient("Usuario Uno", "SMTP", "usuario1@example.com"), [], 'About "keys"', True, ""),
            "the third")
    t.equal({m.owner for m in (first, second, third)}, {"SMTP:usuario1@example.com"}, "the owner")


def test_the_directory_example_gives_one_object(t):
    made = read(t)
    t.equal(made.codepage, 1252, "the code page of the packing list")
    t.equal(made.directory[0]["secondary-proxy-addresses"], ["SMTP:usuario1@example.com"], "a value")
    t.equal(made.files[0], ("DIRECTORY.PRI", "Primary"), "the first file")
    t.ok("user usuario1%ncc%migracion" in made.comments[0][2], "the comment is kept")


def test_a_comment_before_the_code_page_is_borne(t):
    made = read(t, {**example.FILES, "imex.PKL": b"! CodePage\r\n" + example.PKL.replace(b"1252", b"850")})
    t.equal(made.codepage, 850, "the number behind the comment")


def test_EM_11_only_the_number_changes_the_decoding(t):
    page = read(t, {**example.FILES, "imex.PKL": example.PKL.replace(b"1252", b"850")})
    one, other = read(t).messages[0], page.messages[0]
    t.equal(one.body_octets, other.body_octets, "octets")
    t.equal(other.body_octets.decode("cp850"), other.body, "text")
    t.ok(one.body != other.body, "the text is another")


def test_fourteen_columns_are_read_when_asked(t):
    files = example.changed("00000001.PRI", b"SEC(362)", b"SEC(362),0,0")
    refuses(t, files, "fourteen columns")
    t.equal(len(read(t, files, columns=None).messages), 3, "lenient")


def test_data_is_never_searched_for_markers(t):
    body = b"Body,5,,TRUE,,,\r\n! x\r\nMAILMESSAGE,x\r\n\r\n"
    line = example.twelve(body="#00000001.SEC(407)", subject="x")
    made = accepts(t, example.with_line(line, b"Body,%d,,TRUE,,,\r\n%s\r\n" % (len(body), body)), "markers")
    t.equal(made and made.messages[3].body_octets, body, "the body")


def test_spoilt_sets_are_refused(t):
    for what, files in example.SPOILT.items():
        refuses(t, files, what)


def test_any_octet_lost_or_added_in_the_secondary_file_is_noticed(t):
    for at in range(len(example.SEC)):
        refuses(t, {**example.FILES, "00000001.SEC": example.SEC[:at] + example.SEC[at + 1:]},
                f"octet {at} missing")
        refuses(t, {**example.FILES, "00000001.SEC": example.SEC[:at] + b"x" + example.SEC[at:]},
                f"an octet more at {at}")


def test_mutations_end_in_a_fault_or_a_set(t):
    """Never in another exception: the reader itself must not be what fails."""
    rng = random.Random(5)
    ends = {"read": 0, "fault": 0}
    for _ in range(600):
        name = rng.choice(list(example.FILES))
        data = bytearray(example.FILES[name])
        at = rng.randrange(len(data))
        data[at:at + rng.choice((0, 1, 1, 5))] = bytes(rng.choice(b'\r\n\0",;#(\\!%09aA\xff')
                                                       for _ in range(rng.randrange(3)))
        try:
            read(t, {**example.FILES, name: bytes(data)})
            ends["read"] += 1
        except exchange.Fault:
            ends["fault"] += 1
    t.ok(ends["fault"] > 300, f"most mutations are noticed: {ends}")


# -- the vectors of A.7 -----------------------------------------------------------------

def test_quoted_values(t):
    t.equal(exfields.unquote('"Lee, Bill"'), "Lee, Bill", "one value with a comma")
    t.equal(exfields.unquote('"my name is ""X"""'), 'my name is "X"', "doubled quotes")
    t.matches(problem(exfields.unquote, '"abc"d'), "follows a closing quote", "event 27")
    t.matches(problem(exfields.split, 'a,"b'), "not closed", "an open quote")
    t.equal(exfields.split('a,"b,c",d'), ["a", '"b,c"', "d"], "commas in quotes")


def test_lists(t):
    t.equal(exfields.values('"a@x";"b c@x"'), ["a@x", "b c@x"], "two values")
    t.equal(exfields.values('"SMTP:a@x.org;""X400:C=US;A= ;P=Y"""'),
            ["SMTP:a@x.org", "X400:C=US;A= ;P=Y"], "a value with semicolons")
    t.equal(exfields.values('"one ""two"" three[SMTP:a@b.c]"'), ['one "two" three[SMTP:a@b.c]'],
            "one value with quotes")
    t.equal(exfields.values('"5"" disk[SMTP:a@b.c]"'), ['5" disk[SMTP:a@b.c]'], "an odd quote")
    t.equal(exfields.values('"""a;b[SMTP:a@b.c]"""'), ["a;b[SMTP:a@b.c]"], "a lone value with ;")
    t.equal(exfields.values(""), [], "nothing")
    t.equal(exfields.values('plain;"b.c"'), ["plain", "b.c"], "with and without quotes")


def test_pointers_and_text_that_looks_like_one(t):
    t.equal(exfields.pointer("#A.SEC(50)"), Pointer("A.SEC", 50), "unquoted: a pointer")
    t.equal(exfields.pointer('"#A.SEC(50)"'), None, "quoted: text")
    t.equal(exfields.unquote('"#A.SEC(50)"'), "#A.SEC(50)", "the text")
    t.matches(problem(exfields.pointer, "#A.SEC"), "not a pointer", "half a pointer")


def test_recipients(t):
    t.equal(exfields.recipient("Ana[SMTP:a@b]"), Recipient("Ana", "SMTP", "a@b"), "without a blank")
    t.equal(exfields.recipient("Ana [SMTP:a@b]"), Recipient("Ana", "SMTP", "a@b"), "with one")
    t.equal(exfields.recipient("A [x] B[SMTP:a@b]"), Recipient("A [x] B", "SMTP", "a@b"), "brackets")
    t.equal(exfields.recipient("Ana Ruiz"), Recipient("Ana Ruiz"), "a name alone")
    t.equal(exfields.recipient("[SMTP:a@b]"), Recipient("", "SMTP", "a@b"), "an address alone")


def test_directory_values(t):
    t.equal(exfields.directory_values('"usuario1%ncc%migracion"'), ["usuario1%ncc%migracion"], "EM-27")
    t.equal(exfields.directory_values('a%"b%c"'), ["a", "b%c"], "two values")
    t.equal(exfields.directory_values('"a\\r\\n\\\\b"'), ["a\r\n\\b"], "escapes")
    t.matches(problem(exfields.directory_values, '"a\\new\\x"'), "backslash", "EM-28: a single backslash")


def test_code_pages(t):
    for page in (437, 10000, 850, 1252):
        octets = bytes(range(256))
        text = exfields.decode(octets, page)
        t.equal(len(text), 256, f"EM-10: {page} has 256 characters")
        t.equal(exfields.encodable(text, page), text, f"and can write them again ({page})")
    t.equal(exfields.encodable("a\u20ac\u65e5", 1252), "a\u20ac?", "what 1252 lacks")
    t.equal(exfields.encodable("\u65e5\u00e9", 932), "\u65e5?", "what 932 lacks")
    t.equal(exfields.decode(b"\x95\x5c", 932), "\u8868", "a second octet that is a backslash")


def test_the_user_list(t):
    path = os.path.join(t.tmpdir("users"), "Imapusr.csv")
    for data, good in ((example.USERS, True), (example.USERS.replace(b',,usu', b',"s3,cret",usu'), False),
                       (example.USERS[:-2], False), (example.USERS.replace(b"\r\n", b"\n"), False)):
        with open(path, "wb") as file:
            file.write(data)
        try:
            rows = exchange.read_users(path, ["s3,cret"])
            t.ok(good and rows[0]["IMAP_Mailbox"] == "usuario1%ncc%migracion", f"rows: {rows}")
        except exchange.Fault as fault:
            t.ok(not good, f"refused: {fault}")
