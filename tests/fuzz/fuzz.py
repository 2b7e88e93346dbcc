#!/usr/bin/env python3
"""fuzz.py NAME PROGRAM WIRE: replay the corpus of one libFuzzer program, then let it look, as TAP.

FUZZ_S       seconds to look for (5)
FUZZ_KEEP    a directory: inputs that reach new code are kept in NAME/ there, what was found in found/
"""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

import tap                                                          # noqa: E402

NAME, PROGRAM, WIRE = sys.argv[1:4]
SECONDS = int(os.environ.get("FUZZ_S", "5"))
LIMITS = ["-timeout=20", "-rss_limit_mb=1500", "-max_len=65536"]
if NAME in ("login", "resp", "session"):
    LIMITS.append(f"-dict={HERE}/imap.dict")


def seeds(t):
    """Directories with inputs: the corpus in the tree, and for responses the wire documents."""
    found = [d for d in [os.path.join(HERE, "corpus", NAME)] if os.path.isdir(d)]
    if NAME == "resp":
        made = t.tmpdir("seeds")
        wire = os.path.join(HERE, "..", "wire")
        for document in sorted(os.listdir(wire)):
            if document.endswith(".txt"):
                subprocess.run([WIRE, "-x", made, os.path.join(wire, document)], check=True,
                               stdout=subprocess.DEVNULL)
        found.append(made)
    return found


def fuzz(t, what, *args):
    """One run of the program; its last words when it fails."""
    env = dict(os.environ, ASAN_OPTIONS="detect_leaks=1", TZ="UTC")
    done = subprocess.run([PROGRAM, *LIMITS, *args], env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = done.stdout.decode(errors="replace").splitlines()
    t.ok(done.returncode == 0, what, *said[-40:])
    return said


def test_replays_its_corpus(t):
    given = [os.path.join(d, f) for d in seeds(t) for f in sorted(os.listdir(d))]
    # Without an input libFuzzer would look for ever.
    fuzz(t, f"{len(given)} inputs of the corpus", f"-artifact_prefix={t.tmpdir('found')}/", "-runs=1",
         *given)


def test_looks_for_more(t):
    keep = os.environ.get("FUZZ_KEEP")
    work = os.path.join(keep, NAME) if keep else t.tmpdir("new")
    found = os.path.join(keep, "found") if keep else t.tmpdir("found")
    for place in (work, found):
        os.makedirs(place, exist_ok=True)
    said = fuzz(t, f"nothing found in {SECONDS} s", f"-max_total_time={SECONDS}",
                f"-artifact_prefix={found}/", "-print_final_stats=1", work, *seeds(t))
    for line in said:
        if re.search("number_of_executed_units|peak_rss_mb|stat::octets", line):
            t.note(line.strip())


if __name__ == "__main__":
    del sys.argv[1:]
    tap.main([(f.__name__[5:].replace("_", " "), f)
              for f in (test_replays_its_corpus, test_looks_for_more)], timeout=SECONDS + 100)
