"""imex import: what imex extracted goes into a server, as if it came from the source."""

import shutil

from people import *
from scene import *
from into import *


def loaded(t, *words, caps=CAPS, **more):
    m = Move(t, caps=caps)
    if m.words() and not t.extract(m.source, *words, job=m.job)[1].code <= 1:
        t.fail("the extraction works")
    files, m.job = m.job, Job(t)
    m.load(files)
    t.exits(m.last, 1)
    m.arrived(**more)
    before, mark = m.snapshot(), m.dest.transcript.mark()
    m.load(files)
    t.exits(m.last, 1)
    t.never_sent(m.dest.transcript.since(mark), "APPEND")
    t.ok(m.snapshot() == before, "a second import changes nothing")


def scene_maildir(t):
    loaded(t)


def scene_maildir_without_uidplus(t):
    loaded(t, caps="")


def scene_mbox(t):
    loaded(t, "--format", "mbox")


def scene_eml(t):
    loaded(t, "--format", "eml")


def scene_a_change_of_the_files(t):
    """New mail in the files: only that goes."""
    m = Move(t)
    t.extract(m.source, job=m.job)
    files, m.job = m.job, Job(t)
    m.load(files)
    m.source.store["INBOX"].add(letter("INBOX", 90))
    m.before = m.source.store.snapshot()
    t.extract(m.source, job=files)
    mark = m.dest.transcript.mark()
    m.load(files)
    m.arrived()
    t.equal(m.dest.transcript.since(mark).count("APPEND"), 1, "only the new one was sent")


def scene_folders_that_all_lie_below_inbox(t):
    """Courier and Cyrus begin each name with INBOX, which files keep; nobody wants them as children of it."""
    m = Move(t)
    root = os.path.join(t.tmpdir("mail"), "me@example.org")
    for name, count in (("INBOX", 2), ("INBOX/Sent", 3), ("INBOX/Sent/2003", 1)):
        os.makedirs(os.path.join(root, name), exist_ok=True)
        for number in range(count):
            with open(os.path.join(root, name, f"{number + 1}.eml"), "wb") as file:
                file.write(letter(name, number))
    m.load(root)
    t.exits(m.last, 1)
    t.equal({f.name: len(f) for f in m.dest.store if len(f)}, {"INBOX": 2, "Sent": 3, "Sent/2003": 1}, "the folders")


def scene_the_only_account_that_is_left(t):
    """That of another one was removed: what is there is copied, and it is not said to be all."""
    for form in ("maildir", "exchange"):
        m, many = Move(t, source=Store()), t.serve(house(people("a", 2)))
        t.exits(t.imex("extract", "--users", listed(t, many), "--to", m.job, "--format", form, *ONE, *t.options(many),
                       password=None), 0, 1)
        for name in m.job.account_dirs():
            if name.startswith("a2@"):
                shutil.rmtree(os.path.join(m.job.mail, name))
        files, m.job = m.job, Job(t)
        t.exits(m.load(files), 2)
        t.says(m.last, r"a2@\S+: its directory is gone, and 3 messages with it")
        t.equal(len(m.dest.store["INBOX"]), 3, "what is there is copied")
