"""imex status --watch: a block each time until the run has ended; Ctrl-C ends it with the last exit code."""

import json

from scene import *
import imexrun
import terminal


def watch(t, job, *words):
    return imexrun.start(t, "status", job, "--watch=100ms", *words, password=None)


def scene_until_the_end(t):
    gate, job, run = t.extract_held(t.server(sample(count=5)))
    plain, lines = watch(t, job), watch(t, job, "--json")
    t.must(t.until(lambda: plain.out.count(b" at ") >= 3 and lines.out.count(b"\n") >= 3), "several blocks")
    gate.open()
    t.exits(run.wait(), 0)
    t.exits(plain.wait(), 0)
    t.exits(lines.wait(), 0)
    blocks = re.split(rf"(?m)^{re.escape(job.path)} at \S+Z\n", plain.out.decode())
    t.equal(blocks[0], "", "each block has its time")
    t.matches(blocks[1], rf"^usuario@127.0.0.1: running \(process {run.pid}\), .*\n$", "the first block")
    t.matches(blocks[-1], r"^usuario@127.0.0.1: complete, 20/20 messages.*\n$", "the last block")
    told = [json.loads(line) for line in lines.out.splitlines()]
    t.equal((told[0]["process"], told[-1]["process"]), (run.pid, 0), "the process")
    t.equal(told[-1]["accounts"][0]["status"], "done", "the last line")


def scene_ctrl_c(t):
    gate, job, run = t.extract_held(t.server(sample(count=5)))
    for words, code in (((), 0), (("--ready", "24h"), 2)):
        seen = watch(t, job, *words)
        t.must(t.until(lambda: seen.out.count(b" at ") >= 2), "two blocks")
        seen.signal(signal.SIGINT)
        t.exits(seen.wait(), code)
    gate.open()
    t.exits(run.wait(), 0)


def scene_on_a_terminal(t):
    """Each time in the place of the last; and Ctrl-C is typed."""
    gate, job, run = t.extract_held(t.server(sample(count=5)))
    code, drawn = terminal.on_terminal([*imexrun.program(), "status", job.path, "--watch=2s"],
                                       {"TERM": "xterm"}, [b"", b"\x03"])
    t.equal(code, 0, "exit code")
    t.ok(drawn.startswith(b"\x1b[H\x1b[J" + job.path.encode()), "the screen is cleared first", drawn)
    gate.open()
    t.exits(run.wait(), 0)


def scene_nothing_runs(t):
    server = t.server(sample(count=3))
    job, run = t.extract(server)
    run = t.imex("status", job, "--watch")
    t.exits(run, 0)
    t.equal(run.out.count(b"complete"), 1, "blocks")
    run = t.imex("status", job, "--watch=soon")
    t.exits(run, 64)
    t.one_line_error(run)
    t.exits(t.imex("status", job, "--watch", "5"), 64)
