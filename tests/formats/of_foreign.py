"""Mail that imex did not write is converted whole: Maildirs, mbox files, eml trees, Exchange sets."""

import collections
import email
import email.utils
import hashlib
import os
import re

import example
import foldernames
import formats
import others
from lab import Lab, needs

FLAGS = {"S": "\\Seen", "R": "\\Answered", "F": "\\Flagged", "D": "\\Draft", "T": "\\Deleted"}


def converted(t, build, format="maildir", codes=(0, 1)):
    """build(path) makes the foreign mail; returns (lab, job, content) of the conversion."""
    needs(t, "convert", format)
    lab = Lab(t)
    place = lab.path("foreign")
    source = build(place) or place
    before = snapshot(place)
    job = lab.convert(source, format, codes=codes)
    t.equal(snapshot(place), before, "the foreign mail is not touched")
    lab.verifies(job)
    return lab, job, lab.content(job, format)


def snapshot(place):
    found = {}
    for base, _, names in os.walk(place):
        for name in names:
            path = os.path.join(base, name)
            with open(path, "rb") as file:
                found[path] = hashlib.sha256(file.read()).hexdigest(), os.stat(path).st_mtime_ns
    return found


def wires(content, name=None):
    return sorted(k.wire for f in content.values() if name in (None, f.name) for k in f.messages.values())


def people(content):
    """Folder names as people read them, '/' between levels."""
    return {foldernames.from_utf7(f.name).replace(f.head.get("delim") or "/", "/"): f for f in content.values()}


def by_wire(content):
    return {k.wire: k for f in content.values() for k in f.messages.values()}


# -- Maildir ------------------------------------------------------------------------

def test_a_maildir_of_python(t):
    want = [s.raw for s in others.PLAIN]
    _, _, content = converted(t, lambda path: others.python_maildir(path, want, ("S", "FR", "", "DT")))
    t.ok(wires(content) == sorted(want), "all messages, with the line ends of the wire")
    got = collections.Counter(k.flags for f in content.values() for k in f.messages.values())
    flags = collections.Counter(frozenset(FLAGS[c] for c in ("S", "FR", "", "DT")[n % 4])
                                for n in range(len(want)))
    t.equal(got, flags, "flags")


def test_a_maildirpp_of_dovecot(t):
    letters = others.letters(9)

    def build(path):
        others.maildirpp(path, {"": [(letters[0], "S"), (letters[1], None)], "Archive": [(letters[2], "FS")],
                                "Archive/2003": [(letters[3], "")], "Entw\u00fcrfe": [(letters[4], "DS")]})
        others.maildir(os.path.join(path, ".Words"), [(letters[5], "Sab"), (letters[6], "b"), (letters[7], "z")],
                       ("$Forwarded", "Project-X"))
        others.put(os.path.join(path, "subscriptions"), b"Archive\n")
        others.put(os.path.join(path, "dovecot-uidlist"), b"3 V1234567890 N9 G0123456789abcdef0123456789abcdef\n")
        others.put(os.path.join(path, "dovecot.index.cache"), b"\0\1\2")
    _, _, content = converted(t, build)
    t.equal(set(people(content)), {"INBOX", "Archive", "Archive/2003", "Entw\u00fcrfe", "Words"}, "folders")
    t.equal(wires(content), sorted(letters[:8]), "messages")
    told = {w: k.flags for w, k in by_wire(content).items()}
    t.equal(told[letters[1]], frozenset(), "mail in new/ is unread")
    t.equal(told[letters[5]], {"\\Seen", "$Forwarded", "Project-X"}, "keywords by their letters")
    t.equal(told[letters[6]], {"Project-X"}, "one keyword")
    date = by_wire(content)[letters[2]].date
    t.matches(date, r"^ ?9-Sep-2001|^09-Sep-2001", "the file's date is the internal date")


def test_nested_maildirs(t):
    letters = others.letters(4)

    def build(path):
        others.maildir(os.path.join(path, "Work"), [(letters[0], "S")])
        others.maildir(os.path.join(path, "Work", "Deep er"), [(letters[1], "")])
        others.maildir(os.path.join(path, "Gr\u00fc\u00dfe"), [(letters[2], "F"), (letters[3], None)])
    _, _, content = converted(t, build)
    t.equal(wires(content), sorted(letters), "messages")
    t.ok({"Work", "Work/Deep er", "Gr\u00fc\u00dfe"} <= set(people(content)), "folders", sorted(people(content)))


