"""Ctrl-C: once, imex ends its batch and says how to go on; twice, it stops at once."""

import os
import signal
import time

from forms import EML, EXCHANGE, MBOX
from lab import Lab, committed
from plan import each


def interrupted(number, make=Lab, most=10):
    """The signal arrives at each place of a run in turn; most: so many by default."""
    def test(t):
        lab = make(t)
        lab.lines.arm(None)
        copy = lab.undisturbed()
        total = lab.lines.count
        stopped = parts = 0
        for line in each(total, f"signal {number}", most):
            job = lab.job()
            lab.lines.arm(line, lambda: lab.victim.send_signal(number))
            done = lab.extract(job)
            lab.lines.arm(None)
            what = f"{number.name} after line {line}"
            if done.code == lab.code:       # it was in the middle of its last commit
                lab.same(copy, job, what)
                continue
            stopped += 1
            parts += bool(committed(job)) if os.path.exists(os.path.join(job, "imex.db")) else 0
            t.equal(done.code, 75, f"{what}: exit code: {done}")
            t.ok("run the same command again" in done.out + done.err.lower(),
                 f"{what}: it says how to go on", done)
            lab.resume(copy, job, what)
        t.note(f"stopped {stopped} times, {parts} times with a part stored")
        t.ok(stopped >= most // 2 - 2 and parts >= most // 8, "it was stopped", stopped, parts)
    return test


def held_message(t):
    """imex in the middle of a message that the server has stopped sending."""
    lab = Lab(t)
    copy = lab.undisturbed()
    gate = lab.server.hold(uid=9, folder="INBOX", item=r"BODY", after=200000)
    job = lab.job()
    process, argv, log = lab.start(*lab.command(job), job=job)
    part = os.path.join(job, "mail", *os.listdir(os.path.join(copy.job, "mail")), "tmp",
                        "1000000000.V1700000001U9.imex")
    for _ in range(1000):
        if os.path.exists(part):
            break
        time.sleep(0.01)
    t.must(os.path.exists(part), "a part of the message has arrived")
    return lab, copy, gate, job, lambda: lab.finish(process, argv, log, job)


def in_flight(t):
    """A message that is on its way when the signal comes is stored whole."""
    lab, copy, gate, job, finish = held_message(t)
    lab.victim.send_signal(signal.SIGINT)
    time.sleep(0.2)
    t.equal(lab.victim.poll(), None, "the message in flight gets its time")
    gate.open()
    done = finish()
    t.equal(done.code, 75, f"exit code: {done}")
    t.ok({(1700000001, 8), (1700000001, 9)} <= committed(job), "it and what came before is stored")
    lab.server.clear()
    lab.resume(copy, job, "after a signal in the middle of a message")


def twice(t):
    """The second signal does not wait for the message in flight."""
    lab, copy, gate, job, finish = held_message(t)
    lab.victim.send_signal(signal.SIGINT)
    time.sleep(0.2)
    t.equal(lab.victim.poll(), None, "the first signal waits for the message")
    begin = time.monotonic()
    lab.victim.send_signal(signal.SIGINT)
    done = finish()
    t.ok(time.monotonic() - begin < 2, "the second signal ends it at once")
    t.equal(done.code, 75, f"exit code: {done}")
    gate.open()
    lab.server.clear()
    lab.resume(copy, job, "after two signals")


def of(form):
    return lambda t: Lab(t, form)


def tests():
    return [(f"{form}: interrupted anywhere", interrupted(signal.SIGINT, of(form), 8))
            for form in (MBOX, EML, EXCHANGE)] + [
            ("interrupted anywhere, SIGINT", interrupted(signal.SIGINT)),
            ("interrupted anywhere, SIGTERM", interrupted(signal.SIGTERM)),
            ("interrupted in a message", in_flight),
            ("interrupted twice", twice)]
