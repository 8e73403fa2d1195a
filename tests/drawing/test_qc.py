"""The quality sheet: pictures the right way round, numbers that are true, the same bytes every time."""

import json

import matplotlib as mpl
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

import draw_qc
from marrow.drawing.coronal import coronal_projection, coronal_shadow, coronal_slice, slice_at
from marrow.drawing.ink import palette
from marrow.drawing.quality_sheet.histogram import body_values, histogram, percentile_ends
from marrow.drawing.quality_sheet.notes import ANY_CONTRAST, note_on
from marrow.drawing.quality_sheet.panel import DisplaySettings, panel_of
from marrow.errors import ScanStopped
from marrow.imaging.volume import write_volume
from toy_body import ToyBody, toy_body

CONTRASTS = ["water", "b900"]  # two will do, and take half the time
LOOK = {
    "slice_window": [0, 110],
    "diffusion_window": [0, 80],
    "maximum_window": [0, 150],
    "slice_depth": 0.6,
    "maximum_of": ["b50", "b900"],
    "own_scale": {"adc": [0, 3000]},
    "roles": {"water": "water", "b900": "high_b", "adc": "adc"},
    "bins": 80,
    "scale_ends": [1, 100],
    "end_percentiles": [1, 99],
}
SMALL = (3, 4, 5)  # z, y, x
volumes = arrays(np.float32, SMALL, elements=st.floats(-50, 300, width=32))
masks = arrays(np.bool_, SMALL)


def look(**changed) -> DisplaySettings:
    return DisplaySettings(
        scale_ends=(1, 100),
        end_percentiles=(1, 99),
        slice_window=(0, 110),
        diffusion_window=(0, 60),
        maximum_window=(0, 150),
        maximum_of=frozenset({"b900"}),
        own_scale={"adc": (0, 3000)},
        roles={"water": "water", "b900": "high_b", "adc": "adc"},
        bins=changed.get("bins", 40),
    )


@pytest.fixture(scope="module")
def toy() -> ToyBody:
    return toy_body()


@pytest.fixture
def files(tmp_path, toy):
    """The arguments of the stage, on disk."""
    for name in CONTRASTS:
        write_volume(toy.resampled[name], tmp_path / f"before-{name}.nii")
        write_volume(toy.normalised[name], tmp_path / f"after-{name}.nii")
    write_volume(toy.body, tmp_path / "body.nii")
    arguments = {
        "resampled": [tmp_path / f"before-{name}.nii" for name in CONTRASTS],
        "normalised": [tmp_path / f"after-{name}.nii" for name in CONTRASTS],
        "body_resampled": tmp_path / "body.nii",
        "contrasts": CONTRASTS,
        "checks": tmp_path / "checks.json",
        "sheet": tmp_path / "sheet.png",
        "scan": "P01-a",
        "settings": LOOK,
    }
    write_checks(arguments, [])
    return arguments


def write_checks(arguments, findings):
    arguments["checks"].write_text(json.dumps({"scan": "P01-a", "findings": findings, "facts": {}}))


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


# Views


def test_the_head_is_in_the_first_row_and_the_patients_right_in_the_first_column():
    volume = np.zeros(SMALL, np.float32)
    volume[-1, 2, 0] = 7  # z to the head, x from the patient's right
    body = np.ones(SMALL, bool)
    for picture in (coronal_slice(volume, 2), coronal_projection(volume, body, "maximum")):
        assert picture[0, 0] == 7
        assert np.count_nonzero(picture) == 1


@given(volumes, masks)
def test_a_maximum_projection_is_the_greatest_voxel_of_the_body_on_each_ray(volume, body):
    picture = coronal_projection(volume, body, "maximum")[::-1]
    for z, x in np.ndindex(picture.shape):
        ray = volume[z, body[z, :, x], x]
        assert np.isnan(picture[z, x]) if ray.size == 0 else picture[z, x] == ray.max()


