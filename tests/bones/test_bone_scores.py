"""The scores of bones: equal to brute force, to closed forms, and said to be missing where they have no value."""

import csv
import itertools

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import gather_scores
import score_bones
from marrow.bones.scores.overlap import dice, volume_error
from marrow.bones.scores.per_bone import NUMBERS, SCORES, score_labels
from marrow.bones.scores.surface_distance import hd95, surface
from marrow.bones.table import DEFAULT_TABLE, read_bones
from marrow.errors import MarrowError, ScanStopped
from marrow.imaging.volume import write_volume
from marrow.tables.frames import read_table, write_table

SMALL = (4, 5, 6)
masks = arrays(np.bool_, SMALL)
labels = arrays(np.uint8, SMALL, elements=st.integers(0, 3))
spacings = st.tuples(*[st.sampled_from([0.5, 1.0, 2.0, 3.5])] * 3)
BONES = read_bones()


def brute_surface(mask):
    """Voxels of which one of six neighbours is no part of the mask, voxel after voxel."""
    padded = np.pad(mask, 1)
    steps = [step for step in itertools.product((-1, 0, 1), repeat=3) if sum(map(abs, step)) == 1]
    return [
        voxel for voxel in np.argwhere(mask) if not all(padded[tuple(voxel + 1 + np.array(step))] for step in steps)
    ]


def brute_hd95(one, other, spacing):
    """All distances between all pairs."""
    a, b = (np.array(brute_surface(mask)).reshape(-1, 3) * spacing for mask in (one, other))
    pairs = np.linalg.norm(a[:, None] - b[None], axis=2)
    return max(np.percentile(pairs.min(axis=1), 95), np.percentile(pairs.min(axis=0), 95))


def cube(shape, start, length):
    mask = np.zeros(shape, bool)
    mask[tuple(slice(s, s + length) for s in start)] = True
    return mask


def ball(radius, centre, size=32):
    return np.linalg.norm(np.indices((size,) * 3) - np.reshape(centre, (3, 1, 1, 1)), axis=0) <= radius


# Overlap


@given(masks, masks)
def test_dice_is_twice_the_common_voxels_over_all_of_both(one, other):
    a, b = ({tuple(v) for v in np.argwhere(mask)} for mask in (one, other))
    expected = 2 * len(a & b) / (len(a) + len(b)) if a or b else None
    assert dice(one, other) == dice(other, one) == (pytest.approx(expected) if a or b else None)


@given(masks.filter(np.any))
def test_a_mask_agrees_with_itself_and_not_with_the_rest(mask):
    assert dice(mask, mask) == 1
    assert dice(mask, ~mask) == 0
    assert volume_error(mask, mask) == 0


@pytest.mark.parametrize("shift", range(7))
def test_dice_of_a_moved_cube_falls_by_its_share(shift):
    one, other = cube((20,) * 3, (5, 5, 5), 6), cube((20,) * 3, (5, 5, 5 + shift), 6)
    assert dice(one, other) == pytest.approx((6 - shift) / 6)


@pytest.mark.parametrize("length", [0, 3, 6, 9])
def test_the_volume_error_of_a_cube_is_the_ratio_of_the_edges_to_the_third_less_one(length):
    error = volume_error(cube((12,) * 3, (1, 1, 1), length), cube((12,) * 3, (1, 1, 1), 6))
    assert error == pytest.approx((length / 6) ** 3 - 1)


def test_without_a_true_voxel_the_volume_error_has_no_value():
    assert volume_error(np.ones(SMALL, bool), np.zeros(SMALL, bool)) is None


# Surface distance


@given(masks)
def test_the_surface_is_what_has_a_face_neighbour_outside(mask):
    assert np.argwhere(surface(mask)).tolist() == [voxel.tolist() for voxel in brute_surface(mask)]


