"""A small file system of a scene's own, gone at its end. Needs leave to mount; else the scene is skipped.

    disk = small_disk(t, "size=8m")
    job, run = t.extract(server, job=disk.job())
    disk.grow("size=64m")
"""

import os
import subprocess
import tempfile

from imexrun import Job

TAP_HELPER = True


class Disk:
    def __init__(self, t, path):
        self.t, self.path = t, path

    def job(self):
        """A job directory on it."""
        return Job(self.t, os.path.join(self.path, "job"))

    def grow(self, options):
        subprocess.run(["mount", "-o", "remount," + options, self.path], check=True)

    def fill(self, leave):
        """Take all but so many octets; returns the file that has them."""
        there = os.statvfs(self.path)
        path = os.path.join(self.path, "filler")
        with open(path, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, there.f_bavail * there.f_frsize - leave)
        return path

    def take_away(self):
        subprocess.run(["umount", "-l", self.path], check=True)
        os.rmdir(self.path)


def small_disk(t, options):
    path = tempfile.mkdtemp(prefix="imex-disk-")
    try:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path],
                                 capture_output=True).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        os.rmdir(path)
        t.skip("no leave to mount a file system")
    disk = Disk(t, path)
    t.cleanup(disk.take_away)
    return disk
