"""The scans in the viewer: which of them fit into the page, and their layers as the page holds them.

Layers lie in the page as compressed text that nothing runs or draws; a click decompresses those of one scan. The
program of the viewer lies there in the same way, and the page's policy lets exactly this program run, by its digest.
"""

import base64
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from marrow.bones.table import read_bones
from marrow.drawing.bone_colours import bone_colours
from marrow.imaging.volume import read_volume
from marrow.report.page import compressed_text
from marrow.report.scan_maps import ScanMap
from marrow.report.scans import ScanRow
from marrow.report.tables import why_absent
from marrow.report.viewer.volumes import highest, nifti_bytes, shrunk_map
from marrow.workflow.record import read_record, record_of

SHARE = 0.3  # of the page's budget, for all scans in the viewer together
FIRST = ("test", "predict", "reference", "validation", "train", "")  # whose scans come first, where not all fit


@dataclass(frozen=True)
class Viewer:
    """What the page holds of the viewer.

    Attributes:
        program: its script; empty where there is none.
        why: why there is none.
        bones: id, name and colour of the bones, as JSON.
        scans: scan -> its layers, as JSON.
        left_out: how many scans have layers that do not fit.
    """

    program: str
    why: str
    bones: str
    scans: Mapping[str, str]
    left_out: int

    @property
    def size(self) -> int:
        """Bytes of the page."""
        return sum(map(len, self.scans.values())) + (len(compressed_text(self.program)) if self.program else 0)


def viewer_of(
    program: Sequence[Path],
    layers: Sequence[Path],
    bone_table: Path,
    scans: Sequence[ScanRow],
    maps: Mapping[str, Sequence[ScanMap]],
    budget: int,
) -> Viewer:
    """The viewer with as many scans as fit.

    Args:
        program: the viewer's script; none where the config switches it off.
        layers: `volume.nii.gz` and `bones.nii.gz` of `results/views/{scan}/`.
        bone_table: names of the bones.
        scans: the cohort.
        maps: scan -> its maps.
        budget: bytes of the whole page.
    """
    bones = read_bones(bone_table)
    colours = bone_colours(bones)
    bones_json = json.dumps([[bone.id, bone.name.replace("_", " "), colours[bone.id]] for bone in bones])
    why = _why_not(program)
    if why:
        return Viewer("", why, bones_json, {}, 0)
    held: dict[str, str] = {}
    room, left_out = SHARE * budget, 0
    of_scan = _by_scan(layers)
    for scan in sorted(scans, key=lambda one: FIRST.index(one.split) if one.split in FIRST else len(FIRST)):
        if scan.scan not in of_scan:
            continue
        if room <= 0:
            left_out += 1
            continue
        content = _layers(of_scan[scan.scan], maps.get(scan.scan, ()))
        if len(content) > room:
            left_out += 1
            room = 0
        elif content:
            held[scan.scan] = content
            room -= len(content)
    return Viewer(program[0].read_text(encoding="utf-8"), "", bones_json, held, left_out)


def _why_not(program: Sequence[Path]) -> str:
    if not program:
        return "it is switched off in the config (report.viewer.enabled), or no scan has a map to look at"
    absent = why_absent(program[0])
    record = read_record(record_of(program[0])) if absent else None
    return record.stopped.message if record and record.stopped else absent


def _by_scan(layers: Sequence[Path]) -> dict[str, dict[str, Path]]:
    files: dict[str, dict[str, Path]] = defaultdict(dict)
    for path in layers:
        if not why_absent(path):
            files[path.parent.name][path.name.partition(".")[0]] = path
    return {scan: parts for scan, parts in files.items() if {"volume", "bones"} <= parts.keys()}


def _layers(parts: Mapping[str, Path], maps: Sequence[ScanMap]) -> str:
    """The layers of a scan as JSON; empty where its volume cannot be read."""
    try:
        grid = read_volume(parts["volume"])
        content: dict[str, Any] = {name: _base64(parts[name].read_bytes()) for name in ("volume", "bones")}
        content["maps"] = [layer for one in maps if (layer := _map(one, grid))]
    except RuntimeError:  # of SimpleITK, for half a file
        return ""
    return json.dumps(content)


def _map(one: ScanMap, grid: sitk.Image) -> dict[str, Any] | None:
    if one.volume is None:
        return None
    try:
        image, low, high = shrunk_map(read_volume(one.volume), grid)
    except RuntimeError:
        return None
    return {"title": one.title, "low": low, "high": high, "at": highest(image), "volume": _base64(nifti_bytes(image))}


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
