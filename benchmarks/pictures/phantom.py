"""Pictures of the phantom for its page in the docs: `python -m benchmarks.pictures.phantom docs/pictures`.

- contrasts: coronal and sagittal slices of every contrast, and the inverted projection of b900 that readers start from;
- classes: that projection for the four classes, with the lesions' mask;
- bones: the label map from the front and the side;
- stations: one contrast at both sites before any harmonisation, seams and shading as they come.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from marrow.bones.table import read_bones
from marrow.phantom.roster import CLASSES, SITES, SimulatedScan
from marrow.phantom.scan import Scanned, simulate
from marrow.phantom.tissue import CONTRASTS

Picture = npt.NDArray[np.float32]


def main() -> None:
    """Draw all pictures into a folder."""
    parser = argparse.ArgumentParser(description="Draw the phantom's pictures.")
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--size", default="full", choices=("full", "half", "mini"))
    parser.add_argument("--seed", type=int, default=2021)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    scans = {name: _scan(name, given.size, given.seed, SITES[i % 2]) for i, name in enumerate(CLASSES)}
    focal = {name: composed(scans["focal"], name) for name in CONTRASTS}
    _save(draw_contrasts(focal), given.folder / "phantom_contrasts.png")
    _save(draw_classes(scans), given.folder / "phantom_classes.png")
    _save(draw_bones(scans["healthy"].anatomy.labels), given.folder / "phantom_bones.png")
    sites = [scans["healthy"], scans["inactive"]]
    _save(draw_stations(sites), given.folder / "phantom_stations.png")


def composed(scanned: Scanned, contrast: str) -> Picture:
    """The stations of a contrast on the truth's grid, `(z, y, x)`; where two overlap, the lower one shows."""
    whole = np.zeros(scanned.anatomy.grid.shape, np.float32)
    grid = scanned.anatomy.grid.image(whole)
    for image in scanned.stations[contrast]:
        values, inside = (sitk.GetArrayFromImage(sitk.Resample(each, grid)) for each in (image, image * 0 + 1))
        whole = np.where(inside > 0, values.astype(np.float32), whole)
    return whole


def draw_contrasts(volumes: dict[str, Picture]) -> Figure:
    """Coronal slices, a sagittal slice, and the b900 projection, side by side."""
    middle = volumes["water"].shape[1] // 2
    back = middle + round(0.13 * volumes["water"].shape[1])
    figure = _figure(7)
    panels = figure.subplots(1, 7)
    for panel, name in zip(panels, CONTRASTS, strict=False):
        _show(panel, volumes[name][:, middle], name)
    _show(panels[4], volumes["fat"][:, back], "fat, further back")
    _show(panels[5], volumes["water"][:, :, volumes["water"].shape[2] // 2], "water, sagittal")
    _show(panels[6], volumes["b900"].max(axis=1), "b900, projection", inverted=True)
    return figure


def draw_classes(scans: dict[str, Scanned]) -> Figure:
    """The b900 projection of each class, and where its active disease is."""
    figure = _figure(2 * len(scans))
    panels = iter(figure.subplots(1, 2 * len(scans)))
    for name, scanned in scans.items():
        _show(next(panels), composed(scanned, "b900").max(axis=1), name, inverted=True)
        truth = (scanned.anatomy.labels.max(axis=1) > 0) * 0.35 + scanned.anatomy.lesions.max(axis=1) * 0.65
        _show(next(panels), truth.astype(np.float32), "active disease", top=1.0)
    return figure


def draw_bones(labels: npt.NDArray[np.uint8]) -> Figure:
    """The label map seen from the front and from the left, nearer bone brighter."""
    colours = mpl.colormaps["tab20"](np.linspace(0, 1, int(labels.max())))[:, :3]
    palette = np.vstack([np.zeros(3), colours])
    figure = _figure(2)
    front, side = figure.subplots(1, 2)
    _show_colours(front, _seen(labels, palette), "from the front")
    _show_colours(side, _seen(labels[:, :, ::-1].transpose(0, 2, 1), palette), "from the left")
    return figure


def draw_stations(scans: Sequence[Scanned]) -> Figure:
    """Fat and b50 of one scan per site as acquired: gains, shading and seams are still there."""
    figure = _figure(2 * len(scans))
    panels = iter(figure.subplots(1, 2 * len(scans)))
    for scanned, site in zip(scans, SITES, strict=True):
        for contrast in ("fat", "b50"):
            volume = composed(scanned, contrast)
            _show(next(panels), volume[:, volume.shape[1] // 2], f"{site}: {contrast}")
    return figure


def _scan(disease: str, size: str, seed: int, site: str) -> Scanned:
    patient, sex = f"{disease}-01", "f" if site == "south" else "m"
    row = SimulatedScan(f"{patient}-1", patient, 1, disease, disease, "train", site, sex, 55, "")
    settings = {"seed": seed, "size": size, "lesion_contrast": 1.0, "lesion_fraction": 0.05}
    settings |= {"diffuse_fraction": 0.4, "diffuse_with_focal": 1.0}
    return simulate(row, settings, CONTRASTS, read_bones())


def _seen(labels: npt.NDArray[np.uint8], palette: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Colours of the nearest bone along the second axis: `(z, x, 3)`."""
    hit = labels > 0
    depth = hit.argmax(axis=1)
    nearest = np.take_along_axis(labels, depth[:, None], axis=1)[:, 0]
    light = 1 - 0.75 * (depth - depth[nearest > 0].min()) / labels.shape[1]
    return palette[nearest] * light[..., None]


def _figure(columns: int) -> Figure:
    return Figure(figsize=(1.9 * columns, 5.2), facecolor="black", layout="constrained")


def _show(panel: Axes, picture: Picture, title: str, *, inverted: bool = False, top: float | None = None) -> None:
    body = picture[picture > 0.05 * picture.max()]
    brightest = top if top is not None else float(np.percentile(body, 98.5))
    cmap = "gray_r" if inverted else "gray"
    panel.imshow(picture[::-1], cmap=cmap, vmin=0, vmax=brightest, interpolation="bilinear")
    _label(panel, title)


def _show_colours(panel: Axes, picture: npt.NDArray[np.float64], title: str) -> None:
    panel.imshow(np.clip(picture[::-1], 0, 1), interpolation="nearest")
    _label(panel, title)


def _label(panel: Axes, title: str) -> None:
    panel.set_title(title, color="white", fontsize=8)
    panel.set_axis_off()


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=100, metadata={"Software": None})


if __name__ == "__main__":
    main()
