"""Rule draw_qc: draws the quality sheet of a scan: slices, projections, histograms, findings of the checks."""

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from marrow.drawing.coronal import Mask, Volume, slice_at
from marrow.drawing.quality_sheet.panel import DisplaySettings, Panel, Window, outline_of, panel_of
from marrow.drawing.quality_sheet.sheet import draw_sheet
from marrow.errors import ScanStopped
from marrow.imaging.ingest.findings import read_findings
from marrow.imaging.volume import read_on_grid, read_volume, voxels

SEVERITIES = ("stop", "warn", "note")


def main(
    *,
    resampled: list[Path],
    normalised: list[Path],
    body_resampled: Path,
    contrasts: list[str],
    checks: Path,
    sheet: Path,
    scan: str,
    settings: dict[str, Any],
) -> None:
    """Draw the sheet.

    Args:
        resampled: a volume per contrast, before standardisation.
        normalised: the same volumes on the standard scale.
        body_resampled: the body mask on their grid.
        contrasts: the contrasts' names, in the volumes' order.
        checks: the scan's findings, JSON.
        sheet: the PNG to write.
        scan: the scan's id.
        settings: see `config.yaml`, section `qc`, and the ends of the standard scale.
    """
    display = _display_settings(settings)
    mask = read_volume(body_resampled)
    body = np.greater(voxels(mask), 0)
    if not body.any():
        raise ScanStopped("body_mask", "the body mask is empty on the resampled grid; look at the water image")
    y = slice_at(body, float(settings["slice_depth"]))
    panels = [
        _panel(contrast, before, after, mask, body, y, display)
        for contrast, before, after in zip(contrasts, resampled, normalised, strict=True)
    ]
    x_mm, _, z_mm = mask.GetSpacing()
    draw_sheet(
        scan=scan,
        facts=_facts(mask),
        panels=panels,
        outline=outline_of(body, y),
        findings=sorted(read_findings(checks), key=lambda finding: SEVERITIES.index(finding.severity)),
        aspect=z_mm / x_mm,
        path=sheet,
    )


def _display_settings(settings: dict[str, Any]) -> DisplaySettings:
    windows = ("scale_ends", "end_percentiles", "slice_window", "diffusion_window", "maximum_window")
    return DisplaySettings(
        **{name: _window(settings[name]) for name in windows},
        maximum_of=frozenset(settings["maximum_of"]),
        own_scale={contrast: _window(limits) for contrast, limits in settings["own_scale"].items()},
        roles=settings["roles"],
        bins=int(settings["bins"]),
    )


def _window(limits: list[float]) -> Window:
    low, high = limits
    return float(low), float(high)


def _panel(
    contrast: str, before: Path, after: Path, mask: sitk.Image, body: Mask, y: int, display: DisplaySettings
) -> Panel:
    """The panel of a contrast; a function, so that the two volumes are freed on return."""
    return panel_of(contrast, _on_grid(before, contrast, mask), _on_grid(after, contrast, mask), body, y, display)


def _on_grid(path: Path, contrast: str, mask: sitk.Image) -> Volume:
    image = read_on_grid(path, mask, contrast)
    # A copy, since a view needs the image.
    return np.array(voxels(image), dtype=np.float32)


def _facts(mask: sitk.Image) -> str:
    x, y, z = mask.GetSize()
    spacing = " × ".join(f"{length:g}" for length in mask.GetSpacing())
    return f"{x} × {y} × {z} voxels of {spacing} mm · coronal, patient's right on your left · outline: body mask"


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
