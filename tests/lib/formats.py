"""A nasty corpus: messages of every kind a migration meets, the same on every run.

    for s in formats.specimens(): s.name, s.raw, s.tags

Tags: "odd" (what its fields are is a matter of taste: only its octets are compared),
"html" (the text is made from HTML), "whole" (signed or encrypted: carried as it is),
"nested" (holds a message), "damaged" (an encoding is broken), "big" (megabytes; only
with big=True). Folders, flags and dates are in foldernames.py.
"""

import base64
import quopri
import random
from dataclasses import dataclass, field

CRLF = "\r\n"
ANA = "Ana Ruiz <ana@example.org>"
DATE = "Wed, 12 Apr 2000 09:31:05 +0200"


@dataclass(frozen=True)
class Specimen:
    name: str
    raw: bytes
    tags: frozenset = field(default_factory=frozenset)

    def __contains__(self, tag):
        return tag in self.tags


# -- building blocks ------------------------------------------------------------------

def octets(text, charset="utf-8"):
    return text.encode(charset) if isinstance(text, str) else text


def mail(body=b"text\r\n", headers=(), subject="x", sender=ANA, to="usuario@example.net",
         date=DATE, charset="utf-8"):
    """A message. Fields that are None are left out; headers go between the fields and the body."""
    fields = [("From", sender), ("To", to), ("Subject", subject), ("Date", date)]
    head = [f"{n}: {v}" for n, v in fields if v is not None] + list(headers)
    return octets(CRLF.join(head) + CRLF + CRLF, charset) + octets(body)


