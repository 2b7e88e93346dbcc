"""Folders that cannot be made, have another name, or vanish."""

from scene import *
from into import *


@quirk(27, 28)
def scene_prefix_and_delimiter(t):
    m = Move(t, dest=Store(delimiter=".", prefix="INBOX."))
    m.clean(m.migrate())
    m.arrived()
    t.ok(m.dest.store.get("INBOX.Archive.2003"), "the folders", list(m.dest.store.folders))
    m.again()


def scene_prefix_on_the_source(t):
    m = Move(t, source=sample(("INBOX", "INBOX.Archive", "INBOX.Archive.2003"), count=3,
                              delimiter=".", prefix="INBOX."))
    m.clean(m.migrate())
    m.arrived()
    t.ok(m.dest.store.get("Archive/2003"), "the folders", list(m.dest.store.folders))
    m.again()


@quirk(27)
def scene_delimiter_inside_a_name(t):
    """A dot where dots divide: a replacement that is told."""
    source = small()
    source.add("v1.2 notes", 3)
    m = Move(t, source=source, dest=Store(delimiter=".", prefix="INBOX."))
    m.warned(m.migrate())
    name = m.found("v1.2 notes")
    m.arrived(folders={"v1.2 notes": name})
    t.ok(m.job.events(30025), "the change of the name is told")
    m.again()


@quirk(17)
def scene_may_not_create(t):
    """The folder that is there is filled, the others are named, and later they follow."""
    m = Move(t)
    m.dest.creates = lambda name, use: "NO [NOPERM] you may not create folders"
    m.lost(m.migrate())
    m.refused("NOPERM")
    t.equal(len(m.dest.store["INBOX"]), len(m.source.store["INBOX"]), "messages in INBOX")
    m.dest.clear()
    if m.migrate().code != 1:
        m.warned(m.retry())
    m.arrived()


@quirk(17)
def scene_reserved_names(t):
    """Nothing is wrong with the characters: the server keeps the name for itself."""
    source = small()
    source.add("Files", 3)
    source.add("Old/Inbox", 2)
    m = Move(t, source=source)
    m.dest.creates = lambda name, use: "NO Cannot create reserved folder" \
        if name == "Files" or name.endswith("/Inbox") else None
    m.warned(m.migrate())
    m.arrived(folders={"Files": "Files_", "Old/Inbox": "Old/Inbox_"})
    t.equal(len(m.job.events(30025)), 2, "the changes of the names are told")
    m.again()


def leaves(server):
    """As where a folder is one file of mail, which can have none below it."""
    def create(name, use):
        above = [server.store.get(name[:at]) for at, c in enumerate(name) if c == "/"]
        for folder in above:
            if folder is not None and folder.selectable and folder.name != "INBOX":
                folder.attributes = ["\\NoInferiors"]
                return "NO [CANNOT] Mailbox doesn't allow inferior mailboxes"
        return None
    server.creates = create


def scene_mail_or_folders_but_not_both(t):
    """What cannot lie below a folder lies beside it, as on a server without levels; in later runs, too."""
    source = sample(("INBOX", "A", "A/B", "A/B/C", "D/E", "D/E/v=2Fx"), count=2)
    m = Move(t, source=source)
    leaves(m.dest)
    m.warned(m.migrate())
    names = {"A/B": "A=2FB", "A/B/C": "A=2FB=2FC", "D/E/v=2Fx": "D/E=2Fv=3D2Fx"}
    m.arrived(folders=names)
    t.equal(len(m.job.events(30025)), 3, "the changes of the names are told")
    m.again()
    source.add("A/B/D", 2)
    m.warned(m.migrate())
    m.arrived(folders={**names, "A/B/D": "A=2FB=2FD"}, source_kept=False)
    m.again()


def scene_refused_for_a_moment(t):
    """Mail does not lie under another name because of that, nor where the server says that the name is not why."""
    tried = []

    def once(name, use):
        tried.append(name)
        return "NO Not now" if tried.count(name) == 1 else None
    m = Move(t)
    m.dest.creates = once
    m.until_done()
    m.arrived()
    m = Move(t)
    m.dest.creates = lambda name, use: "NO [SERVERBUG] disk trouble" if "_" not in name else None
    m.lost(m.migrate())
    m.dest.clear()
    m.retry()
    m.until_done()
    m.arrived()


def scene_no_name_will_do(t):
    """Where names are not the reason a few are tried, not each of many."""
    source = small()
    for number in range(20):
        source.add(f"Folder{number}", 1)
    m = Move(t, source=source)
    m.dest.creates = lambda name, use: "NO Not today"
    m.lost(m.migrate())
    tried = [c for c in m.dest.transcript.commands("CREATE") if "_" in c]
    t.equal(len(tried), 8, "other names that were tried")


@quirk(5, 50)
def scene_characters_refused(t):
    source = small()
    source.add("50% off", 3)
    source.add("a&-b!c", 3)
    m = Move(t, source=source)
    m.dest.creates = lambda name, use: "NO [CANNOT] Invalid mailbox name" \
        if re.search(r"[%!&]", name) else None
    m.warned(m.migrate())
    m.arrived(folders={name: m.found(name) for name in ("50% off", "a&-b!c")})
    t.ok(len(m.job.events(30025)) >= 2, "the changes of the names are told", m.job.events(30025))
    m.again()


