"""Mail that imex did not write is converted again after it has changed: each message is in the result as
often as in the source, and what was removed from that is kept."""

import collections
import os

import foldernames
import mboxrd
import others
import sets
from lab import FORMATS, Lab, needs

LETTERS = others.letters(12)


def counted(t, lab, job, format):
    """Messages as they lie in the files of the format, with nothing told by a sidecar."""
    found = collections.Counter()
    if format == "exchange":
        for one in sets.read(t, job):
            found.update(a.data for m in one.messages for a in m.attachments if a.name == "message.eml")
        return found
    for base, _, names in os.walk(lab.account(job)):
        for name in names:
            path = os.path.join(base, name)
            if format == "mbox" and name.startswith("folder.mbox"):
                with open(path, "rb") as file:
                    found.update(mboxrd.crlf(mboxrd.unquote(m.octets)) for m in mboxrd.split(file.read()))
            elif format == "eml" and name.endswith(".eml"):
                with open(path, "rb") as file:
                    found[file.read()] += 1
            elif format == "maildir" and os.path.basename(base) in ("cur", "new"):
                with open(path, "rb") as file:
                    found[mboxrd.crlf(file.read())] += 1
    return found


def told(lab, job, format):
    """As the sidecars tell."""
    return collections.Counter(k.wire for f in lab.content(job, format).values() for k in f.messages.values())


class Maildir:
    """Names are such that what comes later stands before, between and behind what is there."""

    def __init__(self, path):
        self.path, self.names = path, []
        os.makedirs(path)
        others.maildir(path, [])

    def add(self, wire, name):
        path = os.path.join(self.path, "cur", f"{name}.M1P1.host:2,S")
        others.put(path, others.lf(wire), 1000000000)
        self.names.append(path)

    def build(self):
        for n, name in enumerate((20, 40, 60, 80, 81)):
            self.add(LETTERS[min(n, 3)], name)          # the last two are the same message

    def grow(self):
        for n, name in enumerate((10, 30, 90)):
            self.add(LETTERS[4 + n], name)

    def shrink(self):
        os.unlink(self.names[1])
        self.add(LETTERS[7], 50)


class Mbox:
    def __init__(self, path):
        self.path, self.wires = path, []

    def write(self):
        others.mbox(self.path, self.wires, "mboxrd")

    def build(self):
        self.wires = [LETTERS[n] for n in (0, 1, 2, 3, 3)]
        self.write()

    def grow(self):
        self.wires = [LETTERS[4]] + self.wires[:2] + [LETTERS[5]] + self.wires[2:] + [LETTERS[6]]
        self.write()

    def shrink(self):
        self.wires.remove(LETTERS[1])
        self.wires.append(LETTERS[7])
        self.write()


class Eml(Maildir):
    def __init__(self, path):
        self.path, self.names = path, []
        os.makedirs(path)

    def add(self, wire, name):
        path = os.path.join(self.path, f"{name}.eml")
        others.put(path, wire, 1000000000)
        self.names.append(path)


def runs(t, kind, format):
    needs(t, "convert", format)
    lab = Lab(t)
    source = kind(lab.path("foreign"))
    args = ("--full-source",) if format == "exchange" else ()
    what = f"{kind.__name__} to {format}"
    source.build()
    job = lab.convert(source.path, format, *args)
    want = collections.Counter(LETTERS[:4] + LETTERS[3:4])
    for step, more in (("grow", LETTERS[4:7]), ("shrink", LETTERS[7:8])):
        getattr(source, step)()
        lab.convert(source.path, format, *args, job=job)
        want.update(more)
        t.ok(counted(t, lab, job, format) == want, f"{what}: each message once after {step}",
             sorted((n, w[:60]) for w, n in counted(t, lab, job, format).items()))
        t.ok(told(lab, job, format) == want or step == "shrink", f"{what}: likewise in the sidecars")
        lab.verifies(job, what=f"{what}: verify after {step}")
    before = counted(t, lab, job, format)
    lab.convert(source.path, format, *args, job=job)
    t.ok(counted(t, lab, job, format) == before, f"{what}: a run that finds nothing new adds nothing")


