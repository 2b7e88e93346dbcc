"""Access rights and annotations of folders, on their way (--acl, --metadata)."""

from scene import *
from into import *

NEW = " ACL RIGHTS=kxte METADATA"
PLAIN = ("--insecure-plaintext", "--dest-insecure-plaintext")
SETS = ("SETACL", "SETMETADATA", "DELETEACL")


def move(t, there=NEW, here=NEW, **options):
    m = Move(t, caps=CAPS + here, source_options={"caps": CAPS + there}, **options)
    m.source.acl = {"INBOX": {"alice": "lrswipkxtea", "carol": "lr", "-dave": "w", "anyone": "p"},
                    "Archive": {"alice": "lrswipkxtea", "$team": "lrs"}}
    m.source.metadata = {"": {"/private/vendor/x/theme": b"dark"},
                         "INBOX": {"/shared/comment": b'all "mail"', "/private/bin": b"a\0\r\nb"},
                         "Archive": {"/private/none": None, "/shared/vendor/cmu/cyrus-imapd/size": b"7"}}
    return m


def quiet(m, run, *args):
    """The next run sends nothing of the kind."""
    mark = m.dest.transcript.mark()
    m.t.exits(m.migrate(*args), run.code)
    m.t.never_sent(m.dest.transcript.since(mark), *SETS)


def scene_carried_and_not_twice(t):
    m = move(t)
    both = ("--acl", "--metadata")
    run = m.migrate(*both)
    m.clean(run)
    m.arrived()
    every = "lrswipkxtea"
    t.equal({f: {w: "".join(sorted(r)) for w, r in a.items()} for f, a in m.dest.acl.items()},
            {"INBOX": {"bob": "".join(sorted(every)), "carol": "lr", "-dave": "w", "anyone": "p"},
             "Archive": {"bob": "".join(sorted(every)), "$team": "lrs"},
             "Archive/2003": {"bob": "".join(sorted(every))}}, "access rights there")
    t.equal({f: e for f, e in m.dest.metadata.items() if e},
            {f: e for f, e in m.source.metadata.items() if f in ("", "INBOX")}, "annotations there")
    t.never_sent(m.source.transcript.since(0), *SETS)
    quiet(m, run, *both)


def scene_retry_knows_the_options(t):
    m = move(t)
    m.dest.append(before="NO [OVERQUOTA] full", folder="Archive")
    m.lost(m.migrate("--acl"))
    m.dest.clear()
    m.dest.acl["INBOX"].pop("carol")
    m.warned(m.retry())
    m.arrived()
    t.equal(m.dest.acl["INBOX"].get("carol"), "lr", "the right is there again")


def scene_off_by_default(t):
    m = move(t)
    m.clean(m.migrate())
    t.never_sent(m.source.transcript.since(0), "GETACL", "GETMETADATA")
    t.never_sent(m.dest.transcript.since(0), "GETACL", "GETMETADATA", *SETS)


def scene_one_side_without(t):
    for there, here, who in (("", NEW, "the source"), (NEW, "", "the destination")):
        m = move(t, there, here)
        m.warned(m.migrate("--acl", "--metadata"))
        m.arrived()
        texts = [e["text"] for e in m.job.events(30120)]
        t.equal(len(texts), 2, f"a warning for each: {texts}")
        t.ok(all(who in text for text in texts), f"it names {who}", texts)


def scene_refused_is_told(t):
    m = move(t)
    m.dest.on(r'SETACL "INBOX" "carol"', "$TAG NO no such user here\r\n")
    m.dest.on(r'SETMETADATA "INBOX" \("/shared/comment"', "$TAG NO [METADATA TOOMANY] full\r\n")
    m.warned(m.migrate("--acl", "--metadata"))
    m.arrived()
    for words in ("no such user here", "TOOMANY"):
        t.ok([e for e in m.job.events(30121) if words in e.get("reply", "")], f"the server's words: {words}",
             *m.told())
    t.equal(m.dest.acl["INBOX"].get("anyone"), "p", "the others go on")


def scene_own_login_is_not_locked_out(t):
    """Denials of oneself and of all are not copied; that of a group one belongs to is taken back."""
    m = move(t)
    m.dest.groups = ("$team",)
    m.source.acl = {"INBOX": {"alice": "lr", "-alice": "w", "-anyone": "lr", "-bob": "r", "-$team": "r"}}
    m.warned(m.migrate("--acl"))
    m.arrived()
    t.equal({w: r for w, r in m.dest.acl["INBOX"].items() if r}, {"bob": "lrswipkxtea"}, "access rights there")
    t.equal(len(m.job.events(30121)), 4, "each is told")


@quirk(28)
def scene_old_and_new_rights(t):
    m = move(t, " ACL", NEW)
    m.source.acl = {"INBOX": {"alice": "lrswipcda", "carol": "lrcd"}}
    m.clean(m.migrate("--acl"))
    t.equal(sorted(m.dest.acl["INBOX"]["carol"]), sorted("lrkxte"), "c, d become k, x, t, e")
    m = move(t, NEW, " ACL")
    m.source.acl = {"INBOX": {"alice": "lrswipkxtea", "carol": "lrkxte", "erin": "lrt"}}
    m.warned(m.migrate("--acl"))
    t.equal({w: "".join(sorted(m.dest.acl["INBOX"][w])) for w in ("carol", "erin")},
            {"carol": "cdlr", "erin": "lr"}, "and the other way, nobody gets more")


def scene_options_behind_the_folder(t):
    m = move(t)
    m.source.options_behind = m.dest.options_behind = True
    m.clean(m.migrate("--metadata"))
    t.equal(m.dest.metadata["INBOX"]["/shared/comment"], b'all "mail"', "the annotation")


def scene_source_does_not_tell(t):
    m = move(t)
    m.source.on(r'GETACL "Archive"', "$TAG NO [NOPERM] not yours\r\n")
    m.warned(m.migrate("--acl"))
    m.arrived()
    t.ok([e for e in m.job.events(30121) if "NOPERM" in e["reply"]], "the server's words", *m.told())


def scene_connection_that_ends_at_it(t):
    """The mail is copied all the same."""
    m = move(t)
    m.source.on(r'GETACL "Archive"', Cut)
    m.warned(m.migrate("--acl"))
    m.arrived()


def scene_check_says(t):
    m = move(t, NEW, " ACL")
    words = ["check", m.source.url(), m.dest.url(), *PLAIN, "--acl", "--metadata"]
    done = imexrun.run(t, *words, env={"IMEX_DEST_PASSWORD": m.password})
    t.says(done, "Access rights +will be copied")
    t.says(done, "Annotations +cannot be copied: the destination has no METADATA")
    t.exits(imexrun.run(t, "check", m.source.url(), "--acl", PLAIN[0]), 64)
