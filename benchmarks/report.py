"""The report of a large cohort: the demo's results, multiplied.

Every file that bears a scan's name is there once for each copy of the scan, and tables of scans have the copies' rows.
So each picture is read, shrunk and laid out as if it were another patient's. Needs a finished demo. `python -m
benchmarks.report` builds the page in a process of its own, whose memory is measured.
"""

import inspect
import json
import os
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import build_report
from benchmarks.measurement import Benchmark, Goal, Measurement
from benchmarks.process import run_measured
from marrow.errors import MarrowError
from marrow.workflow.parse import REPOSITORY
from marrow.workflow.paths import PRIVATE, RESULTS
from marrow.workflow.record import Record, read_record

PAGE = RESULTS / "report" / "index.html"
RECORD = RESULTS / "report" / "index.record.json"
ARGUMENTS = Path("arguments.json")
BONE_TABLE = REPOSITORY / "schemas" / "bones.tsv"
COPIES, SEEDS = 15, 3
SEEDED = {"runs", "predicted", "localisation"}  # folders of results that have a folder for each seed
OF_SCANS = {RESULTS / "checks" / "table.tsv": "\t", RESULTS / "bones" / "scores.csv": ","}
OF_BAGS = {"scans.parquet", "scans-predict.parquet", "predictions.parquet"}


def measure() -> Sequence[Measurement]:
    """Build the report of 300 scans and 27 runs.

    Raises:
        MarrowError: there is no finished demo.
    """
    record = read_record(REPOSITORY / RECORD)
    if record is None:
        raise MarrowError("there is no report of the demo; run `make demo` first")
    scans = [scan["scan"] for scan in _listed(record)]
    (REPOSITORY / PRIVATE).mkdir(exist_ok=True)
    with TemporaryDirectory(dir=REPOSITORY / PRIVATE) as place:  # on the disk of the results, which are linked
        folder = Path(place)
        for file in sorted((REPOSITORY / RESULTS).rglob("*")):
            if file.is_file() and REPOSITORY / PRIVATE not in file.parents:
                _multiply(file, file.relative_to(REPOSITORY), folder, scans)
        (folder / ARGUMENTS).write_text(json.dumps(_arguments(record, scans)), encoding="utf-8")
        environment = ["env", f"PYTHONPATH={REPOSITORY / 'scripts'}:{REPOSITORY}"]
        usage, _ = run_measured([*environment, sys.executable, "-m", "benchmarks.report"], folder)
        size = (folder / PAGE).stat().st_size
    return [
        Measurement("report_300", usage.seconds, "s"),
        Measurement("report_300_memory", usage.peak_gb, "GB"),
        Measurement("report_300_size", size / 1e6, "MB"),
    ]


def build() -> None:
    """Build the page from what lies in the working directory."""
    arguments = json.loads(ARGUMENTS.read_text(encoding="utf-8"))
    files = {
        role: [Path(path) for path in value] if isinstance(value, list) else Path(value)
        for role, value in arguments["inputs"].items()
    }
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    build_report.main(**files, **arguments["params"], report=PAGE)


def _multiply(file: Path, name: Path, folder: Path, scans: Sequence[str]) -> None:
    """Put a file of the demo into a folder: once for each copy of the scan it is named after, and for each seed."""
    for copied in _copies(name, scans):
        place = folder / copied
        place.parent.mkdir(parents=True, exist_ok=True)
        if file.name in OF_BAGS:
            pq.write_table(_longer(pq.read_table(file)), place)
        elif name in OF_SCANS:
            _lengthen(file, place, OF_SCANS[name])
        else:
            os.link(file, place)


def _copies(name: Path, scans: Sequence[str]) -> list[Path]:
    """The paths, below the working directory, of a file of the demo and its copies."""
    owner = next((scan for part in name.parts for scan in scans if part == scan or part.startswith(f"{scan}.")), None)
    of_scans = [_renamed(name, owner, _copied(owner, copy)) for copy in range(COPIES)] if owner else [name]
    if name.parts[1] not in SEEDED:
        return of_scans
    return [_renamed(path, "seed-0", f"seed-{seed}") for path in of_scans for seed in range(SEEDS)]


def _renamed(name: Path, old: str, new: str) -> Path:
    return Path(
        *(new + part.removeprefix(old) if part == old or part.startswith(f"{old}.") else part for part in name.parts)
    )


def _copied(scan: str, copy: int) -> str:
    return f"{scan}-{copy:02d}"


def _longer(table: pa.Table) -> pa.Table:
    """A table of bags with rows for each copy of a bag."""
    place = table.column_names.index("bag")
    named = ([_copied(bag, copy) for bag in table["bag"].to_pylist()] for copy in range(COPIES))
    return pa.concat_tables([table.set_column(place, "bag", pa.array(bags)) for bags in named])


def _lengthen(file: Path, place: Path, delimiter: str) -> None:
    """Write a table of scans with rows for each copy of a scan."""
    table = pd.read_csv(file, sep=delimiter, dtype=str, keep_default_na=False)
    copies = [table.assign(scan=[_copied(scan, copy) for scan in table["scan"]]) for copy in range(COPIES)]
    pd.concat(copies).to_csv(place, sep=delimiter, index=False)


def _listed(record: Record) -> list[dict[str, str]]:
    """The demo's scans, as its report was told of them."""
    return cast("list[dict[str, str]]", record.params["scans"])


def _arguments(record: Record, scans: Sequence[str]) -> dict[str, Any]:
    """What the page of the copies is built from: the files of each input, and settings."""
    found: dict[str, list[Path]] = defaultdict(list)
    for role, source in record.inputs.items():
        if source.path:
            found[role.partition("[")[0]] += _copies(Path(source.path), scans)
    inputs: dict[str, Any] = {
        name: [path.as_posix() for path in found[name]]
        if parameter.annotation == list[Path]
        else str(found[name][0] if found[name] else BONE_TABLE)
        for name, parameter in inspect.signature(build_report.main).parameters.items()
        if name != "report" and parameter.annotation in {Path, list[Path]}
    }
    listed = [scan | {"scan": _copied(scan["scan"], copy)} for scan in _listed(record) for copy in range(COPIES)]
    return {"inputs": inputs, "params": dict(record.params) | {"scans": listed}}


REPORT_300 = Benchmark(
    "report_300",
    "The report of 300 scans and 27 runs, the demo's results with every scan fifteen times and every run three times, "
    "from the files to the page. Run on request, after `make demo`",
    {
        "report_300": Goal("value", "most", 180, "at most 3 min"),
        "report_300_memory": Goal("value", "most", 4, "at most 4 GB"),
        "report_300_size": Goal("value", "most", 30, "at most 30 MB"),
    },
    measure,
    on_request=True,
)

if __name__ == "__main__":
    build()
