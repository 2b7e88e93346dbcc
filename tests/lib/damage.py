"""What befalls a file behind the back of imex."""

import os


def flip(path, at):
    """One octet is another; length and date are as they were. Returns all that the file holds now."""
    was = os.stat(path)
    with open(path, "r+b") as file:
        file.seek(at)
        octet = file.read(1)
        file.seek(at)
        file.write(bytes([octet[0] ^ 1]))
        file.seek(0)
        now = file.read()
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    return now
