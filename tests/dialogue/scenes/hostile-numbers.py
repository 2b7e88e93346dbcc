"""Numbers, sets and literals that cannot be: no crash, no endless work, and never a false "complete"."""

from scene import *
from model import DEFAULT_CAPS
import resource

PLAIN = "LITERAL+ UIDPLUS NAMESPACE"
BRIEF = ["--timeout", "2s"]
MEMORY = 500 << 10          # KiB


def flat(call):
    return b"".join(p if isinstance(p, bytes) else p.encode() for p in call.normal())


def honest(t, server, job, run):
    """It ended, in bounded memory; and what it calls complete is complete."""
    t.within(run.code, (0, 1, 2, 69, 75, 78), "exit code")
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    t.ok(used < MEMORY, f"memory: {used} KiB")
    t.inside(job)
    if run.code in (0, 1):
        t.complete(job, server)


def hit(t, pattern, data, caps=DEFAULT_CAPS, times=None, codes=None):
    """Lines in front of the right answer, each time."""
    server = t.server(caps=caps)
    server.on(pattern, lambda call: [data, *call.normal()], times=times)
    job, run = t.extract(server, *BRIEF, timeout=90)
    honest(t, server, job, run)
    if codes:
        t.within(run.code, codes, "exit code")
    return server, job, run


def instead(t, pattern, data, caps=DEFAULT_CAPS, codes=(2, 69)):
    server = t.server(caps=caps)
    server.on(pattern, lambda call: [data, call.tagged("OK done")])
    job, run = t.extract(server, *BRIEF, timeout=90)
    honest(t, server, job, run)
    t.within(run.code, codes, "exit code")
    return server, job, run


# -- literals -----------------------------------------------------------------------

def scene_a_body_of_four_gigabytes_and_more(t):
    """Nobody waits for it, and nothing of it is taken for an answer."""
    for size in (4294967297, 9223372036854775807, 18446744073709551617, 10 ** 40):
        server = t.server(sample(["INBOX"], 4))
        server.fetch(uid=2, reply=[b"{%d}\r\n" % size,
                                   Forever(b"0009 OK done\r\n* BYE no\r\n", limit=100000)])
        job, run = t.extract(server, *BRIEF, timeout=90)
        honest(t, server, job, run)
        t.exits(run, 2, 69)
        t.matches(run.text + str(job.events()), "a literal of more than 4096 MiB", "told")


def scene_a_literal_where_none_belongs(t):
    for lines in (b"* {5}\r\nhello\r\n", b"* OK [{3}\r\nabc] hm\r\n", b"* CAPABILITY {4}\r\nABCD\r\n",
                  b"* 3 {6}\r\nEXISTS\r\n", b"* SEARCH {1}\r\n7\r\n", b"* FLAGS ({5}\r\n\\Seen)\r\n",
                  b"* 1 FETCH ({3}\r\nUID 1)\r\n", b"* LIST ({5}\r\n\\Noxx) \"/\" {1}\r\nq\r\n"):
        hit(t, "UID FETCH .*FLAGS", lines, times=1, codes=(0, 1, 2))


def scene_a_literal_of_gigabytes_in_a_line_of_no_interest(t):
    server = t.server()
    server.on("UID FETCH .*FLAGS", [b"* X-NEW {99999999999}\r\n", Forever(b"xyz")], times=1)
    job, run = t.extract(server, *BRIEF, timeout=90)
    honest(t, server, job, run)


# -- numbers ----------------------------------------------------------------------------

def scene_exists_without_messages(t):
    """2^32-1 messages are said to be there, and none is given."""
    server = t.server(caps=PLAIN)
    server.on('EXAMINE "?INBOX', lambda call: re.sub(rb"\d+ EXISTS", b"4294967295 EXISTS", flat(call)))
    job, run = t.extract(server, *BRIEF, timeout=90)
    honest(t, server, job, run)
    t.exits(run, 2)


def scene_search_of_all_numbers(t):
    """ESEARCH names each UID there can be."""
    server, job, run = instead(t, "UID SEARCH",
                               b'* ESEARCH (TAG "x") UID ALL 1:4294967295\r\n', codes=(2,))
    t.matches(run.text + str(job.events()), "more than 100000 messages that it does not list", "told")


