"""imex control: the Migration Wizard's control file and list, two accounts, one with a wrong password."""

from scene import *
import base64
import imexrun
import json

HEADER = "IMAP_Mailbox,IMAP_Password,SMTP_Address,IMAP_Server,Ex_Mailbox,IMAP_Port,IMAP_SSL\r\n"
WRONG = "Wr0ng,\"pass"


def quoted(text):
    return '"' + text.replace('"', '""') + '"'


def row(server, user, password, ssl="Yes"):
    return f"{user},{quoted(password)},{user}@example.org,127.0.0.1,,{server.port},{ssl}\r\n"


class Files:
    """A control file and its list in a directory of their own; out/ is to be the job."""

    def __init__(self, t, rows, control=(), code="utf-8", first="Mode, IMAP", function="EXTRACT"):
        self.t = t
        self.base = t.tmpdir("control")
        self.path = os.path.join(self.base, "imap.ctl")
        lines = ["! a sample", first, f"Function,{function}", "File,out", "Accounts, users.csv",
                 *control]
        self.write("imap.ctl", "\r\n".join(lines) + "\r\n", code)
        self.write("users.csv", HEADER + "".join(rows), code)
        self.job = Job(t, os.path.join(self.base, "out"))

    def write(self, name, text, code="utf-8"):
        path = os.path.join(self.base, name)
        with open(path, "wb") as file:
            file.write(text.encode(code))
        os.chmod(path, 0o600)

    def run(self, server, *args, **run):
        run.setdefault("password", None)
        # With a server to go to there is no format.
        form = () if "--dest" in args else ("--format=maildir",)
        return self.t.imex("control", self.path, *form, *self.t.options(server), *args, **run)


def scene_one_wrong_password(t):
    server = t.server()
    files = Files(t, [row(server, "usuario2", WRONG), row(server, USER, PASSWORD)])
    run = files.run(server)
    t.exits(run, 2)
    t.secret_free(files.job, run, PASSWORD, WRONG, "Wr0ng")
    t.says(run, r"\[1/2\] usuario2 on 127.0.0.1: failed: ")
    t.says(run, r"\[2/2\] usuario on 127.0.0.1: complete, 2\d of 24 messages stored")
    t.says(run, r"2 accounts: 1 complete, 0 complete with warnings, 1 failed")
    t.read_only(server)
    # The other account may have several connections, when the server is slow.
    t.sent_once(server, "AUTHENTICATE PLAIN " + base64.b64encode(b"\0usuario2").decode())
    begun = t.one_event(files.job, 10002)
    ended = t.one_event(files.job, 10068)
    t.matches(begun.get("text", ""), "function EXTRACT of source IMAP, 2 accounts", "event 10002")
    t.matches(ended.get("text", ""), r"extraction: accounts 2, .* errors 1;.* import: none", "event 10068")
    t.one_event(files.job, 10003)
    for event in files.job.events():
        t.ok(not re.search("%[1-9]", event.get("text", "")), "EM-40: no unfilled inserts", event)
    numbers = [e["event"] for e in files.job.events()]
    t.equal((numbers[0], numbers[-1]), (10002, 10068), "the first and the last event")
    accounts = {a["account"]: a["status"] for a in files.job.report()["accounts"]}
    t.equal(sorted(accounts.values()), ["done", "failed"], "the report has both accounts")


def scene_deleted_mail_and_dates(t):
    """EM-04, and EmailEnd is the last second that counts."""
    store = Store()
    for number, when in enumerate((1068214728, 1068214729, 1068214800, 1068214801, 1068214750)):
        store["INBOX"].add(letter("INBOX", number), ["\\Deleted"] if number == 4 else [],
                           imap_date(when))
    server = t.server(store)
    window = ["EmailStart,20031107141849", "EmailEnd,20031107142000"]
    files = Files(t, [row(server, USER, PASSWORD)], window)
    run = files.run(server)
    t.exits(run, 0)
    t.equal(sorted(m.uid for m in t.mails(files.job, "")), [2, 3], "what was extracted")
    left = files.job.folder("INBOX")["excluded_messages"]
    t.equal([(e["reason"].split(" 2003")[0], e["uids"]) for e in left],
            [("before --since", "1"), ("not before --before", "4"), ("flagged \\Deleted", "5")],
            "what was left out")
    t.says(run, "excluded  3")
    run = files.run(server, "--skip-deleted=no")
    t.exits(run, 0)
    t.equal(sorted(m.uid for m in t.mails(files.job, "")), [2, 3, 5], "an option migrates them")
    run = t.imex("retry", files.job, *t.options(server))
    t.exits(run, 0)
    t.says(run, "Nothing to retry")


