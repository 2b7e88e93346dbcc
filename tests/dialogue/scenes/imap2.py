"""IMAP2 of RFC 1176: subscribed folders are all that is listed, and SELECT is all there is."""

from old_scenes import *

globals().update(scenes_of(
    "IMAP2", whole, second_run, nothing_new, names, check, no_source_writes, verify, cut, killed,
    recent_is_lost))
