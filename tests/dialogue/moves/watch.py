"""migrate --watch: mail that comes after the full run is in the destination soon, and once."""

from scene import *
from into import *

RAW = b"From: a@example.org\r\nDate: Fri, 7 Nov 2003 14:18:49 +0100\r\nSubject: late %d\r\n" \
      b"Message-ID: <%d@late>\r\n\r\nhello\r\n"


def deliver(m, number, folder="INBOX"):
    with m.source.store.lock:
        m.source.store[folder].add(RAW % (number, number))


def there(m, number, folder="INBOX"):
    return sum(b"<%d@late>" % number in message.raw for message in list(m.dest.store[folder]))


def watched(t, *args):
    m = Move(t, source_options={"caps": DEFAULT_CAPS + " IDLE"})
    run = m.start("--watch", "--retry-delay", "100ms", *args, timeout=120)
    t.must(m.source.transcript.wait_for("IDLE", 60), "it idles")
    return m, run


def scene_arrives(t):
    m, run = watched(t, "--watch-poll", "1h")
    for number in (1, 2):
        deliver(m, number)
        t.must(t.until(lambda n=number: there(m, n), 60), f"message {number} has arrived")
    run.signal()
    m.clean(run.wait())
    t.equal([there(m, 1), there(m, 2)], [1, 1], "copies of each")
    t.equal(m.job.report()["accounts"][0]["watched"]["came"], 2, "what came")
    t.read_only(m.source)


def scene_cut_in_the_append(t):
    """The destination goes away in the middle of a message that came while it was watched: it is there once."""
    m, run = watched(t, "--watch-poll", "1h")
    m.dest.append(cut=20, has=b"<1@late>", times=1)
    deliver(m, 1)
    t.must(t.until(lambda: there(m, 1), 60), "the message has arrived")
    run.signal()
    t.exits(run.wait(), 1)
    t.equal(there(m, 1), 1, "copies")
    t.read_only(m.source)
