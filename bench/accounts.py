"""Programs that copy many accounts of one server, eight at a time, into files.

self.user is the letter of the corpus; its accounts are LETTER0000, LETTER0001 and so on.
"""
import os

from corpus import account, accounts
from tools import Imex, MbsyncNoFsync, Wire

AT_ONCE = 8


class WireAccounts(Wire):
    """A connection and a login for each account, a file for each message, one sync at the end."""
    name = "wire-8"
    mode = "files"
    counts_itself = False

    def command(self, out):
        return [os.path.join(self.context.bin, "wire"), "-m", self.mode, "-o", out,
                "-j", str(AT_ONCE), "-n", str(accounts(self.user, self.context.args.scale)),
                "127.0.0.1", str(self.port), self.user, "x"]


class WireStatus(WireAccounts):
    """A connection, a login and one LIST-STATUS for each account: the least that a run with nothing
    new has to ask."""
    name = "wire-8-status"
    mode = "status"
    counts_itself = True


class ImexAccounts(Imex):
    def setup(self, out):
        self.list = os.path.join(self.context.work, "users.csv")
        with open(self.list, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as f:
            f.write("source,password\n")
            for number in range(accounts(self.user, self.context.args.scale)):
                f.write("imap://%s@127.0.0.1:%d/,x\n" % (account(self.user, number), self.port))

    def command(self, out):
        return [self.context.imex, "extract", "--users", self.list, "--to", out,
                "--jobs", str(AT_ONCE), "--per-host", str(AT_ONCE), "--insecure-plaintext",
                "--progress=none", "-q"]


class MbsyncAccounts(MbsyncNoFsync):
    """As many processes as accounts, eight at a time; nothing is synced."""
    name = "mbsync-8-nofsync"

    def setup(self, out):
        os.makedirs(out)
        everyone, self.user = self.user, None
        with open(out + ".list", "w") as f:
            for number in range(accounts(everyone, self.context.args.scale)):
                self.user = account(everyone, number)
                super().setup(os.path.join(out, self.user))
                f.write(os.path.join(out, self.user, "rc") + "\n")
        self.user = everyone

    def command(self, out):
        return ["xargs", "-a", out + ".list", "-P", str(AT_ONCE), "-I{}", "mbsync", "-q", "-c", "{}", "c"]

    def copy_of(self, out):
        return out


class MbsyncAccountsSynced(MbsyncAccounts):
    """As it comes: fsync for every message."""
    name = "mbsync-8"
    fsync = "yes"
    slow = True


PEERS = {"mbsync-nofsync": MbsyncAccounts, "mbsync": MbsyncAccountsSynced}
