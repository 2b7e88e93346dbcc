"""migrate --users: each account of a list to one of its own."""

import json

from scene import *
from into import *
from people import *

NAMES = ["a1", "a2", "a3"]


class Lists:
    """Sources with three accounts, a destination with three, all with mail of their own."""

    def __init__(self, t, names=("b1", "b2", "b3")):
        self.t, self.job = t, Job(t)
        self.old = t.serve(house(people("a", 3, folders=("INBOX", "Archive"))))
        self.new = t.serve(new_house(names))
        self.where = dict(zip(NAMES, names))

    def row(self, user, dest=None):
        there = dest or self.where[user]
        return f"{self.old.url_of(user)},{password_of(user)},{self.new.url_of(there)},{password_of(there)}\n"

    def rows(self, *rows):
        return table(self.t, "source,password,dest,dest_password\n" + "".join(rows or map(self.row, NAMES)))

    def imex(self, *words, code=0):
        tls = [] if words[0] in ("status", "report") else \
            [*self.t.options(self.old), "--dest-tls-ca", self.t.certs().ca_file]
        run = self.t.imex(*words, *tls, password=None, timeout=60)
        self.t.exits(run, code)
        self.t.secret_free(self.job, run, *map(password_of, [*self.where, *self.where.values()]))
        return run

    def migrate(self, path, *words, code=0):
        return self.imex("migrate", "--users", path, *words, "--job", self.job, *ONE, "--doubt-wait", "2s",
                         "--retry-delay", "100ms", code=code)

    def arrived(self, without=()):
        """The mail of each account is in its own place, once, and nowhere else."""
        for user, there in self.where.items():
            have = Counter((f.name, m.raw) for f in self.new.accounts[there] for m in f)
            want = Counter((f.name, m.raw) for f in self.old.accounts[user] for m in f)
            self.t.equal(have == (Counter() if user in without else want), True, f"the mail of {user} in {there}")
        self.t.read_only(self.old)

    def verify(self, words=("--deep",)):
        for user, there in self.where.items():
            env = {"IMEX_DEST_PASSWORD": password_of(there)}
            run = self.t.imex("verify", self.job, self.new.url_of(there), *words, "--account", user,
                              *self.t.options(self.old), "--dest-tls-ca", self.t.certs().ca_file,
                              env=env, password=password_of(user))
            self.t.exits(run, 0)
            self.t.says(run, "6 messages .* equal")

    def dests(self):
        told = json.loads(self.imex("report", self.job, "--json").out)["accounts"]
        return {a["account"].partition("@")[0]: a["dest"] for a in told}


def scene_a_destination_in_each_row(t):
    m = Lists(t)
    run = m.migrate(m.rows())
    t.says(run, "3 accounts: 3 complete, 0 complete with warnings, 0 failed")
    m.arrived()
    t.equal(m.dests(), {u: f"{m.where[u]}@127.0.0.1:{m.new.port}" for u in NAMES}, "report --json")
    m.verify()
    mark = m.new.transcript.mark()
    m.migrate(m.rows())
    t.never_sent(m.new.transcript.since(mark), "APPEND")
    m.arrived()


def scene_a_destination_that_asks_to_wait(t):
    """For a group and for a message that goes alone: it is waited for, and is nothing to warn of afterwards."""
    m = Lists(t)
    for phase, skip in (("before", 1), ("after", 4)):
        m.new.append(**{phase: "NO [THROTTLED] slow down. Suggested Backoff Time: 100 milliseconds"}, times=2, skip=skip)
    m.migrate(m.rows(), "--tries", "1")
    m.arrived()
    t.ok(m.job.events(30201), "it is told that it waits")


def scene_one_row_with_another_destination(t):
    """It fails, in a retry with that list too, and nothing is sent there; the others go on."""
    m = Lists(t)
    m.new.accounts["bX"] = Store()
    m.migrate(m.rows())
    for user in NAMES:
        m.old.accounts[user]["INBOX"].add(letter(user, 77), (), "07-Nov-2003 16:18:49 +0200")
    path = m.rows(m.row("a1", "bX"), m.row("a2"), m.row("a3"))
    logins = len(m.new.logins)
    for words in (("migrate", "--users", path, "--order", "list", "--jobs", "1", "--job", m.job, "--doubt-wait", "2s"),
                  ("retry", m.job, "--users", path)):
        run = m.imex(*words, *ONE, code=2)
        t.says(run, r"a1 on 127.0.0.1: failed: the job was begun with the destination '\S+b1@\S+', not '\S+bX@")
        t.equal([len(m.new.accounts[n]["INBOX"]) for n in ("b1", "b2", "b3", "bX")], [3, 4, 4, 0], "their mail")
        t.equal([n for n in m.new.logins[logins:] if n in ("b1", "bX")], [], "logins there")


