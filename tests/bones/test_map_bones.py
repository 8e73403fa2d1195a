"""Label maps of other programs, brought onto the scan's grid and into the ids of the bone table."""

import csv
import logging
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

import map_bones
from marrow.bones.precomputed.choice import mapping_table, mapping_tables, maps_of
from marrow.bones.precomputed.division import by_height, by_nearest
from marrow.bones.precomputed.mapping import LabelMapping, Part, read_mapping
from marrow.bones.precomputed.naming import name_bones, unlisted
from marrow.bones.table import DEFAULT_TABLE, read_bones
from marrow.errors import ConfigError, ScanStopped
from marrow.imaging.grid import Grid
from marrow.imaging.volume import read_volume, same_grid

SCHEMAS = DEFAULT_TABLE.parent
READY = sorted((SCHEMAS / "mappings").glob("*.tsv"))
BONES = read_bones()
IDS = {bone.name: bone.id for bone in BONES}

ROWS = "value\tclass\tbone\n1\tliver\t\n7\tLeftThigh\tfemur_left\n8\tLeftKnee\tfemur_left\n300\tSkull\tskull\n"
SPINE = "value\tclass\tbone\n5\tspine\tcervical_spine:0.2,thoracic_spine:0.5,lumbar_spine:0.3\n9\tfat\t\n"
EXPECTED = {0: 0, 1: 0, 7: IDS["femur_left"], 8: IDS["femur_left"], 300: IDS["skull"]}


def image_of(array: np.ndarray, grid: Grid) -> sitk.Image:
    image = sitk.GetImageFromArray(array)
    image.SetSpacing(grid.spacing)
    image.SetOrigin(grid.origin)
    image.SetDirection(grid.direction)
    return image


def rotation(seed: int) -> tuple[float, ...]:
    matrix, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return tuple(matrix.ravel().tolist())


STRAIGHT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
BODY_GRID = Grid((20, 20, 30), (2.0, 2.0, 2.0), (-20.0, -20.0, 50.0), STRAIGHT)
MAP_GRID = Grid((40, 40, 60), (1.0, 1.0, 1.0), (-20.0, -20.0, 50.0), STRAIGHT)


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    """The body mask of a scan: a box within a grid of 2 mm."""
    body = np.zeros((30, 20, 20), dtype=np.uint8)
    body[2:28, 3:17, 3:17] = 1
    sitk.WriteImage(image_of(body, BODY_GRID), str(tmp_path / "body.nii"))
    return tmp_path / "body.nii"


def table(folder: Path, text: str, name: str = "theirs.tsv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def boxes(dtype: type = np.uint16) -> np.ndarray:
    """Other values than ours, on a finer grid, in places that differ along all axes."""
    labels = np.zeros((60, 40, 40), dtype=dtype)
    labels[10:50, 10:30, 10:30] = 1
    labels[34:42, 10:20, 12:20] = 7
    labels[42:48, 11:20, 12:20] = 8
    labels[12:20, 20:30, 20:28] = 300
    return labels


def mapped(
    folder: Path, reference: Path, *pairs: tuple[sitk.Image, str | Path], bone_table: Path = DEFAULT_TABLE
) -> np.ndarray:
    maps, tables = [], []
    for number, (image, text) in enumerate(pairs):
        maps.append(folder / f"map{number}.nii.gz")
        sitk.WriteImage(image, str(maps[-1]))
        tables.append(text if isinstance(text, Path) else table(folder, text, f"theirs{number}.tsv"))
    map_bones.main(maps=maps, mappings=tables, reference=reference, bone_table=bone_table, mapped=folder / "mapped.nii")
    result = read_volume(folder / "mapped.nii")
    assert same_grid(result, read_volume(reference))
    return sitk.GetArrayFromImage(result)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int32, np.uint32, np.float32, np.float64])
def test_each_voxel_gets_the_bone_that_its_value_means_whatever_the_type(
    tmp_path: Path, reference: Path, dtype: type
) -> None:
    result = mapped(tmp_path, reference, (image_of(boxes(dtype), MAP_GRID), ROWS))
    expected = np.vectorize(EXPECTED.get)(boxes()[::2, ::2, ::2])
    assert result.dtype == np.uint8
    assert set(np.unique(result)) == {0, IDS["skull"], IDS["femur_left"]}
    assert np.array_equal(result, expected)