def converted_twice(t, what, lab, source, format, before, change, after):
    """Each message is in the files once, though what has changed gave the number of one to another."""
    args = ("--full-source",) if format == "exchange" else ()
    job = lab.convert(source, format, *args)
    t.ok(counted(t, lab, job, format) == before, f"{what} to {format}: before")
    change()
    for again in range(2):
        lab.convert(source, format, *args, job=job)
        got, want = counted(t, lab, job, format), before | after
        t.ok(got == want, f"{what} to {format}: each message once, {again}",
             *[f"lacks {w[:60]!r}" for w in want - got], *[f"too many {w[:60]!r}" for w in got - want])
        lab.verifies(job, what=f"{what} to {format}: verify, {again}")


def test_mail_that_no_list_of_uids_has(t):
    """Its numbers are given by the server, when it is opened there, to those that are left."""
    for format in FORMATS:
        needs(t, "convert", format)
        lab = Lab(t)
        source = Maildir(lab.path("foreign"))
        for n, name in enumerate((20, 40, 60, 80)):
            source.add(LETTERS[n], name)

        def uidlist(*names):
            lines = "".join(f"{uid} :{name}.M1P1.host\n" for uid, name in enumerate(names, 1))
            others.put(os.path.join(source.path, "dovecot-uidlist"),
                       f"3 V1234567890 N{len(names) + 1} G0123456789abcdef0123456789abcdef\n{lines}".encode())

        def change():
            os.unlink(source.names[2])
            source.add(LETTERS[4], 90)
            uidlist(20, 40, 80, 90)
        uidlist(20, 40)
        converted_twice(t, "a Maildir", lab, source.path, format, collections.Counter(LETTERS[:4]), change,
                        collections.Counter(LETTERS[:5]))


def test_an_mbox_with_numbers_of_some(t):
    for format in FORMATS:
        needs(t, "convert", format)
        lab = Lab(t)
        path = lab.path("box.mbox")

        def numbered(n, uid):
            field = b"X-IMAPbase: 1234567890 0000000002\r\n" if uid == 1 else b""
            return field + (b"X-UID: %d\r\n" % uid if uid else b"") + LETTERS[n]

        def write(*uids):
            wires = [numbered(n, uid) for n, uid in uids]
            others.mbox(path, wires, "mboxrd")
            return collections.Counter(wires)
        before = write((0, 1), (1, 2), (2, 0), (3, 0))
        after = write((0, 1), (1, 2), (3, 3), (4, 4))
        write((0, 1), (1, 2), (2, 0), (3, 0))
        converted_twice(t, "an mbox", lab, path, format, before, lambda: write((0, 1), (1, 2), (3, 3), (4, 4)), after)


def test_mail_of_others_among_ours(t):
    """What another program puts into a job's files has a number until the server gives that to a message."""
    for kind in ("maildir", "mbox", "eml"):
        needs(t, "convert", kind)
        lab = Lab(t, foldernames.small())
        job = lab.extract(kind)
        ours = collections.Counter(m.raw for folder in lab.store for m in folder.messages)
        inbox = lab.content(job, kind)["INBOX"].directory
        if kind == "maildir":
            others.put(os.path.join(inbox, "cur", "1000000050.M1P1.host:2,S"), others.lf(LETTERS[0]), 1000000000)
        elif kind == "eml":
            others.put(os.path.join(inbox, "foreign.eml"), LETTERS[0], 1000000000)
        else:
            with open(os.path.join(inbox, "folder.mbox"), "ab") as file:
                file.write(b"From ana@example.org Sun Sep  9 01:46:40 2001\n" + others.lf(LETTERS[0]) + b"\n")

        def change():
            lab.store["INBOX"].add(LETTERS[1])
            lab.extract(kind, job=job)
        more = collections.Counter(LETTERS[:1])
        converted_twice(t, f"{kind} of imex", lab, job, "eml", ours + more, change,
                        ours + more + collections.Counter(LETTERS[1:2]))


def test_a_maildir_that_changes(t):
    for format in FORMATS:
        runs(t, Maildir, format)


def test_an_mbox_file_that_changes(t):
    for format in FORMATS:
        runs(t, Mbox, format)


def test_a_tree_of_eml_files_that_changes(t):
    for format in FORMATS:
        runs(t, Eml, format)
