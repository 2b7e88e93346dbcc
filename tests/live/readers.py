"""Other programs open the Maildir that imex wrote: Dovecot, mutt, mbsync, notmuch.

Each gets a copy of its own, owned by an account it may use: all of them write
(indexes, UID lists, new/ to cur/) into what they read.
"""

import os
import re
import shutil
import subprocess

import maildir
import servers
from client import instant
from terminal import on_terminal

MAILUSER = os.environ.get("IMEX_SERVERS_USER", "mail")
TUID = re.compile(rb"^X-TUID: .*\n", re.M)      # mbsync marks what it copies
LETTERED = 26       # keywords that a Maildir name can hold
# The last word on mail_plugins is the protocol's own: listescape shows \2e as a dot.
READER_CONF = """
mail_location = maildir:%s
mail_attribute_dict =
protocol imap {
  mail_plugins = listescape imap_zlib
}
"""


def copy_of(t, stage, name, owner=None):
    """A copy of the account's Maildir."""
    path = stage.dir(name)
    shutil.copytree(stage.tree(stage.job), path)
    t.cleanup(shutil.rmtree, path, True)
    if owner:
        for base, dirs, files in os.walk(path):
            for each in (base, *[os.path.join(base, f) for f in files]):
                shutil.chown(each, owner, owner)
    return path


def reader_name(server, wire):
    """The name that the reading Dovecot (separator /, no prefix) has for a folder of the source."""
    if wire.upper() == "INBOX":
        return "INBOX"
    path = wire[len(server.prefix):] if wire.startswith(server.prefix) else wire
    return path.replace(server.delimiter, "/")


def kept(message, letters):
    """What a Maildir can hold of a message, as another server can be asked for it."""
    flags = {f for f in message.flags if f.startswith("\\") or f in letters}
    return message.uid, sorted(flags), instant(message.date), message.digest


def tool(t, name):
    if not shutil.which(name):
        t.skip(f"{name} is not installed")


# -- the tests ---------------------------------------------------------------

def test_dovecot_serves_the_copy_as_the_source_does(t, stage):
    path = copy_of(t, stage, "for-dovecot", MAILUSER)
    with servers.Dovecot(READER_CONF % path, DOVECOT_AUTO="no") as reader:
        t.context("reading dovecot", reader.describe)
        reader.add_user("reader", "secret")
        with stage.client() as source, reader.client("reader", "secret") as copy:
            names = {n: reader_name(stage.server, n) for n in stage.selectable(source)}
            t.equal(sorted(stage.selectable(copy)), sorted(names.values()), "the same folders")
            t.equal(sorted(copy.subscriptions()),
                    sorted(reader_name(stage.server, n) for n in source.subscriptions() if n in names),
                    "the same subscriptions")
            for name, read in names.items():
                was, now = source.status(name), copy.status(read)
                for item in ("uidvalidity", "messages", "unseen"):
                    t.equal(now[item], was[item], f"{name}: {item}")
                t.ok(now["uidnext"] >= was["uidnext"], f"{name}: no UID is given out twice")
                used = {f for m in source.messages(name, False) for f in m.flags}
                there = {f for m in copy.messages(read, False) for f in m.flags}
                letters = there if len(used) > LETTERED else used
                t.ok(len(there & used) >= min(len(used), LETTERED), f"{name}: keywords are there")
                t.equal([kept(m, letters) for m in copy.messages(read)],
                        [kept(m, letters) for m in source.messages(name)],
                        f"{name}: UIDs in order, flags, keywords, dates and bytes")