def scene_plainer_name_is_there(t):
    """A run that was ended behind its CREATE; the server says of a name that is taken no more than NO."""
    source = small()
    source.add("why!", 3)
    m = Move(t, source=source)
    m.dest.store.add("why=21")
    m.dest.creates = lambda name, use: "NO Invalid mailbox name" if "!" in name else None
    m.dest.on(r"CREATE \"why=21", "$TAG NO Mailbox exists\r\n")
    m.warned(m.migrate())
    m.arrived(folders={"why!": "why=21"})
    t.ok(m.job.events(30025), "the change of the name is told")
    m.again()


@quirk(5, 50)
def scene_twins_by_case(t):
    source = small()
    source.add("Lists", 3)
    source.add("LISTS", 4)
    m = Move(t, source=source)
    m.dest.store.fold_case = True
    m.warned(m.migrate())
    first, second = m.found("Lists"), m.found("LISTS")
    t.ok(first != second, "two folders", first, second)
    m.arrived(folders={"Lists": first, "LISTS": second})
    m.again()


@quirk(5)
def scene_another_name_is_made(t):
    """The server upper-cases names: what LIST shows after CREATE is used."""
    m = Move(t)
    m.dest.creates = lambda name, use: name.upper()
    m.warned(m.migrate())
    m.arrived(folders={"Archive": "ARCHIVE", "Archive/2003": "ARCHIVE/2003"})
    m.again()


@quirk(26, 46)
def scene_exists_already_in_spite_of_list(t):
    """CREATE says that it exists, and LIST did not show it: it is used."""
    m = Move(t)
    hidden = m.dest.store.add("Archive")
    shown = m.dest.list_line
    m.dest.list_line = lambda session, folder, *args, **more: \
        b"" if folder is hidden else shown(session, folder, *args, **more)
    m.warned(m.migrate())
    m.arrived()


def scene_read_only(t):
    m = Move(t, dest=sample(("INBOX", "Archive"), count=0))
    m.dest.read_only = {"Archive"}
    m.dest.append(before="NO [READ-ONLY] Mailbox is read-only", folder="Archive")
    m.lost(m.migrate())
    m.refused("READ-ONLY") if m.dest.transcript.count("APPEND.*Archive ") else None
    missing, doubled = m.counts(exact=True)
    t.ok(not doubled and all(x.startswith("Archive: ") for x in missing) and missing,
         "only that folder is not filled", missing, doubled)
    m.dest.read_only = set()
    m.dest.clear()
    if m.migrate().code != 1:
        m.warned(m.retry())
    m.arrived()


@quirk(46)
def scene_trycreate(t):
    """The folder was there, and is gone at the first message."""
    m = Move(t, dest=sample(("INBOX", "Archive"), count=0))
    m.dest.append(folder="Archive", times=1, before=lambda x: m.dest.store.folders.pop("Archive", None)
                  and "NO [TRYCREATE] no such folder")
    m.until_done(codes=(1,))
    m.arrived()


def scene_deleted_while_it_is_filled(t):
    """What was put there is gone with it: no run says that all is well until it is there again."""
    source = small()
    fill(source["Archive"], 20)
    m = Move(t, source=source, caps=without("MULTIAPPEND"))
    m.dest.append(folder="Archive", do=lambda append: m.dest.store.folders.pop("Archive", None),
                  times=1, skip=9)
    m.migrate()
    if m.last.code == 1:
        m.arrived()
        return
    m.lost(m.last)
    m.until_done(codes=(1,))
    m.arrived()


def scene_source_folder_deleted_in_the_middle(t):
    """It is named, the rest is completed."""
    m = Move(t, source=small(8))
    m.source.on(r"EXAMINE \"?Archive/2003", "$TAG NO [NONEXISTENT] no such folder\r\n")
    m.lost(m.migrate())
    missing, doubled = m.counts(exact=True)
    t.ok(not doubled and all("Archive/2003" in x for x in missing), "the rest", missing, doubled)


def scene_map_of_a_folder_that_is_not_there(t):
    """A mistyped name is told, and by check before; a folder above one that is there is none."""
    m = Move(t)
    rules = ["--map", "Archiv=Old", "--map", "Archive=Kept", "--map", "Archive/2003=Kept/3"]
    words = ["check", m.source.url(), m.dest.url(), "--insecure-plaintext", "--dest-insecure-plaintext"]
    run = t.imex(*words, *rules, env={"IMEX_DEST_PASSWORD": DEST_PASSWORD})
    t.exits(run, 0)
    t.says(run, "no folder for --map 'Archiv=Old'")
    m.warned(m.migrate(*rules, "--folder", "Nowhere", "--folder", "*"))
    t.equal([e["text"] for e in m.job.events(30029)],
            ["no folder matches --folder 'Nowhere'; the source has no folder for --map 'Archiv=Old'"], "events")
    m.arrived(folders={"Archive": "Kept", "Archive/2003": "Kept/3"})
