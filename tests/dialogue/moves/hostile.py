"""A destination that is hostile or broken: it never ends what it says, or lies about what it has."""

from scene import *
from into import *

BRIEF = ["--timeout", "1s"]
KNOWN = (0, 1, 2, 69, 75)


def endless(t, pattern, data=b"* OK still here\r\n", pause=0.0, caps=CAPS):
    """Once it goes on and on; a further run brings all the mail, and none twice."""
    m = Move(t, caps=caps)
    m.dest.on(pattern, Forever(data, pause), times=1)
    run = m.migrate(*BRIEF, timeout=120)
    t.within(run.code, KNOWN, "exit code")
    m.dest.clear()
    m.until_done()
    m.arrived()


def scene_endless_capability(t):
    endless(t, "CAPABILITY")


def scene_endless_list(t):
    endless(t, "LIST", b'* LIST () "/" ""\r\n')


def scene_endless_select(t):
    endless(t, "SELECT", b"* FLAGS (\\Seen)\r\n")


def scene_endless_read_back(t):
    """Answers about messages that nobody asked for."""
    endless(t, "UID FETCH", b"* 9 FETCH (UID 4000000000 FLAGS () RFC822.SIZE 5)\r\n")


def scene_dripping_select(t):
    endless(t, "SELECT", b"*", pause=0.05)


def scene_dripping_login(t):
    endless(t, "LOGIN|AUTHENTICATE", b"* OK wait\r\n", pause=0.05)


def scene_dripping_answer_to_append(t):
    m = Move(t)
    m.dest.append(answer=Forever(b"* OK wait\r\n", 0.05), times=1, skip=2)
    t.within(m.migrate(*BRIEF, timeout=120).code, KNOWN, "exit code")
    m.dest.clear()
    m.until_done()
    m.arrived()


def scene_it_has_each_uid_there_can_be(t):
    """SEARCH names 2^32 messages in the folder that is looked through."""
    dest = Store()
    dest["INBOX"].add(letter("INBOX", 77))
    m = Move(t, dest=dest, caps="UIDPLUS ESEARCH")
    m.dest.on("UID SEARCH", lambda call: [b'* ESEARCH (TAG "' + call.tag.encode() +
                                          b'") UID ALL 1:4294967295\r\n', call.tagged("OK done")])
    run = m.migrate(timeout=120)
    t.within(run.code, (1, 2), "exit code")
    if run.code == 1:
        m.arrived()


def scene_appenduid_of_a_message_that_was_there(t):
    """OK, and not stored; the UID told is an older message's, with the same octets in number."""
    source = small()
    dest = Store()
    raw = source["INBOX"][1].raw
    dest["INBOX"].add(raw[:-4] + b"#?" + raw[-2:])
    m = Move(t, source=source, dest=dest)
    validity, uid = dest["INBOX"].uidvalidity, 1
    m.dest.append(folder="INBOX", drop=True, times=1,
                  answer=b"$TAG OK [APPENDUID %d %d] stored\r\n" % (validity, uid))
    run = m.migrate()
    t.within(run.code, (1, 2), "exit code")
    t.ok(run.code == 2 or len(list(m.dest.store["INBOX"])) == 5, "what is lost is not called complete")
    m.dest.clear()
    m.until_done()
    m.arrived()


def scene_appenduid_that_cannot_be(t):
    for code in ("[APPENDUID]", "[APPENDUID 0 0]", "[APPENDUID 1 4294967295]", "[APPENDUID x y]",
                 "[APPENDUID 4294967296 1:4294967295]", "[APPENDUID 1 1:4294967295]"):
        m = Move(t)
        m.dest.append(answer=f"$TAG OK {code} stored\r\n", times=3)
        m.until_done()
        m.arrived()


def flat(call):
    return b"".join(p if isinstance(p, bytes) else p.encode() for p in call.normal())


def odd(t, *cases):
    """(command, what becomes of its answer): once what it says is believed or not, no message is lost or there twice."""
    for pattern, reply in cases:
        m = Move(t, source=sample(["INBOX", "Archive"], 3))
        m.dest.forgiven = [".*"]            # the answers are to blame
        m.dest.on(pattern, reply)
        run = m.migrate("--timeout", "2s", timeout=120)
        t.within(run.code, KNOWN, f"exit code: {pattern}, {cases.index((pattern, reply)) + 1} of {len(cases)}")
        t.ok(not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", run.out + run.err), "no control character", run.text)
        if run.code in (0, 1):
            m.arrived()
        m.dest.clear()
        m.until_done()
        m.arrived()


def scene_codes_of_append_that_are_none(t):
    """COPYUID, an untagged APPENDUID, one of another message, in descending order, with a literal; two tagged answers."""
    told = rb"APPENDUID (\d+) (\d+)"
    odd(t, *(("APPEND", lambda call, by=by: re.sub(told, by, flat(call))) for by in (
        rb"COPYUID \1 \2 \2", rb"APPENDUID \1 0", rb"APPENDUID \1 1", rb"APPENDUID \1 9:1", b"APPENDUID \\1 {1}\r\n5",
        lambda found: b"APPENDUID %s %d" % (found[1], int(found[2]) + 1))),
        ("APPEND", lambda call: re.sub(rb"(?m)^(\S+) OK \[(APPENDUID [^]]*)\]", rb"* OK [\2] x\r\n\1 OK", flat(call))),
        ("APPEND", lambda call: [flat(call), call.tagged("OK again")]), ("APPEND", lambda call: [flat(call), b"+ go\r\n"]),
        ("APPEND", lambda call: [b"* OK [UIDVALIDITY 77] x\r\n", flat(call)]))


def scene_numbers_that_lie(t):
    """EXISTS, EXPUNGE, VANISHED, UIDNEXT, sizes and sets that are not so."""
    odd(t, *(("SELECT", lambda call, how=how: re.sub(*how, flat(call))) for how in (
        (rb"\d+ EXISTS", b"4294967295 EXISTS"), (rb"UIDNEXT \d+", b"UIDNEXT 1"), (rb"UIDNEXT \d+", b"UIDNEXT 4294967295"),
        (rb"HIGHESTMODSEQ \d+", b"HIGHESTMODSEQ 18446744073709551616"), (rb"PERMANENTFLAGS \([^)]*\)", b"PERMANENTFLAGS ()"))),
        *(("UID FETCH|UID SEARCH|NOOP", lambda call, line=line: [line + b"\r\n", flat(call)]) for line in (
            b"* 1 EXPUNGE", b"* 0 EXISTS", b"* VANISHED 1:4294967295", b"+ go",
            b"* 1 FETCH (UID 1 RFC822.SIZE 9999999 FLAGS () BODY[] {3}\r\nabc)")),
        ("UID SEARCH", lambda call: [call.tagged("OK nothing")]))


def scene_lists_that_are_odd(t):
    for lines in (b'* LIST () {1}\r\n/ {3}\r\nabc\r\n* LIST () "/" {4}\r\na\r\nb\r\n* LIST () "//" x\r\n',
                  b'* LIST () "/" "a\x1b[2Jb"\r\n* LIST () "/" "a\x00b"\r\n', b'* LIST () "." abc\r\n',
                  b'* LIST () "/" inbox\r\n* LIST () "/" InBox\r\n'):
        odd(t, ("LIST", lambda call, lines=lines: [lines, flat(call)]))