def scene_search_of_all_numbers_and_as_many_exist(t):
    server = t.server()
    server.on("UID SEARCH", lambda call: [b'* ESEARCH (TAG "x") UID ALL 1:4294967295\r\n'
                                          b"* 4294967295 EXISTS\r\n", call.tagged("OK done")])
    job, run = t.extract(server, *BRIEF, timeout=90)
    honest(t, server, job, run)
    t.exits(run, 2)


def scene_search_of_ten_million(t):
    """More than a line may have: passed over, and the proof is one of two."""
    server = t.server(caps=PLAIN)
    # In pieces: what this process holds is counted where it starts imex.
    numbers = (" " + " ".join(map(str, range(n, n + 100000, 2))) for n in range(1, 20000001, 100000))
    long = b"* SEARCH" + b"".join(piece.encode() for piece in numbers) + b"\r\n"
    server.on("UID SEARCH", lambda call: [long, call.tagged("OK done")])
    job, run = t.extract(server, timeout=120)
    honest(t, server, job, run)


def scene_search_descending_and_twice(t):
    server = t.server(caps=PLAIN)
    server.on("UID SEARCH", lambda call: [b"* SEARCH 9 8 7 7 7 6 5 4 3 2 1 1\r\n",
                                          call.tagged("OK done")])
    job, run = t.extract(server, *BRIEF)
    honest(t, server, job, run)


def scene_search_of_zero(t):
    hit(t, "UID SEARCH", b"* SEARCH 0 4294967296 -1 99999999999999999999\r\n", caps=PLAIN)


def scene_uids_of_zero_and_more(t):
    hit(t, "UID FETCH .*FLAGS", b"* 1 FETCH (UID 0 FLAGS () RFC822.SIZE 3)\r\n"
        b"* 2 FETCH (UID 4294967296 FLAGS () RFC822.SIZE 3)\r\n"
        b"* 0 FETCH (UID 3 FLAGS ())\r\n* 4294967295 FETCH (UID 4294967295 FLAGS () RFC822.SIZE 3)\r\n")


def scene_numbers_negative_and_huge(t):
    hit(t, "EXAMINE", b"* -1 EXISTS\r\n* 18446744073709551616 EXISTS\r\n* OK [UIDNEXT -5] x\r\n"
        b"* OK [UIDVALIDITY -1] x\r\n* OK [UIDNEXT 18446744073709551616] x\r\n"
        b"* OK [HIGHESTMODSEQ 99999999999999999999999] x\r\n* 0x10 EXISTS\r\n* OK [UIDNEXT] x\r\n")


def scene_size_of_two_to_the_63(t):
    for size in (b"9223372036854775808", b"18446744073709551615", b"99999999999999999999", b"-7"):
        server = t.server(sample(["INBOX"], 4))
        server.fetch(uid=2, item="RFC822.SIZE", reply=size)
        job, run = t.extract(server, *BRIEF)
        honest(t, server, job, run)
        t.exits(run, 0, 1)


def scene_slices_that_do_not_end(t):
    """The connection is lost at a body; then it comes in slices of an octet, and never ends."""
    server = t.server(sample(["INBOX"], 2))
    server.fetch(uid=2, item="RFC822.SIZE", reply=b"9223372036854775807")
    server.on(r"UID FETCH 2 \(BODY.PEEK\[\]<(\d+)\.", lambda call: [
        b"* 2 FETCH (UID 2 BODY[]<%s> {1}\r\nx)\r\n" % call.match[1].encode(), call.tagged("OK done")])
    server.fetch(uid=2, item=r"BODY.PEEK\[\]$", reply=[b"{100}\r\n", Cut], times=2)
    job, run = t.extract(server, timeout=180)
    t.within(run.code, (2, 69), "exit code")
    t.matches(run.text + str(job.events()), "in slices that do not end", "told")


# -- what changes --------------------------------------------------------------------------

