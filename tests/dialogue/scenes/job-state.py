"""imex job compact and backup: the state of a job that runs, and of one that does not."""

import shutil
import sqlite3

from scene import *


def rows(path):
    with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as db:
        return [db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("message", "folder", "account")], \
            db.execute("PRAGMA integrity_check").fetchone()[0]


def backup(t, job, count):
    """A copy is whole, a job of its own, readable for nobody else; nothing is ever overwritten."""
    place = t.tmpdir("copy")
    path = os.path.join(place, "imex.db")
    t.exits(t.imex("job", job, "backup", path), 0)
    t.equal(os.listdir(place), ["imex.db"], "what is there")
    t.equal(os.stat(path).st_mode & 0o777, 0o600, "mode")
    have, said = rows(path)
    t.equal((have[0] >= count, have[1:], said), (True, [4, 1], "ok"), "rows of the copy")
    t.says(t.imex("status", place), r"(?m)^usuario@127.0.0.1: ")
    with open(path, "rb") as file:
        before = file.read()
    run = t.imex("job", job, "backup", path)
    t.exits(run, 73)
    t.one_line_error(run)
    t.says(run, "is there already")
    with open(path, "rb") as file:
        t.equal(file.read() == before, True, "the copy is as it was")
    t.equal(sorted(n for n in os.listdir(place) if not n.startswith("imex.db")), [], "nothing is left")
    run = t.imex("job", job, "backup", os.path.join(place, "none", "copy"))
    t.exits(run, 73)
    t.one_line_error(run)


def scene_of_a_job_that_does_not_run(t):
    server = t.server(sample(count=30))
    job, run = t.extract(server)
    t.exits(run, 0)
    report = job.report()
    backup(t, job, 120)
    db = sqlite3.connect(os.path.join(job.path, "imex.db"))
    db.executescript("CREATE TABLE ballast(x); INSERT INTO ballast VALUES(zeroblob(4000000)); DROP TABLE ballast")
    db.close()
    size = os.path.getsize(os.path.join(job.path, "imex.db"))
    t.says(t.imex("job", job, "compact"), "compact")
    now = os.path.getsize(os.path.join(job.path, "imex.db"))
    t.ok(now < size - 3000000, f"the state is smaller: {now} of {size}")
    t.equal(job.report() == report, True, "the report is as it was")
    t.extract(server, job=job)
    t.complete(job, server)


def scene_of_a_running_job(t):
    server = t.server(sample(count=30))
    gate, job, run = t.extract_held(server, folder="Sent")
    backup(t, job, 0)
    t.exits(t.imex("job", job, "compact"), 0)
    t.one_event(job, 30212)
    gate.open()
    t.exits(run.wait(), 0)
    t.complete(job, server)
    t.exits(t.imex("verify", job), 0)


def scene_of_a_job_behind_a_link(t):
    server = t.server(sample(count=3))
    job, run = t.extract(server)
    t.exits(run, 0)
    link = os.path.join(t.tmpdir("link"), "job")
    os.symlink(job.path, link)
    for command in ("status", "report", "verify"):
        t.exits(t.imex(command, link), 0)
    t.exits(t.imex("extract", server.url(), "--to", link, *t.options(server)), 0)
    t.complete(job, server)


def scene_that_was_emptied(t):
    """Where mail lies beside it, it is damaged; where nothing does, no job was begun."""
    server = t.server(sample())
    job, run = t.extract(server)
    t.exits(run, 0)
    state = os.path.join(str(job), "imex.db")
    for name in ("imex.db-wal", "imex.db-shm"):
        if os.path.exists(os.path.join(str(job), name)):
            os.truncate(os.path.join(str(job), name), 0)
    os.truncate(state, 0)
    for words in (["extract", server.url(), "--to", job, *t.options(server)], ["status", job], ["retry", job]):
        run = t.imex(*words)
        t.exits(run, 65)
        t.says(run, "it is empty, and a job was begun here")
    t.complete(job, server)
    place = t.tmpdir("anew")
    open(os.path.join(place, "imex.db"), "w").close()
    t.exits(t.imex("extract", server.url(), "--to", place, *t.options(server)), 0)


def scene_that_goes_while_a_job_runs(t):
    """What is stored then would be known to nobody: the run never says that it is complete."""
    def removed(path):
        os.unlink(path)

    def replaced(path):
        os.rename(path, path + ".old")
        shutil.copyfile(path + ".old", path)

    for way in removed, replaced:
        server = t.server(sample(count=30))
        gate, job, run = t.extract_held(server, folder="Sent")
        way(os.path.join(job.path, "imex.db"))
        gate.open()
        t.exits(run.wait(), 74)
        t.says(run, "imex.db' was removed, renamed or replaced while the job runs")
        t.ok(b"complete" not in run.out, "nothing is called complete")
