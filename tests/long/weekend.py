"""A job of many runs, disturbed at any moment; the mail changes meanwhile."""

import os
import signal
import time
from collections import Counter

import imexrun
import maildir
import people
from scene import Job, directory_of

TAP_HELPER = True
STRIKES = 500
USERS = 4
FOLDERS = ("INBOX", "Archive", "Archive/2003")
FLAGS = ("\\Seen", "\\Flagged", "\\Answered", "$Label1", "NonJunk")
LETTERS = {"S": "\\Seen", "R": "\\Answered", "F": "\\Flagged", "D": "\\Draft", "T": "\\Deleted"}
COMPLETE = (0, 1)


class Weekend:
    def __init__(self, t, rng):
        self.t, self.rng = t, rng
        self.old = t.serve(people.house(people.people("a", USERS, folders=FOLDERS, count=12)))
        self.new = t.serve(people.new_house(list(self.old.accounts)))
        self.new.sources = tuple(self.old.accounts.values())
        self.files, self.moved = Job(t), Job(t)
        self.list = people.listed(t, self.old)
        self.into = people.table(t, "source,password,dest,dest_password\n" + "".join(
            f"{self.old.url_of(u)},{people.password_of(u)},{self.new.url_of(u)},{people.password_of(u)}\n"
            for u in self.old.accounts))
        self.number = 0
        self.gone = {user: set() for user in self.old.accounts}     # raw octets that may be there or not
        self.counts = Counter()

    # -- the mail --------------------------------------------------------------

    def new_mail(self, folder):
        self.number += 1
        size = self.rng.choice((300, 3000, 30000, 400000))
        raw = (f"From: a@example.org\r\nSubject: number {self.number}\r\nMessage-ID: <{self.number}@weekend.example>\r\n"
               f"\r\n" + f"line of {self.number}\r\n" * (size // 16)).encode()
        folder.add(raw, self.rng.sample(FLAGS, self.rng.randrange(3)))

    def mail_changes(self):
        user = self.rng.choice(list(self.old.accounts))
        folder = self.old.accounts[user][self.rng.choice(FOLDERS)]
        for _ in range(self.rng.randrange(4)):
            self.new_mail(folder)
        uids = [m.uid for m in folder]
        if uids and self.rng.random() < 0.5:
            folder.flag(self.rng.choice(uids), *self.rng.sample(FLAGS, self.rng.randrange(3)))
        if len(uids) > 5 and self.rng.random() < 0.2:
            uid = self.rng.choice(uids)
            self.gone[user].add(folder[uid].raw)
            folder.remove(uid)

    # -- runs ------------------------------------------------------------------

    def words(self, moving):
        how = [*people.ONE, "--tries", "3", "--retry-delay", "100ms", "--timeout", "5s",
               *self.t.options(self.old)]
        if not moving:
            return ["extract", "--users", self.list, "--to", self.files, *how]
        return ["migrate", "--users", self.into, "--job", self.moved, "--doubt-wait", "2s",
                "--dest-tls-ca", self.t.certs().ca_file, *how]

    def start(self, moving):
        return imexrun.start(self.t, *self.words(moving), password=None, timeout=600)

    def break_all(self, server):
        for wire in list(server._wires):
            try:
                wire.sock.shutdown(2)
            except OSError:
                pass

    @staticmethod
    def listens(run):
        """Whether it has taken the signal in hand; in its first moments it dies of it as any program."""
        try:
            with open(f"/proc/{run.pid}/status") as file:
                caught = next(line for line in file if line.startswith("SigCgt"))
        except (OSError, StopIteration):
            return False
        return bool(int(caught.split()[1], 16) >> (signal.SIGINT - 1) & 1)

    def strike(self, run):
        """One disturbance; how it is called."""
        what = self.rng.choice(("kill", "kill", "interrupt", "cut the source", "cut the destination", "source away",
                                "destination away"))
        server = self.old if "source" in what else self.new
        if what == "kill":
            run.signal(signal.SIGKILL)
        elif what == "interrupt":
            if self.listens(run):
                run.signal(signal.SIGINT)
        elif what.startswith("cut"):
            self.break_all(server)
        else:
            server.bears = 0
            self.break_all(server)
            time.sleep(self.rng.uniform(0.1, 1))
            server.bears = None
        return what

    def disturbed(self):
        self.mail_changes()
        run = self.start(self.rng.random() < 0.6)
        time.sleep(self.rng.choice((0.05, 0.2, 0.5, 1, 3)) * self.rng.random())
        self.counts[self.strike(run)] += 1
        if self.rng.random() < 0.5:
            self.mail_changes()
        run.wait()
        self.t.within(run.code, (0, 1, 2, 69, 75, -signal.SIGKILL), "how a disturbed run ends")
        for server in (self.old, self.new):
            server.transcript.entries.clear()

    def settle(self, moving):
        for _ in range(4):
            run = self.start(moving).wait()
            if run.code in COMPLETE:
                return
        self.t.within(run.code, COMPLETE, "an undisturbed run")

    # -- what must be there ----------------------------------------------------

    def judge(self, user, name, have, where):
        """have: raw octets -> (how often, flags)."""
        folder = self.old.accounts[user][name]
        want = {m.raw: set(m.flags) - {"\\Recent"} for m in folder}
        missing = [raw[:60] for raw in want if raw not in have]
        doubled = [raw[:60] for raw, (times, _) in have.items() if times > 1]
        strange = [raw[:60] for raw in have if raw not in want and raw not in self.gone[user]]
        flags = [(raw[:60], have[raw][1], want[raw]) for raw in want if raw in have and have[raw][1] != want[raw]]
        for found, what in ((missing, "missing"), (doubled, "there twice"), (strange, "from nowhere"), (flags, "flags")):
            self.t.equal(found, [], f"{user} {name} {where}: {what}")

    def judge_server(self):
        for user, store in self.new.accounts.items():
            for name in FOLDERS:
                have = {}
                for m in store.get(name) or ():
                    times = have.get(m.raw, (0, None))[0]
                    have[m.raw] = (times + 1, set(m.flags) - {"\\Recent"})
                self.judge(user, name, have, "on the destination")

    def judge_files(self):
        for name in self.files.account_dirs():
            user, root = name.partition("@")[0], os.path.join(self.files.mail, name)
            for folder in FOLDERS:
                directory = directory_of(self.old.accounts[user], folder)
                letters = dict(LETTERS, **maildir.keywords(root, directory))
                have = {}
                for m in maildir.messages(root, directory):
                    times = have.get(m.wire, (0, None))[0]
                    have[m.wire] = (times + 1, {letters[c] for c in m.flags})
                self.judge(user, folder, have, "in files")


def weekend(t, rng, strikes):
    w = Weekend(t, rng)
    for _ in range(strikes):
        w.disturbed()
    t.note(", ".join(f"{n} x {what}" for what, n in sorted(w.counts.items())) + f"; {w.number} messages came")
    w.settle(False)
    w.settle(True)
    w.judge_files()
    w.judge_server()
    for job in (w.files, w.moved):
        told = job.report()["accounts"]
        t.equal([a["status"] for a in told], ["done"] * USERS, "the report")
    t.read_only(w.old)
