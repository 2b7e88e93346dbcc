"""Mail corpora: the same bytes every time, loaded over IMAP with LITERAL+ and MULTIAPPEND.

  S  50,000 messages of 2-4 KiB in INBOX: what one message costs
  M  10,000 messages of log-normal size (median 12 KiB, mean about 60 KiB; 590 MB) in 40 nested
     folders with flags, keywords, attachments and non-ASCII names: a real mailbox
  L  20 messages of 50 MiB: what one byte costs, and memory
  R  1,000 messages of 2-4 KiB in INBOX: what is waited for
  A  200 accounts of 200 messages of 8 KiB: what one account costs

The user who owns a corpus is its letter in lower case, and for A a number behind it. load() returns
what a copy must contain.
"""
import base64
import datetime
import hashlib
import math
import random
import re
import socket

SETS = ("S", "M", "L", "R", "A")
ACCOUNTS = {"a": 200}      # of a corpus that has more than one

WORDS = ("lorem ipsum dolor sit amet mail server migration folder quota archive invoice "
         "meeting project report deadline customer delivery contract review number tomorrow "
         "please regards attached document update version release schedule budget team").split()

M_FOLDERS = [
    "INBOX", "Sent", "Drafts", "Junk", "Trash", "Archive", "Archive/2019", "Archive/2020",
    "Archive/2020/Q1", "Archive/2020/Q2", "Archive/2020/Q3", "Archive/2020/Q4",
    "Archive/2021", "Archive/2022", "Archive/2023", "Archive/2024", "Archive/2024/invoices",
    "Projekte", "Projekte/Über uns", "Projekte/Über uns/Größe",
    "Kunden", "Kunden/Müller & Söhne", "Kunden/Café Étoile",
    "日本語", "日本語/メール", "Почта", "Почта/Входящие",
    "space in name", "space in name/sub folder", "it's", "a&b", "100 percent",
    "lists", "lists/debian", "lists/debian/devel", "lists/linux", "lists/linux/kernel",
    "lists/linux/netdev", "lists/imap", "old stuff",
]


def accounts(letter, scale):
    return max(1, int(ACCOUNTS[letter] * scale))


def account(letter, number):
    return "%s%04d" % (letter, number)


def plan(name, scale):
    """The folders of a corpus and the size of every message: [(folder, [bytes])]."""
    count = lambda n: max(1, int(n * scale))
    if name == "S":
        r = random.Random(1)
        return [("INBOX", [r.randint(2048, 4096) for _ in range(count(50000))])]
    if name == "R":
        r = random.Random(3)
        return [("INBOX", [r.randint(2048, 4096) for _ in range(count(1000))])]
    if name == "L":
        return [("INBOX", [50 << 20] * count(20))]
    if name == "A":
        return [("INBOX", [8192] * 200)]
    r = random.Random(2)
    sigma = math.sqrt(2 * math.log(60 / 12))
    weights = [1.0 / (i + 1) ** 0.8 for i in range(len(M_FOLDERS))]
    folders = {f: [] for f in M_FOLDERS}
    sizes = [int(min(20 << 20, max(900, r.lognormvariate(math.log(12 * 1024), sigma))))
             for _ in range(count(10000))]
    for size in sizes:
        folders[r.choices(M_FOLDERS, weights)[0]].append(size)
    return list(folders.items())


# ---- messages ----

