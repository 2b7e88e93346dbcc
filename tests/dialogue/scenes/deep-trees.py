"""Directories within directories: what imex writes it reads again, and what is too deep stops nothing else."""

from scene import *

MAIL = b"From: ana@example.org\nSubject: hello\n\nhello\n"


def scene_folder_of_many_levels(t):
    store = sample(("INBOX",))
    store.add("/".join(["d"] * 300), 2)
    server = t.server(store)
    for form, other in (("eml", "mbox"), ("mbox", "eml")):
        job, run = t.extract(server, "--format", form)
        t.exits(run, 0)
        t.exits(t.imex("verify", job), 0)
        again = Job(t)
        run = t.imex("convert", job, "--to", again, "--format", other)
        t.exits(run, 0)
        t.says(run, "8 of 8 stored")


def scene_tree_that_is_too_deep(t):
    """It is passed over, with a warning; few descriptors are enough."""
    import resource
    import subprocess
    import imexrun
    top = t.tmpdir("deep")
    with open(os.path.join(top, "1.eml"), "wb") as file:
        file.write(MAIL)
    bottom = os.open(top, os.O_RDONLY)
    for _ in range(2100):
        os.mkdir("d", dir_fd=bottom)
        bottom, up = os.open("d", os.O_RDONLY, dir_fd=bottom), bottom
        os.close(up)
    with open(os.open("2.eml", os.O_WRONLY | os.O_CREAT, dir_fd=bottom), "wb") as file:
        file.write(MAIL)
    os.close(bottom)
    job = Job(t)
    done = subprocess.run([*imexrun.program(), "convert", top, "--to", job.path, "--format", "mbox"], check=False,
                          capture_output=True, timeout=60,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256)))
    t.equal(done.returncode, 1, f"exit code: {done.stderr[-400:]}")
    t.ok(b"1 of 1 stored" in done.stdout, "what is not too deep is converted", done.stdout)
    t.equal(len(job.events(30091)), 1, "and the rest is told of")
    subprocess.run(["rm", "-rf", top], check=True)
