"""A small job of each kind, to be disturbed at each call that can fail (nth.py).

A kind says what stands there before the command (prepare), the command (words), and what two runs
that ended well have in common (found). Each try has a directory of its own, and what lies in it is all
that the shim counts; the source serves all of them.
"""

import contextlib
import os
import shutil
import sqlite3

import forms
import lab as lib
import shim
import trees
from hooks import Refuse
from into import DEST_PASSWORD
from model import PASSWORD, Server
from people import house, password_of
from store import Store, fill, imap_date
from target import Target

SECRETS = PASSWORD, DEST_PASSWORD, password_of("a1"), password_of("a2")
PLAIN = ["--insecure-plaintext", "--dest-insecure-plaintext", "--doubt-wait", "1s"]
_ROWS = """SELECT login, folder.name, uidvalidity, proved, uid, message.verdict, message.flags, hex(sha256), wire_bytes
  FROM message JOIN folder ON folder.id = message.folder JOIN account ON account.id = folder.account
  WHERE message.expunged = 0 ORDER BY 1, 2, 3, 5"""


def mailbox(first=1700000000):
    """Few messages, and one of more than a buffer."""
    store = Store(first=first)
    fill(store["INBOX"], 2)
    store["INBOX"].add(b"Subject: big\r\n\r\n" + b"0123456789 abcdefghijklmnopqrstuvwxyz\r\n" * 2500,
                       ("\\Seen", "$Big"), imap_date(1000000000, 120))
    fill(store.add("Archive"), 1)
    return store


def rows(job):
    """What the state says of messages, and that nothing is in doubt or owed."""
    with sqlite3.connect(f"file:{os.path.join(job, 'imex.db')}?mode=ro", uri=True) as db:
        return db.execute(_ROWS).fetchall(), *(
            db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("intent", "debt", "problem"))


class Try:
    """One directory, in which the command is run until it is done."""

    def __init__(self, root):
        self.root = root
        self.job = os.path.join(root, "job")
        self.source = os.path.join(root, "source")
        self.dest = None


class Small:
    """kind: its name. form: what is written. good: exit codes of a run that did all."""

    env = {"IMEX_PASSWORD": PASSWORD, "IMEX_DEST_PASSWORD": DEST_PASSWORD}
    local = False       # no server is asked
    form = forms.MAILDIR
    tls = None

    def __init__(self, t, place):
        self.t, self.place = t, place
        self.server = self.serve()
        if self.server:
            self.server.certs = lib.CERTS
            self.server.start()
            t.cleanup(self.server.stop)
        self.template = os.path.join(place, "template")
        os.makedirs(self.template)
        self.make()
        self.before = self.sources()

    def serve(self):
        return Server(mailbox(), tls=self.tls)

    def make(self):
        """Puts into the template what each try begins with."""

    def tls_words(self):
        return ["--tls-ca", lib.CERTS.ca_file] if self.tls else ["--insecure-plaintext"]

    def extract_words(self, to, form=None):
        return ["extract", self.server.url(), "--to", to, *self.tls_words(), *(form or self.form).args]

    def fresh(self, number):
        one = Try(os.path.join(self.place, str(number)))
        shutil.copytree(self.template, one.root)
        return one

    def words(self, one):
        return self.extract_words(one.job)

    def end(self, one):
        if os.environ.get("KEEP") != "1":
            shutil.rmtree(one.root, ignore_errors=True)

    def sources(self):
        return self.server.store.snapshot() if self.server else None

    def found(self, one):
        """What must be as an undisturbed run leaves it."""
        messages = {} if self.form.apart else {"messages": self.form.messages(one.job)}
        return {"files": self.form.tree(one.job), "state": rows(one.job), **messages}

    def odd(self, one, wanted):
        """Sentences on what is not as it should be; it is no matter how often the run was disturbed."""
        try:
            found = self.found(one)
        except (OSError, sqlite3.Error, *trees.BROKEN) as problem:
            return [f"it cannot be read: {problem!r}"]
        said = [f"{name}: {wanted[name]!r:.1500} became {found[name]!r:.1500}"
                for name in wanted if wanted[name] != found[name]]
        if self.sources() != self.before:
            said.append(f"the source: {self.before} became {self.sources()}")
        return said + lib.broken_lines(one.job) + self.unsound(one)

    def unsound(self, one):
        return self.form.sound(one.job)