def test_a_maildir_with_rubbish(t):
    """What is no message is left out, links are not followed; nothing is lost."""
    letters = others.letters(3)
    secret = os.path.join(t.tmpdir("secret"), "secret")
    others.put(secret, b"Subject: secret\n\nsecret\n")

    def build(path):
        others.maildir(path, [(letters[0], "S"), (letters[1], None), (letters[2], "")])
        others.put(os.path.join(path, "tmp", "1000.M1P1.host"), b"half a mess")
        others.put(os.path.join(path, ".DS_Store"), b"\0")
        os.makedirs(os.path.join(path, "cur", "a directory"))
        os.symlink(secret, os.path.join(path, "cur", "999.link.host:2,S"))
    _, _, content = converted(t, build, codes=(0, 1, 2))
    t.ok(not any(b"half a mess" in w for w in wires(content)), "nothing from tmp/")
    t.ok(set(letters) <= set(wires(content)), "the messages")


def test_folders_of_dots(t):
    """A name that has no level, and one with an empty one, hold mail all the same."""
    letters = others.letters(4)

    def build(path):
        others.maildir(path, [(letters[0], "S")])
        for name, letter in (("....", letters[1]), (".A..B", letters[2]), (".A.B", letters[3])):
            others.maildir(os.path.join(path, name), [(letter, "S")])
    for form in ("maildir", "mbox", "eml"):
        _, _, content = converted(t, build, form)
        t.equal(wires(content), sorted(letters), f"the messages, as {form}")
        t.equal(len(content), 4, f"folders, as {form}")


def test_a_maildir_whose_keywords_cannot_be_read(t):
    """The folder fails until they can be, so that no keyword is lost unsaid; others are converted."""
    needs(t, "convert", "maildir")
    lab, letters = Lab(t), others.letters(3)
    place = lab.path("foreign")
    others.maildirpp(place, {"": [(letters[0], "S")], "Sent": [(letters[1], "a"), (letters[2], "Sa")]})
    words = os.path.join(place, ".Sent", "dovecot-keywords")
    os.mkdir(words)
    job, run = lab.run_convert(place, "maildir")
    t.equal(run.code, 2, "exit code")
    t.matches(run.text, "cannot read 'dovecot-keywords': it is no regular file", "why is told")
    t.equal(wires(lab.content(job, "maildir")), [letters[0]], "what the other folder holds")
    os.rmdir(words)
    others.put(words, b"0 Project-X\n")
    lab.convert(place, "maildir", job=job, codes=(0, 1))
    told = {w: k.flags for w, k in by_wire(lab.content(job, "maildir")).items()}
    t.equal(told, {letters[0]: {"\\Seen"}, letters[1]: {"Project-X"}, letters[2]: {"\\Seen", "Project-X"}}, "flags")


def test_a_maildir_with_line_ends_of_the_wire(t):
    def build(path):
        others.maildir(path, [])
        others.put(os.path.join(path, "cur", "1.a.host:2,"), others.letters(1)[0])
        others.put(os.path.join(path, "cur", "2.b.host:2,"), b"Subject: y\n\nfolded\r\nodd\n")
    _, _, content = converted(t, build)
    t.ok(others.letters(1)[0] in wires(content), "CRLF stays CRLF")
    t.equal(len(wires(content)), 2, "both")


# -- mbox ---------------------------------------------------------------------------

FROMS = [formats.mail(b"x\r\n\r\nFrom the middle\r\nfrom\r\n\r\nFrom me@x Thu Jan  1 00:00:00 1970\r\n", subject="froms"),
         formats.mail(b"plain\r\n", subject="plain"), formats.mail(b"From the start\r\n", subject="start")]


def test_an_mbox_of_python(t):
    want = [s.raw for s in others.PLAIN]

    def build(path):
        others.python_mbox(os.path.join(path, "mail.mbox"), want)
        return os.path.join(path, "mail.mbox")
    _, _, content = converted(t, build)
    t.equal(len(wires(content)), len(want), "messages")
    t.ok(set(w.rstrip() for w in wires(content)) == set(w.rstrip() for w in want), "and their octets")
    dates = {k.date for f in content.values() for k in f.messages.values()}
    t.equal({d.strip().lstrip("0")[:10] for d in dates}, {"9-Sep-2001"}, "dates of the separators")


def test_an_mbox_of_python_with_flags(t):
    letters = others.letters(4)

    def build(path):
        others.python_mbox(os.path.join(path, "inbox"), letters, ("RO", "ROAF", "O", "ROD"))
        return os.path.join(path, "inbox")
    _, _, content = converted(t, build)
    told = {re.search(rb"Subject: (mail \d)", k.wire)[1].decode(): k.flags
            for f in content.values() for k in f.messages.values()}
    t.equal(told, {"mail 0": {"\\Seen"}, "mail 1": {"\\Seen", "\\Answered", "\\Flagged"}, "mail 2": frozenset(),
                   "mail 3": {"\\Seen", "\\Deleted"}}, "flags of Status and X-Status")