class Generator:
    """Messages whose bodies are cut from 2 MiB of text lines and 4 MiB of base64 lines."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        pool = random.Random(4242)
        lines, size = [], 0
        while size < 2 << 20:
            line = self._line(pool)
            lines.append(line)
            size += len(line)
        self.text = b"".join(lines)
        self.b64 = base64.encodebytes(pool.randbytes(3 << 20)).replace(b"\n", b"\r\n")

    @staticmethod
    def _line(pool):
        words, n, limit = [], 0, pool.randint(50, 76)
        while n < limit - 12:
            words.append(pool.choice(WORDS))
            n += len(words[-1]) + 1
        return " ".join(words).encode() + b"\r\n"

    def _text(self, n):
        """Exactly n bytes of CRLF lines (n is at least 2)."""
        out = []
        while n > 80:
            at = self.text.index(b"\n", self.r.randrange(len(self.text) - 4096)) + 1
            piece = self.text[at:at + min(n, 65536)]
            cut = piece.rfind(b"\n") + 1
            if not 0 < cut <= n:
                break
            out.append(piece[:cut])
            n -= cut
        self._end(out, n, b"z")
        return b"".join(out)

    def _base64(self, n):
        """Exactly n bytes of base64 lines, or none when n is too small for one."""
        out = []
        while n > 78:
            at = 78 * self.r.randrange(len(self.b64) // 78 - 1000)
            piece = self.b64[at:at + min(n // 78, 20000) * 78]
            out.append(piece)
            n -= len(piece)
        if out or n >= 4:
            self._end(out, n, b"A")
        return b"".join(out)

    @staticmethod
    def _end(out, n, fill):
        """n more bytes: a last line, or one byte more in the line before it."""
        if n >= 2:
            out.append(fill * (n - 2) + b"\r\n")
        elif n == 1 and out:
            out[-1] = out[-1][:-2] + fill + b"\r\n"

    def _header(self, uid, user, date):
        r = self.r
        ident = "%016x%08x" % (r.getrandbits(64), uid)
        subject = " ".join(r.choice(WORDS) for _ in range(r.randint(2, 8)))
        if r.random() < 0.15:
            word = base64.b64encode(("Übersicht " + subject[:30]).encode()).decode()
            subject = "=?utf-8?B?%s?=" % word
        when = date.strftime("%a, %d %b %Y %H:%M:%S +0000")
        return ("Return-Path: <sender%d@example.com>\r\n"
                "Received: from mx%d.example.net (mx%d.example.net [192.0.2.%d])\r\n"
                "\tby mail.example.org (Postfix) with ESMTPS id %s\r\n"
                "\tfor <%s@example.org>; %s\r\n"
                "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=k1;\r\n"
                "\tb=%s\r\n"
                "From: \"Sender %d\" <sender%d@example.com>\r\n"
                "To: <%s@example.org>\r\n"
                "Subject: %s\r\nDate: %s\r\nMessage-ID: <%s@example.com>\r\n"
                "MIME-Version: 1.0\r\n"
                % (r.randrange(500), r.randrange(9), r.randrange(9), r.randrange(254),
                   ident[:12].upper(), user, when, base64.b64encode(r.randbytes(96)).decode(),
                   r.randrange(500), r.randrange(500), user, subject, when, ident)).encode()

    def _flags(self, user):
        r, flags, x = self.r, [], self.r.random()
        if x < 0.7:
            flags.append("\\Seen")
        if x < 0.1:
            flags.append("\\Answered")
        if r.random() < 0.05:
            flags.append("\\Flagged")
        if user == "m":
            if r.random() < 0.02:
                flags.append("$Forwarded")
            if r.random() < 0.03:
                flags.append("$label%d" % r.randint(1, 3))
            if r.random() < 0.1:
                flags.append("NonJunk")
        return " ".join(flags)

    def message(self, uid, user, size):
        """(bytes, flags, internal date) of one message of about that size."""
        r = self.r
        date = (datetime.datetime(2018, 1, 1, tzinfo=datetime.timezone.utc)
                + datetime.timedelta(seconds=r.randrange(7 * 365 * 86400)))
        head = self._header(uid, user, date)
        if size < 16384:
            head += (b"Content-Type: text/plain; charset=utf-8\r\n"
                     b"Content-Transfer-Encoding: 7bit\r\n\r\n")
            data = head + self._text(max(2, size - len(head)))
        else:
            boundary = b"=_%016x" % r.getrandbits(64)
            head += b"Content-Type: multipart/mixed; boundary=\"" + boundary + b"\"\r\n\r\n"
            text = (b"--" + boundary + b"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
                    + self._text(1500) + b"\r\n")
            part = (b"--" + boundary + b"\r\nContent-Type: application/pdf; name=\"file.pdf\"\r\n"
                    b"Content-Disposition: attachment; filename=\"file.pdf\"\r\n"
                    b"Content-Transfer-Encoding: base64\r\n\r\n")
            end = b"\r\n--" + boundary + b"--\r\n"
            room = size - len(head) - len(text) - len(part) - len(end)
            data = b"".join((head, text, part, self._base64(room), end))
        received = date + datetime.timedelta(seconds=r.randrange(90))
        return data, self._flags(user), received.strftime("%d-%b-%Y %H:%M:%S +0000")


# ---- what a copy must contain ----

class Tally:
    """Messages, bytes with LF line ends, and a digest that does not depend on their order."""

    def __init__(self):
        self.count = self.bytes = self.sum = 0

    def add(self, data):
        data = data.replace(b"\r\n", b"\n")
        self.count += 1
        self.bytes += len(data)
        self.sum += int.from_bytes(hashlib.sha256(data).digest(), "big")

    def result(self):
        return {"count": self.count, "bytes": self.bytes, "digest": "%064x" % (self.sum % 2 ** 256)}


# ---- loading ----

def modified_utf7(name):
    out, run = [], []

    def flush():
        if run:
            code = base64.b64encode("".join(run).encode("utf-16-be")).rstrip(b"=")
            out.append("&" + code.replace(b"/", b",").decode() + "-")
            run.clear()
    for ch in name:
        if " " <= ch <= "~":
            flush()
            out.append("&-" if ch == "&" else ch)
        else:
            run.append(ch)
    flush()
    return "".join(out)


class Imap:
    def __init__(self, port, user):
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.file = self.sock.makefile("rb", 65536)
        self.file.readline()
        self.command('LOGIN "%s" "x"' % user)

    def command(self, text, must=True):
        self._send([text.encode(), b"\r\n"], must)

    def append(self, folder, messages):
        out = [b'APPEND "%s"' % folder.encode()]
        for data, flags, date in messages:
            out += [(' (%s) "%s" {%d+}\r\n' % (flags, date, len(data))).encode(), data]
        self._send(out + [b"\r\n"], True)

    def folders(self):
        """The names of all folders, quoted as the server quotes them."""
        self.sock.sendall(b't LIST "" "*"\r\n')
        found = []
        for line in self.file:
            if line.startswith(b"t "):
                return found
            if b"\\Noselect" not in line:
                found.append(re.match(rb'\* LIST \([^)]*\) "." (.*)\r\n', line).group(1))

    def bodies(self, folder):
        """The octets of every message of a folder, one after the other."""
        self._send([b"EXAMINE ", folder, b"\r\n"], True)
        self.sock.sendall(b"t UID FETCH 1:* BODY.PEEK[]\r\n")
        for line in self.file:
            if line.startswith(b"t "):
                return
            size = re.search(rb"BODY\[\] \{(\d+)\}\r\n$", line)
            if size:
                yield self.file.read(int(size.group(1)))

    def _send(self, parts, must):
        self.sock.sendall(b"".join([b"t "] + parts))
        for line in self.file:
            if line.startswith(b"t "):
                if must and not line.startswith(b"t OK"):
                    raise RuntimeError("%r: %r" % (parts[0], line))
                return
        raise RuntimeError("the server closed the connection")

    def close(self):
        self.command("LOGOUT")
        self.sock.close()


def load(port, name, scale):
    """Fill the corpus into its user's account, or its accounts; returns a Tally's result."""
    letter = name.lower()
    generator = Generator({"S": 11, "M": 12, "L": 13, "R": 14, "A": 15}[name])
    tally = Tally()
    if letter not in ACCOUNTS:
        load_account(port, letter, plan(name, scale), generator, tally)
    else:
        for number in range(accounts(letter, scale)):
            load_account(port, account(letter, number), plan(name, scale), generator, tally)
    return tally.result()


def load_account(port, user, folders, generator, tally):
    imap, uid = Imap(port, user), 0
    for folder, sizes in folders:
        encoded = modified_utf7(folder)
        if folder != "INBOX":
            imap.command('CREATE "%s"' % encoded, must=False)
            imap.command('SUBSCRIBE "%s"' % encoded)
        batch, batch_bytes = [], 0
        for size in sizes:
            uid += 1
            message = generator.message(uid, user, size)
            tally.add(message[0])
            batch.append(message)
            batch_bytes += len(message[0])
            if len(batch) >= 500 or batch_bytes > 16 << 20:
                imap.append(encoded, batch)
                batch, batch_bytes = [], 0
        if batch:
            imap.append(encoded, batch)
    imap.close()
