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


def scene_it_is_used_where_it_is_offered(t):
    """Plain text is allowed, and not needed."""
    dest = target(t)
    job, run = migrate(t, dest, "--dest-insecure-plaintext")
    t.exits(run, 0)
    t.ok(dest.transcript.count("APPEND") > 0, "mail has come")
    t.equal(job.events(30013), [], "it is not said that nothing is encrypted")


def scene_it_is_refused(t):
    dest = target(t)
    dest.on("STARTTLS", "$TAG NO not today\r\n")
    job, run = migrate(t, dest, "--dest-insecure-plaintext")
    t.exits(run, 1)
    t.ok("--dest-insecure-plaintext" in str(job.events(30013)), "told of the destination", job.events(30013))
    t.ok("on the way to the destination" in str(job.report()), "in the report, too")
