"""Faults that were found and published in other clients, each as a scene: imex has none of them."""

from scene import *
from model import DEFAULT_CAPS

SECRETS = (r"LOGIN", r"AUTHENTICATE")
BRIEF = ["--timeout", "2s"]


def harmless(t, server, job, run, codes=(0, 1)):
    t.within(run.code, codes, "exit code")
    t.inside(job)
    t.ok(b"\x1b" not in run.out + run.err, "no control character reaches the terminal")
    if run.code in (0, 1):
        t.complete(job, server)


def in_front(t, pattern, data, codes=(0, 1), store=None):
    server = t.server(store)
    server.on(pattern, lambda call: [data, *call.normal()], times=1)
    job, run = t.extract(server, *BRIEF)
    harmless(t, server, job, run, codes)
    return job, run


def no_password(t, server, job, run):
    t.exits(run, 69)
    t.never_sent(server, *SECRETS)
    t.secret_free(job, run, PASSWORD)


# -- isync ---------------------------------------------------------------------------

def scene_cve_2021_20247(t):
    """isync: names of LIST that lead out of the directory were followed."""
    store = sample(["INBOX"], 2)
    for name in ("../../escaped", "..", "/tmp/absolute", "a/../../b", "INBOX/../x"):
        store.add(name, 1)
    server = t.server(store)
    job, run = t.extract(server, *BRIEF)
    t.exits(run, 1)
    t.inside(job)
    t.equal(len(t.mails(job)), 7, "all messages are there")


def scene_cve_2021_3578(t):
    """isync: APPENDUID in the answer to another command was taken for a message of ours."""
    server = t.server()
    for pattern in ("EXAMINE", "UID SEARCH", "NOOP", "LIST"):
        server.on(pattern, lambda call: [b"* OK [APPENDUID 1 1:4294967295] x\r\n* OK [APPENDUID] x\r\n",
                                         *call.normal()[:-1],
                                         call.tagged("OK [APPENDUID 4294967296 0,*:7 99999999999] x")])
    job, run = t.extract(server, *BRIEF)
    harmless(t, server, job, run)


def scene_cve_2021_3657(t):
    """isync: literals of 2 GiB and more ran over sizes of 31 bits."""
    for size in (2147483648, 4294967295, 4294967296):
        server = t.server(sample(["INBOX"], 3))
        server.fetch(uid=2, times=1, reply=[b"{%d}\r\nFrom: a\r\n" % size, Cut])
        job, run = t.extract(server, *BRIEF)
        harmless(t, server, job, run)


def scene_cve_2021_44143(t):
    """isync: a message without a header, one that begins with its blank line."""
    store = Store()
    for raw in (b"\r\nonly a body\r\n", b"\r\n", b"\n", b"\n\n\n", b"x", b": \r\n"):
        store["INBOX"].add(raw)
    server = t.server(store)
    job, run = t.extract(server, *BRIEF)
    harmless(t, server, job, run)


# -- mutt ---------------------------------------------------------------------------

def scene_cve_2018_14349(t):
    """mutt: NO without a text."""
    for text in ("NO", "NO ", "BAD", "NO ["):
        server = t.server()
        server.on("EXAMINE \"?Sent", lambda call, text=text: call.tag + " " + text + "\r\n")
        job, run = t.extract(server, *BRIEF)
        t.exits(run, 2)


def scene_cve_2018_14350(t):
    """mutt: a long INTERNALDATE."""
    server = t.server(sample(["INBOX"], 4))
    server.fetch(uid=2, item="INTERNALDATE", reply=b'"' + b"9" * 200000 + b'"')
    job, run = t.extract(server, *BRIEF)
    t.within(run.code, (0, 1), "exit code")
    t.equal(len(t.mails(job)), 4, "all messages are there")


def scene_cve_2018_14351(t):
    """mutt: the size of a literal that is the name in a STATUS answer."""
    for size in (b"99999", b"2147483647", b"0"):
        in_front(t, "LIST", b"* STATUS {" + size + b"}\r\n", codes=(0, 1, 2, 69, 75))


