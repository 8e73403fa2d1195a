"""Rule ingest_scan: reads, checks, composes and corrects the raw images of a scan, and segments the body."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from marrow.imaging.contrasts import Contrast, Role
from marrow.imaging.ingest.acquired import Acquired, read_contrasts
from marrow.imaging.ingest.acquisitions import (
    acquisitions,
    compose_acquisition,
    correct_acquisition,
    merged,
    sum_of,
)
from marrow.imaging.ingest.bias import BiasSettings
from marrow.imaging.ingest.body import BodySettings, find_body
from marrow.imaging.ingest.check_body import check_agreement, check_body, check_swap
from marrow.imaging.ingest.check_plausible import Limits, Measures, check_b_values, check_days, check_plausible
from marrow.imaging.ingest.check_stations import check_stations
from marrow.imaging.ingest.check_volumes import check_volumes
from marrow.imaging.ingest.diffusion import apparent_diffusion
from marrow.imaging.ingest.findings import stop_on_findings, write_checks
from marrow.imaging.volume import voxels, write_volume

_log = logging.getLogger(__name__)


def main(
    *,
    raw: list[Path],
    layout: dict[str, int],
    contrasts: list[dict[str, Any]],
    volumes: list[Path],
    body: Path,
    checks: Path,
    scan: str,
    overrides: dict[str, Any],
    settings: dict[str, Any],
    threads: int = 1,
) -> None:
    """Ingest one scan.

    Args:
        raw: files and folders of images, grouped by contrast in the order of `layout`; then files beside them, such as
            `.bval`, which are looked up by their names.
        layout: contrast -> how many paths of `raw` belong to it.
        contrasts: as declared, in the order of `volumes`; `adc` is computed from those with the roles low_b and high_b.
        volumes: written, float32, each on the grid it was acquired on.
        body: written, the body mask on the grid of the contrast with that role, uint8.
        checks: written, findings and facts as JSON.
        scan: its id.
        overrides: contrast -> choices that take precedence over DICOM tags, such as `{"series": [5]}`.
        settings: the section `ingest` of the config.
        threads: of the processor.

    Raises:
        ScanStopped: a check stops the scan.
    """
    declared = [Contrast.of(declaration) for declaration in contrasts]
    given = [contrast for contrast in declared if not contrast.is_computed]
    acquired = read_contrasts(raw, layout, overrides, given, settings["average"], threads)
    stations = {name: contrast.stations for name, contrast in acquired.items()}
    counts = {name: len(images) for name, images in stations.items()}
    _log.info("%s: read %s", scan, ", ".join(f"{name} ({count} stations)" for name, count in counts.items()))

    limits = settings["checks"]
    findings = [finding for contrast in acquired.values() for finding in contrast.findings]
    findings += stop_on_findings(check_stations(stations, limits["clipped_share"]))
    groups = acquisitions(given)
    gains = settings["stations"]["gains"]
    with ThreadPoolExecutor(threads) as pool:
        composed = merged(list(pool.map(lambda group: compose_acquisition(group, stations, gains), groups)))
    images = composed.volumes
    findings += composed.findings
    b_values = {name: contrast.b_value for name, contrast in acquired.items() if contrast.b_value is not None}
    findings += check_b_values(b_values, overrides, given)
    grid_of = _with_role("grid", declared)[0]
    findings += stop_on_findings(check_volumes(images, grid_of, groups, limits["shorter_mm"], limits["shortest_mm"]))

    outline = BodySettings(**settings["body"])
    water, fat = _with_role("water", declared), _with_role("fat", declared)
    soft_tissue = [*water, *fat] if grid_of in [*water, *fat] else [grid_of]
    mask = find_body(sum_of([images[name] for name in soft_tissue]), outline)
    outlined = {contrast.name: images[contrast.name] for contrast in given if not contrast.has_units}
    findings += stop_on_findings([*check_body(mask), *check_agreement(outlined, mask, outline)])
    if water and fat:
        findings += check_swap(images[water[0]], images[fat[0]], mask)

    plausible = Limits(**{field.name: limits[field.name] for field in fields(Limits)})
    findings += check_days({name: contrast.days for name, contrast in acquired.items()}, plausible)
    of_images, measures = check_plausible(given, images, mask, b_values, plausible)
    findings += stop_on_findings(of_images)
    with ThreadPoolExecutor(threads) as pool:
        digests = dict(zip(stations, pool.map(digest_of, [images[name] for name in stations]), strict=True))

    bias = BiasSettings(**settings["bias"])
    if bias.enabled:
        images = {k: v for group in groups for k, v in correct_acquisition(group, images, mask, bias).items()}
    for adc in _with_role("adc", declared):
        (low,), (high,) = _with_role("low_b", declared), _with_role("high_b", declared)
        images[adc] = apparent_diffusion(images[low], images[high], b_values[low], b_values[high], mask)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(write_volume, [*(images[contrast.name] for contrast in declared), mask], [*volumes, body]))
    write_checks(checks, scan, findings, _facts(images, acquired, composed.gains, measures, digests))
    _log.info("%s: composed %s; %d findings", scan, ", ".join(images), len(findings))


def digest_of(image: sitk.Image) -> str:
    """A digest of the intensities of an image as composed, by which a scan that appears twice is recognised."""
    return hashlib.sha256(np.ascontiguousarray(voxels(image)).data).hexdigest()[:32]


def _with_role(role: Role, contrasts: Sequence[Contrast]) -> list[str]:
    return [contrast.name for contrast in contrasts if role in contrast.roles]


def _facts(
    images: Mapping[str, sitk.Image],
    acquired: Mapping[str, Acquired],
    gains: Mapping[str, Sequence[float]],
    measures: Measures,
    digests: Mapping[str, str],
) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "stations": len(acquired[name].stations) if name in acquired else 0,
            "size": list(image.GetSize()),
            "spacing_mm": [round(mm, 4) for mm in image.GetSpacing()],
            "gains": [round(gain, 4) for gain in gains.get(name, [])],
            "b_value": acquired[name].b_value if name in acquired else None,
            "measures": {measure: round(value, 5) for measure, value in measures.get(name, {}).items()},
            "voxels": digests.get(name, ""),
        }
        for name, image in images.items()
    }


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
