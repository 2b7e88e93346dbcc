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
