"""The fields of Exchange migration files: code pages, quotes, lists, pointers, recipients, dates.

Written from docs of the format alone (sections 2, 2.1 and 4.3 of its description), so
that the reader in exchange.py shares nothing with the program it judges. Strict: what a
writer must not write is a Problem, also where a reader in the field would bear it.
"""

import datetime
import re
from dataclasses import dataclass

MUST_QUOTE = set('#!,\\"%.')
POINTER = re.compile(r'#([^#();,\\/:*?"<>|]+)\((\d+)\)')
RECIPIENT = re.compile(r"(?P<display>.*?) ?\[(?P<type>[A-Za-z0-9]+):(?P<address>[^\[\]]*)\]", re.S)
PYTHON_NAMES = {10000: "mac_roman", 65001: "utf-8"}


class Problem(Exception):
    """What is wrong with a field; the caller knows file and place."""


@dataclass(frozen=True)
class Recipient:
    """type and address are '' where only a name was written."""
    display: str
    type: str = ""
    address: str = ""


@dataclass(frozen=True)
class Pointer:
    name: str
    offset: int


def python_name(page):
    return PYTHON_NAMES.get(page, f"cp{page}")


def decode(octets, page):
    """Text of octets in a Windows code page; Problem where they are none.

    Windows gives the five holes of 1252, and the like, the control character of the
    same number; Python knows no character there.
    """
    try:
        return octets.decode(python_name(page))
    except UnicodeDecodeError as problem:
        if page in (65001, 932):
            raise Problem(f"not code page {page} at octet {problem.start}: "
                          f"{octets[problem.start:problem.start + 4]!r}") from None
        return "".join(_one(bytes([o]), page) for o in octets)
    except LookupError:
        raise Problem(f"no code page {page}") from None


def _one(octet, page):
    try:
        return octet.decode(python_name(page))
    except UnicodeDecodeError:
        if 0x80 <= octet[0] <= 0x9F:
            return chr(octet[0])
        raise Problem(f"code page {page} has no character {octet!r}") from None


# Characters that a page has only under another number: Windows-31J names some of JIS differently.
NEAR = {932: dict(zip("\u2014\u2016\u2212\u301c\u00a2\u00a3\u00ac", "\u2015\u2225\uff0d\uff5e\uffe0\uffe1\uffe2"))}


def encodable(text, page):
    """What the code page makes of text: the nearest or '?' for each character that it lacks."""
    made = []
    near = NEAR.get(page, {})
    for char in text:
        char = near.get(char, char)
        try:
            char.encode(python_name(page))
            made.append(char)
        except UnicodeEncodeError:
            hole = 0x80 <= ord(char) <= 0x9F and page not in (65001, 932)
            made.append(char if hole and _is_hole(ord(char), page) else "?")
    return "".join(made)


def _is_hole(octet, page):
    try:
        bytes([octet]).decode(python_name(page))
        return False
    except UnicodeDecodeError:
        return True


# -- quotes -----------------------------------------------------------------

def split(line, separator=","):
    """The raw fields of a line: cut at separators outside quotes."""
    fields, begin, quoted = [], 0, False
    for at, char in enumerate(line):
        if char == '"':
            quoted = not quoted
        elif char == separator and not quoted:
            fields.append(line[begin:at])
            begin = at + 1
    if quoted:
        raise Problem(f"a quote is not closed: {line[-80:]!r}")
    return [*fields, line[begin:]]


def closing(raw):
    """Index of the quote that closes the one raw begins with; -1 without."""
    at = 1
    while at < len(raw):
        if raw[at] == '"':
            if raw[at + 1:at + 2] != '"':
                return at
            at += 1
        at += 1
    return -1


def is_quoted(raw):
    return raw.startswith('"') and closing(raw) == len(raw) - 1


def unquote(raw, bare=""):
    """The value of one field or list item; `bare` characters may stand without quotes."""
    if raw.startswith('"'):
        end = closing(raw)
        if end < 0:
            raise Problem(f"a quote is not closed: {raw[:80]!r}")
        if end != len(raw) - 1:
            raise Problem(f"text follows a closing quote: {raw[:80]!r}")
        return raw[1:-1].replace('""', '"')
    loose = MUST_QUOTE.intersection(raw).difference(bare)
    if loose:
        raise Problem(f"{''.join(sorted(loose))} needs quotes: {raw[:80]!r}")
    return raw


def values(raw):
    """The values of a field that may hold several (section 2.1)."""
    if not raw:
        return []
    if is_quoted(raw):
        inner = unquote(raw)
        # Once inside the quotes of the whole, a value needs its own only for a ';' or
        # a quote at its start.
        return [_inner(part) for part in split_inner(inner)]
    return [unquote(part) for part in split(raw, ";")]


def split_inner(inner):
    """Cut at ';' outside inner quotes. A single value may hold a quote of its own."""
    try:
        return split(inner, ";")
    except Problem:
        if ";" in inner:
            raise
        return [inner]


def _inner(part):
    if not part.startswith('"'):
        return part
    if not is_quoted(part):
        raise Problem(f"text follows a closing quote: {part[:80]!r}")
    return part[1:-1].replace('""', '"')


# -- kinds of fields --------------------------------------------------------------

def pointer(raw):
    """The Pointer that an unquoted field is, or None for text."""
    if not raw.startswith("#"):
        return None
    found = POINTER.fullmatch(raw)
    if not found:
        raise Problem(f"not a pointer, and '#' needs quotes: {raw[:80]!r}")
    if str(int(found[2])) != found[2]:
        raise Problem(f"leading zeros in a pointer: {raw!r}")
    return Pointer(found[1], int(found[2]))


def recipient(value):
    """display[TYPE:address], or a name alone."""
    if not value.endswith("]"):
        return Recipient(value)
    found = RECIPIENT.fullmatch(value)
    return Recipient(found["display"], found["type"], found["address"]) if found \
        else Recipient(value)


def date14(raw):
    """14 digits that are a time, as text; '' for none."""
    if raw == "":
        return raw
    if not re.fullmatch(r"\d{14}", raw, re.A):
        raise Problem(f"a date has 14 digits: {raw!r}")
    try:
        datetime.datetime.strptime(raw, "%Y%m%d%H%M%S")
    except ValueError:
        raise Problem(f"no such time: {raw!r}") from None
    return raw


def word(raw, allowed, what):
    if raw not in allowed:
        raise Problem(f"{what} is one of {' '.join(filter(None, allowed))}: {raw!r}")
    return raw


def number(raw, what, least=0):
    if not re.fullmatch(r"-?\d+", raw, re.A) or str(int(raw)) != raw or int(raw) < least:
        raise Problem(f"{what} is a number from {least}: {raw!r}")
    return int(raw)


def directory_values(raw):
    """Values of a DIRECTORY field: '%' parts them outside quotes, \\r \\n \\\\ are escapes."""
    parts = split(raw, "%")
    return [unescape(unquote(part)) for part in parts] if raw else []


def unescape(text):
    """DIRECTORY alone gives the backslash a meaning (section 4.5)."""
    def one(found):
        made = {"r": "\r", "n": "\n", "\\": "\\"}.get(found[1])
        if made is None:
            raise Problem(f"a single backslash before {found[1]!r}: {text[:80]!r}")
        return made
    return re.sub(r"\\(.|$)", one, text, flags=re.S)