@pytest.mark.parametrize("orientation", ["RAI", "SRA", "IPL"])
def test_a_map_in_another_orientation_lands_in_the_same_place(
    tmp_path: Path, reference: Path, orientation: str
) -> None:
    turned = sitk.DICOMOrient(image_of(boxes(), MAP_GRID), orientation)
    result = mapped(tmp_path, reference, (turned, ROWS))
    assert np.array_equal(result, np.vectorize(EXPECTED.get)(boxes()[::2, ::2, ::2]))


def test_an_oblique_map_lands_where_itk_puts_it(tmp_path: Path, reference: Path) -> None:
    turned = sitk.Euler3DTransform((0, 0, 80), 0.2, 0.1, 0.3)
    oblique = Grid((50, 50, 70), (1, 1, 1), (-20, -30, 45), tuple(turned.GetMatrix()))
    image = sitk.Resample(image_of(boxes(), MAP_GRID), image_of(np.zeros((70, 50, 50), np.uint16), oblique),
                          sitk.Transform(), sitk.sitkNearestNeighbor)  # fmt: skip
    back = sitk.Resample(image, read_volume(reference), sitk.Transform(), sitk.sitkNearestNeighbor)
    expected = np.vectorize(EXPECTED.get)(sitk.GetArrayFromImage(back))
    assert np.count_nonzero(expected) > 50
    assert np.array_equal(mapped(tmp_path, reference, (image, ROWS)), expected)


def test_the_first_map_that_names_a_bone_wins_and_later_ones_fill_in(tmp_path: Path, reference: Path) -> None:
    first, second = boxes(), np.zeros((60, 40, 40), dtype=np.uint8)
    second[30:46, 10:20, 10:20] = 2
    rows = "value\tclass\tbone\n2\tsacrum\tsacrum\n"
    result = mapped(tmp_path, reference, (image_of(first, MAP_GRID), ROWS), (image_of(second, MAP_GRID), rows))
    ours = np.vectorize(EXPECTED.get)(first[::2, ::2, ::2])
    expected = np.where(ours, ours, IDS["sacrum"] * (second[::2, ::2, ::2] == 2))
    assert {IDS["sacrum"], IDS["femur_left"]} <= set(np.unique(result))
    assert np.array_equal(result, expected)
    turned = mapped(tmp_path, reference, (image_of(second, MAP_GRID), rows), (image_of(first, MAP_GRID), ROWS))
    assert (turned[second[::2, ::2, ::2] == 2] == IDS["sacrum"]).all()


def test_a_bone_table_as_the_mapping_keeps_the_ids(tmp_path: Path, reference: Path) -> None:
    labels = np.zeros((60, 40, 40), dtype=np.float32)
    for bone in BONES:
        labels[2 * bone.id + 4 : 2 * bone.id + 6, 10:20, 10:20] = bone.id
    result = mapped(tmp_path, reference, (image_of(labels, MAP_GRID), DEFAULT_TABLE))
    assert np.array_equal(result, labels[::2, ::2, ::2])
    assert len(np.unique(result)) == len(BONES) + 1


def test_ids_follow_the_bone_table_of_the_run(tmp_path: Path, reference: Path) -> None:
    """Ids of one table become those of another, by the names of the bones."""
    ours = table(
        tmp_path, "id\tname\tside\tmirror\tregion\n1\tthigh\tmiddle\t1\tx\n2\thead\tmiddle\t2\tx\n", "ours.tsv"
    )
    theirs = table(
        tmp_path, "id\tname\tside\tmirror\tregion\n1\thead\tmiddle\t1\tx\n2\tthigh\tmiddle\t2\tx\n", "th.tsv"
    )
    labels = np.where(boxes() == 7, 1, np.where(boxes() == 300, 2, 0)).astype(np.uint8)
    result = mapped(tmp_path, reference, (image_of(labels, MAP_GRID), theirs), bone_table=ours)
    assert np.array_equal(result, np.array([0, 2, 1])[labels[::2, ::2, ::2]])


