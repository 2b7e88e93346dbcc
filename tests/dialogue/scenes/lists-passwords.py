"""Where the rows of a list take their passwords from: what is not there is told with file and line, before a login."""

import threading

from people import *
from scene import *


def written(t, name, text):
    path = os.path.join(t.tmpdir("secret"), name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def users(t, text):
    return written(t, "users.csv", text)


def extract(t, server, path, *more, **options):
    job = Job(t)
    return job, t.imex("extract", "--users", path, "--to", job, *ONE, *t.options(server), *more, password=None, **options)


def scene_a_file_that_is_not_there(t):
    server = t.serve(house(people("a", 5)))
    url, good = server.url_of, written(t, "good", password_of("a1") + "\n")
    text = (f"source,password,password_file,password_command\n{url('a1')},,{good},\n{url('a2')},,/no/such-Secret,\n"
            f"{url('a3')},,{written(t, 'empty', '')},\n{url('a4')},,,/no/such-Program --of a4\n"
            f"{url('a5')},{password_of('a5')},/not/needed,\n")
    job, run = extract(t, server, users(t, text))
    t.exits(run, 65)
    t.says(run, "users.csv:3: column 3, password-file: No such file or directory")
    t.says(run, "users.csv:4: column 3, password-file: its first line is empty")
    t.says(run, "users.csv:5: column 4, password-command: No such file or directory")
    t.ok("such-" not in run.text and "users.csv:2:" not in run.text and "users.csv:6:" not in run.text,
         "no more, and nothing that a field holds", run.text)
    t.equal(server.logins, [], "logins")
    t.exits(extract(t, server, users(t, text), "--only", "a1*", "--only", "a5*")[1], 0)


def scene_a_directory_for_a_file(t):
    server = t.serve(house(people("a", 1)))
    job, run = extract(t, server, users(t, f"source,password_file\n{server.url_of('a1')},{t.tmpdir('d')}\n"))
    t.exits(run, 65)
    t.says(run, "users.csv:2: column 2, password-file: Is a directory")


def scene_what_is_no_file_is_read_once(t):
    """A pipe gives its octets to one reader."""
    server = t.serve(house(people("a", 1)))
    pipe = os.path.join(t.tmpdir("p"), "pipe")
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: open(pipe, "w").write(password_of("a1") + "\n"), daemon=True)
    writer.start()
    t.exits(extract(t, server, users(t, f"source,password_file\n{server.url_of('a1')},{pipe}\n"))[1], 0)


def scene_commands_that_the_shell_knows(t):
    """A function, a builtin, a quotation or a variable is left to the shell."""
    server = t.serve(house(people("a", 3)))
    words = [f'"""/bin/echo"" \'{password_of("a1")}\'"', f"echo '{password_of('a2')}'",
             f"P=/no/such; /bin/echo '{password_of('a3')}'"]
    rows = "".join(f"{server.url_of(f'a{n}')},{word}\n" for n, word in enumerate(words, 1))
    t.exits(extract(t, server, users(t, "source,password_command\n" + rows))[1], 0)


def scene_the_way_of_the_row_wins(t):
    """Over another way that the command line has for all."""
    server = t.serve(house(people("a", 2)))
    wrong = written(t, "wrong", "not this one\n")
    text = f"source,password_command\n{server.url_of('a1')},echo '{password_of('a1')}'\n"
    t.exits(extract(t, server, users(t, text), "--password-file", wrong)[1], 0)
    text = f"source,password_file\n{server.url_of('a2')},{written(t, 'right', password_of('a2'))}\n"
    t.exits(extract(t, server, users(t, text), "--password-command", "echo wrong")[1], 0)


def scene_a_file_for_all_that_is_not_there(t):
    server = t.serve(house(people("a", 2)))
    text = f"source,password\n{server.url_of('a1')},{password_of('a1')}\n{server.url_of('a2')},\n"
    job, run = extract(t, server, users(t, text), "--password-file", "/no/such-file")
    t.exits(run, 66)
    t.says(run, "--password-file '/no/such-file': No such file or directory")
    t.equal(server.logins, [], "logins")
