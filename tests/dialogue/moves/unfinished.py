"""Files of a job that is not complete are taken, and not for the whole."""

from into import *

LACKS = "the job it comes from is not complete"


def extracted(t, *args, refused=None, maker=None):
    """A job of imex; the server can be made to refuse a folder, or to end in the middle."""
    server = t.server(small())
    if refused:
        server.on(f'EXAMINE "?{refused}"?$', "$TAG NO not today\r\n")
    if maker:
        maker(server)
    return t.extract(server, *args)


def taken(t, job, *lacks):
    """By each of the three commands; `lacks`: what they name, none: the job is complete. What is not there yet is no
    mail that was converted."""
    run = t.imex("verify", job)
    t.exits(run, 1 if lacks else 0)
    for other, run in (converted(t, job), imported(t, job)):
        t.exits(run, 2 if lacks else 0)
        if lacks:
            t.says(run, "is not all: finish the job that they come from, and run the same command again")
            t.says(t.imex("status", other), r": incomplete, .*is not all")
            t.equal(other.report()["exit_code"], 2, "exit code of the report")
        told = [e["text"] for e in other.events(30085)]
        t.equal(len(told), 1 if lacks else 0, "events of it")
        for words in lacks:
            t.ok(LACKS in told[0] and words in told[0], f"{words} is named", told)
            t.matches(str(other.report()), words, "the report names it, too")


def converted(t, job):
    other = Job(t)
    return other, t.imex("convert", job, "--to", other, "--format", "eml")


def imported(t, job):
    other = Job(t)
    dest = t.serve(Target(Store(first=1750000000), password=DEST_PASSWORD, tls="implicit"))
    return other, imexrun.run(t, "import", job, dest.url(), "--job", other, "--doubt-wait", "2s", "--dest-tls-ca",
                              t.certs().ca_file, env={"IMEX_DEST_PASSWORD": DEST_PASSWORD})


def scene_complete(t):
    job, run = extracted(t)
    t.exits(run, 0)
    taken(t, job)


def scene_folder_not_proved(t):
    job, run = extracted(t, refused="Archive")
    t.exits(run, 2)
    taken(t, job, "1 folder is not proved")
    run = t.imex("verify", job)
    t.says(run, "the job is not complete: 1 folder is not proved")


def scene_account_that_was_interrupted(t):
    """It ended behind the first folder."""
    def maker(server):
        server.on(r'EXAMINE "?Archive/2003"?', [Cut])
    job, run = extracted(t, "--timeout", "1s", maker=maker)
    t.within(run.code, (2, 69, 75), "exit code")
    taken(t, job, "usuario@127.0.0.1")


def scene_once_it_is_complete(t):
    """A further run takes what came, and the warning is gone."""
    server = t.server(small())
    server.on('EXAMINE "?Archive"?$', "$TAG NO not today\r\n", times=2)
    job, run = t.extract(server)
    t.exits(run, 2)
    other, run = converted(t, job)
    t.exits(run, 2)
    t.says(run, "verified  every file that was stored was read back")
    job, run = t.extract(server, job=job)
    if run.code == 2:
        job, run = t.extract(server, job=job)
    run = t.imex("convert", job, "--to", other, "--format", "eml")
    t.exits(run, 0)
    t.ok(LACKS not in str(other.report()), "nothing stands")


def scene_one_account_named_alone(t):
    job, run = extracted(t, refused="Archive")
    t.exits(run, 2)
    place = os.path.join(job.path, "mail", os.listdir(os.path.join(job.path, "mail"))[0])
    other = Job(t)
    run = t.imex("convert", place, "--to", other, "--format", "mbox")
    t.exits(run, 2)
    t.equal(len(other.events(30085)), 1, "told")
