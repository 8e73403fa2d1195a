"""Rule draw_bones: draws the bone sheet of a scan: bones on slices, the changes of each correction step, volumes."""

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from marrow.bones.table import read_bones
from marrow.drawing.bone_colours import bone_colours
from marrow.drawing.bone_sheet.cuts import cuts_of, window_of
from marrow.drawing.bone_sheet.sheet import Content, draw_bone_sheet
from marrow.drawing.bone_sheet.slices import Labels, hung
from marrow.drawing.bone_sheet.steps import read_steps, read_volumes, volumes_of
from marrow.errors import ScanStopped
from marrow.imaging.volume import read_on_grid, read_volume, voxels


def main(
    *,
    water: Path,
    body_resampled: Path,
    raw_bones: Path,
    dilated: Path,
    steps: Path,
    corrections: Path,
    bone_table: Path,
    sheet: Path,
    scan: str,
    settings: dict[str, Any],
    stop: str | None = None,
) -> None:
    """Draw the sheet; for a stopped scan with the files that exist, and the reason.

    Args:
        water: the image of the role grid, water where it is given, on the scan's grid.
        body_resampled: the body mask.
        raw_bones: label map as predicted.
        dilated: label map after all corrections.
        steps: projections of the labels after each step, NPZ.
        corrections: the changes of each step, and volumes, JSON.
        bone_table: the bones, TSV.
        sheet: the PNG to write.
        scan: the scan's id.
        settings: see `config.yaml`, section `bones.sheet`.
        stop: why the scan was stopped; its files may then be empty.
    """
    if not _is_there(water):
        raise ScanStopped(
            "nothing_to_draw",
            f"there is no water image to draw the bones on: {stop or 'its file is empty'}; mend that and run again",
        )
    bones = read_bones(bone_table)
    image = read_volume(water)
    body = np.greater(_labels(body_resampled, image, "the body mask"), 0)
    is_corrected = stop is None and all(map(_is_there, (dilated, steps, corrections)))
    label_file, name = (dilated, "the dilated bones") if is_corrected else (raw_bones, "the predicted bones")
    labels = _labels(label_file, image, name)
    is_predicted = _is_there(raw_bones)
    turned = hung(image)
    volume = np.array(voxels(turned), dtype=np.float32)
    predicted = volumes_of(labels, bones, turned.GetSpacing()) if is_predicted else {}
    content = Content(
        scan=scan,
        facts=_facts(turned),
        reason=stop,
        outlines=_outlines(is_corrected, is_predicted),
        cuts=cuts_of(volume, body, labels, turned.GetSpacing()),
        window=window_of(volume, body, settings["window_percentiles"]),
        steps=tuple(read_steps(steps, corrections)) if is_corrected else (),
        volumes=read_volumes(corrections) if is_corrected else predicted,
    )
    draw_bone_sheet(content, bones, bone_colours(bones), sheet)


def _outlines(is_corrected: bool, is_predicted: bool) -> str:
    if is_corrected:
        return "the corrected bones (dilated)"
    return "the bones as predicted" if is_predicted else "none, nothing was predicted"


def _is_there(path: Path) -> bool:
    return path.stat().st_size > 0


def _labels(path: Path, water: sitk.Image, name: str) -> Labels:
    """A label map `(z, y, x)` in LPS orientation; zeros if the file of a stopped scan is empty."""
    if not _is_there(path):
        return np.zeros(hung(water).GetSize()[::-1], dtype=np.uint8)
    turned = hung(read_on_grid(path, water, name))
    return np.array(voxels(turned), dtype=np.uint8)


def _facts(image: sitk.Image) -> str:
    x, y, z = image.GetSize()
    spacing = " × ".join(f"{length:g}" for length in image.GetSpacing())
    return f"{x} × {y} × {z} voxels of {spacing} mm · patient's right on your left, front on your left"


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
