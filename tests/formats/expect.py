"""What Python's email package says of a message, in the words of the Exchange format (section 4.4).

    problems = expect.differences(message, expect.Wanted(raw, flags, date, place))

`message` is one that exchange.py has read. A sentence for each field that is another; the
octets of every attachment are compared, and its name where the message gives one.
"""

import datetime
import email
import email.header
import email.policy
import email.utils
import re
import zoneinfo
from dataclasses import dataclass

import exfields
from store import epoch

UTC = datetime.timezone.utc
LEVELS = {"high": 1, "urgent": 1, "normal": 0, "low": -1, "non-urgent": -1}


@dataclass(frozen=True)
class Place:
    """Of a run: its zone and code page."""
    zone: str = "UTC"
    page: int = 1252
    full_source: bool = False


# Of a group without members Python gives nothing; a set may name it.
EMPTY_GROUP = ("undisclosed-recipients", "")


class Wanted:
    """The fields that a message should have."""

    def __init__(self, raw, flags=(), date=None, place=Place(), drafts=False, tags=()):
        self.raw, self.place, self.tags = raw, place, frozenset(tags)
        self.mail = email.message_from_bytes(raw, policy=email.policy.compat32)
        self.received = local(epoch(date or ""), place.zone)
        # Python takes the year 0001 for 2001; RFC 5322 knows no year before 1900.
        far = re.search(r"\b0\d{3}\b", str(self.mail["Date"] or "").split(":")[0])
        self.sent = None if far else local(sent_at(self.mail), place.zone)
        self.unread = "\\Seen" not in flags
        self.unsent = "\\Draft" in flags or drafts
        self.priority = priority(self.mail)
        self.subject = page_line(self.mail["Subject"], place.page)
        self.sender = (self._addresses("From") or self._addresses("Sender") or [None])[0]
        self.to, self.cc, self.bcc = (self._addresses(n) for n in ("To", "Cc", "Bcc"))
        self.text, self.text_is_html = text_of(self.mail)
        self.attachments = attachments_of(self.mail)

    def _addresses(self, name):
        found = email.utils.getaddresses([unfold(v) for v in self.mail.get_all(name, [])])
        return [(page_line(display, self.place.page), address) for display, address in found
                if display or address]


def differences(message, wanted):
    """Sentences on the fields in which a message of a set differs from what is wanted."""
    said = []

    def same(what, got, want):
        if got != want:
            said.append(f"{what} is {got!r:.300}, should be {want!r:.300}")

    same("Subject", one_line(message.subject), wanted.subject)
    same("Sender", message.sender and person(message.sender), wanted.sender)
    for name in ("to", "cc", "bcc"):
        same(name.capitalize(), [p for p in map(person, getattr(message, name)) if p != EMPTY_GROUP],
             getattr(wanted, name))
    # A date that is not there: left empty (EM-14), or the other one (section 4.3, extra rules).
    if message.send_date not in ([wanted.sent] if wanted.sent else ["", wanted.received]):
        same("Send-Date", message.send_date, wanted.sent)
    if message.received_date not in ([wanted.received] if wanted.received else ["", wanted.sent]):
        same("Received-Date", message.received_date, wanted.received)
    same("Priority", message.priority or 0, wanted.priority)
    same("Unread", message.unread, wanted.unread)
    same("Unsent", message.unsent, wanted.unsent)
    return said + text_differences(message, wanted) + attachment_differences(message, wanted)


def person(recipient):
    """(display, address); a display that repeats the address is none."""
    display = one_line(recipient.display)
    if not recipient.address:
        return display, ""
    return ("" if display == recipient.address else display), recipient.address


# -- header fields ----------------------------------------------------------------------

def unfold(value):
    return re.sub(r"\r?\n(?=[ \t])", "", str(value))


def one_line(text):
    return re.sub(r"[ \t\r\n]+", " ", text or "").strip(" ")


def decoded(value):
    """A header field with its encoded words as text."""
    return str(email.header.make_header(email.header.decode_header(unfold(value or ""))))


def page_line(value, page):
    return exfields.encodable(one_line(decoded(value)), page)


def sent_at(mail):
    """Seconds since 1970 of the Date field; None without a date that 14 digits can tell."""
    parsed = email.utils.parsedate_tz(unfold(mail["Date"])) if mail["Date"] else None
    if not parsed or not 1601 <= parsed[0] < 9999:
        return None
    try:
        when = datetime.datetime(*parsed[:6], tzinfo=UTC)
    except ValueError:
        return None
    return int(when.timestamp()) - (parsed[9] or 0)


def local(when, zone):
    """14 digits of an instant by the rule in force at that instant (EM-16)."""
    if when is None:
        return ""
    moment = datetime.datetime(1970, 1, 1, tzinfo=UTC) + datetime.timedelta(seconds=when)
    return moment.astimezone(zoneinfo.ZoneInfo(zone)).strftime("%Y%m%d%H%M%S")


def priority(mail):
    """Importance, else Priority, X-Priority, X-MSMail-Priority."""
    for name in ("Importance", "Priority", "X-Priority", "X-MSMail-Priority"):
        value = (mail[name] or "").strip().lower()
        if name == "X-Priority" and value[:1] in "12345" and value:
            return {"1": 1, "2": 1, "3": 0, "4": -1, "5": -1}[value[0]]
        if value in LEVELS:
            return LEVELS[value]
    return 0


