"""IMAP2 of RFC 1064, which cannot list: there is INBOX."""

from old_scenes import *

globals().update(scenes_of(
    "RFC 1064", whole, second_run, nothing_new, check, verify, cut, recent_is_lost, learnt,
    fetch_gives_nothing, numbers_fewer_while_paying))
