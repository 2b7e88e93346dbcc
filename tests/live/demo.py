#!/usr/bin/env python3
"""The demonstration behind scripts/demo: what imex does, seen by somebody new to it."""

import glob
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.realpath(os.path.join(HERE, "..", ".."))
sys.path[:0] = [HERE, os.path.join(ROOT, "tests", "lib")]
KEEP = os.environ.pop("KEEP", "") not in ("", "0")      # servers.py has its own use for the name
import mailbox  # noqa: E402
import servers  # noqa: E402

PLACE = os.path.join("build", "demo")
LEFT = os.path.join(PLACE, "servers.json")
IMEX = os.path.join("build", "src", "app", "imex")
USER, PASSWORD = "ana.lopez", "secret-of-ana"
NEW_USER, NEW_PASSWORD = "ana.new", "new-secret"
BANYAN_USER, BANYAN_PASSWORD = "usuario1%ncc%migracion", "migracion"
SHOWN = 45      # lines of one command's output
MEANING = {0: "complete", 1: "complete with warnings", 2: "something has no good verdict"}


class Banyan:
    """The story's server: RFC 1730, refuses BODY.PEEK[] and RFC822.PEEK."""

    name = "banyan"

    def __init__(self):
        port_file = os.path.join(PLACE, "banyan.port")
        self.process = subprocess.Popen(
            [sys.executable, os.path.join("tests", "dialogue", "banyan.py"), "--port-file", port_file,
             "--state", os.path.join(PLACE, "banyan.flags")], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=open(os.path.join(PLACE, "banyan.log"), "wb"),
            start_new_session=True)
        while not os.path.exists(port_file) and self.process.poll() is None:
            time.sleep(0.05)
        with open(port_file, encoding="ascii") as file:
            self.port = int(file.read())

    @property
    def url(self):
        return f"imap://{BANYAN_USER.replace('%', '%25')}@127.0.0.1:{self.port}/"

    def leave(self):
        """It runs on without us."""

    def stop(self):
        self.process.terminate()
        self.process.wait()


# -- talking to the reader ---------------------------------------------------

def title(text):
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}\n{'=' * len(text)}", flush=True)


def say(text):
    print(text, flush=True)


