"""The Banyan server of the story (Microsoft article Q258731), as a small program.

A plain IMAP4 server of RFC 1730. It refuses BODY.PEEK[] and RFC822.PEEK by BAD,
echoing the whole command line and the column where its parser stopped, and it
takes RFC822, which sets \\Seen for good, even under EXAMINE. The article has
the answer `0004 BAD UID Request "0004 UID FETCH 5 (RFC822.PEEK)" at column 25`:
column 25 is the point after RFC822, so its parser knew the word and not the
suffix; the other refusals here follow from that.

    python3 tests/dialogue/banyan.py --port-file FILE [--port N] [--messages N] [--state FILE]

runs until SIGTERM. The login is usuario1%ncc%migracion, the password migracion
(or --password). --state keeps the flags in a JSON file: folder -> UID -> flags.
"""

import argparse
import json
import os
import random
import re
import signal
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from model import Server                                            # noqa: E402
from store import Store, imap_date, letter                          # noqa: E402

USER = "usuario1%ncc%migracion"
PASSWORD = "migracion"
FOLDERS = ("INBOX", "Enviados", "Proyectos", "Proyectos/1999")
_TAKEN = ("FLAGS", "UID", "INTERNALDATE", "RFC822.SIZE", "RFC822.HEADER", "RFC822.TEXT", "RFC822",
          "ENVELOPE", "BODYSTRUCTURE", "BODY")


def mailbox(count=7):
    """A store with gaps in its UIDs, UID 5 among them, some mail read and some not."""
    store, rng = Store(delimiter="/"), random.Random(1999)
    for index, name in enumerate(FOLDERS):
        folder = store["INBOX"] if name == "INBOX" else store.add(name)
        folder.uidvalidity = 931000000 + index
        for number in range(count if name == "INBOX" else max(count // 2, 1)):
            flags = [("\\Seen",), (), ("\\Seen", "\\Answered"), (), ("\\Flagged",)][number % 5]
            when = 915148800 + rng.randrange(300 * 86400)
            uid = 2 + number + number // 4      # 2 3 4 5 7 8 9 10 12 ...
            folder.add(letter(name, number, rng), flags, imap_date(when, 60), uid=uid)
    return store


class Banyan(Server):
    """The server; state is the name of a JSON file for the flags, or None."""

    def __init__(self, store=None, state=None, user=USER, password=PASSWORD, **options):
        super().__init__(store or mailbox(), level="IMAP4", caps="", user=user, password=password,
                         greeting="* OK Banyan BeyondMail IMAP4 server ready\r\n",
                         seen_under_examine=True, **options)
        self.state = state
        self.read_state()

    def unknown(self, call):
        """Echo the line, as this server always does; what it knows is RFC 1730."""
        if call.name not in ("FIND", "PARTIAL"):
            super().unknown(call)
        return [self.complaint(call, 1)]

    def do_status(self, call, cursor):
        return self.unknown(call)

    do_namespace = do_id = do_enable = do_starttls = do_authenticate = do_idle = do_unselect = \
        do_partial = do_status

    def refuse_items(self, call, items):
        """The column at which its parser stops, for the first item it does not take."""
        begin = call.text.upper().index("FETCH ") + len("FETCH ")
        begin = call.text.index(" ", begin) + 1 if " " in call.text[begin:] else len(call.text)
        for found in re.finditer(r"[A-Z0-9.]+(\[[^\]]*\])?(<[^>]*>)?", call.text[begin:], re.I):
            word = found[0].upper()
            if word in _TAKEN:
                continue
            known = max((t for t in _TAKEN if word.startswith(t)), key=len, default="")
            column = len(call.tag) + 1 + begin + found.start() + len(known) + 1
            uid = "UID Request" if call.name == "UID" else "Request"
            return f'BAD {uid} "{call.tag} {call.text}" at column {column}'
        return None

    def complaint(self, call, column):
        return call.tagged(f'BAD Request "{call.tag} {call.text}" at column {column}')

    def open_lines(self, session, folder, read_only):
        """As UW imap-4 answers: no UIDNEXT; PERMANENTFLAGS empty under EXAMINE."""
        permanent = "" if read_only else "\\Answered \\Flagged \\Deleted \\Draft \\Seen"
        return [f"* {len(folder)} EXISTS\r\n"
                f"* OK [UIDVALIDITY {folder.uidvalidity}] UID validity status\r\n"
                "* FLAGS (\\Answered \\Flagged \\Deleted \\Draft \\Seen)\r\n"
                f"* OK [PERMANENTFLAGS ({permanent})] Permanent flags\r\n"
                "* 0 RECENT\r\n"]

    # -- the state file ------------------------------------------------------

    def stored(self):
        if self.state:
            self.write_state()

    def write_state(self):
        with open(self.state + ".new", "w", encoding="utf-8") as file:
            json.dump(self.store.snapshot(), file, indent=1)
            file.write("\n")
        os.replace(self.state + ".new", self.state)

    def read_state(self):
        """Take the flags from the file; write it if there is none."""
        if not self.state:
            return
        if os.path.exists(self.state):
            with open(self.state, encoding="utf-8") as file:
                for name, flags in json.load(file).items():
                    for message in self.store[name] if self.store.get(name) else ():
                        message.flags = set(flags.get(str(message.uid), message.flags))
        self.write_state()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port-file", help="write the port number here once it listens")
    parser.add_argument("--port", type=int, default=0, help="listen here (default: any free port)")
    parser.add_argument("--messages", type=int, default=7, help="messages in INBOX")
    parser.add_argument("--state", help="keep the flags in this JSON file")
    parser.add_argument("--password", default=PASSWORD)
    args = parser.parse_args()

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    server = Banyan(mailbox(args.messages), state=args.state, password=args.password,
                    port=args.port).start()
    if args.port_file:
        with open(args.port_file + ".new", "w", encoding="ascii") as file:
            file.write(f"{server.port}\n")
        os.replace(args.port_file + ".new", args.port_file)
    print(server.port, flush=True)
    ended.wait()
    server.stop()


if __name__ == "__main__":
    main()