@given(volumes, masks)
def test_a_mean_projection_is_the_mean_of_the_body_on_each_ray(volume, body):
    picture = coronal_projection(volume, body, "mean")[::-1]
    for z, x in np.ndindex(picture.shape):
        ray = volume[z, body[z, :, x], x]
        assert np.isnan(picture[z, x]) if ray.size == 0 else picture[z, x] == pytest.approx(ray.mean(), abs=1e-3)


@pytest.mark.parametrize("how", ["maximum", "mean"])
@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
def test_a_voxel_that_is_not_finite_does_not_hide_the_rest_of_its_ray(how, hole):
    volume = np.full(SMALL, 5, np.float32)
    volume[1, 2, 3] = hole
    assert (coronal_projection(volume, np.ones(SMALL, bool), how) == 5).all()


@given(masks.filter(lambda body: body.any()), st.floats(0.05, 0.95))
def test_a_slice_has_its_share_of_the_body_in_front_of_it(body, depth):
    y = slice_at(body, depth)
    assert body[:, :y].sum() <= body.sum() * depth <= body[:, : y + 1].sum() + 1e-9


def test_the_shadow_is_where_the_projection_has_a_value(toy):
    body = sitk.GetArrayFromImage(toy.body) > 0
    volume = sitk.GetArrayFromImage(toy.normalised["fat"])
    assert (coronal_shadow(body) == np.isfinite(coronal_projection(volume, body, "mean"))).all()


# Histograms


@given(arrays(np.float32, st.integers(2, 200), elements=st.floats(-100, 200, width=32)))
def test_a_histogram_loses_no_voxel_of_its_span(values):
    shown = histogram(values, (1, 100), bins=40)
    low, high = shown.edges[0], shown.edges[-1]
    inside = np.mean((values >= low) & (values <= high))
    assert shown.shares.sum() == pytest.approx(inside)


@given(st.floats(0.1, 100), st.floats(-1000, 1000))
def test_gain_and_offset_move_the_ends_and_leave_the_bars(gain, offset):
    values = np.random.default_rng(1).gamma(2, 10, 2000)
    plain = histogram(values, percentile_ends(values, (1, 99)), bins=20)
    moved = values * gain + offset
    other = histogram(moved, percentile_ends(moved, (1, 99)), bins=20)
    assert other.ends == pytest.approx([end * gain + offset for end in plain.ends], abs=1e-6)
    assert other.shares == pytest.approx(plain.shares, abs=2e-3)  # a voxel on an edge may fall to either side


def test_both_ends_of_the_scale_are_inside_the_histogram():
    shown = histogram(np.array([5.0, 6.0]), (1, 100), bins=10)
    assert shown.edges[0] < 1 < 100 < shown.edges[-1]


def test_a_constant_image_still_has_a_histogram():
    shown = histogram(np.full(10, 3.0), (3.0, 3.0), bins=10)
    assert shown.shares.sum() == pytest.approx(1)


def test_values_outside_the_body_or_not_finite_do_not_count():
    volume = np.array([[[1.0, np.nan], [2.0, 9.0]]])
    body = np.array([[[True, True], [True, False]]])
    assert body_values(volume, body).tolist() == [1.0, 2.0]


# What stands on a sheet of one contrast


def test_a_quantitative_map_is_shown_in_its_own_window_and_has_no_histogram_before(toy):
    body = sitk.GetArrayFromImage(toy.body) > 0
    adc = sitk.GetArrayFromImage(toy.normalised["water"]) * 20
    panel = panel_of("adc", adc, adc, body, 20, look())
    assert panel.before is None
    assert panel.middle.window == panel.projection.window == panel.after.ends == (0, 3000)


def test_windows_do_not_follow_the_scan(toy):
    body = sitk.GetArrayFromImage(toy.body) > 0
    water = sitk.GetArrayFromImage(toy.normalised["water"])
    panels = [panel_of("water", water, water * gain, body, 20, look()) for gain in (0.5, 1, 4)]
    assert {panel.middle.window for panel in panels} == {(0, 110)}


