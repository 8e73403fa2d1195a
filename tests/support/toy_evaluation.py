"""What the evaluation of a small cohort leaves, for tests of the report: tables, predictions, maps, layers to view.

Numbers are made up from a fixed seed; names are as hostile as a sheet or a title can make them.
"""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import SimpleITK as sitk
from PIL import Image

from marrow.report.viewer.volumes import nifti_bytes
from marrow.tables.text_table import TextTable, write_text_tables
from toy_report import HOSTILE, SCANS

CLASSES = ("non-active", "focal", "diffuse")
TITLES = {"mil-max": "MIL max", "atmil": "ATMIL", "cosine": f"Cosine {HOSTILE}"}
METRICS = (
    "accuracy", "balanced_accuracy", "sensitivity", "specificity", "f1", "auc", "log_loss", "brier",
    "calibration_error",
)  # fmt: skip
QUANTITIES = ("attention", "instance-probability")
SEEDS = 3
LOST = ("cosine", 2)  # the run that is not done
REASON = "the loss is not a number in epoch 3 at bag <b>P1-a</b>; lower the learning rate"
VIEWED = "P4-a"


def evaluation_inputs(folder: Path, entry: str = "scans", kind: str = "scans") -> dict[str, Any]:
    """Write the tables of an entry and return what they add to the arguments of `build_report.main`."""
    draw = np.random.default_rng(3)
    tables = folder / "results" / "evaluation" / entry
    tables.mkdir(parents=True)
    runs = [(method, seed) for method in TITLES for seed in range(SEEDS)]
    write(
        tables / "runs.csv",
        ["dataset", "method", "title", "seed", "status", "reason", "bags", "patients", *METRICS, "part"],
        (_run(entry, method, seed, draw) for method, seed in runs),
    )
    write(
        tables / "summary.csv",
        ["method", "metric", "mean", "std", "sem", "n", "low", "high", "part"],
        ([m, metric, *_interval(draw), 2 + (m != LOST[0]), *_ends(draw), entry] for m in TITLES for metric in METRICS),
    )
    write(
        tables / "comparisons.csv",
        ["method", "reference", "metric", "difference", "low", "high", "p", "p_corrected", "patients", "runs", "part"],
        (
            [m, "atmil", metric, -0.1, -0.2, 0.05, 0.2, 0.6 if m == "cosine" else 0.01, 8, 3, entry]
            for m in TITLES
            if m != "atmil"
            for metric in METRICS
        ),
    )
    write(
        tables / "confusion.csv",
        ["method", "label", "predicted", "count", "row_percent", "part"],
        (
            [m, a, b, 6 if a == b else 2, 60.0 if a == b else 20.0, entry]
            for m in TITLES
            for a in CLASSES
            for b in CLASSES
        ),
    )
    write(
        tables / "reliability.csv",
        ["method", "bin", "low", "high", "count", "mean_probability", "observed", "part"],
        ([m, i + 1, i / 5, (i + 1) / 5, 4, i / 5 + 0.1, min(1, i / 4), entry] for m in TITLES for i in range(5)),
    )
    write(
        tables / "repeatability.csv",
        [
            "method", "runs", "bags", "agreement", "with_whole", "deviation", "majority_right", "patients",
            "bags_agreement", "bags_difference", "bags_majority_right", "part",
        ],
        (
            [m, 2, 16, "", "", "", "", 0, "", "", "", entry]
            if m == LOST[0]
            else [m, 3, 24, 0.75, 0.8, 0.125, 0.9, 3, "", "", "", entry]
            for m in TITLES
        ),
    )  # fmt: skip
    write(
        tables / "groups.csv",
        ["method", "grouping", "group", "metric", "mean", "n", "part"],
        (
            [m, by, group, "f1", 0.5, 4, entry]
            for m in TITLES
            for by, group in (("site", "north"), ("site", HOSTILE), ("class", "focal"))
        ),
    )
    write(
        tables / "experts.csv",
        ["method", "bag", "label", "pictures", "attributes", "both", "share", "part"],
        (
            [
                "atmil",
                f"bag {HOSTILE} {number}",
                CLASSES[number % 2],
                CLASSES[0],
                CLASSES[number // 2 % 2],
                CLASSES[0],
                number / 8,
                entry,
            ]
            for number in range(8)
        ),
    )
    write(
        tables / "notes.csv",
        ["method", "metric", "note", "part"],
        [
            ["", "f1", "undefined in some draws", entry],
            ["", "auc", "undefined in some draws", entry],
            ["", "", "4 patients are tested", entry],
        ],
    )
    less = ("+0.020", "\u22120.102", "\u2013")
    rows = tuple(
        (title, "0.710 ± 0.020*", "0.800", difference) for title, difference in zip(TITLES.values(), less, strict=True)
    )
    heads = ("method", "F1, ours", "F1, published", "less")
    papers = [TextTable(f"ATMIL, table {number}", heads, (), rows, ("[a] other scans",)) for number in (1, 2)]
    write_text_tables(papers, tables / "tables.json")
    (tables / "tables.tex").write_text("\\begin{tabular}{lr} a & 1 \\\\ \\end{tabular} % </pre>\n")
    quantities = ("loss_main", "validation_loss", "attention_entropy", "weight_bone", "cosine_bone", "seconds")
    write(
        tables / "curves.csv",
        ["dataset", "method", "seed", "epoch", "quantity", "value"],
        (
            [entry, m, seed, epoch, name, f"{np.exp(-epoch / 9) + 0.02 * seed + 0.1 * index:.5f}"]
            for (m, seed) in runs
            for index, name in enumerate(quantities)
            for epoch in range(1, 21)
        ),
    )
    write(
        tables / "localisation.csv",
        ["method", "metric", "mean", "std", "sem", "n", "low", "high"],
        (
            [m, f"{quantity}:{metric}", *_interval(draw), 3, *_ends(draw)]
            for m in TITLES
            for quantity in QUANTITIES
            for metric in ("auroc_per_bag", "average_precision_per_bag", "f1", "hit_rate_top_5")
        ),
    )
    return {
        "evaluation": sorted(tables.iterdir()),
        "entries": [{"name": entry, "kind": kind, "titles": TITLES}],
        "localisation_curves": [path for m, seed in runs for path in _curves(folder, entry, m, seed)],
        "inversions": [
            _picture(folder / "results" / "inversion" / entry / "atmil" / "seed-0" / "figure.png", (90, 300))
        ],
        "manifests": [_manifest(folder, entry)],
    }


def scan_inputs(folder: Path) -> dict[str, Any]:
    """Predictions, maps and layers of scans: the run that is lost says nothing, one map was stopped."""
    runs = [(method, seed) for method in TITLES for seed in range(SEEDS)]
    scans = [scan["scan"] for scan in SCANS]
    viewed = folder / "results" / "views" / VIEWED
    viewed.mkdir(parents=True)
    volume, bones, weights = _layers()
    (viewed / "volume.nii.gz").write_bytes(nifti_bytes(volume))
    (viewed / "bones.nii.gz").write_bytes(nifti_bytes(bones))
    maps = [path for scan in (VIEWED, "P10-a") for path in _map(folder, scan, weights, is_lost=scan == "P10-a")]
    return {
        "predictions": [_predictions(folder, method, seed, scans) for method, seed in runs],
        "maps": maps,
        "layers": sorted(viewed.iterdir()),
    }


def write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table of comma-separated values."""
    with path.open("w", newline="", encoding="utf-8") as lines:
        csv.writer(lines, lineterminator="\n").writerows([columns, *rows])


def _run(entry: str, method: str, seed: int, draw: np.random.Generator) -> list[object]:
    if (method, seed) == LOST:
        return [entry, method, TITLES[method], seed, "stopped", REASON, "", "", *[""] * len(METRICS), entry]
    return [
        entry,
        method,
        TITLES[method],
        seed,
        "done",
        "",
        8,
        7,
        *draw.uniform(0.5, 0.9, len(METRICS)).round(4),
        entry,
    ]


def _interval(draw: np.random.Generator) -> list[float]:
    return [round(float(draw.uniform(0.6, 0.8)), 4), 0.03, 0.017]


def _ends(draw: np.random.Generator) -> list[float]:
    return [round(float(draw.uniform(0.4, 0.55)), 4), round(float(draw.uniform(0.85, 0.95)), 4)]


def _curves(folder: Path, entry: str, method: str, seed: int) -> list[Path]:
    place = folder / "results" / "localisation" / entry / method / f"seed-{seed}"
    place.mkdir(parents=True)
    paths = [place / "froc.csv", place / "perturbation.csv"]
    if (method, seed) == LOST:
        for path in paths:
            path.touch()
        return paths
    write(
        paths[0],
        ["quantity", "scans", "threshold", "false_marks", "found", "lesions", "sensitivity"],
        ([q, "positive", 1 - i / 10, i * 0.8, i, 10, i / 10] for q in QUANTITIES for i in range(10)),
    )
    write(
        paths[1],
        ["quantity", "dropped", "top", "random", "bags", "area", "note"],
        ([q, i / 10, 0.9 - i / 11, 0.9 - i / 40, 8, 0.2, ""] for q in QUANTITIES for i in range(10)),
    )
    return paths


def _manifest(folder: Path, dataset: str) -> Path:
    path = folder / "results" / "manifests" / f"{dataset}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [scan for scan in SCANS if scan["label"]]
    labels = [{"healthy": 0, "inactive": 0, "focal": 1, "diffuse": 2}[scan["label"]] for scan in rows]
    columns = {name: [scan[name] for scan in rows] for name in ("patient", "split", "site")}
    bags = {
        "bag": [scan["scan"] for scan in rows],
        "label": labels,
        "instances": [400 + 10 * label for label in labels],
    }
    pq.write_table(pa.table({**bags, **columns, "label_name": [CLASSES[label] for label in labels]}), path)
    return path


def _predictions(folder: Path, method: str, seed: int, scans: Sequence[str]) -> Path:
    path = folder / "results" / "runs" / "scans" / method / f"seed-{seed}" / "predictions.parquet"
    path.parent.mkdir(parents=True)
    if (method, seed) == LOST:
        path.touch()
        return path
    share = np.random.default_rng(seed).dirichlet((1, 2, 4), len(scans))
    columns = {f"p_{name}": share[:, index] for index, name in enumerate(CLASSES)}
    labels = {"bag": list(scans), "split": ["test"] * len(scans), "label": [0] * len(scans)}
    pq.write_table(pa.table({**labels, **columns}), path)
    return path


def _map(folder: Path, scan: str, weights: sitk.Image, is_lost: bool) -> list[Path]:
    place = folder / "results" / "maps" / "scans" / "atmil" / "seed-0" / scan
    place.mkdir(parents=True)
    names = ("figure.png", "top.png", "about.json", "bones.csv", "map.nii.gz")
    if is_lost:
        for name in names:
            (place / name).touch()
        return [place / name for name in names]
    _picture(place / "figure.png", (120, 240))
    _picture(place / "top.png", (60, 240))
    told = {"quantity": "contribution", "class": "focal", "scaling": "1 is even", "seeds": [0, 1, 2], "label": HOSTILE}
    (place / "about.json").write_text(json.dumps(told))
    bones = (["skull", 0.2, 40, 0.1], ["<i>femur</i>", 0.7, 30, 0.3], ["sternum", 0.1, 9, 0.6])
    write(place / "bones.csv", ["bone", "share", "instances", "even"], bones)
    sitk.WriteImage(weights, str(place / "map.nii.gz"))
    return [place / name for name in names]


def _layers() -> tuple[sitk.Image, sitk.Image, sitk.Image]:
    """A volume, bones and weights on one grid: the left half of the upper part is bone 1 and has weight 3."""
    shape = (40, 16, 24)
    values = np.zeros(shape, np.uint8)
    values[4:36, 3:13, 4:20] = 120
    labels, weights = np.zeros(shape, np.uint8), np.zeros(shape, np.float32)
    labels[20:30, 4:12, 5:19] = 1
    weights[20:30, 4:12, 5:19] = 3.0
    weights[20:25, 4:12, 5:19] = 1.0
    images = [sitk.GetImageFromArray(array) for array in (values, labels, weights)]
    for image in images:
        image.SetSpacing((4.0, 4.0, 4.0))
    return images[0], images[1], images[2]


def _picture(path: Path, size: tuple[int, int]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(7).integers(0, 255, size, dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path
