"""A file-changing call fails, or does half: imex says so in one line and ends as the contract has
it, what was stored stays, and the same command completes the copy once the disk is well."""

import errno
import os
import re

import lab as lib
import shim
from forms import EML, EXCHANGE, MAILDIR, MBOX, SOURCE
from lab import Convert, Lab, change
from plan import each, few
from store import Store

# What needs room on a disk.
ROOM = (shim.CREATE, shim.WRITE, shim.MKDIR, shim.RENAME)
MAKES = (shim.CREATE, shim.MKDIR)
# Failures that SQLite lives with: the next opening makes them good. The file by which a process is known goes with
# the next one that looks for those at work.
HARMLESS = re.compile(r"job/imex\.(db(-wal|-shm|-journal)?|process\.\d+)$")


def names_file(text, call):
    """Does the error name the file of the call, or the directory it is in?"""
    name = os.path.basename(call.path)
    if name.startswith("imex.db"):
        return "imex.db" in text or "job directory" in text
    if call.op == shim.SYNC_ALL:
        return "file system" in text
    if call.path in ("", "job") or call.path.startswith("job/report"):
        return True
    return any(n in text for n in (name, name.removesuffix(".new"), name.removesuffix(".imex-new"),
                                   os.path.basename(call.other) or name, "(INBOX)", "mail/",
                                   "directory of"))


def said(done):
    """What imex said of the fault: warnings of what a format cannot hold are others."""
    return [line for line in done.err.splitlines() if line and not line.startswith("warning: ")]


def judged(t, done, what, full):
    """Exit code and words of a run that met a fault it could not live with."""
    call = done.struck
    allowed = {74} if full and not call.path.startswith("job/imex.db") else {73, 74}
    if not full and call.op not in MAKES and not HARMLESS.search(call.path):
        allowed = {74}
    t.within(done.code, allowed, f"{what}: exit code: {done.err}")
    lines = said(done)
    t.equal(len(lines), 1, f"{what}: the error is one line: {lines}")
    t.ok(full or names_file(done.err, call), f"{what}: the error names the file", done.err)


def faulty(number, fs, second=False, many=1, only=(), make=Lab, most=None):
    """most: so many faults by default."""
    full = number in (errno.ENOSPC, errno.EDQUOT)

    def places(calls, kind):
        if most and not only:
            return [place for _, place in few(calls, kind, most)]
        able = [call for call in calls if not only or call.op in only]
        return [{"at": at, "only": only} for at in each(len(able), kind, most)]

    def test(t):
        lab = make(t)
        copy = lab.undisturbed(change if second else None, fs=fs)
        failed = survived = unstruck = 0
        for place in places(copy.done.calls, f"fault {number} {fs} {lab.form if most else ''}".strip()):
            job = lab.changed(fs=fs) if second else lab.job()
            there = lab.form.visible(job) if second else set()
            done = lab.extract(job, do="fail", errno=number, fs=fs, many=many, **place)
            if not done.struck:
                unstruck += 1
                continue
            what = f"{errno.errorcode[number]} in {done.struck}"
            if done.code == lab.code:
                survived += 1
                # A link is asked for in case the name is there; a directory for unfinished files
                # that stays is empty, and is used by the next run; where the first batch of a folder
                # cannot become its cur/ at once, its messages go there one by one.
                may = HARMLESS.search(done.struck.path) or done.struck.path == "job" or \
                    done.struck.op in (shim.MKDIR, shim.RMDIR, shim.LINK) or \
                    (done.struck.op == shim.RENAME and done.struck.path.endswith("/tmp/cur"))
                t.ok(may and not said(done), f"{what}: nothing was said", done)
                if done.struck.op != shim.RMDIR:
                    lab.same(copy, job, f"{what}, which did no harm")
                continue
            failed += 1
            judged(t, done, what, full)
            rows = lib.committed(job)
            t.ok(rows <= lab.form.visible(job), f"{what}: what is committed is there")
            t.ok(there - lab.form.visible(job) <= {(1700000002, 5)}, f"{what}: what was there is there")
            lab.resume(copy, job, what, fs=fs)
        t.note(f"{failed} runs failed, {survived} lived with it, {unstruck} met none")
        t.ok(failed >= 5 and failed > survived, "faults struck", failed, survived)
    return test


