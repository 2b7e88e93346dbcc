"""What cannot be read is no reason to call mail gone: answers without UIDs, garbled lines, slices of the server's own size."""

import json

from people import *
from scene import *


def octets(call):
    """The right answer in one piece."""
    return b"".join(p if isinstance(p, bytes) else p.encode() for p in call.normal())


def scene_flags_of_one_message(t):
    """Its listing never parses: the body is taken all the same, and a warning stands."""
    server = t.server(sample(["INBOX"], 6))
    server.fetch(uid=3, item="FLAGS", reply=b"(oh no")
    job, run = t.extract(server)
    t.exits(run, 1)
    t.counts(job, "INBOX", stored=6, phantom=0, gone=0)
    flags = {m.uid: m.flags for m in t.mails(job)}[3]
    server.clear()
    job, run = t.extract(server, job=job)
    t.ok({m.uid: m.flags for m in t.mails(job)}[3] != flags, "the flags are there with the next run")


@quirk(33)
def scene_a_listing_without_uids(t):
    """Numbers and SEARCH tell which message each line is about."""
    server = t.server(sample(["INBOX"], 6))

    @server.on("UID FETCH .*FLAGS")
    def _(call):
        return re.sub(rb"UID \d+ ?", b"", octets(call))
    job, run = t.extract(server)
    t.within(run.code, (0, 1), "exit code")
    t.complete(job, server)
    t.counts(job, "INBOX", stored=6, phantom=0, gone=0)


def scene_a_folder_whose_line_is_garbled(t):
    """The others are copied; a folder may be missing, so the account has not ended well."""
    server = t.server(sample(["INBOX", "Lost"], 3))

    @server.on("LIST")
    def _(call):
        return re.sub(rb'LIST (\([^)]*\)) "(.)" "?Lost"?', rb'LIST \1 "\2" "Lost', octets(call))
    job, run = t.extract(server)
    t.exits(run, 2)
    t.counts(job, "INBOX", stored=3)
    server.clear()
    job, run = t.extract(server, job=job)
    t.within(run.code, (0, 1), "exit code")
    t.complete(job, server)


def scene_a_folder_behind_a_line_without_end(t):
    """Its line is part of another one, which is no LIST."""
    server = t.server(sample(["INBOX", "Archive", "Lost"], 3))

    @server.on("LIST")
    def _(call):
        return re.sub(rb'(STATUS "?Archive[^\r]*)\r\n', rb"\1", octets(call))
    _, run = t.extract(server)
    t.exits(run, 2)


def scene_check_of_a_list_that_is_not_whole(t):
    """What is listed is shown, and that there may be more."""
    server = t.server(caps="NAMESPACE")
    run = t.check(server)
    t.exits(run, 0)
    t.ok("may be missing" not in run.text, "nothing is missing", run.text)
    server.on("LIST", lambda call: ['* LIST () "/" "a\rb"\r\n', *call.normal()])
    run = t.check(server)
    t.exits(run, 1)
    t.says(run, r"List +1 lines of the folder list could not be read: folders may be\s+missing")
    told = t.check(server, "--json")
    t.exits(told, 1)
    t.matches(json.loads(told.out)["list_trouble"], "may be missing", "list_trouble")


def scene_check_of_a_list_of_accounts(t):
    server = t.serve(house(people("a", 3)))
    server.on("LIST", lambda call: ['* LIST () "/" "a\rb"\r\n', *call.normal()] if call.session.user == "a2"
              else call.normal())
    run = t.imex("check", "--users", listed(t, server), *t.options(server), password=None)
    t.exits(run, 1)
    t.says(run, r"a2@127\.0\.0\.1 +ok .*\n +1 lines of the folder list could not be read: folders may be\s+missing\n")
    t.says(run, "3 accounts: 3 ok")


def scene_verify_of_a_list_that_is_not_whole(t):
    """What is listed is equal; of the rest nobody knows, and it is not called equal."""
    server = t.server(caps="NAMESPACE")
    job = t.first_run(server)
    words = ["verify", job, server.url(), *t.options(server)]
    t.exits(t.imex(*words), 0)
    server.on("LIST", lambda call: ['* LIST () "/" "a\rb"\r\n', *call.normal()])
    run = t.imex(*words)
    t.exits(run, 2)
    t.says(run, "does not list all its folders")
    server.clear()
    server.on('LIST "" "?(\\*|Sent/)', "$TAG NO cannot open a mount point\r\n")
    t.exits(t.imex(*words), 2)
    server.clear()
    t.exits(t.imex(*words), 0)


def scene_a_folder_is_not_gone_because_its_line_is_garbled(t):
    server = t.server(sample(["INBOX", "Lost"], 3))
    job, run = t.extract(server)
    t.exits(run, 0)

    @server.on("LIST")
    def _(call):
        return re.sub(rb'LIST (\([^)]*\)) "(.)" "?Lost"?', rb'LIST \1 "\2" "Lost', octets(call))
    job, run = t.extract(server, job=job)
    t.exits(run, 2)
    t.equal(job.folder("Lost").get("vanished"), False, "the folder is not taken for gone")


def slices_of(t, give, lines=400):
    """A message that only comes in slices, as `give(raw, origin)` cuts them."""
    server = t.server(sample(["INBOX"], 4))
    raw = b"From: a@example.org\r\nSubject: long\r\n\r\n" + b"0123456789abcdef\r\n" * lines
    server.store["INBOX"].add(raw)
    server.fetch(uid=5, item=r"BODY(\.PEEK)?\[\]$|RFC822$|RFC822\.(TEXT|PEEK)|BODY(\.PEEK)?\[(HEADER|TEXT)\]",
                 reply=Refuse("NO too large"))

    @server.on(r"UID FETCH 5 \(BODY.PEEK\[\]<\d+\.\d+>\)")
    def _(call):
        origin = int(re.search(r"<(\d+)\.", call.text).group(1))
        named, part = give(raw, origin)
        return [b"* 5 FETCH (UID 5 BODY[]%s {%d}\r\n" % (named, len(part)), part, b")\r\n", "$TAG OK done\r\n"]
    job, run = t.extract(server)
    return job, run, [m.data.replace(b"\r\n", b"\n") for m in t.mails(job, "") if m.uid == 5], raw.replace(b"\r\n", b"\n")


def scene_slices_smaller_than_asked_for(t):
    """The server gives 1,000 octets at most: the next slice begins there, and none is missing."""
    job, run, stored, raw = slices_of(t, lambda raw, at: (b"<%d>" % at, raw[at:at + 1000]))
    t.within(run.code, (0, 1), "exit code")
    t.equal(stored, [raw], "the whole message")


def scene_slices_that_are_the_whole_message(t):
    """The server knows no slices: what it gives is the message, once."""
    job, run, stored, raw = slices_of(t, lambda raw, at: (b"", raw), lines=20000)
    t.equal(stored, [raw], "the whole message, once")


def scene_slices_of_another_place(t):
    """Always the first slice: not to be put together."""
    job, run, stored, raw = slices_of(t, lambda raw, at: (b"<0>", raw[:1000]))
    t.exits(run, 2)
    t.ok(raw[:1000] * 2 not in b"".join(stored), "nothing doubled")
