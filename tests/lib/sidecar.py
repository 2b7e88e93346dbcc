"""Read folder.jsonl: what a format itself cannot hold (rules.md 3.5).

One JSON object a line. One with "folder" describes the folder, the last counts; the
others a message, the last line of a UID counts; "removed" takes it back. A folder has
folder.jsonl, folder.jsonl.2 and so on when another program changed a file.
"""

import json
import os
import re
from dataclasses import dataclass, field

NAME = re.compile(r"folder\.jsonl(\.\d+)?")


class Broken(Exception):
    """A sidecar that is none: file, line, what."""


@dataclass
class Folder:
    """A directory with a sidecar. lines: (uidvalidity, uid) -> the line that counts."""
    directory: str
    head: dict = field(default_factory=dict)
    lines: dict = field(default_factory=dict)
    history: list = field(default_factory=list)     # every message line, in order

    @property
    def name(self):
        return self.head.get("name", self.head.get("folder"))

    def current(self):
        """The lines of the folder's present UIDVALIDITY, by UID."""
        validity = self.head["uidvalidity"]
        return {uid: line for (v, uid), line in sorted(self.lines.items()) if v == validity}


def read(directory):
    """The Folder of a directory."""
    made = Folder(directory)
    files = sorted((n for n in os.listdir(directory) if NAME.fullmatch(n)),
                   key=lambda n: int(n.partition("jsonl.")[2] or 1))
    for name in files:
        path = os.path.join(directory, name)
        with open(path, "rb") as file:
            data = file.read()
        if data and not data.endswith(b"\n"):
            raise Broken(f"{path}: the last line does not end")
        for number, text in enumerate(data.splitlines(), 1):
            try:
                _line(made, json.loads(text))
            except (ValueError, KeyError, TypeError) as problem:
                raise Broken(f"{path} line {number}: {problem!r}: {text[:120]!r}") from None
    if not made.head:
        raise Broken(f"{directory}: no line describes the folder")
    return made


def _line(made, line):
    if "folder" in line:
        made.head = line
        return
    key = line["uidvalidity"], line["uid"]
    made.history.append(line)
    if line.get("removed"):
        made.lines.pop(key, None)
    else:
        made.lines[key] = line


def whole_lines(path):
    """The message lines of one file as far as they are whole: a kill may have torn the last ones."""
    with open(path, "rb") as file:
        for text in file.read().split(b"\n")[:-1]:
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if "uid" in line:
                yield line


def folders(account):
    """name on the wire -> Folder, for all sidecars below a directory."""
    found = {}
    for base, dirs, names in os.walk(account):
        dirs.sort()
        if any(NAME.fullmatch(n) for n in names):
            made = read(base)
            if made.name in found:
                raise Broken(f"{base} and {found[made.name].directory}: both are {made.name!r}")
            found[made.name] = made
    return found
