"""What the shim is told, and the log it writes."""

import atexit
import functools
import os
import shutil
import struct
import tempfile
from dataclasses import dataclass

CREATE, TRUNCATE, WRITE, RENAME, UNLINK, MKDIR, RMDIR, LINK, SYNC, SYNC_ALL, TIMES, OTHER, SEND, \
    OPEN, READ, LOOK, RECV, CONNECT, WAIT, TLS, DATABASE, THREAD, ALLOC = range(1, 24)
NAMES = ("", "create", "truncate", "write", "rename", "unlink", "mkdir", "rmdir", "link", "sync",
         "sync-all", "times", "other", "send", "open", "read", "look", "receive", "connect", "wait", "TLS",
         "database", "thread", "allocate")
EXT4 = "ef53"           # imex makes batches durable by syncfs there,
OVERLAY = "794c7630"    # and file by file there
_ENTRY = struct.Struct("<IBBBBQQiIII")


@dataclass
class Call:
    """One call. path and other are relative to the root, '' is itself."""
    number: int
    op: int
    made: bool          # create: the name was not there before
    is_dir: bool
    struck: bool        # the call at which the shim did what it was asked
    inode: int
    offset: int         # also the length of a truncate, the time of times, 1: create with O_TRUNC
    errno: int
    path: str
    other: str
    data: bytes

    def __str__(self):
        other = f" -> {self.other}" if self.other else ""
        return f"call {self.number}, {NAMES[self.op]} {self.path or '.'}{other}"


@functools.lru_cache(None)
def shim_path():
    """The shim under a path without blanks, which LD_PRELOAD would split at."""
    built = os.path.abspath(os.environ["CRASH_SHIM"])
    if " " not in built and ":" not in built:
        return built
    folder = tempfile.mkdtemp(prefix="imex-shim-", dir="/tmp")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return shutil.copy(built, folder)


def environment(root, log, do="", at=0, many=1, only=(), like=None, errno=0, fs=EXT4, data=False,
                also=()):
    """The variables that make imex run under the shim. also: kinds from SEND on that are counted too;
    like: counted alone are those of the kinds with this in a path, '' is in all."""
    more = {} if like is None else {"CRASH_LIKE": like}
    return {**more, "LD_PRELOAD": shim_path(), "CRASH_ROOT": root, "CRASH_LOG": log,
            "CRASH_DO": do, "CRASH_AT": str(at), "CRASH_MANY": str(many),
            "CRASH_ONLY": bits(only), "CRASH_ALSO": bits(also),
            "CRASH_ERRNO": str(errno), "CRASH_FS": fs, "CRASH_DATA": "1" if data else "0"}


def bits(ops):
    return str(sum(1 << op for op in ops))


def read_log(path, root):
    """The calls of one run, in order."""
    with open(path, "rb") as file:
        text = file.read()
    calls, at = [], 0
    while at < len(text):
        number, op, made, is_dir, struck, inode, offset, errno, *sizes = \
            _ENTRY.unpack_from(text, at)
        at += _ENTRY.size
        parts = []
        for size in sizes:
            parts.append(text[at:at + size])
            at += size
        calls.append(Call(number, op, bool(made), bool(is_dir), bool(struck), inode, offset, errno,
                          _inside(parts[0], root), _inside(parts[1], root), parts[2]))
    return calls


def _inside(path, root):
    return os.fsdecode(path).removesuffix(" (deleted)").removeprefix(root).lstrip("/")
