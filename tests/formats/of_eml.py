"""--format eml: one file a message, with the octets of the wire, that Python's email parses."""

import email
import email.policy
import os

import foldernames
import placing
from lab import Lab, needs


def extracted(t, store, *args, **how):
    needs(t, "eml")
    lab = Lab(t, store)
    job = lab.extract("eml", *args, **how)
    return lab, job, lab.holds(job, "eml")


def files(folder):
    return {n for n in os.listdir(folder.directory)
            if os.path.isfile(os.path.join(folder.directory, n)) and not n.startswith("folder.jsonl")}


def structure(message):
    """What a message is made of: types, names, sizes, nested."""
    inner = message.get_payload() if message.is_multipart() else len(message.get_payload(decode=True) or b"")
    return (message.get_content_type(), message.get_filename(), len(message.keys()),
            [structure(m) for m in inner] if isinstance(inner, list) else inner)


def test_every_kind_of_message_has_the_octets_of_the_wire(t):
    lab, job, content = extracted(t, foldernames.of_kinds(with_big=True))
    inbox = content["INBOX"]
    t.equal(files(inbox), {f"{m.uid}.eml" for m in lab.store["INBOX"]}, "names of the files")
    lab.verifies(job)


def test_python_s_email_sees_the_same_structure(t):
    lab, _, content = extracted(t, foldernames.of_kinds())
    for message in lab.store["INBOX"]:
        with open(content["INBOX"].messages[message.uid].path, "rb") as file:
            got = email.message_from_bytes(file.read(), policy=email.policy.compat32)
        want = email.message_from_bytes(message.raw, policy=email.policy.compat32)
        t.equal(structure(got), structure(want), f"UID {message.uid}")


def test_every_kind_of_folder_name(t):
    lab, job, content = extracted(t, foldernames.of_names())
    placing.check_safe(t, lab.account(job))
    placing.check_layout(t, lab.account(job), content, None)
    for folder in content.values():
        t.equal(files(folder), {f"{uid}.eml" for uid in folder.messages}, f"files of {folder.name!r}")
    lab.verifies(job)


def test_names_for_windows(t):
    lab, job, content = extracted(t, foldernames.of_names(), "--windows-names")
    placing.check_safe(t, lab.account(job))
    placing.check_windows(t, lab.account(job))
    placing.check_layout(t, lab.account(job), content, None)
    lab.verifies(job)


def test_everything_at_once(t):
    lab, job, _ = extracted(t, foldernames.everything())
    lab.verifies(job)


def test_wire_line_ends_are_what_it_has_anyway(t):
    lab, job, content = extracted(t, foldernames.small(), "--eol", "crlf")
    t.ok(all(k.line["stored"] == k.line["wire"] for f in content.values() for k in f.messages.values()),
         "stored and wire lengths are equal")
    lab.verifies(job)
