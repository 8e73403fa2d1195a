"""The atlas of the skeleton: its votes, its registration, and its labels in the right place on any grid."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

import build_atlas
import register_atlas
from marrow.bones.atlas import registration
from marrow.bones.atlas.construction import average, most_typical, template_subject
from marrow.bones.atlas.fusion import Vote
from marrow.bones.atlas.labels import in_field_of_view, warped_atlas, warped_labels
from marrow.bones.atlas.profile import match, profile_of
from marrow.bones.atlas.registration import RegistrationSettings, correlation, register
from marrow.bones.atlas.subject import Subject, subject_of
from marrow.bones.table import read_bones
from marrow.errors import MarrowError, ScanStopped
from marrow.imaging.grid import Grid
from marrow.imaging.volume import read_volume, same_grid, write_volume
from marrow.phantom.anatomy import person, render
from marrow.phantom.canvas import VoxelGrid
from marrow.phantom.habitus import lie_down
from marrow.phantom.protocol import truth_grid
from marrow.phantom.roster import SimulatedScan
from marrow.phantom.scan import difficulty

SETTINGS = {"spacing_mm": 10.0, "label_mm": 10.0, "iterations": [30, 20], "smoothing_voxels": 1.5}
EFFORT = RegistrationSettings.of(SETTINGS, threads=1)
IDENTITY = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
SIZE = (44, 30, 90)
GRID = Grid(SIZE, (10.0,) * 3, (-215.0, -145.0, -445.0), IDENTITY)

# Centre and half axes in mm (x to the left, y to the back, z to the head): head, neck, trunk, arms, thighs.
BODY = [
    ((0, 0, 370), (75, 90, 75)),
    ((0, 10, 290), (50, 50, 70)),
    ((0, 0, 60), (150, 105, 230)),
    ((180, 0, 60), (32, 40, 200)),
    ((-180, 0, 60), (32, 40, 200)),
    ((80, 0, -290), (70, 80, 240)),
    ((-80, 0, -290), (70, 80, 240)),
]
# label: a skull, a spine, a bone in each thigh; the liver is what tells right from left
BONES = {
    1: ((0, 0, 370), (55, 70, 55)),
    2: ((0, 50, 60), (28, 28, 200)),
    3: ((80, 0, -290), (30, 30, 190)),
    4: ((-80, 0, -290), (30, 30, 190)),
}
LIVER = ((-75, -10, 130), (55, 60, 60))
TABLE = """id\tname\tside\tmirror\tregion
1\tskull\tmiddle\t1\tskull
2\tspine\tmiddle\t2\tspine
3\tfemur_left\tleft\t4\tlower_limb
4\tfemur_right\tright\t3\tlower_limb
"""


def inside(points: np.ndarray, centre, axes) -> np.ndarray:
    return (((points - centre) / axes) ** 2).sum(-1) <= 1


def toy(pose=lambda points: points, grid: Grid = GRID, gain: float = 1.0, seed: int = 0):
    """(water, body, labels) of a toy body on a grid; `pose` takes the grid's points to the body at rest."""
    indices = np.stack(np.meshgrid(*[np.arange(n) for n in grid.size], indexing="ij"), -1).transpose(2, 1, 0, 3)
    points = pose(grid.points(indices.reshape(-1, 3)).reshape(indices.shape))
    body = np.any([inside(points, *part) for part in BODY], axis=0)
    water = np.where(body, 0.7, 0.0)
    labels = np.zeros(body.shape, np.uint8)
    for label, part in BONES.items():
        labels[inside(points, *part)] = label
    water[labels > 0] = 0.25
    water[inside(points, *LIVER)] = 1.0
    water += np.random.default_rng(seed).normal(0, 0.02, water.shape) * body
    arrays = (gain * np.clip(water, 0, None)).astype(np.float32), body.astype(np.uint8), labels
    return tuple(placed(array, grid) for array in arrays)


def placed(array: np.ndarray, grid: Grid) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetOrigin(grid.origin)
    image.SetSpacing(grid.spacing)
    image.SetDirection(grid.direction)
    return image


