"""What check, verify and a watch make of a hostile server, and rows of a listing in a hostile order."""

from scene import *
from model import DEFAULT_CAPS

BRIEF = ["--timeout", "1s"]
EVIL = "\x1b]0;owned\x07\x1b[2Jevil\u202egnp.exe\x9b31m"


def unharmed(t, run):
    t.within(run.code, (0, 1, 2, 69, 75, 77), "exit code")
    for octet in (b"\x1b", b"\x07", b"\x9b3", "\u202e".encode()):
        t.ok(octet not in run.out + run.err, f"no {octet!r} reaches the terminal")


def flat(call):
    return b"".join(p if isinstance(p, bytes) else p.encode() for p in call.normal())


def scene_check_without_end(t):
    for pattern in ("CAPABILITY", "LIST", "EXAMINE", "(UID )?FETCH"):
        server = t.server()
        server.on(pattern, Forever(b"* OK more\r\n"))
        run = t.check(server, *BRIEF, timeout=120)
        unharmed(t, run)
        t.ok(run.code != 0, "not called well", run.code)


def scene_control_characters_everywhere(t):
    """In the greeting, the product, alerts, refusals, names, headers of lost mail."""
    evil = EVIL.encode("utf-8", "replace")
    store = sample(["INBOX"], 2)
    store.add("f" + EVIL.encode().decode("latin-1"), 1)
    store["INBOX"].add(b"From: " + evil + b"\r\nSubject: " + evil + b"\r\n\r\nx\r\n")
    server = t.server(store, greeting=b"* OK " + evil + b"\r\n")
    server.id = '("name" "%s" "version" "%s")' % (EVIL.encode().decode("latin-1"), "\x1b[31m")
    server.on("NAMESPACE", lambda call: [b"* OK [ALERT] " + evil + b"\r\n", *call.normal()])
    server.fetch(uid=3, folder="INBOX", reply=Refuse("NO " + EVIL.encode().decode("latin-1")))
    server.on("NOOP", lambda call: [b"* " + evil + b" (\r\n", *call.normal()])
    unharmed(t, t.check(server))
    job, run = t.extract(server, "-v")
    unharmed(t, run)
    t.inside(job)
    for words in (("status", job), ("report", job)):
        unharmed(t, t.imex(*words))
    raw = [name for name in map(str, job.files_with(b"\x1b]0;owned"))
           if "/mail/" not in name and "imex.db" not in name]
    t.equal(raw, [], "log and reports hold no control character")


def scene_verify_against_a_hostile_server(t):
    server = t.server()
    job = t.first_run(server)
    for pattern, reply in (("EXAMINE", Forever(b"* 7 EXISTS\r\n")),
                           ("UID SEARCH", b"* ESEARCH UID ALL 1:4294967295\r\n$TAG OK done\r\n"),
                           ("UID FETCH .*BODY", b"* 1 FETCH (UID 1 BODY[] {4294967299}\r\n")):
        server.clear()
        server.on(pattern, reply)
        run = t.imex("verify", job, server.url(), *t.options(server), "--deep", *BRIEF, timeout=120)
        unharmed(t, run)
        t.ok(run.code != 0, "not called equal", run.code)


def scene_idle_without_end(t):
    """A watch that is told of something on and on, and never of mail, copies what comes."""
    server = t.server(caps=DEFAULT_CAPS + " IDLE")
    server.on("IDLE", [b"+ idling\r\n", Forever(b"* OK still here\r\n")], times=1)
    job, process = t.start_extract(server, "--watch", "--watch-poll", "1h", *BRIEF, timeout=120)
    t.must(t.until(lambda: server.transcript.count("IDLE") >= 2, 90), "IDLE is begun again")
    store = server.store
    with store.lock:
        store["INBOX"].add(b"From: a@b\r\nSubject: late\r\n\r\nhello\r\n")
    t.must(t.until(lambda: any(b"Subject: late" in m.wire for m in t.mails(job)), 60), "it is copied")
    process.signal(signal.SIGINT)
    process.wait()
    t.within(process.code, (0, 1, 75), "exit code")


def scene_rows_descending_and_doubled(t):
    server = t.server(sample(["INBOX"], 8))
    server.on("UID FETCH .*FLAGS", lambda call: _turned(flat(call)))
    job, run = t.extract(server, *BRIEF)
    t.within(run.code, (0, 1), "exit code")
    t.complete(job, server)


def _turned(data):
    lines = data.split(b"\r\n")[:-1]
    rows = [line for line in lines if b"FETCH (" in line]
    rest = [line for line in lines if b"FETCH (" not in line]
    return b"".join(line + b"\r\n" for line in [*reversed(rows), *rows, *reversed(rows), *rest])
