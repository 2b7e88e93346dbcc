"""A strict, independent reader of Exchange migration sets.

    made = exchange.read_set("mail/imex.PKL")
    for message in made.messages: message.folder, .sender, .subject, .attachments ...

Written from the description of the format (sections 2 to 6), never from a writer. It
recomputes every offset and length: records lie end to end, each belongs to exactly one
message or one long field, each chain ends with Islast TRUE, each pointer names the first
octet of a header. All lines end in CRLF, every field that must be quoted is, every text
is text of the code page, and the packing list names each file of the set exactly once.

The first thing that is wrong is a Fault: file, line or offset, and what.
`columns=None` also takes lines with more than twelve fields, as other writers make.
"""

import os
from dataclasses import dataclass, field

import exfields
from exfields import Problem

PKL_HEADER = "Filename,Filetype"
MAIL_HEADER = ("Folder,Sender,To,Cc,Bcc,Subject,Send-Date,Received-Date,Priority,Unread,"
               "Unsent,Body")
SEC_HEADER = "Type,Length,Encoding,Islast,Name,Position,Format"
USER_HEADER = "IMAP_Mailbox,IMAP_Password,SMTP_Address,IMAP_Server,Ex_Mailbox,IMAP_Port,IMAP_SSL"
DIRECTORY_MUST = ("obj-class", "mode", "common-name")
BAD_IN_NAMES = set('#();,\\/:*?"<>|')
TYPES = ("Body", "Attachment", "Schedule", "Document", "Other")
OFFSET_MAX = 2 ** 31            # a signed offset of 32 bits in the first importer


class Fault(Exception):
    """A set breaks the format: file, place ('line 3', 'octet 191'), what is wrong."""

    def __init__(self, file, place, what):
        super().__init__(f"{os.path.basename(file)}: {place}: {what}")
        self.file, self.place, self.what = os.path.basename(file), place, what


@dataclass
class Record:
    """One record of a secondary file."""
    file: str
    offset: int
    type: str
    length: int
    last: bool
    name: str
    position: int
    format: str
    data: bytes
    owner: str = ""         # who used it: a line of a primary file


@dataclass
class Attachment:
    name: str
    data: bytes
    position: int
    format: str
    type: str = "Attachment"


@dataclass
class Message:
    """One line of a MAILMESSAGE section. Dates are 14 digits or '', priority an int or None."""
    file: str
    line: int
    owner: str
    folder: str
    sender: exfields.Recipient
    to: list
    cc: list
    bcc: list
    subject: str
    send_date: str
    received_date: str
    priority: int
    unread: bool
    unsent: bool
    body: str
    body_octets: bytes
    attachments: list


@dataclass
class Section:
    kind: str
    owner: str
    file: str
    line: int
    header: list = field(default_factory=list)
    messages: list = field(default_factory=list)
    objects: list = field(default_factory=list)     # DIRECTORY: dicts, lower-case column -> values


@dataclass
class Set:
    path: str
    codepage: int = 0
    files: list = field(default_factory=list)       # (name, "Primary" or "Secondary")
    sections: list = field(default_factory=list)
    comments: list = field(default_factory=list)
    records: dict = field(default_factory=dict)     # secondary file -> [Record]

    @property
    def messages(self):
        return [m for s in self.sections for m in s.messages]

    @property
    def directory(self):
        return [o for s in self.sections if s.kind == "DIRECTORY" for o in s.objects]


def read_set(path, columns=12):
    """Read the set that a packing list names, all of it; Fault at the first fault."""
    made = Set(path)
    _packing_list(made)
    for name, kind in made.files:
        if kind == "Secondary":
            made.records[name] = _secondary(os.path.join(os.path.dirname(path), name),
                                            made.codepage)
    for name, kind in made.files:
        if kind == "Primary":
            _Primary(made, name, columns).read()
    for name, records in made.records.items():
        for record in records:
            if not record.owner:
                raise Fault(name, f"octet {record.offset}", f"no line points to this {record.type}")
    return made


def read_folder(directory):
    """All sets of a directory, in order of their names; every file is named once."""
    lists = sorted((n for n in os.listdir(directory) if n.upper().endswith(".PKL")),
                   key=lambda n: (len(n), n))
    sets = [read_set(os.path.join(directory, n)) for n in lists]
    named = [n.upper() for s in sets for n, _ in s.files if n.upper() != "DIRECTORY.PRI"]
    for name in sorted(os.listdir(directory)):
        if name.upper().endswith((".PRI", ".SEC")) and name.upper() != "DIRECTORY.PRI":
            if named.count(name.upper()) != 1:
                raise Fault(name, "file", f"named {named.count(name.upper())} times by {lists}")
    return sets


