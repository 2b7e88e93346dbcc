"""Private Dovecot, Cyrus and Courier servers for a test.

    with Dovecot() as server:
        server.add_user("ann", "secret")
        client = server.client("ann", "secret")

The scripts of tests/servers do the work. Here live the choice of free ports, the
directory, and the promise that nothing is left: a guardian, a process of its own
that waits for the end of a pipe held only by us, stops the server and removes the
directory however the test ends, SIGKILL included. KEEP=1 keeps the directory.
"""

import os
import shlex
import shutil
import socket
import subprocess
import tempfile

from client import Client

SCRIPTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "servers")
STARTS = 3      # another program may take the port between our choice and the start

GUARDIAN = 'cat >/dev/null; "$1" stop "$2" >/dev/null 2>&1; [ "$3" = 1 ] || rm -rf "$2"'


def why_not(name="dovecot"):
    """A reason why this server cannot run here, or None."""
    if os.geteuid() != 0:
        return "real servers must be started as root"
    missing = [tool for tool in ("dovecot", "openssl", "ps", "setpriv") if not shutil.which(tool)]
    if missing:
        return f"not installed: {' '.join(missing)}"
    # Containers often forbid what Courier needs; its paths are compiled in.
    if name == "courier" and subprocess.run(["unshare", "-m", "true"], stderr=subprocess.DEVNULL, check=False).returncode:
        return "mount namespaces are not allowed here"
    return None


def free_ports(count):
    """Ports of 127.0.0.1 that nobody listens on at this moment."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


class Server:
    """One server; knobs are the environment variables that its script reads."""

    name = None
    prefix = ""         # of the personal namespace, in front of every folder but INBOX
    delimiter = "/"

    def __init__(self, **knobs):
        self.knobs = {k: str(v) for k, v in knobs.items()}
        self.script = os.path.realpath(os.path.join(SCRIPTS, self.name + ".sh"))
        self.dir = self.port = self.tls_port = self._pipe = self._guardian = None

    # -- life --

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.dir = tempfile.mkdtemp(prefix=f"imex-{self.name}-", dir="/tmp")
        os.chmod(self.dir, 0o755)
        self._guard()
        self._prepare()
        for attempt in range(STARTS):
            self.port, self.tls_port = free_ports(2)
            done = self._call("start", self.dir, str(self.port), str(self.tls_port), check=False)
            if done.returncode == 0:
                return self
            self._call("stop", self.dir, check=False)
            if attempt == STARTS - 1 or "already in use" not in done.stderr:
                said = self.describe()
                self.stop()
                raise RuntimeError(f"{self.name} does not start: {done.stderr}\n{said}")
        return self

    def _prepare(self):
        """Write into self.dir what the script shall find there."""

    def stop(self):
        """End the server and remove its directory; returns when both are gone."""
        if self._guardian:
            os.close(self._pipe)
            self._guardian.wait()
            self._guardian = None

    def leave(self):
        """Leave it running when we end; whoever comes later stops it by its directory."""
        self._guardian.kill()
        self._guardian.wait()
        os.close(self._pipe)
        self._guardian = None

    def restart(self):
        """Stop and start on the same ports with the same mail."""
        self._call("stop", self.dir)
        self._call("start", self.dir, str(self.port), str(self.tls_port))

    def _guard(self):
        end, self._pipe = os.pipe()
        keep = os.environ.get("KEEP", "")
        self._guardian = subprocess.Popen(
            ["sh", "-c", GUARDIAN, "guardian", self.script, self.dir, keep], stdin=end,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(end)

    def _call(self, *args, check=True):
        # To a file: a daemon that inherits a pipe would keep it open for ever.
        with tempfile.TemporaryFile("w+") as said:
            done = subprocess.run([self.script, *args], env={**os.environ, **self.knobs},
                                  stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False)
            said.seek(0)
            done.stderr = said.read()
        if check and done.returncode:
            raise RuntimeError(f"{shlex.join([self.script, *args])}: {done.stderr}")
        return done

    # -- use --

    def add_user(self, user, password):
        self._call("add-user", self.dir, user, password)

    def client(self, user, password):
        """A logged-in independent client."""
        return Client(self.port).login(user, password)

    @property
    def ca_file(self):
        return os.path.join(self.dir, "tls", "cert.pem")

    def url(self, user, tls=False, port=None):
        scheme, own = ("imaps", self.tls_port) if tls else ("imap", self.port)
        return f"{scheme}://{user.replace('%', '%25')}@127.0.0.1:{port or own}/"

    def account(self, user, port=None):
        """The name of the account's directory in a job (rules.md 3.2)."""
        return f"{user.replace('%', '%25')}@127.0.0.1%3A{port or self.port}"

    def folder(self, *path):
        """The name on this server of a folder given as a path of wire names; none is INBOX."""
        return self.prefix + self.delimiter.join(path) if path else "INBOX"

    def describe(self):
        """For a failed test: what runs where, and the last words of its logs."""
        lines = [f"{self.name} on 127.0.0.1:{self.port} (TLS {self.tls_port}), files in {self.dir}"]
        logs = os.path.join(self.dir, "log")
        for name in sorted(os.listdir(logs)) if os.path.isdir(logs) else []:
            with open(os.path.join(logs, name), encoding="utf-8", errors="replace") as log:
                lines += [f"{name}: {line.rstrip()}" for line in log.readlines()[-12:]]
        return "\n".join(lines)


class Dovecot(Server):
    name = "dovecot"

    def __init__(self, extra=None, **knobs):
        """extra: lines of configuration that override those of the script."""
        super().__init__(**knobs)
        self.extra = extra

    def _prepare(self):
        if self.extra:
            self.knobs["DOVECOT_EXTRA"] = os.path.join(self.dir, "extra.conf")
            with open(self.knobs["DOVECOT_EXTRA"], "w", encoding="utf-8") as conf:
                conf.write(self.extra)


class Cyrus(Server):
    name = "cyrus"


class Courier(Server):
    name = "courier"
    prefix = "INBOX."
    delimiter = "."


class DovecotPrefix(Dovecot):
    """As set up by those who came from Courier."""
    prefix = "INBOX."
    delimiter = "."

    def __init__(self):
        super().__init__(DOVECOT_PREFIX="INBOX.", DOVECOT_SEP=".")


class CyrusDot(Cyrus):
    """As before Cyrus 3."""
    prefix = "INBOX."
    delimiter = "."

    def __init__(self):
        super().__init__(CYRUS_SEP="dot", CYRUS_ALTNS="no")


ALL = {"dovecot": Dovecot, "cyrus": Cyrus, "courier": Courier}
# The same servers, set up or storing mail in another way.
VARIANTS = {"dovecot-prefix": DovecotPrefix, "cyrus-dot": CyrusDot,
            "dovecot-mdbox": lambda: Dovecot(DOVECOT_FORMAT="mdbox"),
            "dovecot-mbox": lambda: Dovecot(DOVECOT_FORMAT="mbox")}
