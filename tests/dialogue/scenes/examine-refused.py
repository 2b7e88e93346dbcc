"""A folder that cannot be opened is told with the command and the answer, and not only with its failure."""

from scene import *


def scene(t):
    server = t.server(sample())
    server.on(r"EXAMINE .?Sent", "$TAG NO no such luck\r\n")
    job, run = t.extract(server)
    t.exits(run, 2)
    told = [e for e in job.events() if e["event"] == 14002]
    t.equal([(e["level"], e["folder"], e["command"], e["reply"][4:]) for e in told],
            [("error", "Sent", 'EXAMINE "Sent"', " NO no such luck")], "events 14002")
    t.ok([e for e in job.events() if e["event"] == 30023], "the folder failed")
