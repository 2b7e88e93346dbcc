"""The commands around a migration: status, report, verify, undo; and what they refuse."""

import json
import signal

from scene import *
from confinement import kernel_can_confine, keeps_to_itself
from into import *
from terminal import on_terminal

PLAIN = ["--dest-insecure-plaintext", "--insecure-plaintext"]
ENV = {"IMEX_DEST_PASSWORD": DEST_PASSWORD}


def imex(m, *words, code=0, **more):
    run = m.t.imex(*words, env=more.pop("env", ENV), password=more.pop("password", PASSWORD), **more)
    m.t.exits(run, code)
    m.t.secret_free(m.job, run, PASSWORD, DEST_PASSWORD)
    return run


def place(m):
    return f"bob@127.0.0.1:{m.dest.port}"


def scene_where_it_went_is_told(t):
    m = Move(t)
    m.warned(m.migrate("--map", "Archive=Old/Mail"))
    m.arrived(folders={"Archive": "Old/Mail", "Archive/2003": "Old/Mail/2003"})
    t.says(m.last, f"went to +{place(m)}")
    t.says(imex(m, "status", m.job), f"^alice@\\S+ to {place(m)}: complete with warnings")
    text = imex(m, "report", m.job)
    t.says(text, "(?m)^migrate to a server$")
    t.says(text, f"(?m)^  to {place(m)}$")
    t.says(text, "(?m)^    to Old/Mail/2003$")
    account = m.job.report()["accounts"][0]
    t.equal(account["dest"], place(m), "dest in report.json")
    t.equal({f["name"]: f["dest_name"] for f in account["folders"]},
            {"INBOX": "INBOX", "Archive": "Old/Mail", "Archive/2003": "Old/Mail/2003"}, "names there")


def scene_verify_needs_no_address(t):
    m = Move(t)
    m.warned(m.migrate())
    t.says(imex(m, "verify", m.job, "--deep"), "12 messages .* byte for byte: equal")
    m.dest.store["INBOX"].messages.pop()
    run = imex(m, "verify", m.job, code=2)
    t.says(run, "DIFFERENT +alice INBOX UID 4: message missing on the target")


def scene_undo_asks_and_takes_only_its_own(t):
    dest = Store()
    dest["INBOX"].add(letter("INBOX", 77))
    m = Move(t, dest=dest)
    m.warned(m.migrate())
    m.arrived()
    run = imex(m, "undo", m.job, code=1)
    t.says(run, "nothing was removed.*--yes")
    m.arrived()
    run = imex(m, "undo", m.job, "--dry-run")
    t.says(run, "12 messages")
    m.arrived()
    run = imex(m, "undo", m.job, m.dest.url(), "--yes")
    t.says(run, "12 messages were removed")
    t.equal({f.name: [u.uid for u in f] for f in m.dest.store if len(f)}, {"INBOX": [1]}, "what is left")
    t.equal({k: m._of(*k) for k in m.foreign}, m.foreign, "what was there before")
    m.warned(m.migrate())
    m.arrived()


def scene_undo_after_a_narrower_run(t):
    """The last run copied one folder alone: what the earlier one put there goes, too, unless undo is narrowed itself."""
    m = Move(t)
    m.warned(m.migrate())
    m.warned(m.migrate("--folder", "INBOX", "--exclude", "Archive*"))
    run = imex(m, "undo", m.job, "--exclude", "INBOX", "--dry-run")
    t.says(run, "8 messages were put there")
    run = imex(m, "undo", m.job, "--folder", "Archive", "--yes")
    t.says(run, "4 messages were removed")
    run = imex(m, "undo", m.job, "--yes")
    t.says(run, "8 messages were removed")
    t.equal([f.name for f in m.dest.store if len(f)], [], "folders that are not empty")


