"""The file system that messages are written to.

It decides half of the result, so it is chosen with care and named in the output. ext4 without a
journal, which some virtual machines have as their root, does not reuse the inodes of files deleted
in the last minutes and searches past them: the same 50,000 creations cost anything from 1 to 20
seconds there. As root we therefore mount an image of our own, ext4 with a journal; otherwise we
take the directory as it is and say what it is.
"""
import ctypes
import glob
import os
import shutil
import subprocess

GIB = 1 << 30
libc = ctypes.CDLL(None, use_errno=True)


def syncfs(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        if libc.syncfs(fd) < 0:
            raise OSError(ctypes.get_errno(), "syncfs", path)
    finally:
        os.close(fd)


def describe(path):
    """Like "ext4 on /dev/loop0, with a journal"."""
    dev = os.stat(path).st_dev
    wanted = "%d:%d" % (os.major(dev), os.minor(dev))
    kind, source = "unknown file system", "?"
    with open("/proc/self/mountinfo") as f:
        for line in f:
            left, right = line.split(" - ")
            if left.split()[2] == wanted:
                kind, source = right.split()[:2]
    if kind in ("ext3", "ext4"):
        journal = bool(glob.glob("/proc/fs/jbd2/%s-*" % os.path.basename(source)))
        if not journal and not os.path.isdir("/proc/fs/jbd2"):
            note = "journal unknown"
        else:
            note = "with a journal" if journal else "WITHOUT a journal: times are erratic"
    elif kind in ("xfs", "btrfs", "zfs", "f2fs"):
        note = "journaled or copy-on-write"
    elif kind in ("tmpfs", "ramfs"):
        note = "memory: syncing costs nothing there"
    else:
        note = "journal unknown"
    return "%s on %s, %s" % (kind, source, note)


class Disk:
    """A directory to write to, self.path; kind is auto, loop or dir."""

    def __init__(self, work, kind):
        self.path = os.path.join(work, "disk")
        self.image = os.path.join(work, "disk.img")
        self.kind = kind
        self.device = None
        self.problem = None     # why there is no loop mount though one was tried

    def __enter__(self):
        os.makedirs(self.path, exist_ok=True)
        if self.kind != "dir":
            self.problem = self._mount()
            if self.problem and self.kind == "loop":
                raise SystemExit("bench: no loop mount: " + self.problem)
        return self

    def _mount(self):
        """Returns what went wrong, or None."""
        if os.getuid() != 0:
            return "only root can"
        free = shutil.disk_usage(os.path.dirname(self.image)).free
        if free < 16 * GIB and self.kind == "auto":
            return "too little space"
        try:
            with open(self.image, "w") as f:
                f.truncate(12 * GIB)    # sparse; grows with what is written
            # One inode for 4 KiB: a million small files fit. Neither mkfs nor the mount writes
            # the inode tables in the background, which would be measured.
            self._run("mkfs.ext4", "-q", "-F", "-i", "4096",
                      "-E", "lazy_itable_init=1,nodiscard", self.image)
            self.device = self._run("losetup", "--direct-io=on", "--find", "--show", self.image)
            self._run("mount", "-o", "noinit_itable", self.device, self.path)
        except (OSError, subprocess.CalledProcessError) as e:
            self._release()
            return (getattr(e, "stderr", None) or str(e)).strip()
        return None

    @staticmethod
    def _run(*command):
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def _release(self):
        if self.device:
            subprocess.run(["umount", self.path], capture_output=True)
            subprocess.run(["losetup", "-d", self.device], capture_output=True)
            self.device = None
        if os.path.exists(self.image):
            os.unlink(self.image)

    def fresh(self, name):
        """The path of a directory that does not exist yet; what was there is gone."""
        path = os.path.join(self.path, name)
        self.remove(path)
        return path

    def remove(self, path):
        subprocess.run(["rm", "-rf", path], check=True)

    def __exit__(self, *_):
        if self.device:
            self._release()
        else:
            self.remove(self.path)
