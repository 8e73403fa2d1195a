"""Rule ingest_scan: reads, checks, composes and corrects the raw images of a scan, and segments the body."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import SimpleITK as sitk

from marrow.errors import MarrowError
from marrow.imaging.ingest.acquired import read_contrasts
from marrow.imaging.ingest.acquisitions import (
    DIXON,
    acquisitions,
    compose_acquisition,
    correct_acquisition,
    merged,
    sum_of,
)
from marrow.imaging.ingest.bias import BiasSettings
from marrow.imaging.ingest.body import BodySettings, find_body
from marrow.imaging.ingest.check_body import check_agreement, check_body, check_swap
from marrow.imaging.ingest.check_stations import check_stations
from marrow.imaging.ingest.check_volumes import check_volumes
from marrow.imaging.ingest.diffusion import apparent_diffusion
from marrow.imaging.ingest.findings import stop_on_findings, write_checks
from marrow.imaging.volume import write_volume

ADC = "adc"
_log = logging.getLogger(__name__)


def main(
    *,
    raw: list[Path],
    layout: dict[str, int],
    contrasts: list[str],
    volumes: list[Path],
    body: Path,
    checks: Path,
    scan: str,
    overrides: dict[str, Any],
    settings: dict[str, Any],
) -> None:
    """Ingest one scan.

    Args:
        raw: NIfTI files, folders of NIfTI stations or DICOM folders, grouped by contrast in the order of `layout`.
        layout: contrast -> how many paths of `raw` belong to it.
        contrasts: to write, in the order of `volumes`; `adc` is computed from the lowest and highest b-value.
        volumes: written, float32, each on the grid it was acquired on.
        body: written, the body mask on the grid of water, uint8.
        checks: written, findings and facts as JSON.
        scan: its id.
        overrides: contrast -> choices that take precedence over DICOM tags, such as `{"series": 5}`.
        settings: the section `ingest` of the config.

    Raises:
        ScanStopped: a check stops the scan.
    """
    b_values: dict[str, float] = settings["b_values"]
    _check_contrasts(contrasts, layout, b_values)
    stations = read_contrasts(raw, layout, overrides, b_values)
    counts = {name: len(images) for name, images in stations.items()}
    _log.info("%s: read %s", scan, ", ".join(f"{name} ({count} stations)" for name, count in counts.items()))

    limits = settings["checks"]
    findings = stop_on_findings(check_stations(stations, limits["clipped_share"]))
    groups = acquisitions(list(layout), b_values)
    gains = settings["stations"]["gains"]
    composed = merged([compose_acquisition(group, stations, gains) for group in groups])
    images = composed.volumes
    findings += composed.findings
    findings += stop_on_findings(check_volumes(images, groups, limits["shorter_mm"], limits["shortest_mm"]))

    outline = BodySettings(**settings["body"])
    mask = find_body(sum_of([images[name] for name in DIXON if name in images]), outline)
    findings += stop_on_findings([*check_body(mask), *check_agreement(images, mask, outline)])
    if "fat" in images:
        findings += check_swap(images["water"], images["fat"], mask)

    bias = BiasSettings(**settings["bias"])
    if bias.enabled:
        images = {k: v for group in groups for k, v in correct_acquisition(group, images, mask, bias).items()}
    if ADC in contrasts:
        low, *_, high = sorted((name for name in images if name in b_values), key=lambda name: b_values[name])
        images[ADC] = apparent_diffusion(images[low], images[high], b_values[low], b_values[high], mask)

    for name, path in zip(contrasts, volumes, strict=True):
        write_volume(images[name], path)
    write_volume(mask, body)
    write_checks(checks, scan, findings, _facts(images, counts, composed.gains))
    _log.info("%s: composed %s; %d findings", scan, ", ".join(contrasts), len(findings))


def _check_contrasts(contrasts: Sequence[str], layout: Mapping[str, int], b_values: Mapping[str, float]) -> None:
    if "water" not in layout:
        raise MarrowError(
            "`contrasts` in the config has no water; the grid and the body mask are taken from it, add it"
        )
    unknown = [name for name in contrasts if name != ADC and name not in layout]
    if unknown:
        raise MarrowError(f"`contrasts` in the config names {', '.join(unknown)} but the sheet gives no such images")
    if ADC in contrasts and sum(name in b_values for name in layout) < 2:
        raise MarrowError(
            "`contrasts` in the config names adc, which needs two b-values; add them, or take adc out of the list"
        )


def _facts(
    images: Mapping[str, sitk.Image], counts: Mapping[str, int], gains: Mapping[str, Sequence[float]]
) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "stations": counts.get(name, 0),
            "size": list(image.GetSize()),
            "spacing_mm": [round(mm, 4) for mm in image.GetSpacing()],
            "gains": [round(gain, 4) for gain in gains.get(name, [])],
        }
        for name, image in images.items()
    }


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
