"""The programs that are measured, and how to tell whether their copy is complete.

A tool is a class with `name`, setup(out), which makes the destination and its configuration, and
command(out), the argument vector. Add a peer by adding a class and its name to PEERS.
"""
import json
import os
import re
import subprocess

from corpus import Tally

# Header lines that some tools add to what they store.
ADDED = re.compile(rb"^(X-TUID|X-OfflineIMAP):[^\n]*\n", re.M | re.I)


class Tool:
    good_exit = (0,)
    subdirs = ("cur", "new")    # where messages are; None: everywhere
    slow = False                # too slow to be repeated with a long round trip
    counts_itself = False       # prints messages=N, and leaves nothing to look at
    only_count = False          # its copy cannot be compared byte for byte: count(out)

    def __init__(self, context, user, port):
        self.context = context  # has .bin and .imex
        self.user = user
        self.port = port

    def setup(self, out):
        os.makedirs(out)

    def env(self, out):
        return None

    def copy_of(self, out):
        """The directory that holds the messages."""
        return out

    def tally(self, out):
        """What the copy contains, as corpus.load() told what it must."""
        tally = Tally()
        for path in self.files(out):
            with open(path, "rb") as f:
                data = f.read()
            data = data.replace(b"\r\n", b"\n")
            head = data.find(b"\n\n") + 1
            data = ADDED.sub(b"", data[:head]) + data[head:]
            tally.add(data)
        return tally.result()

    def files(self, out):
        for directory, _, names in os.walk(self.copy_of(out)):
            if self.subdirs is None or os.path.basename(directory) in self.subdirs:
                for name in names:
                    yield os.path.join(directory, name)


class Wire(Tool):
    mode = "count"
    subdirs = None
    counts_itself = True

    def setup(self, out):
        pass

    def command(self, out):
        store = ["-o", out] if self.mode in ("files", "reference") else []
        return [os.path.join(self.context.bin, "wire"), "-m", self.mode, *store,
                "127.0.0.1", str(self.port), self.user, "x"]


class WireCount(Wire):
    name = "wire"


class WireReference(Wire):
    name = "reference"
    mode = "reference"
    counts_itself = False


class WireSizes(Wire):
    name = "sizes"
    mode = "sizes"


class Imex(Tool):
    name = "imex"
    good_exit = (0, 1)          # complete, complete with warnings

    def setup(self, out):
        pass

    def env(self, out):
        return dict(os.environ, IMEX_PASSWORD="x")

    def command(self, out):
        return [self.context.imex, "extract", "imap://%s@127.0.0.1:%d/" % (self.user, self.port),
                "--to", out, "--insecure-plaintext", "--progress=none", "-q"]

    def copy_of(self, out):
        return os.path.join(out, "mail")


class ImexMaildir(Imex):
    """What other formats are compared with."""
    name = "maildir"


class ImexFormat(Imex):
    format = None

    def command(self, out):
        return super().command(out) + ["--format", self.format]


