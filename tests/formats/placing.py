"""Where files of a job lie: safe names, names that Windows bears, the layout of each format."""

import os
import re

TAP_HELPER = True
RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[\d\u00b9\u00b2\u00b3]|lpt[\d\u00b9\u00b2\u00b3])(\..*)?",
                      re.I)


def walk(top):
    """(directory, name, is a directory) of everything below, names as octets."""
    for base, dirs, names in os.walk(os.fsencode(top)):
        yield from ((base, n, True) for n in dirs)
        yield from ((base, n, False) for n in names)


def check_safe(t, mail):
    """No name that leaves the tree, breaks a terminal or is too long; no link."""
    for base, name, _ in walk(mail):
        path = os.path.join(base, name)
        t.ok(len(name) <= 255 and not re.search(rb"[\x00-\x1f\x7f/]", name) and name not in (b".", b".."),
             f"a bad name: {name!r}")
        t.ok(not os.path.islink(path), f"a link: {path!r}")
        try:
            name.decode()
        except UnicodeDecodeError:
            t.fail(f"a name that is not UTF-8: {path!r}")


def windows_fault(name):
    """Why Windows would refuse a name, or ''."""
    if re.search(r'[<>:"/\\|?*\x00-\x1f]', name):
        return "a character"
    if name[-1:] in (".", " "):
        return "a dot or blank at the end"
    if RESERVED.fullmatch(name.partition(".")[0].rstrip()):
        return "a device"
    return "too long" if len(name.encode("utf-16-le")) > 2 * 255 else ""


def check_windows(t, mail):
    """Each name is legal there, and no two in a directory are one without case."""
    seen = {}
    for base, name, _ in walk(mail):
        text = name.decode("utf-8", "backslashreplace")
        t.equal(windows_fault(text), "", f"Windows bears {os.path.join(base, name)!r}")
        twin = seen.setdefault((base, text.casefold()), text)
        t.equal(twin, text, f"twins in {base!r}")


def check_layout(t, account, content, file):
    """Each folder has a directory of its own with these files in it."""
    places = [folder.directory for folder in content.values()]
    t.equal(len(set(places)), len(places), "a directory a folder")
    for folder in content.values():
        inside = os.path.relpath(folder.directory, account)
        t.ok(not inside.startswith(".."), f"{folder.name!r} lies in the account: {inside}")
        if file and folder.messages:
            t.ok(os.path.isfile(os.path.join(folder.directory, file)), f"{inside} has {file}")