class Extract(Small):
    def __init__(self, t, place, form, tls=None):
        self.form, self.tls = form, tls
        super().__init__(t, place)


class Users(Small):
    """Two accounts of a list."""

    def serve(self):
        return house({user: mailbox(1700000000 + 1000 * n) for n, user in enumerate(("a1", "a2"))}, tls=None)

    def make(self):
        path = os.path.join(self.template, "users.csv")
        with open(path, "w", encoding="utf-8") as file:
            file.write("source,password\n")
            file.writelines(f"{self.server.url_of(u)},{password_of(u)}\n" for u in self.server.accounts)
        os.chmod(path, 0o600)

    def words(self, one):
        return ["extract", "--users", os.path.join(one.root, "users.csv"), "--to", one.job, "--insecure-plaintext"]

    def sources(self):
        return [store.snapshot() for store in self.server.accounts.values()]


class Retry(Small):
    """A message that the server refused the first time."""

    def make(self):
        job = os.path.join(self.template, "job")
        self.server.fetch(2, reply=Refuse("NO try again later"), folder="INBOX")
        done = self.run(self.extract_words(job))
        self.t.must(done.code == 2, "a first run that lacks a message", done)
        self.server.clear()

    def fresh(self, number):
        """A copied sidecar is another file, which is not cut back (rules.md 3.6): the marks take it for the same."""
        one = super().fresh(number)
        with contextlib.closing(sqlite3.connect(os.path.join(one.job, "imex.db"))) as db, db:
            for folder, path, mark in db.execute("SELECT folder.id, dir || '/' || path, mark FROM folder "
                                                 "JOIN account ON account.id = account").fetchall():
                words = mark.split(" ")
                words[3] = str(os.stat(os.path.join(one.job, "mail", path, "folder.jsonl")).st_ino)
                db.execute("UPDATE folder SET mark = ? WHERE id = ?", (" ".join(words), folder))
        return one

    def words(self, one):
        return ["retry", one.job, "--insecure-plaintext"]


class Files(Small):
    """A job that was extracted before is the source."""

    of = forms.MAILDIR

    def make(self):
        done = self.run(self.extract_words(os.path.join(self.template, "source"), self.of))
        self.t.must(done.code in (0, 1), "the source is made", done)

    def odd(self, one, wanted):
        said = super().odd(one, wanted)
        if forms.whole(os.path.join(one.source, "mail")) != forms.whole(os.path.join(self.template, "source/mail")):
            said.append("the files of the source are others now")
        return said


class Convert(Files):
    local = True
    form = forms.MBOX

    def words(self, one):
        return ["convert", one.source, "--to", one.job, *self.form.args]


class Verify(Files):
    """Of the files alone."""

    local = True

    def words(self, one):
        return ["verify", one.source]

    def found(self, one):
        return {"files": self.form.tree(one.source), "state": rows(one.source)}

    def unsound(self, one):
        return []

    def odd(self, one, wanted):
        one.job = one.source
        return super().odd(one, wanted)


class Moved:
    """Mixed in where mail goes to a server: each try has one of its own."""

    def fresh(self, number):
        one = super().fresh(number)
        one.dest = Target(Store(), tls=None, password=DEST_PASSWORD)
        one.dest.start()
        return one

    def end(self, one):
        one.dest.stop()
        super().end(one)

    def found(self, one):
        one.dest.settle()
        return {"there": sorted((f.name, m.raw, sorted(m.flags), m.date) for f in one.dest.store for m in f),
                "state": rows(one.job)}

    def unsound(self, one):
        return one.dest.transcript.violations + [repr(f) for f in one.dest.failures]


class Import(Moved, Files):
    def words(self, one):
        return ["import", one.source, one.dest.url(), "--job", one.job, *PLAIN[1:]]


class Migrate(Moved, Small):
    def words(self, one):
        return ["migrate", self.server.url(), one.dest.url(), "--job", one.job, *PLAIN]


KINDS = {
    "extract maildir": lambda t, place: Extract(t, place, forms.MAILDIR, "implicit"),
    "extract mbox": lambda t, place: Extract(t, place, forms.MBOX),
    "extract eml": lambda t, place: Extract(t, place, forms.EML),
    "extract exchange": lambda t, place: Extract(t, place, forms.EXCHANGE),
    "import": Import,
    "migrate": Migrate,
    "convert": Convert,
    "verify": Verify,
    "a list of two": Users,
    "retry": Retry,
}
