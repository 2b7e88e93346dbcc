"""A folder of the destination is made anew, and the run that sees it does not come to its end: later ones look for
each message all the same."""

import signal

from model import DEFAULT_CAPS
from scene import *
from into import *

QRESYNC = {"caps": " ".join([DEFAULT_CAPS, "QRESYNC"])}


def begun(t, count):
    m = Move(t, source=sample(("INBOX",), count=count), source_options=QRESYNC)
    m.clean(m.migrate())
    m.arrived()
    renewed = m.dest.store.folders["INBOX"]
    renewed.messages = []
    renewed.renumber(renewed.uidvalidity + 1000)
    return m


def whole(m):
    m.warned(m.migrate())
    m.arrived()
    m.again()


def interrupted(t, number, command):
    """The run gets the signal when the source is sent this command."""
    m = begun(t, 5)
    gate = Gate()

    @m.source.on(command, times=1)
    def _(call):
        return [gate, *call.normal()]
    run = m.start()
    gate.must_be_reached(t, command)
    run.signal(number)
    run.wait()
    gate.open()
    m.source.clear()
    whole(m)


def scene_killed_at_the_listing(t):
    interrupted(t, signal.SIGKILL, r"UID FETCH .*RFC822\.SIZE")


def scene_killed_at_a_body(t):
    interrupted(t, signal.SIGKILL, r"UID FETCH .*BODY\.PEEK\[\]")


def scene_interrupted_at_a_body(t):
    interrupted(t, signal.SIGINT, r"UID FETCH .*BODY\.PEEK\[\]")


def scene_killed_at_an_append(t):
    m = begun(t, 5)
    runs = []
    m.dest.append(times=1, do=lambda _append: runs[0].signal(signal.SIGKILL))
    runs.append(m.start())
    runs[0].wait()
    m.dest.clear()
    whole(m)


def scene_source_lost(t):
    """Once, in the middle of the folder: what changed since the last run is not all there is to do."""
    m = begun(t, 300)
    m.source.store["INBOX"].add(letter("INBOX", 301))
    m.before = m.source.store.snapshot()
    m.source.fetch(uid=150, item=r"BODY\.PEEK\[\]$", reply=lambda f: [f.value[:30], Cut], times=1)
    whole(m)
