"""What the programs that run tests of imex have in common: the program to be tested, one directory for all."""

import os
import shutil
import sys
import tempfile

import certs
import tap


def main(tests, name, prepare, needs=("IMEX",), **options):
    """Run the tests as tap.main does, which has the options, with all their temporary files in one directory.

    So a killed test leaves nothing behind either; KEEP=1 keeps all. prepare is called with certificates
    (certs.Certs). needs: variables of the environment that have to be set, unless the tests are only listed.
    """
    listed = {"-l", "--list", "-h", "--help"} & set(sys.argv)
    missing = [n for n in needs if not os.environ.get(n)]
    if missing and not listed:
        print(f"Bail out! {missing[0]} is not set (see run.py)")
        sys.exit(2)
    tempfile.tempdir = tempfile.mkdtemp(prefix=f"imex-{name}-")
    try:
        if not listed:
            prepare(certs.Certs(os.path.join(tempfile.tempdir, "certs")).make_all())
        tap.main(tests, fork=True, **options)
    finally:
        if os.environ.get("KEEP") != "1":
            shutil.rmtree(tempfile.tempdir, ignore_errors=True)