def test_a_map_elsewhere_stops_the_scan_and_organs_do_not_vouch_for_it(tmp_path: Path, reference: Path) -> None:
    labels = boxes()
    labels[labels != 1] = 0
    labels[52:60, :20, :5] = 7  # outside of the body
    with pytest.raises(ScanStopped, match=r"map 1 of 1 \(theirs0\): 0% of the labelled voxels lie in") as stopped:
        mapped(tmp_path, reference, (image_of(labels, MAP_GRID), ROWS))
    assert stopped.value.check == "labels_in_place"


def test_a_map_beyond_the_scans_grid_stops_the_scan(tmp_path: Path, reference: Path) -> None:
    far = Grid(MAP_GRID.size, MAP_GRID.spacing, (500.0, 0.0, 0.0), STRAIGHT)
    with pytest.raises(ScanStopped, match="0% of the labelled"):
        mapped(tmp_path, reference, (image_of(boxes(), far), ROWS))


@pytest.mark.parametrize("value", [0, 1])
def test_a_map_without_any_of_our_bones_stops_the_scan(tmp_path: Path, reference: Path, value: int) -> None:
    labels = np.where(boxes() > 0, value, 0).astype(np.uint8)
    with pytest.raises(ScanStopped, match="no voxel of our bones") as stopped:
        mapped(tmp_path, reference, (image_of(labels, MAP_GRID), ROWS))
    assert stopped.value.check == "labels_empty"


@pytest.mark.parametrize("value", [-1.0, 65536.0, 7.5])
def test_values_that_are_no_labels_stop_the_scan(tmp_path: Path, reference: Path, value: float) -> None:
    labels = boxes(np.float64)
    labels[40, 15, 15] = value
    with pytest.raises(ScanStopped, match="whole numbers from 0 to 65535") as stopped:
        mapped(tmp_path, reference, (image_of(labels, MAP_GRID), ROWS))
    assert stopped.value.check == "labels_whole"


def test_values_that_the_table_does_not_list_stop_the_scan_and_are_told(tmp_path: Path, reference: Path) -> None:
    labels = boxes()
    labels[20, 15, 15], labels[21, 15, 15], labels[59, 0, 0] = 51, 9, 65535
    with pytest.raises(ScanStopped, match=r"holds the values 9, 51, 65535, which its mapping does not list") as stopped:
        mapped(tmp_path, reference, (image_of(labels, MAP_GRID), ROWS))
    assert stopped.value.check == "labels_listed"


def test_many_unlisted_values_do_not_flood_the_message() -> None:
    values = np.arange(5000, dtype=np.uint16).reshape(5, 20, 50)
    mapping = LabelMapping("theirs", {4: "x"}, {4: (Part(1, 1.0),)})
    assert unlisted(values, mapping) == [value for value in range(1, 5000) if value != 4]


def test_four_dimensions_stop_the_scan(tmp_path: Path, reference: Path) -> None:
    image = sitk.JoinSeries([image_of(boxes(), MAP_GRID)] * 2)
    with pytest.raises(ScanStopped, match="4 dimensions; give it 3"):
        mapped(tmp_path, reference, (image, ROWS))


def test_a_truncated_map_stops_the_scan_and_its_name_stays_private(tmp_path: Path, reference: Path) -> None:
    private = tmp_path / "Jane_Doe.nii.gz"
    sitk.WriteImage(image_of(boxes(), MAP_GRID), str(private))
    private.write_bytes(private.read_bytes()[:60])
    with pytest.raises(ScanStopped, match=r"map 1 of 1 .* cannot be read") as stopped:
        map_bones.main(
            maps=[private],
            mappings=[table(tmp_path, ROWS)],
            reference=reference,
            bone_table=DEFAULT_TABLE,
            mapped=tmp_path / "mapped.nii",
        )
    assert "Jane" not in str(stopped.value)
    assert stopped.value.__suppress_context__


def test_each_map_needs_its_mapping(tmp_path: Path, reference: Path) -> None:
    with pytest.raises(ConfigError, match="2 label maps and 1 mappings"):
        map_bones.main(
            maps=[reference, reference],
            mappings=[DEFAULT_TABLE],
            reference=reference,
            bone_table=DEFAULT_TABLE,
            mapped=tmp_path / "mapped.nii",
        )


