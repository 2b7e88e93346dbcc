"""The servers a benchmark talks to: a private Dovecot, the delay proxy, the million messages.

All listen on 127.0.0.1 only, keep everything they write under a directory given to them, and end
with the `with` block that started them.
"""
import glob
import os
import pwd
import grp
import resource
import shutil
import signal
import socket
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")

DOVECOT_CONF = """\
base_dir = {dir}/run
state_dir = {dir}/state
instance_name = imex-bench-{port}
log_path = {dir}/dovecot.log
listen = 127.0.0.1
protocols = imap
ssl = no
disable_plaintext_auth = no
default_internal_user = {internal}
default_internal_group = {internal_group}
default_login_user = {login}
default_vsz_limit = 0
auth_mechanisms = plain login
passdb {{
  driver = static
  args = password=x
}}
userdb {{
  driver = static
  args = uid={owner} gid={group}
}}
first_valid_uid = 1
first_valid_gid = 1
mail_home = {dir}/mail/%u
mail_location = mdbox:~/mdbox
# Loading is not measured; reading is, and this changes nothing about it.
mail_fsync = never
mail_save_crlf = yes
mdbox_rotate_size = 256M
mail_max_userip_connections = 1000
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  chroot =
  service_count = 0
  process_min_avail = 2
  process_limit = 4
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service imap {{
  service_count = 0
  client_limit = 1
  process_min_avail = 2
  process_limit = 100
}}
service auth {{
  chroot =
  client_limit = 2000
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def tree_cpu(root):
    """CPU seconds used so far by a process and all its descendants, dead ones included."""
    children, ticks = {}, {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as f:
                text = f.read()
        except OSError:
            continue
        fields = text[text.rindex(")") + 2:].split()
        pid = int(path.split("/")[2])
        children.setdefault(int(fields[1]), []).append(pid)
        ticks[pid] = sum(map(int, fields[11:15]))
    todo, total = [root], 0
    while todo:
        pid = todo.pop()
        total += ticks.get(pid, 0)
        todo += children.get(pid, [])
    return total / TICKS


class Dovecot:
    """Any user name, password "x", mail in mdbox."""

    def __init__(self, directory):
        self.dir = directory
        self.pid = None

    def __enter__(self):
        if shutil.which("dovecot") is None:
            raise SystemExit("bench: dovecot is not installed (Debian: dovecot-imapd)")
        for sub in ("run", "state", "mail"):
            os.makedirs(os.path.join(self.dir, sub), exist_ok=True)
        me = pwd.getpwuid(os.getuid()).pw_name
        root = os.getuid() == 0
        owner = pwd.getpwnam("mail" if root else me)
        if root:
            os.chown(os.path.join(self.dir, "mail"), owner.pw_uid, owner.pw_gid)
        self.port = free_port()
        conf = os.path.join(self.dir, "dovecot.conf")
        with open(conf, "w") as f:
            f.write(DOVECOT_CONF.format(
                dir=self.dir, port=self.port, owner=owner.pw_name,
                group=grp.getgrgid(owner.pw_gid).gr_name,
                internal="dovecot" if root else me, login="dovenull" if root else me,
                internal_group="dovecot" if root else grp.getgrgid(os.getgid()).gr_name))
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
        self.pid_file = os.path.join(self.dir, "run/master.pid")
        left_behind = self._read_pid()  # by a master that was killed: whose number is it now?
        subprocess.run(["dovecot", "-c", conf], check=True)
        self._wait_until_it_answers(left_behind)
        return self

    def _read_pid(self):
        try:
            with open(self.pid_file) as f:
                return int(f.read())
        except (OSError, ValueError):
            return None

    def _wait_until_it_answers(self, left_behind):
        """The master writes its process id some time after the command returns."""
        for _ in range(100):
            try:
                pid = self._read_pid()
                self.pid = pid if pid != left_behind else None
                with socket.create_connection(("127.0.0.1", self.port)) as s:
                    if self.pid and s.recv(4) == b"* OK":
                        return
            except OSError:
                pass
            time.sleep(0.05)
        self.__exit__()
        raise SystemExit("bench: Dovecot does not answer, see %s/dovecot.log" % self.dir)

    def cpu(self):
        return tree_cpu(self.pid)

    def __exit__(self, *_):
        if self.pid is None:
            return
        os.kill(self.pid, signal.SIGTERM)
        for _ in range(100):
            try:
                os.kill(self.pid, 0)
            except ProcessLookupError:
                return
            time.sleep(0.05)


class Helper:
    """One of our own server programs: it says "port N" when it is ready."""

    def __init__(self, *command):
        self.command = [str(c) for c in command]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True,
                                        start_new_session=True)
        word = self.process.stdout.readline().split()
        if len(word) != 2:
            raise SystemExit("bench: %s did not start" % self.command[0])
        self.port = int(word[1])
        return self

    def cpu(self):
        return tree_cpu(self.process.pid)

    def __exit__(self, *_):
        # Its own process group: the children that serve one connection each end with it.
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait()
        self.process.stdout.close()