def subject(water: sitk.Image, body: sitk.Image, _labels: sitk.Image) -> Subject:
    return subject_of(water, body, EFFORT.spacing_mm)


def turned(degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])


def dice(a: np.ndarray, b: np.ndarray, label: int) -> float:
    first, second = a == label, b == label
    return 2 * (first & second).sum() / (first.sum() + second.sum())


def mean_dice(truth: sitk.Image, found: np.ndarray) -> float:
    array = sitk.GetArrayFromImage(truth)
    return float(np.mean([dice(array, found, label) for label in np.unique(array)[1:]]))


def bent(points: np.ndarray) -> np.ndarray:
    """A sideways bend of the spine, another head, and thighs apart: nothing that an affine map can do."""
    z = points[..., 2:]
    sideways = 25 * np.sin(np.pi * z / 300) + 0.1 * np.where(z < -100, z + 100, 0) * np.sign(points[..., :1])
    return points + np.concatenate([sideways, 0.3 * sideways, 0 * sideways], axis=-1)


# The start


def test_a_profile_does_not_depend_on_where_the_axes_point() -> None:
    _, body, _ = toy()
    first, second = profile_of(body), profile_of(sitk.DICOMOrient(body, "SRA"))
    low = np.searchsorted(second.heights, first.heights[0])
    assert np.allclose(first.widths, second.widths[low : low + len(first.widths)], atol=1e-6)
    held = first.widths > 0
    assert np.allclose(first.across[held], second.across[low : low + len(held)][held], atol=1e-6)


@pytest.mark.parametrize("stretch", [0.85, 1.0, 1.15])
def test_a_stretch_and_a_shift_are_found_from_the_outline(stretch: float) -> None:
    _, rest, _ = toy()
    shift = np.array([15.0, -10.0, 60.0])
    taller = Grid((44, 30, 110), GRID.spacing, (-215.0, -145.0, -545.0), IDENTITY)
    _, body, _ = toy(lambda points: (points - shift) * (1.05, 1.05, stretch), taller)
    found = match(profile_of(body), profile_of(rest))
    assert found.stretch == pytest.approx(stretch, abs=0.03)
    assert found.transform.GetMatrix()[:5:4] == pytest.approx((1.05, 1.05), abs=0.02)
    head, thigh = np.array([0.0, 0.0, 370.0]), np.array([80.0, 0.0, -290.0])
    for landmark in (head, thigh):
        there = landmark / (1.05, 1.05, stretch) + shift
        assert np.allclose(found.transform.TransformPoint(there.tolist()), landmark, atol=20)


@pytest.mark.parametrize("rows", [slice(35, 90), slice(0, 62)], ids=["from the pelvis up", "without a head"])
def test_a_body_that_is_cut_still_finds_its_place(rows: slice) -> None:
    _, rest, _ = toy()
    cut = toy()[1][:, :, rows]
    for fixed, moving in ((cut, rest), (rest, cut)):
        found = match(profile_of(fixed), profile_of(moving))
        middle = (0.0, 0.0, 50.0)
        assert np.allclose(found.transform.TransformPoint(middle), middle, atol=15)
        assert found.misfit < 0.005


# Registration


@pytest.mark.parametrize("degrees", [-15, 15])
def test_a_known_affine_map_is_recovered(degrees: float) -> None:
    matrix = turned(degrees) @ np.diag([1.08, 0.95, 1.05])
    shift = np.array([12.0, -8.0, 20.0])
    fixed = subject(*toy(lambda points: points @ matrix.T + shift, gain=300.0, seed=1))
    found = register(fixed, subject(*toy()), EFFORT)
    for point in ((0.0, 0.0, 330.0), (70.0, 30.0, 0.0), (-70.0, -30.0, -200.0)):
        assert np.allclose(found.affine.TransformPoint(point), matrix @ point + shift, atol=8)


