"""The tests of the formats, as TAP.

    IMEX=build/src/app/imex python3 tests/formats/run.py [-j N] [-l] [--times] [NAME...]
"""

import importlib
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import lab                                                          # noqa: E402
import suite                                                        # noqa: E402
import tap                                                          # noqa: E402

TIME_LIMIT = 240        # seconds for one test, times IMEX_SCALE
MODULES = ["selftest_exchange", "selftest_mbox", "of_maildir", "of_mbox", "of_eml", "of_exchange",
           "of_exchange_fields", "of_exchange_faults", "of_verify", "of_convert", "of_foreign",
           "of_damaged", "of_import", "of_later_runs", "of_grown",
           "of_restored", "of_dates"]


def tests():
    """(name, callable) of all modules; "EM 09 ..." is written as the fault table does."""
    found = []
    for module in MODULES:
        for name, function in tap.discover(vars(importlib.import_module(module))):
            name = re.sub(r"^EM (\d\d) ", r"EM-\1: ", name)
            found.append((f"{module.removeprefix('of_').replace('_', ' ')}: {name}", function))
    return found


def prepare(made):
    lab.CERTS = made
    tap.Test("probe").run(lab.probe)


def main():
    suite.main(tests(), "formats", prepare, jobs=2, timeout=TIME_LIMIT * lab.imexrun.SCALE)


if __name__ == "__main__":
    main()
