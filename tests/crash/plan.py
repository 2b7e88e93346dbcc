"""How many of the many cuts a test takes.

By default as many as leave the whole suite at some four minutes on two cores, chosen so
that each test meets calls of several kinds, and for each kind of cut at other places.
CRASH_EVERY=1 takes all of them, CRASH_EVERY=7 each seventh; CRASH_POINTS=n so many of each test.
"""

import os
import re
import zlib

import shim

POINTS = int(os.environ.get("CRASH_POINTS", "10"))
WAL = "imex.db-wal"
HOWS = ("kill-before", "kill-half", "kill-after")
FEW = int(os.environ.get("CRASH_POINTS", "8"))
EVERY = int(os.environ.get("CRASH_EVERY", "0"))


def each(total, kind, points=None):
    """Numbers from 1 to total."""
    step = EVERY or max(1, -(-total // (points or POINTS)))
    return range(1 + zlib.crc32(kind.encode()) % step, total + 1, step)


def all_calls(calls, hows=HOWS):
    """[(how, place)], how and where to strike (shim.environment()), as each() takes them."""
    return [(how, {"at": number}) for how in hows for number in each(len(calls), how)]


def few(calls, kind, points=FEW, kinds=None, hows=HOWS):
    """The same, but few of them, each of hows in turn, and not by chance alone.

    First when much is in the files and not committed; then calls of different kinds;
    then any. kinds: (n, of): instead of a few kinds the n-th part of all.
    """
    if EVERY or "CRASH_POINTS" in os.environ:
        return all_calls(calls, hows)
    turn = zlib.crc32(kind.encode())
    found = decisive(calls, turn)[:max(1, points // 4)]
    by_kind = sorted(of_kinds(calls).items(), key=lambda item: item[0])
    if kinds:
        by_kind = by_kind[kinds[0]::kinds[1]]
    else:
        by_kind = different(by_kind, points // 2, turn)
    found += [{"at": 1 + turn % len(numbers), "only": (op,), "like": like}
              for (op, like), numbers in by_kind]
    left = max(points - len(found), 1)
    step = -(-len(calls) // left)
    found += [{"at": n} for n in range(1 + turn % step, len(calls) + 1, step)]
    return [(hows[(turn + n) % len(hows)], place) for n, place in enumerate(found)]


def different(by_kind, wanted, turn):
    """So many of the kinds, of as many operations as there are."""
    by_op = {}
    for kind in by_kind:
        by_op.setdefault(kind[0][0], []).append(kind)
    queues = [kinds[turn % len(kinds):] + kinds[:turn % len(kinds)] for kinds in by_op.values()]
    queues = queues[turn % len(queues):] + queues[:turn % len(queues)]
    turns = [queue[n] for n in range(len(by_kind)) for queue in queues if n < len(queue)]
    return turns[:wanted]


def decisive(calls, turn):
    """Places in commits of what stands in the files: the first one, the last one, when a part is
    committed for sure, and others."""
    ready = commits(calls, shim.WRITE)
    turn = turn % max(1, len(ready))
    order = ready[:1] + ready[-1:] + ready[turn:] + ready[:turn]
    return [{"at": n, "only": (shim.WRITE,), "like": WAL} for n in dict.fromkeys(order)]


def commits(calls, op):
    """Which of such calls on the state's log are the first behind lines of a sidecar."""
    found, number, lines = [], 0, False
    for call in calls:
        lines = lines or call.op == shim.WRITE and "/folder.jsonl" in call.path
        if call.op == op and call.path.endswith(WAL):
            number += 1
            if lines:
                found.append(number)
            lines = False
    return found


def few_syncs(calls, kind, points):
    """Places before syncs of these calls: of commits as decisive() has them, then any."""
    syncs = [c for c in calls if c.op in (shim.SYNC, shim.SYNC_ALL)]
    if EVERY or "CRASH_POINTS" in os.environ:
        return [{"at": syncs[n - 1].number} for n in each(len(syncs), kind)]
    ready = commits(calls, shim.SYNC)
    found = [{"at": n, "only": (shim.SYNC,), "like": WAL} for n in ready[:1] + ready[1:][-1:]]
    return found + [{"at": syncs[n - 1].number} for n in each(len(syncs), kind, points - len(found))]


def of_kinds(calls):
    """(op, what the names of such files have in common) -> their numbers."""
    found = {}
    for call in calls:
        name = os.path.basename(call.other or call.path)
        like = re.split(r"\d", name)[-1]
        like = "/" + name if like == name else like
        if not like or call.op in (shim.MKDIR, shim.RMDIR) or "/" not in call.path:
            like = "/"
        found.setdefault((call.op, like), []).append(call.number)
    return found