def test_every_contrast_has_a_note_on_good_and_bad():
    for role in ("fat", "water", "low_b", "high_b", "adc"):
        assert note_on(role) is not ANY_CONTRAST
    assert note_on("structural") is ANY_CONTRAST


def test_the_palette_keeps_white_white_and_black_black():
    for colour in ("white", "black"):
        picture = Image.new("RGB", (4, 4), colour)
        kept = picture.quantize(palette=palette(), dither=Image.Dither.NONE).convert("RGB")
        assert kept.getpixel((0, 0)) == picture.getpixel((0, 0))


# The stage


def test_the_same_scan_gives_the_same_bytes(files):
    draw_qc.main(**files)
    first = files["sheet"].read_bytes()
    draw_qc.main(**files)
    assert files["sheet"].read_bytes() == first


def test_a_users_own_matplotlib_settings_change_nothing(files):
    draw_qc.main(**files)
    first = files["sheet"].read_bytes()
    changed = {"axes.facecolor": "red", "font.size": 20, "savefig.dpi": 10, "image.cmap": "jet", "lines.linewidth": 9}
    with mpl.rc_context(changed):
        draw_qc.main(**files)
    assert files["sheet"].read_bytes() == first


def test_a_brighter_scan_looks_brighter(files, toy):
    draw_qc.main(**files)
    first = pixels(files["sheet"]).astype(int)
    brighter = sitk.Cast(toy.normalised["water"] * 1.4, sitk.sitkFloat32)
    write_volume(brighter, files["normalised"][0])
    draw_qc.main(**files)
    second = pixels(files["sheet"]).astype(int)
    half = first.shape[1] // 2
    pictures = slice(first.shape[0] // 4, first.shape[0] // 2)
    assert second[pictures, :half].mean() > first[pictures, :half].mean() + 1
    assert (second[pictures, half:] == first[pictures, half:]).all()


def test_the_spleen_of_the_toy_is_dark_on_the_viewers_right_of_the_b900_projection(files):
    draw_qc.main(**files)
    picture = pixels(files["sheet"])
    # The b900 maximum is the last picture of the row: 184 pixels wide, 30 from the edge.
    last = picture[picture.shape[0] // 4 : picture.shape[0] // 2, -210:-34].astype(int).sum(axis=2)
    dark = np.argwhere(last < 250)
    assert dark.size
    assert dark[:, 1].mean() > last.shape[1] * 0.55


def test_each_finding_takes_a_line_of_the_strip(files):
    heights = []
    finding = {"check": "fat_water_swap", "severity": "warn", "contrast": "water", "message": "look at it"}
    for count in (0, 1, 3):
        write_checks(files, [finding] * count)
        draw_qc.main(**files)
        heights.append(pixels(files["sheet"]).shape[0])
    assert heights[0] == heights[1] < heights[2]


@pytest.mark.parametrize("scan", ["$\\frac{1}{0}$", "a_b^c", "<b>", "x" * 300])
def test_names_are_drawn_as_they_are_written(files, scan):
    draw_qc.main(**files | {"scan": scan})
    assert files["sheet"].stat().st_size


def test_an_empty_body_mask_stops_the_scan(files, toy):
    write_volume(sitk.Cast(toy.body * 0, sitk.sitkUInt8), files["body_resampled"])
    with pytest.raises(ScanStopped, match="body mask is empty"):
        draw_qc.main(**files)


def test_a_volume_on_another_grid_stops_the_scan_and_is_named(files, toy):
    write_volume(toy.normalised["b900"][:-1], files["normalised"][1])
    with pytest.raises(ScanStopped, match="b900") as stopped:
        draw_qc.main(**files)
    assert stopped.value.check == "same_grid"