def scene_undo_of_what_is_in_doubt(t):
    """The run was killed before it knew of its messages: undo does not say that all is gone, until a run has told them."""
    m = Move(t)
    gate = Gate()
    m.dest.on('SELECT "?Archive"?$', [gate])
    m.dest.on("UID FETCH", [gate])
    m.start()
    gate.must_be_reached(t)
    m.last.signal(signal.SIGKILL).wait()
    gate.open()
    m.dest.clear()
    m.dest.store["INBOX"].add(letter("INBOX", 77))
    for words in (["--dry-run"], ["--yes"], ["--yes", "--json"]):
        run = imex(m, "undo", m.job, *words, code=2)
        t.says(run, "4 messages were on their way when the run ended, and 5 there, from UID 1 on, may be")
        t.equal(len(m.dest.store["INBOX"]), 5, "messages that are there")
    t.equal(json.loads(run.out)["doubtful"], 5, "doubtful ones in JSON")
    m.until_done()
    imex(m, "undo", m.job, "--yes")
    t.equal([(f.name, x.own) for f in m.dest.store for x in f], [("INBOX", False)], "what is left")


def scene_undo_on_a_terminal(t):
    """It asks; only a yes removes, and Ctrl-C is no yes."""
    m = Move(t)
    m.warned(m.migrate())
    env = {**ENV, "HOME": t.tmpdir("home"), "TERM": "dumb"}
    words = [*imexrun.program(), "undo", m.job.path, "--dest-insecure-plaintext"]
    for key, code in ((b"\n", 1), (b"n\n", 1), (b"\x03", 75), (b"y\n", 0)):
        m.arrived()
        got, drawn = on_terminal(words, env, [key])
        t.equal(got, code, f"exit code after {key}: {drawn[-200:]}")
        t.ok(f"Remove 12 messages from {place(m)}? [y/N]".encode() in drawn, "it asks", drawn[-200:])
    t.equal({f.name: len(f) for f in m.dest.store}, {"INBOX": 0, "Archive": 0, "Archive/2003": 0}, "what is left")


def scene_the_way_of_folders_is_shown(t):
    """check SOURCE DEST and migrate --dry-run: both logged in to, nothing changed."""
    m = Move(t)
    words = [w for w in m.words("--map", "Archive=Old") if w not in ("--doubt-wait", "2s")]
    at = words.index("--job")
    for run in (imex(m, "check", *words[1:at], *words[at + 2:]), imex(m, *words, "--dry-run")):
        t.says(run, r"(?m)^  Archive/2003 +4 +-> Old/2003 +to be made$")
        t.says(run, r"(?m)^  to be copied +12")
    t.never_sent(m.dest, "CREATE|APPEND|SUBSCRIBE")
    m.t.read_only(m.source)
    t.ok(not os.path.exists(m.job.path), "no job directory was made")
    run = imex(m, "check", m.source.url(), m.source.url(), *words[at + 2:], code=64,
               env={"IMEX_DEST_PASSWORD": PASSWORD})
    t.one_line_error(run)
    run = imex(m, "check", *words[1:at], *words[at + 2:], "--map", "INBOX=Old", code=64)
    t.one_line_error(run)


def scene_undo_of_one_account(t):
    """Two accounts went to one destination by one job: only one is taken back."""
    m = Move(t)
    m.warned(m.migrate())
    theirs = Store()
    theirs["INBOX"].add(letter("INBOX", 40))
    other = t.server(theirs, tls=None, user="carol")
    run = m.migrate(source=other.url())
    t.exits(run, 1)
    # What came from the other one is no copy of this one's mail.
    t.says(imex(m, "verify", m.job, code=1), "13 messages .* 0 different, 5 more explained")
    t.says(imex(m, "verify", m.job, "--account", "carol", code=1), "1 message .* 0 different, 4 more")
    for words in (["verify"], ["retry", "--insecure-plaintext"], ["undo", "--yes"]):
        t.one_line_error(imex(m, *words, m.job, "--account", "dave", code=66))
    t.says(imex(m, "retry", m.job, "--account", "carol", *PLAIN), "Nothing to retry")
    run = imex(m, "undo", m.job, "--account", "carol", "--yes")
    t.says(run, "1 message was removed")
    m.arrived()


def scene_another_destination_is_refused(t):
    m, other = Move(t), t.serve(Target(Store(), tls=None, password=DEST_PASSWORD))
    m.warned(m.migrate())
    for words in (m.words(dest=other.url()), ["undo", m.job, other.url(), "--yes"]):
        run = imex(m, *words, code=78)
        t.one_line_error(run)
        t.says(run, "begun with the destination")
    t.equal(other.transcript.commands(), [], "it was not contacted")


