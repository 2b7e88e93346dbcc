"""Maildir, the format that was there first: the corpus goes in and comes out again.

It also proves the corpus and the readers of this suite: what fails here is no fault of
the newer formats.
"""

import foldernames
from lab import Lab, needs


def test_every_kind_of_message(t):
    needs(t, "maildir")
    lab = Lab(t, foldernames.of_kinds(with_big=True))
    job = lab.extract("maildir")
    lab.holds(job, "maildir")
    lab.verifies(job)


def test_every_kind_of_folder_name(t):
    lab = Lab(t, foldernames.of_names())
    job = lab.extract("maildir", codes=(1,))
    lab.holds(job, "maildir")
    lab.verifies(job)


def test_more_keywords_than_letters(t):
    lab = Lab(t, foldernames.of_keywords())
    job = lab.extract("maildir", codes=(1,))
    lab.holds(job, "maildir")
    lab.verifies(job)


def test_wire_line_ends(t):
    lab = Lab(t, foldernames.of_kinds())
    job = lab.extract("maildir", "--eol", "crlf")
    lab.holds(job, "maildir")
    lab.verifies(job)
