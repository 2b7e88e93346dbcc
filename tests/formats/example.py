"""The worked examples of the Exchange format, to the octet (sections 3.2, 4.7, 5.5, A.7).

Also the ways to spoil them: a mutation is a name and what it does to the files.
"""

import os

PKL = b"""1252

Filename,Filetype
DIRECTORY.PRI,Primary
00000001.PRI,Primary
00000001.SEC,Secondary
""".replace(b"\n", b"\r\n")

DIRECTORY = b"""DIRECTORY
Obj-class,Mode,Common-Name,Display-Name,Secondary-Proxy-Addresses,Home-Server
mailbox,create,usuario1,Usuario Uno,"SMTP:usuario1@example.com",~Server
""".replace(b"\n", b"\r\n")

PRI = b"""\
! extracted 2000-04-14 08:00:00 from imap.example.com, user usuario1%ncc%migracion
MAILMESSAGE,SMTP:usuario1@example.com
Folder,Sender,To,Cc,Bcc,Subject,Send-Date,Received-Date,Priority,Unread,Unsent,Body
Inbox,"Ana Ruiz[SMTP:ana@example.org]","Usuario Uno[SMTP:usuario1@example.com]",,,"Presupuesto, v2",\
20000412093105,20000412093140,1,FALSE,FALSE,#00000001.SEC(50)
"Proyectos\\Banyan","Luis Gil[SMTP:luis@example.org]","Usuario Uno[SMTP:usuario1@example.com]",\
#00000001.SEC(249),,Keys,20000413101500,20000413101512,,TRUE,FALSE,#00000001.SEC(191)
Drafts,"Usuario Uno[SMTP:usuario1@example.com]",,,,"About ""keys\""",,,0,FALSE,TRUE,\
#00000001.SEC(362)
""".replace(b"\n", b"\r\n")

SEC = "\r\n".join([
    "Type,Length,Encoding,Islast,Name,Position,Format",
    "Body,43,,FALSE,,,", "Hola:", "Adjunto el presupuesto, versi\u00f3n 2.", "",
    'Attachment,25,,TRUE,"presupuesto v2.csv",-1,None', "id;amount", "1;100", "2;250", "",
    "Body,38,,TRUE,,,", "Server room keys are with reception.", "",
    "Other,92,,TRUE,,,",
    "Ana Ruiz[SMTP:ana@example.org];Luis Gil[SMTP:luis@example.org];Eva Paz[SMTP:eva@example.org]",
    "Body,25,,TRUE,,,", "Draft text, not finished.", ""]).encode("cp1252")

OFFSETS = [50, 114, 191, 249, 362]

FILES = {"imex.PKL": PKL, "DIRECTORY.PRI": DIRECTORY, "00000001.PRI": PRI, "00000001.SEC": SEC}

USERS = b"""\
IMAP_Mailbox,IMAP_Password,SMTP_Address,IMAP_Server,Ex_Mailbox,IMAP_Port,IMAP_SSL
"usuario1%ncc%migracion",,usuario1@example.com,imap.example.com,usuario1,143,No
""".replace(b"\n", b"\r\n")


def write(directory, files=None):
    """Put the set into a directory; returns the path of the packing list."""
    os.makedirs(directory, exist_ok=True)
    for name, data in (FILES if files is None else files).items():
        with open(os.path.join(directory, name), "wb") as file:
            file.write(data)
    return os.path.join(directory, "imex.PKL")


def changed(name, old, new, count=1):
    """The set with `old` replaced in one file; an error if it is not there."""
    data = FILES[name]
    if data.count(old) < 1:
        raise ValueError(f"{old!r} is not in {name}")
    return {**FILES, name: data.replace(old, new, count)}


def without(name):
    return {n: d for n, d in FILES.items() if n != name}


def twelve(**fields):
    """A line of MAILMESSAGE from raw fields, by name; what is not given is empty."""
    order = "folder sender to cc bcc subject sent received priority unread unsent body".split()
    made = {"unread": "FALSE", "unsent": "FALSE", **fields}
    return ",".join(made.get(n, "") for n in order).encode("cp1252") + b"\r\n"


