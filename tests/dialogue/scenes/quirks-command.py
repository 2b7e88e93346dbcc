"""imex quirks: the table of known deviations, and which of them check finds at a server."""

import json

from scene import *

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
WITHOUT = "LITERAL+ NAMESPACE LIST-EXTENDED"


def scene_listed(t):
    run = t.imex("quirks")
    t.exits(run, 0)
    names = [q["name"] for q in json.loads(t.imex("quirks", "--json").out)]
    t.ok(len(names) > 40 and len(names) == len(set(names)), "each has a name of its own", names)
    told = re.findall(r"^(\S+) +(matched|kept|seen|always) ", run.text, re.M)
    t.equal([name for name, _ in told], names, "the names of the list")


def scene_one(t):
    run = t.imex("quirks", "no-search")
    t.exits(run, 0)
    t.says(run, r"(?s)Sign .*UID SEARCH.*Behaviour .*proof of\s+two.*Rows +37, 40.*Scene +scenes/no-search: refused")
    one = json.loads(t.imex("quirks", "small-windows", "--json").out)
    t.equal((one["kind"], one["rows"]), ("matched", ["19", "44"]), "one entry")
    t.ok("yahoo" in one["match"], "its words", one)
    for words in (["none"], ["no-search", "more"], ["--format", "html"]):
        run = t.imex("quirks", *words)
        t.exits(run, 64)
        t.one_line_error(run)


def scene_the_page_is_what_would_be_made(t):
    """docs/servers.md; if not: imex quirks --format markdown > docs/servers.md"""
    run = t.imex("quirks", "--format", "markdown")
    with open(os.path.join(ROOT, "docs", "servers.md"), "rb") as file:
        t.ok(file.read() == run.out, "docs/servers.md is what imex quirks --format markdown gives")


def scene_check_finds_none(t):
    run = t.check(t.server(), "--json")
    t.exits(run, 0)
    t.equal(json.loads(run.out)["quirks"], [], "quirks of a model server")


def scene_check_knows_products(t):
    server = t.server(greeting="* OK Yahoo IMAP ready\r\n")
    server.id = '("name" "hMailServer")'
    run = t.check(server, "--json")
    t.exits(run, 0)
    t.equal([q.partition(":")[0] for q in json.loads(run.out)["quirks"]], ["small-windows", "no-slices"], "matched")
    t.says(t.check(server), r"Quirks +small-windows: asks for at most 200")


def scene_check_sees_what_deviates(t):
    server = t.server(caps=WITHOUT)
    server.on(r"UID SEARCH", "$TAG BAD what?\r\n")
    server.on(r"LIST .* RETURN", "$TAG BAD Parse Error\r\n")
    server.on(r"STATUS", "$TAG BAD what?\r\n")
    server.on(r"UID FETCH \d+ \(BODY\.PEEK\[\]\)", "$TAG BAD what?\r\n")
    server.on(r"EXAMINE", lambda call: lacking(call, b"UIDNEXT"))
    run = t.check(server, "--json")
    t.exits(run, 0)
    seen = [q.partition(" (seen):")[0] for q in json.loads(run.out)["quirks"]]
    t.equal(seen, ["form-refused", "no-search", "list-return-refused", "status-refused", "no-uidnext"], "seen")
    t.read_only(server)


def scene_dry_run_tells_what_the_job_has_learnt(t):
    """A server that is well by now; the job goes on with what it knows."""
    server = t.server()
    server.on(r"UID SEARCH", "$TAG BAD what?\r\n")
    job, run = t.extract(server)
    t.exits(run, 1)
    server.clear()
    job, run = t.extract(server, "--dry-run", job=job)
    t.exits(run, 0)
    t.says(run, r"Quirks +no-search \(seen\): counts by EXISTS and FETCH")