def raw_lines(path, data):
    """[(line number, octets)] of a file whose every line ends in CRLF."""
    if not data.endswith(b"\r\n"):
        raise Fault(path, f"octet {len(data)}", "the last line does not end with CR LF")
    lines = data[:-2].split(b"\r\n")
    for number, line in enumerate(lines, 1):
        for octet in (b"\r", b"\n", b"\0"):
            if octet in line:
                raise Fault(path, f"line {number}", f"{octet!r} inside a line")
    return list(enumerate(lines, 1))


def octets_of(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as problem:
        raise Fault(path, "file", f"cannot be read: {problem.strerror}") from None


# -- the packing list ----------------------------------------------------------------

def _packing_list(made):
    lines = raw_lines(made.path, octets_of(made.path))
    # The list itself is in the Windows code page; whoever writes plain names needs ASCII only.
    try:
        lines = [(n, line.decode("ascii")) for n, line in lines]
    except UnicodeDecodeError as problem:
        raise Fault(made.path, "file", f"not ASCII: {problem}") from None
    made.comments += [(os.path.basename(made.path), n, t[1:]) for n, t in lines
                      if t.startswith("!")]
    rest = [(n, t) for n, t in lines if not t.startswith("!")]
    if len(rest) < 4 or not (rest[0][1].isdigit() and len(rest[0][1]) <= 5):
        raise Fault(made.path, f"line {rest[0][0] if rest else 1}", "no code page number")
    made.codepage = int(rest[0][1])
    if rest[1][1] != "":
        raise Fault(made.path, f"line {rest[1][0]}", "no empty line behind the code page")
    rest = [(n, t) for n, t in rest[1:] if t]
    if not rest or rest[0][1] != PKL_HEADER:
        raise Fault(made.path, f"line {rest[0][0] if rest else 1}", f"not {PKL_HEADER}")
    for number, text in rest[1:]:
        _entry(made, number, text)
    if not any(kind == "Primary" for _, kind in made.files):
        raise Fault(made.path, "file", "names no primary file")


def _entry(made, number, text):
    fault = lambda what: Fault(made.path, f"line {number}", what)  # noqa: E731
    fields = text.split(",")
    if len(fields) != 2 or fields[1] not in ("Primary", "Secondary"):
        raise fault(f"not a file name and its type: {text!r}")
    name, kind = fields
    if not name or BAD_IN_NAMES.intersection(name) or name in (".", ".."):
        raise fault(f"not a plain file name: {name!r}")
    if name.upper() in (n.upper() for n, _ in made.files):
        raise fault(f"{name} is named twice")
    if not os.path.isfile(os.path.join(os.path.dirname(made.path), name)):
        raise fault(f"{name} does not exist")
    if name.upper().endswith((".PRI", ".SEC")) \
            and kind != ("Primary" if name.upper().endswith(".PRI") else "Secondary"):
        raise fault(f"{name} as {kind}")
    made.files.append((name, kind))


# -- secondary files -----------------------------------------------------------------

def _secondary(path, page):
    data = octets_of(path)
    if len(data) >= OFFSET_MAX:
        raise Fault(path, "file", f"{len(data)} octets, offsets end at {OFFSET_MAX}")
    head = SEC_HEADER.encode() + b"\r\n"
    if not data.startswith(head):
        raise Fault(path, "octet 0", f"does not begin with {SEC_HEADER}")
    records, at = [], len(head)
    while at < len(data):
        record = _record(path, data, at, page)
        end = data.index(b"\r\n", at) + 2 + record.length
        if data[end:end + 2] != b"\r\n":
            raise Fault(path, f"octet {end}", "no CR LF behind the data")
        records.append(record)
        at = end + 2
    if records and not records[-1].last:
        raise Fault(path, f"octet {records[-1].offset}", "the last record says another follows")
    return records


def _record(path, data, at, page):
    end = data.find(b"\r\n", at)
    line = data[at:end] if end >= 0 else data[at:]
    try:
        if end < 0 or b"\n" in line or b"\r" in line or b"\0" in line:
            raise Problem(f"no header line: {line[:60]!r}")
        record = _header(path, at, exfields.decode(line, page))
        record.data = data[end + 2:end + 2 + record.length]
        if len(record.data) != record.length:
            raise Problem(f"{record.length} octets of data, {len(record.data)} are left")
        _check_text(record, page)
    except Problem as problem:
        raise Fault(path, f"octet {at}", str(problem)) from None
    return record


def _header(path, at, text):
    fields = exfields.split(text)
    if len(fields) != 7:
        raise Problem(f"7 fields expected, {len(fields)} found: {text[:80]!r}")
    kind = exfields.word(fields[0], TYPES, "Type")
    length = exfields.number(fields[1], "Length")
    if fields[2]:
        raise Problem(f"Encoding is reserved: {fields[2]!r}")
    last = exfields.word(fields[3], ("TRUE", "FALSE"), "Islast") == "TRUE"
    name, position, form = exfields.unquote(fields[4]), fields[5], fields[6]
    if kind in ("Body", "Other") and (name or position or form):
        raise Problem(f"a {kind} has no Name, Position, Format: {text[:80]!r}")
    if kind == "Attachment":
        if not name:
            raise Problem("an Attachment has no Name")
        exfields.number(position, "Position", -1)
        exfields.word(form, ("", "None", "Macbinary"), "Format")
    return Record(path, at, kind, length, last, name, int(position or -1), form, b"")


def _check_text(record, page):
    """Body and Other are text of the code page; a line of it ends with CR LF."""
    if record.type in ("Body", "Other"):
        exfields.decode(record.data, page)
        if b"\n" in record.data.replace(b"\r\n", b""):
            raise Problem(f"a {record.type} with a bare LF")


# -- primary files -------------------------------------------------------------------

class _Primary:
    """Reads one primary file into the set."""

    def __init__(self, made, name, columns):
        self.made, self.name, self.columns = made, name, columns
        self.path = os.path.join(os.path.dirname(made.path), name)
        self.section = None
        self.at = 0

    def read(self):
        fresh = True        # at the start, behind a blank line or a comment: a section may begin
        for self.at, octets in raw_lines(self.path, octets_of(self.path)):
            try:
                text = exfields.decode(octets, self.made.codepage)
                if text == "":
                    self.section, fresh = None, True
                elif text.startswith("!"):
                    self.made.comments.append((self.name, self.at, text[1:]))
                elif self.section is None:
                    if not fresh:
                        raise Problem("no section is open")
                    self._begin(text)
                else:
                    self._line(text)
            except Problem as problem:
                raise Fault(self.path, f"line {self.at}", str(problem)) from None
        for section in self.made.sections:
            if section.file == self.name and not section.header:
                raise Fault(self.path, f"line {section.line}", "a section without header row")

    def _begin(self, text):
        fields = exfields.split(text)
        kind, owner = fields[0], ""
        if kind == "MAILMESSAGE" and len(fields) == 2:
            owner = exfields.unquote(fields[1], bare=".")   # the worked example leaves it bare
            if owner != "PublicMessages" and ":" not in owner:
                raise Problem(f"the owner has no type: {owner!r}")
        elif kind != "DIRECTORY" or len(fields) != 1:
            raise Problem(f"not the start of a section: {text[:80]!r}")
        if any((s.kind, s.owner, s.file) == (kind, owner, self.name) for s in self.made.sections):
            raise Problem(f"a second section of {owner or kind}")
        self.section = Section(kind, owner, self.name, self.at)
        self.made.sections.append(self.section)

    def _line(self, text):
        section = self.section
        if section.kind == "DIRECTORY":
            self._directory(section, text)
        elif not section.header:
            if text != MAIL_HEADER:
                raise Problem(f"not the header row of MAILMESSAGE: {text[:80]!r}")
            section.header = text.split(",")
        else:
            section.messages.append(self._message(section, exfields.split(text)))

    def _directory(self, section, text):
        fields = exfields.split(text)
        if not section.header:
            section.header = [exfields.unquote(f).lower() for f in fields]
            if section.header[:2] != ["obj-class", "mode"] \
                    or not set(DIRECTORY_MUST) <= set(section.header):
                raise Problem(f"the header row of DIRECTORY lacks {DIRECTORY_MUST}: {text[:80]!r}")
            return
        if len(fields) != len(section.header):
            raise Problem(f"{len(section.header)} fields expected, {len(fields)} found")
        made = {n: exfields.directory_values(f) for n, f in zip(section.header, fields)}
        if made["mode"] != ["create"] or made["obj-class"] not in (["mailbox"], ["dl"], ["remote"]):
            raise Problem(f"Obj-Class and Mode: {text[:80]!r}")
        if not made["common-name"] or made["obj-class"] == ["mailbox"] and not made.get("home-server"):
            raise Problem("Common-Name or Home-Server is missing")
        for value in made["common-name"]:
            if not value.isascii():
                raise Problem(f"Common-Name is 7-bit text: {value!r}")
        section.objects.append(made)

    def _message(self, section, raw):
        if len(raw) != self.columns and (self.columns is not None or len(raw) < 12):
            raise Problem(f"12 fields expected, {len(raw)} found")
        body, attachments = self._chain(raw[11])
        lists = [[exfields.recipient(v) for v in self._values(f)] for f in raw[2:5]]
        sender = self._text(raw[1])     # one recipient: a ';' in it parts nothing
        folder = self._text(raw[0])
        if folder and not all(folder.split("\\")):
            raise Problem(f"an empty level in a folder: {folder!r}")
        return Message(
            self.name, self.at, section.owner, folder or "Inbox",
            exfields.recipient(sender) if sender else None, *lists, self._text(raw[5]),
            exfields.date14(raw[6]), exfields.date14(raw[7]),
            int(exfields.word(raw[8], ("-1", "0", "1", ""), "Priority")) if raw[8] else None,
            exfields.word(raw[9], ("TRUE", "FALSE"), "Unread") == "TRUE",
            exfields.word(raw[10], ("TRUE", "FALSE"), "Unsent") == "TRUE",
            exfields.decode(body.data, self.made.codepage), body.data, attachments)

    def _text(self, raw):
        other = self._other(raw)
        return exfields.unquote(raw) if other is None else other

    def _values(self, raw):
        other = self._other(raw)
        # The record holds the list as it would stand in the line (the sample of section 5.5
        # leaves dots bare there: no comma parts fields in a record).
        if other is not None:
            return [exfields._inner(v) for v in exfields.split_inner(other)] if other else []
        return exfields.values(raw)

    def _other(self, raw):
        """The text of the Other record that a field points to; None: the field is text."""
        where = exfields.pointer(raw)
        if where is None:
            return None
        record = self._take(where)
        if record.type != "Other" or not record.last:
            raise Problem(f"{raw} is {record.type}, should be Other with Islast TRUE")
        return exfields.decode(record.data, self.made.codepage)

    def _chain(self, raw):
        """The Body and the attachments behind it."""
        where = exfields.pointer(raw)
        if where is None:
            raise Problem(f"Body is no pointer: {raw[:80]!r}")
        body = record = self._take(where)
        if body.type != "Body":
            raise Problem(f"{raw} is {body.type}, should be Body")
        attachments, records = [], self.made.records[where.name]
        at = records.index(body)
        while not record.last:
            at += 1
            record = self._use(records[at])
            if record.type not in ("Attachment", "Schedule", "Document"):
                raise Problem(f"{raw}: a {record.type} in the chain, at octet {record.offset}")
            if record.position > body.length:
                raise Problem(f"{raw}: Position {record.position} in a body of {body.length}")
            attachments.append(Attachment(record.name, record.data, record.position,
                                          record.format or "None", record.type))
        return body, attachments

    def _take(self, where):
        if where.name not in self.made.records:
            raise Problem(f"{where.name} is no secondary file of the packing list")
        for record in self.made.records[where.name]:
            if record.offset == where.offset:
                return self._use(record)
        raise Problem(f"no record of {where.name} begins at octet {where.offset}")

    def _use(self, record):
        if record.owner:
            raise Problem(f"the record at octet {record.offset} belongs to {record.owner} already")
        record.owner = f"{self.name} line {self.at}"
        return record


# -- the user list -------------------------------------------------------------------

def read_users(path, secrets=(), page=1252):
    """Rows of Imapusr.csv as dicts; a Fault if a password, or any of secrets, is in it."""
    data = octets_of(path)
    for secret in secrets:
        if secret.encode() in data:
            raise Fault(path, "file", "holds a secret")
    lines = raw_lines(path, data)
    header = exfields.decode(lines[0][1], page).split(",")
    if header != USER_HEADER.split(",")[:max(len(header), 4)]:
        raise Fault(path, "line 1", f"not a user list: {header}")
    rows = []
    for number, octets in lines[1:]:
        try:
            fields = exfields.split(exfields.decode(octets, page))
            if not 4 <= len(fields) <= len(header):
                raise Problem(f"{len(header)} fields expected, {len(fields)} found")
            rows.append(dict(zip(header, (exfields.unquote(f, bare=".") for f in fields))))
        except Problem as problem:
            raise Fault(path, f"line {number}", str(problem)) from None
        if rows[-1]["IMAP_Password"]:
            raise Fault(path, f"line {number}", "a password")
    return rows
