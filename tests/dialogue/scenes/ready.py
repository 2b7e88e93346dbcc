"""status --ready: may the cut-over begin?"""

import json
import sqlite3
import time

from scene import *
from watched import *


def asked(t, job, age="24h", *args):
    return t.imex("status", job, "--ready", age, *args)


def scene_go(t):
    server = t.server(sample(count=2))
    job, run = t.extract(server)
    t.exits(run, 0)
    run = asked(t, job)
    t.exits(run, 0)
    t.says(run, "GO: all 1 accounts are complete")
    said = json.loads(asked(t, job, "24h", "--json").out)
    t.equal((said["ready"], said["accounts"], said["stragglers"]), (True, 1, []), "as JSON")


def scene_too_old(t):
    server = t.server(sample(count=2))
    job, run = t.extract(server)
    t.exits(run, 0)
    with sqlite3.connect(os.path.join(str(job), "imex.db")) as db:
        db.execute("UPDATE account SET ended_ms=ended_ms-7200000")
    db.close()
    run = asked(t, job, "1h")
    t.exits(run, 2)
    t.says(run, "NO-GO: 1 of 1 accounts are not ready")
    t.says(run, r"usuario@\S+: complete, but its last run ended at ")
    t.exits(asked(t, job, "3h"), 0)


def scene_in_the_future(t):
    """The clock was put back since: that proves nothing, else the account would be ready for ever."""
    server = t.server(sample(count=2))
    job, run = t.extract(server)
    t.exits(run, 0)
    path = os.path.join(str(job), "imex.db")

    def at(ended_h, looked_h=None):
        with sqlite3.connect(path) as db:
            account, now = db.execute("SELECT id FROM account").fetchone()[0], int(time.time() * 1000)
            db.execute("UPDATE account SET ended_ms=?", (now + ended_h * 3600000,))
            if looked_h is not None:
                words = f"0 {now} {now + looked_h * 3600000} 0 0 0 0"
                db.execute("INSERT OR REPLACE INTO note (key, value) VALUES (?, ?)", (f"watch/{account:019}", words))
        db.close()

    at(48)
    run = asked(t, job)
    t.exits(run, 2)
    t.says(run, r"usuario@\S+: complete, but its last run ended at \S+Z, which is still to come: a clock was wrong")
    said = json.loads(asked(t, job, "24h", "--json").out)
    t.equal((said["ready"], said["not_ready"]), (False, 1), "as JSON")
    # What was known at a time that has been counts, whichever of the two it is.
    for ended_h, looked_h, code, told in ((48, -1, 0, "GO: "), (-1, 48, 0, "GO: "), (-30, 48, 2, "run ended at"),
                                          (48, -30, 2, "watch last looked at"), (48, 49, 2, "watch .*still to come")):
        at(ended_h, looked_h)
        run = asked(t, job)
        t.exits(run, code)
        t.says(run, told)


def scene_watched(t):
    """A watch that found nothing new knows that nothing is missing, however old the last copy is."""
    server = t.server(sample(count=2))
    job, run = watch(t, server, *OFTEN)
    path = os.path.join(str(job), "imex.db")

    def shift(hours, *columns):
        with sqlite3.connect(path, timeout=10) as db:
            if "ended" in columns:
                db.execute("UPDATE account SET ended_ms=ended_ms-?", (hours * 3600000,))
            if "equal" in columns:
                key, value = db.execute("SELECT key,value FROM note WHERE key LIKE 'watch/%'").fetchone()
                words = value.split()
                words[2] = str(int(words[2]) - hours * 3600000)
                db.execute("UPDATE note SET value=? WHERE key=?", (" ".join(words), key))
        db.close()

    until(t, lambda: job.events(30003)[1:], "the first look has copied")
    ended(t, job, run, server)
    shift(3, "ended")
    t.exits(asked(t, job, "1h"), 0)
    shift(2, "equal")
    run = asked(t, job, "1h")
    t.exits(run, 2)
    t.says(run, r"usuario@\S+: complete, but its watch last looked at ")


def scene_not_good(t):
    server = t.server(sample(count=2))
    server.fetch(uid=1, folder="INBOX", item=r"BODY(\.PEEK)?\[|RFC822(?!\.SIZE)", reply=Refuse("NO cannot read it"))
    job, run = t.extract(server)
    t.exits(run, 2)
    run = asked(t, job)
    t.exits(run, 2)
    t.says(run, r"usuario@\S+: \d+ messages? without a good verdict")
    said = json.loads(asked(t, job, "24h", "--json").out)
    t.equal((said["ready"], said["not_ready"]), (False, 1), "as JSON")
