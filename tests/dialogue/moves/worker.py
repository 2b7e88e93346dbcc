"""imex worker on a migration: what a killed process had under way is neither lost nor doubled."""

from scene import *
from into import *
from people import *
import imexrun

NAMES = ["a1", "a2", "a3"]
THERE = {"a1": "b1", "a2": "b2", "a3": "b3"}


def scene_killed_in_an_append(t):
    """kill -9 when the server has a message and has not said so: who takes the account over finds it there."""
    old, new = t.serve(house(people("a", 3, count=4))), t.serve(new_house(THERE.values()))
    job, gate = Job(t), Gate()
    shut = [gate]
    old.fetch(uid=2, item="BODY", reply=lambda f: [f.value[:60], shut.pop(), f.value[60:]]
              if shut and old._mine.user == "a1" else f.value)
    users = table(t, "source,password,dest,dest_password\n" + "".join(
        f"{old.url_of(u)},{password_of(u)},{new.url_of(THERE[u])},{password_of(THERE[u])}\n" for u in NAMES))
    tls = [*t.options(old), "--dest-tls-ca", t.certs().ca_file]
    owner = imexrun.start(t, "migrate", "--users", users, "--job", job, *ONE, "--doubt-wait", "2s", "--jobs", "1",
                          "--order", "list", *tls, password=None)
    gate.must_be_reached(t, "a1 stands at its gate")
    worker = imexrun.start(t, "worker", job, "--users", users, "--jobs", "1", password=None, timeout=60)
    t.must(t.until(lambda: {"a2", "a3"} <= set(old.logins)), "the worker is at work")

    def kill(_append):
        owner.signal(signal.SIGKILL)
        owner.process.wait()
    new.append(times=1, when=lambda _m: getattr(new._mine, "user", None) == "b1", do=kill)
    gate.open()
    owner.wait()
    t.exits(worker.wait(), 0, 1)
    t.equal(owner.code, -signal.SIGKILL, "the run was killed")
    for user, there in THERE.items():
        have = Counter(m.raw for f in new.accounts[there] for m in f)
        want = Counter(m.raw for f in old.accounts[user] for m in f)
        t.equal(have == want, True, f"the mail of {user} in {there}")
    t.read_only(old)
    t.equal(sorted(old.logins), ["a1", "a1", "a2", "a3"], "logins")
    t.equal({a["status"] for a in job.report()["accounts"]}, {"done"}, "the report")
