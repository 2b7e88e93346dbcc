"""What every test of a format needs: a server with a mailbox, and imex run on it.

    lab = Lab(t, foldernames.small())
    job = lab.extract("mbox")                   # a job directory; exit 0 or 1, else the test ends
    lab.verifies(job)
    other = lab.convert(job, "eml")

A test begins with needs(t, "mbox", "convert", ...): a format or command that this
imex does not offer makes it skip, unless REQUIRED names it. Whoever adds one, adds it
there, so that it cannot be lost without a failure.
"""

import json
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "dialogue"), os.path.join(HERE, "..", "lib")]

import imexrun                                                      # noqa: E402
import trees                                                        # noqa: E402
from model import PASSWORD, Server                                  # noqa: E402

TAP_HELPER = True
CERTS = None                # made once by the runner, before it forks
OFFERED = {"maildir"}       # what probe() found
REQUIRED = {"maildir", "mbox", "eml", "exchange", "convert", "import"}     # what may not be missing
FORMATS = ("maildir", "mbox", "eml", "exchange")
COMMANDS = ("convert", "import")
# A conversion may be told to an own table only when something was lost in it.
GOOD = (0, 1)


def probe(t):
    """Which formats and commands this imex has; asked once, before the tests."""
    for name in FORMATS:
        place = os.path.join(t.tmpdir("probe"), "job")
        # Nobody listens at port 1: 69 says that the words were understood.
        done = imexrun.run(t, "extract", "imaps://u@127.0.0.1:1/", "--to", place, "--format", name)
        if done.code != 64:
            OFFERED.add(name)
    for name in COMMANDS:
        if imexrun.run(t, name, "--help").code == 0:
            OFFERED.add(name)


def needs(t, *names):
    for name in names:
        if name not in OFFERED | REQUIRED:
            t.skip(f"imex has no {name}")


class Lab:
    """A server (None: no server) and runs of imex against it."""

    def __init__(self, t, store=None, **server):
        self.t = t
        self.place = t.tmpdir("formats")
        self.server = None
        self._number = 0
        if store is not None:
            self.server = Server(store, tls="implicit", **server)
            self.server.certs = CERTS
            self.server.start()
            t.cleanup(self._judge)

    @property
    def store(self):
        return self.server.store

    def _judge(self):
        self.server.stop()
        for text in self.server.transcript.violations:
            self.t.fail(f"the client broke a rule: {text}")
        for problem in self.server.failures:
            self.t.fail(f"the server of this test failed: {problem!r}")

    def path(self, name="job"):
        """A path that is not there yet, in a directory of its own."""
        self._number += 1
        above = os.path.join(self.place, str(self._number))
        os.mkdir(above)
        return os.path.join(above, name)

    # -- running -----------------------------------------------------------------

    def imex(self, *args, tz="UTC", **how):
        how.setdefault("timeout", 120)
        return imexrun.run(self.t, *args, env={"TZ": tz}, **how)

    def run_extract(self, format, *args, job=None, **how):
        """`imex extract`; returns (job, run)."""
        job = job or self.path()
        run = self.imex("extract", self.server.url(), "--to", job, "--format", format,
                        "--tls-ca", CERTS.ca_file, *args, password=PASSWORD, **how)
        return job, run

    def extract(self, format, *args, codes=GOOD, **how):
        """The same, and it must end well; returns the job."""
        job, run = self.run_extract(format, *args, **how)
        self.t.must(run.code in codes, f"extract --format {format} ends with {codes}", run.describe())
        return job

    def run_convert(self, source, format, *args, job=None, **how):
        job = job or self.path()
        run = self.imex("convert", source, "--to", job, "--format", format, *args, **how)
        return job, run

    def convert(self, source, format, *args, codes=GOOD, **how):
        job, run = self.run_convert(source, format, *args, **how)
        self.t.must(run.code in codes, f"convert --format {format} ends with {codes}", run.describe())
        return job

    def verifies(self, job, code=0, what=None):
        run = self.imex("verify", job)
        self.t.equal(run.code, code, what or f"imex verify {os.path.basename(job)}")
        return run

    def fresh_copy(self, job):
        """A copy of a job directory, to be damaged."""
        path = self.path()
        shutil.copytree(job, path)
        return path

    # -- looking -------------------------------------------------------------------

    def report(self, job):
        run = self.imex("report", job, "--format", "json")
        self.t.must(run.code == 0, "imex report", run.describe())
        return json.loads(run.out)

    def report_text(self, job):
        """The report as people read it, and as programs do."""
        return self.imex("report", job).text + json.dumps(self.report(job), ensure_ascii=False)

    def account(self, job):
        """The directory of the only account."""
        mail = os.path.join(job, "mail")
        names = [n for n in os.listdir(mail) if os.path.isdir(os.path.join(mail, n))]
        self.t.must(len(names) == 1, f"one directory below {mail}", os.listdir(mail))
        return os.path.join(mail, names[0])

    def content(self, job, format):
        try:
            return trees.read(os.path.join(job, "mail"), format)
        except trees.BROKEN as problem:
            self.t.must(False, f"what {format} holds can be read: {problem}")

    def holds(self, job, format, what=None, store=None, source_only=False):
        """The job holds every message of the store, with all that belongs to it."""
        got = self.content(job, format)
        problems = trees.against_store(got, store or self.store)
        self.t.ok(not problems, what or f"{format} holds all that the server has",
                  *problems[:15], f"{len(problems)} differences" if problems else "")
        return got

    def same(self, one, other, what):
        """Two contents are equal."""
        problems = trees.differences(one, other)
        return self.t.ok(not problems, what, *problems[:15],
                         f"{len(problems)} differences" if problems else "")
