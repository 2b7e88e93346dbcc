"""imex killed while several connections read one folder: then the same command again, and all is as if one
connection had read it undisturbed."""

import shim
from forms import EML, EXCHANGE, MAILDIR, MBOX
from kill import first_run, second_run, twice
from lab import Lab
from model import Server
from plan import each, few
from store import Store, fill, imap_date

CONNECTIONS = "3"
TRIES = 4


def mailbox():
    """One folder, with messages larger than any buffer between small ones."""
    store = Store()
    inbox = store["INBOX"]
    fill(inbox, 60)
    big = b"Subject: big\r\n\r\n" + b"0123456789 abcdefghijklmnopqrstuvwxyz\r\n" * 7000
    inbox.add(big, ("\\Seen", "$Big"), imap_date(1000000000, 120))
    fill(inbox, 50, "more")
    inbox.add(big + b"bare LF\n", ("\\Flagged",), imap_date(1100000000, -60))
    fill(inbox, 40, "most")
    return store


def change(store):
    """New mail, so much that it is shared too; other flags, and messages less."""
    inbox = store["INBOX"]
    for uid in range(3, 150, 11):
        inbox.flag(uid, "\\Answered", "Later")
    for uid in (7, 61, 90):
        inbox.remove(uid)
    fill(inbox, 100, "new")


class Shared(Lab):
    """The copy to be equalled is one connection's."""

    def __init__(self, t, form=MAILDIR):
        super().__init__(t, form, Server(mailbox(), tls="implicit"))
        self.mailbox = mailbox
        self.alone = False

    def command(self, job, form=None):
        return [*super().command(job, form), "--connections", "1" if self.alone else CONNECTIONS]

    def undisturbed(self, change=None, code=None, **how):
        """Also that of several connections is what one makes of it; its calls are those that are struck."""
        self.alone = True
        copy = super().undisturbed(change, code, **how)
        self.alone = False
        # On a busy machine the first one may be through before another comes.
        for _ in range(TRIES):
            copy.done, connections = self.shared(copy, change, how)
            if connections > (2 if change else 1):
                break
        self.t.ok(connections > (2 if change else 1), "several connections have read", connections)
        return copy

    def shared(self, copy, change, how):
        """An undisturbed run of several connections, and how many there were."""
        if change:
            self.reset()
        before = self.server.connections
        job = self.job()
        done = self.extract(job, **how)
        self.t.must(done.code == self.first_code, "the run of several connections succeeds", done)
        if change:
            self.alter(change)
            done = self.extract(job, **how)
            self.t.must(done.code == self.code, "and their second one", done)
        self.same(copy, job, "several connections, undisturbed")
        return done, self.server.connections - before


def of(form):
    return lambda t: Shared(t, form)


def at(words):
    return lambda calls: few(calls, words, 12)


def after_lines(t):
    """Killed when the server has sent its n-th line on any connection; how many there are differs from run to
    run, as they share the folder."""
    lab = Shared(t)
    copy = lab.undisturbed()
    kills = 0
    for number in each(150, "shared line"):
        job = lab.job()
        lab.lines.arm(number)
        done = lab.extract(job)
        what = f"killed after line {number}: {lab.lines.struck[:60]!r}"
        lab.lines.arm(None)
        if done.killed:
            kills += 1
            lab.resume(copy, job, what)
    t.ok(kills >= 5, "it was killed", kills)


def tests():
    found = []
    for form, fs in ((MAILDIR, shim.EXT4), (EML, shim.OVERLAY), (MBOX, shim.EXT4), (EXCHANGE, shim.EXT4)):
        words = f"{form}: one folder, several connections"
        found.append((f"{words}, first run", first_run(of(form), at(f"shared {form}"), fs)))
        found.append((f"{words}, second run", second_run(of(form), at(f"shared {form} 2"), fs, change)))
    words = "one folder, several connections"
    found.append((f"{words}, killed twice", twice(of(MAILDIR), at("shared twice"))))
    found.append((f"{words}, killed after a line of the server", after_lines))
    return found
