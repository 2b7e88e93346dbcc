"""probe"""
from scene import *
from into import *
import time as _time

BRIEF = ["--timeout", "2s"]

def flat(call):
    return b"".join(p if isinstance(p, bytes) else p.encode() for p in call.normal())

def front(data): return lambda call: [data, *call.normal()]
def behind(data): return lambda call: [flat(call), data]
def instead(data): return lambda call: [data, call.tagged("OK done")]
def sub(a, b): return lambda call: re.sub(a, b, flat(call))

CASES = {
 "list lits": ("LIST", front(b'* LIST () {1}\r\n/ {3}\r\nabc\r\n* LIST () "/" {4}\r\na\r\nb\r\n* LIST () "//" x\r\n')),
 "list ctl": ("LIST", front(b'* LIST () "/" "a\x1b[2Jb"\r\n* LIST () "/" "a\x00b"\r\n')),
 "list other delim": ("LIST", lambda c: [re.sub(rb'\) "/"', b') "."', flat(c))]),
 "list changing delim": ("LIST", front(b'* LIST () "." abc\r\n')),
 "list NO": ("LIST", lambda c: [*list(c.normal())[:-1], c.tagged("NO sorry")]),
 "list empty": ("LIST", lambda c: [c.tagged("OK")]),
 "namespace odd": ("NAMESPACE", instead(b"* NAMESPACE (({0}\r\n {1}\r\n/)) NIL NIL\r\n")),
 "select exists huge": ("SELECT", sub(rb"\d+ EXISTS", b"4294967295 EXISTS")),
 "select exists shrinks": ("SELECT", sub(rb"(\* \d+ EXISTS\r\n)", rb"\1* 0 EXISTS\r\n")),
 "select uidnext 1": ("SELECT", sub(rb"UIDNEXT \d+", b"UIDNEXT 1")),
 "select uidnext 0": ("SELECT", sub(rb"UIDNEXT \d+", b"UIDNEXT 0")),
 "select uidnext max": ("SELECT", sub(rb"UIDNEXT \d+", b"UIDNEXT 4294967295")),
 "select uidvalidity 0": ("SELECT", sub(rb"UIDVALIDITY \d+", b"UIDVALIDITY 0")),
 "select highestmodseq": ("SELECT", sub(rb"HIGHESTMODSEQ \d+", b"HIGHESTMODSEQ 18446744073709551616")),
 "status lies": ("STATUS", front(b"* STATUS INBOX (MESSAGES 4294967295 UIDNEXT 1 UIDVALIDITY 0)\r\n")),
 "vanished": (".*", front(b"* VANISHED 1:4294967295\r\n"), 30),
 "expunge": ("UID FETCH|UID SEARCH|NOOP", front(b"* 1 EXPUNGE\r\n")),
 "exists shrinks": ("UID FETCH|UID SEARCH|NOOP", front(b"* 0 EXISTS\r\n")),
 "continuation": ("NOOP|UID|SELECT|CREATE", front(b"+ go\r\n")),
 "continuation behind": ("APPEND", behind(b"+ go\r\n")),
 "two continuations": ("LITERAL", lambda c: [b"+ go\r\n+ go again\r\n"]),
 "tag twice append": ("APPEND", lambda c: [flat(c), c.tagged("OK again")]),
 "tag wrong append": ("APPEND", lambda c: [flat(c).replace(c.tag.encode(), b"zzz")], 2),
 "copyuid": ("APPEND", lambda c: [re.sub(rb"APPENDUID (\d+) (\d+)", rb"COPYUID \1 \2 \2", flat(c))]),
 "appenduid untagged": ("APPEND", lambda c: [re.sub(rb"(?m)^(\S+) OK \[APPENDUID ([^]]*)\]", rb"* OK [APPENDUID \2] x\r\n\1 OK", flat(c))]),
 "appenduid zero": ("APPEND", lambda c: [re.sub(rb"APPENDUID (\d+) (\d+)", rb"APPENDUID \1 0", flat(c))]),
 "appenduid plus": ("APPEND", lambda c: [re.sub(rb"APPENDUID (\d+) (\d+)", lambda m: b"APPENDUID %s %d" % (m[1], int(m[2]) + 1), flat(c))]),
 "appenduid same": ("APPEND", lambda c: [re.sub(rb"APPENDUID (\d+) (\d+)", rb"APPENDUID \1 1", flat(c))]),
 "appenduid rev": ("APPEND", lambda c: [re.sub(rb"APPENDUID (\d+) (\d+)", rb"APPENDUID \1 9:1", flat(c))]),
 "appenduid lit": ("APPEND", lambda c: [re.sub(rb"APPENDUID (\d+) (\d+)", rb"APPENDUID \1 {1}\r\n5", flat(c))]),
 "bye append": ("APPEND", lambda c: [b"* BYE now\r\n", Cut], 1),
 "bye create": ("CREATE", lambda c: [b"* BYE now\r\n", Cut], 1),
 "bye select": ("SELECT", lambda c: [b"* BYE now\r\n", Cut], 1),
 "bye noop": ("NOOP", lambda c: [b"* BYE now\r\n", Cut], 1),
 "bye uid": ("UID", lambda c: [b"* BYE now\r\n", Cut], 1),
 "bye list": ("LIST", lambda c: [b"* BYE now\r\n", Cut], 1),
 "bye subscribe": ("SUBSCRIBE", lambda c: [b"* BYE now\r\n", Cut], 1),
 "fetch all seen": ("UID FETCH", front(b"* 1 FETCH (UID 1 RFC822.SIZE 9999999 FLAGS () BODY[] {3}\r\nabc)\r\n")),
 "fetch size lies": ("UID FETCH", lambda c: [re.sub(rb"RFC822.SIZE \d+", b"RFC822.SIZE 1", flat(c))]),
 "search all": ("UID SEARCH", lambda c: [b'* ESEARCH (TAG "' + c.tag.encode() + b'") UID ALL 1:4294967295\r\n', c.tagged("OK")]),
 "search none": ("UID SEARCH", lambda c: [c.tagged("OK")]),
 "create NO": ("CREATE", lambda c: [c.tagged("NO no")]),
 "create OK not made": ("CREATE", lambda c: [c.tagged("OK sure")]),
 "cap change": ("SELECT", front(b"* CAPABILITY IMAP4rev1\r\n")),
 "uidvalidity change": ("APPEND", front(b"* OK [UIDVALIDITY 77] x\r\n")),
 "permanentflags": ("SELECT", sub(rb"PERMANENTFLAGS \([^)]*\)", b"PERMANENTFLAGS ({5}\r\n\\Seen)")),
 "permanentflags none": ("SELECT", sub(rb"PERMANENTFLAGS \([^)]*\)", b"PERMANENTFLAGS ()")),
}