@given(masks.filter(np.any), masks.filter(np.any), spacings)
def test_the_surface_distance_equals_brute_force(one, other, spacing):
    assert hd95(one, other, spacing) == pytest.approx(brute_hd95(one, other, np.array(spacing)))


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("steps", [0, 1, 2, 4])
def test_a_slab_moved_by_k_voxels_is_k_spacings_away(axis, steps):
    spacing = (1.0, 2.5, 4.0)
    slab = np.zeros((24,) * 3, bool)
    slab[(slice(None),) * axis + (slice(8, 9),)] = True
    assert hd95(np.roll(slab, steps, axis), slab, spacing) == pytest.approx(steps * spacing[axis])


@pytest.mark.parametrize("spacing", [1.0, 2.0, 4.0])
def test_two_balls_around_one_centre_are_the_difference_of_their_radii_apart(spacing):
    distance = hd95(ball(13, (15, 15, 15)), ball(8, (15, 15, 15)), (spacing,) * 3)
    assert distance == pytest.approx(5 * spacing, abs=0.8 * spacing)


def test_both_directions_count():
    truth = cube((40, 8, 8), (0, 1, 1), 6)
    with_island = truth | cube((40, 8, 8), (30, 1, 1), 6)
    assert hd95(with_island, truth, (1, 1, 1)) == hd95(truth, with_island, (1, 1, 1))
    assert hd95(with_island, truth, (1, 1, 1)) > 20


def test_a_few_stray_voxels_do_not_decide():
    truth = cube((60, 12, 12), (0, 1, 1), 10)
    stray = truth.copy()
    stray[55, 5, 5] = True
    assert hd95(stray, truth, (1, 1, 1)) == 0


# Bone by bone


@settings(max_examples=50)
@given(labels, labels)
def test_the_box_of_a_bone_changes_no_number(predicted, true):
    scores = score_labels(predicted, true, BONES, (2, 2, 2), "s", "raw")
    assert scores["bone"].tolist() == [bone.name for bone in BONES]
    masks = [(predicted == bone.id, true == bone.id) for bone in BONES]
    numbers = [[dice(*pair), hd95(*pair, (2, 2, 2)), volume_error(*pair)] for pair in masks]
    np.testing.assert_array_equal(scores[list(NUMBERS)].to_numpy(), np.array(numbers, float))


def test_what_a_number_is_when_a_bone_is_not_there():
    predicted, true = np.zeros(SMALL, np.uint8), np.zeros(SMALL, np.uint8)
    predicted[0, 0, :2] = [1, 2]
    true[0, 0, 0], true[1, 1, 1] = 1, 3
    scores = score_labels(predicted, true, BONES, (1, 1, 1), "s", "raw")
    none = np.nan
    correct, invented, missed, nowhere = [1, 0, 0], [0, none, none], [0, none, -1], [none, none, none]
    np.testing.assert_array_equal(scores[list(NUMBERS)].to_numpy()[:4], [correct, invented, missed, nowhere])


# The stages


def write(path, array, spacing=(2.0, 3.0, 4.0)):
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(spacing)  # x, y, z
    write_volume(image, path)
    return path


@pytest.fixture
def files(tmp_path):
    """A scan of two bones: raw has femur_left one voxel (4 mm) too high and misses the skull; corrected is right."""
    true = np.zeros((20, 12, 12), np.uint8)
    true[2:8, 2:8, 2:8] = 17
    true[14:18, 2:8, 2:8] = 1
    raw = np.roll(np.where(true == 17, true, 0), 1, 0).astype(np.uint8)
    return {
        "raw_bones": write(tmp_path / "raw.nii", raw),
        "corrected": write(tmp_path / "corrected.nii", true),
        "annotation": write(tmp_path / "true.nii", true),
        "bone_table": DEFAULT_TABLE,
        "scores": tmp_path / "scores.csv",
        "scan": "P01-a",
    }


def rows_of(path):
    with path.open(newline="") as lines:
        return list(csv.reader(lines))