def with_line(line, extra=b""):
    """The set with a further line in the primary file, and octets at the end of the secondary."""
    return {**FILES, "00000001.PRI": PRI + line, "00000001.SEC": SEC + extra}


# What a strict reader must refuse, and where it must see it.
SPOILT = {
    "a pointer beyond the end": changed("00000001.PRI", b"SEC(362)", b"SEC(407)"),
    "a pointer into the middle": changed("00000001.PRI", b"SEC(362)", b"SEC(363)"),
    "a pointer to the line end before": changed("00000001.PRI", b"SEC(362)", b"SEC(360)"),
    "two lines with one body": changed("00000001.PRI", b"SEC(362)", b"SEC(50)"),
    "a body in another's chain": changed("00000001.PRI", b"SEC(362)", b"SEC(114)"),
    "a pointer with a sign": changed("00000001.PRI", b"SEC(362)", b"SEC(+362)"),
    "a pointer with zeros": changed("00000001.PRI", b"SEC(362)", b"SEC(0362)"),
    "a quoted pointer": changed("00000001.PRI", b"#00000001.SEC(362)", b'"#00000001.SEC(362)"'),
    "a pointer out of the directory": changed("00000001.PRI", b"#00000001.SEC(362)",
                                              b"#..\\x.SEC(362)"),
    "a pointer to no listed file": changed("00000001.PRI", b"#00000001.SEC(362)",
                                           b"#00000002.SEC(362)"),
    "Cc points to a body": changed("00000001.PRI", b"SEC(249)", b"SEC(362)"),
    "no line uses a record": changed("00000001.PRI", b"#00000001.SEC(249)", b""),
    "eleven fields": changed("00000001.PRI", b",,,0,FALSE", b",,0,FALSE"),
    "thirteen fields": changed("00000001.PRI", b"SEC(362)", b"SEC(362),0"),
    "an open quote": changed("00000001.PRI", b'"About ""keys"""', b'"About ""keys""'),
    "text behind a quote": changed("00000001.PRI", b'"About ""keys"""', b'"About ""keys"""d'),
    "a comma without quotes": changed("00000001.PRI", b'"Presupuesto, v2"', b"Presupuesto, v2"),
    "a backslash without quotes": changed("00000001.PRI", b'"Proyectos\\Banyan"',
                                          b"Proyectos\\Banyan"),
    "a dot without quotes": changed("00000001.PRI", b'"Ana Ruiz[SMTP:ana@example.org]"',
                                    b"Ana Ruiz[SMTP:ana@example.org]"),
    "quotes around the list": changed(
        "00000001.PRI", b'"Usuario Uno[SMTP:usuario1@example.com]",,,"Pre',
        b'"a@x.org";b@y.org,,,"Pre'),
    "a NUL in a field": changed("00000001.PRI", b"Drafts", b"Dra\0fts"),
    "a CR in a field": changed("00000001.PRI", b"Drafts", b"Dra\rfts"),
    "an LF in a field": changed("00000001.PRI", b"Keys", b'"Ke\nys"'),
    "LF alone at the ends": {**FILES, "00000001.PRI": PRI.replace(b"\r\n", b"\n")},
    "no last line end": {**FILES, "00000001.PRI": PRI[:-2]},
    "half a last line end": {**FILES, "00000001.PRI": PRI[:-1]},
    "thirteen digits": changed("00000001.PRI", b"20000412093105", b"2000041209310"),
    "month 13": changed("00000001.PRI", b"20000412093105", b"20001312093105"),
    "priority 2": changed("00000001.PRI", b"20000412093140,1,", b"20000412093140,2,"),
    "a boolean of another word": changed("00000001.PRI", b",TRUE,FALSE,", b",YES,FALSE,"),
    "no header row": changed("00000001.PRI", b"Folder,Sender", b"Ordner,Sender"),
    "a missing column": changed("00000001.PRI", b",Unsent,Body", b",Body"),
    "an unknown section": changed("00000001.PRI", b"MAILMESSAGE,", b"MESSAGES,"),
    "a line outside of sections": changed("00000001.PRI", b"Drafts,", b"\r\nDrafts,"),
    "a folder with an empty level": changed("00000001.PRI", b"Proyectos\\Banyan",
                                            b"Proyectos\\\\Banyan"),
    "an owner without type": changed("00000001.PRI", b"MAILMESSAGE,SMTP:", b"MAILMESSAGE,"),
    "Length one more": changed("00000001.SEC", b"Body,43,", b"Body,44,"),
    "Length one less": changed("00000001.SEC", b"Body,43,", b"Body,42,"),
    "Length of 4 GiB": changed("00000001.SEC", b"Body,25,", b"Body,4294967296,"),
    "a negative Length": changed("00000001.SEC", b"Body,25,", b"Body,-1,"),
    "no Length": changed("00000001.SEC", b"Body,25,", b"Body,,"),
    "an encoding": changed("00000001.SEC", b"Body,25,,", b"Body,25,x,"),
    "a chain that does not end": changed("00000001.SEC", b"Attachment,25,,TRUE", b"Attachment,25,,FALSE"),
    "a chain that ends early": changed("00000001.SEC", b"Body,43,,FALSE", b"Body,43,,TRUE"),
    "an unknown record": changed("00000001.SEC", b"Other,92", b"OtherX,92"),
    "no name": changed("00000001.SEC", b'"presupuesto v2.csv"', b""),
    "a dot without quotes in a name": changed("00000001.SEC", b'"presupuesto v2.csv"',
                                              b"presupuesto v2.csv"),
    "a position behind the body": changed("00000001.SEC", b",-1,None", b",44,None"),
    "a position before the body": changed("00000001.SEC", b",-1,None", b",-2,None"),
    "six fields in a header": changed("00000001.SEC", b"Body,25,,TRUE,,,", b"Body,25,,TRUE,,"),
    "no heading row": {**FILES, "00000001.SEC": SEC[50:]},
    "a secondary file cut by one": {**FILES, "00000001.SEC": SEC[:-1]},
    "a secondary file cut in the data": {**FILES, "00000001.SEC": SEC[:-10]},
    "a secondary file cut at a record": {**FILES, "00000001.SEC": SEC[:362]},
    "octets behind the last record": {**FILES, "00000001.SEC": SEC + b"\r\n"},
    "a bare LF in a body": changed("00000001.SEC", b"Hola:\r\n", b"Hola:x\n"),
    "no code page": changed("imex.PKL", b"1252\r\n\r\n", b""),
    "no blank line": changed("imex.PKL", b"1252\r\n\r\n", b"1252\r\n"),
    "another heading": changed("imex.PKL", b"Filename,Filetype", b"Filename,Type"),
    "a file named twice": changed("imex.PKL", b"00000001.SEC,Secondary\r\n",
                                  b"00000001.SEC,Secondary\r\n00000001.sec,Secondary\r\n"),
    "a file not named": changed("imex.PKL", b"00000001.SEC,Secondary\r\n", b""),
    "a file that is not there": without("00000001.SEC"),
    "a path in the list": changed("imex.PKL", b"00000001.PRI", b"..\\00000001.PRI"),
    "a type of its own": changed("imex.PKL", b"SEC,Secondary", b"SEC,Tertiary"),
    "UTF-8 as 65001 that is none": {**FILES, "imex.PKL": PKL.replace(b"1252", b"65001")},
    "a single backslash in DIRECTORY": changed("DIRECTORY.PRI", b"Usuario Uno", b'"Usuario\\Uno"'),
    "Mode modify": changed("DIRECTORY.PRI", b",create,", b",modify,"),
    "five columns in DIRECTORY": changed("DIRECTORY.PRI", b",~Server", b""),
    "a second section of an owner": {
        **FILES, "00000001.PRI": PRI + b"\r\n" + PRI.split(b"\r\n", 1)[1]},
}