# -- parts -------------------------------------------------------------------------------

def is_attachment(part):
    return part.get_content_disposition() == "attachment"


def leaves(mail, into=("mixed", "related", "alternative", "report", "digest", "parallel")):
    """Parts that are not taken apart further: leaves, messages, signed and encrypted ones."""
    if mail.get_content_maintype() == "multipart" and mail.is_multipart() \
            and mail.get_content_subtype() in into:
        for part in mail.get_payload():
            yield from leaves(part, into)
    else:
        yield mail


def shown_leaves(mail):
    """As leaves, but the text of a signed part is seen too."""
    for part in leaves(mail):
        if part.get_content_type() == "multipart/signed" and part.is_multipart():
            yield from leaves(part.get_payload()[0])
        else:
            yield part


def text_of(mail):
    """(text with CRLF, whether it comes from HTML), ('', False) without."""
    for kind in ("text/plain", "text/html"):
        for part in shown_leaves(mail):
            if part.get_content_type() == kind and not is_attachment(part) and not part.is_multipart():
                return text(part), kind == "text/html"
    return "", False


def text(part):
    charset = part.get_content_charset() or "us-ascii"
    data = part.get_payload(decode=True) or b""
    try:
        made = data.decode(charset, "replace")
    except LookupError:
        made = data.decode("ascii", "replace")
    return re.sub(r"\r?\n", "\r\n", made)


def attachments_of(mail):
    """[(kind, name or None, octets or None)]: 'plain', 'message' or 'whole'."""
    found, text_seen = [], False
    has_plain = any(p.get_content_type() == "text/plain" and not is_attachment(p)
                    for p in shown_leaves(mail))
    for part in leaves(mail):
        kind = part.get_content_type()
        if kind in ("multipart/signed", "multipart/encrypted"):
            found.append(("whole", None, None))
            text_seen = text_seen or kind == "multipart/signed"
        elif part.get_content_maintype() == "message" and part.is_multipart():
            found.append(("message", None, None))
        elif kind == "text/plain" and not is_attachment(part) and not text_seen and has_plain:
            text_seen = True
        else:
            found.append(("plain", name_of(part), part.get_payload(decode=True) or b""))
    return found


def name_of(part):
    """The name a part gives itself, RFC 2231 and 2047 (EM-20)."""
    name = part.get_filename()
    return decoded(name) if name else None


# -- comparing texts and attachments ----------------------------------------------------------

def text_differences(message, wanted):
    if wanted.text_is_html:
        said = []
        if re.search(r"<(html|body|p|b|br)\b", message.body, re.I):
            said.append(f"raw HTML in the body: {message.body[:80]!r}")
        if "Hello" in wanted.text and not re.search(r"Hello &\s+there", message.body):
            said.append(f"the text of the HTML is {message.body[:80]!r}")
        return said
    got, want = message.body, exfields.encodable(wanted.text, wanted.place.page)
    # Whether the line end before a boundary is the text's is a matter of taste.
    if got != want and got.removesuffix("\r\n") != want.removesuffix("\r\n"):
        at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
        return [f"the text differs at {at}: {got[at:at + 40]!r}, should be {want[at:at + 40]!r}"]
    return []


def attachment_differences(message, wanted):
    left = list(message.attachments)
    said = []
    if wanted.place.full_source:
        mine = [a for a in left if a.data == wanted.raw]
        if not mine:
            said.append("the untouched message is not among the attachments")
        else:
            left.remove(mine[-1])
    for kind, name, octets in wanted.attachments:
        fitting = [a for a in left if fits(a, kind, octets, wanted)]
        named = [a for a in fitting if name is None or same_name(a.name, name, wanted.place.page)]
        if named or fitting:
            left.remove((named or fitting)[0])
        if not named:
            said.append(f"no attachment {kind} {name!r} of {octets and len(octets)} octets; there are "
                        f"{[(a.name, len(a.data)) for a in message.attachments]}")
    said += [f"an attachment too much: {a.name!r} of {len(a.data)} octets" for a in left]
    return said


def fits(attachment, kind, octets, wanted):
    if kind == "plain":
        return attachment.data == octets or "damaged" in wanted.tags
    return attachment.data in wanted.raw and len(attachment.data) > 20 \
        if kind == "message" else whole(attachment.data, wanted)


def whole(data, wanted):
    """The octets of a signed or encrypted entity, its header included."""
    entity = email.message_from_bytes(data)
    mine = [p for p in wanted.mail.walk() if p.get_content_type() in
            ("multipart/signed", "multipart/encrypted")]
    body = data.partition(b"\r\n\r\n")[2]
    return bool(mine) and entity.get_content_type() == mine[0].get_content_type() \
        and body.rstrip() in wanted.raw and len(entity.get_payload()) == len(mine[0].get_payload())


def same_name(got, name, page):
    """Control characters and what no file name may hold can be replaced, one for one."""
    want = exfields.encodable(name, page)
    return got == want or len(got) == len(want) and all(
        a == b or b in '/\\:*?"<>|' or ord(b) < 32 for a, b in zip(got, want))
