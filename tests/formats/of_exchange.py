"""--format exchange: the set as a whole. That it keeps to the format, exchange.py asserts."""

import os
import re
import signal
import time

import exchange
import exfields
import foldernames
import formats
import sets
import trees
from lab import PASSWORD, Lab, needs
from store import Store
from wire import Stall


def extracted(t, store, *args, **how):
    needs(t, "exchange")
    server = {k: how.pop(k) for k in ("user",) if k in how}
    lab = Lab(t, store, **server)
    return lab, lab.extract("exchange", *args, **how)


def mail_files(job):
    mail = os.path.join(job, "mail")
    names = os.listdir(mail) if os.path.isdir(mail) else []
    return {n: os.path.join(mail, n) for n in names if os.path.isfile(os.path.join(mail, n))}


def test_every_offset_and_length_is_right(t):
    lab, job = extracted(t, foldernames.everything())
    made = sets.read(t, job, 0)
    t.equal(made.codepage, 1252, "the code page unless another is asked for")
    t.equal(len(made.messages), sum(len(f) for f in lab.store), "messages")
    lab.verifies(job)


def test_every_offset_and_length_is_right_in_japanese(t):
    lab, job = extracted(t, foldernames.everything(), "--codepage", "932")
    made = sets.read(t, job, 0)
    t.equal((made.codepage, len(made.messages)), (932, sum(len(f) for f in lab.store)), "messages")
    lab.verifies(job)


def test_every_offset_and_length_is_right_in_utf_8(t):
    lab, job = extracted(t, foldernames.everything(), "--codepage", "65001", "--full-source")
    made = sets.read(t, job, 0)
    t.equal((made.codepage, len(made.messages)), (65001, sum(len(f) for f in lab.store)), "messages")
    lab.verifies(job)


def test_a_code_page_that_is_none_is_refused(t):
    needs(t, "exchange")
    lab = Lab(t, foldernames.small(1))
    job, run = lab.run_extract("exchange", "--codepage", "1200")
    t.equal(run.code, 64, "exit code")
    t.matches(run.text, "1252", "it says what is accepted")
    t.ok(not os.path.exists(os.path.join(job, "mail", "imex.PKL")), "nothing is written")


def test_the_files_have_their_names(t):
    _, job = extracted(t, foldernames.small())
    t.equal(sorted(mail_files(job)), sorted(["imex.PKL", "DIRECTORY.PRI", "00000001.PRI", "00000001.SEC",
                                             "Imapusr.csv"]), "files in mail/")
    made = sets.read(t, job, 0)
    t.equal(made.files, [("DIRECTORY.PRI", "Primary"), ("00000001.PRI", "Primary"),
                         ("00000001.SEC", "Secondary")], "and in the packing list")


def test_EM_30_the_packing_list_is_written_last(t):
    _, job = extracted(t, foldernames.small())
    files = {n: os.stat(p).st_ctime_ns for n, p in mail_files(job).items()}
    last = files.pop("imex.PKL")
    late = [n for n, when in files.items() if when > last]
    t.equal(late, [], "files changed after the packing list")


def test_EM_30_a_run_that_is_killed_leaves_no_packing_list(t):
    needs(t, "exchange")
    lab = Lab(t, foldernames.small())
    lab.server.fetch(uid=3, folder="Archive", reply=lambda f: [Stall(30), f.value])
    job, run = start(lab)
    t.must(lab.server.transcript.wait_for(r"EXAMINE \"?Archive", 30), "imex comes to the folder")
    time.sleep(1)
    run.signal(signal.SIGKILL).wait()
    t.ok("imex.PKL" not in mail_files(job), "no packing list without its files", sorted(mail_files(job)))
    lab.server.clear()
    _, done = lab.run_extract("exchange", job=job)
    t.within(done.code, (0, 1), "the same command completes it")
    t.equal(len(sets.read(t, job, 0).messages), sum(len(f) for f in lab.store), "messages, each once")
    lab.verifies(job)


def start(lab):
    import imexrun
    from lab import CERTS
    job = lab.path()
    return job, imexrun.start(lab.t, "extract", lab.server.url(), "--to", job, "--format", "exchange",
                              "--tls-ca", CERTS.ca_file, timeout=60)


def test_EM_44_an_empty_account_has_an_empty_section(t):
    lab, job = extracted(t, Store())
    made = sets.read(t, job, 0)
    sections = [s for s in made.sections if s.kind == "MAILMESSAGE"]
    t.equal([(len(s.messages), s.header[:1]) for s in sections], [(0, ["Folder"])], "an empty section")
    t.equal(len(lab.report(job)["accounts"]), 1, "the account is counted")
    lab.verifies(job)


def test_EM_44_an_account_without_folders_has_an_empty_section(t):
    lab, job = extracted(t, foldernames.small(), "--exclude", "*")
    made = sets.read(t, job, 0)
    t.equal([len(s.messages) for s in made.sections if s.kind == "MAILMESSAGE"], [0], "an empty section")


def test_an_empty_folder_is_named(t):
    lab, job = extracted(t, foldernames.small())
    comments = " ".join(text for _, _, text in sets.read(t, job, 0).comments)
    t.ok("Empty" in comments or "Empty" in lab.report_text(job), "a comment or the report names it", comments)


def test_comments_tell_the_run_and_its_zone(t):
    lab, job = extracted(t, foldernames.small(), tz="Europe/Berlin")
    text = "\n".join(text for _, _, text in sets.read(t, job, 0).comments)
    t.matches(text, r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "when")
    t.ok("127.0.0.1" in text and lab.server.user in text, "from where", text)
    t.matches(text, r"Berlin|CES?T|\+0[12]:?00", "the zone of the dates")


