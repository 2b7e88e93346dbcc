"""imex job: a running job is paused, slowed down, and rid of accounts, without a restart."""

import json

from scene import *
from people import *
import imexrun


class Changed:
    """A run that stands at a gate in the middle of a message, and what is said to it. held: the servers, and of which
    message; they hold it before the run begins."""

    def __init__(self, t, server, *words, job=None, held=(), **run):
        self.t, self.server, self.job = t, server, job or Job(t)
        self.gate = Gate()
        for holder, message in held:
            holder.fetch(**message, times=1, reply=lambda f: [f.value[:9], self.gate, f.value[9:]])
        self.run = imexrun.start(t, "extract", *words, "--to", self.job, *t.options(server), **run)

    def at_gate(self):
        self.gate.must_be_reached(self.t)
        return self

    def say(self, *words, code=0):
        run = self.t.imex("job", self.job, *words, password=None)
        self.t.exits(run, code)
        if code:
            self.t.one_line_error(run)
        return run

    def shown(self):
        return json.loads(self.say("--json").out)

    def status(self, text, what):
        def told():
            return re.search(text, self.t.imex("status", self.job, password=None).text)
        self.t.must(self.t.until(told), what)

    def leftovers(self):
        names = [n for n in os.listdir(self.job.path) if n.startswith(("imex.ask", "imex.answer", "imex.new"))]
        self.t.equal(names, [], "requests that are left")


def one(t, count=30, *words):
    """A single account; the third message of INBOX stands at the gate."""
    server = t.server(sample(count=count))
    return Changed(t, server, server.url(), *words, held=[(server, {"uid": 3, "folder": "INBOX"})]).at_gate()


def crowd(t, number=4, *words):
    """Accounts of a list, one at a time in their order; the first stands at the gate in its second message."""
    server = t.serve(house(people("a", number, count=4)))
    return Changed(t, server, "--users", listed(t, server), "--jobs", "1", "--order", "list", *ONE, *words,
                   held=[(server, {"uid": 2})], password=None).at_gate()


def retry(c, *words, code=0):
    run = c.t.imex("retry", c.job, *c.t.options(c.server), *words, password=None)
    c.t.exits(run, code)
    return run


def still(c, mark):
    """Between the mark and now, in which the run has looked for requests twice, nothing was sent."""
    for _ in range(2):
        c.t.equal(c.shown()["now"], "paused", "what imex job tells")
    c.t.equal([e.data for e in c.server.transcript.since(mark).commands(".")], [], "commands while it is paused")


def scene_paused(t):
    """Nothing is asked for until it is resumed; then the rest alone is fetched."""
    c = one(t)
    t.says(c.say("pause"), "^paused")
    t.says(c.say("pause"), "it was paused already")
    c.gate.open()
    c.status(r"(?m)^paused \(process \d+\)\n\S+@127.0.0.1: paused, [23]/", "status shows a pause in the middle")
    mark = c.server.transcript.mark()
    still(c, mark)
    t.says(c.say("resume"), "the run goes on")
    t.exits(c.run.wait(), 0)
    t.complete(c.job, c.server)
    t.no_doubles(c.job)
    t.equal(c.server.transcript.since(mark).count(r"UID FETCH [34]:30 \(BODY"), 1, "the rest of INBOX is fetched")
    t.equal([e["text"] for e in c.job.events(30212)][:2], ["the run is held: paused", "imex job pause: paused"], "events")
    c.leftovers()
    status = t.imex("status", c.job).text
    t.ok("paused" not in status, "the pause is over", status)


def scene_paused_and_ended(t):
    """Ctrl-C ends a run that is paused; the next one does not begin paused."""
    c = one(t)
    c.say("pause")
    c.gate.open()
    c.status("(?m): paused, [23]/", "it is paused")
    c.run.signal(signal.SIGINT)
    t.exits(c.run.wait(), 75)
    t.says(c.run, r"(?m)^  messages  [23] of \d+ stored")
    t.says(t.imex("status", c.job), r"(?m)^\S+: interrupted, [23]/\d+ .*: interrupted while the run was held$")
    t.retry_until_done(c.server, job=c.job, allowed=(0,))
    t.complete(c.job, c.server)


