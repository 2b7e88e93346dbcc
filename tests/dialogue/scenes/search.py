"""--search: the user's own search key selects, and never stands in for the proof."""

import json

from scene import *
from people import *


def mailbox():
    """INBOX: UIDs 1 to 4; 2 and 4 are flagged."""
    store = Store()
    for number in range(4):
        store["INBOX"].add(letter("INBOX", number), flags=["\\Flagged"] if number % 2 else [])
    return store


def uids(t, job):
    return sorted(m.uid for m in t.mails(job, "") if m.identity)


def reasons(job):
    return [(e["reason"], e["uids"]) for e in job.folder("INBOX").get("excluded_messages")]


def scene_what_is_not_found_is_excluded(t):
    server = t.server(mailbox())
    job, run = t.extract(server, "--search", "FLAGGED")
    t.exits(run, 0)
    t.equal(uids(t, job), [2, 4], "what the server finds")
    t.equal(reasons(job), [("not found by --search", "1,3")], "who is left out, and why")
    t.counts(job, "INBOX", listed=4, stored=2, excluded=2)
    t.equal(server.transcript.count(r"UID SEARCH RETURN \(ALL\) ALL$"), 1, "the search of the proof")
    t.equal(server.transcript.count(r"UID SEARCH RETURN \(ALL\) FLAGGED$"), 1, "the search of the user")
    t.read_only(server)
    mark = server.transcript.mark()
    job, run = t.extract(server, "--search", "NOT DRAFT", job=job)
    t.exits(run, 0)
    t.equal(len(re.findall(rb"BODY\[\] \{", server.transcript.since(mark).sent())), 2, "just the rest")
    t.complete(job, server)


def scene_it_is_asked_again(t):
    """What is found changes from run to run, also where a server tells changes."""
    store = sample(("INBOX",), count=300)
    for message in store["INBOX"].messages:
        store["INBOX"].flag(message.uid, "\\Flagged")
    server = t.server(store)
    job, run = t.extract(server, "--search", "FLAGGED")
    t.exits(run, 0)
    t.counts(job, "INBOX", listed=300, stored=300, excluded=0)
    store["INBOX"].add(letter("INBOX", 300), ["\\Flagged"])
    store["INBOX"].add(letter("INBOX", 301), [])
    job, run = t.extract(server, "--search", "FLAGGED", job=job)
    t.exits(run, 0)
    t.equal(reasons(job), [("not found by --search", "302")], "the new one that is not flagged")
    store["INBOX"].flag(302, "\\Flagged")
    job, run = t.extract(server, "--search", "FLAGGED", job=job)
    t.exits(run, 0)
    t.counts(job, "INBOX", listed=302, stored=302, excluded=0)


def scene_a_server_without_esearch(t):
    server = t.server(mailbox(), caps="ID NAMESPACE")
    job, run = t.extract(server, "--search", "FLAGGED")
    t.exits(run, 0)
    t.equal(uids(t, job), [2, 4], "what the server finds")


def scene_text_that_is_not_ascii(t):
    """A literal, which waits for the server's go."""
    server = t.server(mailbox())
    job, run = t.extract(server, "--search", 'SUBJECT "Grüße \\"an\\" alle" FLAGGED')
    t.exits(run, 0)
    t.equal(uids(t, job), [2, 4], "what the server finds")
    said = server.transcript.commands("UID SEARCH RETURN .* CHARSET")
    t.equal(len(said), 1, "one search with a character set")
    t.ok('CHARSET UTF-8 SUBJECT {17}' in said[0], said[0])


def scene_refused(t):
    """Nobody can say what is wanted then: nothing of the folder is copied, and it is not proved."""
    server = t.server(mailbox())
    server.on(r"UID SEARCH RETURN \(ALL\) X-GM", "$TAG BAD Unknown key X-GM-RAW\r\n")
    job, run = t.extract(server, "--search", 'X-GM-RAW "larger:1M"')
    t.exits(run, 2)
    t.says(run, "the server refuses --search 'X-GM-RAW")
    t.says(run, "Unknown key X-GM-RAW")
    t.no_bodies(server)
    t.equal(server.transcript.count(r"LOGIN|AUTHENTICATE"), 1, "one login")
    run = t.check(server, "--search", 'X-GM-RAW "larger:1M"')
    t.says(run, "Unknown key X-GM-RAW")


def scene_retry_keeps_the_key(t):
    server = t.server(mailbox())
    server.on(r"UID SEARCH RETURN \(ALL\) FLAGGED", "$TAG NO not now\r\n", times=1)
    job, run = t.extract(server, "--search", "FLAGGED")
    t.exits(run, 2)
    t.exits(t.imex("retry", job, *t.options(server)), 0)
    t.equal(uids(t, job), [2, 4], "what the server finds")