def test_the_deformation_brings_bones_where_an_affine_map_cannot() -> None:
    grid = Grid((44, 30, 110), GRID.spacing, (-215.0, -145.0, -465.0), IDENTITY)
    moved = np.array([20.0, -10.0, 110.0])  # so that it matters which of the two maps comes first
    rest, posed = toy(), toy(lambda points: bent(points - moved), grid, seed=1)
    found = register(subject(*posed), subject(*rest), EFFORT)
    affine, deformed = (
        mean_dice(posed[2], warped_labels(rest[2], transform, grid, 1)) for transform in (found.affine, found.transform)
    )
    assert deformed > max(affine + 0.05, 0.8)
    assert list(found.correlations) == sorted(found.correlations)


def test_gain_changes_nothing() -> None:
    water, body, _ = toy()
    faint, bright = (subject_of(water * gain, body, 10.0) for gain in (1.0, 4096.0))
    assert np.allclose(sitk.GetArrayFromImage(faint.water), sitk.GetArrayFromImage(bright.water), atol=1e-5)


def test_a_scan_cut_at_the_pelvis_is_not_pulled_down_by_its_cut() -> None:
    rest = toy()
    posed = toy(bent, seed=1)
    whole = register(subject(*posed), subject(*rest), EFFORT)
    cut = tuple(image[:, :, 35:] for image in posed)
    found = register(subject(*cut), subject(*rest), EFFORT)
    grid = Grid.of(cut[2])
    there, uncut = (
        mean_dice(cut[2], warped_labels(rest[2], transform, grid, 1))
        for transform in (found.transform, whole.transform)
    )
    assert there > uncut - 0.05
    # And the other way round: the template is the one that is cut.
    found = register(subject(*posed), subject(*(image[:, :, 35:] for image in rest)), EFFORT)
    labels = warped_labels(rest[2][:, :, 35:], found.transform, Grid.of(posed[2]), 1)
    truth = sitk.GetArrayFromImage(posed[2])
    assert min(dice(truth, labels, label) for label in (1, 2)) > 0.75


def test_a_deformation_that_makes_the_fit_worse_is_left_out(monkeypatch, caplog) -> None:
    def wild(affine, fixed, moving, effort):
        moved = np.zeros((*SIZE[::-1], 3)) + np.array([60.0, 0.0, 0.0])
        field = sitk.GetImageFromArray(moved, isVector=True)
        field.CopyInformation(fixed.water)
        return sitk.DisplacementFieldTransform(field)

    monkeypatch.setattr(registration, "_demons", wild)
    found = register(subject(*toy()), subject(*toy(seed=1)), EFFORT)
    assert found.transform is found.affine
    assert "it is left out" in caplog.text


def test_an_affine_fit_that_is_worse_than_its_start_is_not_taken(monkeypatch, caplog) -> None:
    monkeypatch.setattr(registration, "_affine", lambda start, *_: shifted(start))
    fixed, moving = subject(*toy()), subject(*toy(seed=1))
    found = register(fixed, moving, EFFORT)
    assert correlation(fixed, moving, found.affine) > 0.9
    assert "the start is kept" in caplog.text


def shifted(transform: sitk.AffineTransform) -> sitk.AffineTransform:
    other = sitk.AffineTransform(transform)
    other.SetTranslation((90.0, 0.0, 0.0))
    return other


def test_registration_gives_the_same_numbers_again_with_any_number_of_threads() -> None:
    fixed, moving = subject(*toy(bent, seed=1)), subject(*toy())
    fields = [
        sitk.GetArrayFromImage(
            sitk.TransformToDisplacementField(
                register(fixed, moving, RegistrationSettings(10.0, (10, 5), 1.5, threads)).transform,
                sitk.sitkVectorFloat64,
                SIZE,
                GRID.origin,
                GRID.spacing,
                GRID.direction,
            )
        )
        for threads in (1, 1, 3)
    ]
    assert np.array_equal(fields[0], fields[1])
    assert np.array_equal(fields[0], fields[2])


# The vote


