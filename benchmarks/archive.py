"""An archive of DICOM: a whole-body examination ingested, and a sheet made of many examinations."""

import os
import shutil
import subprocess
import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import dcm2niix
import pydicom
import SimpleITK as sitk

import ingest_scan
import simulate_scan
from benchmarks.measurement import Benchmark, Goal, Measurement, side_by_side
from marrow.bones.table import DEFAULT_TABLE
from marrow.errors import MarrowError
from marrow.phantom.roster import roster
from marrow.planning.config import complete, read_schema
from marrow.planning.contrasts import declared_contrasts
from marrow.survey.sheet_file import Places, make_sheet
from marrow.workflow.parse import REPOSITORY

CONTRASTS = declared_contrasts(["fat", "water", "b50", "b900"])
REPEATS = 5
SLICES = 50_000
NOT_SIMULATED = ("patients", "faults", "repeat_every")


def measure_ingest() -> list[Measurement]:
    """Ingest one examination without N4, and convert, read and write the same volumes, from a warm cache."""
    with TemporaryDirectory() as name:
        raw = Path(name, "raw")
        _write_examination(raw, "full")
        settings = complete({"ingest": {"bias": {"enabled": False}}}, _schema())["ingest"]

        def ingest() -> None:
            with TemporaryDirectory(dir=name) as made:
                ingest_scan.main(
                    raw=[raw / contrast for contrast in CONTRASTS.given],
                    layout=dict.fromkeys(CONTRASTS.given, 1),
                    contrasts=CONTRASTS.declarations(),
                    volumes=[Path(made, f"{contrast}.nii") for contrast in CONTRASTS.given],
                    body=Path(made, "body.nii"),
                    checks=Path(made, "checks.json"),
                    scan="S",
                    overrides={},
                    settings=settings,
                    threads=os.cpu_count() or 1,
                )

        def convert() -> None:
            with TemporaryDirectory(dir=name) as made:
                for contrast in CONTRASTS.given:
                    folder = Path(made, contrast)
                    folder.mkdir()
                    options = ["-g", "i", "-b", "n", "-z", "n", "-f", "%s"]
                    command = [dcm2niix.bin, *options, "-o", str(folder), str(raw / contrast)]
                    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
                    for path in folder.glob("*.nii"):
                        sitk.WriteImage(sitk.Cast(sitk.ReadImage(str(path)), sitk.sitkFloat32), f"{path}.out.nii")

        seconds, reference = side_by_side(ingest, convert, REPEATS)
    return [Measurement("ingest_examination", seconds, "s", reference, seconds / reference)]


def measure_sheet() -> list[Measurement]:
    """Make a sheet of a tree of copies of one examination, each with UIDs of its own, written just before.

    Raises:
        MarrowError: an examination is missing from the sheet.
    """
    with TemporaryDirectory() as name:
        tree = Path(name, "tree")
        count = _write_archive(Path(name, "one"), tree)
        began = time.perf_counter()
        lines = make_sheet(tree, Places(Path(name, "samples.tsv"), Path(name, "key.tsv")), CONTRASTS)
        seconds = time.perf_counter() - began
        if not lines[0].endswith(f": {count} scans, {count} of them new."):
            raise MarrowError(f"sheet_50000: {lines[0]} {count} examinations were written")
    return [Measurement("sheet_50000", seconds, "s")]


def _write_archive(one: Path, tree: Path) -> int:
    """Write examinations until there are `SLICES` slices; returns how many."""
    _write_examination(one, "mini")
    headers = [pydicom.dcmread(path) for path in sorted(one.rglob("*.dcm"))]
    count = -(-SLICES // len(headers))
    for exam in range(count):
        folder = tree / f"{exam:05d}"
        folder.mkdir(parents=True)
        for number, header in enumerate(headers):
            header.PatientID, header.StudyInstanceUID = f"P{exam}", f"1.2.{exam}"
            header.SOPInstanceUID = f"1.2.{exam}.{number}"
            header.save_as(folder / f"IM{number:05d}")
    shutil.rmtree(one)
    return count


def _write_examination(folder: Path, size: str) -> None:
    settings = complete({"simulate": {"size": size, "format": "dicom"}}, _schema())["simulate"]
    simulate_scan.main(
        bone_table=DEFAULT_TABLE,
        stations=[folder / contrast for contrast in CONTRASTS.given],
        bones=folder / "bones.nii.gz",
        lesions=folder / "lesions.nii.gz",
        contrasts=CONTRASTS.given,
        scan=asdict(next(iter(roster(settings)))),
        settings={key: value for key, value in settings.items() if key not in NOT_SIMULATED},
    )


def _schema() -> dict[str, object]:
    return read_schema(REPOSITORY / "schemas/config.schema.yaml")


INGEST = Benchmark(
    "ingest_examination",
    "A whole-body examination in DICOM (5 stations, 4 contrasts, 1,300 slices) from raw files to composed and checked "
    "volumes, without N4, against dcm2niix alone and reading and writing its volumes. The ratio is Marrow's time over "
    "the floor's.",
    {"ingest_examination": Goal("ratio", "most", 1.5, "at most 1.5 times the floor")},
    measure_ingest,
)
SHEET = Benchmark(
    "sheet_50000",
    "A sample sheet of a tree of 50,000 DICOM slices, sorted into examinations; the files were written just before, so "
    "they are in the cache.",
    {"sheet_50000": Goal("value", "most", 120.0, "at most 2 minutes")},
    measure_sheet,
)
