"""IMAP4rev2 and nothing else: what were extensions is there without being told, RFC822 and RECENT are gone."""

from scene import *

# RFC 9051 appendix E: of these no word stands in CAPABILITY.
BUILT_IN = {"ENABLE", "IDLE", "SASL-IR", "LIST-EXTENDED", "LIST-STATUS", "MOVE", "LITERAL-", "BINARY",
            "NAMESPACE", "UNSELECT", "UIDPLUS", "ESEARCH", "SEARCHRES", "STATUS=SIZE", "SPECIAL-USE", "CHILDREN"}


class Rev2(Server):
    """A server of RFC 9051 alone."""

    def __init__(self, store=None, **options):
        options.setdefault("tls", "implicit")
        super().__init__(store or sample(), level="IMAP4rev2", caps="", **options)

    def need(self, call, cap):
        return cap in BUILT_IN or super().need(call, cap)

    def refuse_items(self, call, items):
        if any(i.name in ("RFC822", "RFC822.HEADER", "RFC822.TEXT") for i in items):
            self.violation(call.session, f"an item that IMAP4rev2 has not: {call.text[:80]!r}")
            return "BAD no such item"
        return super().refuse_items(call, items)

    def open_lines(self, session, folder, read_only):
        lines = b"".join(super().open_lines(session, folder, read_only))
        return [self.list_line(session, folder), lines.replace(b"* 0 RECENT\r\n", b"")]

    def do_search(self, call, cursor, by_uid=False):
        """ESEARCH always; ALL when nothing was asked for (RFC 9051 6.4.4)."""
        pieces = super().do_search(call, cursor, by_uid)
        found = re.match(r"\* SEARCH ?([\d ]*)\r\n", pieces[0]) if isinstance(pieces[0], str) else None
        if not found:
            return pieces
        numbers = [int(n) for n in found[1].split()]
        return [self._esearch(call, numbers, ["ALL"], by_uid) + "\r\n", *pieces[1:]]


def scene_whole(t):
    store = sample()
    store.add("Entw\xc3\xbcrfe & mehr", 2)          # names are UTF-8
    server = t.serve(Rev2(store))
    job, run = t.extract(server)
    t.exits(run, 0, 1)
    stored = len(t.mails(job))
    t.equal(stored, sum(len(f) for f in store), "messages stored")
    t.equal(job.folder("INBOX")["proof"].get("searched"), 6, "the search is a witness")
    t.read_only(server)


def scene_plain(t):
    server = t.serve(Rev2())
    job, run = t.extract(server)
    t.exits(run, 0)
    t.complete(job, server)
    mark = server.transcript.mark()
    t.extract(server, job=job)
    t.no_bodies(server.transcript.since(mark))
    t.exits(t.imex("verify", job, server.url(), "--deep", *t.options(server)), 0)
    t.read_only(server)


def scene_one_flight(t):
    """Folders, counts and subscriptions come in one answer."""
    server = t.serve(Rev2())
    job, run = t.extract(server)
    t.exits(run, 0)
    t.sent_times(server, r"LIST \"\" \"\*\" RETURN", 1)
    t.never_sent(server, "LSUB", "STATUS")


def scene_check(t):
    run = t.check(t.serve(Rev2()))
    t.exits(run, 0)
    t.says(run, "IMAP4rev2")
