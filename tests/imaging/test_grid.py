"""The isotropic grid, resampling onto it, and the files that the imaging stages exchange."""

import math
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import resample_labels
import resample_scan
from marrow.bones.table import DEFAULT_TABLE
from marrow.errors import ScanStopped
from marrow.imaging.grid import Grid, acquired_part, resample_linear, resample_nearest, smoothing_sigma
from marrow.imaging.nifti import map_volume, map_voxels, write_slabs, write_voxels
from marrow.imaging.volume import read_volume, same_grid

fixed = settings(max_examples=60)

IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@st.composite
def rotations(draw: st.DrawFn) -> tuple[float, ...]:
    """Proper and improper rotations, as `direction` of a grid."""
    seed = draw(st.integers(0, 2**32 - 1))
    matrix, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return tuple(matrix.ravel().tolist())


@st.composite
def grids(draw: st.DrawFn, most: int = 40) -> Grid:
    return Grid(
        size=tuple(draw(st.integers(1, most)) for _ in range(3)),
        spacing=tuple(draw(st.floats(0.5, 6)) for _ in range(3)),
        origin=tuple(draw(st.floats(-900, 900)) for _ in range(3)),
        direction=draw(rotations()),
    )


def image_of(array: np.ndarray, grid: Grid) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(grid.spacing)
    image.SetOrigin(grid.origin)
    image.SetDirection(grid.direction)
    return image


def simple_grid(size: tuple[int, ...], spacing: tuple[float, ...], origin: tuple[float, ...] = (0, 0, 0)) -> Grid:
    return Grid(size, spacing, origin, IDENTITY)


def edges(grid: Grid) -> np.ndarray:
    """The outer corners of the first and the last voxel, in millimetres."""
    return grid.points([[-0.5] * 3, np.array(grid.size) - 0.5])


@fixed
@given(grids(), st.floats(0.5, 6))
def test_the_isotropic_grid_starts_at_the_same_corner_and_ends_within_half_a_voxel(
    grid: Grid, spacing_mm: float
) -> None:
    cubes = grid.isotropic(spacing_mm)
    along = np.reshape(grid.direction, (3, 3)).T @ (edges(cubes) - edges(grid)).T
    assert cubes.spacing == (spacing_mm,) * 3
    assert np.allclose(along[:, 0], 0, atol=1e-6)
    enough = np.multiply(grid.size, grid.spacing) >= spacing_mm / 2
    assert (np.abs(along[enough, 1]) <= spacing_mm / 2 + 0.01).all()


@fixed
@given(grids(), st.floats(0.5, 6))
def test_every_centre_of_the_isotropic_grid_was_acquired(grid: Grid, spacing_mm: float) -> None:
    cubes = grid.isotropic(spacing_mm)
    if (np.multiply(grid.size, grid.spacing) >= spacing_mm / 2).all():
        assert grid.covers(cubes)


@fixed
@given(grids())
def test_points_and_indices_are_those_of_the_image(grid: Grid) -> None:
    image = image_of(np.zeros(grid.size[::-1], dtype=np.uint8), grid)
    last = [count - 1 for count in grid.size]
    point = image.TransformIndexToPhysicalPoint(last)
    assert np.allclose(grid.points([last]), [point], atol=1e-6)
    assert np.allclose(grid.indices([point]), [last], atol=1e-5)


def test_an_isotropic_image_stays_as_it_is() -> None:
    array = np.random.default_rng(0).normal(size=(7, 6, 5)).astype(np.float32)
    image = image_of(array, simple_grid((5, 6, 7), (2, 2, 2), (3, -4, 5)))
    grid = Grid.of(image).isotropic(2)
    assert grid == Grid.of(image)
    assert np.array_equal(sitk.GetArrayFromImage(resample_linear(image, grid, 1.5)), array)