def test_mutt_opens_it(t, stage):
    tool(t, "mutt")
    path = copy_of(t, stage, "for-mutt")
    home = t.tmpdir("mutt")
    for number, folder in enumerate(("", ".Correo a&APE-o", ".Oddities")):
        where, out = os.path.join(path, folder), os.path.join(home, f"out{number}")
        with open(os.path.join(home, "muttrc"), "w", encoding="utf-8") as rc:
            rc.write('set pipe_split=no pipe_decode=no wait_key=no quit=yes folder=.\n')
        # Tag every message, send all of them through a pipe, leave.
        keys = [b"T", b"~A\n", b";|", b"cat >> %s\n" % out.encode(), b"q"]
        code, drawn = on_terminal(["mutt", "-n", "-R", "-F", os.path.join(home, "muttrc"), "-f", where],
                                  {"HOME": home, "TERM": "xterm", "MAILDIR": home, "LC_ALL": "C.UTF-8"}, keys)
        t.equal(code, 0, f"mutt ends well on {folder or 'INBOX'}")
        t.must(os.path.exists(out), "and piped something", drawn[-500:])
        with open(out, "rb") as file:
            got = sorted(re.findall(rb"^Message-ID: (<.*>)", file.read(), re.M | re.I))
        data = b"".join(m.data for m in maildir.messages(path, folder))
        want = sorted(re.findall(rb"^Message-ID: (<.*>)", data, re.M | re.I))
        t.ok(got == want, f"mutt shows the messages of {folder or 'INBOX'}",
             f"  {len(got)} Message-IDs, should be {len(want)}", drawn[-500:])


def test_mbsync_reads_it(t, stage):
    tool(t, "mbsync")
    path, home = copy_of(t, stage, "for-mbsync"), t.tmpdir("mbsync")
    with open(os.path.join(home, "rc"), "w", encoding="utf-8") as rc:
        rc.write(f"MaildirStore far\nInbox {path}\nSubFolders Maildir++\n\n"
                 f"MaildirStore near\nPath {home}/near/\nInbox {home}/near/INBOX\nSubFolders Verbatim\n\n"
                 "Channel all\nFar :far:\nNear :near:\nPatterns *\nCreate Near\nSync Pull New Flags\n"
                 f"CopyArrivalDate yes\nSyncState {home}/\n")
    os.mkdir(os.path.join(home, "near"))
    done = subprocess.run(["mbsync", "-c", os.path.join(home, "rc"), "-a"], capture_output=True,
                          text=True, env={**os.environ, "HOME": home}, check=False)
    t.equal(done.returncode, 0, "mbsync ends well: " + done.stderr[-500:])
    for folder in maildir.folders(stage.tree(stage.job)):
        if folder.startswith(".INBOX."):    # mbsync knows no folders below INBOX in a Maildir++
            continue
        near = os.path.join(home, "near", folder[1:].replace(".", "/") or "INBOX")
        got = [TUID.sub(b"", m.data) for m in maildir.messages(near, "")] if os.path.isdir(near) else []
        want = [m.data for m in maildir.messages(stage.tree(stage.job), folder) if has_body(m)]
        t.ok(sorted(got) == sorted(want), f"mbsync copies {folder or 'INBOX'}",
             f"  {len(got)} messages, should be {len(want)}")


def has_body(mail):
    """mbsync leaves out a message whose header does not end."""
    return re.search(rb"^\r?\n", mail.data, re.M) is not None


def test_notmuch_reads_it(t, stage):
    tool(t, "notmuch")
    path, home = copy_of(t, stage, "for-notmuch"), t.tmpdir("notmuch")
    config = os.path.join(home, "config")
    with open(config, "w", encoding="utf-8") as file:
        file.write(f"[database]\npath={path}\n[user]\nname=x\nprimary_email=x@example.org\n"
                   "[new]\ntags=fresh\n[maildir]\nsynchronize_flags=true\n")
    env = {**os.environ, "HOME": home, "NOTMUCH_CONFIG": config}

    def notmuch(*args):
        return subprocess.run(["notmuch", *args], capture_output=True, text=True, env=env, check=False)

    done = notmuch("new")
    t.equal(done.returncode, 0, "notmuch new ends well: " + done.stderr[-500:])
    everything = maildir.messages(path)
    found = set(notmuch("search", "--output=files", "*").stdout.split("\n")) - {""}
    missing = [m for m in everything if m.path not in found and is_mail(m)]
    t.equal([m.path for m in missing], [], "every message is found")
    flagged = {m.path for m in everything if "F" in m.flags and m.path in found}
    t.ok(flagged, "there are flagged messages")
    said = set(notmuch("search", "--output=files", "tag:flagged").stdout.split("\n"))
    t.equal(sorted(flagged - said), [], "flags are seen as tags")


def is_mail(mail):
    """notmuch takes a file for mail when it has From, Subject or To."""
    return bool(re.search(rb"^(From|Subject|To):", mail.data.partition(b"\n\n")[0], re.M | re.I))
