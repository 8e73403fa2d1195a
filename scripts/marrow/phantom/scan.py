"""Simulates one scan of the roster: body, posture, stations, faults."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import SimpleITK as sitk

from marrow.bones.table import Bone
from marrow.phantom.anatomy import Anatomy, person, render
from marrow.phantom.faults import with_fault
from marrow.phantom.habitus import lie_down
from marrow.phantom.lesions import Difficulty
from marrow.phantom.protocol import protocol, station_grids, truth_grid
from marrow.phantom.random_fields import stream
from marrow.phantom.roster import SimulatedScan
from marrow.phantom.scanner import acquire


@dataclass(frozen=True)
class Scanned:
    """A simulated scan: the true anatomy, and the stations of every contrast from the head down."""

    anatomy: Anatomy
    stations: dict[str, list[sitk.Image]]


def simulate(
    scan: SimulatedScan, settings: Mapping[str, Any], contrasts: Sequence[str], bones: Sequence[Bone]
) -> Scanned:
    """Simulate a scan of the roster; `settings` is the section `simulate` of the config."""
    seed, size = int(settings["seed"]), str(settings["size"])
    patient = person(seed, scan, bones, difficulty(settings))
    posture = lie_down(patient.build, seed, scan.scan)
    anatomy = render(patient, posture, truth_grid(posture, size), contrasts, bones)
    stations: dict[str, list[sitk.Image]] = {}
    for channel, contrast in enumerate(contrasts):
        used = protocol(scan.site, contrast, size, single_station=bool(settings.get("single_station")))
        draw, noise = stream(seed, scan.scan, "scanner", used.acquisition), stream(seed, scan.scan, "noise", contrast)
        acquired = acquire(anatomy, channel, used, station_grids(used, posture), draw, noise)
        stations[contrast] = [station.grid.image(station.values) for station in acquired]
    return Scanned(anatomy, with_fault(scan.fault, stations))


def difficulty(settings: Mapping[str, Any]) -> Difficulty:
    """Amount and contrast of disease in the section `simulate` of the config."""
    return Difficulty(
        contrast=float(settings["lesion_contrast"]),
        focal_fraction=float(settings["lesion_fraction"]),
        diffuse_fraction=float(settings["diffuse_fraction"]),
        diffuse_with_focal=float(settings["diffuse_with_focal"]),
    )
