"""Trees of which a part may not be read: it counts as mail that is lacking, whatever it is, and the rest is taken."""

import shutil
import subprocess

import imexrun
from scene import *

# Root without what lets root read everything.
PLAIN = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
MBOX = "From a Mon Jan  1 00:00:00 2001\nFrom: a\n\nb\n\n"
EML = "From: a\n\nb\n"


def imex(t, code, says, *args):
    """Runs it by one who is kept out, and compares the exit code; `says` must be told."""
    root = os.geteuid() == 0
    if root and not shutil.which("setpriv"):
        t.skip("root, and no setpriv")
    done = subprocess.run([*(PLAIN if root else []), *imexrun.program(), *map(str, args)], capture_output=True,
                          text=True, timeout=60, env={"HOME": t.tmpdir("home"), "LANG": "C.UTF-8", "TZ": "UTC"})
    said = done.stdout + done.stderr
    t.equal(done.returncode, code, f"{args[0]}: {said}")
    t.ok(re.search(says, said), f"{args[0]} says {says!r}", said)


def tree(t, files):
    top = t.tmpdir("tree")
    for name, text in files.items():
        os.makedirs(os.path.join(top, os.path.dirname(name)), exist_ok=True)
        with open(os.path.join(top, name), "w") as f:
            f.write(text)
    return top


def shut_out(t, top, name, mode=0, folders=2):
    """All that reads trees says that `name` cannot be read, and takes the rest."""
    path = os.path.join(top, name)
    was = os.stat(path).st_mode
    os.chmod(path, mode)
    says = rf"(?s)'{re.escape(name)}'.*Permission denied|Permission denied.*'{re.escape(name)}'"
    try:
        imex(t, 2, says, "import", "-n", top)
        imex(t, 2, says, "verify", top)
        imex(t, 2, rf"(?s){says}.*{folders - 1} of {folders} proved", "convert", top, "--to", t.tmpdir("to") + "/j",
             "--format", "mbox")
    finally:
        os.chmod(path, was)
    imex(t, 0, f"{folders} folders", "import", "-n", top)


def scene_a_maildir(t):
    parts = {f"{f}{part}/1.h:2,": EML for f in ("", ".Sent/") for part in ("cur", "new")}
    top = tree(t, parts)
    shut_out(t, top, ".Sent")
    shut_out(t, top, ".Sent", 0o400)    # it can be listed, but nothing in it be looked at


def scene_an_mbox_file(t):
    shut_out(t, tree(t, {"one": MBOX, "two": MBOX}), "one")


def scene_a_directory_of_mbox_files(t):
    shut_out(t, tree(t, {"one": MBOX, "below/two": MBOX}), "below")


def scene_a_directory_of_eml_files(t):
    shut_out(t, tree(t, {"Sent/1.eml": EML, "Archive/1.eml": EML}), "Sent")


def scene_a_folder_of_ours(t):
    """Its directory, or the sidecar alone."""
    server = t.server(sample(["INBOX", "Sent"], 3))
    for form, sent in (("maildir", ".Sent"), ("mbox", "Sent"), ("eml", "Sent")):
        job = t.first_run(server, "--format", form) if form == "maildir" else t.extract(server, "--format", form)[0]
        for name in (sent, f"{sent}/folder.jsonl"):
            path = os.path.join(job.mail, job.account_dirs()[0], name)
            os.chmod(path, 0)
            imex(t, 2, "Permission denied", "import", "-n", job)
            os.chmod(path, 0o700)
