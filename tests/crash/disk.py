"""A directory as a disk may hold it after the power was cut.

Disk repeats the calls that the shim has noted, and knows of each file and
directory what is there now and what was there at its last sync. The data of a
file is safe after fsync or fdatasync of that file, a name after fsync of its
directory, all after syncfs; SQLite's log is a file like any other. What is not
safe may be there or not, in any mixture: view() gives one such mixture, and
put() makes it of the real directory of a run that was killed at that moment
(each file keeps its inode, which imex remembers of its sidecars).

Of a rename between two directories each half counts for itself, which no file
system of today does: the model is harsher than the truth.
"""

import copy
import os
import shutil

import shim

SECTOR = 512


class File:
    """changes: what was done since the last sync, in order."""

    def __init__(self, safe=b"", mtime=None):
        self.safe = bytes(safe)
        self.mtime = mtime          # of the last sync; None: whenever
        self.changes = []           # (serial, op, offset, data)

    def sync(self):
        self.safe, self.mtime = self.after(self.changes)
        self.changes = []

    def after(self, changes):
        """(bytes, mtime) after some of the changes."""
        data, mtime = bytearray(self.safe), self.mtime
        for _, op, offset, new in changes:
            if op == shim.TIMES:
                mtime = offset
                continue
            mtime = None if op == shim.WRITE else mtime
            if op == shim.TRUNCATE:
                data = data[:offset] + bytes(max(0, offset - len(data)))
            else:
                data += bytes(max(0, offset - len(data)))
                data[offset:offset + len(new)] = new
        return bytes(data), mtime


class Directory:
    def __init__(self):
        self.safe, self.now = {}, {}
        self.changes = []           # (serial, name, node or None, name that goes or None)

    def change(self, serial, name, node, gone=None):
        self.changes.append((serial, name, node, gone))
        self._apply(self.now, name, node, gone)

    def sync(self):
        self.safe = dict(self.now)
        self.changes = []

    def after(self, changes):
        names = dict(self.safe)
        for _, name, node, gone in changes:
            self._apply(names, name, node, gone)
        return names

    @staticmethod
    def _apply(names, name, node, gone):
        if gone is not None:
            names.pop(gone, None)
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node


class Disk:
    def __init__(self):
        self.root = Directory()
        self.serial = 0
        self.strange = []           # calls that cannot be repeated
        self._by_inode = {}
        self._all = [self.root]

    def load(self, place):
        """Begin with what is in a real directory, all of it safe."""
        self._load(self.root, place)
        return self

    def _load(self, node, place):
        for entry in os.scandir(place):
            if entry.is_dir(follow_symlinks=False):
                child = self._new(Directory())
                self._load(child, entry.path)
            else:
                with open(entry.path, "rb") as file:
                    child = self._new(File(file.read(), entry.stat().st_mtime_ns))
                self._by_inode[entry.inode()] = child
            node.safe[entry.name] = node.now[entry.name] = child

    def copy(self):
        """Another disk like this one."""
        return copy.deepcopy(self)

    def _new(self, node):
        self._all.append(node)
        return node

    # -- repeating ------------------------------------------------------------

    def play(self, calls):
        for call in calls:
            self.serial += 1
            if not call.errno and not call.struck:
                self._do(call)
        return self

    def _do(self, call):
        does = {shim.CREATE: self._create, shim.TRUNCATE: self._data, shim.WRITE: self._data,
                shim.TIMES: self._data, shim.RENAME: self._rename, shim.UNLINK: self._remove,
                shim.RMDIR: self._remove, shim.LINK: self._link, shim.MKDIR: self._mkdir, shim.SYNC: self._sync,
                shim.SYNC_ALL: lambda _: self._sync_all()}
        try:
            does[call.op](call)
        except (KeyError, AttributeError):
            self.strange.append(str(call))

    def _find(self, path):
        node = self.root
        for part in filter(None, path.split("/")):
            node = node.now[part]
        return node

    def _place(self, path):
        above, _, name = path.rpartition("/")
        return self._find(above), name

    def _create(self, call):
        where, name = self._place(call.path)
        if name not in where.now:
            where.change(self.serial, name, self._new(File()))
        node = where.now[name]
        self._by_inode[call.inode] = node
        if call.offset:
            node.changes.append((self.serial, shim.TRUNCATE, 0, b""))

    def _data(self, call):
        node = self._by_inode[call.inode]
        node.changes.append((self.serial, call.op, call.offset, call.data))

    def _rename(self, call):
        source, old = self._place(call.path)
        target, new = self._place(call.other)
        node = source.now[old]
        if source is target:
            source.change(self.serial, new, node, old)
        else:
            target.change(self.serial, new, node)
            source.change(self.serial, old, None)

    def _link(self, call):
        source, old = self._place(call.path)
        target, new = self._place(call.other)
        target.change(self.serial, new, source.now[old])

    def _remove(self, call):
        where, name = self._place(call.path)
        where.change(self.serial, name, None)

    def _mkdir(self, call):
        where, name = self._place(call.path)
        where.change(self.serial, name, self._new(Directory()))

    def _sync(self, call):
        (self._find(call.path) if call.is_dir else self._by_inode[call.inode]).sync()

    def _sync_all(self):
        for node in self._all:
            node.sync()

    def unsafe(self):
        """How many changes a power cut now could take."""
        return sum(len(node.changes) for node in self._all)

    # -- views ------------------------------------------------------------------

    def view(self, choose):
        """{path: None of a directory, (file, bytes, mtime) of a file} of one mixture.

        choose: what survives, see the functions below.
        """
        found = {}
        self._view(self.root, "", choose, found)
        return found

    def _view(self, node, path, choose, found):
        for name, child in node.after(choose.names(node)).items():
            inside = f"{path}/{name}" if path else name
            if isinstance(child, Directory):
                found[inside] = None
                self._view(child, inside, choose, found)
            else:
                found[inside] = (child, *child.after(choose.data(child)))


