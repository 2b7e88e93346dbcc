"""What a job directory holds, whatever its format: read from the files, not from the state.

    content = trees.read("job/mail", "mbox")    # wire name of a folder -> Folder
    content["INBOX"].messages[5].wire           # the octets as they were on the wire

The sidecar says what there is, each format's own file what it looks like; both must agree
(size and SHA-256), else it is Broken.
"""

import hashlib
import os
import re
from dataclasses import dataclass, field

import exchange
import maildir
import mboxrd
import sidecar
from store import epoch

LETTERS = {"\\Seen": "S", "\\Answered": "R", "\\Flagged": "F", "\\Draft": "D", "\\Deleted": "T"}


class Broken(Exception):
    """The files contradict each other."""


BROKEN = (Broken, sidecar.Broken, mboxrd.Broken, exchange.Fault)


@dataclass
class Kept:
    """One message. wire is None where the format keeps its pieces only."""
    uid: int
    wire: bytes
    flags: frozenset
    date: str
    sha256: str
    line: dict
    path: str = None

    @property
    def shown(self):
        return self.flags, self.date, self.sha256


@dataclass
class Folder:
    name: str
    directory: str
    head: dict
    messages: dict = field(default_factory=dict)

    @property
    def shown(self):
        """What describes the folder itself, beside its messages."""
        return {k: v for k, v in self.head.items()
                if k in ("uidvalidity", "special_use", "subscribed", "delim")}


def read(mail, format):
    """All folders of all accounts below mail/; one account in most tests."""
    found = {}
    readers = {"maildir": _Maildir, "mbox": _Mbox, "eml": _Eml, "exchange": _Exchange}
    reader = readers[format](mail)
    for name, side in sidecar.folders(mail).items():
        found[name] = Folder(name, side.directory, side.head)
        for uid, line in side.current().items():
            wire, path = reader.get(side.directory, line)
            _check(side.directory, line, wire)
            flags = frozenset(line["flags"]) | frozenset(line["keywords"])
            found[name].messages[uid] = Kept(uid, wire, flags, line["internaldate"],
                                             line["sha256"], line, path)
    return found


def _check(directory, line, wire):
    if wire is None:
        return
    if hashlib.sha256(wire).hexdigest() != line["sha256"] or len(wire) != line["wire"]:
        raise Broken(f"{directory}: UID {line['uid']} is {len(wire)} octets, the sidecar says "
                     f"{line['wire']}; digest {'differs' if len(wire) == line['wire'] else 'too'}")


class _Maildir:
    def __init__(self, _mail):
        self._names = {}

    def get(self, directory, line):
        if directory not in self._names:
            names = [os.path.join(p, n) for p in ("cur", "new")
                     if os.path.isdir(os.path.join(directory, p))
                     for n in os.listdir(os.path.join(directory, p))]
            self._names[directory] = {re.split("[,:]", os.path.basename(n))[0]: n for n in names}
        base = re.split("[,:]", line["file"])[0]
        name = self._names[directory].get(base)
        if name is None:
            raise Broken(f"{directory}: no file {line['file']} of UID {line['uid']}")
        mail = maildir.parse("", os.path.join(directory, name))
        want = {LETTERS[f] for f in line["flags"] if f in LETTERS}
        if {c for c in mail.flags if c.isupper()} != want:
            raise Broken(f"{name}: flags {mail.flags}, the sidecar says {line['flags']}")
        return mail.wire, mail.path


class _Mbox:
    def __init__(self, _mail):
        self._files = {}

    def get(self, directory, line):
        path = os.path.join(directory, line["file"])
        if path not in self._files:
            with open(path, "rb") as file:
                self._files[path] = file.read()
        return mboxrd.at(self._files[path], line), path


class _Eml:
    def __init__(self, _mail):
        pass

    def get(self, directory, line):
        path = os.path.join(directory, line["file"])
        with open(path, "rb") as file:
            return file.read(), path


class _Exchange:
    """The untouched message is an attachment, when it is there; its digest tells which."""

    def __init__(self, mail):
        self.sets = exchange.read_folder(mail)
        self._sources = {}
        for made in self.sets:
            for message in made.messages:
                for attachment in message.attachments:
                    if attachment.name == "message.eml":
                        digest = hashlib.sha256(attachment.data).hexdigest()
                        self._sources[digest] = attachment.data

    def get(self, _directory, line):
        return self._sources.get(line["sha256"]), None


# -- comparing -------------------------------------------------------------------------

def differences(one, other, names=("the first", "the second")):
    """Sentences on what two contents have not in common."""
    said = [f"folder {n!r} is only in {names[0] if n in one else names[1]}"
            for n in sorted(one.keys() ^ other.keys())]
    for name in sorted(one.keys() & other.keys()):
        a, b = one[name], other[name]
        if a.shown != b.shown:
            said.append(f"{name!r}: {a.shown} became {b.shown}")
        for uid in sorted(a.messages.keys() | b.messages.keys()):
            if uid not in a.messages or uid not in b.messages:
                said.append(f"{name!r} UID {uid} is only in {names[0 if uid in a.messages else 1]}")
            elif a.messages[uid].shown != b.messages[uid].shown:
                said.append(f"{name!r} UID {uid}: {a.messages[uid].shown} became "
                            f"{b.messages[uid].shown}")
            elif None not in (a.messages[uid].wire, b.messages[uid].wire) \
                    and a.messages[uid].wire != b.messages[uid].wire:
                said.append(f"{name!r} UID {uid}: other octets")
    return said


def against_store(content, store):
    """Sentences on what a content lacks, or has too much, of what the server has."""
    said = []
    wanted = {f.name: f for f in store if f.selectable}
    said += [f"folder {n!r} is missing" for n in sorted(wanted.keys() - content.keys())]
    said += [f"folder {n!r} is not on the server" for n in sorted(content.keys() - wanted.keys())]
    for name in sorted(wanted.keys() & content.keys()):
        folder, got = wanted[name], content[name]
        if got.head["uidvalidity"] != folder.uidvalidity:
            said.append(f"{name!r}: UIDVALIDITY {got.head['uidvalidity']}")
        if sorted(got.messages) != [m.uid for m in folder]:
            said.append(f"{name!r}: UIDs {sorted(got.messages)}, not {[m.uid for m in folder]}")
        for message in folder:
            if message.uid in got.messages:
                said += _against(name, message, got.messages[message.uid])
    return said


def _against(name, message, kept):
    what = f"{name!r} UID {message.uid}"
    said = []
    if kept.sha256 != hashlib.sha256(message.raw).hexdigest():
        said.append(f"{what}: another SHA-256 in the sidecar")
    if kept.wire is not None and kept.wire != message.raw:
        said.append(f"{what}: {len(kept.wire)} octets, should be {len(message.raw)}: "
                    f"{first_difference(kept.wire, message.raw)}")
    if kept.flags != frozenset(message.flags):
        said.append(f"{what}: flags {sorted(kept.flags)}, should be {sorted(message.flags)}")
    if (kept.date or "").strip() != message.date.strip():
        said.append(f"{what}: date {kept.date!r}, should be {message.date!r}")
    if kept.path and kept.line.get("file", "").endswith(".eml"):
        when = epoch(message.date)
        if when is not None and when >= 0 and int(os.stat(kept.path).st_mtime) != when:
            said.append(f"{what}: mtime {int(os.stat(kept.path).st_mtime)}, should be {when}")
    return said


def first_difference(got, want):
    at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
    return f"at octet {at}: {got[at:at + 30]!r}, should be {want[at:at + 30]!r}"
