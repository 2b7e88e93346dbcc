"""The raw answer of an event: whole up to 8 KiB, a longer one marked with its length, what is no UTF-8 in base64, too, and a
NUL in it cuts and breaks nothing (rules.md 5)."""

import base64
import json
import os

from scene import *

KIB8 = 8 * 1024


def refused(t, text, command="NAMESPACE", **more):
    """NAMESPACE is refused so; the event of it, read as JSON."""
    server = t.server(sample(["INBOX"], 3))
    server.on(command, lambda call: [call.tag.encode() + b" NO " + text + b"\r\n"])
    job, run = t.extract(server)
    t.within(run.code, (0, 1, 2), "exit code")
    with open(os.path.join(job.path, "events.jsonl"), "rb") as log:
        for line in log:
            json.loads(line)
    return job, t.one_event(job, 14002, command=re.compile(command), **more)


def scene_nul(t):
    for command in ("NAMESPACE", "EXAMINE"):
        _, event = refused(t, b"before\x00and \x00 behind", command)
        t.equal(event["reply"][4:], " NO before\x00and \x00 behind", f"{command}: the answer")
        t.ok("reply_b64" not in event and "reply_bytes" not in event, "nothing else", event)


def scene_nul_of_a_message(t):
    """Also where the answer is told later: in the verdict, and in the report."""
    server = t.server(sample(["INBOX"], 6))
    server.on(r"UID FETCH \S+ \(.*(BODY|RFC822(?!\.SIZE))", lambda call: [call.tag.encode() + b" NO cannot\x00read\r\n"]
              if 4 in numbers(call.text.split()[2]) else call.normal())
    job, run = t.extract(server)
    t.exits(run, 2)
    event = t.one_event(job, 14002, uid=4, text=re.compile("^verdict refused"))
    t.matches(event["reply"], r"NO cannot.read$", "the answer of the event")
    t.matches(job.folder("INBOX")["problems"][0]["reply"], r"NO cannot.read$", "the answer in the report")


def scene_no_utf8(t):
    _, event = refused(t, b"caf\xe9 \x00 \xff")
    t.equal(base64.b64decode(event["reply_b64"])[4:], b" NO caf\xe9 \x00 \xff", "the octets")
    t.matches(event["reply"], "NO caf", "the text")


def scene_long(t):
    """At the limit, above it, and far above; with a NUL, and with octets that are none of UTF-8 at the cut."""
    for size in (KIB8 - 8, KIB8 - 7, KIB8, 20000, 60000):
        for fill in (b"x", b"\x00", b"\xe9"):
            _, event = refused(t, fill * size)
            total = 8 + size                    # "0005 NO "
            kept = base64.b64decode(event["reply_b64"]) if fill == b"\xe9" else event["reply"].encode()
            t.equal(len(kept), min(total, KIB8), f"{size} of {fill!r}: what is kept")
            t.equal(event.get("reply_bytes"), total if total > KIB8 else None, f"{size} of {fill!r}: its length")


def scene_long_of_a_message(t):
    server = t.server(sample(["INBOX"], 6))
    server.fetch(uid=4, item=r"BODY|RFC822(?!\.SIZE)", reply=Refuse("NO " + "y" * 30000))
    job, run = t.extract(server)
    t.exits(run, 2)
    event = t.one_event(job, 14002, uid=4, text=re.compile("^verdict refused"))
    t.equal((len(event["reply"]), event.get("reply_bytes")), (KIB8, 30008), "what is kept, and its length")


def scene_longer_than_a_text_may_be(t):
    """It ends its command all the same, and is not waited for."""
    for command in ("NAMESPACE", "EXAMINE"):
        for size in (500_000, 2_000_000):
            _, event = refused(t, b"x" * size, command)
            t.equal(len(event["reply"]), KIB8, f"{command}: what is kept of the answer")
            t.equal(event["reply_bytes"], size + 8, f"{command}: its length")
