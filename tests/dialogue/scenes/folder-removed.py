"""Somebody removed the directory of a folder: what lay in it is fetched again, into files with the names that they had."""

import json
import shutil

from scene import *

FORMATS = {"maildir": (".Archive", ".Archive.2003"), "mbox": ("Archive",), "eml": ("Archive",)}


def stored(t, form, count=4):
    server = t.server(sample(count=count))
    job, run = t.extract(server, "--format", form)
    t.exits(run, 0)
    return server, job


def top(job):
    return os.path.join(job.mail, job.account_dirs()[0])


def removed(job, form, keep=()):
    for name in FORMATS[form]:
        path = os.path.join(top(job), name)
        if name not in keep:
            shutil.rmtree(path)


def sidecars(job):
    return sorted(n for here, _, names in os.walk(top(job)) for n in names if n.startswith("folder.jsonl"))


def whole(t, server, job, form):
    """All of it, also for those who read the files alone."""
    t.exits(t.imex("verify", job), 0)
    t.equal(set(sidecars(job)), {"folder.jsonl"}, f"{form}: sidecars")
    copy = Job(t)
    run = t.imex("convert", top(job), "--to", copy, "--format", "maildir")
    t.within(run.code, (0, 1), "exit code of convert")
    found = sum(name.count(".imex,") for _, _, names in os.walk(copy.mail) for name in names)
    t.equal(found, sum(len(f) for f in server.store), f"{form}: messages that convert finds")


def scene_a_run_notices_it(t):
    """Whether something changed on the server or not."""
    for form in FORMATS:
        for changes in (False, True):
            server, job = stored(t, form)
            removed(job, form)
            if changes:
                server.store["Archive"].add(letter("Archive", 50))
            mark = server.transcript.mark()
            t.exits(t.extract(server, "--format", form, job=job)[1], 1)
            t.equal(len(re.findall(rb"BODY\[\] \{", server.transcript.since(mark).sent())), 8 + changes, "bodies sent")
            whole(t, server, job, form)
            t.within(t.extract(server, "--format", form, job=job)[1].code, (0, 1), "exit code of another run")
            whole(t, server, job, form)


def scene_changes_alone_are_not_enough(t):
    server, job = stored(t, "eml", count=300)
    removed(job, "eml")
    server.store["Archive"].add(letter("Archive", 500))
    t.exits(t.extract(server, "--format", "eml", job=job)[1], 1)
    whole(t, server, job, "eml")


def scene_verify_notices_it(t):
    for form in FORMATS:
        server, job = stored(t, form)
        removed(job, form)
        run = t.imex("verify", job)
        t.exits(run, 2)
        t.says(run, "8 copies are lost; to bring them again: imex retry")
        t.exits(t.imex("retry", job, *t.options(server)), 0)
        whole(t, server, job, form)


def scene_directories_that_are_left(t):
    """Its files are gone, those of the folder below are not."""
    for form in ("mbox", "eml"):
        server, job = stored(t, form)
        path = os.path.join(top(job), "Archive")
        for name in os.listdir(path):
            if name != "2003":
                os.remove(os.path.join(path, name))
        t.exits(t.extract(server, "--format", form, job=job)[1], 1)
        whole(t, server, job, form)


def scene_the_directory_of_the_account(t):
    for form in FORMATS:
        server, job = stored(t, form)
        shutil.rmtree(top(job))
        t.exits(t.extract(server, "--format", form, job=job)[1], 1)
        whole(t, server, job, form)


def scene_the_server_has_some_no_more(t):
    """They are not found anywhere, which each run and verify say."""
    for form in FORMATS:
        server, job = stored(t, form)
        removed(job, form)
        server.store["Archive"].remove(2)
        t.exits(t.extract(server, "--format", form, job=job)[1], 2)
        t.exits(t.imex("verify", job), 2)
        run = t.imex("report", job, "--json")
        lost = [m for a in json.loads(run.out)["accounts"] for f in a["folders"] for m in f.get("problems", [])]
        t.equal([m["uid"] for m in lost], [2], f"{form}: what is lost")


def scene_a_run_that_is_cut(t):
    """What was noted stands, and the files go on as they were begun."""
    for form in FORMATS:
        server, job = stored(t, form)
        removed(job, form)
        server.fetch(uid=3, folder="Archive", reply=lambda f: [f.value[:40], Cut])
        t.exits(t.extract(server, "--format", form, "--tries", "1", job=job)[1], 1, 2, 69, 75)
        server.clear()
        t.within(t.extract(server, "--format", form, job=job)[1].code, (0, 1), "exit code of another run")
        whole(t, server, job, form)
