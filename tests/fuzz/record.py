"""record.py PROGRAM DIR [NAME...]: what scripted servers say to fuzz_session, as inputs of it.

Each of SEEDS is a server of tests/dialogue, of some protocol level and with some fault, and the way the
program takes through the session (enum way in fuzz_session.c). What the server says in each connection is kept:
replayed, it takes the program the same way. The corpus in the tree was made so, and then grown and made small
again by libFuzzer (-merge=1).
"""

import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "lib"), os.path.join(HERE, "..", "dialogue")]

import old                                                          # noqa: E402
from model import DEFAULT_CAPS, Server                              # noqa: E402
from rfc1730 import Imap4                                           # noqa: E402
from store import Store, fill                                       # noqa: E402
from hooks import Refuse                                            # noqa: E402

USER, PASSWORD = "anna", "secret word"      # of fuzz_session.c
NO_WRITES, SINCE, VISIT, EXTRAS, SEARCH, SEVENS, SINGLES, AGAIN = (1 << bit for bit in range(8))
MIXED = b"From: a@b.c\r\nSubject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n" \
    b"--x\r\n\r\none\r\n--x\r\nContent-Type: text/html\r\n\r\n<b>\r\n--x--\r\n"
# Untagged data from the examples of the RFCs, where none of it was asked for.
EXAMPLES = {
    "3501": """* OK [ALERT] System shutdown in 10 minutes
* CAPABILITY IMAP4rev1 STARTTLS AUTH=GSSAPI XPIG-LATIN
* LIST (\\Noselect) "/" ~/Mail/foo
* LSUB () "." #news.comp.mail.mime
* LIST () "/" {7+}
~/a/b/c
* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292)
* SEARCH 2 84 882
* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)
* OK [PERMANENTFLAGS (\\Deleted \\Seen \\*)] Limited
* OK [UNSEEN 8] Message 8 is first unseen
* OK [NEWNAME a b]
* NO Disk is 98% full, please delete unnecessary data
* BAD Disk crash, attempting salvage to a new disk!
* 12 FETCH (FLAGS (\\Seen) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 4286 ENVELOPE ("Wed, 17 Jul 1996 \
02:23:25 -0700 (PDT)" "IMAP4rev1 WG mtg summary and minutes" (("Terry Gray" NIL "gray" "cac.washington.edu")) NIL \
NIL ((NIL NIL "imap" "cac.washington.edu")) NIL NIL NIL "<B27397-0100000@cac.washington.edu>") BODY ("TEXT" \
"PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 3028 92))
* 2 FETCH (BODY[1.MIME]<0.20> {3}
abc BODYSTRUCTURE (("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 1152 23)("TEXT" "PLAIN" ("CHARSET" \
"US-ASCII" "NAME" "cc.diff") "<960723163407.20117h@cac.washington.edu>" "Compiler diff" "BASE64" 4554 73) "MIXED"))
""",
    "9051": """* OK [CLOSED] Previous mailbox is now closed
* LIST (\\NonExistent \\HasChildren) "/" "foo" ("CHILDINFO" ("SUBSCRIBED"))
* LIST () "/" "INBOX" ("OLDNAME" ("inbox"))
* ESEARCH (TAG "0008") UID MIN 2 MAX 47 COUNT 25 ALL 2,10:15
* NAMESPACE (("" "/")("#mh/" "/" "X-PARAM" ("FLAG1" "FLAG2"))) (("~" "/")) (("#shared/" "/")("#public/" "/"))
* OK [BADCHARSET (KOI8-R)] no
* NO [EXPUNGEISSUED] wait
* NO [AUTHENTICATIONFAILED] Authentication failed
* OK [UIDNOTSTICKY] Non-persistent UIDs
* 1 FETCH (BINARY[1] ~{4}
a\0bc BINARY.SIZE[2.1] 7)
* STATUS "frop" (MESSAGES 5 SIZE 10293 UNSEEN 1 DELETED 3)
""",
    "4315": """* OK [UIDNOTSTICKY] no
* OK [APPENDUID 38505 3955] APPEND completed
* OK [COPYUID 38505 304,319:320 3956:3958] Done
""",
    "5464": """* METADATA "INBOX" (/private/comment "My own comment" /shared/comment {3}
abc)
* METADATA "" /shared/comment /private/admin
* OK [METADATA LONGENTRIES 2199] GETMETADATA complete
* NO [METADATA MAXSIZE 1024] no
* NO [METADATA TOOMANY] no
""",
    "7162": """* OK [HIGHESTMODSEQ 715194045007] ok
* OK [NOMODSEQ] Sorry, this mailbox format doesn't support modsequences
* SEARCH 2 5 6 7 11 12 18 19 20 23 (MODSEQ 917162500)
* ESEARCH (TAG "a") ALL 1:3,5 MODSEQ 1236
* 101 FETCH (MODSEQ (200012121230852))
* VANISHED (EARLIER) 41,43:116,118,120:211,214:540
* VANISHED 1:2
* OK [MODIFIED 7,9] Conditional STORE failed
* ENABLED QRESYNC CONDSTORE
* STATUS blurdybloop (MESSAGES 231 UIDNEXT 44292 HIGHESTMODSEQ 7011231777)
""",
    "4469": """* NO [BADURL "/INBOX;UIDVALIDITY=785799047/;UID=113330;section=1.5.9"] CATENATE append has failed, one
* NO [TOOBIG] CATENATE append has failed
* OK [APPENDUID 2147483647 4294967295] ok
""",
    "5256": """* SORT 2 84 882
* THREAD (2)(3 6 (4 23)(44 7 96))
* THREAD ((3)(5))
* SORT
""",
    "old": """* MAILBOX archive
* BBOARD news
* 1 STORE (FLAGS (\\Seen))
* 2 COPY
* 3 FETCH (ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) RFC822.HEADER {2}

)
* FLAGS (\\Deleted \\Answered)
* 0 RECENT
""",
    "others": """* ACL INBOX anna lrswipkxtecda -bob r
* LISTRIGHTS INBOX bob "" l r s w i p k x t e c d a
* MYRIGHTS INBOX rwiptsldaex
* QUOTAROOT INBOX "" comment
* QUOTA "" (STORAGE 10 512 MESSAGE 1 100)
* ID ("name" "Cyrus" "version" "1.5" "os" NIL)
* XLIST (\\HasNoChildren \\Inbox) "/" "Posteingang"
* 1 FETCH (X-GM-MSGID 1278455344230334865 X-GM-LABELS (\\Inbox "a b" {1}
c) X-GM-THRID 12 EMAILID (M6d99ac) THREADID NIL SAVEDATE NIL PREVIEW "x")
* LANGUAGE (EN)
* BYE Autologout; idle for too long
""",
}


