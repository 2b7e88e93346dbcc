"""A folder of the source that was renamed goes on in the folder of the destination that it had, which gets its
new name where imex made it and nobody is in the way."""

from scene import *
from into import *

RENAMED = 30077


def rename(t, dest=None, **options):
    """(move, mark): what is below Archive too has another name since a first run."""
    m = Move(t, dest=dest, **options)
    m.clean(m.migrate()) if dest is None else m.migrate()
    m.source.store.rename("Archive", "Old mail")
    m.source.store["Old mail"].add(letter("Old mail", 80))
    m.before = m.source.store.snapshot()
    return m, m.dest.transcript.mark()


def renames(m, mark):
    return m.dest.transcript.since(mark).commands("RENAME")


def told(m):
    return {e["folder"]: e["text"] for e in m.job.events(RENAMED)}


def kept(m, folders):
    """The folder has no other name there, and the user is told."""
    new = m.dest.store.get("Old mail")
    m.t.ok(new is None or not new.selectable, "none has the new name")
    m.t.ok(m.dest.store.get("Archive") is not None, "the old one is there")
    m.t.ok("keeps the name 'Archive'" in told(m)["Old mail"], "it is told", told(m))
    m.arrived(folders=folders)
    m.again()


def scene_with_all_below_it(t):
    """One RENAME takes along what lies below; subscriptions follow; only what is new is sent."""
    m, mark = rename(t)
    m.warned(m.migrate())
    since = m.dest.transcript.since(mark)
    t.equal(since.commands("RENAME"), ['RENAME "Archive" "Old mail"'], "what was renamed")
    t.equal(len(since.commands("APPEND")), 1, "what was sent")
    t.never_sent(since, "CREATE", "DELETE")
    m.arrived()
    t.equal(sorted(m.dest.store.folders), sorted(m.source.store.folders), "folders there")
    t.equal([f.name for f in m.dest.store if not f.subscribed and f.name != "INBOX"], [], "none is not subscribed to")
    t.equal(m.dest.stale, set(), "names that are subscribed to, and no folder has")
    t.equal(sorted(told(m)), ["Old mail", "Old mail/2003"], "what was told")
    t.ok(not any("keeps" in text for text in told(m).values()), "nothing keeps its name", told(m))
    m.again()
    mark = m.dest.transcript.mark()
    m.source.store.rename("Old mail", "Archive")
    m.before = m.source.store.snapshot()
    m.warned(m.migrate())
    t.equal(renames(m, mark), ['RENAME "Old mail" "Archive"'], "and back")
    m.arrived()
    m.again()


def scene_old_name_again(t):
    """Another folder of the source has the name now: it is made, and they are not mixed."""
    m, mark = rename(t)
    m.source.store.add("Archive", 2)
    m.before = m.source.store.snapshot()
    m.warned(m.migrate())
    t.equal(len(renames(m, mark)), 1, "renamed")
    m.arrived()
    m.again()


def scene_one_takes_the_name_of_another(t):
    m = Move(t, source=sample(("INBOX", "Archive", "Sent"), count=4))
    m.clean(m.migrate())
    m.source.store.rename("Sent", "Sent 2003")
    m.source.store.rename("Archive", "Sent")
    m.before, mark = m.source.store.snapshot(), m.dest.transcript.mark()
    m.warned(m.migrate())
    t.equal(len(renames(m, mark)), 2, "renamed")
    t.never_sent(m.dest.transcript.since(mark), "APPEND", "CREATE")
    m.arrived()
    m.again()


def scene_below_another(t):
    """Its parent on the destination is made by RENAME itself."""
    m = Move(t)
    m.clean(m.migrate())
    m.source.store.rename("Archive/2003", "Years/Old/2003")
    m.before, mark = m.source.store.snapshot(), m.dest.transcript.mark()
    m.warned(m.migrate())
    t.equal(renames(m, mark), ['RENAME "Archive/2003" "Years/Old/2003"'], "renamed")
    t.never_sent(m.dest.transcript.since(mark), "APPEND")
    m.arrived()
    m.again()


