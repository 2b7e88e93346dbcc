"""Run the scenes (all, or those whose name contains a word) and print TAP.

    IMEX=build/src/app/imex python3 tests/dialogue/run.py [--moves] [-j N] [-l] [NAME...]

--moves: those of moves/, which write to a server. Most of their time is waiting for what may
show up late, so many run at once.
"""

import importlib.util
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import scene as library                                             # noqa: E402
import rows                                                         # noqa: E402
import selftest                                                     # noqa: E402
import selftest_into                                                # noqa: E402
import selftest_rows                                                # noqa: E402
import suite                                                        # noqa: E402
import tap                                                          # noqa: E402

TIME_LIMIT = 240        # seconds for one scene, times IMEX_SCALE; a machine that also compiles is slow


def scenes(directory=os.path.join(HERE, "scenes")):
    """All scenes as (name, callable), ordered by file name and place in the file."""
    found = []
    for file in sorted(os.listdir(directory)):
        if file.endswith(".py"):
            name = file[:-3]
            module = load(name, os.path.join(directory, file))
            for attribute, function in vars(module).items():
                if attribute == "scene":
                    found.append((rows.titled(name, function), in_scene(function)))
                elif attribute.startswith("scene_"):
                    variant = attribute[len("scene_"):].replace("_", " ")
                    found.append((rows.titled(f"{name}: {variant}", function), in_scene(function)))
    return found


def load(name, path):
    spec = importlib.util.spec_from_file_location("scene_" + name.replace("-", "_"), path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def in_scene(function):
    """A TAP test that plays the scene."""
    return lambda test: function(library.Scene(test))


def main():
    moves = "--moves" in sys.argv
    if moves:
        sys.argv.remove("--moves")
    checks = selftest_into if moves else selftest
    tests = [("selftest: " + name, in_scene(f)) for name, f in
             tap.discover(vars(checks)) + ([] if moves else tap.discover(vars(selftest_rows)))]
    tests += scenes(os.path.join(HERE, "moves" if moves else "scenes"))
    suite.main(tests, "dialogue", library.use_certs, jobs=8 if moves else 5,
               timeout=TIME_LIMIT * library.imexrun.SCALE)


if __name__ == "__main__":
    main()