def test_the_majority_decides_bone_first_and_then_which() -> None:
    maps = np.array(
        [
            # unanimous, majority, tie with background, two bones share, minority, tie of bones, nobody
            [1, 1, 2, 1, 3, 2, 0],
            [1, 1, 2, 1, 0, 2, 0],
            [1, 1, 0, 2, 0, 1, 0],
            [1, 0, 0, 0, 0, 1, 0],
        ],
        np.uint8,
    )
    vote = Vote(2, (1, 1, 7))
    for row in maps.clip(0, 2):
        vote.cast(row.reshape(1, 1, 7), np.ones((1, 1, 7), bool))
    fused, agreement = vote.result()
    assert fused.ravel().tolist() == [1, 1, 2, 1, 0, 1, 0]
    assert agreement.ravel().tolist() == [100, 75, 50, 50, 75, 50, 0]


def test_a_map_has_no_say_where_its_scan_has_no_voxels() -> None:
    vote = Vote(1, (1, 1, 2))
    bone, nothing = np.ones((1, 1, 2), np.uint8), np.zeros((1, 1, 2), np.uint8)
    vote.cast(bone, np.array([[[True, True]]]))
    for _ in range(2):
        vote.cast(nothing, np.array([[[True, False]]]))
    fused, agreement = vote.result()
    assert fused.ravel().tolist() == [0, 1]
    assert agreement.ravel().tolist() == [67, 100]


def test_a_bone_that_wins_nowhere_is_still_in_the_atlas() -> None:
    vote = Vote(2, (1, 1, 6))
    for place in (3, 3, 4, 5, 5):
        row = np.zeros((1, 1, 6), np.uint8)
        row[..., 0] = 1
        row[..., place] = 2
        vote.cast(row, np.ones((1, 1, 6), bool))
    fused, agreement = vote.result()
    assert fused.ravel().tolist() == [1, 0, 0, 2, 2, 2]
    assert agreement.ravel().tolist() == [100, 0, 0, 40, 20, 40]


# Labels in physical space


def test_labels_land_at_their_physical_place_on_a_grid_that_points_elsewhere() -> None:
    source = toy()[2]
    oblique = Grid(
        (60, 110, 40),
        (9.0, 11.0, 12.0),
        (260.0, 220.0, -560.0),
        tuple((turned(20) @ np.array([[-1.0, 0, 0], [0, 0, -1], [0, 1, 0]])).ravel().tolist()),
    )
    shift = sitk.TranslationTransform(3, (30.0, 0.0, -40.0))
    found = warped_labels(source, shift, oblique, 1)
    expected = sitk.GetArrayFromImage(sitk.Resample(source, placed(found, oblique), shift, sitk.sitkNearestNeighbor))
    assert expected.any()
    for label in BONES:
        assert dice(expected, found, label) > 0.9
        centres = [oblique.points(np.argwhere(array == label)[:, ::-1]).mean(0) for array in (expected, found)]
        assert np.allclose(*centres, atol=2)


def test_leaving_out_the_empty_part_of_the_grid_loses_nothing() -> None:
    source = sitk.Image(12, 14, 16, sitk.sitkUInt8)
    source.SetSpacing((4.0, 4.0, 4.0))
    source[0, 13, 7] = 3  # in an edge of the map
    source[6, 3, 15] = 5
    grid = Grid((30, 30, 36), (2.0,) * 3, (-6.0, -2.0, -4.0), tuple(turned(4).ravel().tolist()))
    shift = sitk.TranslationTransform(3, (1.0, 0.5, -1.0))
    found = warped_labels(source, shift, grid, 1)
    whole = sitk.Resample(source, placed(found, grid), shift, sitk.sitkLabelLinear)
    assert set(np.unique(found)) == {0, 3, 5}
    assert np.array_equal(found, sitk.GetArrayFromImage(whole))


