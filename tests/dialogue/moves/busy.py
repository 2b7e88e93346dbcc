"""A server that asks for patience gets it."""

from scene import *
from into import *


def busy(t, text, phase="before", times=2, **options):
    m = Move(t, **options)
    m.dest.append(**{phase: text}, times=times, skip=1)
    m.until_done(tries=3)
    m.arrived()
    m.quarantined()


@quirk(46)
def scene_throttled(t):
    busy(t, "NO [THROTTLED] slow down")


@quirk(46)
def scene_unavailable(t):
    busy(t, "NO [UNAVAILABLE] try again later", phase="after")


@quirk(46)
def scene_inuse(t):
    busy(t, "NO [INUSE] Mailbox is in use", caps=without("MULTIAPPEND"))


def scene_select_unavailable(t):
    m = Move(t)
    m.dest.on(r"(SELECT|EXAMINE|STATUS) ", "$TAG NO [UNAVAILABLE] try again later\r\n", times=1)
    m.until_done(tries=3)
    m.arrived()


def scene_login_refused(t):
    """A wrong password of the destination: one line, and nothing is read from the source."""
    m = Move(t)
    m.dest.on(r"(LOGIN|AUTHENTICATE) ", "$TAG NO [AUTHENTICATIONFAILED] wrong password\r\n")
    m.migrate()
    t.ok(m.last.code not in (0, 1, 2), "exit code", m.last.code)
    t.no_bodies(m.source)
    t.secret_free(m.job, m.last, PASSWORD, "oTher-9!x")


def scene_folders_later(t):
    """Listing, making and subscribing: whatever is asked to wait is asked again, and nothing is lost."""
    for command in "LIST", "CREATE", "SUBSCRIBE":
        m = Move(t)
        m.dest.on(command, "$TAG NO [THROTTLED] slow down. Suggested Backoff Time: 200 milliseconds\r\n", times=1)
        m.clean(m.migrate())
        m.arrived()
        t.equal(sorted(f.name for f in m.dest.store if not f.subscribed), [], f"not subscribed after {command}")
        t.one_event(m.job, 30015)