def scene_a_list_is_verified_at_both_ends(t):
    m = Lists(t)
    m.migrate(m.rows())
    for words in ((), ("--deep",)):
        run = m.imex("verify", m.job, "--users", m.rows(), *words)
        t.says(run, "18 messages in 6 folders .* the source and the destination.*: equal")
    # Where the mail went is what the job keeps: the list need not say it.
    m.new.accounts[m.where["a2"]]["INBOX"].remove(1)
    path = table(t, "source,password,dest_password\n" + "".join(
        f"{m.old.url_of(u)},{password_of(u)},{password_of(m.where[u])}\n" for u in NAMES[:2]))
    run = m.imex("verify", m.job, "--users", path, code=2)
    t.says(run, "DIFFERENT  a2 INBOX UID 1: message missing on the target")
    t.says(run, "1 different, 0 more explained")


def scene_one_destination_with_the_login(t):
    m = Lists(t, NAMES)
    path = table(t, "source,password,dest_password\n" + "".join(
        f"{m.old.url_of(u)},{password_of(u)},{password_of(u)}\n" for u in NAMES))
    m.migrate(path, f"imaps://%u@127.0.0.1:{m.new.port}/")
    m.arrived()
    t.equal(m.dests(), {u: f"{u}@127.0.0.1:{m.new.port}" for u in NAMES}, "report --json")
    m.verify()
    status = m.imex("status", m.job)
    t.says(status, f"a2@127.0.0.1 to a2@127.0.0.1:{m.new.port}: complete")


def scene_one_destination_refused(t):
    """The others are complete; retry works on that one alone."""
    m = Lists(t)
    m.new.crossly("b2", "NO [AUTHENTICATIONFAILED] no")
    path = m.rows()
    run = m.migrate(path, code=2)
    t.says(run, r"a2 on 127.0.0.1: failed: .*AUTHENTICATIONFAILED")
    t.says(run, "3 accounts: 2 complete, 0 complete with warnings, 1 failed")
    m.arrived(without=["a2"])
    m.new._cross.clear()
    mark = m.old.transcript.mark()
    m.imex("retry", m.job, "--users", path, "--doubt-wait", "2s")
    m.arrived()
    t.equal(m.old.transcript.since(mark).count("AUTHENTICATE|LOGIN"), 1, "logins of the further run")
    m.verify()


def scene_one_login_on_two_servers(t):
    """DEST with the login in it does not keep accounts apart whose logins are one."""
    m = Lists(t, ("a1", "b2", "b3"))
    elsewhere = m.old.url_of("a1").replace("127.0.0.1", "localhost")
    dest = m.new.url_of("a1").replace("a1@", "%u@")
    path = table(t, f"source,password\n{m.old.url_of('a1')},x\n{elsewhere},x\n")
    t.says(m.migrate(path, dest, code=65), "users.csv:3: 'a1' would be the destination as it is of line 2.*--merge")
    path = table(t, f"source,password,dest,dest_password\n{m.old.url_of('a1')},x,,x\n"
                    f"{m.old.url_of('a2')},x,{m.new.url_of('a1')},x\n")
    t.says(m.migrate(path, dest, code=65), "users.csv:3: 'a1' would be the destination as it is of line 2")
    t.equal(m.old.connections + m.new.connections, 0, "connections")


def scene_two_rows_to_one_place(t):
    m = Lists(t)
    path = m.rows(m.row("a1"), m.row("a2", "b1"))
    run = m.migrate(path, code=65)
    t.says(run, r"users.csv:3: .*--merge")
    t.equal(m.old.connections + m.new.connections, 0, "connections")
    run = m.migrate(m.rows(m.row("a1"), m.row("a2"), m.row("a3")), m.new.url_of("b1"))
    m.arrived()
    other = Lists(t)
    other.migrate(other.rows(other.row("a1"), other.row("a2", "b1")), "--merge", "--jobs", "1")
    have = Counter(msg.raw for f in other.new.accounts["b1"] for msg in f)
    want = Counter(msg.raw for u in ("a1", "a2") for f in other.old.accounts[u] for msg in f)
    t.equal(have == want, True, "the mail of both in one place")
    run = m.migrate(table(t, "source,password\n" + "".join(f"{m.old.url_of(u)},x\n" for u in NAMES)),
                    m.new.url_of("b1"), code=64)
    t.says(run, "all 3 accounts would go to .*write %u")


