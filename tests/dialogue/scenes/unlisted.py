"""Messages that SEARCH names and no listing of many gives: each is listed by a look of its own, and is then as any
other one, also in later runs."""

from hooks import lacking
from scene import *

LISTING = r"UID FETCH \S*[:,*]\S* \(.*RFC822\.SIZE"
FORMATS = ("maildir", "mbox", "eml")


def hole(server, *uids):
    """No listing of many has these of INBOX."""
    @server.on(LISTING)
    def _(call):
        inbox = call.session.folder.name == "INBOX"
        return lacking(call, *(b"(UID %d " % uid for uid in uids)) if inbox else call.normal()


def no_sets(server):
    server.on(r"UID FETCH \S*[:,*]\S* (\(|FAST)(?!BODY)", "$TAG BAD one message at a time\r\n")


def again_is_quiet(t, server, job, *args, code=1):
    """Twice more: no body is asked for, nothing in mail/ changes."""
    tree = t.tree(job)
    for _ in range(2):
        mark = server.transcript.mark()
        _, run = t.extract(server, *args, job=job)
        t.exits(run, code)
        t.no_bodies(server.transcript.since(mark))
        t.same_tree(tree, job)
        t.counts(job, "INBOX", listed=6, stored=6, expunged=0)


def scene_later_runs(t):
    for form in FORMATS:
        server = t.server()
        hole(server, 2, 5)
        job, run = t.extract(server, "--format", form)
        t.exits(run, 0)
        again_is_quiet(t, server, job, "--format", form, "--list-all", code=0)


def scene_listing_refused_in_a_later_run(t):
    """What is stored stays so; nothing is taken for expunged."""
    server = t.server()
    job = t.first_run(server)
    server.on(LISTING, "$TAG NO [SERVERBUG] Internal error occurred\r\n")
    tree, mark = t.tree(job), server.transcript.mark()
    _, run = t.extract(server, "--list-all", job=job)
    t.exits(run, 1)
    t.no_bodies(server.transcript.since(mark))
    t.same_tree(tree, job)
    t.counts(job, "INBOX", listed=6, stored=6, expunged=0)


def scene_no_sets_in_later_runs(t):
    server = t.server(sample(("INBOX",)), caps="UIDPLUS")
    no_sets(server)
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)
    again_is_quiet(t, server, job)


def scene_selection(t):
    """It is asked of them, too."""
    for words in (("--since", "2030-01-01"), ("--max-size", "10")):
        server = t.server(sample(("INBOX",)))
        hole(server, 2, 5)
        job, run = t.extract(server, *words)
        t.exits(run, 0)
        t.no_bodies(server)
        t.counts(job, "INBOX", listed=6, stored=0, excluded=6)


def scene_mirror(t):
    """None is gone from the source, so none goes."""
    server = t.server(sample(("INBOX",), count=30))
    hole(server, 2)
    job, run = t.extract(server)
    t.exits(run, 0)
    for _ in range(2):
        _, run = t.extract(server, "--mirror", "--list-all", job=job)
        t.exits(run, 0)
        t.complete(job, server)
        t.counts(job, "INBOX", listed=30, stored=30, expunged=0)


def scene_lost_connection(t):
    """Listed again after it, what is stored by then is not stored again."""
    server = t.server(sample(("INBOX",), count=15), caps="UIDPLUS")
    no_sets(server)
    server.fetch(uid=9, folder="INBOX", item=r"BODY\.PEEK\[\]$", reply=lambda f: [f.value[:20], Cut], times=1)
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)
    t.no_doubles(job)


def scene_look_refused_for_one_that_is_stored(t):
    """No item of it is given any more, its body is: the copy and its flags stay as they are."""
    server = t.server(sample(("INBOX",)))
    job = t.first_run(server)
    hole(server, 3)
    server.on(r"UID FETCH 3 \((UID )?FLAGS|UID FETCH 3 FAST", "$TAG BAD not this one\r\n")
    tree = t.tree(job)
    _, run = t.extract(server, "--list-all", job=job)
    t.within(run.code, (0, 1), "exit code")
    t.same_tree(tree, job)
    t.counts(job, "INBOX", stored=6, expunged=0)


def scene_looked_at_in_vain_and_given(t):
    """No line of any listing, and SEARCH names it: its body is asked for before it is called a phantom."""
    server = t.server(sample(("INBOX",)))

    @server.on(r"UID FETCH .*RFC822\.SIZE")
    def _(call):
        return lacking(call, b"(UID 3 ")
    job, run = t.extract(server)
    t.exits(run, 1)
    t.counts(job, "INBOX", listed=6, stored=6)
    t.equal(sorted(m.wire for m in t.mails(job)), sorted(m.raw for m in server.store["INBOX"]), "the octets")


def scene_phantom_that_comes_later(t):
    """Once it is not given at all: the next run asks again, whatever the counts say."""
    server = t.server(sample(("INBOX",)))
    server.fetch(uid=3, folder="INBOX", item=".", reply=NO_MESSAGE)
    job, run = t.extract(server)
    t.exits(run, 1)
    t.counts(job, "INBOX", listed=6, stored=5, phantom=1)
    server.clear()
    _, run = t.extract(server, job=job)
    t.exits(run, 0, 1)
    t.complete(job, server)