def scene_servers_that_leave_what_lies_below(t):
    """Each is renamed by itself then."""
    m, mark = rename(t)

    @m.dest.on("RENAME")
    def alone(call):
        old, new = re.findall('"([^"]*)"', call.text)
        folder = m.dest.store.folders.pop(old)
        folder.name, folder.subscribed = new, False
        m.dest.store.folders[new] = folder
        return "$TAG OK renamed\r\n"
    m.warned(m.migrate())
    t.equal(len(renames(m, mark)), 2, "renamed")
    t.equal(len(m.dest.transcript.since(mark).commands("APPEND")), 1, "what was sent")
    m.arrived()
    m.again()


def scene_refused(t):
    for answer in ("NO [CANNOT] no", "BAD what?", "OK done"):
        m, mark = rename(t)
        m.dest.on("RENAME", f"$TAG {answer}\r\n")
        m.warned(m.migrate())
        t.ok(renames(m, mark), "it was tried")
        kept(m, {"Old mail": "Archive", "Old mail/2003": "Archive/2003"})
        if not answer.startswith("OK"):
            m.refused(re.escape(answer), level="warning")


def scene_refused_and_tried_again(t):
    """Once in each run, until the server does it; what lies below waits for what is above."""
    m, mark = rename(t)
    m.dest.on("RENAME", "$TAG NO [CANNOT] no\r\n")
    m.warned(m.migrate())
    for _ in range(2):
        mark, before = m.dest.transcript.mark(), len(m.job.events(RENAMED))
        m.warned(m.migrate())
        t.equal(renames(m, mark), ['RENAME "Archive" "Old mail"'], "what was tried")
        t.equal(len(m.job.events(RENAMED)), before + 1, "it is told once")
        t.ok("keeps the name 'Archive'" in told(m)["Old mail"], "it is told", told(m))
        t.never_sent(m.dest.transcript.since(mark), "APPEND", "CREATE")
    m.dest.clear()
    mark = m.dest.transcript.mark()
    m.warned(m.migrate())
    t.equal(renames(m, mark), ['RENAME "Archive" "Old mail"'], "what was renamed")
    t.never_sent(m.dest.transcript.since(mark), "APPEND", "CREATE")
    t.ok("is called 'Old mail' there now" in told(m)["Old mail"], "it is told", told(m))
    m.arrived()
    t.equal(sorted(m.dest.store.folders), sorted(m.source.store.folders), "folders there")
    mark = m.dest.transcript.mark()
    m.again()
    t.equal(renames(m, mark), [], "nothing is left to be tried")


def scene_refused_and_then_taken(t):
    """Somebody has made a folder of that name since: it is not tried while that is there, and not when the source has
    given the folder another name."""
    m, mark = rename(t)
    m.dest.on("RENAME", "$TAG NO [CANNOT] no\r\n")
    m.warned(m.migrate())
    m.dest.clear()
    m.dest.store.add("Old mail", 2)
    mark = m.dest.transcript.mark()
    m.warned(m.migrate())
    t.equal(renames(m, mark), [], "what was tried")
    m.source.store.rename("Old mail", "Older mail")
    m.before, mark = m.source.store.snapshot(), m.dest.transcript.mark()
    m.warned(m.migrate())
    t.equal(renames(m, mark), ['RENAME "Archive" "Older mail"'], "what was renamed")
    t.equal(len(m.dest.store["Old mail"]), 2, "what somebody has made is as it was")
    m.arrived()
    mark = m.dest.transcript.mark()
    m.again()
    t.equal(renames(m, mark), [], "nothing is left to be tried")


def scene_refused_and_done(t):
    """A server may refuse for what lies below, or after the deed: the listing says what was done."""
    for answer in ("NO [SERVERBUG] not all of it", "BAD what?"):
        m, mark = rename(t)

        @m.dest.on("RENAME")
        def do(call):
            m.dest.store.rename(*re.findall('"([^"]*)"', call.text))
            return f"$TAG {answer}\r\n"
        m.warned(m.migrate())
        t.equal(len(renames(m, mark)), 1, "renamed")
        t.equal(len(m.dest.transcript.since(mark).commands("APPEND")), 1, "what was sent")
        m.refused(re.escape(answer))
        m.arrived()
        m.again()


