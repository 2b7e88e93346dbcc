"""A window of internal dates: to the second, nothing fetched outside it, and widened later."""

from scene import *

SINCE, BEFORE = 1068214729, 1068214829      # 2003-11-07T14:18:49Z and 100 s later
WINDOW = ("--since", "2003-11-07T14:18:49Z", "--before", "2003-11-07T14:20:29Z")


def mailbox():
    """UIDs 1 to 6: a second before, first, inside in another zone, last, one after, long after."""
    store = Store()
    times = [(SINCE - 1, 0), (SINCE, 60), (SINCE + 50, -720), (BEFORE - 1, 330), (BEFORE, 0),
             (BEFORE + 86400 * 400, 0)]
    for number, (when, zone) in enumerate(times):
        store["INBOX"].add(letter("INBOX", number), date=imap_date(when, zone))
    return store


def bodies(log):
    return len(re.findall(rb"BODY\[\] \{", log.sent()))


def uids(t, job):
    return sorted(m.uid for m in t.mails(job, "") if m.identity)


def scene_to_the_second(t):
    server = t.server(mailbox())
    job, run = t.extract(server, *WINDOW)
    t.exits(run, 0)
    t.equal(uids(t, job), [2, 3, 4], "what lies in the window")
    t.equal(bodies(server.transcript), 3, "bodies that were fetched")
    t.counts(job, "INBOX", listed=6, stored=3, excluded=3)
    t.ok(job.folder("INBOX").get("proved"), "the folder is proved")
    t.one_event(job, 30082, folder="INBOX")
    t.read_only(server)
    said = job.folder("INBOX").get("excluded_messages")
    t.equal(said, [{"reason": "before --since 2003-11-07T14:18:49Z", "count": 1, "uids": "1"},
                   {"reason": "not before --before 2003-11-07T14:20:29Z", "count": 2,
                    "uids": "5:6"}], "who is left out, and why")
    text = t.imex("report", job).text
    t.matches(text, r"excluded 1: before --since 2003-11-07T14:18:49Z\n +UID 1\n", "the report")
    t.matches(t.imex("report", job, "--format=csv").text, "2: not before --before", "the CSV")
    t.matches(t.imex("report", job, "--format=html").text, "before --since", "the HTML page")
    t.says(run, r"excluded +3 ")
    t.matches(t.imex("status", job).text, "3 excluded", "status")


def scene_no_date_passes(t):
    server = t.server(mailbox())
    server.fetch(uid=1, item="INTERNALDATE", reply=b"NIL")
    server.fetch(uid=5, item="INTERNALDATE", reply=OMIT)
    job, run = t.extract(server, *WINDOW)
    t.exits(run, 0, 1)
    t.equal(uids(t, job), [1, 2, 3, 4, 5], "a message without a date passes")


def scene_wider_later(t):
    server = t.server(mailbox())
    job, run = t.extract(server, *WINDOW)
    t.exits(run, 0)
    mark = server.transcript.mark()
    job, run = t.extract(server, *WINDOW, job=job)
    t.exits(run, 0)
    t.no_bodies(server.transcript.since(mark))
    mark = server.transcript.mark()
    job, run = t.extract(server, "--since", "2003-11-07T14:18:49Z", job=job)
    t.exits(run, 0)
    t.equal(uids(t, job), [2, 3, 4, 5, 6], "the wider window")
    t.equal(bodies(server.transcript.since(mark)), 2, "just the rest was fetched")
    mark = server.transcript.mark()
    job, run = t.extract(server, job=job)
    t.exits(run, 0)
    t.complete(job, server)
    t.no_doubles(job)
    t.equal(bodies(server.transcript.since(mark)), 1, "and the last one")
    t.counts(job, "INBOX", listed=6, stored=6, excluded=0)
    t.read_only(server)


def scene_narrower_later(t):
    """What is stored stays stored, and new mail outside the window is left out."""
    server = t.server(mailbox())
    job, run = t.extract(server)
    t.exits(run, 0)
    server.store["INBOX"].add(letter("INBOX", 9), date=imap_date(SINCE - 5))
    server.store["INBOX"].flag(1, "\\Flagged")
    job, run = t.extract(server, *WINDOW, job=job)
    t.exits(run, 0)
    t.equal(uids(t, job), [1, 2, 3, 4, 5, 6], "nothing is taken away")
    t.counts(job, "INBOX", listed=7, stored=6, excluded=1)
    t.complete(job, server, without=[("INBOX", 7)])


