"""IDLE (RFC 2177) and NOTIFY (RFC 5465) of the model server, where its caps name them.

    server = t.server(sample(), caps=DEFAULT_CAPS + " IDLE NOTIFY")
    server.transcript.wait_for("IDLE")
    server.store["INBOX"].add(raw)      # is told to whoever idles there
    server.mute = True                  # from here on IDLE tells nothing
"""

from wire import Action


class Idling(Action):
    """From the `+` to the answer to DONE."""

    def __init__(self, call, first=b""):
        self.call, self.first = call, first

    def run(self, wire):
        wire.send(b"+ idling\r\n" + self.first)
        while b"\r\n" not in wire.inbuf:
            if not self.call.server.mute:
                wire.send(self.news())
            wire.wait_a_little()
        line = wire.read_line()
        wire.log.add(wire.number, "C", b"+ " + line)
        if line.upper() != b"DONE":
            wire.violation(f"{line!r} in place of DONE")
        wire.send(self.call.tagged("OK IDLE completed"))

    def news(self):
        with self.call.server.store.lock:
            session = self.call.session
            return session.changes(True) + others(session)


def counts(folder):
    return len(folder), folder.uidnext, folder.uidvalidity


def others(session):
    """STATUS of folders that have changed since they were told of, for who asked by NOTIFY."""
    out = []
    for folder in session.server.store if getattr(session, "told", None) is not None else ():
        if folder is session.folder or session.told.get(folder.name) == counts(folder):
            continue
        session.told[folder.name] = counts(folder)
        out.append(b'* STATUS "%s" (MESSAGES %d UIDNEXT %d UIDVALIDITY %d)\r\n'
                   % (folder.name.encode("latin-1"), *counts(folder)))
    return b"".join(out)


class IdleCommands:
    """Mixed into a Server."""

    mute = False

    def do_idle(self, call, cursor):
        cursor.end()
        if not self.need(call, "IDLE"):
            return [call.tagged("BAD Command unrecognized: IDLE")]
        return [Idling(call)]

    def do_notify(self, call, cursor):
        if not self.need(call, "NOTIFY"):
            return [call.tagged("BAD Command unrecognized: NOTIFY")]
        call.session.told = {folder.name: counts(folder) for folder in self.store}
        return self.ok(call)