def scene_the_job_is_of_one_kind(t):
    """What makes files has no business in the job of a move, and the other way round."""
    m = Move(t)
    m.warned(m.migrate())
    run = imex(m, "extract", m.source.url(), "--to", m.job, "--insecure-plaintext", code=78)
    t.one_line_error(run)
    t.says(run, "migrate")
    run = imex(m, "convert", m.job, "--to", m.job.path + "2", "--format", "mbox", code=66)
    t.one_line_error(run)
    run = imex(m, "import", m.job, m.dest.url(), "--dest-insecure-plaintext", code=66)
    t.one_line_error(run)
    t.ok(not os.path.exists(os.path.join(m.job.path, "import")), "no job of an import was made")
    t.extract(m.source, job=Job(t, m.job.path + "3"))
    words = m.words()
    words[words.index("--job") + 1] = m.job.path + "3"
    t.one_line_error(imex(m, *words, code=78))
    t.says(imex(m, "retry", m.job, *PLAIN), "Nothing to retry.*imex migrate SOURCE DEST --job")
    run = imex(m, "verify", m.job, "--job", m.job.path + "4", code=64)
    t.one_line_error(run)


def scene_json(t):
    """What programs read is JSON, and nothing else is on standard output."""
    m = Move(t)
    run = m.migrate("--json")
    t.exits(run, 1)
    t.equal(json.loads(run.out)["job"]["command"], "migrate", "the report")
    told = json.loads(imex(m, "status", m.job, "--json").out)
    t.equal(told["accounts"][0]["dest"], place(m), "dest in the status")
    told = json.loads(imex(m, "verify", m.job, "--json").out)
    t.equal((told["messages"], told["different"]), (12, 0), "verify")
    lines = [json.loads(line) for line in imex(m, "undo", m.job, "--yes", "--json").out.splitlines()]
    t.equal(len(lines), 13, "a line a message, and the sum")
    t.equal((lines[-1]["removable"], lines[-1]["removed"]), (12, 12), "the sum")
    told = json.loads(imex(m, "check", m.source.url(), m.dest.url(), "--json", *PLAIN).out)
    t.equal([f["how"] for f in told["folders"]], ["plain"] * 3, "check")


def scene_one_account_under_one_name(t):
    m = Move(t)
    run = imex(m, *m.words(dest=m.source.url()), code=64)
    t.one_line_error(run)
    t.says(run, "are the same account")
    t.equal(m.source.transcript.commands(), [], "nothing was contacted")


def empty(uidvalidity=None):
    store = Store()
    for folder in (store["INBOX"], store.add("Archive")):
        folder.uidvalidity = uidvalidity or folder.uidvalidity
    return store


def marked(m):
    """A folder was made to see whether both are one account, and is gone again."""
    sent = m.dest.transcript.commands("CREATE|DELETE")
    m.t.equal([c.split()[0] for c in sent], ["CREATE", "DELETE"], "what was sent")
    m.t.equal([n for s in (m.source.store, m.dest.store) for n in s.folders if "marker" in n], [], "folders left over")


def scene_one_empty_account_under_two_names(t):
    for store in empty(), Store():
        m = Move(t, source=store, dest=store)
        m.t.exits(m.migrate(), 64)
        t.says(m.last, "are the same account")
        marked(m)


def scene_two_empty_accounts_with_equal_numbers(t):
    """UIDVALIDITY 1 and UIDNEXT 1 everywhere is no sign; where no folder can be made for it nothing speaks against them."""
    m = Move(t, source=empty(1), dest=empty(1))
    m.clean(m.migrate())
    marked(m)
    m = Move(t, source=empty(1), dest=empty(1))
    m.dest.creates = lambda name, use: "NO [LIMIT] no more folders"
    m.clean(m.migrate())