@pytest.mark.parametrize("spacing_mm", [1.0, 2.0, 3.5])
def test_a_ramp_in_millimetres_is_the_same_ramp_on_the_grid(spacing_mm: float) -> None:
    """Linear interpolation and a symmetric kernel keep a ramp, except near the border where the image ends."""
    source = simple_grid((30, 24, 20), (1.5, 2.0, 3.0), (-20, 7, 100))
    z, y, x = np.indices(source.size[::-1])
    millimetres = source.points(np.stack([x.ravel(), y.ravel(), z.ravel()], axis=1))
    slope = np.array([3.0, -2.0, 0.5])
    image = image_of((millimetres @ slope).reshape(z.shape).astype(np.float32), source)
    result = resample_linear(image, source.isotropic(spacing_mm), smooth_above_ratio=1.5)
    inner = (4, 4, 4)
    expected = result.TransformIndexToPhysicalPoint(inner) @ slope
    assert result[inner] == pytest.approx(expected, abs=1e-3)


def test_an_oblique_contrast_lands_at_its_physical_place() -> None:
    angle = 0.3
    turned = (math.cos(angle), -math.sin(angle), 0.0, math.sin(angle), math.cos(angle), 0.0, 0.0, 0.0, 1.0)
    source = Grid((40, 40, 6), (1, 1, 2), (5.0, -30.0, 0.0), turned)
    blob = np.zeros((6, 40, 40), dtype=np.float32)
    blob[2:4, 18:23, 11:16] = 1
    image = image_of(blob, source)
    result = resample_linear(image, simple_grid((60, 60, 12), (1, 1, 1), (-25.0, -30.0, 0.0)), 1.5)
    z, y, x = (axis.mean() for axis in np.nonzero(sitk.GetArrayFromImage(result) > 0.5))
    centre = Grid.of(result).points([[x, y, z]])[0]
    assert np.allclose(centre, source.points([[13, 20, 2.5]])[0], atol=0.3)


def test_outside_of_the_source_is_zero() -> None:
    image = image_of(np.full((4, 4, 4), 9, dtype=np.float32), simple_grid((4, 4, 4), (2, 2, 2)))
    wider = simple_grid((8, 4, 4), (2, 2, 2))
    result = sitk.GetArrayFromImage(resample_linear(image, wider, 1.5))
    assert (result[:, :, :4] == 9).all()
    assert (result[:, :, 4:] == 0).all()
    assert np.array_equal(acquired_part(image, wider), result != 0)


def test_smoothing_makes_up_for_the_difference_of_the_two_voxels() -> None:
    """The image's own width and the kernel's, added as variances, give the width of the new voxel."""
    sigma = smoothing_sigma(1.0, 3.0, above_ratio=1.5)
    own, new = (width / (2 * math.sqrt(2 * math.log(2))) for width in (1.0, 3.0))
    assert own**2 + sigma**2 == pytest.approx(new**2)


def test_a_blob_is_widened_by_exactly_what_is_missing() -> None:
    """From 1 to 3 mm, where new centres are old ones, so that interpolation adds nothing."""
    places = np.arange(60) - 29.5
    blob = np.zeros((3, 3, 60), dtype=np.float32)
    blob[:] = np.exp(-(places**2) / (2 * 4.0**2))
    image = image_of(blob, simple_grid((60, 3, 3), (1, 3, 3), (-29.5, 0, 0)))
    result = resample_linear(image, Grid.of(image).isotropic(3), smooth_above_ratio=1.5)
    profile = sitk.GetArrayFromImage(result)[1, 1]
    centres = Grid.of(result).points([[index, 1, 1] for index in range(20)])[:, 0]
    variance = np.average(centres**2, weights=profile)
    assert variance == pytest.approx(4.0**2 + smoothing_sigma(1, 3, 1.5) ** 2, rel=0.01)


@pytest.mark.parametrize(("spacing", "smooths"), [(5.0, False), (2.0, False), (4 / 3, False), (1.3, True), (0.5, True)])
def test_smoothing_sets_in_above_the_ratio(spacing: float, smooths: bool) -> None:
    assert (smoothing_sigma(spacing, 2.0, above_ratio=1.5) > 0) == smooths


