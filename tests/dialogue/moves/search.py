"""--search on the way to another server: what is not found is not sent, a wider key sends the rest."""

from into import *


def subjects(server):
    return sorted(re.search(rb"^Subject: (.*?)\r", m.raw, re.M)[1] for f in server.store for m in f)


def scene(t):
    store = Store()
    for number in range(4):
        store["INBOX"].add(letter("INBOX", number), ["\\Flagged"] if number % 2 else [])
    m = Move(t, source=store)
    m.clean(m.migrate("--search", "FLAGGED"))
    t.equal([s.split(b":")[0] for s in subjects(m.dest)], [b"1", b"3"], "what the source finds")
    t.counts(m.job, "INBOX", listed=4, stored=2, excluded=2)
    m.clean(m.migrate("--search", "UNDRAFT"))
    m.arrived()


def scene_from_one_host_to_another_by_addresses(t):
    """--resolve gives the names of both."""
    m = Move(t)
    words = []
    for name, server in (("old.invalid", m.source), ("new.invalid", m.dest)):
        words += ["--resolve", f"{name}:{server.port}:127.0.0.1"]
    m.clean(m.migrate(*words, source=m.source.url().replace("127.0.0.1", "old.invalid"),
                      dest=m.dest.url().replace("127.0.0.1", "new.invalid")))
    m.arrived()