def test_the_file_has_a_row_per_bone_and_stage_in_the_order_of_the_table(files):
    score_bones.main(**files)
    header, *rows = rows_of(files["scores"])
    assert header == ["scan", "bone", "stage", "dice", "hd95_mm", "volume_error"]
    assert [row[:3] for row in rows] == [
        ["P01-a", bone.name, stage] for bone in BONES for stage in ("raw", "corrected")
    ]


def test_the_numbers_are_in_millimetres_and_belong_to_their_stage(files):
    score_bones.main(**files)
    rows = {(bone, stage): numbers for _, bone, stage, *numbers in rows_of(files["scores"])}
    assert rows["femur_left", "raw"] == ["0.833333", "4", "0"]
    assert rows["femur_left", "corrected"] == ["1", "0", "0"]
    assert rows["skull", "raw"] == ["0", "", "-1"]
    assert rows["sternum", "raw"] == rows["sternum", "corrected"] == ["", "", ""]


@pytest.mark.parametrize("name", ["raw_bones", "corrected"])
def test_a_map_on_another_grid_stops_the_scan_and_is_named(files, name):
    write(files[name], np.zeros((19, 12, 12), np.uint8))
    with pytest.raises(ScanStopped, match=name.split("_")[0]) as stopped:
        score_bones.main(**files)
    assert stopped.value.check == "same_grid"


def test_scores_survive_their_file(files):
    score_bones.main(**files)
    scores = read_table(files["scores"], SCORES)
    again = files["scores"].with_name("again.csv")
    write_table(scores, SCORES, again)
    assert again.read_bytes() == files["scores"].read_bytes()
    np.testing.assert_array_equal(scores.loc[scores["bone"] == "skull", "hd95_mm"], [np.nan, 0])


def test_gathered_scores_do_not_depend_on_the_order_of_the_scans_and_leave_stopped_ones_out(files, tmp_path):
    paths = []
    for scan in ("P02-a", "P01-a"):
        paths.append(tmp_path / f"{scan}.csv")
        score_bones.main(**files | {"scan": scan, "scores": paths[-1]})
    stopped = tmp_path / "stopped.csv"
    stopped.touch()
    tables = [tmp_path / "one.csv", tmp_path / "other.csv"]
    gather_scores.main(scores=[*paths, stopped], scores_table=tables[0])
    gather_scores.main(scores=[stopped, *paths[::-1]], scores_table=tables[1])
    assert tables[0].read_bytes() == tables[1].read_bytes()
    _, *rows = rows_of(tables[0])
    assert rows == rows_of(paths[1])[1:] + rows_of(paths[0])[1:]


@pytest.mark.parametrize("stopped", [0, 2])
def test_a_table_without_scores_has_its_header(tmp_path, stopped):
    paths = [tmp_path / f"{index}.csv" for index in range(stopped)]
    for path in paths:
        path.touch()
    gather_scores.main(scores=paths, scores_table=tmp_path / "table.csv")
    assert rows_of(tmp_path / "table.csv") == [list(SCORES)]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("scan,bone,dice\n", "column stage, hd95_mm, volume_error is missing"),
        (",".join(SCORES) + "\na,b,raw,x,,\n", "in column dice a cell is no number"),
    ],
)
def test_a_damaged_file_is_refused_by_name(tmp_path, content, told):
    path = tmp_path / "scores.csv"
    path.write_text(content)
    with pytest.raises(MarrowError, match=told):
        gather_scores.main(scores=[path], scores_table=tmp_path / "table.csv")


def test_a_score_is_of_the_bones_of_the_table_that_is_given(files, tmp_path):
    table = tmp_path / "two.tsv"
    table.write_text("id\tname\tside\tmirror\tregion\n1\thead\tmiddle\t1\ta\n2\tleg\tmiddle\t2\tb\n")
    score_bones.main(**files | {"bone_table": table})
    assert {row[1] for row in rows_of(files["scores"])[1:]} == {"head", "leg"}