def scene_listing_lags_behind(t):
    """It shows a folder by neither name: another connection is asked."""
    m, mark = rename(t)
    lags = []

    @m.dest.on("RENAME", times=1)
    def do(call):
        m.dest.store.rename(*re.findall('"([^"]*)"', call.text))
        lags.append(1)
        return "$TAG OK renamed\r\n"

    @m.dest.on("LIST")
    def lag(call):
        return "* LIST () \"/\" INBOX\r\n$TAG OK listed\r\n" if lags and lags.pop() else None
    m.warned(m.migrate())
    t.equal(len(renames(m, mark)), 1, "renamed")
    t.equal(len(m.dest.transcript.since(mark).commands("APPEND")), 1, "what was sent")
    m.arrived()
    m.again()


def scene_renamed_there_by_hand(t):
    """It is recognised there by its UIDVALIDITY, where nothing else has that."""
    m, mark = rename(t)
    m.dest.store.rename("Archive", "Old mail")
    m.warned(m.migrate())
    t.equal(renames(m, mark), [], "renamed")
    t.equal(len(m.dest.transcript.since(mark).commands("APPEND")), 1, "what was sent")
    m.arrived()
    m.again()


def scene_another_with_its_name_and_number(t):
    """Where a server gives many folders one UIDVALIDITY it says nothing: the new name is somebody else's."""
    m, mark = rename(t)
    m.dest.store.folders.pop("Archive")
    m.dest.store.add("Old mail", 4).uidvalidity = m.dest.store["Archive/2003"].uidvalidity = 1750000002
    m.foreign = {("Old mail", x.uid): (x.raw, set(x.flags)) for x in m.dest.store["Old mail"]}
    m.warned(m.migrate())
    t.equal(renames(m, mark), [], "renamed")
    m.arrived(folders={"Old mail": "Archive", "Old mail/2003": "Archive/2003"})


def scene_shared_below(t):
    """Another account of the job has copies in a folder below it, and none in it."""
    m = Move(t)
    theirs = Store(first=1760000000)
    fill(theirs.add("Archive/2003", 0), 3)
    other = t.server(theirs, tls=None, user="carol")
    m.dest.sources += (theirs,)
    m.warned(m.migrate())
    m.warned(m.migrate(source=other.url()))
    before, mark = m.snapshot(), m.dest.transcript.mark()
    m.source.store.rename("Archive", "Old mail")
    m.warned(m.migrate())
    m.warned(m.migrate(source=other.url()))
    t.equal(renames(m, mark), [], "renamed")
    t.equal(m.snapshot() == before, True, "nothing has changed there")


def scene_not_made_by_imex(t):
    """What lies below it was, and goes by itself."""
    m, mark = rename(t, dest=sample(("INBOX", "Archive"), count=3, first=1750000000))
    m.warned(m.migrate())
    t.equal([c for c in renames(m, mark) if '"Archive"' in c], [], "renamed")
    kept(m, {"Old mail": "Archive"})


def scene_somebody_elses_below_it(t):
    m, mark = rename(t)
    m.dest.store.add("Archive/mine", 3)
    m.warned(m.migrate())
    t.equal([c for c in renames(m, mark) if '"Archive"' in c], [], "renamed")
    t.equal(len(m.dest.store["Archive/mine"]), 3, "what is not of imex")
    kept(m, {"Old mail": "Archive"})


def scene_one_below_stays(t):
    """On the source what lay below kept its name."""
    m = Move(t)
    m.clean(m.migrate())
    folders = m.source.store.folders
    folders["Old mail"] = folders.pop("Archive")
    folders["Old mail"].name = "Old mail"
    m.before, mark = m.source.store.snapshot(), m.dest.transcript.mark()
    m.warned(m.migrate())
    t.equal(renames(m, mark), [], "renamed")
    kept(m, {"Old mail": "Archive"})


def scene_new_name_is_taken(t):
    for name in "Old mail", "OLD MAIL":
        m, mark = rename(t)
        m.dest.store.add(name, 1)
        m.foreign = {(name, x.uid): (x.raw, set(x.flags)) for x in m.dest.store[name]}
        m.warned(m.migrate())
        t.equal([c for c in renames(m, mark) if '"Archive"' in c], [], "renamed")
        t.equal(len(m.dest.store[name]), 1, "messages in the other folder")
        t.ok("keeps the name 'Archive'" in told(m)["Old mail"], "it is told", told(m))


