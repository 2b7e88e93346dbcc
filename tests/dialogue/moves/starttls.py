"""STARTTLS of a destination, and what its faults are called."""

from into import *
from scene import PASSWORD


def target(t, **options):
    return t.serve(Target(Store(first=1750000000), password=DEST_PASSWORD, **{"tls": "starttls", **options}))


def migrate(t, dest, *args):
    """From a source that is encrypted; (job, run)."""
    source, job = t.server(small()), Job(t)
    return job, imexrun.run(t, "migrate", source.url(), dest.url(), "--job", job, "--doubt-wait", "2s", *t.options(source),
                            "--dest-tls-ca", t.certs().ca_file, *args, env={"IMEX_DEST_PASSWORD": DEST_PASSWORD})


def scene_plain_text_is_allowed(t):
    """Then STARTTLS is left alone, and told of this end."""
    dest = target(t)
    job, run = migrate(t, dest, "--dest-insecure-plaintext")
    t.exits(run, 1)
    t.equal(dest.transcript.count("STARTTLS"), 0, "not asked for")
    t.ok("--dest-insecure-plaintext" in str(job.events(30013)), "told of the destination", job.events(30013))
    t.ok("on the way to the destination" in str(job.report()), "in the report, too")


def scene_advice_names_the_options_of_the_destination(t):
    """For each fault the option that helps is one of that end."""
    for dest, option in ((target(t, tls=None), "--dest-insecure-plaintext"),
                         (target(t, greeting="* PREAUTH hm\r\n"), "--dest-insecure-plaintext"),
                         (target(t, cert="wrong-name"), "--dest-tls-pin sha256:"),
                         (target(t, cert="untrusted"), "--dest-tls-ca FILE")):
        _, run = migrate(t, dest)
        t.exits(run, 69)
        t.ok(option in run.err.decode(), f"{option} is named", run.err)
        t.ok("--tls" not in run.err.decode() and "--insecure" not in run.err.decode(), "no other", run.err)
    dest = target(t)
    _, run = migrate(t, dest, "--dest-tls-pin", "sha256:" + "0" * 64)
    t.ok("not the one of --dest-tls-pin" in run.err.decode(), "nor for a pin", run.err)
