"""verify DIR --users: each account of a list against its server."""

import glob
import json

from scene import *
from people import *


class Verified:
    """Four accounts of two servers, extracted."""

    def __init__(self, t):
        self.t, self.job = t, Job(t)
        self.servers = [t.serve(house(people(name, 2))) for name in "ab"]
        self.list = listed(t, *self.servers)
        run = t.imex("extract", "--users", self.list, "--to", self.job, *ONE, *t.options(self.servers[0]),
                     password=None)
        t.exits(run, 0)

    def verify(self, *words, code=0, path=None):
        run = self.t.imex("verify", self.job, "--users", path or self.list, "--retry-delay", "100ms", *words,
                          *self.t.options(self.servers[0]), password=None)
        self.t.exits(run, code)
        self.t.secret_free(self.job, run, *(password_of(u) for s in self.servers for u in s.accounts))
        for server in self.servers:
            self.t.read_only(server)
        return run


def scene_all_are_equal(t):
    v = Verified(t)
    t.says(v.verify(), "12 messages in 4 folders .* compared with the state and the server: equal")
    t.says(v.verify("--deep"), "12 messages .* byte for byte: equal")
    t.says(v.verify("--only", "a*"), "6 messages in 2 folders")
    t.says(v.verify("--limit", "1"), "3 messages in 1 folder ")


def scene_within_what_servers_bear(t):
    v = Verified(t)
    for server in v.servers:
        server.peak = 0
    v.verify("--jobs", "4", "--per-host", "1")
    t.equal([s.peak for s in v.servers], [1, 1], "connections to one server at once")


def scene_differences_are_named_with_their_account(t):
    v = Verified(t)
    [gone] = glob.glob(glob.escape(v.job.mail) + "/b2@*/cur/*U2.imex,*")
    os.unlink(gone)
    v.servers[0].accounts["a1"]["INBOX"].add(b"Subject: new\r\n\r\nnew\r\n")
    run = v.verify(code=2)
    t.says(run, r"explained  a1 INBOX UID 4: message not copied")
    t.says(run, r"DIFFERENT  b2 INBOX UID 2: file missing")
    t.says(run, "1 different, 1 more explained")
    told = json.loads(v.verify("--json", code=2).out)
    t.equal(sorted((d["account"], d["uid"]) for d in told["differences"]), [("a1", 4), ("b2", 2)], "--json")
    t.equal((told["different"], told["recognised_differences"], told["not_compared_accounts"],
             told["exit_code"]), (1, 1, 0, 2), "--json")


def scene_one_that_cannot_be_compared_stops_no_other(t):
    v = Verified(t)
    run = v.verify(path=listed(t, *v.servers, wrong=("a2",)), code=2)
    t.says(run, "NOT COMPARED  a2: .*login")
    t.says(run, r"9 messages in 3 folders .* equal\n1 account was not compared")
    v.servers[1].accounts["b3"] = mailbox()
    run = v.verify("--only", "b3", code=2, path=listed(t, *v.servers))
    t.says(run, "NOT COMPARED  b3: .* has no account 'b3'")
    t.equal("equal" in run.text, False, "it is not called equal")
    told = json.loads(v.verify("--only", "b3", "--json", code=2, path=listed(t, *v.servers)).out)
    t.equal([d["kind"] for d in told["differences"]], ["not compared"], "--json")


def scene_what_does_not_fit_a_list(t):
    v = Verified(t)
    for words, text in (((v.servers[0].url_of("a1"),), "SOURCE on the command line .* one too many"),
                        (("--account", "a1"), "--only chooses"), (("--job", t.tmpdir("other")), "--job is not")):
        t.says(v.verify(*words, code=64), text)
    run = t.imex("verify", "--users", v.list, password=None)
    t.exits(run, 64)
    t.says(run, "which job")
    run = t.imex("verify", t.tmpdir("empty"), "--users", v.list, password=None)
    t.exits(run, 66)
