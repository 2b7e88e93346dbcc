"""What people and servers do with a mailbox between two runs, drawn by a seed:

    rng = random.Random(4)
    done = change(store, rng, "3")      # one change; its words, for the message of a test that fails

Each message has octets of its own, so that a test can say where it is, and where else it has been.
"""

TAP_HELPER = True


def _letters(rng, number, count):
    return [(b"From: ana@example.org\r\nDate: Fri, 01 Nov 2002 10:00:00 +0100\r\nSubject: %s %d\r\n\r\n%d\r\n"
             % (number.encode(), n, rng.randrange(10 ** 12)),) for n in range(count)]


def _fill(folder, letters):
    for letter in letters:
        folder.add(*letter)


def _new_mail(store, rng, number, folder, _):
    _fill(folder, _letters(rng, number, 3))
    return f"mail for {folder.name}"


def _flags(store, rng, number, folder, _):
    if len(folder):
        folder.flag(rng.choice(folder.messages).uid, "\\Answered", "\\Seen")
    return f"flags in {folder.name}"


def _expunge(store, rng, number, folder, _):
    if len(folder):
        folder.remove(rng.choice(folder.messages).uid)
    return f"one less in {folder.name}"


def _renumber(store, rng, number, folder, _):
    folder.renumber(folder.uidvalidity + 1000, rng.choice((1, 7)))
    return f"new UIDVALIDITY of {folder.name}"


def _rename(store, rng, number, _, names):
    old = rng.choice(names)
    store.rename(old, f"Name {number}")
    return f"{old} renamed"


def _swap(store, rng, number, _, names):
    one, other = rng.choice(names), rng.choice(names)
    if one == other or one.startswith(other + "/") or other.startswith(one + "/"):
        return "nothing"
    store.rename(one, "Between")
    store.rename(other, one)
    store.rename("Between", other)
    return f"{one} and {other} swapped"


def _make(store, rng, number, _, names):
    name = f"Made {number}" if rng.random() < 0.5 else f"{rng.choice(names)}/Child {number}"
    _fill(store.add(name), _letters(rng, number, 3))
    return f"{name} made"


def _delete(store, rng, number, _, names):
    name = rng.choice(names)
    for gone in [n for n in store.folders if n == name or n.startswith(name + "/")]:
        del store.folders[gone]
    return f"{name} deleted"


def _make_again(store, rng, number, _, names):
    """A half of it comes back under other UIDs."""
    name = rng.choice(names)
    kept = [(m.raw, m.flags, m.date) for m in store[name]]
    del store.folders[name]
    _fill(store.add(name), kept[:len(kept) // 2] + _letters(rng, number, 2))
    return f"{name} deleted and made again"


def _rename_inbox(store, rng, number, _, __):
    """RFC 3501 6.3.5: its mail moves, and it is there still."""
    inbox = store["INBOX"]
    moved = store.add(f"Old {number}", uidvalidity=inbox.uidvalidity)
    for m in inbox:
        moved.add(m.raw, m.flags, m.date, uid=m.uid)
    inbox.messages.clear()
    inbox.renumber(inbox.uidvalidity + 5000)
    return "INBOX renamed"


_ALWAYS = _new_mail, _new_mail, _flags, _expunge, _renumber, _rename_inbox
_WITH_FOLDERS = _rename, _swap, _make, _delete, _make_again


def change(store, rng, number):
    """One change of the store; `number` makes names that nothing else has. Its words."""
    names = [f.name for f in store if f.name != "INBOX"]
    folder = store[rng.choice([f.name for f in store])]
    return rng.choice(_ALWAYS + (_WITH_FOLDERS if names else ()))(store, rng, number, folder, names)


def changes(store, rng, number):
    """One to three of them."""
    return [change(store, rng, f"{number}.{n}") for n in range(rng.choice((1, 1, 2, 3)))]
