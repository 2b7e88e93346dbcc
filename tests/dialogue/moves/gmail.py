"""Into a server with the labels of Gmail: those that no folder stands for are set on the copies, and no other."""

from gmail import ALL, Gmail, labelled
from scene import *
from into import *

ENV = {"IMEX_DEST_PASSWORD": DEST_PASSWORD}
HIDDEN = ["Hidden", "with \"quotes\" and blanks", "\\Important", "\\Starred", "\\Trash"]
GIVEN = sorted(HIDDEN[:3])


class GmailTarget(Gmail, Target):
    """One that sets labels; a label that is a folder there puts the message into it."""

    def __init__(self, store, refuse=None, **options):
        super().__init__(store, caps=CAPS + " X-GM-EXT-1", **options)
        self.refuse = refuse    # label -> "NO ...", or None
        self.stores = 0

    def do_store(self, call, cursor, by_uid=False):
        if b"X-GM-LABELS" not in call.data:
            return super().do_store(call, cursor, by_uid)
        cursor.space()
        text = cursor.sequence()
        cursor.token(b" +X-GM-LABELS ")
        labels = cursor.listed(lambda: cursor.flag() if cursor.peek() == b"\\" else cursor.astring().decode("latin-1"))
        cursor.end()
        self.stores += 1
        for label in labels:
            answer = self.refuse(label) if self.refuse else None
            if answer:
                return [call.tagged(answer)]
        for _, message in self._chosen(call, text, by_uid):
            self.more[message.raw] = sorted({*self.more.get(message.raw, []), *labels})
        return self.ok(call, "STORE completed")


def move(t, **options):
    """A message of INBOX and one of Work have labels that are no folders."""
    m = Move(t)
    m.source = t.serve(Gmail(labelled(), tls=None, user="alice"))
    store = m.source.store
    for folder, labels in (("INBOX", HIDDEN), ("Work", ["Hidden"])):
        m.source.more[store[folder].messages[0].raw] = list(labels)
    m.dest = t.serve(GmailTarget(Store(first=1750000000), tls=None, user="bob", password=DEST_PASSWORD, **options))
    m.dest.sources, m.before = (store,), store.snapshot()
    return m


def raws(m):
    return [m.source.store[folder].messages[0].raw for folder in ("INBOX", "Work")]


def verify(m, code):
    run = m.t.imex("verify", m.job, env=ENV, password=PASSWORD)
    m.t.exits(run, code)
    return run


def scene_set_and_read_back(t):
    m = move(t)
    m.clean(m.migrate())
    m.arrived()
    first, second = raws(m)
    t.equal((m.dest.more.get(first), m.dest.more.get(second)), (GIVEN, ["Hidden"]), "labels there")
    t.equal([c for c in m.dest.transcript.commands("UID STORE") if "Work" in c or "Inbox" in c], [],
            "none that is a folder's")
    t.ok(m.dest.transcript.commands(r"UID FETCH \d+ \(UID X-GM-LABELS\)"), "they are read back")
    verify(m, 0)
    stores = m.dest.stores
    m.again()
    t.equal(m.dest.stores, stores, "a further run sets none")
    m.dest.more[first].remove("Hidden")
    t.says(verify(m, 1), r"explained +alice .*lacks labels that the source had \(Hidden\)")


def scene_a_new_one(t):
    """It comes later: it is set, and none is taken away."""
    m = move(t)
    m.clean(m.migrate())
    first, _ = raws(m)
    m.source.more[first] = ["New"]
    for folder in m.source.store:
        for message in folder:
            if message.raw == first:
                folder._touch(message)
    m.clean(m.migrate())
    t.equal(m.dest.more[first], sorted([*GIVEN, "New"]), "labels there")
    verify(m, 0)


def scene_one_is_refused(t):
    """The first, or the last."""
    for word in ("Hidden", "quotes"):
        m = move(t, refuse=lambda label, word=word: "NO [CANNOT] not this one" if word in label else None)
        m.warned(m.migrate())
        m.arrived()
        t.equal(m.dest.more[raws(m)[0]], [label for label in GIVEN if word not in label], "labels there")
        t.ok(any(re.search(f"did not keep the labels: .*{word}", e["text"]) for e in m.job.events(30052)),
             "it is told", m.told())
        t.says(verify(m, 1), rf"explained +alice .*lacks labels that the source had \(.*{word}")
        m.again()


def scene_one_is_refused_for_each_message(t):
    """After three it is not asked any more; it is told of each, and the others are set."""
    m = move(t, refuse=lambda label: "NO [CANNOT] not this one" if label == "Hidden" else None)
    for folder in m.source.store:
        for message in folder if folder.name != ALL else ():
            m.source.more[message.raw] = ["Hidden", "Other"]
    m.warned(m.migrate("--connections", "1"))
    m.arrived()
    t.equal(m.dest.transcript.count(r'UID STORE \d+ \+X-GM-LABELS \("?Hidden'), 3, "tries")
    t.equal(len([e for e in m.job.events(30052) if re.search("did not keep the labels: .*Hidden", e["text"])]),
            sum(message.raw in m.source.more for folder in m.source.store for message in folder), "it is told of each")
    t.ok(all(m.dest.more.get(raw) == ["Other"] for raw in m.source.more), "the others are set", m.dest.more.values())


def scene_all_are_refused(t):
    """It is learnt, and told once."""
    for answer in ("NO no labels", "BAD what?"):
        m = move(t, refuse=lambda label, answer=answer: answer)
        m.warned(m.migrate())
        m.arrived()
        t.within(m.dest.stores, range(1, 7), "labels that were tried")
        t.equal(len([e for e in m.job.events(14002) if "refuses labels" in e["text"]]), 1, "it is told once")
        m.refused(re.escape(answer), level="warning")
        m.again()


def scene_that_is_none(t):
    """Too long, and not of ASCII: neither is sent, and the others are set."""
    m = move(t)
    odd = ["x" * 5000, "caf\xe9"]
    m.source.more[raws(m)[0]] += odd
    m.warned(m.migrate())
    m.arrived()
    t.equal(m.dest.more[raws(m)[0]], GIVEN, "labels there")
    t.ok(any("did not keep the labels: " in e["text"] for e in m.job.events(30052)), "it is told", m.told())


def scene_of_a_source_without(t):
    m = Move(t)
    m.dest = t.serve(GmailTarget(Store(first=1750000000), tls=None, user="bob", password=DEST_PASSWORD))
    m.dest.sources = (m.source.store,)
    m.clean(m.migrate())
    m.arrived()
    t.never_sent(m.dest, r".*X-GM-LABELS")


def scene_from_files(t):
    """The sidecar has kept them."""
    m = move(t)
    stored = Job(t)
    t.extract(m.source, job=stored)
    m.load(stored)
    first, second = raws(m)
    t.equal((m.dest.more.get(first), m.dest.more.get(second)), (GIVEN, ["Hidden"]), "labels there")


def scene_killed_before_it_is_set(t):
    """The copy is found again, and its labels with it."""
    m = move(t)
    gate = Gate()

    @m.dest.on(r"UID STORE \d+ \+X-GM", times=1)
    def _(call):
        return [gate, *call.normal()]
    run = m.start()
    gate.must_be_reached(t, "UID STORE")
    run.signal(9)
    run.wait()
    m.dest.more.clear()
    gate.open()
    m.dest.clear()
    m.dest.more.clear()
    m.warned(m.migrate())
    m.arrived()
    t.equal(m.dest.more.get(raws(m)[0]), GIVEN, "labels there")
