"""Answers that are odd in one place, to each command in turn: a verdict in time, and never a false "complete"."""

from scene import *
from model import DEFAULT_CAPS
import resource
import time

BRIEF = ["--timeout", "2s"]
PLAIN = "NAMESPACE"         # LIST, STATUS and SEARCH as of old
MEMORY = 500 << 10          # KiB


def flat(call):
    return b"".join(p if isinstance(p, bytes) else p.encode() for p in call.normal())


def front(data):
    return lambda call: [data, flat(call)]


def instead(data):
    return lambda call: [data.replace(b"$TAG", call.tag.encode()), call.tagged("OK done")]


def changed(pattern, by):
    return lambda call: re.sub(pattern, by, flat(call))


def tagged_by(answer):
    """The tagged line is another one; answer gets the lines in front of it."""
    def reply(call):
        lines, end = flat(call), call.tag.encode() + b" "
        at = lines.rindex(end)
        return answer(call, lines[:at])
    return reply


def honest(t, server, job, run, what):
    t.within(run.code, (0, 1, 2, 69, 75), f"{what}: exit code")
    t.ok(not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", run.out + run.err), f"{what}: control characters", run.text)
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    t.ok(used < MEMORY, f"{what}: memory: {used} KiB")
    t.inside(job)
    if run.code in (0, 1):
        t.complete(job, server)


def each(t, *odd, caps=(DEFAULT_CAPS, PLAIN)):
    """odd: (command, what becomes of its answer), each with a server of its own."""
    for offered in caps:
        for pattern, reply in odd:
            server = t.server(sample(["INBOX", "Sent"], 5), caps=offered)
            server.forgiven = [".*"]            # the answers are to blame
            server.on(pattern, reply)
            job, run = t.extract(server, *BRIEF, timeout=100)
            honest(t, server, job, run, f"{pattern}, {odd.index((pattern, reply)) + 1} of {len(odd)}")


def scene_literals_in_the_list(t):
    """As names, delimiters, attributes; with a sign, zeros, blanks, of no octets, with line ends and NUL."""
    each(t, *(("LIST", front(line + b"\r\n")) for line in (
        b"* LIST () {1}\r\n/ {3}\r\nabc", b'* LIST () "//" "abc"', b'* LIST () "\x01" "a\x01b"',
        b'* LIST () "/" {3}\r\nx\x00y', b'* LIST () "/" {4}\r\na\r\nb', b'* LIST () "/" "a\rb"', b'* LIST () "/" "a\nb"',
        b'* LIST () "/" {3+}\r\nabc', b'* LIST () "/" ~{3}\r\nabc', b'* LIST () "/" {-1}\r\nabc',
        b'* LIST () "/" {+3}\r\nabc', b'* LIST () "/" {003}\r\nabc', b'* LIST () "/" {3 }\r\nabc', b'* LIST () "/" {0}\r\n',
        b"* LIST () NIL NIL", b'* LIST () "/"', b"* LIST", b"* LIST ()", b"* STATUS {5}\r\nINBOX (MESSAGES {1}\r\n5)",
        b"* STATUS INBOX (MESSAGES 5 UIDNEXT {1}\r\n6 UNSEEN)")))


def scene_inbox_in_any_case_and_twice(t):
    each(t, ("LIST", front(b'* LIST () "/" InBox\r\n* LIST () "/" "inbox"\r\n* LIST () "/" {5}\r\niNBOX\r\n')),
         ("LIST", lambda call: [flat(call).rpartition(call.tag.encode())[0], flat(call)]))


def scene_namespaces(t):
    each(t, *(("NAMESPACE", instead(b"* NAMESPACE " + words + b"\r\n")) for words in (
        b'(({0}\r\n {1}\r\n/)) (("~" {2}\r\n//)) NIL', b"NIL NIL NIL", b"(" + b'("" "/")' * 50 + b") NIL NIL",
        b'(("" "/" "X-PARAM" ({3}\r\nabc "x"))) NIL NIL', b"()", b"((((", b'(("" "/"))')))


def scene_searches_that_cannot_be(t):
    each(t, *(("UID SEARCH", instead(line + b"\r\n")) for line in (
        b'* ESEARCH (TAG {4}\r\n$TAG) UID ALL {3}\r\n1:5', b'* ESEARCH (TAG "$TAG") UID ALL 5:1',
        b'* ESEARCH (TAG "$TAG") UID ALL 1:*', b'* ESEARCH (TAG "$TAG") UID', b'* ESEARCH (TAG "zzz") UID ALL 1:2',
        b'* ESEARCH (TAG "$TAG") ALL 1:5', b'* ESEARCH (TAG "$TAG") UID COUNT 3 MIN 1 MAX 9 ALL 1:5',
        b'* ESEARCH (TAG "$TAG") UID ALL 0:4294967296,1:5', b'* ESEARCH (TAG "$TAG") UID ALL 1:2\r\n* SEARCH 3 4 5', b"* OK",
        b'* ESEARCH (TAG "$TAG") UID ALL ' + b",".join(b"%d" % n for n in range(1, 400000, 2)))))


def scene_counts_that_lie(t):
    """EXISTS, EXPUNGE, VANISHED and FETCH of what is not there, or still is."""
    listing, body = "UID FETCH .*FLAGS", "UID FETCH .*BODY"
    each(t, (listing, front(b"* 2 EXISTS\r\n")), ("UID SEARCH", front(b"* 0 EXISTS\r\n")), (body, front(b"* 1 EXISTS\r\n")),
         ("NOOP", front(b"* 1 EXISTS\r\n")), ("NOOP", front(b"* 4294967295 EXISTS\r\n")),
         (listing, front(b"* 1 EXPUNGE\r\n" * 50 + b"* 0 EXPUNGE\r\n* 4294967295 EXPUNGE\r\n")),
         ("UID SEARCH", front(b"* 1 EXPUNGE\r\n")), (body, front(b"* VANISHED 1:4294967295\r\n")),
         (body, front(b"* VANISHED (EARLIER) 1:4294967295\r\n")),
         (listing, front(b"* VANISHED {3}\r\n1:5\r\n* VANISHED (EARLIER 1:2\r\n* VANISHED 99:98\r\n* VANISHED *\r\n")),
         (listing, front(b"* 99 FETCH (UID 99 FLAGS () RFC822.SIZE 10)\r\n* 4000000000 FETCH (FLAGS (\\Deleted))\r\n")),
         ("EXAMINE", changed(rb"\* \d+ EXISTS\r\n", b"")), ("EXAMINE", changed(rb"(\* \d+ EXISTS\r\n)", rb"\1* 1 EXISTS\r\n")))


def scene_codes_of_examine(t):
    each(t, *(("EXAMINE", changed(*how)) for how in (
        (rb"UIDNEXT \d+", b"UIDNEXT 1"), (rb"UIDNEXT \d+", b"UIDNEXT 2"), (rb"UIDNEXT \d+", b"UIDNEXT 4294967296"),
        (rb"UIDNEXT \d+", b"UIDNEXT 4294967295"), (rb"UIDNEXT \d+", b"UIDNEXT {1}\r\n6"),
        (rb"HIGHESTMODSEQ \d+", b"HIGHESTMODSEQ 0"), (rb"HIGHESTMODSEQ \d+", b"HIGHESTMODSEQ 18446744073709551616"),
        (rb"HIGHESTMODSEQ \d+", b"HIGHESTMODSEQ 9223372036854775808"), (rb"READ-ONLY", b"READ-WRITE"),
        (rb"PERMANENTFLAGS \(", rb"PERMANENTFLAGS ({5}\r\n\\Seen "))),
        ("EXAMINE", front(b'* OK [CLOSED] x\r\n* OK [CLOSED] y\r\n* LIST () "/" other\r\n* STATUS INBOX (MESSAGES 77)\r\n'
                          b"* SEARCH 7\r\n* ENABLED QRESYNC UTF8=ACCEPT\r\n* CAPABILITY IMAP2\r\n")))


def scene_continuations_never_asked_for(t):
    each(t, *((pattern, front(b"+ go ahead\r\n+\r\n+ \r\n"))
              for pattern in ("CAPABILITY", "LIST", "EXAMINE", "UID SEARCH", "UID FETCH", "NOOP")))


def scene_tags(t):
    """Twice, in another case, ahead of the data, NO or BAD behind them."""
    commands = ("LIST", "UID SEARCH", "UID FETCH .*FLAGS", "UID FETCH .*BODY")
    each(t, *((c, tagged_by(how)) for c in commands for how in (
        lambda call, data: [data, call.tagged("OK done"), call.tagged("OK again")],
        lambda call, data: [data, call.tagged("OK done").swapcase()],
        lambda call, data: [call.tagged("OK early"), data],
        lambda call, data: [data, call.tagged("NO sorry")],
        lambda call, data: [data, call.tagged("BAD sorry")])), caps=(PLAIN,))


def scene_bodies(t):
    for value in (b'"a\r\nb"', b'"a\x00b"', b'"a\\b\\"c"', b"hello", b"(a b)", b"{-5}\r\nhello",
                  lambda f: b"~{%d}\r\n" % len(f.message.raw) + f.message.raw, lambda f: f.value + b"xyz",
                  lambda f: b"{000%d}\r\n" % len(f.message.raw) + f.message.raw, lambda f: b"NIL BODY[] " + f.value,
                  lambda f: b"{%d}\r\n" % (len(f.message.raw) - 3) + f.message.raw, lambda f: f.value + b" BODY[] NIL",
                  lambda f: b"{%d}\r\n" % (len(f.message.raw) + 3) + f.message.raw, lambda f: f.value + b" UID 3"):
        server = t.server(sample(["INBOX"], 5))
        server.forgiven = [".*"]
        server.fetch(uid=2, item=r"BODY\.PEEK\[\]$", reply=value)
        job, run = t.extract(server, *BRIEF, timeout=100)
        t.within(run.code, (0, 1, 2), f"a body of {value!r}: exit code")
        honest(t, server, job, run, f"a body of {value!r}")


def scene_structures(t):
    """BODYSTRUCTURE of a message that comes in no other way: deep, many, negative, with literals and controls."""
    text = b'"TEXT" "PLAIN" NIL NIL NIL "7BIT" '
    for value in (b'({4}\r\nTEXT {5}\r\nPLAIN ({7}\r\ncharset {2}\r\nx"y) NIL NIL {4}\r\n7bit 10 1)',
                  b"(" * 20000 + text + b"1 1" + b")" * 20000, b"(" + (b"(" + text + b"1 1)") * 20000 + b' "MIXED")',
                  b"(" + text + b"-1 99999999999999999999)", b"(" + text + b"4294967295 1)", b"NIL", b"()", b"foo",
                  b'("TE\x1b[2JXT" "PLAIN\x00" ("name" "../../../x\x1b") NIL NIL "7BIT" 10 1)',
                  b"((" + text + b'1 1) "MIXED" ("boundary" {5}\r\na\r\nb\x00))',
                  b'("MESSAGE" "RFC822" NIL NIL NIL "7BIT" 10 NIL NIL 1)'):
        server = t.server(sample(["INBOX"], 3))
        server.forgiven = [".*"]
        server.fetch(uid=2, reply=Refuse("NO broken"),
                     item=r"BODY(\.PEEK)?\[(TEXT)?\]|RFC822$|RFC822\.(PEEK|TEXT|HEADER)")
        server.fetch(uid=2, item="BODYSTRUCTURE", reply=value)
        job, run = t.extract(server, *BRIEF, timeout=100)
        t.exits(run, 2)
        honest(t, server, job, run, f"the structure {value[:40]!r}")
        t.ok({1, 3} <= {m.uid for m in t.mails(job)}, "the others are stored")


def scene_greetings(t):
    """Those that can be understood are; the others are no IMAP server, exit 69."""
    for greeting, codes in ((b"* ok hello\r\n", (0,)), (b"* OK\r\n", (0,)), (b"* OK hi\n", (0,)),
                            (b"* OK [CAPABILITY " + b"X-A " * 5000 + b"] hi\r\n", (0, 1)),
                            (b"* OK [CAPABILITY  IMAP4rev1\tUIDPLUS IMAP4rev1 ] hi\r\n", (0, 1)),
                            (b"* OK [ALERT] \x1b[2Jhi\r\n", (0,)), (b'* OK [FOO bar(baz]"]hi\r\n', (0, 1)),
                            (b"* OK [CAPABILITY IMAP4rev1 no end\r\n", (0, 1)), (b"\r\n\r\n* OK hi\r\n", (0, 69)),
                            (b"* NO hi\r\n", (69,)), (b"* BAD hi\r\n", (69,)), (b"+ hi\r\n", (69,)),
                            (b"\x00* OK hi\r\n", (69,)), (b"* OK " + b"x" * 1000000 + b"\r\n", (0,)),
                            (b"* OK hi\r\n* BYE bye\r\n", (69,))):
        server = t.server(sample(["INBOX"], 2), greeting=greeting)
        job, run = t.extract(server, *BRIEF)
        t.within(run.code, codes, f"exit code of {greeting[:40]!r}")
        honest(t, server, job, run, f"the greeting {greeting[:40]!r}")


def scene_dates(t):
    """The years 0 and 9999, leap seconds, zones that are none: a date or none, and never now."""
    for value in (b'"01-Jan-0000 00:00:00 +0000"', b'"31-Dec-9999 23:59:59 +0000"', b'"30-Jun-2012 23:59:60 +0000"',
                  b'"01-Jan-2000 00:00:00 +9999"', b'"01-Jan-2000 00:00:00 +10039"', b'"01-Jan-99 00:00:00 +0000"', b'""',
                  b"NIL", b"{0}\r\n", b"{26}\r\n01-Jan-2001 00:00:00 +0000", b'"01-Jan-2001 24:60:61 +0000"', b"123",
                  b'"01-Jan-18446744073709551616 00:00:00 +0000"', b'"\x1b\x00 01"'):
        server = t.server(sample(["INBOX"], 3))
        server.fetch(uid=2, item="INTERNALDATE", reply=value)
        job, run = t.extract(server, *BRIEF)
        t.exits(run, 0, 1)
        stored = [m for m in t.mails(job) if m.uid == 2]
        t.equal(len(stored), 1, f"the message with {value!r}")
        t.ok(abs(stored[0].mtime - time.time()) > 86400, f"{value!r} is not now", stored[0].mtime)
