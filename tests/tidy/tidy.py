#!/usr/bin/env python3
"""The tree obeys the rules of the house that no compiler checks.

A folder under src/ may include headers of its own and of folders with a lower level,
and link only those. The levels are the ones that ARCHITECTURE.md gives ("base/  0  ...").
"""

import ast
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap  # noqa: E402

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
# Until ARCHITECTURE.md says otherwise.
LEVELS = {"base": 0, "net": 1, "mail": 1, "state": 2, "imap": 2, "store": 3, "engine": 4, "app": 5}
LONG_FILE = 600

# Functions that overflow, keep hidden state, or take what a peer sent for granted.
FORBIDDEN = ("strcpy strcat sprintf vsprintf strtok gets atoi atol scanf sscanf fscanf "
             "vsscanf system popen alloca").split()

# Traces of where the work was done: tools, homes and package hosts of the people (or
# programs) who did it. Written in pieces, so that this file does not contain them.
TRACES = ["clau" + "de", "anthro" + "pic", "open" + "ai", "chat" + "gpt", "co" + "pilot",
          "sub" + "-?agent", r"\bl" + r"lm\b", "co-authored" + "-by", "generated" + " with",
          r"/wo" + r"rk/(main|shared)", "/ro" + "ot/", "/ho" + r"me/[a-z]+/", "py" + "env",
          "arti" + "factory", r"\bpkg" + r"\.dev\b", "mirror" + r"s?\.[a-z]+\.internal",
          r"\.\./sha" + "red", r"sha" + r"red/(spec|bench|servers|hooks)", r"sha" + r"red/\w+\.md"]


def levels():
    """The level of each folder of src/ and of its parts ("app/cli"), as ARCHITECTURE.md lists them."""
    try:
        text = read("ARCHITECTURE.md")
    except OSError:
        return LEVELS
    return {**LEVELS, **{n: float(v) for n, v in re.findall(r"^[ |`]*(\w+(?:/\w+)?)/`?[ |]+(\d(?:\.\d)?)\b", text, re.M)}}


def folder_of(path):
    """Of a path below src/: "app/cli" of app/cli/out.h, "base" of base/buf.h."""
    return os.path.dirname(path)


def files():
    """Paths of the project's files, known to git or about to be; all below ROOT without git."""
    try:
        out = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                             cwd=ROOT, capture_output=True, check=True).stdout
        names = out.decode("utf-8", "surrogateescape").split("\0")
    except (OSError, subprocess.CalledProcessError):
        names = [os.path.relpath(os.path.join(top, name), ROOT)
                 for top, dirs, here in os.walk(ROOT) for name in here
                 if not dirs_hide(dirs, top)]
    return sorted({n for n in names if n and os.path.isfile(os.path.join(ROOT, n))})


def dirs_hide(dirs, _top):
    """Keep os.walk out of build trees and the like."""
    dirs[:] = [d for d in dirs if not d.startswith((".git", "build", "__pycache__"))]
    return False


