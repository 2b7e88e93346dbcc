"""Kills, faults and power cuts, as TAP.

    IMEX=build/src/app/imex CRASH_SHIM=build/tests/crash/crashshim.so \\
        python3 tests/crash/run.py [-j N] [-l] [NAME...]
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import lab                                                          # noqa: E402
import fault                                                        # noqa: E402
import kill                                                         # noqa: E402
import later                                                        # noqa: E402
import mending                                                      # noqa: E402
import mirroring                                                    # noqa: E402
import moving                                                       # noqa: E402
import nth                                                          # noqa: E402
import power                                                        # noqa: E402
import removing                                                     # noqa: E402
import renaming                                                     # noqa: E402
import sharing                                                      # noqa: E402
import shim                                                         # noqa: E402
import stop                                                         # noqa: E402
import suite                                                        # noqa: E402

# Seconds for one test, times IMEX_SCALE; with CRASH_EVERY it may take hours.
TIME_LIMIT = 12 * 3600 if os.environ.get("CRASH_EVERY") else 600


def counted(function):
    """The test, and what it did to imex."""
    def test(t):
        try:
            function(t)
        finally:
            t.note(lab.STRUCK)
    return test


def prepare(made):
    lab.CERTS = made


def main():
    if "CRASH_SHIM" in os.environ:
        shim.shim_path()        # before the tests fork
    tests = kill.tests() + later.tests() + power.tests() + fault.tests() + stop.tests()
    tests += moving.tests() + removing.tests() + mirroring.tests() + renaming.tests() + mending.tests()
    tests += sharing.tests() + nth.tests()
    suite.main([(name, counted(function)) for name, function in tests], "crash", prepare,
               needs=("IMEX", "CRASH_SHIM"), jobs=4, timeout=TIME_LIMIT * lab.imexrun.SCALE)


if __name__ == "__main__":
    main()