def part(body, kind="text/plain; charset=us-ascii", encoding=None, disposition=None, extra=()):
    """A MIME part; base64 and quoted-printable are done here."""
    data = octets(body)
    head = [f"Content-Type: {kind}"] if kind else []
    if encoding:
        head.append(f"Content-Transfer-Encoding: {encoding}")
    if disposition:
        head.append(f"Content-Disposition: {disposition}")
    if encoding == "base64":
        data = base64.encodebytes(data).replace(b"\n", b"\r\n")
    elif encoding == "quoted-printable":
        data = quopri.encodestring(data.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    return octets(CRLF.join([*head, *extra]) + CRLF + CRLF) + data


def multi(kind, *parts, boundary="=_b", preamble=b"", epilogue=b""):
    """(headers, body) of a multipart; `kind` may have parameters of its own."""
    mark = boundary.encode()
    body = preamble + b"".join(b"--" + mark + b"\r\n" + p + b"\r\n" for p in parts)
    name, _, more = kind.partition(";")
    headers = ["MIME-Version: 1.0",
               f'Content-Type: multipart/{name}; boundary="{boundary}"{";" + more if more else ""}']
    return headers, body + b"--" + mark + b"--\r\n" + epilogue


def multipart(kind, *parts, subject="x", **how):
    headers, body = multi(kind, *parts, **how)
    return mail(body, headers, subject)


def inside(kind, *parts, **how):
    """A multipart as a part of another."""
    headers, body = multi(kind, *parts, **how)
    return octets(headers[1] + CRLF + CRLF) + body


def attached(name, data, kind="application/octet-stream", encoding="base64"):
    return part(data, kind, encoding, f'attachment; filename="{name}"')


def typed(kind, body, encoding="8bit", **how):
    """A message of one part."""
    return mail(body, ["MIME-Version: 1.0", f"Content-Type: {kind}",
                       f"Content-Transfer-Encoding: {encoding}"], **how)


BINARY = bytes(range(256)) * 3 + b"\r\nBody,5,,TRUE,,,\r\n\r\n\0\0\n\r"
HELLO = part("Hello\r\nthere\r\n")
LOOKALIKES = (b"Body,5,,TRUE,,,\r\nhello\r\n\r\nAttachment,2,,TRUE,x,-1,None\r\nok\r\n! a comment\r\n"
              b"MAILMESSAGE,x\r\nDIRECTORY\r\nFolder,Sender,To\r\n#00000001.SEC(50)\r\n"
              b"Type,Length,Encoding,Islast,Name,Position,Format\r\n\\\\\r\n1252\r\n\r\n!\r\n"
              b"a line,with \"quotes\",and;more\\\\\r\n")
FROMS = (b"From the start\r\n>From quoted\r\n>>From twice\r\n From not\r\nfrom not\r\n\r\n"
         b"From x@y Thu Jan  1 00:00:00 1970\r\nFrom middle\r\n\r\n>>>From\r\nFrom \r\n>From end\r\n")


# -- the kinds ---------------------------------------------------------------------------

def plain():
    yield "plain", mail("Hola\r\nadi\u00f3s\r\n".encode("ascii", "ignore"))
    yield "empty body", mail(b"")
    yield "header only", mail()[:-len(b"\r\ntext\r\n")]
    yield "header only, no line end", b"Subject: half", "odd"
    yield "nothing but a line end", b"\r\n", "odd"
    yield "no header", b"just text\r\nwithout: a header\r\n", "odd"
    yield "only spaces", mail(b"   \r\n\t\r\n\r\n")
    yield "no final newline", mail(b"the end comes without one")
    yield "many empty lines at the end", mail(b"text\r\n\r\n\r\n\r\n")
    yield "dots", mail(b".\r\n..\r\n.From\r\n.\r\n")
    yield "protocol in the body", mail(b")\r\nA1 OK FETCH completed\r\n* BYE\r\n")
    yield "no date", mail(date=None)
    yield "no subject, no from, no to", mail(subject=None, sender=None, to=None)
    yield "unknown fields", mail(headers=["X-Odd: 1", "Content-Length: 7 7", "Lines: many",
                                          "X-Size: 12 KB", "Status: RO", "X-Keywords: a b"])
    yield "fields without a column", mail(headers=[
        "Message-ID: <1@example.org>", "In-Reply-To: <0@example.org>", "Reply-To: r@example.org",
        "References: <0@example.org>", "Received: from a by b; " + DATE, "List-Id: <l.example.org>"])


def line_ends():
    yield "From_ lines", mail(FROMS)
    yield "From_ at the start and the end", mail(b"From \r\nx\r\nFrom here")
    yield "From_ as the first octets of all", b"From me\r\n" + mail(), "odd"
    yield ">From_ before the header", b">From x Thu Jan  1 00:00:00 1970\r\n" + mail(), "odd"
    yield "bare LF", mail(b"one\r\ntwo\nFrom three\n\nFrom four\r\n"), "odd"
    yield "bare LF everywhere", mail(b"one\ntwo\n").replace(b"\r\n", b"\n"), "odd"
    yield "bare CR", mail(b"one\rFrom two\r\r\nthree\r"), "odd"
    yield "CR at the very end", mail(b"one\r\ntwo\r"), "odd"
    yield "NUL", mail(b"a\0b\r\n\0\r\n"), "odd"
    yield "NUL in the header", mail(subject="a\0b"), "odd"
    yield "lines of 100 KB", mail((b"0123456789" * 10240 + b"\r\n") * 3 + b"From " + b"y" * 102400 + b"\r\n")
    yield "a header line of 20 KB", mail(subject="s" * 20000)
    yield "marker look-alikes", mail(LOOKALIKES)
    yield "marker look-alikes in parts", multipart(
        "mixed", part(LOOKALIKES), attached("Body,5,,TRUE,,,", LOOKALIKES, encoding="7bit"),
        attached("#x.SEC(50)", BINARY), attached("a,b;c.txt", LOOKALIKES))


TEXTS = {"iso-8859-1": "H\u00e9llo \u00bfqu\u00e9? \u00df", "windows-1252": "\u201cquotes\u201d \u2014 \u20ac 5",
         "utf-8": "\u00e4 \u65e5\u672c\u8a9e \U0001f600 e\u0301 \u0440\u0443\u0441", "koi8-r": "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440",
         "windows-1251": "\u0421\u044a\u0435\u0448\u044c \u0454\u0449\u0451", "iso-2022-jp": "\u65e5\u672c\u8a9e\u306e\u8868\u30bd",
         "shift_jis": "\u8868\u30bd\u80fd \u5341", "euc-kr": "\ud55c\uad6d\uc5b4", "gb2312": "\u4e2d\u6587",
         "big5": "\u4e2d\u6587\u5b57", "iso-8859-15": "\u20ac \u0152", "us-ascii": "plain"}


def charsets():
    for name, text in TEXTS.items():
        encoding = "7bit" if name in ("iso-2022-jp", "us-ascii") else "8bit"
        data = (text + "\r\nsecond line\r\n").encode(name)
        yield f"charset {name}", typed(f"text/plain; charset={name}", data, encoding)
    yield "8-bit without charset", mail("\u00e9\u00df\r\n".encode("latin-1")), "odd"
    yield "an unknown charset", typed("text/plain; charset=x-none", b"a\xe9b\r\n"), "odd"
    yield "wrong charset", typed("text/plain; charset=utf-8", b"a\xff\xfeb\r\n"), "odd"
    data = (TEXTS["utf-8"] + "\r\n").encode()
    yield "utf-8 in base64", typed("text/plain; charset=utf-8", part(data, None, "base64").partition(
        b"\r\n\r\n")[2], "base64")
    yield "utf-8 in quoted-printable", typed("text/plain; charset=UTF-8; format=flowed", part(
        data, None, "quoted-printable").partition(b"\r\n\r\n")[2], "quoted-printable")
    yield "soft line ends", typed("text/plain", b"one=\r\n two=20\r\n=46rom x\r\n", "quoted-printable")
    for name in ("iso-2022-jp", "utf-8", "windows-1251", "koi8-r"):
        word = base64.b64encode(TEXTS[name].encode(name)).decode()
        yield f"subject in {name}", mail(subject=f"=?{name}?B?{word}?=")


def word(text, charset="utf-8"):
    return f"=?{charset}?B?{base64.b64encode(text.encode(charset)).decode()}?="


def headers():
    yield "subject in two words", mail(subject=word("\u00e4\u00f6") + "\r\n " + word("\u00fc \u20ac"))
    yield "subject in Q", mail(subject="=?iso-8859-1?Q?Gr=FC=DFe_aus_K=F6ln?= and more")
    yield "folded subject", mail(subject="one\r\n two\r\n\tthree")
    yield "subject with all it takes", mail(subject='#1, "two" \\ 100% done! a;b.c [x]')
    yield "subject as a pointer", mail(subject="#00000001.SEC(50)")
    yield "subject with blanks around", mail(subject="=?utf-8?Q?_a_b_?=")
    yield "raw UTF-8 header", mail(subject="\u00e4\u65e5\u672c"), "odd"
    yield "a control in the subject", mail(subject="=?utf-8?Q?a=0D=0ABcc:_x=00=07b?="), "odd"
    names = ['"Ruiz, Ana" <ana@example.org>', '"A \\"Q\\" B" <q@example.org>', "plain@example.org",
             '"a;b" <semi@example.org>', '"x [y] z" <br@example.org>', '"back\\\\slash" <b@example.org>',
             "=?iso-8859-1?Q?J=F6rg?= <joerg@example.org>", '"100%" <pct@example.org>',
             '"#hash!" <h@example.org>', '"\\"" <quote@example.org>', "<bare@example.org>",
             word("\u8868\u30bd") + " <jp@example.org>", "per.cent%x@example.org", '"a b"@example.org']
    for number, name in enumerate(names):
        yield f"one recipient {number}", mail(sender=name, to=name)
    yield "all recipients", mail(to=",\r\n ".join(names), headers=["Cc: " + ", ".join(names[3:9]),
                                                                  "Bcc: secret@example.org"])
    yield "one to, one cc", mail(headers=["Cc: " + names[3], "Bcc: " + names[1]])
    many = ",\r\n ".join(f'"Person {n}, Dept. {n % 9}" <p{n}@example.org>' for n in range(800))
    yield "800 recipients", mail(to=many)
    yield "a group", mail(to="Friends: a@example.org, B <b@example.org>;, c@example.org")
    yield "nobody", mail(to="undisclosed-recipients:;")
    yield "sender without from", mail(sender=None, headers=["Sender: S <s@example.org>"])
    yield "from and sender", mail(headers=["Sender: S <s@example.org>"])
    yield "broken addresses", mail(sender="no address at all", to="<<x>, @, ,;"), "odd"
    yield "comment in an address", mail(sender="ana@example.org (Ana Ruiz)"), "odd"


PRIORITIES = {"Importance: High": 1, "importance: low": -1, "Importance: normal": 0,
              "X-Priority: 1 (Highest)": 1, "X-Priority: 2": 1, "X-Priority: 3": 0,
              "X-Priority: 4": -1, "X-Priority: 5": -1, "Priority: urgent": 1,
              "Priority: non-urgent": -1, "Priority: normal": 0, "X-MSMail-Priority: High": 1,
              "X-MSMail-Priority: Low": -1, "Importance: low\r\nX-Priority: 1": -1,
              "Priority: urgent\r\nX-Priority: 5": 1, "X-Priority: 1\r\nX-MSMail-Priority: Low": 1}


def priorities():
    for number, header in enumerate(PRIORITIES):
        yield f"priority {number}", mail(headers=[header])
    yield "a priority that is none", mail(headers=["X-Priority: soon"])


def structures():
    html = part("<html><body><p>Hello &amp; <b>there</b></p><br>&euro;</body></html>\r\n",
                "text/html; charset=utf-8")
    png = b"\x89PNG\r\n\x1a\n" + BINARY
    image = part(png, 'image/png; name="logo.png"', "base64", "inline", ["Content-ID: <logo@x>"])
    yield "alternative", multipart("alternative", HELLO, html)
    yield "html only", mail(html.partition(b"\r\n\r\n")[2], [
        "MIME-Version: 1.0", "Content-Type: text/html; charset=utf-8"]), "html"
    yield "html only in an alternative", multipart("alternative", html), "html"
    yield "mixed", multipart("mixed", HELLO, attached("a.bin", BINARY),
                             preamble=b"preamble\r\n", epilogue=b"epilogue\r\n")
    yield "related", multipart("related", inside("alternative", HELLO, html, boundary="in"), image)
    yield "html with a picture", multipart("related", html, image), "html"
    yield "two texts", multipart("mixed", HELLO, attached("m.bin", BINARY), part("footer\r\n"))
    yield "deep", multipart("mixed", inside("mixed", inside(
        "mixed", HELLO, attached("deep.bin", BINARY), boundary="c"), boundary="b"),
        attached("flat.bin", b"x"))
    yield "a text as attachment", multipart("mixed", attached("only.txt", b"text\r\n", "text/plain", "7bit"))
    yield "an attachment before the text", multipart("mixed", attached("first.bin", BINARY), HELLO)
    yield "only an attachment", typed('application/pdf; name="a.pdf"', base64.encodebytes(
        BINARY).replace(b"\n", b"\r\n"), "base64")
    yield "an empty attachment", multipart("mixed", HELLO, attached("empty.txt", b""))
    yield "an empty text with an attachment", multipart("mixed", part(b""), attached("a.bin", BINARY))
    yield "an attachment message.eml", multipart("mixed", HELLO, attached("message.eml", b"Subject: no\r\n\r\n"))
    yield "an attachment body.html", multipart("mixed", HELLO, attached("body.html", b"<p>"))
    yield "equal names", multipart("mixed", HELLO, attached("x.bin", b"1"), attached("x.bin", b"2"))
    yield "no closing boundary", multipart("mixed", HELLO, attached("a.bin", BINARY))[:-len(b"--=_b--\r\n")], "odd"
    yield "boundary that never comes", mail(b"--x\r\n\r\nhi\r\n", ["MIME-Version: 1.0",
                                            'Content-Type: multipart/mixed; boundary="y"']), "odd"
    yield "nested", multipart("mixed", HELLO, part(mail(b"inner\r\n", subject="within"), "message/rfc822")), "nested"
    yield "nested in nested", multipart("mixed", HELLO, part(multipart(
        "mixed", part(mail(b"innermost\r\n", subject="core"), "message/rfc822"), boundary="n"),
        "message/rfc822")), "nested"
    yield "forwarded alone", mail(mail(b"inner\r\n", subject="only"), [
        "MIME-Version: 1.0", "Content-Type: message/rfc822"]), "nested"
    yield "a bounce", multipart("report; report-type=delivery-status", HELLO, part(
        b"Reporting-MTA: dns; x\r\n\r\nFinal-Recipient: rfc822; y@z\r\n", "message/delivery-status"),
        part(b"Subject: lost\r\n\r\n", "text/rfc822-headers")), "odd"
    yield "broken base64", multipart("mixed", HELLO, part(
        b"QUJD*!RE\r\nVGR\r\n", 'application/x; name="bad.bin"', extra=[
            "Content-Transfer-Encoding: base64"])), "damaged"
    yield "broken quoted-printable", typed("text/plain", b"a=ZZb=\r\n=4", "quoted-printable"), "odd"
    yield "an unknown encoding", multipart("mixed", HELLO, part(
        b"begin 644 x\r\n", 'application/x; name="x.uue"', extra=[
            "Content-Transfer-Encoding: x-uuencode"])), "damaged"


NAMES = {   # the parameters of a part -> the name they mean
    "filename=plain.txt": "plain.txt", 'filename="two words.txt"': "two words.txt",
    "filename*=utf-8''%E2%82%AC%20rates.txt": "\u20ac rates.txt",
    "filename*=iso-8859-1'en'Gr%FC%DFe.txt": "Gr\u00fc\u00dfe.txt",
    'filename*0="long "; filename*1="name"; filename*2=".txt"': "long name.txt",
    "filename*0*=utf-8''%C3%A4; filename*1*=%C3%B6.txt": "\u00e4\u00f6.txt",
    'filename="=?utf-8?B?w6TDti50eHQ=?="': "\u00e4\u00f6.txt",
    'filename="=?iso-8859-1?Q?=E9t=E9.txt?="': "\u00e9t\u00e9.txt",
    'filename="semi;colon, comma.txt"': "semi;colon, comma.txt"}


def names():
    for number, (parameter, _) in enumerate(NAMES.items()):
        yield f"attachment name {number}", multipart("mixed", HELLO, part(
            b"data\r\n", "application/octet-stream", "base64", "attachment; " + parameter))
    yield "name in Content-Type only", multipart("mixed", HELLO, part(
        b"data\r\n", 'application/x; name="ct.bin"', "base64"))
    yield "name in Content-Type, RFC 2231", multipart("mixed", HELLO, part(
        b"data\r\n", "application/x; name*=utf-8''%E2%82%AC.bin", "base64", "attachment"))
    yield "no name", multipart("mixed", HELLO, part(BINARY, "application/octet-stream", "base64"))
    yield "three without names", multipart("mixed", HELLO, *(part(
        bytes([n]) * 9, "image/gif", "base64", "attachment") for n in range(3)))
    for number, name in enumerate(("../../etc/passwd", "C:\\windows\\x.bin", "/abs", "..", " ", "a\\\\b.bin",
                                   "x" * 300 + ".bin", "CON", "nul.txt", "tab\there")):
        yield f"hostile name {number}", multipart("mixed", HELLO, attached(name, BINARY)), "odd"


def special():
    signature = attached("smime.p7s", BINARY, "application/pkcs7-signature")
    yield "S/MIME signed", multipart("signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256",
                                     HELLO, signature), "whole"
    yield "PGP signed", multipart("signed; protocol=\"application/pgp-signature\"; micalg=pgp-sha1", HELLO, part(
        b"-----BEGIN PGP SIGNATURE-----\r\n\r\nabc\r\n-----END PGP SIGNATURE-----\r\n",
        "application/pgp-signature")), "whole"
    yield "S/MIME encrypted", typed('application/pkcs7-mime; smime-type=enveloped-data; name="smime.p7m"',
                                    base64.encodebytes(BINARY).replace(b"\n", b"\r\n"), "base64")
    yield "PGP encrypted", multipart("encrypted; protocol=\"application/pgp-encrypted\"", part(
        b"Version: 1\r\n", "application/pgp-encrypted"), part(
        b"-----BEGIN PGP MESSAGE-----\r\n\r\nabc\r\n", 'application/octet-stream; name="e.asc"')), "whole"
    yield "signed within mixed", multipart("mixed", inside(
        "signed; protocol=\"application/pkcs7-signature\"; micalg=sha1", HELLO, signature, boundary="s"),
        part("footer\r\n")), "whole"
    yield "PGP inline", mail(b"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA1\r\n\r\n- From x\r\n")
    yield "winmail.dat", multipart("mixed", HELLO, attached("winmail.dat", b"\x78\x9f\x3e\x22" + BINARY,
                                                            "application/ms-tnef"))
    calendar = (b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nDTSTART:20000412T100000Z\r\n"
                b"BEGIN:VALARM\r\nTRIGGER:-PT15M\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
    kind = "text/calendar; method=REQUEST; charset=utf-8"
    yield "calendar in an alternative", multipart("alternative", HELLO, part(calendar, kind))
    yield "calendar attached", multipart("mixed", HELLO, part(
        calendar, kind + '; name="invite.ics"', "base64", 'attachment; filename="invite.ics"'))
    yield "calendar alone", typed(kind, calendar, "7bit")
    yield "vcard", multipart("mixed", HELLO, attached("a.vcf", b"BEGIN:VCARD\r\nEND:VCARD\r\n", "text/x-vcard"))


def random_ones(count=12):
    """Octets that nobody thought of."""
    rng = random.Random(20001112)
    pieces = [b"\r\n", b"\n", b"\r", b"From ", b">From ", b"\0", b"!", b"\\\\\r\n", b"\xff", b",", b'"',
              b"Body,1,,TRUE,,,\r\n", b"--=_b\r\n", b" ", b"word", b"=?utf-8?Q?=C3?=", b"\x1b$B"]
    for number in range(count):
        body = b"".join(rng.choice(pieces) for _ in range(rng.randrange(1, 120)))
        yield f"random {number}", mail(body, subject=f"random {number}"), "odd"


def big():
    data = random.Random(1).randbytes(5 * 1024 * 1024)
    yield "5 MB attachment", multipart("mixed", HELLO, attached("big.bin", data)), "big"


GROUPS = (plain, line_ends, charsets, headers, priorities, structures, names, special, random_ones)


def specimens(*groups, with_big=False):
    """All specimens of the groups named (functions of this file), of all without names."""
    found = []
    for group in (groups or GROUPS) + ((big,) if with_big else ()):
        for name, raw, *tags in group():
            found.append(Specimen(name, raw, frozenset(tags)))
    return found