class Now:
    """Everything survives: what is there."""

    def names(self, directory):
        return directory.changes

    def data(self, file):
        return file.changes


class Nothing:
    """Only what was synced survives."""

    def names(self, directory):
        return []

    def data(self, file):
        return []


class NamesAlone(Nothing):
    """Names are there, their files without what was written since the sync."""

    def names(self, directory):
        return directory.changes


class Sizes(NamesAlone):
    """Files have their length, and nothing is in it."""

    def data(self, file):
        return [(serial, op, offset, bytes(len(data)) if op == shim.WRITE else data)
                for serial, op, offset, data in file.changes]


class DataAlone(Nothing):
    """What was written is there, new names are not."""

    def data(self, file):
        return file.changes


class First:
    """All up to one moment survives, and half of the write at that moment."""

    def __init__(self, rng, disk):
        changes = sorted(c[0] for node in disk._all for c in node.changes)
        self.last = rng.choice(changes) if changes else 0

    def names(self, directory):
        return [c for c in directory.changes if c[0] <= self.last]

    def data(self, file):
        kept = [c for c in file.changes if c[0] < self.last]
        torn = [(n, op, offset, data[:len(data) // 2])
                for n, op, offset, data in file.changes if n == self.last]
        return kept + torn


class Mixture:
    """Of each directory the first so many changes, of each file any sectors."""

    def __init__(self, rng, disk):
        self.rng = rng

    def names(self, directory):
        return directory.changes[:self.rng.randrange(len(directory.changes) + 1)]

    def data(self, file):
        kept = []
        for serial, op, offset, data in file.changes:
            if op != shim.WRITE:
                kept += [(serial, op, offset, data)] * self.rng.randrange(2)
                continue
            at = 0
            while at < len(data):
                size = min(SECTOR - (offset + at) % SECTOR, len(data) - at)
                if self.rng.randrange(2):
                    kept.append((serial, op, offset + at, data[at:at + size]))
                at += size
        return kept


# How a power cut may look: name, maker.
LOSSES = {
    "nothing after the sync": lambda rng, disk: Nothing(),
    "names without data": lambda rng, disk: NamesAlone(),
    "sizes without data": lambda rng, disk: Sizes(),
    "data without names": lambda rng, disk: DataAlone(),
    "all up to a moment": First,
    "any mixture": Mixture,
}


# -- the real directory ---------------------------------------------------------

def read(place):
    """A view of a real directory: path -> None, or (bytes, mtime)."""
    found = {}
    for base, dirs, names in os.walk(place):
        for name in dirs + names:
            path = os.path.join(base, name)
            inside = os.path.relpath(path, place)
            if name in dirs:
                found[inside] = None
            else:
                with open(path, "rb") as file:
                    found[inside] = (file.read(), os.stat(path).st_mtime_ns)
    return found


def put(disk, view, place):
    """Turn the real directory, which is as disk says now, into view."""
    aside = place + ".aside"
    os.mkdir(aside)
    kept = {}
    for path, entry in disk.view(Now()).items():
        if entry and entry[0] not in kept:
            kept[entry[0]] = os.path.join(aside, str(len(kept)))
            os.rename(os.path.join(place, path), kept[entry[0]])
    shutil.rmtree(place)
    os.mkdir(place)
    for path, entry in view.items():
        to = os.path.join(place, path)
        if entry is None:
            os.mkdir(to)
            continue
        node, data, mtime = entry
        if node in kept:
            os.rename(kept.pop(node), to)
        with open(to, "r+b" if os.path.exists(to) else "wb") as file:
            file.truncate()
            file.write(data)
        if mtime is not None:
            os.utime(to, ns=(mtime, mtime))
        else:
            os.utime(to)
    shutil.rmtree(aside)
