"""Extracted Exchange sets: read strictly, found by folder, compared field by field."""

import os
import re

import exchange
import exfields
import expect
import foldernames

TAP_HELPER = True


def read(t, job, number=None):
    """All sets of a job (or one); a fault in the format ends the test."""
    try:
        made = exchange.read_folder(os.path.join(job, "mail"))
    except exchange.Fault as fault:
        t.must(False, f"the set keeps to the format: {fault}")
    except OSError as problem:
        t.must(False, f"there is a set: {problem}")
    t.must(made, "there is a packing list", os.listdir(os.path.join(job, "mail")))
    return made if number is None else made[number]


def names(folder, store):
    """What a folder may be called in a set (section 4.4), as text before the code page."""
    levels = folder.name.split(store.delimiter) if store.delimiter else [folder.name]
    levels = [foldernames.from_utf7(level).replace("\\", "_") for level in levels]
    if folder.name == "INBOX":
        return {"Inbox"}
    if folder.use in ("\\Sent", "\\Trash"):
        return {{"\\Sent": "Sent Items", "\\Trash": "Deleted Items"}[folder.use]}
    made = {"\\".join(levels)}
    if levels[0] == "INBOX":
        made.add("\\".join(["Inbox", *levels[1:]]))
    return made


def by_folder(t, messages, store, page):
    """{wire name: [messages]}; each folder of the store that has mail must be there, by itself."""
    groups = {}
    for message in messages:
        groups.setdefault(message.folder, []).append(message)
    filled = [f for f in store if f.selectable and len(f)]
    t.equal(len(groups), len(filled), "EM-45: as many folders as on the server")
    called = {f.name: {exfields.encodable(n, page) for n in names(f, store)} for f in filled}
    found, unsure = {}, []
    for folder in filled:
        twins = [n for n, other in called.items() if n != folder.name and other & called[folder.name]]
        mine = [n for n in groups if n in called[folder.name]]
        if twins or any("?" in n for n in called[folder.name]):
            unsure.append(folder)
        elif t.ok(mine, f"the folder {folder.name!r} is called {called[folder.name]}", sorted(groups)[:60]):
            found[folder.name] = groups.pop(mine[0])
    # Which of twins gets the number, and what a name becomes that the code page lacks, is not
    # laid down: such folders are known by what is in them.
    for folder in unsure:
        subjects = sorted(expect.page_line(expect.Wanted(m.raw).mail["Subject"], page) for m in folder)
        mine = [n for n, group in groups.items()
                if sorted(expect.one_line(m.subject) for m in group) == subjects]
        if t.ok(mine, f"the messages of {folder.name!r} are in a folder", sorted(groups)[:60]):
            found[folder.name] = groups.pop(mine[0])
    t.equal(sorted(groups), [], "folders that belong to none of the server")
    return found


def compare(t, messages, store, place, odd=frozenset(), tags=None):
    """Each message of the store is in the set with all its fields. odd: raws that are not compared."""
    for name, got in by_folder(t, messages, store, place.page).items():
        folder = store[name]
        t.equal(len(got), len(folder), f"messages in {name!r}")
        left = list(got)
        for message in sorted(folder, key=lambda m: m.raw in odd):
            wanted = expect.Wanted(message.raw, message.flags, message.date, place,
                                   folder.use == "\\Drafts", (tags or {}).get(message.raw, ()))
            problems, best = closest(left, wanted)
            if best is not None and (not problems or message.raw in odd):
                left.remove(best)
            if message.raw not in odd:
                t.ok(not problems, f"{name!r} UID {message.uid}, {describe(message.raw)}", *problems[:6])


def closest(messages, wanted):
    """(differences, message) of the one that differs least."""
    best = (["there is none left"], None)
    for message in messages:
        if one_of(message, wanted):
            problems = expect.differences(message, wanted)
            if not problems:
                return [], message
            if best[1] is None or len(problems) < len(best[0]):
                best = problems, message
    return best


def one_of(message, wanted):
    """Can this line be that message at all? Saves most comparisons."""
    return wanted.place.full_source is False \
        or any(a.data == wanted.raw for a in message.attachments)


def describe(raw):
    found = re.search(rb"^Subject: (.{0,40})", raw, re.M)
    return repr((found[1] if found else raw[:40]).decode("latin-1"))
