"""Read a Maildir++ tree as imex writes it, and compare two trees.

Files are named <internaldate>.V<uidvalidity>U<uid>.imex,S=<size>,W=<wire size>:2,<flags>
and their mtime is the internal date. A name of another form in cur or new is an
entry with identity None, so that a scene can say that there are none.
"""

import hashlib
import os
import re
from dataclasses import dataclass

_NAME = re.compile(r"^(?P<date>\d+)\.V(?P<validity>\d+)U(?P<uid>\d+)\.imex"
                   r",S=(?P<size>\d+),W=(?P<wire>\d+):2,(?P<flags>[A-Za-z]*)$")


@dataclass
class Mail:
    """One message file. folder is the Maildir++ directory name, '' for INBOX."""
    folder: str
    name: str
    path: str
    data: bytes
    mtime: int
    date: int = None
    validity: int = None
    uid: int = None
    size: int = None
    wire_size: int = None
    flags: str = ""

    @property
    def identity(self):
        """(uidvalidity, uid), or None for a file that imex did not name."""
        return None if self.uid is None else (self.validity, self.uid)

    @property
    def wire(self):
        """The bytes as the server sent them."""
        return self.data if self.size == self.wire_size else self.data.replace(b"\n", b"\r\n")


def parse(folder, path):
    name = os.path.basename(path)
    with open(path, "rb") as file:
        data = file.read()
    mail = Mail(folder, name, path, data, int(os.stat(path).st_mtime))
    found = _NAME.match(name)
    if found:
        mail.date, mail.validity = int(found["date"]), int(found["validity"])
        mail.uid, mail.size = int(found["uid"]), int(found["size"])
        mail.wire_size, mail.flags = int(found["wire"]), found["flags"]
    return mail


def folders(root):
    """The Maildir++ directory names below root; '' stands for INBOX."""
    names = [n for n in sorted(os.listdir(root)) if os.path.isdir(os.path.join(root, n, "cur"))]
    return ([""] if os.path.isdir(os.path.join(root, "cur")) else []) + names


def messages(root, folder=None):
    """All messages in cur and new of one folder, or of all, ordered by folder and UID."""
    found = []
    for name in folders(root) if folder is None else [folder]:
        for part in ("cur", "new"):
            where = os.path.join(root, name, part)
            if os.path.isdir(where):
                found += [parse(name, os.path.join(where, n)) for n in os.listdir(where)]
    return sorted(found, key=lambda m: (m.folder, m.validity or 0, m.uid or 0, m.name))


def keywords(root, folder):
    """letter -> keyword from dovecot-keywords."""
    path = os.path.join(root, folder, "dovecot-keywords")
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        pairs = [line.rstrip("\n").split(" ", 1) for line in file if line.strip()]
    return {chr(ord("a") + int(number)): name for number, name in pairs}


def tree(root):
    """path -> (digest, mtime of message files) of everything below root.

    Only message files have a date that means something; of the others the
    bytes are taken. Left-overs in tmp/ count: an undisturbed run has none.
    """
    found = {}
    for base, dirs, names in os.walk(root):
        inside = os.path.relpath(base, root)
        found[inside + "/"] = None
        for name in names:
            path = os.path.join(base, name)
            with open(path, "rb") as file:
                digest = hashlib.sha256(file.read()).hexdigest()
            mtime = os.stat(path).st_mtime_ns if _NAME.match(name) else None
            found[os.path.normpath(os.path.join(inside, name))] = (digest, mtime)
    return found


def differences(first, second, names=("first", "second")):
    """Sentences, one for each path in which two tree() results differ."""
    said = []
    for path in sorted(first.keys() | second.keys()):
        if path not in second:
            said.append(f"only in {names[0]}: {path}")
        elif path not in first:
            said.append(f"only in {names[1]}: {path}")
        elif first[path] != second[path]:
            said.append(f"differs: {path}: {first[path]} / {second[path]}")
    return said
