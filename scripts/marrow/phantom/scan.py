"""Simulates one scan of the roster: body, posture, stations, faults."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import SimpleITK as sitk

from marrow.bones.table import Bone
from marrow.phantom.anatomy import Anatomy, person, render
from marrow.phantom.faults import plant
from marrow.phantom.habitus import lie_down
from marrow.phantom.lesions import Difficulty
from marrow.phantom.protocol import protocol, station_grids, truth_grid
from marrow.phantom.roster import SimulatedScan
from marrow.phantom.scanner import acquire
from marrow.phantom.seeds import stream


@dataclass(frozen=True)
class Scanned:
    """A scan before it is written: the truth, and every contrast's stations, the head's first."""

    anatomy: Anatomy
    stations: dict[str, list[sitk.Image]]


def simulate(
    scan: SimulatedScan, settings: Mapping[str, Any], contrasts: Sequence[str], bones: Sequence[Bone]
) -> Scanned:
    """One scan of the roster; `settings` is the section `simulate` of the config."""
    seed, size = int(settings["seed"]), str(settings["size"])
    who = person(seed, scan, bones, difficulty(settings))
    posture = lie_down(who.build, seed, scan.scan)
    anatomy = render(who, posture, truth_grid(posture, size), contrasts, bones)
    stations: dict[str, list[sitk.Image]] = {}
    for channel, contrast in enumerate(contrasts):
        acquired = protocol(scan.site, contrast, size, single_station=bool(settings.get("single_station")))
        grids = station_grids(acquired, posture)
        draw = stream(seed, scan.scan, "scanner", acquired.acquisition)
        seen = acquire(anatomy, channel, acquired, grids, draw, stream(seed, scan.scan, "noise", contrast))
        stations[contrast] = [station.grid.image(station.values) for station in seen]
    return Scanned(anatomy, plant(scan.fault, stations))


def difficulty(settings: Mapping[str, Any]) -> Difficulty:
    """The knobs of the config that make lesions hard to see."""
    return Difficulty(
        contrast=float(settings["lesion_contrast"]),
        focal_fraction=float(settings["lesion_fraction"]),
        diffuse_fraction=float(settings["diffuse_fraction"]),
        diffuse_with_focal=float(settings["diffuse_with_focal"]),
    )