def scene_connection_lost_at_it(t):
    """Before it was done, or after: it is looked for under both names."""
    for done in (False, True):
        m, mark = rename(t)

        @m.dest.on("RENAME", times=1)
        def cut(call):
            if done:
                old, new = re.findall('"([^"]*)"', call.text)
                m.dest.store.rename(old, new)
            return Cut
        m.warned(m.migrate())
        t.equal(len(renames(m, mark)), 1 if done else 2, "renamed")
        t.equal(len(m.dest.transcript.since(mark).commands("APPEND")), 1, "what was sent")
        t.never_sent(m.dest.transcript.since(mark), "CREATE")
        m.arrived()
        m.again()


def scene_killed_at_it(t):
    """Between RENAME and the commit; by the next run it may have yet another name on the source."""
    for later in (None, "Older mail", "Archive"):
        m, mark = rename(t)

        @m.dest.on("RENAME", times=1)
        def kill(call):
            old, new = re.findall('"([^"]*)"', call.text)
            m.dest.store.rename(old, new)
            m.running.signal(9)
            return Cut
        m.running = m.start()
        m.running.wait()
        if later:
            m.source.store.rename("Old mail", later)
            m.before = m.source.store.snapshot()
        m.warned(m.migrate())
        t.equal(len(renames(m, mark)), 2 if later else 1, "renamed")
        t.equal(len(m.dest.transcript.since(mark).commands("APPEND")), 1, "what was sent")
        t.never_sent(m.dest.transcript.since(mark), "CREATE")
        m.arrived()
        m.again()


def scene_made_by_a_run_that_did_not_end(t):
    """Folders are made at once, and filled one after the other: of those that were not opened imex knows, too."""
    m = Move(t)
    m.dest.append(do=lambda append: m.running.signal(9), times=1)
    m.running = m.start()
    m.running.wait()
    m.warned(m.migrate())
    m.source.store.rename("Archive", "Old mail")
    m.before, mark = m.source.store.snapshot(), m.dest.transcript.mark()
    m.warned(m.migrate())
    t.equal(len(renames(m, mark)), 1, "renamed")
    m.arrived()


def scene_another_uidvalidity(t):
    """Old Cyrus gives a folder another one with its name: its mail is looked for there, and not sent again."""
    m, mark = rename(t)

    @m.dest.on("RENAME")
    def renumber(call):
        old, new = re.findall('"([^"]*)"', call.text)
        m.dest.store.rename(old, new)
        for name in "Old mail", "Old mail/2003":
            m.dest.store[name].uidvalidity += 1000
        return "$TAG OK renamed\r\n"
    m.warned(m.migrate())
    t.equal(len(m.dest.transcript.since(mark).commands("APPEND")), 1, "what was sent")
    m.arrived()
    m.again()


def scene_left_out_when_it_was_renamed(t):
    m = Move(t)
    m.clean(m.migrate())
    store = m.source.store
    name = next(n for n in store.folders if n != "INBOX" and "/" not in n)
    m.migrate("--folder", "INBOX")
    store.rename(name, "Other")
    m.migrate("--folder", "INBOX")
    m.before, mark = store.snapshot(), m.dest.transcript.mark()
    m.warned(m.migrate())
    t.ok("Other" in [e["folder"] for e in m.job.events(RENAMED)], "it is told")
    t.equal(len(renames(m, mark)), 1, "renamed")
    t.never_sent(m.dest.transcript.since(mark), "APPEND", "CREATE")


def scene_names_that_were_swapped(t):
    """Each goes on in the folder of the destination that it had: nothing is sent, and nothing mixed."""
    m = Move(t)
    m.clean(m.migrate())
    before = {name: sorted(x.raw for x in m.dest.store[name]) for name in m.dest.store.folders}
    store = m.source.store
    for old, new in (("Archive", "aside"), ("Archive/2003", "Archive"), ("aside", "Archive/2003")):
        store.folders[new] = store.folders.pop(old)
        store.folders[new].name = new
    m.before, mark = store.snapshot(), m.dest.transcript.mark()
    m.warned(m.migrate())
    t.equal(sorted(e["folder"] for e in m.job.events(RENAMED)), ["Archive", "Archive/2003"], "what was told")
    t.never_sent(m.dest.transcript.since(mark), "APPEND", "CREATE", "RENAME")
    t.equal({name: sorted(x.raw for x in m.dest.store[name]) for name in m.dest.store.folders}, before, "what is there")