def test_detail_finer_than_the_grid_does_not_alias() -> None:
    stripes = np.zeros((4, 8, 96), dtype=np.float32)
    stripes[:, :, ::2] = 100
    image = image_of(stripes, simple_grid((96, 8, 4), (1, 4, 4)))
    grid = Grid.of(image).isotropic(4)
    smoothed = sitk.GetArrayFromImage(resample_linear(image, grid, smooth_above_ratio=1.5))
    assert np.allclose(smoothed[:, :, 2:-2], 50, atol=3)
    shifted = np.roll(stripes, 1, axis=2)
    other = sitk.GetArrayFromImage(resample_linear(image_of(shifted, Grid.of(image)), grid, smooth_above_ratio=1.5))
    assert np.allclose(smoothed[:, :, 2:-2], other[:, :, 2:-2], atol=3)


def test_only_the_axis_that_is_sampled_down_is_smoothed() -> None:
    array = np.random.default_rng(1).normal(size=(6, 6, 24)).astype(np.float32)
    ramp = array[:, :, :1] * np.ones(24, dtype=np.float32)
    image = image_of(ramp, simple_grid((24, 6, 6), (0.5, 2, 2)))
    result = sitk.GetArrayFromImage(resample_linear(image, Grid.of(image).isotropic(2), 1.5))
    assert np.allclose(result, ramp[:, :, :6], atol=1e-4)


def test_nearest_neighbour_makes_no_new_label() -> None:
    labels = np.random.default_rng(2).choice([0, 3, 17], size=(9, 8, 7)).astype(np.uint8)
    image = image_of(labels, simple_grid((7, 8, 9), (1.2, 1.7, 2.9)))
    result = sitk.GetArrayFromImage(resample_nearest(image, Grid.of(image).isotropic(2)))
    assert set(np.unique(result)) <= {0, 3, 17}
    assert result.dtype == np.uint8


@fixed
@given(grids(most=9), st.floats(0.5, 6), st.integers(0, 99))
def test_picking_nearest_neighbours_is_what_itk_does(grid: Grid, spacing_mm: float, seed: int) -> None:
    image = image_of(np.random.default_rng(seed).integers(0, 255, grid.size[::-1]).astype(np.uint8), grid)
    cubes = grid.isotropic(spacing_mm)
    offsets = grid.indices(cubes.points(np.stack([np.arange(max(cubes.size))] * 3, axis=1))) % 1
    assume(grid.covers(cubes) and (np.abs(offsets - 0.5) > 1e-6).all())  # half way, both neighbours are nearest
    expected = sitk.Resample(
        image, cubes.size, sitk.Transform(), sitk.sitkNearestNeighbor, cubes.origin, cubes.spacing, cubes.direction
    )
    result = resample_nearest(image, cubes)
    assert np.array_equal(sitk.GetArrayFromImage(result), sitk.GetArrayFromImage(expected))
    assert same_grid(result, expected, tolerance_mm=0)


@fixed
@given(grid=grids(most=6), dtype=st.sampled_from([np.float32, np.uint8]), seed=st.integers(0, 99))
def test_a_written_volume_reads_the_same_by_both_readers(
    tmp_path_factory: pytest.TempPathFactory, grid: Grid, dtype: type, seed: int
) -> None:
    path = tmp_path_factory.mktemp("nifti") / "volume.nii"
    array = np.random.default_rng(seed).integers(0, 255, size=grid.size[::-1]).astype(dtype)
    write_voxels(array, grid, path)
    slow, mapped = read_volume(path), map_volume(path)
    assert np.array_equal(sitk.GetArrayFromImage(slow), array)
    assert np.array_equal(sitk.GetArrayFromImage(mapped), array)
    assert sitk.GetArrayFromImage(mapped).dtype == dtype
    assert same_grid(slow, image_of(array, grid), tolerance_mm=1e-3)
    assert same_grid(slow, mapped, tolerance_mm=0)