def scene_paused_and_killed(t):
    """No process is there for it to wait in."""
    c = one(t)
    c.say("pause")
    c.gate.open()
    c.status("(?m): paused, [23]/", "it is paused")
    c.run.signal(signal.SIGKILL).wait()
    t.says(t.imex("status", c.job), r"(?m)^\S+: unfinished, [23]/")
    t.retry_until_done(c.server, job=c.job, allowed=(0,))
    t.complete(c.job, c.server)


def scene_a_list_is_paused(t):
    """The account at work lays itself aside, the others do not begin, and no try is lost."""
    c = crowd(t, 3, "--tries", "1")
    c.say("pause")
    c.gate.open()
    c.status(r"(?m)^a1@127.0.0.1: paused, [12]/.*\n^a2@127.0.0.1: paused.*\n^a3@127.0.0.1: paused", "all wait")
    mark = c.server.transcript.mark()
    still(c, mark)
    c.say("resume")
    t.exits(c.run.wait(), 0)
    t.says(c.run, "3 accounts: 3 complete, 0 complete with warnings, 0 failed")
    t.equal(sorted(c.server.logins), ["a1", "a1", "a2", "a3"], "logins")
    c.leftovers()


def scene_a_list_is_paused_and_ended(t):
    """What it has stored is counted, and nobody waits any more."""
    c = crowd(t, 3)
    c.say("pause")
    c.gate.open()
    c.status(r"(?m)^a1@127.0.0.1: paused, [12]/", "a1 is paused")
    c.run.signal(signal.SIGINT)
    t.exits(c.run.wait(), 75)
    t.says(c.run, r"3 accounts: 0 complete, 0 complete with warnings, 3 failed \(2 of them not tried\)\n"
           r"  messages  [12] of [1-4] stored")
    t.says(c.t.imex("status", c.job, password=None),
           r"(?m)^a1@\S+: interrupted, .*: interrupted while the run was held\na2@\S+: queued, .*\na3@\S+: queued,")


def scene_rates(t):
    """An octet a second would take until next year."""
    for option, word in (("--rate", "rate"), ("--rate-per-account", "rate-per-account")):
        server = t.server(sample(count=10))
        c = Changed(t, server, server.url(), option, "1")
        t.must(t.until(lambda: server.transcript.count("UID FETCH") > 0), "it works")
        t.equal(c.shown()[word.replace("-", "_")], 1, "the rate that is set")
        t.says(c.say(word, "none"), "no limit")
        t.exits(c.run.wait(), 0)
        t.complete(c.job, server)
        for none in "fast", "0", "0k":
            t.says(c.say(word, none, code=64), f"'{none}' is not accepted; a size as 500k")


def scene_one_of_a_list_stopped_another_skipped(t):
    """They count as not finished, are told in the report, and retry takes them up."""
    c = crowd(t)
    t.says(c.say("skip", "a3"), "'a3@127.0.0.1' will be passed over when its turn comes")
    t.says(c.say("stop", "a9", code=66), "this run has no account 'a9'; did you mean 'a")
    t.equal(c.shown()["dropped"], ["a3@127.0.0.1"], "what is told")
    t.says(c.say("stop", "a1@127.0.0.1"), "'a1@127.0.0.1' is being stopped")
    c.gate.open()
    t.exits(c.run.wait(), 2)
    t.says(c.run, "4 accounts: 2 complete, 0 complete with warnings, 2 failed")
    t.equal(c.server.logins, ["a1", "a2", "a4"], "logins")
    has = [(a["stored"], a["listed"]) for a in json.loads(t.imex("status", c.job, "--json", password=None).out)["accounts"]]
    t.ok(has[0][0] > 0, "a1 has something", has)
    t.says(c.run, rf"a1 on \S+: incomplete, {has[0][0]} of {has[0][1]} messages stored")
    t.says(c.run, f"  messages  {sum(h[0] for h in has)} of {sum(h[1] for h in has)} stored")
    told = {a["account"].partition("@")[0]: (a["status"], a["error"]) for a in c.job.report()["accounts"]}
    t.equal((told["a1"], told["a3"]), (("stopped", "stopped by imex job stop"),
                                       ("stopped", "passed over, by imex job skip")), "report")
    passwords = listed(t, c.server)
    retry(c, "--users", passwords)
    t.equal(sorted(c.server.logins[3:]), ["a1", "a3"], "logins of the retry")
    t.equal({a["status"] for a in c.job.report()["accounts"]}, {"done"}, "all are complete")
    t.no_doubles(c.job)


