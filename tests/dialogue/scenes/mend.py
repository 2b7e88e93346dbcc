"""Mail that was stored and whose copy is lost: verify names and notes it, and the next run brings it again."""

import json
import os
import shutil
import signal

from damage import flip
from people import *
from scene import *

FORMATS = {"maildir": (), "mbox": (), "eml": ()}


def stored(t, form="maildir", folders=("INBOX", "Sent"), count=4, **options):
    server = t.server(sample(list(folders), count), **options)
    job, run = t.extract(server, "--format", form)
    t.exits(run, 0)
    t.exits(t.imex("verify", job), 0)
    return server, job


def top(job):
    return os.path.join(job.mail, job.account_dirs()[0])


def where(job, form, folder="Sent"):
    return os.path.join(top(job), {"maildir": ".Sent/cur", "eml": "Sent", "mbox": "Sent"}[form]
                        if folder == "Sent" else {"maildir": "cur"}.get(form, folder))


def files(job, form, folder="Sent"):
    place = where(job, form, folder)
    return [os.path.join(place, n) for n in sorted(os.listdir(place)) if n != "folder.jsonl"]


def of(job, form, uid):
    """The file of a message in the folder Sent."""
    mark = rf"U{uid}\.imex" if form == "maildir" else rf"^{uid}\.eml$"
    return next(path for path in files(job, form) if re.search(mark, os.path.basename(path)))


