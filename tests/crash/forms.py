"""What a format's files say, beside the state: for labs that kill, cut and fail.

A Form knows which messages are in its files (visible), what two equal jobs have
in common below mail/ (tree), and, with readers that know nothing of imex
(tests/lib), whether a job is sound: each sidecar line leads to its message,
digest and all, and no file holds a message that no line leads to (doubled).
"""

import hashlib
import os
import re

import exchange
import maildir
import mboxrd
import shim
import sidecar
import trees

# When a set was made: fixed by the state for all runs of a job, another for another job.
_EXTRACTED = re.compile(rb"\A! extracted .*? from ")
_SET_FILE = re.compile(r"\d{8}(-\d+)?\.(PRI|SEC)|.*\.PKL|DIRECTORY.*\.PRI|.*\.csv", re.I)


class Form:
    """Any format that has a sidecar a folder. args: options of the command.

    code: the exit code of a run that nothing disturbs. made: the calls that make messages
    visible are of this kind, and below a path that has this in it.
    """

    code = 0
    made = shim.WRITE, "folder.jsonl"
    apart = False       # each message is a file of its own: in what order they came does not show

    def __init__(self, name, *args):
        self.name = name
        self.args = ["--format", name, *args]

    def __str__(self):
        return " ".join([self.name, *self.args[2:]])

    def placing(self, call):
        op, text = self.made
        return call.op == op and text in (call.other if op == shim.RENAME else call.path)

    def tree(self, job):
        """path -> (digest, mtime where it means something) of all below mail/."""
        found = {}
        root = os.path.join(job, "mail")
        for base, _, names in os.walk(root):
            inside = os.path.relpath(base, root)
            found[inside + "/"] = None
            for name in names:
                found[os.path.normpath(os.path.join(inside, name))] = \
                    self.entry(os.path.join(base, name))
        return found

    def entry(self, path):
        dated = path.endswith(".eml")
        return hashlib.sha256(octets(path)).hexdigest(), os.stat(path).st_mtime_ns if dated else None

    def messages(self, job):
        """folder -> what it holds, wherever in its files that stands (rules.md 4.6)."""
        return {name: (folder.shown, {uid: (kept.shown, kept.wire and hashlib.sha256(kept.wire).hexdigest())
                                      for uid, kept in folder.messages.items()})
                for name, folder in trees.read(os.path.join(job, "mail"), self.name).items()}

    # -- at any moment: nothing here may assume that a run has ended -----------------

    def visible(self, job):
        """{(uidvalidity, uid)} of the messages that the files hold whole."""
        return {(line["uidvalidity"], line["uid"]) for directory, line in told(job)
                if self.holds(directory, line)}

    def holds(self, directory, line):
        path = self.path(directory, line)
        return os.path.exists(path) and \
            os.path.getsize(path) >= line.get("at", 0) + line["stored"]

    def path(self, directory, line):
        return os.path.join(directory, line["file"])

    def halted(self, job):
        """Sentences on what a run that was stopped may not leave behind."""
        return []

    # -- when a run has ended -----------------------------------------------------------

    def sound(self, job):
        """Sentences on what an independent reader does not find."""
        try:
            trees.read(os.path.join(job, "mail"), self.name)
            return self.doubles(job, sidecar.folders(os.path.join(job, "mail")).values())
        except trees.BROKEN as problem:
            return [f"{type(problem).__name__}: {problem}"]

    def doubles(self, job, folders):
        return [text for folder in folders for text in self.doubles_in(folder)]


class Maildir(Form):
    """visible goes by the names alone: they are what the next run judges by."""

    made = shim.RENAME, "/cur/"
    apart = True

    def tree(self, job):
        return maildir.tree(os.path.join(job, "mail"))

    def visible(self, job):
        names = (n for base, _, names in os.walk(os.path.join(job, "mail"))
                 if os.path.basename(base) == "cur" for n in names)
        return {(int(m[1]), int(m[2]))
                for m in (re.match(r"\d+\.V(\d+)U(\d+)\.imex", n) for n in names) if m}

    def sound(self, job):
        return []       # the scenes' own checks are stricter (maildir.py)


