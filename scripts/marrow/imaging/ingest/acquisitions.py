"""Composes and corrects the contrasts of an acquisition together.

Water and fat come from the same echoes, both b-values from the same sequence, with one table position, receiver gain
and coil. Each acquisition therefore gets one set of station gains and one shading field, estimated from its `guide`.
This preserves the ratios between its contrasts (fat fraction, ADC). Maps with units are left as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import numpy as np
import SimpleITK as sitk

from marrow.imaging.contrasts import Contrast
from marrow.imaging.ingest.bias import BiasSettings, estimate_log_field, remove_shading
from marrow.imaging.ingest.check_gains import check_gains, check_seams
from marrow.imaging.ingest.findings import Finding
from marrow.imaging.ingest.gains import find_links, station_gains, unlinked
from marrow.imaging.ingest.stations import Slab, compose, composed_grid, place_stations, reference_station
from marrow.imaging.volume import same_grid, voxels, with_voxels

GainPolicy = Literal["auto", "shared", "separate"]


@dataclass(frozen=True)
class Acquisition:
    """Contrasts measured together, and those (`guide`) from whose sum gains and shading are estimated.

    Without a guide the contrasts have units: gains are 1 and no shading is removed.
    """

    contrasts: tuple[str, ...]
    guide: tuple[str, ...]


@dataclass(frozen=True)
class Composed:
    """By contrast the composed volume and the gain of each station from the feet to the head; findings on the gains."""

    volumes: dict[str, sitk.Image]
    gains: dict[str, list[float]]
    findings: list[Finding]


def acquisitions(contrasts: Sequence[Contrast]) -> list[Acquisition]:
    """Group contrasts by acquisition. Diffusion images are guided by their lowest b-value, others by their sum."""
    groups: dict[str, list[Contrast]] = {}
    for contrast in contrasts:
        groups.setdefault(f"{contrast.name} alone" if contrast.has_units else contrast.acquisition, []).append(contrast)
    return [_acquisition(group) for group in groups.values()]


def _acquisition(group: Sequence[Contrast]) -> Acquisition:
    names = tuple(contrast.name for contrast in group)
    b_values = {contrast.name: contrast.b_value for contrast in group if contrast.b_value is not None}
    if any(contrast.has_units for contrast in group):
        return Acquisition(names, ())
    return Acquisition(names, (min(b_values, key=lambda name: b_values[name]),) if b_values else names)


def compose_acquisition(
    acquisition: Acquisition, stations: Mapping[str, Sequence[sitk.Image]], gains: GainPolicy
) -> Composed:
    """Compose the contrasts of an acquisition from their stations, which are in order from the feet to the head.

    Gains are `shared` by the contrasts, `separate`, or `auto`: shared unless that leaves a step in one of them.
    Contrasts with stations in different positions always have separate gains.
    """
    first = stations[acquisition.contrasts[0]]
    if not acquisition.guide:
        return merged([_compose_as_measured(name, stations[name]) for name in acquisition.contrasts])
    same_stations = all(_same_stations(first, stations[name]) for name in acquisition.contrasts)
    if same_stations and (len(first) == 1 or gains != "separate"):
        shared = _compose_shared(acquisition, stations)
        if gains == "shared" or not shared.findings:
            return shared
    return merged([_compose_shared(Acquisition((name,), (name,)), stations) for name in acquisition.contrasts])


def merged(parts: Sequence[Composed]) -> Composed:
    """The contrasts of several acquisitions in one object."""
    return Composed(
        volumes={name: volume for part in parts for name, volume in part.volumes.items()},
        gains={name: gains for part in parts for name, gains in part.gains.items()},
        findings=[finding for part in parts for finding in part.findings],
    )


def correct_acquisition(
    acquisition: Acquisition, volumes: Mapping[str, sitk.Image], body: sitk.Image, settings: BiasSettings
) -> dict[str, sitk.Image]:
    """Correct the contrasts of an acquisition for the shading of the coils."""
    if not acquisition.guide:
        return {name: volumes[name] for name in acquisition.contrasts}
    guide = sum_of([volumes[name] for name in acquisition.guide])
    inside = sitk.Resample(body, guide, sitk.Transform(), sitk.sitkNearestNeighbor, 0.0)
    field = estimate_log_field(guide, inside, settings)
    return {name: remove_shading(volumes[name], _onto(field, volumes[name])) for name in acquisition.contrasts}


def sum_of(images: Sequence[sitk.Image]) -> sitk.Image:
    """The sum of images on the grid of the first."""
    total = images[0]
    for image in images[1:]:
        total = total + _onto(image, total)
    return total


def _onto(image: sitk.Image, grid: sitk.Image) -> sitk.Image:
    if same_grid(image, grid):
        return with_voxels(voxels(image), grid)  # ITK's arithmetic refuses even tiny differences of geometry
    return sitk.Resample(image, grid, sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkFloat32, True)


def _same_stations(a: Sequence[sitk.Image], b: Sequence[sitk.Image]) -> bool:
    return len(a) == len(b) and all(same_grid(one, other) for one, other in zip(a, b, strict=True))


def _compose_shared(acquisition: Acquisition, stations: Mapping[str, Sequence[sitk.Image]]) -> Composed:
    """Compose contrasts with stations in the same positions, with the gains of the guide."""
    contrasts = acquisition.contrasts
    frames = stations[contrasts[0]]
    if len(frames) == 1:
        return Composed({name: stations[name][0] for name in contrasts}, {name: [1.0] for name in contrasts}, [])
    reference = reference_station(frames)
    grid = composed_grid(frames, reference)
    slabs = {name: place_stations(stations[name], grid) for name in contrasts}
    gains, links = station_gains(_summed([slabs[name] for name in acquisition.guide]), reference)
    findings = check_gains(gains, unlinked(links, len(frames), reference), contrasts)
    if len(contrasts) > 1:
        findings += [finding for name in contrasts for finding in check_seams(name, find_links(slabs[name]), gains)]
    volumes = {name: compose(slabs[name], gains, grid) for name in contrasts}
    return Composed(volumes, dict.fromkeys(contrasts, gains), findings)


def _compose_as_measured(name: str, stations: Sequence[sitk.Image]) -> Composed:
    """Compose a map with units, whose stations are not matched to each other."""
    gains = [1.0] * len(stations)
    if len(stations) == 1:
        return Composed({name: stations[0]}, {name: gains}, [])
    grid = composed_grid(stations, reference_station(stations))
    return Composed({name: compose(place_stations(stations, grid), gains, grid)}, {name: gains}, [])


def _summed(slabs: Sequence[Sequence[Slab]]) -> list[Slab]:
    return [Slab(same[0].start, reduce(np.add, [slab.array for slab in same])) for same in zip(*slabs, strict=True)]
