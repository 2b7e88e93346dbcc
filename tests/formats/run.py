"""The tests of the formats, as TAP.

    IMEX=build/src/app/imex python3 tests/formats/run.py [-j N] [-l] [--times] [NAME...]
"""

import importlib
import os
import re
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import lab                                                          # noqa: E402
import certs                                                        # noqa: E402
import tap                                                          # noqa: E402

TIME_LIMIT = 240        # seconds for one test, times IMEX_SCALE
MODULES = ["selftest_exchange", "selftest_mbox", "of_maildir", "of_mbox", "of_eml", "of_exchange",
           "of_exchange_fields", "of_exchange_faults", "of_verify", "of_convert", "of_foreign",
           "of_damaged", "of_import", "of_later_runs"]


def tests():
    """(name, callable) of all modules; "EM 09 ..." is written as the fault table does."""
    found = []
    for module in MODULES:
        for name, function in tap.discover(vars(importlib.import_module(module))):
            name = re.sub(r"^EM (\d\d) ", r"EM-\1: ", name)
            found.append((f"{module.removeprefix('of_').replace('_', ' ')}: {name}", function))
    return found


def main():
    if not os.environ.get("IMEX") and not {"-l", "--list", "-h", "--help"} & set(sys.argv):
        print("Bail out! set IMEX to the imex program to be tested")
        sys.exit(2)
    # One directory for all, so that a killed test leaves nothing behind either.
    tempfile.tempdir = tempfile.mkdtemp(prefix="imex-formats-")
    try:
        if os.environ.get("IMEX"):
            lab.CERTS = certs.Certs(os.path.join(tempfile.tempdir, "certs")).make_all()
            tap.Test("probe").run(lab.probe)
        tap.main(tests(), jobs=2, fork=True, timeout=TIME_LIMIT * lab.imexrun.SCALE)
    finally:
        if os.environ.get("KEEP") != "1":
            shutil.rmtree(tempfile.tempdir, ignore_errors=True)


if __name__ == "__main__":
    main()