def test_slabs_are_written_as_one_volume_and_in_the_type_asked_for(tmp_path: Path) -> None:
    grid = simple_grid((3, 4, 5), (2, 2, 2))
    array = np.arange(60, dtype=np.float64).reshape(5, 4, 3)
    write_slabs((array[part] for part in (slice(0, 2), slice(2, 5))), np.float32, grid, tmp_path / "slabs.nii")
    write_voxels(array.astype(np.float32), grid, tmp_path / "whole.nii")
    assert (tmp_path / "slabs.nii").read_bytes() == (tmp_path / "whole.nii").read_bytes()


def scan_of(folder: Path, b50_slices: int = 12) -> dict[str, Path]:
    """A scan with two contrasts and a body, each on its own grid."""
    water = simple_grid((10, 8, 12), (3, 3, 5), (10, 20, 30))
    b50 = simple_grid((15, 12, b50_slices), (2, 2, 5), (9.5, 19.5, 30))
    random = np.random.default_rng(3)
    paths = {name: folder / f"{name}.nii" for name in ("water", "b50", "body")}
    for name, grid in (("water", water), ("b50", b50)):
        write_voxels(random.uniform(1, 9, grid.size[::-1]).astype(np.float32), grid, paths[name])
    body = np.zeros(water.size[::-1], dtype=np.uint8)
    body[:, 2:6, 2:8] = 1
    write_voxels(body, water, paths["body"])
    return paths


def resample(folder: Path, paths: dict[str, Path], suffix: str = "") -> dict[str, Path]:
    results = {name: folder / f"{name}-resampled{suffix}.nii" for name in ("b50", "water", "body")}
    resample_scan.main(
        volumes=[paths["b50"], paths["water"]],
        body=paths["body"],
        resampled=[results["b50"], results["water"]],
        body_resampled=results["body"],
        contrasts=["b50", "water"],
        grid_of="water",
        spacing_mm=2.0,
        smooth_above_ratio=1.5,
    )
    return results


def test_all_contrasts_and_the_body_share_the_water_grid(tmp_path: Path) -> None:
    results = resample(tmp_path, scan_of(tmp_path))
    images = {name: read_volume(path) for name, path in results.items()}
    assert images["water"].GetSize() == (15, 12, 30)
    assert np.allclose(images["water"].GetOrigin(), (9.5, 19.5, 28.5))
    assert all(same_grid(image, images["water"]) for image in images.values())
    assert map_voxels(results["b50"]).dtype == np.float32
    assert np.array_equal(np.unique(map_voxels(results["body"])), [0, 1])


def test_the_same_scan_resamples_to_the_same_bytes(tmp_path: Path) -> None:
    paths = scan_of(tmp_path)
    first, second = resample(tmp_path, paths), resample(tmp_path, paths, suffix="-again")
    assert all(first[name].read_bytes() == second[name].read_bytes() for name in first)


def test_the_body_ends_where_a_contrast_was_not_acquired(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    results = resample(tmp_path, scan_of(tmp_path, b50_slices=6))
    body, b50 = map_voxels(results["body"]), map_voxels(results["b50"])
    assert body[:15].any()
    assert not body[15:].any()
    assert (b50[15:] == 0).all()
    assert "b50 was not acquired in 50% of the body" in caplog.text


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    """The body mask of a scan: a box within a grid of 2 mm."""
    grid = simple_grid((20, 20, 30), (2, 2, 2), (-20, -20, 50))
    body = np.zeros((30, 20, 20), dtype=np.uint8)
    body[5:25, 4:16, 4:16] = 1
    path = tmp_path / "reference.nii"
    write_voxels(body, grid, path)
    return path


LABEL_GRID = simple_grid((40, 40, 60), (1, 1, 1), (-20, -20, 50))


def boxes() -> np.ndarray:
    """Two bones on a finer grid, both in the body, but not if axes were mixed up."""
    labels = np.zeros((60, 40, 40), dtype=np.uint8)
    labels[34:42, 10:20, 10:20] = 1
    labels[36:48, 20:30, 20:30] = 18
    return labels


def resampled_labels(folder: Path, image: sitk.Image, reference: Path, kind: str = "bones") -> np.ndarray:
    sitk.WriteImage(image, str(folder / "labels.nii.gz"))
    resample_labels.main(
        labels=[folder / "labels.nii.gz"],
        reference=reference,
        bone_table=DEFAULT_TABLE,
        resampled_labels=folder / "out.nii",
        kind=kind,
    )
    assert same_grid(read_volume(folder / "out.nii"), read_volume(reference))
    return map_voxels(folder / "out.nii")


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.float32])
def test_labels_keep_their_ids_and_their_places(tmp_path: Path, reference: Path, dtype: type) -> None:
    result = resampled_labels(tmp_path, image_of(boxes().astype(dtype), LABEL_GRID), reference)
    expected = boxes()[::2, ::2, ::2]
    assert result.dtype == np.uint8
    assert np.array_equal(result, expected)


