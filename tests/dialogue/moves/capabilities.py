"""A whole mailbox goes to another server, with whatever that server can do."""

from scene import *
from into import *


def moved(t, *args, **options):
    m = Move(t, **options)
    m.clean(m.migrate(*args))
    m.arrived()
    m.again()
    return m


def scene(t):
    # Each connection learns for itself what may go without waiting, and a busy machine makes several.
    m = moved(t, "--connections", "1", source=sample(count=8))
    t.ok(m.dest.transcript.count(r"APPEND") < 32, "several messages in one APPEND",
         m.dest.transcript.count("APPEND"))


def scene_subscriptions_and_special_use(t):
    source = small()
    source.add("Gesendet", 3, use="\\Sent", subscribed=False)
    source.add("Papierkorb", 2, use="\\Trash")
    source.add("Leer")
    dest = Store()
    dest.add("Sent Items", use="\\Sent")
    m = Move(t, source=source, dest=dest)
    m.warned(m.migrate())
    m.arrived(folders={"Gesendet": "Sent Items"})
    t.equal(m.dest.store["Papierkorb"].use, "\\Trash", "the use of a folder that was made")
    t.ok(m.dest.store.get("Leer") is not None, "a folder without mail is there too")
    for name in ("Archive", "Papierkorb", "Leer"):
        t.ok(m.dest.store[name].subscribed, f"{name} is subscribed")
    m.again()


def scene_without_uidplus(t):
    moved(t, caps=without("UIDPLUS"))


def scene_without_literal_plus(t):
    m = moved(t, caps=without("LITERAL+"))
    t.never_sent(m.dest, r"APPEND.*\+\}$")


def scene_literal_minus(t):
    source = small()
    source["INBOX"].add(letter("INBOX", 40) + b"y" * 5000 + b"\r\n")
    moved(t, source=source, caps=without("LITERAL+") + " LITERAL-")


def scene_without_multiappend(t):
    moved(t, caps=without("MULTIAPPEND"))


def scene_nothing_but_rfc3501(t):
    moved(t, caps="")


def scene_no_uidnext_and_no_uidplus(t):
    m = Move(t, caps="LITERAL+")
    m.dest.tell_uidnext = False
    m.clean(m.migrate())
    m.arrived()
    m.again()


def scene_ok_without_appenduid(t):
    """UIDPLUS is offered, and some answers have no code."""
    m = Move(t)
    m.dest.append(answer="$TAG OK APPEND completed\r\n", folder="Archive")
    m.warned(m.migrate())
    m.arrived()
    m.again()


def scene_big_messages(t):
    source = small(2)
    for number in range(3):
        source["INBOX"].add(letter("INBOX", 50 + number) + b"0123456789abcdef\r\n" * 60000)
    moved(t, source=source)


def scene_many_small_ones(t):
    """No MULTIAPPEND has more than 64 members; the server watches."""
    source = Store()
    fill(source["INBOX"], 300)
    m = moved(t, source=source)
    t.ok(m.dest.transcript.count("APPEND") <= 60, "few commands", m.dest.transcript.count("APPEND"))


def scene_equal_messages(t):
    """Two equal source messages need two copies."""
    source = small()
    for _ in range(3):
        source["Archive"].add(source["Archive"][1].raw, ("\\Seen",))
    moved(t, source=source)
    moved(t, source=source, caps="")


def scene_no_message_id(t):
    source = Store()
    for number in range(6):
        source["INBOX"].add(b"Subject: %d\r\n\r\nbody\r\n" % (number // 2))
    source["INBOX"].add(b"no header at all\r\n")
    source["INBOX"].add(b"\r\nan empty header\r\n")
    moved(t, source=source, caps="")
