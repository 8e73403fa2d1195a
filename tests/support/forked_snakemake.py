"""Snakemake's command line in a fork of the test's process, which need not be started or import Snakemake again.

The fork reads the workflow, and the library that the workflow imports, from the checkout that it is told of, as a
process of its own would. What Snakemake itself imports only when it runs is imported here, once for all forks.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import nbformat  # noqa: F401
import smart_open  # noqa: F401
from snakemake import cli

cli.get_argument_parser()  # imports the plug-ins


def forked_snakemake(arguments: Sequence[str], directory: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """What Snakemake prints, and its exit status; it starts in `directory`, or where the test is."""
    with tempfile.TemporaryFile("w+") as printed:
        child = os.fork()
        if not child:
            _be_snakemake(arguments, directory, printed.fileno())
        _, status = os.waitpid(child, 0)
        printed.seek(0)
        return subprocess.CompletedProcess(arguments, os.waitstatus_to_exitcode(status), printed.read(), "")


def _be_snakemake(arguments: Sequence[str], directory: Path | None, printed: int) -> None:
    """Never returns."""
    status = 1
    with suppress(BaseException):
        os.chdir(directory or ".")
        os.dup2(printed, 1)
        os.dup2(printed, 2)
        sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))  # noqa: SIM115
        for module in [name for name in sys.modules if name.split(".")[0] == "marrow"]:
            del sys.modules[module]
        try:
            cli.main(list(arguments))
            status = 0
        except SystemExit as left:
            status = left.code if isinstance(left.code, int) else int(left.code is not None)
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)