class ImexMbox(ImexFormat):
    format = "mbox"

    def tally(self, out):
        tally = Tally()
        for directory, _, names in os.walk(self.copy_of(out)):
            if "folder.mbox" in names:
                self.tally_folder(directory, tally)
        return tally.result()

    @staticmethod
    def tally_folder(directory, tally):
        """Each message by the place that the sidecar tells, its quoting undone."""
        with open(os.path.join(directory, "folder.mbox"), "rb") as f, \
                open(os.path.join(directory, "folder.jsonl"), encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                if "uid" not in row:
                    continue
                f.seek(row["at"])
                f.readline()
                tally.add(re.sub(rb"^>(>*From )", rb"\1", f.read(row["stored"]), flags=re.M))


class ImexEml(ImexFormat):
    format = "eml"
    subdirs = None

    def files(self, out):
        return (f for f in super().files(out) if f.endswith(".eml"))


class ImexExchange(ImexFormat):
    format = "exchange"
    only_count = True

    def count(self, out):
        """Lines of messages; tests/formats looks at what they say."""
        found = 0
        for name in os.listdir(self.copy_of(out)):
            if re.fullmatch(r"\d{8}\.PRI", name):
                with open(os.path.join(self.copy_of(out), name), "rb") as f:
                    found += sum(line.rstrip(b"\r\n").endswith(b")") for line in f
                                 if not line.startswith(b"!"))
        return found


class GMimeAlone(Tool):
    """The messages parsed and decoded by the library, and nothing else; they lie in a Maildir."""
    name = "gmime"
    counts_itself = True
    mails = {}          # user: a Maildir of its messages

    def setup(self, out):
        if self.user in self.mails:
            return
        maildir = ImexMaildir(self.context, self.user, self.port)
        place = self.mails[self.user] = self.context.volume.fresh("gmime-" + self.user)
        subprocess.run(maildir.command(place) + ["--eol=crlf"], env=maildir.env(place),
                       stdout=subprocess.DEVNULL)

    def command(self, out):
        return [os.path.join(self.context.bin, "gmime"), self.mails[self.user]]


class MbsyncNoFsync(Tool):
    name = "mbsync-nofsync"
    program = "mbsync"
    fsync = "no"

    def setup(self, out):
        os.makedirs(out)
        with open(os.path.join(out, "rc"), "w") as f:
            f.write("""FSync {fsync}
IMAPAccount a
Host 127.0.0.1
Port {port}
User {user}
Pass x
AuthMechs LOGIN
SSLType None

IMAPStore far
Account a

MaildirStore near
Path "{out}/mail/"
Inbox "{out}/mail/INBOX"
SubFolders Verbatim

Channel c
Far :far:
Near :near:
Patterns *
Sync Pull
Create Near
SyncState *
CopyArrivalDate yes
""".format(fsync=self.fsync, port=self.port, user=self.user, out=out))
        os.mkdir(os.path.join(out, "mail"))

    def command(self, out):
        return ["mbsync", "-q", "-c", os.path.join(out, "rc"), "c"]

    def copy_of(self, out):
        return os.path.join(out, "mail")


class Mbsync(MbsyncNoFsync):
    """As it comes: fsync for every message."""
    name = "mbsync"
    fsync = "yes"
    slow = True


class Offlineimap(Tool):
    name = "offlineimap"
    program = "offlineimap"
    slow = True

    def setup(self, out):
        os.makedirs(out)
        with open(os.path.join(out, "rc"), "w") as f:
            f.write("""[general]
accounts = a
metadata = {out}/meta
ui = quiet
fsync = False
socktimeout = 600
[Account a]
localrepository = L
remoterepository = R
[Repository L]
type = Maildir
localfolders = {out}/mail
[Repository R]
type = IMAP
readonly = True
remotehost = 127.0.0.1
remoteport = {port}
remoteuser = {user}
remotepass = x
ssl = no
starttls = no
auth_mechanisms = LOGIN
""".format(port=self.port, user=self.user, out=out))

    def command(self, out):
        return ["offlineimap", "-o", "-c", os.path.join(out, "rc"), "-u", "quiet"]

    def copy_of(self, out):
        return os.path.join(out, "mail")


class Doveadm(Tool):
    """dsync from Dovecot's own IMAP client into a Maildir."""
    name = "doveadm-backup"
    program = "doveadm"
    slow = True

    def setup(self, out):
        self.configure(out, "maildir:%s/mail:LAYOUT=fs" % out)
        os.mkdir(os.path.join(out, "mail"))
        if os.getuid() == 0:
            subprocess.run(["chown", "-R", "mail:mail", out], check=True)

    def configure(self, out, location, more=""):
        """Write out/conf: the account's mail goes to location."""
        os.makedirs(os.path.join(out, "run"))
        with open(os.path.join(out, "conf"), "w") as f:
            f.write("""base_dir = {out}/run
state_dir = {out}/run
log_path = {out}/log
first_valid_uid = 1
first_valid_gid = 1
mail_uid = mail
mail_gid = mail
mail_home = {out}/home
mail_location = {location}
mail_fsync = never
ssl = no
imapc_host = 127.0.0.1
imapc_port = {port}
imapc_user = {user}
imapc_password = x
imapc_features = rfc822.size fetch-headers fetch-bodystructure
namespace inbox {{
  inbox = yes
  separator = /
}}
""".format(port=self.port, user=self.user, out=out, location=location) + more)

    def env(self, out):
        return dict(os.environ, USER=self.user, HOME=out)

    def command(self, out):
        return ["doveadm", "-c", os.path.join(out, "conf"), "backup", "-R", "imapc:"]

    def copy_of(self, out):
        return os.path.join(out, "mail")


RAW = {t.name: t for t in (WireReference, ImexMaildir, GMimeAlone)}
IMEX = {None: Imex, "mbox": ImexMbox, "eml": ImexEml, "exchange": ImexExchange}
PEERS = {t.name: t for t in (MbsyncNoFsync, Mbsync, Doveadm, Offlineimap)}
PEERS_BY_DEFAULT = ("mbsync-nofsync", "mbsync")