def one(t, name, pattern, reply, times=None, **options):
    m = Move(t, source=sample(["INBOX", "Archive"], 3), **options)
    m.dest.forgiven = [".*"]; m.source.forgiven = [".*"]
    m.dest.on(pattern, reply, times=times)
    start = _time.monotonic()
    run = m.migrate(*BRIEF, timeout=150)
    took = _time.monotonic() - start
    note = ""
    t.within(run.code, (0, 1, 2, 69, 75, 78), f"{name} exit")
    for o in (b"\x1b", b"\x00"): t.ok(o not in run.out + run.err, f"{name}: control")
    missing, doubled = m.counts()
    if run.code in (0, 1) and missing: note += f" FALSE COMPLETE missing={missing}"
    if doubled: note += f" DOUBLED={doubled}"
    v = t.imex("verify", m.job, m.source.url(), m.dest.url(), "--insecure-plaintext", "--dest-insecure-plaintext", *BRIEF, env={"IMEX_DEST_PASSWORD": DEST_PASSWORD}, timeout=100)
    u = None
    c1 = run.code
    m.dest.clear()
    codes = []
    for _ in range(3):
        run2 = m.migrate(timeout=150); codes.append(run2.code)
        if run2.code in (0, 1): break
    missing, doubled = m.counts()
    if run2.code in (0,1) and missing: note += f" 2ND FALSE missing={missing}"
    if doubled: note += f" 2ND DOUBLED={doubled}"
    with open("/dev/shm/six/dlog", "a") as f:
        f.write(f"{name}: exit {c1} {took:.1f}s verify {v.code} again {codes} {note} {[l for l in run.text.strip().splitlines() if 'Next' not in l][-1:]}\n")