def test_bones_that_no_map_can_give_are_noted_and_lost_ones_warned_of(
    tmp_path: Path, reference: Path, caplog: pytest.LogCaptureFixture
) -> None:
    labels = boxes()
    labels[labels == 300] = 0
    with caplog.at_level(logging.INFO):
        mapped(tmp_path, reference, (image_of(labels, MAP_GRID), ROWS))
    notes = {record.levelno: record.getMessage() for record in caplog.records}
    assert notes[logging.WARNING] == "no map has a voxel of skull on the scan's grid"
    assert "no mapping names cervical_spine" in notes[logging.INFO]
    assert not re.search(r"skull|femur_left", notes[logging.INFO])
    assert all(name in notes[logging.INFO] for name in IDS if name not in ("skull", "femur_left"))


PARTS = (Part(2, 0.2), Part(3, 0.5), Part(4, 0.3))


@settings(max_examples=40)
@given(st.integers(0, 2**31), st.floats(-900, 900))
def test_a_class_is_divided_from_head_to_feet_of_the_patient_however_its_array_lies(seed: int, top: float) -> None:
    """A column along the patient's long axis, in a grid of any obliquity: each bone gets its share of the height."""
    grid = Grid((30, 30, 30), (4.0, 4.0, 4.0), (0.0, 0.0, top), rotation(seed))
    points = grid.points(np.argwhere(np.ones((30, 30, 30)))[:, ::-1])
    centre = points.mean(axis=0)
    column = np.linalg.norm((points - centre)[:, :2], axis=1) < 12
    column &= np.abs(points[:, 2] - centre[2]) < 40
    values = np.where(column, 5, 0).reshape(30, 30, 30).astype(np.uint16)
    mapping = LabelMapping("x", {5: "spine"}, {5: PARTS})
    result = name_bones(values, grid, mapping, np.zeros((30, 30, 30), np.uint8)).ravel()
    assert np.array_equal(result > 0, column)
    heights = {bone: points[result == bone, 2] for bone in (2, 3, 4)}
    assert heights[2].min() > heights[3].max()
    assert heights[3].min() > heights[4].max()
    extent = np.ptp(points[column, 2])
    borders = [(heights[a].min() + heights[b].max()) / 2 for a, b in pairwise((2, 3, 4))]
    top_of_all = points[column, 2].max()
    assert np.allclose([(top_of_all - border) / extent for border in borders], [0.2, 0.7], atol=0.05)


def test_classes_with_the_same_shares_are_divided_as_one() -> None:
    """Vertebral bodies and posterior elements reach differently high, but a border is at one height."""
    grid = Grid((2, 1, 100), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), STRAIGHT)
    values = np.zeros((100, 1, 2), dtype=np.uint16)
    values[:, 0, 0] = 69
    values[50:, 0, 1] = 70
    mapping = LabelMapping("x", {69: "a", 70: "b"}, {69: PARTS, 70: PARTS})
    result = name_bones(values, grid, mapping, np.zeros((100, 1, 2), np.uint8))
    assert np.array_equal(result[50:, 0, 0], result[50:, 0, 1])
    assert np.bincount(result[:, 0, 0])[2:].tolist() == pytest.approx([20, 50, 30], abs=1)


def test_stray_voxels_do_not_stretch_the_height() -> None:
    heights = np.concatenate([np.linspace(0, 100, 10000), [900.0, 905.0]])
    bones = by_height(heights, PARTS)
    assert np.bincount(bones[:10000])[2:].tolist() == pytest.approx([2000, 5000, 3000], abs=20)
    assert (bones[10000:] == 2).all()


def test_one_voxel_can_be_divided() -> None:
    assert by_height(np.array([3.0]), PARTS)[0] in (2, 3, 4)