def test_labels_stored_in_another_orientation_land_in_the_same_places(tmp_path: Path, reference: Path) -> None:
    turned = sitk.DICOMOrient(image_of(boxes(), LABEL_GRID), "SRA")
    assert np.array_equal(resampled_labels(tmp_path, turned, reference), boxes()[::2, ::2, ::2])


def test_labels_elsewhere_stop_the_scan(tmp_path: Path, reference: Path) -> None:
    lost_its_origin = Grid(LABEL_GRID.size, LABEL_GRID.spacing, (0, 0, 0), IDENTITY)
    with pytest.raises(ScanStopped, match="0% of the labelled voxels lie in the scan's body") as stopped:
        resampled_labels(tmp_path, image_of(boxes(), lost_its_origin), reference)
    assert stopped.value.check == "labels_in_place"


@pytest.mark.parametrize("value", [-1.0, 256.0, 1.5])
def test_labels_that_are_no_ids_stop_the_scan(tmp_path: Path, reference: Path, value: float) -> None:
    labels = boxes().astype(np.float32)
    labels[20, 15, 15] = value
    with pytest.raises(ScanStopped, match="whole numbers from 0 to 255"):
        resampled_labels(tmp_path, image_of(labels, LABEL_GRID), reference)


def test_bones_that_the_table_lacks_stop_the_scan_but_lesions_may_have_any_number(
    tmp_path: Path, reference: Path
) -> None:
    labels = boxes()
    labels[20:24, 15:19, 15:19] = 19
    with pytest.raises(ScanStopped, match=r"holds 19, which the bone table lacks \(its ids are 1 to 18\)") as stopped:
        resampled_labels(tmp_path, image_of(labels, LABEL_GRID), reference)
    assert stopped.value.check == "labels_known"
    assert 19 in resampled_labels(tmp_path, image_of(labels, LABEL_GRID), reference, kind="lesions")


def test_bones_cannot_be_empty_but_lesions_can(tmp_path: Path, reference: Path) -> None:
    nothing = image_of(np.zeros_like(boxes()), LABEL_GRID)
    assert not resampled_labels(tmp_path, nothing, reference, kind="lesions").any()
    with pytest.raises(ScanStopped, match="labels nothing"):
        resampled_labels(tmp_path, nothing, reference, kind="bones")


def test_a_label_that_vanishes_is_told(tmp_path: Path, reference: Path, caplog: pytest.LogCaptureFixture) -> None:
    labels = boxes()
    labels[41, 21, 21] = 7  # an odd voxel lies between the centres of the coarser grid
    resampled_labels(tmp_path, image_of(labels, LABEL_GRID), reference)
    assert "labels [7] are in the label map but not on the scan's grid" in caplog.text


def test_a_truncated_label_map_stops_the_scan_and_its_name_stays_private(tmp_path: Path, reference: Path) -> None:
    private = tmp_path / "Jane_Doe.nii.gz"
    sitk.WriteImage(image_of(boxes(), LABEL_GRID), str(private))
    private.write_bytes(private.read_bytes()[:60])
    with pytest.raises(ScanStopped) as stopped:
        resample_labels.main(
            labels=[private],
            reference=reference,
            bone_table=DEFAULT_TABLE,
            resampled_labels=tmp_path / "out.nii",
            kind="bones",
        )
    assert "Jane" not in str(stopped.value)
    assert stopped.value.__cause__ is None
    assert stopped.value.__suppress_context__
