"""Source and destination are connected at the same time: neither waits for the other's login."""

from scene import *
from into import *

LOGIN = r"(LOGIN|AUTHENTICATE) "


def each_waits_for_the_other(t, m):
    """No login is answered before the other side has seen one too."""
    met = []
    for here, there in ((m.source, m.dest), (m.dest, m.source)):
        @here.on(LOGIN, times=1)
        def _(call, there=there):
            met.append(there.transcript.wait_for(LOGIN))
            return call.normal()
    m.clean(m.migrate())
    t.equal(met, [True, True], "both sides were asked to log in before either had answered")
    m.arrived()


def scene_logins(t):
    each_waits_for_the_other(t, Move(t))


def scene_one_login_each(t):
    """The connection that was made ahead is the one that is used."""
    m = Move(t, source=sample(("INBOX",)))
    m.clean(m.migrate())
    for server in (m.source, m.dest):
        t.equal(server.transcript.count(LOGIN), 1, "logins")
    m.arrived()


def scene_destination_refused(t):
    """The source, which never greets, holds nothing up when the destination lets nobody in."""
    m = Move(t)
    m.source.greeting = lambda session: Stall()
    m.dest.on(LOGIN, "$TAG NO [AUTHENTICATIONFAILED] wrong password\r\n")
    m.migrate("--timeout", "40s", timeout=30)
    t.exits(m.last, 77)
    t.never_sent(m.source, LOGIN)


def scene_further_connections(t):
    """The first one works while the others are let in by the destination."""
    m = Move(t)
    worked = []

    @m.dest.on(LOGIN, after=1)
    def _(call):
        worked.append(m.source.transcript.wait_for(r"UID FETCH \d+ \(BODY"))
        return call.normal()
    m.clean(m.migrate("--connections", "3"))
    t.equal(worked, [True, True], "bodies were asked for before the further logins were answered")
    m.arrived()


def scene_further_connection_refused(t):
    """What a further login is refused the first connection still brings."""
    m = Move(t)
    m.dest.on(LOGIN, "$TAG NO [UNAVAILABLE] no more\r\n", after=1)
    m.migrate("--connections", "3")
    t.exits(m.last, 1)
    m.arrived()