def test_a_division_warns_and_tells_its_height(
    tmp_path: Path, reference: Path, caplog: pytest.LogCaptureFixture
) -> None:
    labels = np.zeros((60, 40, 40), dtype=np.uint8)
    labels[10:50, 15:25, 15:25] = 5
    result = mapped(tmp_path, reference, (image_of(labels, MAP_GRID), SPINE))
    assert "map 1 of 1 (theirs0): class spine covers several bones; its height of 38 mm" in caplog.text
    assert "20%, 50%, 30%" in caplog.text
    by_layer = result[5:25, 8:12, 8:12]
    assert (by_layer == by_layer[:, :1, :1]).all()
    assert by_layer[::-1, 0, 0].tolist() == [2] * 4 + [3] * 10 + [4] * 6


def test_a_map_that_tells_the_bones_apart_decides_the_division_of_a_later_one(
    tmp_path: Path, reference: Path, caplog: pytest.LogCaptureFixture
) -> None:
    apart, together = np.zeros((60, 40, 40), dtype=np.uint8), np.zeros((60, 40, 40), dtype=np.uint8)
    together[10:50, 12:26, 12:26] = 5
    for value, layers in ((1, slice(40, 50)), (2, slice(20, 40)), (3, slice(10, 20))):
        apart[layers, 16:22, 16:22] = value
    rows = "value\tclass\tbone\n1\tc\tcervical_spine\n2\tt\tthoracic_spine\n3\tl\tlumbar_spine\n"
    result = mapped(tmp_path, reference, (image_of(apart, MAP_GRID), rows), (image_of(together, MAP_GRID), SPINE))
    by_layer = result[5:25, 6:13, 6:13]
    assert (by_layer == by_layer[:, :1, :1]).all()
    assert by_layer[::-1, 0, 0].tolist() == [2] * 5 + [3] * 10 + [4] * 5  # the shares would give 4, 10 and 6
    assert "fixed shares" not in caplog.text


def test_a_map_that_lacks_one_of_the_bones_does_not_decide(tmp_path: Path, reference: Path) -> None:
    apart, together = np.zeros((60, 40, 40), dtype=np.uint8), np.zeros((60, 40, 40), dtype=np.uint8)
    together[10:50, 12:26, 12:26] = 5
    apart[44:48, 16:22, 16:22] = 3
    rows = "value\tclass\tbone\n3\tl\tlumbar_spine\n"
    result = mapped(tmp_path, reference, (image_of(apart, MAP_GRID), rows), (image_of(together, MAP_GRID), SPINE))
    assert result[24, 6, 6] == IDS["cervical_spine"]
    assert result[15, 6, 6] == IDS["thoracic_spine"]
    assert (result[22:24, 8:11, 8:11] == IDS["lumbar_spine"]).all()  # what the first map named stays


