"""The maps of a scan: the map's figure, its share per bone, and the instances that weigh most."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marrow.report.charts.bars import Bar, bars_of
from marrow.report.pictures import Picture
from marrow.report.tables import load_table, why_absent
from marrow.workflow.record import read_record, record_of

FIGURE, TOP, ABOUT, BONES, VOLUME = "figure.png", "top.png", "about.json", "bones.csv", "map.nii.gz"
PICTURES = (FIGURE, TOP)
BONE_COLUMNS = {"bone": str, "share": float, "instances": int, "even": float}
ELSEWHERE = {"scan", "method", "seed", "seeds", "label", "predicted", "probabilities"}  # shown beside the map
MOST_WORDS = 400  # of a value in about.json


@dataclass(frozen=True)
class ScanMap:
    """A map of a scan.

    Attributes:
        method: what the method is called.
        seed: of the run.
        facts: what the map shows, name and words: which quantity, which class, which scaling.
        figure, top: the pictures; None where there is none.
        bars: the share of each bone that has patches, the largest first.
        volume: the map as a volume.
        why: why there is no figure; empty where there is one.
    """

    method: str
    seed: str
    facts: tuple[tuple[str, str], ...]
    figure: Picture | None
    top: Picture | None
    bars: tuple[Bar, ...]
    volume: Path | None
    why: str

    @property
    def quantity(self) -> str:
        """What the weights are."""
        return dict(self.facts).get("quantity", "")

    @property
    def title(self) -> str:
        """Method, quantity and class in a line."""
        of_class = dict(self.facts).get("class", "")
        return ", ".join(filter(None, (self.method, f"seed {self.seed}", self.quantity, of_class)))


def maps_of(
    files: Sequence[Path], pictures: Mapping[Path, Picture | None], titles: Mapping[str, str]
) -> dict[str, list[ScanMap]]:
    """Scan -> its maps.

    Args:
        files: of `results/maps/{dataset}/{method}/seed-{seed}/{scan}/`, in the order in which they are shown.
        pictures: the pictures among them.
        titles: method -> title.
    """
    folders: dict[Path, dict[str, Path]] = defaultdict(dict)
    for path in files:
        folders[path.parent][path.name] = path
    of_scan: dict[str, list[ScanMap]] = defaultdict(list)
    for folder, parts in folders.items():
        method, seed, scan = folder.parts[-3:]
        of_scan[scan].append(_map(parts, pictures, titles.get(method, method), seed.removeprefix("seed-")))
    return dict(of_scan)


def _map(parts: Mapping[str, Path], pictures: Mapping[Path, Picture | None], method: str, seed: str) -> ScanMap:
    shown = {name: pictures.get(parts[name]) if name in parts else None for name in PICTURES}
    figure = parts.get(FIGURE)
    volume = parts.get(VOLUME)
    return ScanMap(
        method=method,
        seed=seed,
        facts=_facts(parts.get(ABOUT)),
        figure=shown[FIGURE],
        top=shown[TOP],
        bars=_bars(parts.get(BONES)),
        volume=volume if volume and not why_absent(volume) else None,
        why="" if shown[FIGURE] else why_absent(figure) or _stop(figure) or "the picture cannot be read",
    )


def _stop(path: Path | None) -> str:
    record = read_record(record_of(path)) if path else None
    return record.stopped.message if record and record.stopped else ""


def _bars(path: Path | None) -> tuple[Bar, ...]:
    bones = load_table(path, BONE_COLUMNS).frame.dropna(subset=["share"])
    held = bones[bones["instances"] > 0].sort_values("share", ascending=False, kind="stable")
    rows = held.itertuples(index=False, name=None)
    return bars_of([(bone, share, f"{instances} instances", even) for bone, share, instances, even in rows])


def _facts(path: Path | None) -> tuple[tuple[str, str], ...]:
    """What `about.json` says, as words."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8")) if path else {}
    except (OSError, ValueError):
        return ()
    if not isinstance(content, dict):
        return ()
    kept = {str(name): _words(value) for name, value in content.items() if name not in ELSEWHERE}
    return tuple((name.replace("_", " "), words) for name, words in kept.items() if words)


def _words(value: Any) -> str:
    """A plain value or a list of such as words; what is deeper is left out."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int | str):
        return str(value)[:MOST_WORDS]
    if isinstance(value, list):
        return " to ".join(filter(None, map(_words, value))) if len(value) == 2 else ", ".join(map(_words, value))
    return ""