def in_the_middle(path):
    """Of a header's value, in the second message of an mbox."""
    with open(path, "rb") as f:
        text = f.read()
    return text.index(b"Subject: ", len(text) // 2) + 10


def damage(job, form):
    """Of the folder Sent one message is gone and one another; of an mbox one is another. How many."""
    names = files(job, form)
    if form == "mbox":
        flip(names[0], in_the_middle(names[0]))
        return 1
    os.remove(of(job, form, 1))
    flip(of(job, form, 3), 30)
    return 2


def failed(t, job):
    run = t.imex("report", job, "--json")
    found = [m["verdict"] for a in json.loads(run.out)["accounts"] for f in a["folders"] for m in f.get("problems", [])]
    return found.count("failed")


def again(t, how, server, job, *words):
    """What brings it again: the same command, or retry."""
    if how == "retry":
        return t.imex("retry", job, *t.options(server), *words)
    return t.extract(server, "--format", how, *words, job=job)[1]


def scene_it_is_brought_again(t):
    for form in FORMATS:
        for how in ("retry", form):
            server, job = stored(t, form)
            lost = damage(job, form)
            run = t.imex("verify", job)
            t.exits(run, 2)
            t.says(run, r"DIFFERENT  .* Sent UID \d+: file")
            t.says(run, rf"{lost} cop(y is|ies are) lost; to bring .* again: imex retry ")
            t.equal(failed(t, job), lost, f"{form}: messages without a good verdict")
            run = t.imex("verify", job)
            t.exits(run, 2)
            t.says(run, r"DIFFERENT  .* its copy is lost")
            mark = server.transcript.mark()
            # The end of an mbox is another: a second file goes on, and a warning stands.
            good = (1,) if form == "mbox" else (0,)
            t.exits(again(t, how, server, job), *good)
            t.equal(len(re.findall(rb"BODY\[\] \{", server.transcript.since(mark).sent())), lost, "bodies sent")
            t.equal(failed(t, job), 0, f"{form}: and none after {how}")
            t.exits(t.imex("verify", job), 0)
            if form == "maildir":
                for name in os.listdir(os.path.join(top(job), ".Sent", "tmp")):
                    os.remove(os.path.join(top(job), ".Sent", "tmp", name))
                t.complete(job, server)
                t.no_doubles(job)
            t.within(again(t, how, server, job).code, (0, 1), "exit code of another run")


def scene_what_lies_in_its_place_is_kept(t):
    """Octets that are not those that were stored may be somebody's work: they move, and are nowhere lost."""
    for form, tmp in (("maildir", ".Sent/tmp"), ("eml", ".imex-tmp")):
        server, job = stored(t, form)
        path = of(job, form, 2)
        flip(path, 30)
        with open(path, "rb") as f:
            theirs = f.read()
        if form == "maildir":  # and its flags, too
            os.rename(path, path + "T")
        t.exits(t.imex("verify", job), 2)
        t.exits(again(t, "retry", server, job), 0)
        t.exits(t.imex("verify", job), 0)
        place = os.path.join(top(job), tmp)
        kept = [open(os.path.join(place, n), "rb").read() for n in os.listdir(place)]
        t.equal(kept, [theirs], f"{form}: what is kept")


def scene_a_folder(t):
    server, job = stored(t)
    shutil.rmtree(os.path.join(top(job), ".Sent"))
    run = t.imex("verify", job)
    t.exits(run, 2)
    t.says(run, r"DIFFERENT  .* Sent: file missing: 4 messages")
    t.says(run, "4 copies are lost")
    t.says(t.imex("verify", job), r"DIFFERENT  .* Sent: file missing: 4 messages")
    t.within(again(t, "retry", server, job).code, (0, 1), "exit code of retry")
    t.exits(t.imex("verify", job), 0)


def scene_a_sidecar(t):
    """What lies there is not told of any more, and not stored beside itself."""
    for form in ("mbox", "eml"):
        _, job = stored(t, form)
        os.remove(os.path.join(where(job, form), "folder.jsonl"))
        t.says(t.imex("verify", job), r"DIFFERENT  .* Sent: file missing: 4 messages: .*another directory")
        t.equal(failed(t, job), 0, f"{form}: nothing is noted")


def scene_a_line_of_a_sidecar(t):
    """An eml file gets its line back, and is the same file; in an mbox the message would lie there twice."""
    for form in ("mbox", "eml"):
        server, job = stored(t, form)
        path = os.path.join(where(job, form), "folder.jsonl")
        with open(path, "rb") as f:
            lines = f.read().splitlines(keepends=True)
        with open(path, "wb") as f:
            f.writelines(b"x" * (len(line) - 1) + b"\n" if b'"uid":2,' in line else line for line in lines)
        run = t.imex("verify", job)
        t.exits(run, 2)
        t.says(run, r"DIFFERENT  .* Sent UID 2: file missing")
        t.equal(failed(t, job), int(form == "eml"), f"{form}: what is noted")
        t.within(again(t, "retry", server, job).code, (0, 1), "exit code of retry")
        t.exits(t.imex("verify", job), 0 if form == "eml" else 2)


def scene_an_mbox_that_was_cut(t):
    """The rest goes into another file; what is left of the first stays as it is."""
    server, job = stored(t, "mbox")
    path = files(job, "mbox")[0]
    size = os.path.getsize(path)
    os.truncate(path, size - 40)
    with open(path, "rb") as f:
        left = f.read()
    t.says(t.imex("verify", job), "1 copy is lost")
    t.exits(again(t, "retry", server, job), 1)
    t.exits(t.imex("verify", job), 0)
    with open(path, "rb") as f:
        t.ok(f.read() == left, "the first file is as it was")


def scene_a_whole_mbox(t):
    server, job = stored(t, "mbox")
    os.remove(files(job, "mbox")[0])
    t.says(t.imex("verify", job), "4 copies are lost")
    t.within(again(t, "retry", server, job).code, (0, 1), "exit code of retry")
    t.exits(t.imex("verify", job), 0)


def scene_the_source_has_it_no_more(t):
    """Nothing can bring it again: it is named by every run, until somebody puts a copy back."""
    for form in ("maildir", "eml"):
        server, job = stored(t, form)
        path, saved = of(job, form, 1), os.path.join(job, "saved")
        shutil.move(path, saved)
        t.exits(t.imex("verify", job), 2)
        server.store["Sent"].remove(1)
        for how in ("retry", form):
            t.exits(again(t, how, server, job), 2)
            t.equal(failed(t, job), 1, "no good verdict")
            t.says(t.imex("report", job), "its copy is lost; the source no longer has it")
        t.says(t.imex("verify", job), r"DIFFERENT  .* Sent UID 1: .*the source no longer has it")
        shutil.move(saved, path)
        run = t.imex("verify", job)
        t.exits(run, 0)
        t.says(run, "1 copy of before is there again, and noted as stored")
        t.exits(t.imex("verify", job), 0)
        t.exits(again(t, form, server, job), 0)


def scene_the_source_has_the_folder_no_more(t):
    server, job = stored(t)
    os.remove(of(job, "maildir", 1))
    t.exits(t.imex("verify", job), 2)
    del server.store.folders["Sent"]
    for _ in range(2):
        run = t.extract(server, job=job)[1]
        t.exits(run, 2)
        t.says(t.imex("report", job), "the source no longer has the folder, and copies of messages that were\s+stored from it are lost")


def scene_what_is_kept_of_expunged_mail(t):
    """It was the last copy: verify says so, and there is nothing to note."""
    server, job = stored(t)
    server.store["Sent"].remove(2)
    t.exits(t.extract(server, job=job)[1], 0)
    os.remove(of(job, "maildir", 2))
    for _ in range(2):
        run = t.imex("verify", job)
        t.exits(run, 2)
        t.says(run, r"DIFFERENT  .* Sent UID 2: file missing: .*; the source no longer had it")
        t.ok("imex retry" not in run.text, "nothing to retry", run.text)
    t.exits(t.extract(server, job=job)[1], 0)


def scene_a_mirror_lets_it_go(t):
    for form in ("maildir", "eml"):
        server, job = stored(t, form)
        os.remove(of(job, form, 1))
        flip(of(job, form, 2), 30)
        t.exits(t.imex("verify", job), 2)
        server.store["Sent"].remove(1)
        server.store["Sent"].remove(2)
        t.exits(again(t, form, server, job, "--mirror"), 0, 1)
        t.exits(t.imex("verify", job), 0)
        t.equal(len(re.findall(r"U\d+\.imex|\b\d+\.eml", " ".join(map(os.path.basename, files(job, form))))), 2, form)


def renumbered(t, form, gone=()):
    """What was damaged is noted; then the folder on the source has other numbers, and lacks what is gone."""
    server, job = stored(t, form)
    at, kept = (files(job, form)[0], None) if form == "mbox" else (of(job, form, 1), of(job, form, 3))
    was = os.stat(at)
    with open(at, "rb") as f:
        saved = f.read()
    if form == "mbox":
        flip(at, saved.index(b"Subject: ") + 10)
    else:
        os.remove(at)
        flip(kept, 30)
    t.exits(t.imex("verify", job), 2)
    for uid in gone:
        server.store["Sent"].remove(uid)
    server.store["Sent"].renumber(1800000001, 11)

    def put_back():
        with open(at, "wb") as f:
            f.write(saved)
        os.utime(at, ns=(was.st_atime_ns, was.st_mtime_ns))

    return server, job, put_back


def scene_lost_and_other_numbers(t):
    """It comes under the new number; nothing is told of the old one, and what lies there is in nobody's way."""
    for form in FORMATS:
        server, job, _ = renumbered(t, form)
        t.exits(again(t, form, server, job), 1)
        t.equal(failed(t, job), 0, f"{form}: messages without a good verdict")
        t.exits(t.imex("verify", job), 0)
        if form != "mbox":
            t.equal(len([n for n in files(job, form) if os.path.basename(n)[0].isdigit()]), 4, f"{form}: files")
            tmp = os.path.join(top(job), {"maildir": ".Sent/tmp", "eml": ".imex-tmp"}[form])
            t.equal(len(os.listdir(tmp)), 1, f"{form}: what is kept")
        made = Job(t)
        t.exits(t.imex("convert", job, "--to", made, "--format", "maildir"), 0)
        t.equal(len(t.mails(made)), 8, f"{form}: messages that it holds")


def scene_lost_and_gone_with_other_numbers(t):
    """The source has it no more under any number: no run calls the folder complete."""
    for form in FORMATS:
        server, job, put_back = renumbered(t, form, gone=[1])
        for how in (form, "retry", form):
            t.exits(again(t, how, server, job), 2)
            t.says(t.imex("report", job), "its copy is lost; the source no longer has it")
        t.exits(t.imex("verify", job), 2)
        put_back()
        t.says(t.imex("verify", job), "1 copy of before is there again, and noted as stored")
        t.exits(again(t, form, server, job), 1)
        t.exits(t.imex("verify", job), 0)
        if form == "mbox":
            continue
        server, job, _ = renumbered(t, form, gone=[1])
        for _ in range(2):
            t.exits(again(t, form, server, job, "--mirror"), 1)
            t.exits(t.imex("verify", job), 0)


def scene_whatever_the_selection_is_now(t):
    """What was stored comes again, as what is stored stays."""
    server, job = stored(t)
    damage(job, "maildir")
    t.exits(t.imex("verify", job), 2)
    t.exits(t.extract(server, "--since", "2020-01-01", job=job)[1], 0)
    t.exits(t.imex("verify", job), 0)
    t.equal(len(t.mails(job)), 8, "messages")


def scene_nothing_is_written(t):
    """--dry-run; a job that a run works on; an archive that nobody can write to."""
    server, job = stored(t)
    damage(job, "maildir")
    run = t.imex("verify", job, "--dry-run")
    t.exits(run, 2)
    t.says(run, "not noted in the state.*--dry-run")
    t.equal(failed(t, job), 0, "with --dry-run nothing is noted")
    run = t.imex("verify", job, "--json", "--dry-run")
    told = json.loads(run.out)
    t.equal((told["lost"], told["noted_lost"]), (2, 0), "what JSON tells")
    run = t.imex("verify", job, "--json")
    told = json.loads(run.out)
    t.equal((told["lost"], told["noted_lost"]), (2, 2), "what JSON tells when it is noted")


def scene_files_that_cannot_be_read(t):
    """The system refuses them: they may be whole another time, and nothing is noted."""
    for form in FORMATS:
        _, job = stored(t, form)
        path = files(job, form)[0]
        os.rename(path, path + ".elsewhere")
        os.symlink(path + ".elsewhere", path)
        t.exits(t.imex("verify", job), 2)
        t.equal(failed(t, job), 0, f"{form}: nothing is noted")


def scene_a_set_is_not_changed(t):
    more = ("--full-source", "--smtp-address", "a@example.org")
    server = t.server(sample(["INBOX"], 3))
    job, run = t.extract(server, "--format", "exchange", *more)
    t.within(run.code, (0, 1), "exit code")
    for name in os.listdir(job.mail):
        if name.endswith(".SEC"):
            flip(os.path.join(job.mail, name), 600)
    run = t.imex("verify", job)
    t.exits(run, 2)
    t.ok("imex retry" not in run.text, "nothing to retry", run.text)
    t.equal(failed(t, job), 0, "nothing is noted")


def scene_beside_a_run(t):
    """Another process works on the job: what was found is named, and the state is left to it."""
    server, job = stored(t, count=8)
    os.remove(of(job, "maildir", 1))
    server.store["Sent"].add(letter("Sent", 20))
    gate = server.hold(uid=9, folder="Sent")
    _, run = t.start_extract(server, job=job)
    gate.must_be_reached(t)
    done = t.imex("verify", job)
    t.exits(done, 2)
    t.says(done, r"DIFFERENT  .* Sent UID 1: file missing")
    t.says(done, r"not noted in the state.*process \d+")
    gate.open()
    t.exits(run.wait(), 0)
    t.says(t.imex("verify", job), "1 copy is lost; .*imex retry")
    t.exits(again(t, "retry", server, job), 0)
    t.exits(t.imex("verify", job), 0)


def scene_a_directory_that_cannot_be_written_to(t):
    server, job = stored(t)
    os.remove(of(job, "maildir", 1))
    os.remove(os.path.join(job, "imex.lock"))
    os.mkdir(os.path.join(job, "imex.lock"))
    done = t.imex("verify", job)
    t.exits(done, 2)
    t.says(done, "1 different")
    t.says(done, "not noted in the state.*imex.lock")
    t.equal(failed(t, job), 0, "nothing is noted")


def scene_a_killed_run_is_recovered_first(t):
    """What its rows call lost is not taken for what the kill left."""
    server, job = stored(t, count=8)
    path = of(job, "maildir", 2)
    flip(path, 30)
    with open(path, "rb") as f:
        theirs = f.read()
    server.store["Sent"].add(letter("Sent", 20))
    gate = server.hold(uid=9, folder="Sent")
    _, run = t.start_extract(server, job=job)
    gate.must_be_reached(t)
    run.signal(signal.SIGKILL)
    run.wait()
    gate.open()
    t.exits(t.imex("verify", job), 2)
    t.exits(again(t, "retry", server, job), 0)
    t.exits(t.imex("verify", job), 0)
    place = os.path.join(top(job), ".Sent", "tmp")
    kept = [open(os.path.join(place, n), "rb").read() for n in os.listdir(place)]
    t.ok(theirs in kept, "what lay there is kept", sorted(os.listdir(place)))


def scene_of_a_job_that_converts(t):
    """Its source is files, and has them still."""
    server, job = stored(t)
    made = Job(t)
    t.exits(t.imex("convert", job, "--to", made, "--format", "eml"), 0)
    os.remove(of(made, "eml", 1))
    t.exits(t.imex("verify", made), 2)
    t.exits(t.imex("retry", made), 0)
    t.exits(t.imex("verify", made), 0)


def scene_of_a_list(t):
    server = t.serve(house(people("a", 2)))
    path = listed(t, server)
    job = Job(t)
    options = t.options(server)
    t.exits(t.imex("extract", "--users", path, "--to", job, *ONE, *options, password=None), 0)
    for name in job.account_dirs():
        place = os.path.join(job.mail, name, "cur")
        os.remove(os.path.join(place, min(os.listdir(place))))
    run = t.imex("verify", job, "--users", path, *options, password=None)
    t.exits(run, 2)
    t.says(run, "2 copies are lost; to bring them again: imex retry ")
    t.exits(t.imex("retry", job, "--users", path, *ONE, *options, password=None), 0)
    t.exits(t.imex("verify", job), 0)
    whole(t, job, server)


def scene_the_server_tells_of_it(t):
    """With SOURCE, too: what it no longer has and no copy is left of is not explained."""
    server, job = stored(t)
    os.remove(of(job, "maildir", 1))
    server.store["Sent"].remove(1)
    words = (job, server.url(), *t.options(server))
    t.says(t.imex("verify", *words), r"DIFFERENT  .* Sent UID 1: file missing")
    run = t.imex("verify", *words)
    t.exits(run, 2)
    t.says(run, r"DIFFERENT  .* Sent UID 1: message gone from the server: .*its copy is lost")