@settings(max_examples=25)
@given(st.integers(0, 2**31))
def test_the_nearest_bone_is_nearest_in_millimetres(seed: int) -> None:
    random = np.random.default_rng(seed)
    mask = random.random((9, 8, 7)) < 0.3
    named = np.where(random.random(mask.shape) < 0.05, random.integers(2, 6, mask.shape), 0).astype(np.uint8)
    named[0, 0, 0], mask[4, 4, 4] = 3, True
    spacing = (1.0, 2.5, 4.0)
    ours = by_nearest(mask, named, spacing, PARTS)
    there = np.argwhere(np.isin(named, [2, 3, 4]))
    tree = cKDTree(there * np.array(spacing[::-1]))
    for bone, at in zip(ours, np.argwhere(mask), strict=True):
        distance, _ = tree.query(at * np.array(spacing[::-1]))
        nearest = there[tree.query_ball_point(at * np.array(spacing[::-1]), distance + 1e-6)]
        assert bone in named[tuple(nearest.T)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("value\tbone\n1\tskull\n", "theirs.tsv: no column class; a mapping has value, class, bone"),
        ("value,class,bone\n1,a,skull\n", "no column value, class, bone"),
        ("", "no column value, class, bone"),
        ("value\tclass\tbone\n", "no row names a bone"),
        ("value\tclass\tbone\n1\ta\t\n", "no row names a bone"),
        ("value\tclass\tbone\n1\ta\tskull\nx\tb\tskull\n", "row 3: value is 'x'; give a whole number from 0 to 65535"),
        ("value\tclass\tbone\n1.5\ta\tskull\n", "row 2: value is '1.5'"),
        ("value\tclass\tbone\n-1\ta\tskull\n", "row 2: value is '-1'"),
        ("value\tclass\tbone\n65536\ta\tskull\n", "row 2: value is '65536'"),
        ("value\tclass\tbone\n\ta\tskull\n", "row 2: value is ''"),
        ("value\tclass\tbone\n1\ta\tskull\n1\tb\t\n", "row 3: value 1 has a row already, 'a'"),
        ("value\tclass\tbone\n0\tair\tskull\n", "row 2: value 0 is the background"),
        ("value\tclass\tbone\n1\ta\tskul\n", "row 2: bone 'skul' is not in the bone table, which has skull, cervical"),
        ("value\tclass\tbone\n1\ta\tskull,sacrum\n", "row 2: bone is 'skull,sacrum'; give every bone a share above 0"),
        ("value\tclass\tbone\n1\ta\tskull:0.5,sacrum:0.4\n", "shares that add up to 1"),
        ("value\tclass\tbone\n1\ta\tskull:1.5,sacrum:-0.5\n", "a share above 0"),
        ("value\tclass\tbone\n1\ta\tskull:nan,sacrum:1\n", "a share above 0"),
        ("value\tclass\tbone\n1\ta\tskull:half,sacrum:0.5\n", "a share above 0"),
        ("value\tclass\tbone\n1\ta\tskull:0.5\n", "shares that add up to 1"),
    ],
)
def test_a_wrong_table_is_told_with_its_row(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        read_mapping(table(tmp_path, text), BONES)


def test_a_file_that_is_no_table_is_told(tmp_path: Path) -> None:
    (tmp_path / "image.tsv").write_bytes(bytes(range(128, 256)))
    with pytest.raises(ConfigError, match=r"image.tsv: no table that can be read"):
        read_mapping(tmp_path / "image.tsv", BONES)
    with pytest.raises(ConfigError, match=r"absent.tsv: no table that can be read"):
        read_mapping(tmp_path / "absent.tsv", BONES)


def test_tables_from_spreadsheets_are_read(tmp_path: Path) -> None:
    """A byte-order mark, Windows line ends, spaces, other columns, rows cut short, and the background."""
    text = "\ufeffvalue\tclass\tbone\tremark\r\n 7\tthigh \t femur_left\tx\r\n0\tair\r\n"
    text += "8\tknee\tskull : 0.25 , sacrum:0.75\r\n"
    (tmp_path / "theirs.tsv").write_bytes(text.encode())
    mapping = read_mapping(tmp_path / "theirs.tsv", BONES)
    assert mapping.classes == {7: "thigh", 0: "air", 8: "knee"}
    assert mapping.whole == {7: IDS["femur_left"]}
    assert mapping.parts[8] == (Part(IDS["skull"], 0.25), Part(IDS["sacrum"], 0.75))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_ready_made_tables_can_be_read_and_number_their_classes_from_1_up(path: Path) -> None:
    mapping = read_mapping(path, BONES)
    assert list(mapping.classes) == list(range(1, len(mapping.classes) + 1))
    assert len(set(mapping.classes.values())) == len(mapping.classes)


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_ready_made_tables_keep_left_and_right(path: Path) -> None:
    sides = {bone.name: bone.side for bone in BONES}
    for row in rows_of(path):
        if row["bone"] in sides:
            side = re.search(r"left|right|$", row["class"])
            assert side is not None
            assert sides[row["bone"]] == (side.group() or "middle"), row


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_ready_made_tables_and_the_bone_table_agree(path: Path) -> None:
    column = "vibe" if path.stem == "vibe" else "totalsegmentator"
    ours = {name: row["name"] for row in rows_of(DEFAULT_TABLE) for name in row[column].split(",")}
    several = {"vertebrae", "vertebra_body", "vertebra_posterior_elements"}
    for row in rows_of(path):
        if row["class"] in several:
            assert re.sub(r":[\d.]+", "", row["bone"]) == "cervical_spine,thoracic_spine,lumbar_spine"
        else:
            assert row["bone"] == ours.get(row["class"], ""), row


@pytest.mark.parametrize(
    ("name", "count", "known"),
    [
        # totalsegmentator/map_to_binary.py of TotalSegmentator 2.5.0 and 2.18.0
        ("totalsegmentator_total_mr", 50, {1: "spleen", 18: "sacrum", 19: "vertebrae", 20: "intervertebral_discs",
            30: "humerus_left", 33: "scapula_right", 34: "clavicula_left", 37: "femur_right", 38: "hip_left",
            50: "brain"}),
        # the same file of TotalSegmentator 2.4.0
        ("totalsegmentator_total_mr_56", 56, {19: "vertebrae", 31: "humerus_right", 32: "fibula", 33: "tibia",
            34: "femur_left", 37: "hip_right", 56: "brain"}),
        ("totalsegmentator_vertebrae_mr", 25, {1: "sacrum", 2: "vertebrae_L5", 6: "vertebrae_L1", 7: "vertebrae_T12",
            18: "vertebrae_T1", 19: "vertebrae_C7", 25: "vertebrae_C1"}),
        # VIBESegmentator's README, model 100
        ("vibe", 72, {23: "sacrum", 42: "humerus_left", 45: "scapula_right", 47: "clavicula_right", 48: "femur_left",
            51: "hip_right", 63: "sternum", 64: "costal_cartilages", 68: "IVD", 69: "vertebra_body",
            70: "vertebra_posterior_elements", 72: "bone_other"}),
    ],
)  # fmt: skip
def test_ready_made_tables_have_the_values_that_the_programs_write(
    name: str, count: int, known: dict[int, str]
) -> None:
    classes = read_mapping(SCHEMAS / "mappings" / f"{name}.tsv", BONES).classes
    assert len(classes) == count
    assert {value: classes[value] for value in known} == known


def test_the_config_names_a_table_by_name_by_path_or_as_ids(tmp_path: Path) -> None:
    bone_table = tmp_path / "bones.tsv"
    own = table(tmp_path, ROWS)
    assert mapping_table("ids", SCHEMAS, bone_table) == bone_table
    assert mapping_table("vibe", SCHEMAS, bone_table) == SCHEMAS / "mappings" / "vibe.tsv"
    assert mapping_table(str(own), SCHEMAS, bone_table) == own
    chosen = [{"mapping": "vibe"}, {"mapping": str(own), "folder": None}]
    assert mapping_tables(chosen, SCHEMAS, bone_table) == [SCHEMAS / "mappings" / "vibe.tsv", own]
    with pytest.raises(ConfigError, match="did you mean 'totalsegmentator_total_mr'"):
        mapping_table("totalsegmentator_totalmr", SCHEMAS, bone_table)


def test_the_maps_of_a_scan_are_found_in_the_order_of_the_config(tmp_path: Path) -> None:
    for folder, file in (("a", "P1.nii"), ("b", "P1.nii"), ("b", "P1.nii.gz"), ("a", "P10.nii.gz")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / file).touch()
    a, b = tmp_path / "a", tmp_path / "b"
    chosen = [{"folder": f"{b}/", "mapping": "vibe"}, {"mapping": "ids"}, {"folder": str(a), "mapping": "ids"}]
    assert maps_of("P1", "sheet/P1.nii", chosen) == [f"{b}/P1.nii.gz", "sheet/P1.nii", f"{a}/P1.nii"]


def test_every_map_that_a_scan_lacks_is_told(tmp_path: Path) -> None:
    chosen = [{"folder": str(tmp_path), "mapping": "vibe"}, {"folder": None, "mapping": "ids"}]
    with pytest.raises(ConfigError) as told:
        maps_of("P1", None, chosen)
    first, second = str(told.value).splitlines()
    assert f"{tmp_path} has no P1.nii.gz or P1.nii or P1.nrrd or P1.mha; add it" in first
    assert "scan P1 leaves empty; fill it in, or name a folder" in second


def test_what_is_read_at_parse_time_loads_no_array_library() -> None:
    read = "marrow.bones.precomputed.choice, marrow.bones.precomputed.mapping"
    code = f"import sys, {read}; print({{'numpy', 'SimpleITK'}} & set(sys.modules))"
    scripts = Path(map_bones.__file__).parent
    done = subprocess.run([sys.executable, "-c", code], cwd=scripts, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
