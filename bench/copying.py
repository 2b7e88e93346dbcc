"""Programs that copy one account into another on the same Dovecot.

Each run begins with a destination that is not there: setup() removes its mail. tally() reads all
of it back over IMAP, whatever the program claims.
"""
import os
import shutil
import subprocess

from corpus import Imap, Tally
from tools import ADDED, Doveadm, Tool

DEST = "copy"       # the user that everything is copied to


class Copy(Tool):
    """self.port is the source's, perhaps with a delay; the destination is always near."""

    def setup(self, out):
        os.makedirs(out)
        shutil.rmtree(self.dest_home, ignore_errors=True)

    @property
    def dest_home(self):
        return os.path.join(self.context.dovecot.dir, "mail", DEST)

    @property
    def dest_port(self):
        return self.context.dovecot.port

    def tally(self, out):
        tally, imap = Tally(), Imap(self.dest_port, DEST)
        for folder in imap.folders():
            for data in imap.bodies(folder):
                data = data.replace(b"\r\n", b"\n")
                head = data.find(b"\n\n") + 1
                tally.add(ADDED.sub(b"", data[:head]) + data[head:])
        imap.close()
        return tally.result()


class WireCopy(Copy):
    name = "wire-copy"

    def command(self, out):
        return [os.path.join(self.context.bin, "wire"), "-m", "copy", "-d", str(self.dest_port),
                "-D", DEST, "127.0.0.1", str(self.port), self.user, "x"]


class ImexMigrate(Copy):
    """State, barriers and the wait for both of them included."""
    name = "imex"
    good_exit = (0, 1)          # complete, complete with warnings

    def env(self, out):
        return dict(os.environ, IMEX_PASSWORD="x", IMEX_DEST_PASSWORD="x")

    def command(self, out):
        return [self.context.imex, "migrate", "imap://%s@127.0.0.1:%d/" % (self.user, self.port),
                "imap://%s@127.0.0.1:%d/" % (DEST, self.dest_port), "--job",
                os.path.join(out, "job"), "--insecure-plaintext", "--dest-insecure-plaintext",
                "--progress=none", "-q"]


class MbsyncCopy(Copy):
    """Its journal is not synced: faster than as it comes."""
    name = "mbsync"
    program = "mbsync"

    def setup(self, out):
        super().setup(out)
        with open(os.path.join(out, "rc"), "w") as f:
            f.write("FSync no\n")
            for store, user, port in (("far", self.user, self.port), ("near", DEST, self.dest_port)):
                f.write("""
IMAPAccount {store}
Host 127.0.0.1
Port {port}
User {user}
Pass x
AuthMechs LOGIN
SSLType None

IMAPStore {store}
Account {store}
""".format(store=store, user=user, port=port))
            f.write("""
Channel c
Far :far:
Near :near:
Patterns *
Sync Pull
Create Near
CopyArrivalDate yes
SyncState {out}/
""".format(out=out))

    def command(self, out):
        return ["mbsync", "-q", "-c", os.path.join(out, "rc"), "c"]


class DoveadmCopy(Copy):
    """From Dovecot's IMAP client right into the destination's files, no IMAP on that side."""
    name = "doveadm"
    program = "doveadm"
    slow = True

    def setup(self, out):
        super().setup(out)
        Doveadm(self.context, self.user, self.port).configure(
            out, "mdbox:%s/mdbox" % self.dest_home, "mail_save_crlf = yes\nmdbox_rotate_size = 256M\n")
        os.makedirs(self.dest_home)
        if os.getuid() == 0:
            subprocess.run(["chown", "-R", "mail:mail", out, self.dest_home], check=True)

    def env(self, out):
        return dict(os.environ, USER=DEST, HOME=out)

    def command(self, out):
        return ["doveadm", "-c", os.path.join(out, "conf"), "backup", "-R", "imapc:"]


PEERS = (MbsyncCopy, DoveadmCopy)