def scene_warnings_end_with_1(t):
    server = t.server()
    server.fetch(uid=2, item="RFC822.SIZE", reply=b"7")
    files = Files(t, [row(server, USER, PASSWORD)])
    run = files.run(server)
    t.exits(run, 1)
    t.says(run, "complete with warnings")


def scene_plan(t):
    """--dry-run says what would be done, with the exchange format and in the machine's code page."""
    server = t.server()
    rows = [row(server, "m\u00fcller", "ge heim"), row(server, USER, PASSWORD, "")]
    files = Files(t, rows, ["Port,389", "EmailEnd,20031107142000"], code="cp1252")
    run = t.imex("control", files.path, "-n", password=None)
    t.exits(run, 0)
    t.says(run, "Function EXTRACT; nothing was contacted")
    t.says(run, r"/out, format exchange, code page 1252, zone UTC")
    t.says(run, "before 2003-11-07T14:20:01Z, but none that is flagged")
    t.says(run, "No effect  Port")
    t.says(run, rf"m\u00fcller on 127.0.0.1 port {server.port}, TLS, for m\u00fcller@example.org")
    t.says(run, rf"usuario on 127.0.0.1 port {server.port}, STARTTLS, for")
    t.ok(not os.path.exists(files.job.path), "nothing was made")
    t.ok(b"ge heim" not in run.out + run.err, "no password is shown")
    run = t.imex("control", files.path, "-n", "--json", "--to", "/else", password=None)
    plan = json.loads(run.out)
    t.equal((plan["dir"], plan["before"], len(plan["accounts"])), ("/else", "2003-11-07T14:20:01Z", 2),
            "the plan as JSON")
    t.equal(server.transcript.commands(), [], "nothing was contacted")


def scene_faults_of_both_files_at_once(t):
    server = t.server()
    rows = [row(server, USER, PASSWORD, "maybe"), row(server, "b", ""), "c,p\r\n"]
    files = Files(t, rows, ["Emial,TRUE", "EmailStart,2003"])
    run = files.run(server)
    t.exits(run, 2)
    for says in (r"imap.ctl:6: unknown keyword 'Emial'; did you mean Email\?",
                 r"imap.ctl:7: EmailStart: '2003' is not accepted; 14 digits",
                 r"users.csv:2: column 7, IMAP_SSL: Y, Yes,",
                 r"users.csv:3: IMAP_Password is empty, and there is no",
                 r"users.csv:4: column 3, SMTP_Address, is missing",
                 r"5 faults; nothing was contacted"):
        t.says(run, says)
    t.ok(not os.path.exists(files.job.path), "nothing was made")
    t.equal(server.transcript.commands(), [], "nothing was contacted")
    t.exits(t.imex("control", os.path.join(files.base, "none.ctl")), 2)


def scene_empty_passwords_come_from_elsewhere(t):
    server = t.server()
    files = Files(t, [row(server, USER, "")])
    run = files.run(server, password=PASSWORD)
    t.exits(run, 0)
    t.secret_free(files.job, run, PASSWORD)


def scene_what_cannot_be_done(t):
    server = t.server()
    one, dest = [row(server, USER, PASSWORD)], "imaps://%u@new.example.org/"
    for function in ("FULL", "IMPORT"):
        files = Files(t, one, function=function)
        run = files.run(server)
        t.exits(run, 2)
        t.one_line_error(run)
        t.says(run, rf"Function {function} .* Name the server, as --dest .*Function,EXTRACT")
    files = Files(t, [], first="Mode,FILE", function="FULL")
    run = files.run(server)
    t.exits(run, 2)
    t.says(run, "Mode FILE imports migration files.*imex import FOLDER DEST --account")
    run = Files(t, one).run(server, "--dest", dest)
    t.exits(run, 2)
    t.says(run, "--dest is for Function FULL and IMPORT")
    run = Files(t, one, function="IMPORT").run(server, "--dest", dest)
    t.exits(run, 2)
    t.says(run, "needs what Function EXTRACT stored")
    two = one + [row(server, "usuario2", WRONG)]
    run = Files(t, two, function="FULL").run(server, "--dest", "imaps://all@new.example.org/")
    t.exits(run, 2)
    t.says(run, "all 2 accounts would go to one; write %u")
    twins = one + [row(server, USER, WRONG).replace("127.0.0.1", "localhost")]
    run = Files(t, twins, function="FULL").run(server, "--dest", dest)
    t.exits(run, 2)
    t.says(run, "users.csv:3: .*would be the destination as it is of line 2")
    run = Files(t, one, function="FULL").run(server, "--dest", dest, "--format=mbox")
    t.exits(run, 2)
    t.says(run, "--format is for files, and --dest is a server")
    t.equal(server.transcript.commands(), [], "nothing was contacted")


