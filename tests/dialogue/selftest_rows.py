"""Each row of docs/quirks.md 3.3 has a scene, and each quirk of the code names one that is there."""

import importlib.util
import os
import re

import rows

HERE = os.path.dirname(os.path.abspath(__file__))


def rows_of_the_page():
    """Numbers of the rows in docs/quirks.md 3.3."""
    with open(os.path.join(HERE, "..", "..", "docs", "quirks.md"), encoding="utf-8") as file:
        table = file.read().partition("### 3.3")[2]
    return re.findall(r"^\| (\d+b?) \|", table, re.M)


def all_scenes():
    """{"scenes/file: variant": its function} of both directories."""
    found = {}
    for folder in ("scenes", "moves"):
        directory = os.path.join(HERE, folder)
        for file in sorted(os.listdir(directory)):
            if file.endswith(".py"):
                module = importlib.util.module_from_spec(
                    importlib.util.spec_from_file_location("s", os.path.join(directory, file)))
                module.__spec__.loader.exec_module(module)
                for name, function in vars(module).items():
                    if name.startswith("scene") and callable(function):
                        variant = name[len("scene_"):].replace("_", " ")
                        found[f"{folder}/{file[:-3]}" + (f": {variant}" if variant else "")] = function
    return found


def test_every_row_of_the_quirks_has_a_scene(t):
    t.equal(list(rows.ROWS), rows_of_the_page(), "rows.py has the rows of docs/quirks.md 3.3")
    proved = {row for function in all_scenes().values() for row in getattr(function, "rows", [])}
    t.equal([row for row in rows.ROWS if row not in proved], [], "rows that no scene proves")


def test_every_quirk_of_the_code_has_its_scene_and_its_rows(t):
    with open(os.path.join(HERE, "..", "..", "src", "imap", "quirks.def"), encoding="utf-8") as file:
        entries = re.findall(r'^QUIRK\(.*?"([\d b]*)", "((?:scenes|moves)/[^"]+)"\)$', file.read(), re.M | re.S)
    known = all_scenes()
    t.ok(len(entries) > 40, "entries are found", len(entries))
    told = {row for text, _ in entries for row in text.split()}
    t.equal([row for row in rows.ROWS if row not in told], [], "rows that no quirk of the code has")
    t.equal(sorted(set(rows.PARTLY) - set(rows.ROWS)), [], "rows done in part that are none")
    t.equal(sorted({scene for _, scene in entries} - set(known)), [], "scenes of quirks.def that are none")
    t.equal(sorted({row for told, _ in entries for row in told.split()} - set(rows.ROWS)), [], "rows that are none")