def scene_words_that_are_wrong(t):
    m = Move(t)
    for code, words, said in (
            (64, ["migrate", m.source.url(), m.dest.url()], "needs --job DIR"),
            (64, ["migrate", m.source.url(), "--job", m.job], "needs SOURCE DEST"),
            (64, ["migrate", m.source.url(), "bob@new", "--job", m.job], "not an IMAP URL"),
            (64, ["migrate", m.source.url(), "imaps://%u@new/", "--job", m.job], "write a percent sign as %25"),
            (64, m.words("--map", "Archive"), "--map: 'Archive' is not accepted"),
            (64, m.words("--map", "=B"), "--map: '=B' is not accepted"),
            (64, m.words("--doubt-wait", "x"), "--doubt-wait: 'x' is not accepted"),
            (64, m.words("--dest-tls-pin", "md5:1"), "--dest-tls-pin"),
            (64, ["import", t.tmpdir("mail"), m.dest.url()], "give --job DIR2"),
            (66, ["import", m.job, m.dest.url()], "No such file or directory"),
            (64, ["import", m.job], "needs DEST"),
            (66, ["undo", m.job], "no job directory|not the directory of a migration"),
            (64, ["undo"], "needs DIR")):
        run = imex(m, *words, code=code)
        t.one_line_error(run)
        t.says(run, said)
    t.ok(not os.path.exists(m.job.path), "no job directory was made")
    t.equal(m.dest.transcript.commands() + m.source.transcript.commands(), [], "nobody was contacted")


def scene_the_password_of_the_destination(t):
    """Its own ways; a refused login names the one that was used."""
    m = Move(t)
    wrong = os.path.join(t.tmpdir("secret"), "password")
    with open(wrong, "w", encoding="utf-8") as file:
        file.write("wr0ng-one\n")
    run = t.imex(*m.words("--dest-password-file", wrong), env=ENV, password=PASSWORD)
    t.exits(run, 77)
    t.says(run, "the password came from --dest-password-file")
    t.secret_free(m.job, run, PASSWORD, DEST_PASSWORD, "wr0ng-one")
    run = t.imex(*m.words("--dest-password-command", f"echo '{DEST_PASSWORD}'"), password=PASSWORD)
    m.warned(run)
    t.secret_free(m.job, run, PASSWORD, DEST_PASSWORD)
    m.arrived()


def scene_each_command_is_confined(t):
    """With the destination's password from a program."""
    kernel_can_confine(t)
    m = Move(t)
    program = ["--dest-password-command", f"echo '{DEST_PASSWORD}'"]
    keeps_to_itself(t, m.dest, "check", m.source.url(), m.dest.url(), *PLAIN, *program)
    keeps_to_itself(t, m.dest, *m.words(*program), code=1)
    m.arrived()
    keeps_to_itself(t, m.dest, "verify", m.job, *program)
    keeps_to_itself(t, m.dest, "undo", m.job, "--yes", *program)
    t.ok(not any(f.messages for f in m.dest.store), "all of it was taken away again")


def scene_undo_is_killed(t):
    """Between the removal and what the state knows of it: the next run sees that the copies are gone."""
    m = Move(t, source=sample(("INBOX",), count=5))
    m.warned(m.migrate())
    m.dest.forgiven = ["not its own"]
    gate, gone = Gate(), []

    @m.dest.on(r"UID (EXPUNGE|FETCH)")
    def _(call):
        if "EXPUNGE" in call.text:
            gone.append(1)
        return [gate, *call.normal()] if gone and "EXPUNGE" not in call.text else call.normal()
    run = imexrun.start(t, "undo", m.job, m.dest.url(), "--yes", "--dest-insecure-plaintext", env=ENV)
    gate.must_be_reached(t, "the removal is looked at")
    run.signal(signal.SIGKILL)
    run.wait()
    gate.open()
    m.dest.clear()
    t.equal(len(m.dest.store["INBOX"]), 0, "messages that are left")
    m.warned(m.migrate())
    m.arrived()
    m.again()


def scene_undo_where_search_tells_nothing(t):
    """Without UIDPLUS EXPUNGE takes what others have marked, too: if nobody tells what that is, nothing goes."""
    m = Move(t, source=sample(("INBOX",), count=4), caps=without("UIDPLUS"))
    m.warned(m.migrate())
    m.dest.forgiven = ["not its own"]
    m.dest.store["INBOX"].add(b"Subject: stranger\r\n\r\nx\r\n", ("\\Deleted",))
    m.dest.on(r"UID SEARCH DELETED", "$TAG OK SEARCH completed\r\n")
    run = imex(m, "undo", m.job, m.dest.url(), "--yes", code=2)
    t.says(run, "does not tell what is marked as deleted")
    t.equal(len(m.dest.store["INBOX"]), 5, "messages that are left")
    t.never_sent(m.dest.transcript, "EXPUNGE")
    t.equal([x.uid for x in m.dest.store["INBOX"] if "\\Deleted" in x.flags], [5], "what is marked")