def scene_cve_2018_14352_and_14353(t):
    """mutt: names of quotes and backslashes, as many as fill a buffer."""
    store = sample(["INBOX"], 1)
    for name in ('"' * 255, "\\" * 1023, '"\\' * 511, '"', "\\", '"' * 4096):
        store.add(name, 1)
    server = t.server(store)
    job, run = t.extract(server, *BRIEF)
    t.exits(run, 1)
    t.equal(len(t.mails(job)), 7, "all messages are there")


def scene_cve_2018_14354_and_14357(t):
    """mutt: commands in names that a shell or a configuration would run."""
    store = sample(["INBOX"], 1)
    for name in ("`touch pwned`", "$(touch pwned)", "a;touch pwned", "|touch pwned", "x\"`touch pwned`\""):
        store.add(name, 1)
    server = t.server(store)
    job, run = t.extract(server, *BRIEF)
    t.within(run.code, (0, 1), "exit code")
    t.equal(len(t.mails(job)), 6, "all messages are there")
    t.ok(not any("pwned" == f for _, _, files in os.walk(str(job)) for f in files), "nothing was run")


def scene_cve_2018_14355_and_14362_and_14363(t):
    """mutt and NeoMutt: names with .. and / as places of a cache."""
    scene_cve_2021_20247(t)


def scene_cve_2018_14356(t):
    """mutt: an empty UID (POP3 there)."""
    in_front(t, "UID FETCH", b"* 1 FETCH (UID )\r\n* 1 FETCH (UID \"\")\r\n* 1 FETCH (UID NIL)\r\n")


def scene_cve_2018_14358(t):
    """mutt: a long RFC822.SIZE."""
    server = t.server(sample(["INBOX"], 4))
    server.fetch(uid=2, item="RFC822.SIZE", reply=b"9" * 200000)
    job, run = t.extract(server, *BRIEF)
    harmless(t, server, job, run)


def scene_cve_2018_14359(t):
    """mutt: base64 that is longer than it says, in names of folders and in challenges."""
    store = sample(["INBOX"], 1)
    for name in ("&" + "AGE" * 4000 + "-", "&" + "=" * 900, "&" + "A" * 8191, "&2D3cA-&-&"):
        store.add(name, 1)
    server = t.server(store)
    job, run = t.extract(server, *BRIEF)
    t.within(run.code, (0, 1), "exit code")
    t.equal(len(t.mails(job)), 5, "all messages are there")
    server = t.server()

    @server.on("AUTHENTICATE", times=1)
    def _(call):
        call.wire.send(b"+ " + b"QUFB" * 60000 + b"\r\n")
        t.equal(call.wire.read_line(), b"*", "a challenge that does not belong there is called off")
        return call.tagged("BAD as you like")
    job, run = t.extract(server, *BRIEF)
    t.within(run.code, (0, 1, 69, 77), "exit code")


def scene_cve_2018_14360_and_14361(t):
    """NeoMutt: lines of a list that are longer than they may be (NNTP there)."""
    in_front(t, "LIST", b'* LIST () "/" "' + b"x" * 300000 + b'"\r\n', codes=(1, 2))


def scene_cve_2020_14093(t):
    """mutt: PREAUTH in clear, so that STARTTLS is never begun."""
    server = t.server(tls="starttls", greeting="* PREAUTH welcome\r\n")
    no_password(t, server, *t.extract(server))


def scene_cve_2020_14954(t):
    """mutt: what came in one packet with the OK of STARTTLS was taken for what came through TLS."""
    server = t.server(tls="starttls", caps="LITERAL+ UIDPLUS")

    @server.on("STARTTLS", times=1)
    def _(call):
        call.session.go_tls = True
        return call.tagged("OK go") + b"* CAPABILITY IMAP4rev1 LOGINDISABLED\r\n0003 OK in\r\n0004 OK in\r\n" \
            b"* PREAUTH in\r\n* BYE [ALERT] injected\r\n"
    job, run = t.extract(server)
    t.exits(run, 1)
    t.complete(job, server)
    t.ok(b"injected" not in run.out + run.err, "nothing of it is believed")