def scene_an_answer_without_content(t):
    server = t.server(mailbox())
    server.on(r"UID SEARCH RETURN \(ALL\) FLAGGED", "$TAG OK done\r\n")
    job, run = t.extract(server, "--search", "FLAGGED")
    t.exits(run, 2)
    t.says(run, "but not what it finds")
    t.no_bodies(server)


def scene_what_arrives_meanwhile(t):
    """A message that came behind the search was not judged: it is left to the next run."""
    server = t.server(mailbox())

    @server.on(r"UID FETCH .*BODY", times=1)
    def _(call):
        server.store["INBOX"].add(letter("INBOX", 9), ["\\Flagged"])
        return call.normal()
    job, run = t.extract(server, "--search", "FLAGGED")
    t.exits(run, 0)
    t.ok(set(uids(t, job)) == {2, 4}, "what was found")
    job, run = t.extract(server, "--search", "FLAGGED", job=job)
    t.exits(run, 0)
    t.equal(uids(t, job), [2, 4, 5], "the late one too")


def scene_check(t):
    server = t.server(mailbox())
    run = t.check(server, "--search", "FLAGGED", "--json")
    t.exits(run, 0, 1)
    t.equal(json.loads(run.out)["messages"], 2, "messages that would be copied")


def looked_into(server, mark):
    """Folders that were opened since then."""
    return server.transcript.since(mark).count("EXAMINE")


def settled_mailbox():
    """Three folders, of which the first is empty; all is found by ALL."""
    return sample(("Work", "Sent"), count=3)


def scene_a_bad_key_is_found_where_nothing_is_new(t):
    """One folder is asked; and when the server has taken the key, none is in later runs."""
    server = t.server(settled_mailbox())
    job, run = t.extract(server)
    t.exits(run, 0)
    for key, opened in ((None, 0), ("ALL", 1), ("ALL", 0), ("NOT DRAFT", 1), ("ALL", 0), ("NOT DRAFT", 0)):
        mark = server.transcript.mark()
        _, run = t.extract(server, *(["--search", key] if key else []), job=job)
        t.exits(run, 0)
        t.equal(looked_into(server, mark), opened, f"folders that were opened for {key}")
    server.on(r"UID SEARCH RETURN \(ALL\) KEYWURD", "$TAG BAD Unknown key KEYWURD\r\n")
    _, run = t.extract(server, "--search", "KEYWURD x", job=job)
    t.exits(run, 2)
    t.says(run, "the server refuses --search 'KEYWURD x'")
    _, run = t.extract(server, "--search", "ALL", job=job)
    t.exits(run, 0)
    t.no_doubles(job)
    mark = server.transcript.mark()
    t.exits(t.extract(server, "--search", "ALL", job=job)[1], 0)
    t.equal(looked_into(server, mark), 0, "folders that were opened when all was well again")


def scene_nothing_but_empty_folders(t):
    """There is nothing to be searched: they are not opened again and again for that."""
    server = t.server(sample(("Work", "Sent"), count=0))
    job, run = t.extract(server, "--search", "ALL")
    t.exits(run, 0)
    mark = server.transcript.mark()
    t.exits(t.extract(server, "--search", "ALL", job=job)[1], 0)
    t.equal(looked_into(server, mark), 0, "folders that were opened")


def scene_one_account_asks_for_all(t):
    server, job = t.serve(house(people("a", 2))), Job(t)
    words = "extract", "--users", listed(t, server), "--to", job, *ONE, *t.options(server), "--jobs", "1"
    t.exits(t.imex(*words, password=None), 0)
    for opened in (1, 0):
        mark = server.transcript.mark()
        t.exits(t.imex(*words, "--search", "ALL", password=None), 0)
        t.equal(looked_into(server, mark), opened, "folders that were opened")


def scene_a_key_that_cannot_be_one(t):
    for key, words in (("FROM (anna", "each ( needs its )"), ("A\r\nX LOGOUT", "one line of UTF-8"),
                       ("SUBJECT Grüße", "double quotes"), ('FROM "anna', 'each " needs its end')):
        run = t.imex("extract", "imaps://a@127.0.0.1/", "--to", "/nonexistent/out", "--search", key)
        t.exits(run, 64)
        t.says(run, re.escape(words))


def scene_files_cannot_be_asked(t):
    server = t.server(mailbox())
    job = t.first_run(server)
    out = t.test.tmpdir("out") + "/out"
    t.exits(t.imex("convert", job, "--to", out, "--format", "mbox"), 0)
    run = t.imex("retry", out, "--search", "FLAGGED")
    t.exits(run, 64)
    t.says(run, "--search is for servers")