def scene_refusals_in_a_row(t):
    """Five logins refused in a row: the server is left alone, so that nobody is locked out."""
    server, other = t.server(), t.server()
    rows = [row(server, f"u{n}", "x") for n in range(8)]
    there = row(other, USER, PASSWORD).replace("127.0.0.1", "localhost")
    files = Files(t, rows + [there])
    run = files.run(server, "--insecure-tls", "--jobs", "8")
    t.exits(run, 2)
    t.sent_times(server, "LOGIN|AUTHENTICATE", 5)
    t.says(run, r"\[\d/9\] u\d on 127.0.0.1: failed: not tried, since 127.0.0.1:\d+ refused 5 logins")
    t.says(run, r"\[\d/9\] usuario on localhost: complete")
    t.says(run, r"8 failed \(3 of them not tried\)")


def scene_no_mail_wanted(t):
    server = t.server()
    files = Files(t, [row(server, USER, PASSWORD)], ["Email,FALSE"])
    run = files.run(server)
    t.exits(run, 0)
    t.no_bodies(server)
    t.ok(all(f["excluded_by_selection"] for f in files.job.report()["accounts"][0]["folders"]),
         "every folder is listed as excluded")


def scene_run_again(t):
    """The same command goes on: what is stored is not read again, the failed account is tried."""
    server = t.server()
    files = Files(t, [row(server, "usuario2", PASSWORD), row(server, USER, PASSWORD)])
    t.exits(files.run(server), 2)
    files.write("users.csv", HEADER + row(server, USER, PASSWORD))
    mark = server.transcript.mark()
    run = files.run(server, "--json", "-q")
    t.exits(run, 0)
    t.equal(len(json.loads(run.out)["accounts"]), 2, "the report as JSON, once")
    t.no_bodies(server.transcript.since(mark))


def scene_a_list_that_others_can_read(t):
    server = t.server()
    files = Files(t, [row(server, USER, PASSWORD)])
    os.chmod(os.path.join(files.base, "users.csv"), 0o644)
    run = files.run(server)
    t.exits(run, 0)
    t.says(run, r"other users can read '.*users.csv'; chmod 600 it")


def scene_interrupted(t):
    """Ctrl-C ends the account at hand and all behind it; the same command goes on."""
    server = t.server(sample(count=30))
    gate = server.hold(uid=3, folder="INBOX")
    files = Files(t, [row(server, USER, PASSWORD), row(server, "usuario2", PASSWORD)])
    run = imexrun.start(t, "control", files.path, "--format=maildir", "--jobs", "1", *t.options(server),
                        password=None)
    gate.must_be_reached(t)
    run.interrupt()
    gate.open()
    t.exits(run.wait(), 2)
    t.says(run, r"2 failed \(1 of them not tried\)")
    t.says(run, "run the same command again")
    t.sent_times(server, "LOGIN|AUTHENTICATE", 1)
    t.equal(files.job.events()[-1]["event"], 10068, "the summary is written also after a failure")
    files.write("users.csv", HEADER + row(server, USER, PASSWORD))
    t.exits(files.run(server, "--skip-deleted=no"), 0)
    t.complete(files.job, server)


def scene_no_room(t):
    """What would fail for every account ends it all, once."""
    server = t.server()
    files = Files(t, [row(server, USER, PASSWORD), row(server, "usuario2", PASSWORD)])
    os.mkdir(files.job.path)
    with open(os.path.join(files.job.path, "theirs.txt"), "wb"):
        pass
    run = files.run(server)
    t.exits(run, 2)
    t.one_line_error(run)
    t.says(run, "is no job directory of imex and not empty")
    t.equal(server.transcript.commands(), [], "nothing was contacted")
