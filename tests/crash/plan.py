"""How many of the many cuts a test takes.

By default as many as leave the whole suite under three minutes on two cores, spread
evenly and for each kind of cut at other places. CRASH_EVERY=1 takes all of them,
CRASH_EVERY=7 each seventh; CRASH_POINTS=n so many of each test.
"""

import os
import zlib

POINTS = int(os.environ.get("CRASH_POINTS", "25"))
EVERY = int(os.environ.get("CRASH_EVERY", "0"))


def each(total, kind, points=None):
    """Numbers from 1 to total."""
    step = EVERY or max(1, -(-total // (points or POINTS)))
    return range(1 + zlib.crc32(kind.encode()) % step, total + 1, step)