def test_EM_46_no_secret_is_in_the_set(t):
    lab, job = extracted(t, foldernames.small())
    for name, path in mail_files(job).items():
        with open(path, "rb") as file:
            t.ok(PASSWORD.encode() not in file.read(), f"no password in {name}")
    rows = exchange.read_users(mail_files(job)["Imapusr.csv"], [PASSWORD])
    t.equal([(r["IMAP_Mailbox"], r["IMAP_Server"], r.get("IMAP_Port")) for r in rows],
            [(lab.server.user, "127.0.0.1", str(lab.server.port))], "the user list")


def test_EM_29_any_account_name_works(t):
    for user in ("usuario1%ncc%migracion", "a,b;c\"d", "o'neill/sales", "\\server\\x", "J\u00f6rg", "a b", "#1!"):
        lab, job = extracted(t, foldernames.small(1), user=user)
        made = sets.read(t, job, 0)
        for name in mail_files(job):
            t.ok(not exchange.BAD_IN_NAMES.intersection(name) and name.isascii(), f"a file name: {name!r}")
        owners = {s.owner for s in made.sections if s.kind == "MAILMESSAGE"}
        t.equal(len(owners), 1, f"one owner for {user!r}: {owners}")
        t.ok(owners.pop().startswith("SMTP:"), "an SMTP address, if a made one")


def test_EM_27_a_login_with_percent_signs_is_one_value(t):
    _, job = extracted(t, foldernames.small(1), user="usuario1%ncc%migracion")
    made = sets.read(t, job, 0)
    t.equal([len(values) for o in made.directory for values in o.values() if len(values) > 1], [],
            "no field of DIRECTORY falls into several values")
    proxies = made.directory[0]["secondary-proxy-addresses"]
    t.ok(any("usuario1%ncc%migracion@127.0.0.1" in p for p in proxies), "the address", proxies)
    owner, = {s.owner for s in made.sections if s.kind == "MAILMESSAGE"}
    t.ok(owner in proxies or "MIGRATE:" + owner in proxies, "the owner is found by its address", owner, proxies)
    rows = exchange.read_users(mail_files(job)["Imapusr.csv"])
    t.equal(rows[0]["IMAP_Mailbox"], "usuario1%ncc%migracion", "the login in the user list")


def test_EM_52_the_same_input_gives_the_same_files(t):
    lab, one = extracted(t, foldernames.small())
    other = lab.extract("exchange", "--connections", "1")
    for name, path in mail_files(one).items():
        data = [re.sub(rb"^![^\r]*\r\n", b"", open(p, "rb").read(), flags=re.M) if name != "00000001.SEC"
                else open(p, "rb").read() for p in (path, mail_files(other)[name])]
        t.ok(data[0] == data[1], f"{name} of two runs", trees.first_difference(*data))


def test_EM_45_folders_map_one_to_one(t):
    store = foldernames.of_names(foldernames.NAMES + foldernames.TWINS)
    store.add("Sent", use="\\Sent").add(formats.mail(subject="sent one"))
    store.add("Trash", use="\\Trash").add(formats.mail(subject="deleted one"))
    lab, job = extracted(t, store, "--codepage", "65001")
    made = sets.read(t, job, 0)
    sets.by_folder(t, made.messages, store, 65001)
    report = lab.report_text(job)
    t.ok("under_score (2)" in report or "under_score (2)" in {m.folder for m in made.messages},
         "twins get a number", sorted(m.folder for m in made.messages if "under" in m.folder))
    t.ok("Sent Items" in report and "Deleted Items" in report, "the report tells what became of names")


def test_two_accounts_are_one_set(t):
    needs(t, "exchange")
    one, two = Lab(t, foldernames.small(2)), Lab(t, foldernames.small(1), user="second@example.org")
    job = one.extract("exchange")
    two.extract("exchange", job=job)
    made = sets.read(t, job)
    owners = {s.owner for m in made for s in m.sections if s.kind == "MAILMESSAGE"}
    t.equal(len(owners), 2, f"two owners: {owners}")
    want = sum(len(f) for lab in (one, two) for f in lab.store)
    t.equal(sum(len(m.messages) for m in made), want, "messages of both")
    one.verifies(job)


def test_the_owner_is_the_smtp_address(t):
    _, job = extracted(t, foldernames.small(1), user="ana@example.org")
    owner, = {s.owner for s in sets.read(t, job, 0).sections if s.kind == "MAILMESSAGE"}
    t.within(owner, ("SMTP:ana@example.org", "SMTP:ana@example.org@127.0.0.1"), "the owner")


def test_everything_with_the_full_source(t):
    lab, job = extracted(t, foldernames.everything(), "--full-source")
    content = lab.holds(job, "exchange")
    without = [(f.name, uid) for f in content.values() for uid, k in f.messages.items() if k.wire is None]
    t.equal(without, [], "messages without their source")
    lab.verifies(job)


def test_pages_are_what_the_program_says(t):
    """EM-10: what a code page has comes through, each character of it."""
    needs(t, "exchange")
    for page in (437, 10000, 1252):
        text = "".join(exfields.decode(bytes([o]), page) for o in range(256) if o > 0xA0 or 33 <= o < 127)
        store = Store()
        store["INBOX"].add(formats.typed("text/plain; charset=utf-8", (text + "\r\n").encode(),
                                         subject=formats.word(text[-90:])))
        _, job = extracted(t, store, "--codepage", str(page))
        message, = sets.read(t, job, 0).messages
        t.equal(message.body.removesuffix("\r\n"), text, f"the text in {page}")
        t.equal(message.subject, text[-90:], f"the subject in {page}")