def scene_the_only_account_stopped(t):
    c = one(t)
    c.say("stop", "nobody", code=66)
    name = c.server.user + "@127.0.0.1"
    c.say("stop", name)
    c.gate.open()
    t.exits(c.run.wait(), 2)
    t.says(c.run, "stopped by imex job stop")
    t.exits(t.imex("retry", c.job, *t.options(c.server)), 0)
    t.complete(c.job, c.server)


def scene_stop_all(t):
    """As the first Ctrl-C."""
    for begin in (one, crowd):
        c = begin(t)
        t.says(c.say("stop"), "the run ends")
        c.gate.open()
        t.exits(c.run.wait(), 75)
        c.leftovers()


def scene_one_login_on_two_servers(t):
    servers = [t.serve(house(people("a", 1, count=4))) for _ in range(2)]
    c = Changed(t, servers[0], "--users", listed(t, *servers), "--jobs", "1", "--order", "list", *ONE,
                held=[(server, {"uid": 2}) for server in servers], password=None).at_gate()
    names = [f"a1@127.0.0.1:{s.port}" for s in servers]
    t.says(c.say("skip", "a1", code=64), f"'a1' may be {', '.join(names)}: say which")
    c.say("skip", names[1])
    c.gate.open()
    t.exits(c.run.wait(), 2)
    t.equal((servers[0].logins, servers[1].logins), (["a1"], []), "logins")


def scene_nothing_runs(t):
    server = t.server(sample(count=3))
    job, run = t.extract(server)
    t.exits(run, 0)
    for words in (["pause"], ["resume"], ["rate", "1M"], ["stop"], ["skip", "x"]):
        run = t.imex("job", job, *words)
        t.exits(run, 66)
        t.one_line_error(run)
        t.says(run, "no process runs the job")
    run = t.imex("job", job)
    t.exits(run, 0)
    t.says(run, "no process runs the job")
    for words, said in ((["pauze"], "unknown word 'pauze'; did you mean 'pause'"), (["rate"], "rate needs SIZE"),
                        (["skip"], "skip needs ACCOUNT"), (["pause", "now"], "'now' is one word too many")):
        run = t.imex("job", job, *words)
        t.exits(run, 64)
        t.one_line_error(run)
        t.says(run, said)
    t.exits(t.imex("job", t.tmpdir("none"), "pause"), 66)


def scene_requests_of_others(t):
    """What a dead process was asked, and what is no request, does nothing and is gone."""
    server = t.server(sample(count=30))
    job, run = t.extract(server)
    t.exits(run, 0)
    with open(os.path.join(job.path, "imex.lock"), encoding="utf-8") as file:
        dead = file.read().strip()
    stop = json.dumps({"to": dead, "word": "stop", "text": ""})

    def leave(name, text):
        with open(os.path.join(job.path, name), "w", encoding="utf-8") as file:
            file.write(text)
    leave("imex.ask.1", stop)
    server.store["INBOX"].add(b"From: a@example.org\r\nSubject: new\r\n\r\nnew\r\n")
    c = Changed(t, server, server.url(), job=job, held=[(server, {"uid": 31, "folder": "INBOX"})]).at_gate()
    leave("imex.ask.2", stop)
    leave("imex.ask.3", "[]")
    leave("imex.ask.4", "x" * 100000)
    leave("imex.ask." + "5" * 40, json.dumps({"word": "stop"}))
    os.symlink("/dev/zero", os.path.join(job.path, "imex.ask.6"))
    t.equal(c.shown()["now"], "running", "it runs on")
    t.must(t.until(lambda: not [n for n in os.listdir(job.path) if n.startswith("imex.ask")]), "they are gone")
    c.gate.open()
    t.exits(c.run.wait(), 0)
    t.complete(c.job, server)
