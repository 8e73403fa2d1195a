"""How long Snakemake takes to decide what to do, and how much memory: a dry run on generated sheets.

A plan depends on the sheet, the rules and the records, not on voxels, so the raw files are a few bytes each.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.finished import finish
from benchmarks.measurement import Benchmark, Goal, Measurement
from benchmarks.process import SNAKEMAKE, Usage, run_measured
from marrow.errors import MarrowError
from marrow.planning.sheet import LABELS
from marrow.workflow.dry_run import planned_jobs
from marrow.workflow.parse import REPOSITORY

SNAKEFILE = REPOSITORY / "Snakefile"
CONTRASTS = ("fat", "water", "b50", "b900")
# Four scans in five have a split that counts for the standard; the last is there to be predicted.
SPLITS = ("train", "train", "validation", "test", "predict")


def write_cohort(folder: Path, scans: int) -> Path:
    """A sample sheet of so many scans, each with a file per contrast; gives the path of the sheet."""
    raw = folder / "raw"
    raw.mkdir(parents=True)
    lines = ["\t".join(["scan", "patient", "label", "split", "site", *CONTRASTS])]
    for number in range(scans):
        scan = f"S{number:05d}"
        images = [f"raw/{scan}-{contrast}.nii.gz" for contrast in CONTRASTS]
        for image in images:
            (folder / image).write_text(image, encoding="utf-8")
        split = SPLITS[number % len(SPLITS)]
        label = "" if split == "predict" else LABELS[number // len(SPLITS) % len(LABELS)]
        lines.append("\t".join([scan, f"P{number:05d}", label, split, f"site{number % 2}", *images]))
    sheet = folder / "samples.tsv"
    sheet.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return sheet


def plan(folder: Path, sheet: Path) -> tuple[Usage, str]:
    """A dry run of the workflow in a folder: what it used and what it printed."""
    config = ["--config", f"samples={sheet}", "bones={source: none}"]
    return run_measured([*SNAKEMAKE, "--directory", str(folder), *config, "--dry-run", "--quiet"], folder)


def measure_fresh() -> list[Measurement]:
    """Plan 5,000 scans of which nothing is there yet; beside it 500, for the growth."""
    large, small = (_plan_fresh(scans) for scans in (5000, 500))
    return [
        Measurement("plan_5000", large.seconds, "s", small.seconds, large.seconds / small.seconds),
        Measurement("plan_5000_memory", large.peak_gb, "GB", small.peak_gb, large.peak_gb / small.peak_gb),
    ]


def measure_noop() -> Sequence[Measurement]:
    """Plan 300 finished scans with nothing to do; beside it the same with one predict-only scan more.

    Raises:
        MarrowError: the plan is not what it must be.
    """
    with TemporaryDirectory() as place:
        folder = Path(place)
        sheet = write_cohort(folder, 301)
        rows = sheet.read_text(encoding="utf-8").splitlines(keepends=True)
        sheet.write_text("".join(rows[:-1]), encoding="utf-8")
        finish(folder, sheet, {row.split("\t")[0]: row.split("\t")[3] for row in rows[1:-1]}, CONTRASTS)
        usage, _ = plan(folder, sheet)
        _check(folder, sheet, set())
        new = rows[-1].split("\t")
        sheet.write_text("".join([*rows[:-1], "\t".join([*new[:2], "", "predict", *new[4:]])]), encoding="utf-8")
        chain = {f"{rule} {new[0]}" for rule in ("ingest_scan", "resample_scan", "standardise_scan", "draw_qc")}
        _check(folder, sheet, chain | {"tabulate_checks", "confirm_scans", "build_report"})
        grown, _ = plan(folder, sheet)
    return [Measurement("plan_noop_300", usage.seconds, "s", grown.seconds, usage.seconds / grown.seconds)]


def _check(folder: Path, sheet: Path, expected: set[str]) -> None:
    planned = {
        job.name for job in planned_jobs(SNAKEFILE, folder, ["--config", f"samples={sheet}", "bones={source: none}"])
    }
    if planned != expected:
        raise MarrowError(f"planned are {sorted(planned ^ expected)[:5]} too many or too few")


def _plan_fresh(scans: int) -> Usage:
    with TemporaryDirectory() as place:
        folder = Path(place)
        usage, _ = plan(folder, write_cohort(folder, scans))
    return usage


NOOP_300 = Benchmark(
    "plan_noop_300",
    "A dry run over 300 finished scans with nothing to do, up to the standardised volumes (`bones.source: none`); the "
    "reference has one predict-only scan more, of which just that scan's chain and the tables are planned.",
    {"plan_noop_300": Goal("value", "most", 15, "at most 15 s")},
    measure_noop,
)

FRESH_5000 = Benchmark(
    "plan_5000",
    "A dry run over 5,000 new scans, up to the standardised volumes; the reference is one over 500, and the ratio "
    "tells what ten times the scans cost.",
    {
        "plan_5000": Goal("value", "most", 120, "at most 120 s"),
        "plan_5000_memory": Goal("value", "most", 3, "at most 3 GB"),
    },
    measure_fresh,
)
