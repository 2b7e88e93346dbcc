"""Tables from the JSON lines of bench/run.

The first line of a file describes the machine and the run; each other line is one measured run of
one tool in one case. Runs of the raw client and of imex come in pairs, one right after the other;
imex's ratio is always that of such a pair, so that what else the machine does hits both.
"""
import json
import statistics


def read(path):
    """(about, rows)"""
    with open(path) as f:
        lines = [json.loads(line) for line in f]
    about = [x for x in lines if "about" in x]
    return (about[-1]["about"] if about else {}), [x for x in lines if "case" in x]


def spread(values, form):
    return "%s (%s-%s)" % tuple(form % x for x in
                                (statistics.median(values), min(values), max(values)))


def ratios(rows, tool, raw):
    """Wall time of tool over that of the raw client: of its pair, or, for a tool that does not
    run in every round, of the median."""
    base = {r["round"]: r["wall"] for r in rows if r["tool"] == raw}
    mine = [r for r in rows if r["tool"] == tool]
    if not base or not mine:
        return []
    if {r["round"] for r in mine} == set(base):
        return [r["wall"] / base[r["round"]] for r in mine]
    return [r["wall"] / statistics.median(base.values()) for r in mine]


def verdicts(rows, case):
    """What the limits of a case say about imex: [(text, within)]."""
    mine = [r for r in rows if r["case"] == case and r["tool"].startswith("imex")]
    if not mine:
        return []
    out = []
    raw, limit, rss_limit = (mine[0][k] for k in ("raw", "limit", "rss_limit"))
    if not all(r["ok"] for r in mine):
        out.append(("not complete: " + next(r["note"] for r in mine if not r["ok"]), False))
    both = [r for r in rows if r["case"] == case]
    if limit and ratios(both, "imex", raw):
        values = ratios(both, "imex", raw)
        out.append(("%s x %s, limit %g" % (spread(values, "%.2f"), raw, limit),
                    statistics.median(values) <= limit))
    if rss_limit:
        peak = max(r["rss_mib"] for r in mine)
        out.append(("%.1f MiB at most, limit %d" % (peak, rss_limit), peak <= rss_limit))
    return out


def table(rows, case):
    rows = [r for r in rows if r["case"] == case]
    raw = rows[0]["raw"]
    print("\n%s: %s" % (case, rows[0]["title"]))
    print("  %-16s %4s  %-24s %-20s %-13s %6s %8s" % (
        "tool", "runs", "seconds, median (min-max)", "x " + (raw or "-"), "CPU user+sys", "server",
        "RSS MiB"))
    for tool in dict.fromkeys(r["tool"] for r in rows):
        of = [r for r in rows if r["tool"] == tool]
        med = lambda key: statistics.median(r[key] for r in of)
        ratio = ratios(rows, tool, raw) if tool != raw else []
        bad = [r for r in of if not r["ok"]]
        print("  %-16s %4d  %-25s %-20s %6.2f+%-6.2f %6.2f %8.1f%s" % (
            tool, len(of), spread([r["wall"] for r in of], "%.2f" if med("wall") > 1 else "%.3f"),
            spread(ratio, "%.2f") if ratio else "", med("user"), med("system"), med("server_cpu"),
            max(r["rss_mib"] for r in of), "  NOT COMPLETE: " + bad[0]["note"] if bad else ""))


def report(path):
    """Print everything; returns whether imex was complete and within its limits."""
    about, rows = read(path)
    for key, value in about.items():
        print("%-9s %s" % (key, value))
    cases = list(dict.fromkeys(r["case"] for r in rows))
    for case in cases:
        table(rows, case)
    good = True
    print("\nimex against its limits, median (min-max) of pairs:")
    for case in cases:
        for text, within in verdicts(rows, case):
            print("  %-4s %-14s %s" % ("ok" if within else "NO", case, text))
            good &= within
    if not any(r["tool"] == "imex" for r in rows):
        print("  not measured: there was no imex")
    return good