@pytest.mark.parametrize("degrees", [0, 20])
def test_labels_and_percentages_are_those_of_itk_which_asks_every_voxel_for_every_label(degrees: float) -> None:
    """Through a turn and a displacement, on a grid that reaches beyond the map."""
    noise = np.random.default_rng(0)
    source = toy()[2]
    labels = sitk.GetArrayFromImage(source)
    labels[noise.random(labels.shape) < 0.002] = 5  # alone, and next to other labels
    labels[:, :, -1] = noise.integers(0, 3, labels.shape[:2])  # in an edge of the map
    known = (labels > 0) | (noise.random(labels.shape) < 0.01)  # beyond the labels, too
    percent = np.where(known, noise.integers(1, 101, labels.shape), 0).astype(np.uint8)
    field = sitk.GetImageFromArray(noise.normal(0, 6, (9, 6, 8, 3)), isVector=True)
    field.SetOrigin((-250.0, -180.0, -480.0))
    field.SetSpacing((70.0, 70.0, 120.0))
    turn = sitk.AffineTransform(turned(10).ravel().tolist(), (4.0, -3.0, 8.0))
    whole = sitk.CompositeTransform([turn, sitk.DisplacementFieldTransform(field)])
    grid = Grid((66, 50, 140), (8.0, 7.0, 7.5), (-260.0, -170.0, -500.0), tuple(turned(degrees).ravel().tolist()))
    sources = [placed(array, GRID) for array in (labels, percent)]
    for transform in (whole, turn):
        both = warped_atlas(*sources, transform, grid, 1)
        assert np.array_equal(both[0], warped_labels(sources[0], transform, grid, 1))
        for source, found, interpolator in zip(sources, both, (sitk.sitkLabelLinear, sitk.sitkLinear), strict=True):
            expected = sitk.Resample(source, placed(found, grid), transform, interpolator)
            assert len(np.unique(found)) > 5
            assert np.array_equal(found, sitk.GetArrayFromImage(expected))


def test_a_finer_grid_gets_slanted_faces() -> None:
    """The volume stays, and a surface has fewer steps than by nearest neighbour: it is closer to the true ball."""
    coarse = Grid((12, 12, 12), (8.0,) * 3, (-44.0,) * 3, IDENTITY)
    fine = coarse.isotropic(2.0)

    def ball(grid: Grid) -> np.ndarray:
        z, y, x = np.indices(grid.size[::-1])
        points = grid.points(np.stack([x.ravel(), y.ravel(), z.ravel()], 1)).reshape(*z.shape, 3)
        return inside(points, (0, 0, 0), (30, 30, 30)).astype(np.uint8) * 2

    source = placed(ball(coarse), coarse)
    smooth = warped_labels(source, sitk.Transform(), fine, 1)
    blocky = sitk.GetArrayFromImage(
        sitk.Resample(source, placed(ball(fine), fine), sitk.Transform(), sitk.sitkNearestNeighbor)
    )
    assert set(np.unique(smooth)) == {0, 2}
    assert (smooth != ball(fine)).sum() < 0.8 * (blocky != ball(fine)).sum()


def test_percentages_are_interpolated_and_nothing_lies_outside() -> None:
    grid = Grid((4, 3, 3), (4.0,) * 3, (0.0,) * 3, IDENTITY)
    ramp = np.zeros((3, 3, 4), np.uint8) + np.array([0, 40, 80, 80], np.uint8)
    wider = Grid((12, 3, 3), (2.0, 4.0, 4.0), (0.0, 0.0, 0.0), IDENTITY)
    nothing = placed(np.zeros_like(ramp), grid)
    drawn, found = warped_atlas(nothing, placed(ramp, grid), sitk.Transform(), wider, 1)
    assert not drawn.any()
    assert found[1, 1].tolist() == [0, 20, 40, 60, 80, 80, 80, 0, 0, 0, 0, 0]
    assert in_field_of_view(placed(ramp, grid), sitk.Transform(), wider, 1)[1, 1].sum() in (7, 8)


# The template


def test_the_typical_scan_is_the_one_between_the_others() -> None:
    subjects = [
        subject(*toy(lambda points, s=scale: points / (1, 1, s), seed=number))
        for number, scale in enumerate((0.84, 0.92, 1.0))
    ]
    assert most_typical(subjects, [0, 1, 2]) == 1
    assert most_typical(subjects, [2]) == 2