def mailbox():
    store = Store()
    store["INBOX"].add(MIXED)
    fill(store["INBOX"], 1)
    fill(store.add("Sent"), 1)
    return store


def model(caps=DEFAULT_CAPS, level="IMAP4rev1", **how):
    return Server(mailbox(), level=level, caps=caps, **how)


def older(level):
    return old.Old(old.mailbox("INBOX", "Archive", count=3), level=level)


def refusing(server, *patterns, reply="$TAG BAD what\r\n", times=None):
    for pattern in patterns:
        server.on(pattern, reply, times)
    return server


def losing(server, reply, **how):
    server.fetch(reply=reply, **how)
    return server


def chatty(rfc):
    """Says all examples between others' answers."""
    server = model()
    lines = EXAMPLES[rfc].replace("\n", "\r\n").encode()
    server.on(r"UID SEARCH|NOOP|LIST", lambda call: [lines, *call.normal()])
    return server


def slices_only(fetch):
    """The message comes in slices alone."""
    return fetch.value if fetch.item.start is not None or "HEADER" in fetch.item.text else Refuse("NO too large")


def parts_only(fetch):
    return Refuse("NO broken") if fetch.item.text.upper().split("<")[0].endswith(("[]", "[TEXT]")) else fetch.value


PEEK = r"UID FETCH \S+ \(?BODY\.PEEK\[\]"
SEEN = r"UID FETCH .*PEEK"
SEEDS = {
    "rev2": (AGAIN, lambda: model(level="IMAP4rev2")),
    "rev1-since": (SINCE, lambda: model(DEFAULT_CAPS + " QRESYNC")),
    "rev1-condstore": (SINCE | AGAIN, lambda: model("CONDSTORE UIDPLUS")),
    "rev1-visit": (VISIT, model),
    "rev1-visit-plain": (VISIT | SEVENS, lambda: model("")),
    "rev1-extras": (EXTRAS, lambda: model(DEFAULT_CAPS + " ACL METADATA METADATA-SERVER QUOTA OBJECTID RIGHTS=kxte")),
    "rev1-search": (SEARCH, model),
    "rev1-again": (AGAIN | SINGLES, lambda: refusing(model("NAMESPACE"), PEEK)),
    "rfc1730": (0, lambda: Imap4(old.mailbox("INBOX", "Archive", count=3))),
    "rfc1730-again": (AGAIN, lambda: Imap4(old.mailbox("INBOX", count=3))),
    "imap2bis": (0, lambda: older("IMAP2bis")),
    "imap2bis-again": (AGAIN | SEVENS, lambda: older("IMAP2bis")),
    "imap2": (AGAIN, lambda: older("IMAP2")),
    "rfc1064": (AGAIN, lambda: older("RFC 1064")),
    "debt": (0, lambda: refusing(model("NAMESPACE", seen_under_examine=True), SEEN)),
    "slices": (NO_WRITES, lambda: losing(model(), slices_only, uid=1, folder="INBOX")),
    "mime-parts": (NO_WRITES, lambda: losing(model(), parts_only, uid=1, folder="INBOX")),
    "header-only": (NO_WRITES, lambda: losing(model(), Refuse("NO broken"), uid=1, folder="INBOX",
                                              item=r"BODY(?!STRUCTURE)(?!.*HEADER)|RFC822(?!\.SIZE|\.HEADER)")),
    "short": (0, lambda: losing(model(), b"{5}\r\nshort", uid=1, folder="INBOX", times=3)),
    "no-status": (0, lambda: refusing(model(""), "STATUS", reply="$TAG NO not today\r\n")),
    "no-list": (0, lambda: refusing(model(), "LIST", reply="$TAG OK nothing\r\n", times=2)),
    "closed": (0, lambda: refusing(model(), "EXAMINE", reply="$TAG NO [NOPERM] closed\r\n", times=1)),
    "preauth": (0, lambda: model(greeting="* PREAUTH as anna\r\n")),
    "login": (0, lambda: refusing(model("AUTH=LOGIN"), "AUTHENTICATE", reply="$TAG NO [UNAVAILABLE] later\r\n", times=1)),
    "bye": (0, lambda: refusing(model(), PEEK, reply="* BYE enough\r\n")),
    "gimap": (EXTRAS, lambda: model(DEFAULT_CAPS + " X-GM-EXT-1 XLIST")),
    **{f"rfc{rfc}": (0, lambda rfc=rfc: chatty(rfc)) for rfc in EXAMPLES},
}


def record(program, name, place):
    way, make = SEEDS[name]
    server = make()
    server.tls, server.user, server.password = None, USER, PASSWORD
    server.start()
    with tempfile.NamedTemporaryFile() as first:
        first.write(bytes([way]))
        first.flush()
        subprocess.run([program, "-runs=1", "-detect_leaks=0", first.name], env=dict(os.environ, FUZZ_PORT=str(server.port)),
                       check=True, stderr=subprocess.DEVNULL)
    server.stop()
    connections = sorted({entry.connection for entry in server.transcript.entries})
    data = bytes([way]) + b"~~\n".join(map(server.transcript.sent, connections))
    with open(os.path.join(place, name), "wb") as file:
        file.write(data)
    print(f"{name}: {len(connections)} connections, {len(data)} octets", *server.transcript.violations[:3])


def main():
    program, place = sys.argv[1:3]
    os.makedirs(place, exist_ok=True)
    for name in sys.argv[3:] or SEEDS:
        record(program, name, place)


if __name__ == "__main__":
    main()