def variety(t, kind):
    def build(path):
        others.mbox(os.path.join(path, "box"), FROMS, kind)
        return os.path.join(path, "box")
    _, _, content = converted(t, build)
    got = [re.sub(rb"Content-Length: \d+\r\n", b"", w) for w in wires(content)]
    t.equal(sorted(got), sorted(FROMS), f"messages of an {kind} file")


def test_mboxrd(t):
    variety(t, "mboxrd")


def test_mboxo(t):
    variety(t, "mboxo")


def test_mboxcl2(t):
    variety(t, "mboxcl2")


def test_a_wrong_content_length_is_not_believed(t):
    letters = others.letters(3)
    lying = letters[1].replace(b"\r\n\r\n", b"\r\nContent-Length: 99999\r\n\r\n", 1)

    def build(path):
        others.mbox(os.path.join(path, "box"), [letters[0], lying, letters[2]], "mboxrd")
        return os.path.join(path, "box")
    _, _, content = converted(t, build)
    t.equal(wires(content), sorted([letters[0], lying, letters[2]]), "three messages")


def test_a_tree_of_mbox_files(t):
    letters = others.letters(6)

    def build(path):
        others.mbox(os.path.join(path, "inbox"), letters[:2], "mboxrd")
        others.mbox(os.path.join(path, "Work", "plans"), letters[2:4], "mboxrd")
        others.mbox(os.path.join(path, "Work", "old.mbox"), letters[4:], "mboxo")
        others.put(os.path.join(path, "Work", "plans.msf"), b"// <!-- <mdb:mork:z v=\"1.4\"/> -->\n")
    _, _, content = converted(t, build)
    t.equal(wires(content), sorted(letters), "messages")
    t.equal(len([f for f in content.values() if f.messages]), 3, f"folders: {sorted(people(content))}")
    t.ok(any(n.startswith("Work/") for n in people(content)), "levels", sorted(people(content)))


def test_an_mbox_with_an_endless_line(t):
    """Memory stays bounded: 64 MB in one line."""
    wire = formats.mail(b"x" * (64 << 20) + b"\r\n", subject="endless")

    def build(path):
        others.mbox(os.path.join(path, "box"), [wire, others.letters(1)[0]], "mboxrd")
        return os.path.join(path, "box")
    lab, job, content = converted(t, build)
    t.ok(wires(content) == sorted([wire, others.letters(1)[0]]), "both messages")


# -- eml ----------------------------------------------------------------------------

def test_a_tree_of_eml_files(t):
    want = [s.raw for s in others.PLAIN] + [s.raw for s in formats.specimens(formats.line_ends)]

    def build(path):
        others.eml(path, {"": want[:3], "Work": want[3:9], "Work/Deep er": want[9:]})
        others.put(os.path.join(path, "Work", "readme.txt"), b"no mail\n")
    _, _, content = converted(t, build)
    # LF alone is how a file of this system ends its lines; they become those of mail.
    mail = [w if b"\r\n" in w or b"\n" not in w else w.replace(b"\n", b"\r\n") for w in want]
    t.equal([w for w in sorted(mail) if w not in wires(content)], [], "octets are those of the files")
    t.equal({len(f.messages) for f in content.values() if f.messages}, {3, 6, len(want) - 9},
            f"folders: {sorted(people(content))}")


def test_one_eml_file(t):
    letter, = others.letters(1)

    def build(path):
        others.put(os.path.join(path, "one.eml"), letter, 1000000000)
        return os.path.join(path, "one.eml")
    _, _, content = converted(t, build)
    t.equal(wires(content), [letter], "the message")


# -- Exchange -----------------------------------------------------------------------