def test_the_mean_is_taken_over_the_scans_that_reach_a_voxel() -> None:
    water, body, _ = toy()
    whole = Subject(water, body)
    cut = Subject((water * 3)[:, :, 45:], body[:, :, 45:])
    mean = sitk.GetArrayFromImage(average(whole, [whole, cut], [sitk.Transform(), sitk.Transform()]).water)
    array = sitk.GetArrayFromImage(water)
    assert np.allclose(mean[46:], 2 * array[46:], atol=1e-5)
    assert np.allclose(mean[:44], array[:44], atol=1e-5)


def test_the_template_knows_its_body() -> None:
    water, body, _ = toy()
    found = sitk.GetArrayFromImage(template_subject(water).body)
    assert (found == sitk.GetArrayFromImage(body)).mean() > 0.999


# The stages


def write_scan(folder: Path, images: tuple[sitk.Image, ...]) -> dict[str, Path]:
    folder.mkdir(parents=True)
    paths = {name: folder / f"{name}.nii" for name in ("water", "body", "labels")}
    for path, image in zip(paths.values(), images, strict=True):
        write_volume(image, path)
    return paths


def build(folder: Path, scans: list[dict[str, Path]], suffix: str = "", settings=SETTINGS) -> dict[str, Path]:
    (folder / "bones.tsv").write_text(TABLE)
    made = {name: folder / f"{name}{suffix}.nii" for name in ("template", "atlas_bones", "agreement")}
    build_atlas.main(
        waters=[scan["water"] for scan in scans],
        bodies=[scan["body"] for scan in scans],
        annotations=[scan["labels"] for scan in scans],
        bone_table=folder / "bones.tsv",
        settings=settings,
        threads=1,
        **made,
    )
    return made


def onto(folder: Path, made: dict[str, Path], scan: dict[str, Path], settings=SETTINGS) -> tuple[Path, Path]:
    results = folder / "atlas.nii", folder / "support.nii"
    register_atlas.main(
        water=scan["water"],
        body_resampled=scan["body"],
        atlas=results[0],
        support=results[1],
        settings=settings,
        threads=1,
        **made,
    )
    return results


@pytest.fixture(scope="module")
def atlas(tmp_path_factory) -> tuple[Path, dict[str, Path], list[dict[str, Path]]]:
    """Three annotated scans and a stopped one, and their atlas."""
    folder = tmp_path_factory.mktemp("atlas")
    poses = [lambda p: p, lambda p: p * (1.05, 1, 1.04) + (6, 0, 10), lambda p: p @ turned(6).T]
    scans = [write_scan(folder / str(n), toy(pose, seed=n)) for n, pose in enumerate(poses)]
    stopped = {name: folder / f"stopped-{name}.nii" for name in scans[0]}
    for path in stopped.values():
        path.touch()
    return folder, build(folder, [scans[0], stopped, *scans[1:]]), scans


def test_the_atlas_of_several_scans_fits_a_new_one_on_its_own_grid(atlas, tmp_path) -> None:
    _, made, _ = atlas
    grid = Grid(
        (100, 46, 62),
        (9.0,) * 3,
        (270.0, 210.0, -440.0),
        tuple((turned(12) @ np.array([[0.0, 0, -1], [0, -1, 0], [1, 0, 0]])).ravel().tolist()),
    )
    posed = toy(bent, grid, gain=77.0, seed=9)
    scan = write_scan(tmp_path / "new", posed)
    found, support = (read_volume(path) for path in onto(tmp_path, made, scan))
    assert same_grid(found, posed[2])
    assert same_grid(support, posed[2])
    labels, percent = sitk.GetArrayFromImage(found), sitk.GetArrayFromImage(support)
    assert mean_dice(posed[2], labels) > 0.8
    for label, side in ((3, 1), (4, -1)):
        assert np.sign(grid.points(np.argwhere(labels == label)[:, ::-1])[:, 0].mean()) == side
    assert percent[labels > 0].mean() > 70
    assert percent.max() <= 100


def test_stopped_scans_count_for_nothing(atlas, tmp_path) -> None:
    folder, _, scans = atlas
    stopped = {name: folder / f"stopped-{name}.nii" for name in scans[0]}
    one_stopped = scans[1] | {"labels": stopped["labels"]}
    first, second = build(tmp_path, scans[:1]), build(tmp_path, [stopped, scans[0], one_stopped], suffix="-again")
    assert all(first[name].read_bytes() == second[name].read_bytes() for name in first)


