"""What happens on the server between two runs is taken over, without loss or doubles."""

from scene import *


def scene_mail_and_flags(t):
    server = t.server()
    job = t.first_run(server)
    inbox = server.store["INBOX"]
    inbox.add(letter("INBOX", 20), ["\\Flagged"])
    inbox.add(letter("INBOX", 21))
    inbox.flag(1, "\\Seen", "\\Answered", "Later")
    inbox.flag(2)
    inbox.remove(3)
    server.store.add("Neu", 3)
    mark = server.transcript.mark()
    job, second = t.extract(server, job=job)
    t.exits(second, 0)
    t.complete(job, server, kept=[("INBOX", 3)])
    t.no_doubles(job)
    log = server.transcript.since(mark)
    t.read_only(log)
    t.equal(len(re.findall(rb"BODY\[\] \{", log.sent())), 5, "bodies sent in the second run")


def scene_flags_without_condstore(t):
    server = t.server(caps="UIDPLUS")
    job = t.first_run(server)
    server.store["Sent"].flag(1, "\\Flagged")
    server.store["Sent"].flag(2, "\\Seen")
    mark = server.transcript.mark()
    job, second = t.extract(server, job=job)
    t.exits(second, 0)
    t.complete(job, server)
    t.no_bodies(server.transcript.since(mark))


@quirk(47)
def scene_uidvalidity(t):
    """A rebuilt folder: other UIDs, the same mail and one new message."""
    server = t.server()
    job = t.first_run(server)
    inbox = server.store["INBOX"]
    inbox.renumber(inbox.uidvalidity + 1000, first=101)
    inbox.add(letter("INBOX", 33))
    job, second = t.extract(server, job=job)
    t.exits(second, 0, 1)
    wanted = sorted(m.raw for m in inbox)
    t.equal(sorted(m.wire for m in t.mails(job, "")), wanted, "the messages of INBOX, each once")
    t.no_doubles(job)
    t.ok(job.events(30026), "the change is in the log")
    job, third = t.extract(server, job=job)
    t.exits(third, 0, 1)
    t.equal(sorted(m.wire for m in t.mails(job, "")), wanted, "and again after another run")


def scene_unchanged_with_list_status_and_condstore(t):
    server = t.server()
    job = t.first_run(server)
    tree, mark = t.tree(job), server.transcript.mark()
    job, second = t.extract(server, job=job)
    t.exits(second, 0)
    t.never_sent(server.transcript.since(mark), "EXAMINE", "SELECT", "(UID )?(FETCH|SEARCH)")
    t.same_tree(tree, job, "nothing was touched")


def scene_unchanged_without(t):
    server = t.server(caps="")
    job = t.first_run(server)
    tree, mark = t.tree(job), server.transcript.mark()
    job, second = t.extract(server, job=job)
    t.exits(second, 0)
    log = server.transcript.since(mark)
    t.no_bodies(log)
    t.only_sent(log, "CAPABILITY$", "LOGIN ", "AUTHENTICATE ", "[A-Za-z0-9+/]+=*$", "LIST ", "LSUB ", "STATUS ",
                "EXAMINE ", "UID SEARCH ", "UID FETCH ", "NOOP$", "LOGOUT$")
    folders = len(server.store.folders)
    t.ok(log.count("EXAMINE") <= folders, "at most one EXAMINE a folder", log.commands("EXAMINE"))
    t.ok(log.count("UID FETCH") <= folders, "at most one listing a folder", log.commands("UID"))
    t.same_tree(tree, job, "nothing was touched")


def scene_folder_removed(t):
    """What the source lost is not lost here."""
    server = t.server()
    job = t.first_run(server)
    sent = list(server.store["Sent"])
    del server.store.folders["Sent"]
    job, second = t.extract(server, job=job)
    t.within(second.code, (0, 1), "exit code")
    t.equal(len(t.mails(job, ".Sent")), len(sent), "messages kept of the removed folder")


def scene_another_server(t):
    """Product and every UIDVALIDITY differ: DNS moved, so the account stops (78)."""
    server = t.server()
    job = t.first_run(server)
    tree = t.tree(job)
    server.id = '("name" "other" "version" "9")'
    for folder in server.store:
        folder.uidvalidity += 5000
    job, second = t.extract(server, job=job)
    t.exits(second, 78)
    t.same_tree(tree, job, "nothing was touched")
