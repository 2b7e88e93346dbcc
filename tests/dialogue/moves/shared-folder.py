"""Several connections read one folder of the source; one alone sends it, with its intents and its look-ups."""

import re

from into import *
from scene import *

BODIES = r"UID FETCH ([\d:,]+) \(BODY\.PEEK\[\]\)"


def large(count=150):
    store = Store()
    fill(store["INBOX"], count)
    return store


def readers(m):
    """Connection -> how many messages it has asked the source for."""
    found = {}
    for number in range(1, m.source.connections + 1):
        for text in m.source.transcript.commands(BODIES, number):
            for part in re.match(BODIES, text)[1].split(","):
                low, _, high = part.partition(":")
                found[number] = found.get(number, 0) + int(high or low) - int(low) + 1
    return found


def together(m, connections):
    """Nobody gets a further window before so many connections have asked for one."""
    @m.source.on(BODIES, after=1)
    def _(call):
        log = m.source.transcript
        with log.changed:
            log.changed.wait_for(lambda: len(readers(m)) >= connections, 10)
        return call.normal()


def shared(t, caps, *args):
    m = Move(t, source=large(), **caps)
    together(m, 3)
    m.clean(m.migrate("--connections", "3", *args))
    t.equal(len(readers(m)), 3, "connections that read")
    t.equal(sum(readers(m).values()), 150, "messages that were asked for, once")
    t.equal(m.dest.connections, 1, "connections to the destination")
    m.arrived()
    m.again()
    return m


def scene_with_uidplus(t):
    shared(t, {})


def scene_without_uidplus(t):
    shared(t, {"caps": without("UIDPLUS")})


def scene_reader_is_cut(t):
    """What a reader had in hand comes by another one, and goes once."""
    m = Move(t, source=large())
    cut = []

    @m.source.on(BODIES, after=1)
    def _(call):
        log = m.source.transcript
        if call.wire.number > 1 and not cut:
            cut.append(call.wire.number)
            whole = b"".join(call.normal())
            return [whole[:len(whole) // 2], Cut]
        with log.changed:
            log.changed.wait_for(lambda: cut, 10)
        return call.normal()
    m.clean(m.migrate("--connections", "2"))
    t.equal(len(cut), 1, "readers that were cut")
    m.arrived()
    m.again()


def scene_destination_is_cut(t):
    """The sender is lost in the middle: what was in doubt is looked for, and no message is there twice."""
    m = Move(t, source=large())
    together(m, 3)
    m.dest.append(cut=40, skip=60, times=1)
    t.exits(m.migrate("--connections", "3"), 0, 1)
    t.ok(m.dest.connections > 1, "it connected again")
    m.arrived()
    m.again()
