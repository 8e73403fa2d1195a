"""`make bench`: run all benchmarks, or one, add the results to docs/benchmarks.json and render docs/benchmarks.md."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.history import append
from benchmarks.machine import Circumstances
from benchmarks.measurement import Benchmark
from benchmarks.page import render
from benchmarks.registry import BENCHMARKS, chosen
from marrow.errors import MarrowError
from marrow.files import write_text
from marrow.workflow.parse import REPOSITORY

_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None, docs: Path = REPOSITORY / "docs") -> int:
    """Run the command; gives the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", metavar="ID", help="run this benchmark alone")
    only = parser.parse_args(arguments).only
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        for benchmark in chosen(only or None):
            bench(benchmark, docs)
    except MarrowError as error:
        _log.error("%s", error)
        return 1
    return 0


def bench(benchmark: Benchmark, docs: Path) -> None:
    """Run one benchmark and bring the two files up to date, so that a later failure loses nothing."""
    _log.info("%s: running", benchmark.id)
    measurements = benchmark.measure()
    for found in measurements:
        against = "" if found.reference is None else f", against {found.reference:.3g}: ratio {found.ratio:.3g}"
        _log.info("  %s: %.3g %s%s", found.id, found.value, found.unit, against)
    entries = append(docs / "benchmarks.json", measurements, Circumstances.now(REPOSITORY))
    write_text(docs / "benchmarks.md", render(entries, BENCHMARKS))


if __name__ == "__main__":
    sys.exit(main())