def scene_excluded_then_expunged(t):
    """A message that was never stored leaves nothing behind when the server loses it."""
    server = t.server(mailbox())
    job, run = t.extract(server, *WINDOW)
    t.exits(run, 0)
    server.store["INBOX"].remove(1)
    server.store["INBOX"].remove(2)
    job, run = t.extract(server, *WINDOW, job=job)
    t.exits(run, 0)
    t.counts(job, "INBOX", listed=4, stored=2, excluded=2, expunged=1)
    done = t.imex("verify", job, server.url(), *t.options(server))
    t.exits(done, 0, 1)


def scene_verify_expects_the_window_alone(t):
    """The job keeps its selection: what it left out, and what came since outside it, is no difference."""
    server = t.server(mailbox())
    job, run = t.extract(server, *WINDOW)
    t.exits(run, 0)
    server.store["INBOX"].flag(5, "\\Seen")
    server.store["INBOX"].add(letter("INBOX", 9), date=imap_date(SINCE - 5))
    done = t.imex("verify", job, server.url(), *t.options(server))
    t.exits(done, 0)
    done = t.imex("verify", job, server.url(), "--deep", *t.options(server))
    t.exits(done, 0)
    server.store["INBOX"].add(letter("INBOX", 10), date=imap_date(SINCE + 5))
    done = t.imex("verify", job, server.url(), *t.options(server))
    t.exits(done, 1)
    t.says(done, "arrived after the last run")


def scene_deleted_are_skipped_on_request(t):
    """EM-04: counted and listed, and an option migrates them."""
    server = t.server(mailbox())
    server.store["INBOX"].flag(3, "\\Deleted", "\\Seen")
    job, run = t.extract(server, "--skip-deleted")
    t.exits(run, 0)
    t.equal(uids(t, job), [1, 2, 4, 5, 6], "all but the deleted one")
    t.equal(job.folder("INBOX").get("excluded_messages"),
            [{"reason": "flagged \\Deleted", "count": 1, "uids": "3"}], "it is listed")
    job, run = t.extract(server, job=job)
    t.exits(run, 0)
    t.equal(uids(t, job), [1, 2, 3, 4, 5, 6], "and now it is copied")


def scene_times_of_the_job(t):
    """A date without a zone is one of the job's zone, also when the machine has another."""
    server = t.server(mailbox())
    window = ("--since", "2003-11-07T15:18:49", "--before", "20031107152029")
    job, run = t.extract(server, *window, "--timezone", "Europe/Berlin")
    t.exits(run, 0)
    t.equal(uids(t, job), [2, 3, 4], "in the zone that was said")
    t.equal(job.report()["job"]["zone"], "Europe/Berlin", "the job keeps it")
    job, run = t.extract(server, *window, job=job, env={"TZ": "Asia/Tokyo"})
    t.exits(run, 0)
    t.equal(uids(t, job), [2, 3, 4], "it need not be said again")
    job, run = t.extract(server, *window, "--timezone", "Asia/Tokyo", job=job)
    t.exits(run, 78)
    t.one_line_error(run)


def scene_nonsense(t):
    server = t.server(mailbox())
    job, run = t.extract(server, "--since", "2003-11-08", "--before", "2003-11-07")
    t.exits(run, 64)
    t.one_line_error(run)
    t.equal(server.transcript.commands(), [], "nothing was contacted")


def scene_check_says_what_would_be_left_out(t):
    server = t.server(mailbox())
    run = t.check(server, "--since", "2003-11-07T15:18:49", "--timezone=Europe/Berlin", "--skip-deleted")
    t.exits(run, 0)
    t.says(run, r"Selection +of these, messages from 2003-11-07T14:18:49Z on that are not flagged \\Deleted")


def scene_options_of_other_formats(t):
    server = t.server(mailbox())
    job, run = t.extract(server, "--mbox-status")
    t.exits(run, 64)
    t.one_line_error(run)
    t.says(run, "--mbox-status is for --format mbox; the format is maildir")
    t.equal(server.transcript.commands(), [], "nothing was contacted")