class Mbox(Form):
    def doubles_in(self, folder):
        """Each separator is where a line says that a message begins, and the other way round."""
        want = {(line["file"], line["at"]) for line in folder.history if not line.get("removed")}
        files = [n for n in os.listdir(folder.directory) if re.fullmatch(r"folder\.mbox(\.\d+)?", n)]
        got = {(n, mail.at) for n in files
               for mail in mboxrd.split(octets(os.path.join(folder.directory, n)))}
        return [f"{folder.directory}: no line leads to {sorted(got - want)}, no message is at "
                f"{sorted(want - got)}"] if got != want else []


class Eml(Form):
    made = shim.RENAME, ".eml"
    apart = True

    def holds(self, directory, line):
        return os.path.exists(self.path(directory, line))

    def doubles_in(self, folder):
        want = {line["file"] for line in folder.lines.values()}
        got = {n for n in os.listdir(folder.directory) if n.endswith(".eml")}
        return [f"{folder.directory}: too much: {sorted(got - want)}, missing: "
                f"{sorted(want - got)}"] if got != want else []


class Exchange(Form):
    """The set lies above the folders. Its list is there when all that it names is whole."""

    code = 1        # not all that a message has is in its columns

    def entry(self, path):
        data = octets(path)
        if path.endswith(".PRI"):
            data = _EXTRACTED.sub(b"! extracted DATE from ", data)
        return hashlib.sha256(data).hexdigest(), None

    def path(self, directory, line):
        while os.path.basename(directory) not in ("mail", ""):
            directory = os.path.dirname(directory)
        return os.path.join(directory, line["file"])

    def holds(self, directory, line):
        """Its line begins in the .PRI: what it leads to is checked when the run has ended."""
        path = self.path(directory, line)
        return os.path.exists(path) and os.path.getsize(path) > line["at"]

    def lists(self, job):
        mail = os.path.join(job, "mail")
        return sorted(n for n in os.listdir(mail) if n.endswith(".PKL")) \
            if os.path.isdir(mail) else []

    def halted(self, job):
        """A list is written last of all: what it names must be there, and in order."""
        said = []
        for name in self.lists(job):
            try:
                exchange.read_set(os.path.join(job, "mail", name))
            except exchange.Fault as fault:
                said.append(f"{name} is there, its set is not whole: {fault}")
        return said

    def doubles(self, job, folders):
        """Each line of a .PRI is where a sidecar says that a message begins, and back."""
        mail = os.path.join(job, "mail")
        want = {(line["file"], line["at"]) for folder in folders for line in folder.history
                if not line.get("removed")}
        got = {(section.file, starts[made.line])
               for one in exchange.read_folder(mail) for section in one.sections
               for starts in [line_starts(os.path.join(mail, section.file))]
               for made in section.messages}
        return [f"no sidecar line leads to {sorted(got - want)}, no message is at "
                f"{sorted(want - got)}"] if got != want else []


def line_starts(path):
    """line number -> its first octet."""
    found, at = {}, 0
    for number, line in enumerate(octets(path).splitlines(keepends=True), 1):
        found[number] = at
        at += len(line)
    return found


def octets(path):
    with open(path, "rb") as file:
        return file.read()


def whole(place):
    """path -> (digest, date) of all below a directory that must not change."""
    return {os.path.relpath(os.path.join(base, name), place):
            (hashlib.sha256(octets(os.path.join(base, name))).hexdigest(),
             os.stat(os.path.join(base, name)).st_mtime_ns)
            for base, _, names in os.walk(place) for name in names}


def told(job):
    """(directory, line) of the message lines that count in all sidecars; one that is torn is none."""
    for base, _, names in os.walk(os.path.join(job, "mail")):
        lines = {}
        for name in sorted(n for n in names if sidecar.NAME.fullmatch(n)):
            for line in sidecar.whole_lines(os.path.join(base, name)):
                lines[line["uidvalidity"], line["uid"]] = line
        yield from ((base, line) for line in lines.values() if not line.get("removed"))


MAILDIR = Maildir("maildir")
MBOX = Mbox("mbox")
EML = Eml("eml")
EXCHANGE = Exchange("exchange")
SOURCE = Exchange("exchange", "--full-source")