def test_the_same_scans_give_the_same_bytes(atlas, tmp_path) -> None:
    _, made, scans = atlas
    first = [path.read_bytes() for path in onto(tmp_path, made, scans[1])]
    assert first == [path.read_bytes() for path in onto(tmp_path, made, scans[1])]


def test_one_annotated_scan_is_its_own_atlas(atlas, tmp_path) -> None:
    _, _, scans = atlas
    made = build(tmp_path, scans[:1])
    assert np.array_equal(
        sitk.GetArrayFromImage(read_volume(made["atlas_bones"])),
        sitk.GetArrayFromImage(read_volume(scans[0]["labels"])),
    )
    agreement = sitk.GetArrayFromImage(read_volume(made["agreement"]))
    assert set(np.unique(agreement)) == {0, 100}


def test_no_annotated_scan_at_all_says_what_to_do(tmp_path) -> None:
    empty = {name: tmp_path / f"{name}.nii" for name in ("water", "body", "labels")}
    for path in empty.values():
        path.touch()
    with pytest.raises(MarrowError, match="give at least one training scan a label map"):
        build(tmp_path, [empty])


def test_a_label_that_is_not_in_the_table_is_refused(atlas, tmp_path) -> None:
    _, _, scans = atlas
    wrong = read_volume(scans[0]["labels"]) * 3
    write_volume(wrong, tmp_path / "wrong.nii")
    with pytest.raises(MarrowError, match="has the label 12, the bone table ends at 4"):
        build(tmp_path, [scans[0] | {"labels": tmp_path / "wrong.nii"}])


def test_a_scan_without_a_body_is_stopped(atlas, tmp_path) -> None:
    _, made, scans = atlas
    write_volume(read_volume(scans[0]["body"]) * 0, tmp_path / "empty.nii")
    with pytest.raises(ScanStopped) as stopped:
        onto(tmp_path, made, scans[0] | {"body": tmp_path / "empty.nii"})
    assert stopped.value.check == "body_found"


# A phantom


def phantom(disease: str, sex: str, spacing_mm: float = 8.0) -> tuple[sitk.Image, sitk.Image, sitk.Image]:
    """(water, body, labels) of a simulated patient, without stations and noise."""
    scan = SimulatedScan(f"{disease}-09-1", f"{disease}-09", 1, disease, disease, "train", "north", sex, 60, "")
    knobs = {"lesion_contrast": 1.0, "lesion_fraction": 0.05, "diffuse_fraction": 0.4, "diffuse_with_focal": 0.0}
    who = person(5, scan, read_bones(), difficulty(knobs))
    posture = lie_down(who.build, 5, scan.scan)
    fine = truth_grid(posture, "mini")
    shape = [round(count * step / spacing_mm) for count, step in zip(fine.size, fine.spacing, strict=True)]
    grid = VoxelGrid(fine.origin, (spacing_mm,) * 3, tuple(shape))
    made = render(who, posture, grid, ["fat", "water"], read_bones())
    fat, water = made.signals
    body = sitk.BinaryFillhole(grid.image((fat + water > 0.1 * np.percentile(fat + water, 99)).astype(np.uint8)))
    return grid.image(water), body, grid.image(made.labels)


def test_every_bone_of_a_phantom_is_found_in_another() -> None:
    effort = RegistrationSettings(8.0, (40, 40), 1.75)
    template, scan = phantom("healthy", "m"), phantom("focal", "f")
    fixed, moving = (subject_of(one[0], one[1], 8.0) for one in (scan, template))
    found = register(fixed, moving, effort)
    truth, grid = sitk.GetArrayFromImage(scan[2]), Grid.of(scan[2])
    before, after = (warped_labels(template[2], t, grid, 1) for t in (found.affine, found.transform))
    assert mean_dice(scan[2], after) > max(0.6, mean_dice(scan[2], before))
    assert min(dice(truth, after, bone.id) for bone in read_bones()) > 0.2
