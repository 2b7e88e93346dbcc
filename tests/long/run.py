"""Long tests as TAP; see README.md.

    IMEX=build/src/app/imex python3 tests/long/run.py [-l] [NAME...]
"""

import os
import random
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "dialogue")]

import scene as library                                             # noqa: E402
import crowd                                                        # noqa: E402
import shared                                                       # noqa: E402
import suite                                                        # noqa: E402
import weekend                                                      # noqa: E402

TIME_LIMIT = 3600       # seconds for one test


def tests(scale):
    def of(function, number):
        def test(t):
            seed = int(os.environ.get("SEED") or random.randrange(10 ** 6))
            t.note(f"SEED={seed}")
            function(library.Scene(t), random.Random(seed), max(1, int(number * scale)))
        return test
    return [("crowd", of(crowd.crowd, crowd.ACCOUNTS)), ("weekend", of(weekend.weekend, weekend.STRIKES)),
            ("shared", of(shared.shared, shared.ROUNDS))]


def main():
    suite.main(tests(float(os.environ.get("LONG") or 1)), "long", library.use_certs, timeout=TIME_LIMIT)


if __name__ == "__main__":
    main()