def scene_cve_2020_28896(t):
    """mutt: a greeting that cannot be read did not end the connection, and the password went out in clear."""
    for greeting in ("* \r\n", "hello\r\n", "* OKAY hm\r\n", "+ go\r\n", "0001 OK hm\r\n"):
        server = t.server(tls="starttls", greeting=greeting)
        no_password(t, server, *t.extract(server, *BRIEF))


# -- fetchmail, curl -------------------------------------------------------------------

def scene_cve_2021_39272(t):
    """fetchmail: PREAUTH, and other ways round STARTTLS, in a session that must have TLS."""
    for greeting in ("* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hm\r\n", "* PREAUTH\r\n",
                     "* OK hm\r\n* PREAUTH hm\r\n"):
        server = t.server(tls="starttls", greeting=greeting)
        server.on("STARTTLS", "$TAG BAD you are in already\r\n")
        no_password(t, server, *t.extract(server))


def scene_cve_2017_1000257(t):
    """curl: a body of no octets, {0}, was read from memory that was not its."""
    server = t.server(sample(["INBOX"], 4))
    server.fetch(uid=2, times=2, reply=b"{0}\r\n")
    job, run = t.extract(server, *BRIEF)
    harmless(t, server, job, run)


# -- NO STARTTLS (Poddebniak and others, 2021) -----------------------------------------

def scene_no_starttls_stripped(t):
    """STARTTLS is not in the list, or is refused: no password."""
    for reply in ("$TAG NO\r\n", "$TAG BAD what\r\n", "* BYE\r\n"):
        server = t.server(tls="starttls")
        server.on("STARTTLS", [reply, Cut] if "BYE" in reply else reply)
        no_password(t, server, *t.extract(server, *BRIEF))
    server = t.server(tls=None)
    no_password(t, server, *t.extract(server, *BRIEF, options=[]))


def scene_no_starttls_capabilities(t):
    """A list from before TLS is worth nothing after it."""
    server = t.server(tls="starttls", caps="UIDPLUS",
                      greeting="* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED LITERAL+ SASL-IR] hm\r\n")
    job, run = t.extract(server)
    t.exits(run, 0)
    t.complete(job, server)


def scene_no_starttls_alert(t):
    """An alert that anybody could have put in is not shown as the server's."""
    server = t.server(tls="starttls", greeting="* OK hm\r\n* OK [ALERT] call 555-1234 and tell your password\r\n")
    job, run = t.extract(server)
    t.exits(run, 0)
    t.complete(job, server)
    t.ok(b"555-1234" not in run.out + run.err, "not shown")
    t.equal([e for e in job.events(30014) if "555-1234" in str(e)], [], "nor logged as the server's")


def scene_no_starttls_mailbox_data(t):
    """Folders and messages told before TLS do not exist."""
    server = t.server(tls="starttls", greeting='* OK hm\r\n* LIST () "/" forged\r\n* 9 EXISTS\r\n'
                      "* 1 FETCH (UID 1 BODY[] {3}\r\nabc)\r\n* STATUS INBOX (MESSAGES 9)\r\n")
    job, run = t.extract(server)
    t.exits(run, 0)
    t.complete(job, server)


def scene_no_starttls_sandwich(t):
    """Answers to commands that come only later, before TLS."""
    server = t.server(tls="starttls", greeting="* OK hm\r\n0001 OK a\r\n0002 OK b\r\n0003 OK c\r\n")
    no_password(t, server, *t.extract(server, *BRIEF, timeout=60))


def scene_no_starttls_referral(t):
    """A referral to another server is not followed: it would get the password."""
    other = t.server()
    server = t.server()
    server.on("AUTHENTICATE|LOGIN", lambda call: [call.tagged(f"NO [REFERRAL {other.url()}] go there")])
    job, run = t.extract(server, *BRIEF)
    t.exits(run, 77)
    t.equal(other.transcript.commands(), [], "nobody was asked there")


def scene_no_starttls_fault_of_the_certificate(t):
    """TLS that anybody could have begun."""
    for cert in ("expired", "wrong-name", "untrusted"):
        server = t.server(tls="starttls", cert=cert)
        no_password(t, server, *t.extract(server))