def test_the_worked_example(t):
    """Messages are put together from their pieces; Python's email finds the pieces again."""
    _, _, content = converted(t, lambda path: example.write(path), codes=(0, 1))
    mails = {m["Subject"]: m for m in map(email.message_from_bytes, wires(content))}
    t.equal(set(mails), {"Presupuesto, v2", "Keys", 'About "keys"'}, "subjects")
    first, second, third = (mails[n] for n in ("Presupuesto, v2", "Keys", 'About "keys"'))
    t.equal(email.utils.parseaddr(first["From"]), ("Ana Ruiz", "ana@example.org"), "From")
    t.equal(email.utils.getaddresses([second["Cc"]]), [("Ana Ruiz", "ana@example.org"), (
        "Luis Gil", "luis@example.org"), ("Eva Paz", "eva@example.org")], "Cc, from an Other record")
    when = email.utils.parsedate_to_datetime(first["Date"])
    t.equal(when.timestamp(), 955531865, "Date, local time of a run in UTC")
    parts = {p.get_filename(): p.get_payload(decode=True) for p in first.walk() if not p.is_multipart()}
    t.equal(parts.get("presupuesto v2.csv"), b"id;amount\r\n1;100\r\n2;250\r\n", "the attachment")
    t.ok("versi\u00f3n 2".encode() in (parts.get(None) or b"") or any(
        "versi\u00f3n 2" in (p.get_payload(decode=True) or b"").decode(p.get_content_charset() or "ascii", "replace")
        for p in first.walk() if not p.is_multipart()), "the text, decoded by the code page")
    flags = {m["Subject"]: k.flags for w, k in by_wire(content).items() for m in [email.message_from_bytes(w)]}
    t.equal(flags, {"Presupuesto, v2": {"\\Seen"}, "Keys": frozenset(), 'About "keys"': {"\\Seen", "\\Draft"}},
            "flags: Unread and Unsent")
    names = people(content)
    t.ok({"INBOX", "Proyectos/Banyan", "Drafts"} <= set(names), "folders", sorted(names))
    t.ok(third["Date"] is None or "1970" not in third["Date"], "no date is made up from nothing")


def test_a_set_of_another_writer_is_read_leniently(t):
    """Two further columns, LF, quotes left out, blanks, lower case, Body,0: all of it was seen."""
    pri = (b"! made elsewhere\n\nmailmessage,MIGRATE:SMTP:x@example.org\n"
           b"folder,sender,to,cc,bcc,subject,send-date,received-date,priority,unread,unsent,body\n"
           b"Filed Mail\\FYI,Ana [SMTP:ana@example.org],,,,one.two,20000101120000,,,FALSE,FALSE,#a b.sec(50),0,0\n"
           b"Deleted Items,,,,,,,,,FALSE,FALSE,#a b.sec(%d),0,0\n")
    one = b"Body,5,,TRUE,,,\r\nhello\r\n\r\n\r\n"
    sec = b"Type,Length,Encoding,Islast,Name,Position,Format\r\n" + one + \
        b"body,0,,false,,,\r\nAttachment,3,,TRUE,,-1,\r\nabc\r\n"
    files = {"x.pkl": b"! CodePage\r\n850\r\n\r\nfilename,filetype\r\n00000001.pri,primary\r\na b.sec,secondary\r\n",
             "00000001.pri": pri % (50 + len(one)), "a b.sec": sec}
    _, _, content = converted(t, lambda path: example.write(path, files) and path, codes=(0, 1, 2))
    mails = [email.message_from_bytes(w) for w in wires(content)]
    t.equal(sorted(m["Subject"] or "" for m in mails), ["", "one.two"], "both messages")
    t.ok({"Filed Mail/FYI"} <= set(people(content)), "the folder", sorted(people(content)))
    names = [p.get_filename() for m in mails for p in m.walk() if p.get_filename()]
    t.equal(len(names), 1, f"EM-19: an empty Name gets one: {names}")


def test_EM_11_the_number_alone_decides_the_decoding(t):
    for page, text in ((1252, "versi\u00f3n"), (850, "versi\u00ben")):
        files = {**example.FILES, "imex.PKL": example.PKL.replace(b"1252", b"%d" % page)}
        _, _, content = converted(t, lambda path, files=files: example.write(path, files))
        told = "".join((p.get_payload(decode=True) or b"").decode(p.get_content_charset() or "ascii", "replace")
                       for w in wires(content) for p in email.message_from_bytes(w).walk() if not p.is_multipart())
        t.ok(text in told, f"{page}: {text}", told)


def test_an_owner_of_any_form_has_its_mail(t):
    """The directory of an account lies below mail/ whatever the account is called, and nobody's mail is passed by."""
    for owner in (b"SMTP:ana", b"SMTP:..", b"..", b".", b"SMTP:", b"NOTES:ana@x", b"SMTP:a:b@x", b"../../x"):
        files = example.changed("00000001.PRI", b"MAILMESSAGE,SMTP:usuario1@example.com", b"MAILMESSAGE," + owner)
        _, job, content = converted(t, lambda path, files=files: example.write(path, files))
        t.equal(len(wires(content)), 3, f"messages of {owner}")
        t.equal(len(os.listdir(os.path.join(job, "mail"))), 1, f"directories of {owner}")
        t.ok("cur" not in os.listdir(job), f"the job directory of {owner} is no Maildir", os.listdir(job))