def scene_both_ends_on_one_server(t):
    """That takes two connections, and --per-host 1 is refused before the first."""
    m = Lists(t)
    within = f"{m.old.url_of('a2')},{password_of('a2')},{m.old.url_of('a3')},{password_of('a3')}\n"
    run = m.migrate(m.rows(m.row("a1"), within), "--per-host", "1", code=64)
    t.one_line_error(run)
    t.says(run, "--per-host 1: source and destination of 'a2' are one server")
    run = m.migrate(table(t, f"source,password\n{m.new.url_of('b2')},{password_of('b2')}\n"),
                    m.new.url_of("b1"), "--per-host", "1", code=64)
    t.says(run, "source and destination of 'b2' are one server")
    t.equal(m.old.connections + m.new.connections, 0, "connections")
    t.ok(not os.path.exists(m.job.path), "nothing was made")
    m.migrate(m.rows(), "--per-host", "1")
    m.arrived()
    t.equal((m.old.peak, m.new.peak), (1, 1), "connections at once")


# ---- from files ----

class Imported(Lists):
    """The sources were extracted, and their servers are gone."""

    def __init__(self, t, names=("b1", "b2", "b3")):
        super().__init__(t, names)
        run = t.imex("extract", "--users", listed(t, self.old), "--to", self.job, *ONE, *t.options(self.old),
                     password=None, timeout=60)
        t.exits(run, 0)

    def dest_rows(self, *users):
        return table(self.t, "source,dest,dest_password\n" + "".join(
            f"{self.old.url_of(u)},{self.new.url_of(self.where[u])},{password_of(self.where[u])}\n"
            for u in users or NAMES))

    def imports(self, *words, code=0):
        run = self.t.imex("import", self.job, *words, "--doubt-wait", "2s", "--retry-delay", "100ms",
                          "--dest-tls-ca", self.t.certs().ca_file, password=None, timeout=60)
        self.t.exits(run, code)
        self.t.secret_free(self.job, run, *map(password_of, self.where.values()))
        return run


def scene_files_of_a_job_go_where_each_row_says(t):
    m = Imported(t)
    run = m.imports("--users", m.dest_rows())
    t.says(run, "3 accounts: 3 complete, 0 complete with warnings, 0 failed")
    t.says(run, "import/ACCOUNT/report.html")
    m.arrived()
    for user, there in m.where.items():
        run = t.imex("verify", m.job, m.new.url_of(there), "--deep", "--dest-tls-ca", t.certs().ca_file,
                     password=None, env={"IMEX_DEST_PASSWORD": password_of(there)})
        t.exits(run, 0)
        t.says(run, "6 messages .* equal")
    mark = m.new.transcript.mark()
    m.imports("--users", m.dest_rows())
    t.never_sent(m.new.transcript.since(mark), "APPEND")
    m.arrived()


def scene_files_of_a_job_go_to_one_server_with_their_logins(t):
    m = Imported(t, NAMES)
    path = table(t, "source,dest_password\n" + "".join(
        f"{m.old.url_of(u)},{password_of(u)}\n" for u in NAMES))
    m.imports(f"imaps://%u@127.0.0.1:{m.new.port}/", "--users", path, "--only", "a1", "--only", "a3")
    m.arrived(without=("a2",))
    m.imports(f"imaps://%u@127.0.0.1:{m.new.port}/", "--users", path)
    m.arrived()


def scene_an_account_whose_mail_is_not_there(t):
    m = Imported(t)
    path = table(t, "source,dest,dest_password\n" + "".join(
        f"{m.old.url_of(u)},{m.new.url_of(there)},{password_of(there)}\n"
        for u, there in (("a1", "b1"), ("a7", "b2"), ("a3", "b3"))))
    run = m.imports("--users", path, code=2)
    t.says(run, "a7 .*has no mail of it; extract it before")
    t.says(run, "To go on with what is not complete: run the same command again")
    m.arrived(without=("a2",))


def scene_what_does_not_fit_an_import_of_a_list(t):
    m = Imported(t)
    for words, text, code in (
            ((m.new.url_of("b1"),), "all 2 accounts would go to", 64),
            (("--job", t.tmpdir("other")), "--job is not", 64), (("--account", "a1"), "--only chooses", 64),
            (("--dry-run",), "--dry-run is not", 64)):
        path = m.dest_rows() if words[0].startswith("--") else table(
            t, "source,dest_password\n" + "".join(f"{m.old.url_of(u)},x\n" for u in NAMES[:2]))
        t.says(m.imports(*words, "--users", path, code=code), text)
    run = t.imex("import", m.job.mail, "--users", m.dest_rows(), password=None)
    t.exits(run, 66)
    t.says(run, "is no job directory of imex")
    run = t.imex("import", "--users", m.dest_rows(), password=None)
    t.exits(run, 64)
    t.says(run, "whose mail")