def scene_uidvalidity_zero(t):
    server = t.server()
    server.on("EXAMINE", lambda call: re.sub(rb"UIDVALIDITY \d+", b"UIDVALIDITY 0", flat(call)))
    job, run = t.extract(server, *BRIEF)
    t.within(run.code, (0, 1, 2), "exit code")
    t.inside(job)


def scene_uidvalidity_another_each_time(t):
    """A new one at each EXAMINE, and the connection lost after a message: not for ever."""
    server = t.server(sample(["INBOX"], 30))
    count = [1000]

    def examine(call):
        count[0] += 1
        return re.sub(rb"UIDVALIDITY \d+", b"UIDVALIDITY %d" % count[0], flat(call))
    server.on("EXAMINE", examine)
    server.fetch(uid=3, reply=lambda f: [f.value[:20], Cut])
    job, run = t.extract(server, *BRIEF, timeout=120)
    t.exits(run, 2)
    t.matches(run.text + str(job.events()), "UIDVALIDITY has changed 4 times in this run", "told")


def scene_uidvalidity_another_one_in_the_open_folder(t):
    """Between two bodies the UIDs become other messages', of the same sizes: none gets the name of another."""
    store = Store()
    for n in range(8):
        store["INBOX"].add(b"From: a@example.org\r\nSubject: number %d\r\n\r\nbody\r\n" % n)
    server = t.server(store)

    @server.on("UID FETCH .*BODY", times=1)
    def _(call):
        first = store["INBOX"].messages.pop(0)
        store["INBOX"].messages.append(first)
        store["INBOX"].renumber(1800000000, 1)
        return [b"* OK [UIDVALIDITY 1800000000] renumbered\r\n", *call.normal()]
    job, run = t.extract(server, *BRIEF)
    t.exits(run, 0, 1)
    t.complete(job, server)
    t.matches(str(job.events()), "UIDVALIDITY of the open folder changed", "told")


def scene_a_tagged_ok_from_the_future(t):
    """All tags to come are answered in the greeting's packet; what comes is the real answer's."""
    for greeting in (b"".join(b"%04d OK yes\r\n" % n for n in range(1, 40)), b"0001 OK yes\r\n" * 3):
        server = t.server(greeting=b"* OK hello\r\n" + greeting)
        job, run = t.extract(server, *BRIEF, timeout=60)
        honest(t, server, job, run)


def scene_bye_anywhere(t):
    for pattern in ("CAPABILITY", "AUTHENTICATE", "ID", 'EXAMINE "?Sent', "UID SEARCH", "UID FETCH .*FLAGS",
                    "UID FETCH .*BODY", "NOOP"):
        server = t.server()
        server.on(pattern, [b"* BYE enough\r\n", Cut], times=1)
        job, run = t.extract(server, *BRIEF, timeout=60)
        honest(t, server, job, run)


def scene_silence_anywhere(t):
    for pattern in ("AUTHENTICATE", "ID", 'EXAMINE "?Sent', "UID SEARCH", "NOOP"):
        server = t.server()
        server.on(pattern, Stall, times=1)
        job, run = t.extract(server, "--timeout", "1s", timeout=60)
        honest(t, server, job, run)


def scene_keywords_by_the_thousand(t):
    server = t.server(sample(["INBOX"], 6))
    words = b" ".join(b"word%d" % n for n in range(5000))
    server.fetch(item="FLAGS", reply=b"(\\Seen " + words + b")")
    job, run = t.extract(server, *BRIEF, timeout=60)
    t.within(run.code, (0, 1, 2, 69), "exit code")
    t.inside(job)


def scene_sizes_that_nothing_has_room_for(t):
    """A message of so many octets cannot come: it asks for no room, and comes as it is."""
    for size in (b"10000000000000", b"9223372036854775807", b"18446744073709551615", b"4294967297"):
        server = t.server(caps="UIDPLUS")
        server.fetch(uid=3, folder="INBOX", item="RFC822.SIZE", reply=size)
        job, run = t.extract(server, *BRIEF)
        t.exits(run, 1)
        t.complete(job, server)
        t.one_event(job, 30030, uid=3)
