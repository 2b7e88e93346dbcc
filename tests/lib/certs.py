"""Certificates for test servers, made with the openssl program.

Elliptic curves, because a set of RSA keys would take longer than all scenes
together. The expired certificate needs `openssl ca`, the only command of
OpenSSL 3.0 that takes both dates.
"""

import base64
import hashlib
import os
import subprocess

_CA_CONF = """\
[ca]
default_ca = it
[it]
dir = .
database = ./index.txt
serial = ./serial
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = dn
prompt = no
[dn]
CN = unused
"""

_LEAF = "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName={names}\n"
_OWN_NAMES = "IP:127.0.0.1,DNS:localhost"

# kind: (names, notBefore, notAfter, signed by)
_KINDS = {
    "good": (_OWN_NAMES, "20200101000000Z", "20491231000000Z", "ca"),
    "other": (_OWN_NAMES, "20200101000000Z", "20491231000000Z", "ca"),
    "wrong-name": ("DNS:mail.elsewhere.example", "20200101000000Z", "20491231000000Z", "ca"),
    "expired": (_OWN_NAMES, "20200101000000Z", "20210101000000Z", "ca"),
    "untrusted": (_OWN_NAMES, "20200101000000Z", "20491231000000Z", "stranger"),
}


class Certs:
    """A directory of keys and certificates; each kind is made when first asked for."""

    def __init__(self, directory):
        self.dir = directory
        os.makedirs(directory, exist_ok=True)
        self._write("ca.conf", _CA_CONF)

    @property
    def ca_file(self):
        """The authority to trust: --tls-ca."""
        return self._authority("ca")

    def pair(self, kind="good"):
        """(certificate file, key file) of one of good, other, wrong-name, expired, untrusted."""
        names, begin, end, signer = _KINDS[kind]
        crt, key = self._path(kind + ".crt"), self._path(kind + ".key")
        if not os.path.exists(crt):
            self._authority(signer)
            self._key(kind)
            self._write(kind + ".ext", _LEAF.format(names=names))
            self._openssl("req", "-new", "-key", kind + ".key", "-subj", f"/CN=imex {kind}",
                          "-config", "ca.conf", "-out", kind + ".csr")
            self._openssl("ca", "-batch", "-notext", "-config", "ca.conf", "-in", kind + ".csr",
                          "-cert", signer + ".crt", "-keyfile", signer + ".key",
                          "-startdate", begin, "-enddate", end,
                          "-extfile", kind + ".ext", "-out", kind + ".crt")
        return crt, key

    def make_all(self):
        for kind in _KINDS:
            self.pair(kind)
        return self

    def pin(self, kind="good", form="hex"):
        """SHA-256 of the SubjectPublicKeyInfo, as hex or base64."""
        crt, _ = self.pair(kind)
        pem = self._openssl("x509", "-in", crt, "-noout", "-pubkey")
        body = b"".join(line for line in pem.splitlines() if not line.startswith(b"-----"))
        digest = hashlib.sha256(base64.b64decode(body))
        return digest.hexdigest() if form == "hex" else base64.b64encode(digest.digest()).decode()

    def _authority(self, name):
        path = self._path(name + ".crt")
        if not os.path.exists(path):
            self._write("index.txt", "")
            self._write("serial", "1000\n")
            self._key(name)
            self._openssl("req", "-x509", "-new", "-key", name + ".key", "-days", "9000",
                          "-subj", f"/CN=imex test {name}", "-config", "ca.conf", "-out", path,
                          "-addext", "basicConstraints=critical,CA:TRUE",
                          "-addext", "keyUsage=critical,keyCertSign")
        return path

    def _key(self, name):
        self._openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", name + ".key")

    def _path(self, name):
        return os.path.join(self.dir, name)

    def _write(self, name, text):
        with open(self._path(name), "w", encoding="ascii") as file:
            file.write(text)

    def _openssl(self, *args):
        done = subprocess.run(["openssl", *args], cwd=self.dir, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"openssl {' '.join(args)}: {done.stderr.decode(errors='replace')}")
        return done.stdout
