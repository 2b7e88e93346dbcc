"""Mail as other programs leave it: made with Python's mailbox, or by hand."""

import mailbox
import os

import formats
import mboxrd
from foldernames import utf7

PLAIN = [s for s in formats.specimens(formats.plain, formats.structures, formats.charsets)
         if "odd" not in s and s.raw.endswith(b"\r\n") and b"\r\n\r\n" in s.raw and b"\nFrom " not in s.raw]


def letters(count, word="mail"):
    """Plain messages that can be told apart, with CRLF."""
    return [formats.mail(f"{word} {n}\r\n" * (n + 1), subject=f"{word} {n}") for n in range(count)]


def lf(wire):
    return wire.replace(b"\r\n", b"\n")


def put(path, data, when=None):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
    if when is not None:
        os.utime(path, (when, when))


def maildir(path, messages, keywords=(), when=1000000000):
    """A Maildir of (wire, flags of the name); some in new/, files with LF."""
    for part in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(path, part), exist_ok=True)
    for number, (wire, flags) in enumerate(messages):
        name = f"{when + number}.M{number}P1.host"
        place = f"new/{name}" if flags is None else f"cur/{name}:2,{flags}"
        put(os.path.join(path, place), lf(wire), when + number)
    if keywords:
        put(os.path.join(path, "dovecot-keywords"),
            "".join(f"{n} {k}\n" for n, k in enumerate(keywords)).encode())


def maildirpp(path, folders):
    """A Maildir++: name ('' for INBOX) -> messages; names in modified UTF-7, '.' between levels."""
    for name, messages in folders.items():
        where = os.path.join(path, "." + utf7(name.replace("/", "."))) if name else path
        maildir(where, messages)
        if name:
            put(os.path.join(where, "maildirfolder"), b"")


def python_maildir(path, wires, flags=()):
    box = mailbox.Maildir(path, create=True)
    for number, wire in enumerate(wires):
        message = mailbox.MaildirMessage(lf(wire))
        if flags:
            message.set_subdir("cur")
            message.set_flags(flags[number % len(flags)])
        box.add(message)
    box.close()


def python_mbox(path, wires, flags=()):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    box = mailbox.mbox(path, create=True)
    for number, wire in enumerate(wires):
        message = mailbox.mboxMessage(lf(wire))
        message.set_from("ana@example.org", (2001, 9, 9, 1, 46, 40, 0, 0, 0))
        if flags:
            message.set_flags(flags[number % len(flags)])
        box.add(message)
    box.close()


def mbox(path, wires, variety):
    put(path, mboxrd.make([(w, b"ana@example.org", 1000000000 + n) for n, w in enumerate(wires)], variety))


def eml(path, folders):
    """folder path -> messages, as .eml files with CRLF."""
    for name, wires in folders.items():
        os.makedirs(os.path.join(path, name), exist_ok=True)
        for number, wire in enumerate(wires):
            put(os.path.join(path, name, f"{number:03} mail.eml"), wire, 1000000000 + number)