def scene_dest(t):
    only = os.environ.get("ONLY")
    for name, case in CASES.items():
        if only and not re.search(only, name): continue
        one(t, name, *case)


def vu(t, name, pattern, reply, times=None):
    dest = Store(first=1750000000)
    dest["INBOX"].add(letter("INBOX", 91)); dest["INBOX"].add(letter("INBOX", 92))
    m = Move(t, source=sample(["INBOX", "Archive"], 3), dest=dest)
    m.dest.forgiven = [".*"]; m.source.forgiven = [".*"]
    m.migrate()
    m.dest.on(pattern, reply, times=times)
    env = {"IMEX_DEST_PASSWORD": DEST_PASSWORD}
    plain = ["--insecure-plaintext", "--dest-insecure-plaintext"]
    out = []
    v = t.imex("verify", m.job, *plain, *BRIEF, env=env, timeout=150); out.append(v.code)
    v2 = t.imex("verify", m.job, "--deep", *plain, *BRIEF, env=env, timeout=150); out.append(v2.code)
    u = t.imex("undo", m.job, "--dest-insecure-plaintext", "--yes", *BRIEF, env=env, timeout=150); out.append(u.code)
    for r in (v, v2, u):
        t.within(r.code, (0, 1, 2, 69, 75, 78), f"{name}: {r.describe() if hasattr(r, 'describe') else ''}")
        t.ok(b"\x1b" not in r.out + r.err, "control")
    foreign = {k: m._of(*k) for k in m.foreign} == m.foreign
    own = sum(1 for f in m.dest.store for x in f if x.own)
    m.dest.clear()
    u2 = t.imex("undo", m.job, "--dest-insecure-plaintext", "--yes", env=env, timeout=150)
    own2 = sum(1 for f in m.dest.store for x in f if x.own)
    foreign2 = {k: m._of(*k) for k in m.foreign} == m.foreign
    with open("/dev/shm/six/ulog", "a") as f:
        f.write(f"{name}: verify {out[:2]} undo {out[2]} foreign kept {foreign} own left {own}; again {u2.code} own {own2} foreign {foreign2} | {u.text.strip().splitlines()[-1:]}\n")

def scene_vu(t):
    only = os.environ.get("ONLY")
    for name, case in CASES.items():
        if only and not re.search(only, name): continue
        if "APPEND" in case[0] or "CREATE" in case[0] or name.startswith("permanentflags"): continue
        vu(t, name, *case)
    for name, case in {
        "store NO": ("(UID )?STORE", lambda c: [c.tagged("NO no")]),
        "expunge NO": ("(UID )?EXPUNGE", lambda c: [c.tagged("NO no")]),
        "expunge OK nothing": ("(UID )?EXPUNGE", lambda c: [c.tagged("OK done")]),
        "expunge bye": ("(UID )?EXPUNGE", lambda c: [b"* BYE x\r\n", Cut], 1),
        "fetch shifted": ("UID FETCH", lambda c: [re.sub(rb"UID (\d+)", lambda m: b"UID %d" % (int(m[1]) + 1), flat(c))]),
        "fetch none": ("(UID )?FETCH", lambda c: [c.tagged("OK")]),
        "uidvalidity other": ("SELECT|EXAMINE", sub(rb"UIDVALIDITY \d+", b"UIDVALIDITY 5")),
        "uidvalidity mid": ("UID FETCH|UID SEARCH", front(b"* OK [UIDVALIDITY 5] x\r\n")),
    }.items():
        if only and not re.search(only, name): continue
        vu(t, name, *case)
