"""COMPRESS=DEFLATE (RFC 4978) of servers that offer it and break it; those that keep it are real ones (tests/live)."""

import zlib

from scene import *

CAPS = "LITERAL+ UIDPLUS SASL-IR COMPRESS=DEFLATE"


def raw(octets, flush=zlib.Z_SYNC_FLUSH):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(octets) + packer.flush(flush)


def scene_only_when_told(t):
    server = t.server(caps=CAPS)
    job, run = t.extract(server)
    t.exits(run, 0)
    t.complete(job, server)
    t.equal(server.transcript.count("COMPRESS"), 0, "nothing is compressed")


def scene_refused(t):
    """The session goes on without it, and the log has the answer."""
    for answer in ("NO [COMPRESSIONACTIVE] TLS does it", "BAD what is that?"):
        server = t.server(caps=CAPS)
        server.on("COMPRESS", f"$TAG {answer}\r\n")
        job, run = t.extract(server, "--compress")
        t.exits(run, 0)
        t.complete(job, server)
        event = t.one_event(job, 14002)
        t.equal((event["level"], event["command"]), ("info", "COMPRESS DEFLATE"), "the event")
        t.sent_once(server, "COMPRESS")


def scene_not_offered(t):
    server = t.server(caps="LITERAL+ UIDPLUS SASL-IR")
    job, run = t.extract(server, "--compress")
    t.exits(run, 0)
    t.complete(job, server)
    t.equal(server.transcript.count("COMPRESS"), 0, "it is not asked for")


def scene_what_follows_is_none(t):
    """Plain text, noise, an end of the stream, a word that nobody asked for, blocks that say nothing."""
    answers = {
        "plain text": b"* 3 EXISTS\r\n" * 10,
        "noise": bytes(range(255, 0, -1)) * 8,
        "the end": raw(b"* OK that was all\r\n", zlib.Z_FINISH) + b"more",
        "goodbye": raw(b"* BYE so soon?\r\n"),
        "nothing": b"\0\0\0\xff\xff" * 40000,
    }
    for what, octets in answers.items():
        server = t.server(caps=CAPS)
        server.on("COMPRESS", lambda call, octets=octets: [call.tagged("OK compressed"), octets, Cut])
        job, run = t.extract(server, "--compress", "--tries", "1", "--timeout", "2s", timeout=90)
        t.within(run.code, (2, 69, 75), f"{what}: exit code: {run.text}")
        t.ok(run.err.strip(), f"{what}: something is said", run)
        t.within(server.connections, range(1, 8), f"{what}: connections")
        server.clear()
        server.caps.remove("COMPRESS=DEFLATE")
        t.retry_until_done(server, job=job, allowed=(0,))
        t.complete(job, server)


def scene_a_bomb(t):
    """A few octets that become many: a line is as long as a line may be, however it was packed."""
    server = t.server(caps=CAPS)
    bomb = raw(b"* OK " + b"x" * 200_000_000 + b"\r\n")
    server.on("COMPRESS", lambda call: [call.tagged("OK compressed"), bomb, Cut])
    job, run = t.extract(server, "--compress", "--tries", "1", "--timeout", "5s", timeout=120)
    t.within(run.code, (2, 69, 75), f"exit code: {run.text}")
    t.ok(run.err.strip(), "something is said", run)
