"""Several connections of an account read one folder: each message is asked for by one of them alone, the
first one stores them all, and the result is what one connection makes of it."""

import re

from scene import *
from store import Store, fill

BODIES = r"UID FETCH ([\d:,]+) \(BODY"


def one_folder(count=400):
    store = Store()
    fill(store["INBOX"], count)
    return store


def numbers(text):
    for part in text.split(","):
        low, _, high = part.partition(":")
        yield from range(int(low), int(high or low) + 1)


def asked(server):
    """Connection -> UIDs whose bodies it has asked for, in that order."""
    found = {}
    for entry in server.transcript.commands(BODIES):
        found.setdefault(entry.connection, []).extend(numbers(re.search(BODIES, entry.text)[1]))
    return found


def scene_disjoint(t):
    server = t.server(one_folder())
    job, run = t.extract(server, "--connections", "3")
    t.exits(run, 0)
    print(asked(server))
    t.complete(job, server)
