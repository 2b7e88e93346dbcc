"""A server that never ends what it says: at full speed or an octet now and then, to every command."""

from scene import *
from model import DEFAULT_CAPS
import resource

import imexrun

KNOWN = (0, 1, 2, 69, 75)
BRIEF = ["--timeout", "1s"]             # ten times that is the end of the patience (imex-limits(7))
OLD = "LITERAL+ UIDPLUS NAMESPACE"      # STATUS is a command of its own
MEMORY = (400 if imexrun.SCALE == 1 else 1200) << 10    # KiB; sanitizers keep what is freed
IMPATIENT = "nothing of what it was asked for, for 10 s|keeps on sending, but not what it was asked for"


def drip(text=b"*"):
    return Forever(text, pause=0.05)


def recovers(t, server, *args, **run):
    """Once it is endless; the next connection brings the mail."""
    job, done = t.extract(server, *BRIEF, *args, timeout=180, **run)
    t.within(done.code, KNOWN, "exit code")
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    t.ok(used < MEMORY, f"memory: {used} KiB")
    server.clear()
    t.retry_until_done(server, job=job)
    t.complete(job, server)
    t.no_doubles(job)
    return job, done


def told(t, job, done, words):
    t.matches(done.text + str(job.events()), words, "told")


# -- at full speed ----------------------------------------------------------------

def flood(t, pattern, data=b"* OK still here\r\n", caps=DEFAULT_CAPS):
    server = t.server(caps=caps)
    server.on(pattern, Forever(data), times=1)
    return recovers(t, server)


def scene_greeting_without_end(t):
    """Greeted, and told on and on, before anything was asked."""
    server = t.script(lambda s: s.send("* OK hello\r\n", Forever(b"* OK [ALERT] more\r\n")))
    job, run = t.extract(server, *BRIEF, timeout=90)
    t.exits(run, 69)
    t.never_sent(server, "LOGIN", "AUTHENTICATE")
    t.secret_free(job, run, PASSWORD)


def scene_capability(t):
    flood(t, "CAPABILITY", b"* CAPABILITY IMAP4rev1 X-MORE AUTH=PLAIN\r\n")


def scene_login(t):
    flood(t, "AUTHENTICATE", b"* CAPABILITY IMAP4rev1\r\n")


def scene_challenges(t):
    flood(t, "AUTHENTICATE", b"+ \r\n")


def scene_namespace(t):
    flood(t, "NAMESPACE", b'* NAMESPACE (("" "/")) NIL NIL\r\n', caps=OLD)


def scene_list_of_nothing(t):
    flood(t, "LIST", b'* LIST (\\Noselect) "/" ""\r\n')


def scene_list(t):
    """A million folders: at 100,000 lines the account fails, with words that say so."""
    server = t.server()
    server.on("LIST", b"".join(b'* LIST () "/" "f%d"\r\n' % n for n in range(1000000)))
    job, run = t.extract(server, timeout=120)
    t.within(run.code, (2, 69), "exit code")
    told(t, job, run, "more than 100000 folders")
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    t.ok(used < MEMORY, f"memory: {used} KiB")


def scene_status(t):
    flood(t, "STATUS", b"* 3 EXISTS\r\n", caps=OLD)


def scene_examine(t):
    flood(t, "EXAMINE", b"* FLAGS (\\Seen)\r\n")


def scene_search(t):
    flood(t, "UID SEARCH", b"* SEARCH 1 2 3\r\n", caps=OLD)


def scene_listing_of_others(t):
    """Answers for messages that were never asked for."""
    flood(t, "UID FETCH .*FLAGS", b"* 1 FETCH (UID 4000000000 FLAGS () RFC822.SIZE 7)\r\n")


def scene_bodies_of_others(t):
    flood(t, "UID FETCH .*BODY", b"* 1 FETCH (UID 4000000000 BODY[] {3}\r\nabc)\r\n")


def scene_expunges(t):
    flood(t, "UID FETCH .*BODY", b"* 1 EXPUNGE\r\n")


def scene_vanished(t):
    flood(t, "UID FETCH .*BODY", b"* VANISHED 1:4294967295\r\n")


def scene_alerts(t):
    job, _ = flood(t, "UID FETCH .*BODY", b"* OK [ALERT] buy now\r\n")
    t.ok(len(job.events(30014)) < 2000, "alerts in the log are limited")


def scene_garbage(t):
    job, _ = flood(t, "UID FETCH .*BODY", b"\xff\x00(((\r\n")
    t.ok(len(job.events(14001)) < 2000, "garbage in the log is limited")


def scene_empty_lines(t):
    flood(t, "UID FETCH .*BODY", b"\r\n")


def scene_one_line(t):
    flood(t, "UID FETCH .*BODY", b"* ")


def scene_logout(t):
    """Nobody waits for the answer to LOGOUT."""
    server = t.server()
    server.on("LOGOUT", Forever(b"* OK not yet\r\n"))
    job, run = t.extract(server, timeout=60)
    t.exits(run, 0)


# -- an octet now and then ------------------------------------------------------------

def slowly(t, pattern, data=b"*", caps=DEFAULT_CAPS):
    server = t.server(caps=caps)
    server.on(pattern, drip(data), times=1)
    return recovers(t, server)


def scene_dripping_greeting(t):
    server = t.script(lambda s: s.send("* OK ", drip(b"x")))
    job, run = t.extract(server, *BRIEF, timeout=60)
    t.exits(run, 69)
    t.says(run, "not an IMAP server|nothing of what it was asked|no byte|greeting")
    t.never_sent(server, "LOGIN", "AUTHENTICATE")


def scene_dripping_answer(t):
    job, done = slowly(t, "EXAMINE")
    told(t, job, done, IMPATIENT)


def scene_dripping_responses(t):
    """Each is whole and well-formed, and says nothing: OK from time to time."""
    job, done = slowly(t, "UID FETCH .*BODY", b"* OK wait\r\n")
    told(t, job, done, IMPATIENT)


def scene_dripping_login(t):
    slowly(t, "AUTHENTICATE", b"* OK wait\r\n")


def scene_dripping_body(t):
    server = t.server()
    server.fetch(uid=3, folder="INBOX", times=1,
                 reply=[b"{5000000}\r\n", drip(b"y")])
    job, done = recovers(t, server)
    told(t, job, done, IMPATIENT)


def scene_dripping_list(t):
    slowly(t, "LIST", b"* OK wait\r\n")


def scene_slow_but_sure(t):
    """What is asked for comes, octet by octet, for longer than the patience lasts for nothing."""
    server = t.server(sample(["INBOX"], 3))
    server.on("UID FETCH .*BODY", lambda call: [Slow(b"".join(
        p if isinstance(p, bytes) else p.encode() for p in call.normal()), step=20, pause=0.35)])
    job, run = t.extract(server, "--timeout", "2s", timeout=180)
    t.exits(run, 0)
    t.complete(job, server)
