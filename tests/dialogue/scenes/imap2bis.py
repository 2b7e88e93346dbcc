"""IMAP2bis: no CAPABILITY, no LIST, no UIDs, no form that leaves a message unread."""

from old_scenes import *

globals().update(scenes_of(
    "IMAP2bis", whole, second_run, nothing_new, twins, names, check, no_source_writes, verify, cut,
    killed, expunged_while_read, expunged_while_numbered, arrives_while_read, no_search, rfc822_refused, fetch_gives_nothing,
    numbers_fewer_while_paying))