def short_writes(make, most=None):
    return lambda t: shortened(t, make(t), most)


def shortened(t, lab, most):
    """A write that takes half is gone on with."""
    copy = lab.undisturbed()
    struck = 0
    writes = [c.number for c in copy.done.calls if c.op == shim.WRITE]
    tried = list(each(len(writes), "short", most))
    for index in tried:
        job = lab.job()
        done = lab.extract(job, do="short", at=writes[index - 1], only=(shim.WRITE,), many=3)
        struck += done.struck is not None
        what = f"half of {done.struck}"
        if done.code != lab.code:
            # SQLite takes a short write of its own files for a full disk.
            t.ok(HARMLESS.search(done.struck.path) and done.code == 74, what, done)
            lab.resume(copy, job, what)
        else:
            lab.same(copy, job, what)
    # How many writes a run makes depends on what arrives together: the last ones may not come.
    t.ok(struck * 2 >= len(tried), f"{struck} of {len(tried)} writes were short")


def far_dates(form):
    """A file system that refuses the date of a message gives the nearest that it can, and nothing fails."""
    def test(t):
        for refused, most in ((1, 2 ** 32 - 1), (2, 2 ** 31 - 1)):
            lab = Lab(t, form)
            lab.server.store = Store()
            lab.server.store["INBOX"].add(b"Subject: far\r\n\r\nmail\r\n", (), "01-Jan-2300 00:00:00 +0000")
            job = lab.job()
            done = lab.extract(job, do="fail", at=1, only=(shim.TIMES,), many=refused, like="",
                               errno=errno.EINVAL)
            t.must(done.struck, "a call is struck", done)
            t.equal(done.code, 0, f"exit code: {done.err}")
            found = [int(os.stat(os.path.join(base, name)).st_mtime) for base, _, names in
                     os.walk(os.path.join(job, "mail")) for name in names if "imex,S=" in name or name == "1.eml"]
            t.equal(found, [most], f"time of the file, refused {refused} times")
            t.equal(lab.imex("verify", job).code, 0, "exit code of verify")
    return test


def tests():
    found = [(f"{form}: dates that the file system refuses", far_dates(form)) for form in (MAILDIR, EML)]
    for number, words in ((errno.EIO, "a call fails"), (errno.EDQUOT, "over quota once")):
        for fs, how in ((shim.EXT4, "one sync for all"), (shim.OVERLAY, "each file synced")):
            only = () if number == errno.EIO else ROOM
            found.append((f"{words}, {how}", faulty(number, fs, only=only)))
    found.append(("a call fails in a second run", faulty(errno.EIO, shim.OVERLAY, second=True)))
    for second in (False, True):
        found.append((f"the disk is full from one call on, {'second' if second else 'first'} run",
                      faulty(errno.ENOSPC, shim.EXT4, second, 10 ** 9, ROOM)))
    found.append(("short writes", short_writes(Lab)))
    return found + of_others()


def of_others():
    found = []
    for form in (MBOX, EML, EXCHANGE):
        def make(t, form=form):
            return Lab(t, form)
        found.append((f"{form}: a call fails", faulty(errno.EIO, shim.OVERLAY, make=make, most=16)))
        found.append((f"{form}: a call fails in a second run",
                      faulty(errno.EIO, shim.EXT4, True, make=make, most=10)))
        found.append((f"{form}: the disk is full from one call on",
                      faulty(errno.ENOSPC, shim.EXT4, False, 10 ** 9, ROOM, make, 10)))
        found.append((f"{form}: short writes", short_writes(make, 6)))
    for one, other in ((MAILDIR, MBOX), (MAILDIR, SOURCE), (MBOX, EML)):
        def converting(t, one=one, other=other):
            return Convert(t, one, other)
        found.append((f"{one} to {other}: a call fails",
                      faulty(errno.EIO, shim.EXT4, make=converting, most=8)))
    return found
