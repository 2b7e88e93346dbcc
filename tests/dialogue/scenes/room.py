"""Room on the disk: forecast before an account is begun, and --min-free while it is copied."""

from scene import *
from people import *
from smalldisk import small_disk
import json
from model import DEFAULT_CAPS
import imexrun
import subprocess

NO_SIZES = DEFAULT_CAPS.replace("STATUS=SIZE", "")


def heavy(count=12, size=1000 * 1000, folders=("INBOX",)):
    """A store of so many messages of that size in each folder."""
    store = Store()
    for name in folders:
        folder = store["INBOX"] if name == "INBOX" else store.add(name)
        for n in range(count):
            folder.add(f"Subject: {n} {name}\r\n\r\n".encode() + (b"y" * 62 + b"\r\n") * (size // 64))
    return store


def not_begun(t, job, run, server, *says):
    t.exits(run, 74)
    t.one_line_error(run)
    for text in says:
        t.says(run, text)
    t.no_bodies(server)
    t.equal([n for top, _, names in os.walk(job.mail) for n in names if ",S=" in n], [], "mail on the disk")


def scene_more_than_the_disk_has(t):
    """Nothing of it is begun; with more room the same command does it all."""
    server = t.server(heavy())
    disk = small_disk(t, "size=8m")
    job, run = t.extract(server, job=disk.job())
    not_begun(t, job, run, server, r"the account needs 12 MB and 20 files", r"are left on the disk of '\S+job'",
              "make room, use another disk, or take less")
    t.equal(server.transcript.count("EXAMINE"), 0, "folders that were opened")
    disk.grow("size=64m")
    job, run = t.extract(server, job=job)
    t.exits(run, 0)
    t.complete(job, server)
    t.matches(job.events(30083)[0]["text"], "12 messages of 12 MB to come", "event 30083")


def scene_files_that_may_not_grow(t):
    """RLIMIT_FSIZE: a write that fails, and no death by a signal."""
    server = t.server(heavy(count=2))
    job = Job(t)
    words = ["extract", server.url(), "--to", job.path, *t.options(server)]
    done = subprocess.run(["prlimit", "--fsize=800000", *imexrun.program(), *words], capture_output=True, check=False,
                          timeout=60, env={**os.environ, "IMEX_PASSWORD": PASSWORD})
    t.equal(done.returncode, 74, "exit code")
    t.ok(b"File too large" in done.stderr, "it is told", done.stderr)
    t.exits(t.imex(*words), 0)
    t.complete(job, server)


def scene_sizes_come_with_the_listing(t):
    """A server that tells no sizes of folders: its listing does, before the first body."""
    server = t.server(heavy(), caps=NO_SIZES)
    disk = small_disk(t, "size=8m")
    job, run = t.extract(server, job=disk.job())
    not_begun(t, job, run, server, r"what comes next of the folder 'INBOX' \(12 messages\) needs 12 MB")
    disk.grow("size=64m")
    job, run = t.extract(server, job=job)
    t.exits(run, 0)
    t.complete(job, server)


def scene_a_server_that_ends_at_the_question_for_sizes(t):
    """It is asked once; then the listing tells them."""
    server = t.server(sample())
    server.on(r"LIST .*\bSIZE\b", Cut)
    job, run = t.extract(server)
    t.exits(run, 0)
    t.complete(job, server)
    t.equal(server.transcript.count(r"LIST .*\bSIZE\b"), 1, "questions for sizes")


def scene_the_selection_is_smaller(t):
    """Sizes of folders say too much of what --max-size leaves."""
    store = heavy()
    store["INBOX"].add(b"Subject: small\r\n\r\nx\r\n")
    server = t.server(store)
    disk = small_disk(t, "size=8m")
    job, run = t.extract(server, "--max-size", "500k", job=disk.job())
    t.exits(run, 0)
    t.counts(job, "INBOX", stored=1, excluded=12)


def scene_inodes(t):
    """Many small messages; an mbox needs few."""
    server = t.server(heavy(count=300, size=640))
    disk = small_disk(t, "size=64m,nr_inodes=100")
    job, run = t.extract(server, job=disk.job())
    not_begun(t, job, run, server, r"needs 308 files, and the disk of '\S+' has room for \d+:", "--format mbox")
    job = Job(t, job.path + "-mbox")
    job, run = t.extract(server, "--format", "mbox", job=job)
    t.exits(run, 0)


def scene_one_of_a_list(t):
    """The account that does not fit is not begun, the others are complete."""
    server = t.serve(house({"a1": heavy(count=2), "a2": heavy(), "a3": heavy(count=2)}))
    disk = small_disk(t, "size=12m")
    job = disk.job()
    run = t.imex("extract", "--users", listed(t, server), "--to", job, *ONE, "--jobs", "1",
                 *t.options(server), password=None)
    t.exits(run, 2)
    t.says(run, "a2 on 127.0.0.1: failed: the account needs 12 MB")
    t.says(run, "3 accounts: 2 complete, 0 complete with warnings, 1 failed")
    disk.grow("size=64m")
    run = t.imex("retry", job, *t.options(server), password=password_of("a2"))
    t.exits(run, 0)


def scene_accounts_at_once_do_not_count_on_the_same_room(t):
    """Each of the two would fit alone. The first waits in the middle until the second was told so."""
    server = t.serve(house({"a1": heavy(6), "a2": heavy(6)}))
    disk = small_disk(t, "size=10m")
    job = disk.job()
    gate = server.hold(uid=1, item=r"BODY\.PEEK\[\]", after=80)
    run = imexrun.start(t, "extract", "--users", listed(t, server), "--to", job, *ONE, "--jobs", "2",
                        *t.options(server), password=None)
    gate.must_be_reached(t, "a body is on its way", seconds=30 * imexrun.SCALE)
    t.must(t.until(lambda: any(e["level"] == "error" for e in job.events())), "the other one is not begun")
    gate.open()
    t.exits(run.wait(), 2)
    t.says(run, "failed: the account needs 6.0 MB")
    t.says(run, "2 accounts: 1 complete, 0 complete with warnings, 1 failed")


def scene_less_than_min_free(t):
    """There is less already: nobody is contacted for mail."""
    server = t.server(sample())
    job, run = t.extract(server, "--min-free", "900000000G")
    t.exits(run, 74)
    t.one_line_error(run)
    t.says(run, r"are free on the disk of '\S+', and 966 PB are to stay free there \(--min-free\)")
    t.equal(server.transcript.count("LOGIN|AUTHENTICATE"), 0, "logins")


def scene_min_free_is_reached(t):
    """Another program takes the room: the run stops in order, and goes on when there is room again."""
    server = t.server(sample())
    disk = small_disk(t, "size=16m")
    job = disk.job()
    gate = server.hold(uid=3, folder="INBOX", item=r"BODY\.PEEK\[\]", after=40)
    words = ["--min-free", "4M", "--connections", "1"]
    job, run = t.start_extract(server, *words, job=job)
    gate.must_be_reached(t, "a body is on its way", seconds=30 * imexrun.SCALE)
    filler = disk.fill(leave=3 * 1024 * 1024)
    gate.open()
    run = run.wait()
    t.exits(run, 74)
    t.one_line_error(run)
    t.says(run, rf"are free on the disk of '{job}', and 4.2 MB are to stay free")
    t.ok(os.statvfs(disk.path).f_bavail * os.statvfs(disk.path).f_frsize > 2 * 1024 * 1024, "room that is left")
    mark = server.transcript.mark()
    run = t.imex("retry", job, *t.options(server))
    t.exits(run, 74)        # the job keeps --min-free
    os.unlink(filler)
    run = t.imex("retry", job, *t.options(server))
    t.exits(run, 0)
    t.complete(job, server)
    t.no_doubles(job)
    bodies = server.transcript.since(mark).commands(r"UID FETCH .*BODY")
    t.equal(len(bodies), 3, "folders of which mail was fetched afterwards")


def scene_nothing_new_on_a_full_disk(t):
    """A further run needs no room, and asks for no sizes."""
    server = t.server(sample())
    disk = small_disk(t, "size=16m")
    job, run = t.extract(server, job=disk.job())
    t.exits(run, 0)
    t.equal(server.transcript.count(r"LIST .*\bSIZE\b"), 1, "lists with sizes")
    mark = server.transcript.mark()
    disk.fill(leave=1200 * 1024)
    job, run = t.extract(server, job=job)
    t.exits(run, 0)
    again = server.transcript.since(mark)
    t.equal((again.count(r"\bSIZE\b"), again.count("EXAMINE")), (0, 0), "sizes and folders that were asked for")
    t.equal(len(job.events(30083)), 1, "forecasts")


# -- said before -------------------------------------------------------------------


def scene_check_says_what_is_needed(t):
    server = t.server(heavy())
    disk = small_disk(t, "size=8m")
    run = t.check(server)
    t.exits(run, 0)
    t.says(run, "(?m)^Needs +about 12 MB and 20 files as maildir$")
    job = disk.job()
    run = t.check(server, "--to", job)
    t.exits(run, 1)
    t.says(run, rf"(?m)^Room +8.4 MB free on the disk of {job}, 524 kB stay free: IT DOES NOT FIT$")
    t.ok(not os.path.exists(job.path), "nothing is made")
    disk.grow("size=64m")
    run = t.check(server, "--to", job, "--format", "mbox", "--json")
    t.exits(run, 0)
    told = json.loads(run.out)["forecast"]
    t.equal((told["messages"], told["files"], told["fits"]), (12, 3, True), "as JSON")
    t.within(told["octets"], range(12_000_000, 12_100_000), "octets")
    run = t.check(server, "--to", job, "--min-free", "60M")
    t.exits(run, 1)


def scene_check_of_a_list(t):
    server = t.serve(house({"a1": heavy(), "a2": heavy()}))
    words = ["check", "--users", listed(t, server), *t.options(server)]
    run = t.imex(*words, "--to", small_disk(t, "size=16m").job(), password=None)
    t.exits(run, 1)
    t.says(run, "(?m)^Needs +about 24 MB and 40 files as maildir$")
    t.says(run, "IT DOES NOT FIT")
    t.says(run, r"(?m)^Duration +about \d+:\d\d$")
    t.exits(t.imex(*words, password=None), 0)


# -- sizes that are kept ----------------------------------------------------------------


def scene_the_largest_first_after_a_check(t):
    """The very first run knows the sizes that check has seen; later ones know their own."""
    sizes = {"a1": 2, "a2": 5, "a3": 1, "a4": 3}
    server = t.serve(house({u: heavy(n, 4000) for u, n in sizes.items()}))
    path, job = listed(t, server), Job(t)
    words = ["--users", path, "--to", job, *t.options(server)]
    t.exits(t.imex("check", *words, "--only", "a[124]", password=None), 0)
    t.equal(sorted(os.listdir(job.path)), ["imex.db", "imex.lock"], "what check has made")
    t.says(t.imex("status", job), "the job directory was made, but no job was begun in it")
    del server.logins[:]
    t.exits(t.imex("extract", *words, *ONE, "--jobs", "1", password=None), 0)
    t.equal(server.logins, ["a2", "a4", "a1", "a3"], "the order of the logins; nobody knows a3")
    for n in range(8):
        server.accounts["a3"]["INBOX"].add(letter("INBOX", n) + b"z" * 6000)
    t.exits(t.imex("check", *words, password=None), 0)
    del server.logins[:]
    t.exits(t.imex("extract", *words, *ONE, "--jobs", "1", password=None), 0)
    t.equal(server.logins, ["a3", "a2", "a4", "a1"], "after another check")
    t.equal(len(job.account_dirs()), 4, "accounts")


def scene_check_beside_a_run(t):
    """Its job is another process's: said before anybody is contacted."""
    server = t.serve(house(people("a", 1)))
    job = Job(t)
    gate = server.hold(uid=2, item=r"BODY\.PEEK\[\]", after=40)
    words = ["--users", listed(t, server), "--to", job, *t.options(server)]
    run = imexrun.start(t, "extract", *words, *ONE, password=None)
    gate.must_be_reached(t, "a body is on its way", seconds=30 * imexrun.SCALE)
    check = t.imex("check", *words, password=None)
    t.exits(check, 75)
    t.says(check, str(run.pid))
    t.equal(server.logins, ["a1"], "logins")
    gate.open()
    t.exits(run.wait(), 0)


# -- connections that a server bears -------------------------------------------------------


def scene_a_ceiling_is_kept(t):
    """What the first run has learnt the second begins with; later one more is tried, once."""
    server = t.serve(house(people("a", 8)))
    server.bears = 3
    words = ["extract", "--users", listed(t, server), "--to", job := Job(t), *ONE, "--jobs", "8",
             "--retry-delay", "100ms", *t.options(server)]
    t.exits(t.imex(*words, password=None), 0)
    t.ok(server.refused > 0, "the first run was refused")
    learnt = json.loads(t.imex("status", job, "--json").out)["servers"]
    t.equal(len(learnt), 1, "servers with a ceiling")
    bears = learnt[0]["connections"]
    t.within(bears, (1, 2, 3), "the ceiling")
    t.says(t.imex("status", job), rf"(?m)^127.0.0.1:{server.port} bears {bears} connections? at once, as it seems$")
    server.refused = server.peak = 0
    t.exits(t.imex(*words, "--list-all", password=None), 0)
    t.equal(server.refused, 0, "refused connections of the second run")
    t.within(server.peak, range(1, bears + 1), "its connections at once")
    for _ in range(3):
        server.refused = 0
        t.exits(t.imex(*words, "--list-all", password=None), 0)
        # One for the trial.
        t.within(server.refused, (0, 1), "refused connections of a later run")
    status = json.loads(t.imex("status", job, "--json").out)["servers"]
    # On a busy machine one more may never have been open beside all the others.
    t.within(status[0]["connections"], range(min(bears, 3), bears + 4), "the ceiling after five runs")