def read(name):
    with open(os.path.join(ROOT, name), encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def c_files(folders=("src",)):
    return [n for n in files() if n.endswith((".c", ".h", ".def")) and n.startswith(tuple(f + "/" for f in folders))]


def code_only(text):
    """The text with comments and the insides of literals blanked; line numbers stay."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''

    def blank(match):
        found = match.group(0)
        if found[0] in "\"'":
            return found[0] * 2
        return re.sub(r"[^\n]", " ", found)

    return re.sub(pattern, blank, text, flags=re.S)


def includes(name):
    """(line number, path) of the includes of our own headers."""
    for number, line in enumerate(read(name).split("\n"), 1):
        found = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
        if found:
            yield number, found.group(1)


def none(t, faults, what):
    t.ok(not faults, what, *faults[:40])


def test_a_folder_includes_only_its_own_and_lower_headers(t):
    faults, level = [], levels()
    for name in c_files():
        own = folder_of(name[len("src/"):])
        for number, path in includes(name):
            folder = folder_of(path)
            if folder in level and folder != own and level[folder] >= level.get(own, -1):
                faults.append(f"{name}:{number}: {own} (level {level.get(own)}) includes "
                              f"{path} (level {level[folder]})")
    none(t, faults, "no include goes up or sideways")


def test_includes_name_the_folder_and_exist(t):
    faults = []
    for name in c_files(("src", "tests")):
        for number, path in includes(name):
            roots = [os.path.join(ROOT, "src"), ROOT] if name.startswith("src/") else \
                [os.path.join(ROOT, "src"), os.path.join(ROOT, "tests"), os.path.dirname(os.path.join(ROOT, name))]
            if name.startswith("src/") and "/" not in path:
                faults.append(f'{name}:{number}: "{path}" lacks its folder')
            elif not any(os.path.exists(os.path.join(r, path)) for r in roots):
                faults.append(f'{name}:{number}: no "{path}"')
    none(t, faults, "each include is written with its folder and is there")


def test_every_folder_of_src_has_a_level(t):
    folders = {folder_of(n[len("src/"):]) for n in files() if n.startswith("src/") and n.endswith((".c", ".h"))}
    t.equal(sorted(folders - set(levels())), [], "folders without a level")


def test_a_folder_links_only_lower_ones(t):
    faults, level = [], levels()
    for name in files():
        found = re.fullmatch(r"src/(\w+)/(?:.*/)?meson\.build", name)
        if not found or found.group(1) not in level:
            continue
        own = found.group(1)
        for other in re.findall(r"\b(?:lib_?|dep_?)?(%s)(?:_lib|_dep)?\b" % "|".join(level), read(name)):
            if other != own and level[other] >= level[own]:
                faults.append(f"{name}: {own} names {other}")
    none(t, faults, "no library is linked upwards or sideways")


def test_forbidden_functions_are_not_called(t):
    call = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join(FORBIDDEN))
    faults = []
    for name in c_files(("src", "tests", "bench")):
        for number, line in enumerate(code_only(read(name)).split("\n"), 1):
            found = call.search(line)
            if found:
                faults.append(f"{name}:{number}: {found.group(1)}()")
    none(t, faults, "none of " + " ".join(FORBIDDEN))


def test_goto_never_jumps_backwards(t):
    faults = []
    for name in c_files(("src", "tests", "bench")):
        labels = set()
        for number, line in enumerate(code_only(read(name)).split("\n"), 1):
            if line.startswith("}"):
                labels.clear()
            label = re.match(r"\s*(\w+)\s*:(?!:)", line)
            if label and label.group(1) not in ("default", "public"):
                labels.add(label.group(1))
            jump = re.search(r"\bgoto\s+(\w+)", line)
            if jump and jump.group(1) in labels:
                faults.append(f"{name}:{number}: goto {jump.group(1)}")
    none(t, faults, "labels stand below their gotos")


def test_headers_are_guarded_by_their_path(t):
    faults = []
    for name in c_files():
        if name.endswith(".h"):
            want = re.sub(r"\W", "_", name[len("src/"):]).upper()
            if not re.search(r"#ifndef\s+%s\s*\n#define\s+%s\b" % (want, want), read(name)):
                faults.append(f"{name}: guard should be {want}")
    none(t, faults, "include guards")


def test_lines_are_tidy(t):
    faults = []
    for name in files():
        if not name.endswith((".c", ".h", ".def", ".py", ".sh", ".build", ".md")):
            continue
        text = read(name)
        if "\r" in text and not name.startswith(("tests/wire/", "tests/dialogue/")):
            faults.append(f"{name}: carriage returns")
        if text and not text.endswith("\n"):
            faults.append(f"{name}: no newline at the end")
        if re.search(r"[ \t]+\n", text) and not name.endswith(".md"):
            line = text[:re.search(r"[ \t]+\n", text).start()].count("\n") + 1
            faults.append(f"{name}:{line}: blanks at the end of a line")
    none(t, faults, "ends of lines and files")


def test_no_trace_of_a_workplace_in_the_tree(t):
    pattern = re.compile("|".join(TRACES), re.I)
    faults = []
    for name in files():
        if pattern.search(name):
            faults.append(f"{name}: the name itself")
        for number, line in enumerate(read(name).split("\n"), 1):
            found = pattern.search(line)
            if found:
                faults.append(f"{name}:{number}: {found.group(0)}")
    none(t, faults, "no file names a tool, a home or a host of a workplace")


def test_no_trace_of_a_workplace_in_the_history(t):
    done = subprocess.run(["git", "log", "--format=%h %B"], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        t.skip("no git history here")
    pattern = re.compile("|".join(TRACES), re.I)
    none(t, [line for line in done.stdout.decode("utf-8", "replace").split("\n") if pattern.search(line)],
         "no commit message does either")


def test_scripts_pass_shellcheck(t):
    if not shutil.which("shellcheck"):
        t.skip("shellcheck is not installed")
    scripts = [n for n in files() if re.match(r"#!.*\b(ba)?sh\b|# shellcheck shell", read(n)[:40])]
    t.ok(scripts, "there are scripts")
    done = subprocess.run(["shellcheck", "-x", *scripts], cwd=ROOT, capture_output=True, text=True, check=False)
    t.ok(done.returncode == 0, "shellcheck is silent", done.stdout)


def test_python_is_well_formed(t):
    faults = []
    for name in files():
        text = read(name)
        if name.endswith(".py") or re.match(r"#!.*\bpython3\b", text[:40]):
            try:
                ast.parse(text, name)
            except SyntaxError as e:
                faults.append(f"{name}:{e.lineno}: {e.msg}")
    none(t, faults, "every Python file parses")


def test_manuals_pass_mandoc(t):
    manuals = [n for n in files() if re.fullmatch(r"man/.*\.[1-8]", n)]
    if not manuals or not shutil.which("mandoc"):
        t.skip("no manuals yet" if not manuals else "mandoc is not installed")
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *manuals], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    t.ok(done.returncode == 0, "mandoc has nothing to say", done.stdout + done.stderr)


def test_every_option_of_the_program_is_in_a_manual(t):
    program = os.environ.get("IMEX", os.path.join(ROOT, "build", "src", "app", "imex"))
    manuals = {os.path.basename(n): read(n).replace("\\-", "-") for n in files() if re.fullmatch(r"man/.*\.[1-8]", n)}
    if not manuals or not os.access(program, os.X_OK):
        t.skip("no manuals or no program yet")
    for command in ("check", "extract", "migrate", "import", "undo", "verify", "retry", "control", "convert",
                    "status", "report", "job", "quirks", "worker"):
        said = subprocess.run([program, command, "--help"], capture_output=True, text=True, check=False).stdout
        options = sorted(set(re.findall(r"(?<![\w-])--([a-z][a-z0-9-]+)", said)))
        t.ok(options, f"imex {command} --help names options")
        text = manuals[f"imex-{command}.1"] + manuals["imex.1"]
        missing = [o for o in options if not re.search(r"(?:Fl |, |-)-%s(?![\w-])" % re.escape(o), text)]
        t.equal(missing, [], f"options of imex {command} that neither its manual nor imex(1) has")


def test_every_event_is_in_its_manual(t):
    events = re.findall(r'^EVENT\((\d+), *\w+, *(\w+), *"([^"]*)"\)', read("src/base/events.def"), re.M)
    told = re.findall(r"^\.It (\d+) Ta (\w+) Ta (.*)$", read("man/imex-events.7"), re.M)
    t.equal(told, [(number, level.lower(), words) for number, level, words in events],
            "imex-events(7) has the table of src/base/events.def")


def test_every_limit_is_in_its_manual(t):
    units = {"COUNT": "", "KIB": " KiB", "MIB": " MiB", "MIBS": " MiB", "TIMES": " times the timeout"}
    source = read("src/imap/limits.def")
    limits = re.findall(r'^LIMIT\(\w+, *(\d+), *(\w+), *"([^"]*)", "([^"]*)", (\d+)\)$', source, re.M)
    told = re.findall(r"^\.It ([^E].*) Ta (.*) Ta (.*) Ta (.*)$", read("man/imex-limits.7"), re.M)
    t.equal(len(limits), source.count("\nLIMIT("), "every line of src/imap/limits.def can be read")
    t.equal(told, [(what, number + units[unit], then, event if event != "0" else "-")
                   for number, unit, what, then, event in limits],
            "imex-limits(7) has the table of src/imap/limits.def")
    events = re.findall(r"^EVENT\((\d+),", read("src/base/events.def"), re.M)
    t.equal([e for *_, e in limits if e not in [*events, "0"]], [], "events that are none")


def test_install_brings_program_and_manuals(t):
    program = os.environ.get("IMEX", os.path.join(ROOT, "build", "src", "app", "imex"))
    build = os.path.join(os.path.dirname(program), "..", "..")
    if not os.access(program, os.X_OK) or not os.path.exists(os.path.join(build, "build.ninja")):
        t.skip("nothing is built")
    place = t.tmpdir("install")
    done = subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet"], capture_output=True,
                          env={**os.environ, "DESTDIR": place}, text=True, check=False)
    t.ok(done.returncode == 0, "meson install succeeds", done.stdout + done.stderr)
    found = {name for _, _, names in os.walk(place) for name in names}
    manuals = {os.path.basename(n) for n in files() if re.fullmatch(r"man/.*\.[1-8]", n)}
    t.equal(sorted(({"imex"} | manuals) - found), [], "what is not installed")


def test_long_files_are_named(t):
    for name in files():
        lines = read(name).count("\n")
        if lines > LONG_FILE and name.endswith((".c", ".h", ".py", ".sh")):
            t.note(f"{name} has {lines} lines: is it still one thing?")
    t.ok(True, "a reminder, never a failure")


tap.main(globals())
