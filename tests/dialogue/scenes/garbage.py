"""Lines that no grammar allows: an event 14001, no crash, and the mail all the same."""

from scene import *

KNOWN = (0, 1, 2, 69, 75)


def with_line(t, line, pattern=r"UID FETCH", times=1):
    server = t.server()
    server.on(pattern, lambda call: [line, *call.normal()], times=times)
    job, run = t.extract(server)
    t.within(run.code, KNOWN, "exit code")
    if run.code not in (0, 1):
        server.clear()
        t.retry_until_done(server, job=job)
    t.complete(job, server)
    t.no_doubles(job)
    return job


def scene_unbalanced_flags(t):
    job = with_line(t, b"* 1 FETCH (FLAGS (a(b)\r\n")
    t.ok(job.events(14001), "event 14001")


def scene_cut_off_line(t):
    job = with_line(t, b"* 2 FETCH (UID \r\n")
    t.ok(job.events(14001), "event 14001")


def scene_huge_numbers(t):
    with_line(t, b"* 99999999999999999999 EXISTS\r\n* 4294967296 EXPUNGE\r\n* -1 FETCH (UID 1)\r\n")


def scene_unknown_untagged(t):
    """What is merely unknown is passed over."""
    job = with_line(t, b'* XYZZY (a "b" {3}\r\ncde) [x]\r\n'
                       b'* OK [NEWCODE "a]b" (c)] hm\r\n* 3 FROB\r\n')
    t.equal(job.events(14001), [], "no event for what is allowed")


def scene_blank_lines_and_bare_ends(t):
    with_line(t, b"\r\n\r\n* OK x\n")


def scene_octets(t):
    with_line(t, b"\x00\x01\xff\xfe garbage \x1b[2J\r\n")


def scene_an_unknown_tag(t):
    with_line(t, b"nobody OK done\r\n* BAD hm\r\nA9999999 NO what\r\n")


@quirk(51)
def scene_a_line_of_nine_megabytes(t):
    with_line(t, b"* OK " + b"x" * (9 << 20) + b"\r\n")


@quirk(51)
def scene_a_line_without_end(t):
    server = t.server()
    server.on("UID FETCH", lambda call: [b"* OK " + b"y" * (70 << 20), Cut], times=1)
    job, run = t.extract(server)
    t.within(run.code, KNOWN, "exit code")
    server.clear()
    t.retry_until_done(server, job=job)
    t.complete(job, server)


@quirk(51)
def scene_a_literal_too_large_to_be_true(t):
    server = t.server()
    server.fetch(uid=4, folder="INBOX", times=1, reply=[b"{18446744073709551617}\r\nabc", Cut])
    job, run = t.extract(server)
    t.within(run.code, KNOWN, "exit code")
    server.clear()
    t.retry_until_done(server, job=job)
    t.complete(job, server)


def scene_deep_parentheses(t):
    with_line(t, b"* 1 FETCH (X-DEEP " + b"(" * 100000 + b")" * 100000 + b")\r\n")


def scene_lower_case_and_odd_spaces(t):
    """What real servers send: keywords in lower case, no blank before a list, two blanks."""
    server = t.server()

    @server.on("UID FETCH .*FLAGS")
    def _(call):
        data = b"".join(p if isinstance(p, bytes) else p.encode() for p in call.normal())
        if b"{" in data:
            return data
        data = re.sub(rb"FETCH \((.*)FLAGS \(", rb"fetch (\1flags (", data)
        return data.replace(b" UID", b"  uid")
    job, run = t.extract(server)
    t.within(run.code, KNOWN, "exit code")
    t.complete(job, server)
