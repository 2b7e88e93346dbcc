"""The server says OK and keeps something else."""

from scene import *
from into import *


def scene_half(t):
    """Half a message is no copy: exit 2, and the whole one lies in quarantine."""
    m = Move(t)
    raw = m.source.store["Archive"][1].raw
    m.dest.append(keep=lambda x: x.raw[:len(x.raw) // 2], has=re.escape(raw))
    m.lost(m.migrate())
    m.quarantined(("Archive", 1))
    halves = [x for x in m.dest.store["Archive"] if raw.startswith(x.raw)]
    t.ok(len(halves) <= 1, "half copies", [title(x.raw) for x in halves])
    m.again()


def changed(t, keep, caps=CAPS, exact=False):
    m = Move(t, caps=caps)
    m.dest.append(keep=keep)
    m.warned(m.migrate())
    m.arrived(exact=exact)
    m.quarantined()
    m.again()
    # All that imex knows of the copies is gone; it knows them again.
    for folder in m.dest.store:
        folder.renumber(folder.uidvalidity + 77, 101)
    m.migrate()
    t.within(m.last.code, (0, 1), "exit code after another UIDVALIDITY")
    m.arrived(exact=exact, flags=False)


@quirk(16)
def scene_header_added(t):
    changed(t, lambda x: b"X-UID: %d\r\nStatus: O\r\n" % x.size + x.raw)


def scene_header_added_without_uidplus(t):
    changed(t, lambda x: b"X-UID: %d\r\nStatus: O\r\n" % x.size + x.raw, "")


def scene_bare_lf(t):
    """Gmail and others."""
    changed(t, lambda x: re.sub(rb"(?<!\r)\n", b"\r\n", x.raw))


def courier(x):
    """Bare CR goes, bare LF becomes CRLF, and the last line ends."""
    raw = re.sub(rb"(?<!\r)\n", b"\r\n", re.sub(rb"\r(?!\n)", b"", x.raw))
    return raw if raw.endswith(b"\r\n") else raw + b"\r\n"


def scene_line_ends(t):
    changed(t, courier)


def scene_line_ends_without_uidplus(t):
    changed(t, courier, "")


@quirk(21)
def scene_final_line_end(t):
    changed(t, lambda x: x.raw if x.raw.endswith(b"\r\n") else x.raw + b"\r\n", "LITERAL+")


def scene_mbox_quotes(t):
    changed(t, lambda x: re.sub(rb"^From ", b">From ", x.raw, flags=re.M))


def scene_nul_becomes_0x80(t):
    source = small()
    source["INBOX"].add(b"Subject: nul\r\n\r\na\0b\r\n")
    m = Move(t, source=source)
    m.dest.append(keep=lambda x: x.raw.replace(b"\0", b"\x80"))
    m.warned(m.migrate())
    m.arrived(exact=False)
    m.again()


def scene_x_for_8bit_in_headers(t):
    """Cyrus: raw 8-bit octets of the header become X."""
    source = small()
    source["INBOX"].add("Subject: gr\u00fc\u00dfe 1\r\n\r\nbody\r\n".encode("latin-1"))
    source["INBOX"].add("Subject: gr\u00fc\u00dfe 2\r\n\r\nbody\r\n".encode())

    def keep(x):
        head, gap, body = x.raw.partition(b"\r\n\r\n")
        return re.sub(rb"[\x80-\xff]", b"X", head) + gap + body
    for caps in (CAPS, ""):
        m = Move(t, source=source, caps=caps)
        m.dest.append(keep=keep)
        m.warned(m.migrate())
        m.arrived(exact=False)
        m.quarantined()
        m.again()
