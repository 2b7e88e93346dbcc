"""What scenes of --watch share: a run up to the watch, mail that comes meanwhile, and the end."""

import re
import signal

import imexrun
from imexrun import Job
from model import DEFAULT_CAPS
from people import ONE, listed

TAP_HELPER = True
IDLE = DEFAULT_CAPS + " IDLE"
NEVER = ["--watch-poll", "1h"]          # nobody looks: what is copied was told
OFTEN = ["--watch-poll", "200ms"]
RAW = b"From: a@example.org\r\nSubject: it came late\r\nMessage-ID: <%d@late>\r\n\r\nhello %d\r\n"


def deliver(server, folder="INBOX", number=1, store=None):
    store = store or server.store
    with store.lock:
        store[folder].add(RAW % (number, number))


def until(t, what, message, seconds=40):
    """As t.until, of what is looked for in files, and the scene ends without it."""
    def is_so():
        try:
            return what()
        except (OSError, ValueError):   # a file that is just being renamed or written
            return False

    t.must(t.until(is_so, seconds), message)


def watch(t, server, *args, **run):
    """imex extract --watch, up to the watch."""
    run.setdefault("timeout", 90)
    job, process = t.start_extract(server, "--watch", "--retry-delay", "100ms", *args, **run)
    until(t, lambda: job.events(30220), "the watch begins")
    return job, process


def arrives(t, job, server, number=1):
    until(t, lambda: job.files_with(b"<%d@late>" % number), f"message {number} is stored while it is watched")


def ended(t, job, run, server, code=0):
    """A signal, a last pass, and all is there."""
    run.signal(signal.SIGTERM)
    t.exits(run.wait(), code)
    t.complete(job, server)
    t.read_only(server)
    t.no_doubles(job)
    return job.report()["accounts"][0]["watched"]


def listed_watch(t, server, *args):
    job = Job(t)
    run = imexrun.start(t, "extract", "--users", listed(t, server), "--to", job, *t.options(server), *ONE, "--watch",
                        "--retry-delay", "100ms", *args, password=None, timeout=90)
    until(t, lambda: job.events(30220), "the watch begins")
    return job, run


def idlers(server):
    """Who has sent IDLE."""
    found = set()
    for entry in list(server.transcript.entries):
        if entry.direction == "C" and re.match(rb"\S+ IDLE", entry.data):
            logins = [e.data for e in list(server.transcript.entries) if e.direction == "C" and
                      e.connection == entry.connection and re.match(rb"\S+ (LOGIN|AUTHENTICATE)", e.data)]
            found.add(b" ".join(logins[0].split()[2:]) if logins else b"")
    return found
