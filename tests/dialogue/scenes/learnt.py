"""What one account has found out about a server, its other accounts need not find out again."""

from scene import *
from people import *

FIRST_FORM = r"BODY\.PEEK\[\]$"
OLD = "ID NAMESPACE LIST-EXTENDED CONDSTORE ENABLE"


def extract(t, server, *args, job=None, jobs=1):
    """All accounts, one after the other; returns (job, run)."""
    job = job or Job(t)
    run = t.imex("extract", "--users", listed(t, server), "--to", job, "--jobs", str(jobs), *ONE, *t.options(server),
                 *args, password=None, timeout=40)
    return job, run


def whole(t, job, server):
    for at, (user, store) in enumerate(sorted(server.accounts.items())):
        t.equal(len(maildir.messages(t.account_dir(job, at), "")), len(store["INBOX"].messages), f"the mail of {user}")


def once(t, server, pattern, times=1):
    """Of two accounts the first alone asks; then none of a further run."""
    job, run = extract(t, server)
    t.exits(run, 0, 1)
    whole(t, job, server)
    t.sent_times(server, pattern, times)
    for user, store in server.accounts.items():
        store["INBOX"].add(letter(user, 99), ["\\Seen"], " 7-Nov-2003 16:18:49 +0200")
    mark = server.transcript.mark()
    job, run = extract(t, server, job=job)
    t.exits(run, 0, 1)
    whole(t, job, server)
    t.never_sent(server.transcript.since(mark), pattern)


def scene_form_refused(t):
    server = t.serve(house(people("a", 2)))
    server.on(r"UID FETCH \S+ \(BODY\.PEEK\[\]\)", "$TAG BAD what?\r\n")
    once(t, server, r"UID FETCH \S+ \(BODY\.PEEK\[\]\)")


def scene_form_empty(t):
    server = t.serve(house(people("a", 2, count=6)))
    server.fetch(item=FIRST_FORM, reply=b"NIL")
    once(t, server, r"UID FETCH \S+ \(BODY\.PEEK\[\]\)", times=3)


@quirk(40)
def scene_no_search(t):
    server = t.serve(house(people("a", 2)))
    server.on(r"UID SEARCH", "$TAG BAD what?\r\n")
    once(t, server, "UID SEARCH")


@quirk(12)
def scene_sizes_wrong(t):
    """Three messages in all forms, then they are taken as they come, in the other account too."""
    server = t.serve(house(people("a", 2, count=8)))
    server.fetch(item=r"RFC822\.SIZE", reply=lambda f: str(int(f.value) + 9).encode())
    once(t, server, r"UID FETCH \S+ \(BODY\.PEEK\[HEADER\] BODY\.PEEK\[TEXT\]\)", times=8)


@quirk(23)
def scene_list_return_refused(t):
    server = t.serve(house(people("a", 2), caps=OLD))
    server.on(r"LIST .* RETURN", "$TAG BAD what?\r\n")
    once(t, server, "LIST .* RETURN")


def scene_status_refused(t):
    server = t.serve(house(people("a", 2), caps="NAMESPACE"))
    server.on(r"STATUS", "$TAG BAD what?\r\n")
    once(t, server, "STATUS")


def scene_one_by_one(t):
    """No form of listing takes more than one message: five refusals, once for the server."""
    server = t.serve(house(people("a", 2)))
    server.on(r"UID FETCH \d+:\S+ ", "$TAG BAD Bogus sequence\r\n")
    once(t, server, r"UID FETCH \d+:\S+ ", times=5)


def scene_no_changes(t):
    server = t.serve(house(people("a", 2, count=300)))
    job, run = extract(t, server)
    t.exits(run, 0)
    server.on(r"UID FETCH .*CHANGEDSINCE", "$TAG BAD what?\r\n")
    for number in (1, 0):
        for store in server.accounts.values():
            store["INBOX"].add(letter("INBOX", 900 + number), ["\\Seen"], " 7-Nov-2003 16:18:49 +0200")
        mark = server.transcript.mark()
        job, run = extract(t, server, job=job)
        t.exits(run, 0, 1)
        whole(t, job, server)
        t.sent_times(server.transcript.since(mark), "UID FETCH .*CHANGEDSINCE", number)


def scene_at_the_same_time(t):
    """Each account learns something else while the other is at work; a later run knows both."""
    server = t.serve(house(people("a", 2)))
    gate = Gate()
    waiting = set()

    @server.on(r"UID SEARCH", times=2)
    def _(call):
        waiting.add(call.session.user)
        if len(waiting) == 2:
            gate.open()
        return [gate, call.tagged("BAD what?")] if call.session.user == "a1" else [gate, *call.normal()]

    @server.on(r"UID FETCH \S+ \(BODY\.PEEK\[\]\)")
    def _(call):
        return "$TAG BAD what?\r\n" if call.session.user == "a2" else None
    job, run = extract(t, server, jobs=2)
    t.exits(run, 0, 1)
    whole(t, job, server)
    for store in server.accounts.values():
        store["INBOX"].add(letter("INBOX", 99), ["\\Seen"], " 7-Nov-2003 16:18:49 +0200")
    mark = server.transcript.mark()
    job, run = extract(t, server, job=job)
    t.exits(run, 0, 1)
    whole(t, job, server)
    t.never_sent(server.transcript.since(mark), "UID SEARCH")
