"""How well bones are found, in lesions, too: the workflow on simulated cohorts up to scores of scans no network saw.

These take from minutes (the demo's cohort) to two hours (the network at full width, at half size) and are
run only when asked for by their ids. A run that was broken off goes on where it was: training leaves checkpoints.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.measurement import Benchmark, Goal, Measurement
from benchmarks.process import SNAKEMAKE, run_measured
from marrow.bones.scores.per_bone import CORRECTED, RAW
from marrow.bones.scores.per_bone import SCORES as COLUMNS
from marrow.imaging.grid import Grid, resample_nearest
from marrow.imaging.volume import read_volume, voxels
from marrow.tables.frames import read_table
from marrow.workflow.parse import REPOSITORY

FOLDER = REPOSITORY / "results" / ".marrow" / "bench"
SCORES = "results/bones/scores.csv"
LEAST_VOXELS = 100  # of bone in lesions
HALF = {
    "simulate": {
        "size": "half",
        "patients": {"healthy": 5, "inactive": 5, "focal": 5, "diffuse": 5, "predict": 0},
    },
    "bones": {
        "network": {"width": 1.0, "depth": 8, "dropout": 0.0},
        "training": {
            "epochs": 8, "segments": 600, "batch": 6, "edge": 25, "learning_rate": 0.002, "dice": 1.0,
            "final": "train", "halve_at": [0.5, 0.65, 0.78, 0.87, 0.94], "validation_segments": 12,
        },
        "atlas": {"spacing_mm": 5, "iterations": [60, 60, 30]},
    },
}  # fmt: skip


def measure_demo() -> Sequence[Measurement]:
    """The demo's network on the demo's cohort; nothing is asked of a single bone."""
    return [found for found in measured("bones_demo", {}) if not found.id.endswith("_worst")]


def measure_half() -> Sequence[Measurement]:
    """The network at full width on a cohort at half size."""
    return measured("bones_half", HALF)


def measured(name: str, settings: Mapping[str, Any]) -> list[Measurement]:
    """Mean Dice over bones and validation scans, corrected against raw; the worst bone; bone found within lesions."""
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "my.yaml").write_text(yaml.safe_dump(dict(settings)), encoding="utf-8")
    run_measured([*SNAKEMAKE, "--cores", "all", SCORES, "--configfile", "my.yaml"], folder)
    scans = sorted(set(read_table(folder / SCORES, COLUMNS)["scan"]))
    gaps = [gap for scan in scans if (gap := lesion_gap(folder / "results", scan)) is not None]
    return [*read_off(name, folder / SCORES), Measurement(f"{name}_lesions", max(gaps), "points")]


def lesion_gap(results: Path, scan: str) -> float | None:
    """How many points of a hundred less bone is found within a scan's lesions than elsewhere; None without lesions."""
    annotation = read_volume(results / f"labels/{scan}/bones.nii")
    corrected = read_volume(results / f"bones/{scan}/corrected/bones.nii")
    lesions = resample_nearest(read_volume(results / f"cohort/{scan}/lesions.nii.gz"), Grid.of(annotation))
    bone, found, diseased = (np.greater(voxels(image), 0) for image in (annotation, corrected, lesions))
    if np.count_nonzero(bone & diseased) < LEAST_VOXELS:
        return None
    return 100 * float(found[bone & ~diseased].mean() - found[bone & diseased].mean())


def read_off(name: str, scores: Path) -> list[Measurement]:
    """The measurements in a table of scores; a bone's Dice is the mean over scans."""
    of_bones = read_table(scores, COLUMNS).groupby(["stage", "bone"])["dice"].mean().groupby("stage")
    means, worst = (
        [float(numbers[stage]) for stage in (CORRECTED, RAW)] for numbers in (of_bones.mean(), of_bones.min())
    )
    return [
        Measurement(name, means[0], "Dice", means[1], means[0] / means[1]),
        Measurement(f"{name}_worst", worst[0], "Dice", worst[1], worst[0] / worst[1]),
    ]


DEMO = Benchmark(
    id="bones_demo",
    compares="Mean Dice over bones and unseen scans of the demo's cohort with the demo's network, after the correction "
    "against before it; how much less of the bone within lesions is found than of the rest, in the scan where most is "
    "lost. Run on request",
    goals={
        "bones_demo": Goal("value", "least", 0.85, "at least 0.85"),
        "bones_demo_lesions": Goal("value", "most", 2.0, "at most 2 points"),
    },
    measure=measure_demo,
    on_request=True,
)
HALF_SIZE = Benchmark(
    id="bones_half",
    compares="The same, and the worst bone, with the network at full width on scans at half size, trained on 15 of "
    "them with 4,800 segments of 25 voxels (the paper's recipe has 700,000), scored on 4. Run on request",
    goals={
        "bones_half": Goal("value", "least", 0.92, "at least 0.92"),
        "bones_half_worst": Goal("value", "least", 0.8, "no bone below 0.80"),
        "bones_half_lesions": Goal("value", "most", 2.0, "at most 2 points"),
    },
    measure=measure_half,
    on_request=True,
)
