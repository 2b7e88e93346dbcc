"""Programs that insist on a terminal: given one, and typed at."""

import fcntl
import os
import pty
import select
import signal
import termios
import time


def on_terminal(argv, env, keys, seconds=60):
    """Run a program that insists on a terminal; returns (exit code, what it drew).

    keys is a list of what a person types; the next is typed when the program is quiet.
    """
    pid, master = pty.fork()
    if pid == 0:
        os.environ.update(env)
        os.execvp(argv[0], argv)
    fcntl.ioctl(master, termios.TIOCSWINSZ, b"\x18\0\x50\0\0\0\0\0")
    drawn, deadline = b"", time.monotonic() + seconds
    while time.monotonic() < deadline:
        ready, _, _ = select.select([master], [], [], 0.4)
        try:
            drawn += os.read(master, 65536) if ready else b""
        except OSError:     # Linux says EIO when the program has closed its side
            break
        if not ready and drawn and keys:
            os.write(master, keys.pop(0))
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(master)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), drawn
