"""The inputs of a small report for tests: four scans, one of them stopped, names as hostile as a sheet can hold."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from marrow.bones.table import DEFAULT_TABLE

HOSTILE = "<script>document.title='owned'</script>"
SCANS = [
    {"scan": "P10-a", "patient": "P10", "label": "healthy", "split": "train", "site": "north"},
    {"scan": "P2-a", "patient": "P2", "label": "focal", "split": "train", "site": "south"},
    {
        "scan": HOSTILE,
        "patient": "\u202e\u05d0\u05d1\u05d2 'q' \"d\" &amp;",
        "label": "",
        "split": "predict",
        "site": "",
    },
    {"scan": "P3-a", "patient": "P2", "label": "diffuse", "split": "test", "site": "south"},
    {"scan": "P1-a", "patient": "P1", "label": "healthy", "split": "train", "site": "north"},
    {"scan": "P4-a", "patient": "P4", "label": "inactive", "split": "validation", "site": "north"},
]
STOPPED = "P3-a"
ROWS = [
    ("P10-a", "ok", "ingest_scan", "", "", ""),
    ("P2-a", "warned", "ingest_scan", "fat_water_swap", "water", "look at both images and exchange the columns"),
    (HOSTILE, "warned", "ingest_scan", "clipped", "b900", '"><img src=x onerror="document.title=\'owned\'">'),
    (STOPPED, "stopped", "ingest_scan", "station_missing", "b900", "3 stations, not 4; give all 4 files"),
    ("P1-a", "ok", "ingest_scan", "", "", ""),
    ("P4-a", "ok", "ingest_scan", "", "", ""),
]
PERCENTILES = [1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 99]
CONTRASTS = ["fat", "water"]


# What models add; see `toy_evaluation.py`.
NOTHING = (
    "manifests", "predictions", "evaluation", "localisation_curves", "maps", "inversions", "layers", "program",
    "entries",
)  # fmt: skip

BONES = ["skull", "ribs_left", "<i>femur</i>"]
VALIDATION = "P4-a"


def report_inputs(folder: Path, rows: list[tuple[str, ...]] = ROWS) -> dict[str, Any]:
    """Write the inputs and return the arguments of `build_report.main`; bones are switched off."""
    table = folder / "table.tsv"
    header = ("scan", "status", "stage", "check", "contrast", "message")
    table.write_text(
        "".join("\t".join(_quoted(field) for field in row) + "\n" for row in [header, *rows]), encoding="utf-8"
    )
    return {
        "sheets": [_sheet(folder / f"sheet{i}.png", i, scan["scan"] == STOPPED) for i, scan in enumerate(SCANS)],
        "checks_table": table,
        "records": [_record(folder / f"record{i}.json", scan["scan"]) for i, scan in enumerate(SCANS)],
        "scans": SCANS,
        "attributes": {"P10-a": {"age": "61", "stage": HOSTILE}, "P2-a": {"stage": "II"}, "P4-a": {"age": "47.5"}},
        "units": {"age": "years"},
        "categories": ["stage"],
        "sheet_notes": [f"1 scans are left out, as the column exclude says: S9 (moved {HOSTILE})"],
        "split_notes": [f"diffuse is short in test {HOSTILE}"],
        "standards": [_standard(folder / f"{name}.npy", bend) for name, bend in zip(CONTRASTS, (0.5, 2), strict=True)],
        "contrasts": CONTRASTS,
        "scales": CONTRASTS,
        "scale_notes": ["b900 mixes b-values"],
        "bone_scores": [],
        "bone_sheets": [],
        "bone_histories": [],
        **{name: [] for name in NOTHING},
        "bone_table": DEFAULT_TABLE,
        "significance": 0.05,
        "title": "A <b>report</b>",
        "report": _results(folder) / "report" / "index.html",
        "settings": {"budget_mb": 28},
    }


def _results(folder: Path) -> Path:
    """A folder of results with a record, of code that is not today's, two measurements, and a place for the report."""
    results = folder / "results"
    (results / "report").mkdir(parents=True)
    (results / "normalised" / "P10-a").mkdir(parents=True)
    _record(results / "normalised" / "P10-a" / "record.json", "P10-a")
    (results / "benchmarks" / "train_model" / "scans").mkdir(parents=True)
    for name, seconds in (("a", 2.0), ("b", 6.0)):
        file = results / "benchmarks" / "train_model" / "scans" / f"{name}.tsv"
        file.write_text(f"s\th:m:s\tmax_rss\tmean_load\n{seconds}\t0:00:02\t{100 * seconds}\t50.0\n")
    return results


def bone_inputs(folder: Path) -> dict[str, Any]:
    """Write what the bones add, and return it: one scan scored, in which a bone was missed and one is not in view."""
    scores = folder / "scores.csv"
    lines = ["scan,bone,stage,dice,hd95_mm,volume_error"]
    lines += [f"{VALIDATION},{BONES[0]},raw,0.8,6.0,0.25", f"{VALIDATION},{BONES[0]},corrected,0.9,4.0,-0.05"]
    lines += [f"{VALIDATION},{BONES[1]},{stage},0.0,,-1.0" for stage in ("raw", "corrected")]
    lines += [f"{VALIDATION},{BONES[2]},{stage},,," for stage in ("raw", "corrected")]
    scores.write_text("\n".join(lines) + "\n")
    return {
        "bone_scores": [scores],
        "bone_sheets": [
            _sheet(folder / f"bones{i}.png", 100 + i, scan["scan"] == STOPPED) for i, scan in enumerate(SCANS)
        ],
        "bone_histories": [_history(folder / name, has_dice=name == "train") for name in ("train", "all")],
    }


def _history(folder: Path, has_dice: bool) -> Path:
    folder.mkdir()
    rows = [f"{epoch},1.5,0.001,{2 / epoch},{0.9 - 0.5 / epoch if has_dice else ''}" for epoch in range(1, 9)]
    path = folder / "history.csv"
    path.write_text("\n".join(["epoch,seconds,learning_rate,loss,dice", *rows]) + "\n")
    return path


def _quoted(field: str) -> str:
    return '"' + field.replace('"', '""') + '"'


def _sheet(path: Path, seed: int, is_empty: bool) -> Path:
    if is_empty:
        path.write_bytes(b"")
        return path
    noise = np.random.default_rng(seed).integers(0, 255, (120, 240), dtype=np.uint8)
    Image.fromarray(noise).resize((960, 480)).save(path)
    return path


def _record(path: Path, scan: str) -> Path:
    content = {
        "schema": 1,
        "rule": "standardise_scan",
        "wildcards": {"scan": scan},
        "fingerprint": "ab12" * 16,
        "code": {},
        "params": {},
        "inputs": {},
        "outputs": {},
        "stopped": None,
        "made": {
            "python": "3.11.7",
            "versions": {"numpy": "2.4.6"},
            "commit": "c0ffee" * 6,
            "dirty": False,
            "seconds": 2,
        },
        "accepted": [],
    }
    path.write_text(json.dumps(content))
    return path


def _standard(path: Path, bend: float) -> Path:
    percentiles = np.array(PERCENTILES, float)
    values = 1 + 99 * ((percentiles - 1) / 98) ** bend
    np.save(path, np.array([values, percentiles]))
    return path
