"""A folder that cannot be opened is told with the command and the answer, and not only with its failure."""

from old import Old, mailbox
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


def scene_without_uids(t):
    """By a server without UIDs; where it knows EXAMINE, and where SELECT has to do."""
    for level, command in (("IMAP2bis", 'EXAMINE "Sent"'), ("IMAP2", 'SELECT "Sent"')):
        server = t.serve(Old(mailbox("INBOX", "Sent"), level))
        server.on(r"(EXAMINE|SELECT) .?Sent", "$TAG NO no such luck\r\n")
        job, run = t.extract(server)
        t.exits(run, 2)
        t.one_event(job, 14002, level="error", folder="Sent", command=command, account="usuario",
                    reply=re.compile("NO no such luck"))


def scene_at_the_proof(t):
    """Opened once, and refused when it is looked at again."""
    server = t.server(sample(["INBOX"], 6))
    server.on(r"EXAMINE .?INBOX", lambda call: [p.replace(b"6 EXISTS", b"7 EXISTS") if isinstance(p, bytes) else
                                                p.replace("6 EXISTS", "7 EXISTS") for p in call.normal()], times=1)
    server.on(r"EXAMINE .?INBOX", "$TAG NO no such luck\r\n", after=1)
    job, run = t.extract(server)
    t.exits(run, 2)
    t.one_event(job, 14002, level="error", folder="INBOX", command='EXAMINE "INBOX"', reply=re.compile("NO no such luck"))