def imex(password, *args, expect=(0,), into=None, shown=SHOWN):
    """Show a command, run it, show what it says; remembers a surprise."""
    env = {"IMEX_PASSWORD": password, **({"IMEX_DEST_PASSWORD": into} if into else {})}
    print(f"\n$ {' '.join(f'{name}={value}' for name, value in env.items())} {IMEX} {shlex.join(args)}", flush=True)
    done = subprocess.run([IMEX, *args], env={**os.environ, **env},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    lines = done.stdout.decode(errors="replace").rstrip().split("\n")
    for line in lines[:shown]:
        print(f"  {line}")
    if len(lines) > shown:
        print(f"  ... and {len(lines) - shown} lines more")
    meaning = MEANING.get(done.returncode, "see the table of exit codes in README.md")
    print(f"  [exit {done.returncode}: {meaning}]", flush=True)
    if done.returncode not in expect:
        imex.surprises.append(f"imex {args[0]} ended with {done.returncode}, expected {expect[0]}")


imex.surprises = []


def tour(name, url, password, options, expect, deep=("--deep",)):
    """Check, extract, extract again, verify and report one account."""
    job = os.path.join(PLACE, name)
    imex(password, "check", url, *options, expect=(0, 1))
    imex(password, "extract", url, "--to", job, *options, expect=expect)
    imex(password, "extract", url, "--to", job, *options, expect=expect)
    imex(password, "verify", job, url, *deep, *options, expect=(0, 1))
    imex(password, "report", job)
    return job


def where(job):
    for what, pattern in (("mail", "mail/*"), ("event log", "events.jsonl"), ("reports", "report.*")):
        for path in sorted(glob.glob(os.path.join(glob.escape(job), pattern))):
            say(f"  {what:10} {shlex.quote(path)}")
            what = ""


def story(job):
    """The event that the ancestor wrote as an error, and imex as a warning."""
    log = os.path.join(job, "events.jsonl")
    with open(log, encoding="utf-8") as lines:
        events = [event for event in map(json.loads, lines) if event["event"] == 14002]
    say(f"\nEvent 14002 in {log}, {len(events)} "
        f"time{'s' * (len(events) != 1)}:")
    for event in events:
        for field in ("time", "level", "account", "folder", "uid", "command", "reply", "text"):
            if event.get(field) is not None:
                say(f"  {field:8} {event[field]}")
        say("")
    if not events:
        imex.surprises.append("no event 14002 was logged for the Banyan server")


# -- servers that stay up ----------------------------------------------------

def leave_up(up):
    """Write down what is up, for stop_left(), and forget it."""
    left = {}
    for server in up:
        server.leave()
        left[server.name] = [server.process.pid, started(server.process.pid)] \
            if isinstance(server, Banyan) else server.dir
    up.clear()
    with open(LEFT, "w", encoding="utf-8") as file:
        json.dump(left, file)


def started(pid):
    """The start time of a process: with the number, its identity."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rpartition(")")[2].split()[19]
    except OSError:
        return None


def stop_left():
    """End what an earlier demonstration left up, and only that."""
    if not os.path.exists(LEFT):
        return False
    with open(LEFT, encoding="utf-8") as file:
        left = json.load(file)
    pid, start = left.get("banyan", [0, None])
    if start and started(pid) == start:
        os.kill(pid, signal.SIGTERM)
    if "dovecot" in left and os.path.isdir(left["dovecot"]):
        subprocess.run([os.path.join("tests", "servers", "dovecot.sh"), "stop", left["dovecot"]],
                       stdout=subprocess.DEVNULL, check=False)
        shutil.rmtree(left["dovecot"])
    os.unlink(LEFT)
    return True


# -- the demonstration ---------------------------------------------------------

def modern(up):
    """The Dovecot mailbox; its server is added to those that are up."""
    title("1. A mailbox on a real server")
    reason = servers.why_not()
    if reason:
        say(f"left out: {reason}")
        return
    server = servers.Dovecot().start()
    up.append(server)
    # Both before the first login: Dovecot may not see at once that its file of users has changed.
    server.add_user(USER, PASSWORD)
    server.add_user(NEW_USER, NEW_PASSWORD)
    with server.client(USER, PASSWORD) as client:
        loaded = mailbox.load(server, client, mailbox.plan())
        folders = len(client.folders())
    say(f"A private Dovecot listens on 127.0.0.1:{server.port}. It holds {loaded.count} messages in {folders} folders:\n"
        "nested, with names in several scripts, all flags, many keywords, dates from 1970 on, line\n"
        "ends of every kind, one message of 5 MiB. First a look, then the copy; the second copy has\n"
        "nothing to do; then proof, from the files and from the bytes on the server.")
    job = tour("dovecot", server.url(USER), PASSWORD, ["--tls-ca", server.ca_file], (0, 1))
    say("\nWhere things are:")
    where(job)


def move(up):
    """The Dovecot mailbox into another account, if there is one."""
    if not up:
        return
    server, job = up[0], os.path.join(PLACE, "move")
    title("2. Into another account")
    say("The same mailbox goes into an account that is empty: where each folder would go, then the copy, each\n"
        "message exactly once, then both sides compared, octet for octet. What the destination did not keep\n"
        "as it was is named.")
    both = server.url(USER), server.url(NEW_USER)
    trust = ["--tls-ca", server.ca_file, "--dest-tls-ca", server.ca_file]
    imex(PASSWORD, "check", *both, *trust, into=NEW_PASSWORD, shown=16)
    imex(PASSWORD, "migrate", *both, "--job", job, *trust, into=NEW_PASSWORD, expect=(0, 1))
    imex(PASSWORD, "verify", job, "--deep", into=NEW_PASSWORD, expect=(0, 1), shown=12)


def seed(up):
    """The Banyan mailbox; its server is added to those that are up."""
    title("3. The mailbox that was lost")
    server = Banyan()
    up.append(server)
    say(f"A server that behaves like the Banyan one of Microsoft article Q258731 listens on 127.0.0.1:{server.port}.\n"
        "It speaks IMAP4 of 1994 and answers BAD to the forms that leave a message unread. The old\n"
        "extractor logged event 14002 there and lost the mailbox. imex asks in another way, puts the\n"
        "flags back as they were, and says so: a warning, exit code 1.")
    # Not --deep: reading the bytes again would mark the mail as read again.
    job = tour("banyan", server.url, BANYAN_PASSWORD, ["--insecure-plaintext"], (1,), deep=())
    story(job)
    say("Where things are:")
    where(job)


def main():
    os.chdir(ROOT)
    stopped = stop_left()
    if "--stop" in sys.argv[1:]:
        say("demo: servers stopped" if stopped else "demo: no servers were left up")
        return 0
    begin = time.monotonic()
    shutil.rmtree(PLACE, ignore_errors=True)
    os.makedirs(PLACE)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    up = []
    try:
        modern(up)
        move(up)
        seed(up)
        title("Done")
        say(f"{time.monotonic() - begin:.0f} seconds.")
        if KEEP:
            leave_up(up)
            say("The servers are still up: every command above can be typed again, in this directory\n"
                f"({shlex.quote(ROOT)}).\nEnd them with: scripts/demo --stop")
        else:
            say("The servers are gone, the files are still there. To keep the servers and type the\n"
                "commands yourself: make demo KEEP=1")
    finally:
        for server in up:
            server.stop()
    for surprise in imex.surprises:
        say(f"demo: {surprise}")
    return 1 if imex.surprises else 0


if __name__ == "__main__":
    sys.exit(main())
