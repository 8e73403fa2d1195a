"""Maps of where a run looks: which are drawn, what lies in a voxel, and what is said of them."""

import csv
import json

import nibabel
import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image

import draw_map
import learning_sets
import predict_bags
import write_manifest
from marrow.bags.bag import Bag, Layout, Task
from marrow.bags.file import write_bags
from marrow.bags.patches.cutting import cut
from marrow.bags.patches.place import affine_of
from marrow.errors import ConfigError, RunStopped
from marrow.explanation.localisation.per_bone import weights_of_bones
from marrow.explanation.localisation.prediction import prediction_of
from marrow.explanation.localisation.volume_map import mean_of_patches
from marrow.imaging.grid import Grid
from marrow.imaging.nifti import write_voxels
from marrow.learning.build import build_model
from marrow.learning.scaling import Scaling
from marrow.planning.cohort import Cohort, load_cohort
from marrow.planning.config import complete, read_schema, spacing_of
from marrow.planning.datasets import plan_datasets
from marrow.planning.localisation import negatives, plan_localisation
from marrow.planning.runs import plan_runs
from marrow.planning.sheet import Scan
from marrow.runs.model_file import About, save_model
from marrow.workflow.parse import REPOSITORY

SCHEMAS = REPOSITORY / "schemas"
SCHEMA = read_schema(SCHEMAS / "config.schema.yaml")
CLASSES = ("non-active", "focal", "diffuse")
EDGE, MARGIN = 8, 2
SCAN = "focal-1"
SETTINGS = {"quantity": "auto", "top": 3, "guided": True}
OUTPUTS = {
    "weights": "map.nii.gz",
    "weights_original": "original.nii.gz",
    "figure": "figure.png",
    "bone_weights": "bones.csv",
    "top": "top.png",
    "about": "about.json",
}


# Which maps


def plan(cohort=None, **settings):
    config = complete(settings, SCHEMA)
    cohort = cohort or load_cohort(config, SCHEMAS)
    data = plan_datasets(config, cohort, SCHEMAS, spacing_of(config))
    runs = plan_runs(config, data, SCHEMAS)
    return plan_localisation(config, cohort, data, runs), data, runs


def test_the_demo_has_maps_of_atmil_for_tested_and_predicted_scans():
    made, _, runs = plan()
    run = runs.run("scans", "atmil", 0)
    assert {(drawn.run.method, drawn.run.seed) for drawn in made.maps} == {("atmil", 0)}
    assert {drawn.scan for drawn in made.maps if drawn.is_predicted} == {"predict-01-1"}
    tested = made.lesions["scans"]
    assert {drawn.scan for drawn in made.maps if not drawn.is_predicted} == set(tested)
    assert made.map(run, "predict-01-1").source == "results/predicted/scans-predict/atmil/seed-0"
    assert made.map(run, tested[0]).folder == f"results/maps/scans/atmil/seed-0/{tested[0]}"


def test_the_reference_method_is_drawn_and_only_its_first_seed():
    made, _, _ = plan(runs={"scans": {"methods": ["mil-max", "uniform", "cosine"], "seeds": [4, 7]}})
    assert {(drawn.run.method, drawn.run.seed) for drawn in made.maps} == {("uniform", 4)}
    made, _, _ = plan(runs={"scans": {"methods": ["mil-max"]}})
    assert {drawn.run.method for drawn in made.maps} == {"mil-max"}


def test_maps_are_drawn_of_the_methods_and_seeds_that_the_config_names():
    runs = {"scans": {"methods": ["mil-max", "atmil"], "seeds": 3}}
    made, _, _ = plan(runs=runs, maps={"methods": ["mil-max", "atmil"], "seeds": [0, 2]})
    assert {(drawn.run.method, drawn.run.seed) for drawn in made.maps} == {
        (method, seed) for method in ("mil-max", "atmil") for seed in (0, 2)
    }
    assert plan(maps={"methods": []})[0].maps == ()


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        (
            {"methods": ["atmill"]},
            "names 'atmill', of which there is no run on scans; did you mean 'atmil'?",
        ),
        ({"seeds": [5]}, "maps.seeds names 5, and the seeds of runs on scans are 0"),
    ],
)
def test_a_method_or_seed_that_is_not_run_is_told_before_any_work(maps, message):
    with pytest.raises(ConfigError) as raised:
        plan(maps=maps)
    assert message in str(raised.value)


def test_runs_on_tables_are_not_scored_for_nothing_in_them_is_labelled():
    datasets = {"scans": {"kind": "scans"}, "musk1": {"kind": "classical", "table": "musk1"}}
    made, _, runs = plan(datasets=datasets, runs={"scans": {}, "musk1": {"methods": ["attention"]}})
    assert {run.entry for run in runs.runs} == {"scans", "musk1"}
    assert {run.entry for run in made.scored} == {"scans"}
    assert made.of_entry("musk1") == ()


def test_negative_are_classes_of_healthy_and_inactive_scans_alone_and_the_first_of_generated_bags():
    labels = {"focal": ["focal"], "well": ["healthy"], "mixed": ["inactive", "diffuse"], "treated": ["inactive"]}
    classes = {name: held for name, held in labels.items() if name != "mixed"}
    _, data, runs = plan(datasets={"scans": {"kind": "scans", "classes": classes}})
    assert negatives(runs.runs[0], data) == [1, 2]
    active = {"focal": ["focal"], "other": ["inactive", "diffuse"]}
    _, data, runs = plan(datasets={"scans": {"kind": "scans", "classes": active}})
    assert negatives(runs.runs[0], data) == []
    _, data, runs = plan(datasets={"tests": {"kind": "concepts"}}, runs={"tests": {}})
    assert negatives(runs.runs[0], data) == [0]


def test_scans_without_a_lesion_mask_are_mapped_and_not_asked_for_one():
    masks = {"focal": {"lesions": "mask.nii"}, "diffuse": {}}
    scans = [
        Scan(f"{label}-{split}", f"{label}-{split}", label, split, truths=truths)
        for label, truths in masks.items()
        for split in ("train", "test")
    ]
    made, _, _ = plan(
        Cohort(scans), samples="samples.tsv", bones={"source": "precomputed"}, runs={"scans": {"seeds": 1}}
    )
    assert made.lesions["scans"] == ["focal-test"]
    assert {drawn.scan for drawn in made.maps} == {"focal-test", "diffuse-test"}


# What lies in a voxel


def test_a_voxel_has_the_mean_of_the_patches_that_cover_it_and_nothing_outside_of_bone():
    bone = np.ones((4, 4, 9), bool)
    bone[0] = False
    corners = np.array([[0, 0, 0], [2, 0, 0]], np.int16)
    found = mean_of_patches(np.array([1.0, 3.0]), corners, 4, bone)
    assert found[1, 1].tolist() == [1, 1, 2, 2, 3, 3, 0, 0, 0]
    assert not found[0].any()
    assert found.dtype == np.float32


def test_even_scores_give_an_even_map_however_patches_overlap():
    chance = np.random.default_rng(0)
    corners = chance.integers(0, 12, (50, 3)).astype(np.int16)
    found = mean_of_patches(np.full(50, 0.7), corners, 6, chance.random((18, 18, 18)) < 0.5)
    assert np.unique(found).tolist() == [0, np.float32(0.7)]


def test_shares_of_bones_add_up_and_a_bone_without_patches_has_none():
    values, bones = np.array([1.0, 2.0, 5.0]), np.array([0, 2, 2])
    table = weights_of_bones(values, bones, ("skull", "spine", "hip")).set_index("bone")
    assert table["share"].to_dict() == {"skull": 0.125, "spine": 0, "hip": 0.875}
    assert table.loc["hip"].to_dict() == {
        "share": 0.875,
        "instances": 2,
        "even": pytest.approx(2 / 3),
        "mean": 3.5,
        "highest": 5,
    }
    assert table.loc["spine", "instances"] == 0
    assert table.loc["spine", ["mean", "highest"]].isna().all()


def test_a_prediction_has_a_range_over_seeds_and_none_of_one():
    def table(*values):
        return pa.table({"bag": ["a", "b"], "p_no": [0.5, 1 - values[0]], "p_yes": [0.5, values[0]]})

    several = prediction_of("b", table(0.9), [table(0.6), table(0.75)], ("no", "yes"))
    assert several.words() == "yes 0.90 (0.60 to 0.90 over 3 seeds)"
    assert several.mean["yes"] == pytest.approx(0.75)
    assert prediction_of("b", table(0.9), [], ("no", "yes")).words() == "yes 0.90"


# A whole map


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """A scan with a bright corner, its bag, a model with fresh weights, and all that the map is made of."""
    folder = tmp_path_factory.mktemp("scan")
    grid = Grid((24, 20, 32), (2.0, 2.0, 2.0), (-10.0, 5.0, 30.0), (1, 0, 0, 0, -1, 0, 0, 0, 1))
    original = Grid((16, 10, 20), (3.0, 4.0, 3.2), (-9.5, 6.0, 30.6), (1, 0, 0, 0, -1, 0, 0, 0, 1))
    chance = np.random.default_rng(3)
    volume = chance.normal(30, 4, grid.size[::-1]).astype(np.float32)
    volume[:12, :12, :12] += 60
    bones = np.zeros(volume.shape, np.uint8)
    bones[2:30, 2:16, 2:14] = 1
    bones[2:30, 2:16, 14:22] = 2
    lesions = np.zeros(volume.shape, np.uint8)
    lesions[4:10, 4:10, 4:10] = 1
    corners = np.array([[i, j, k] for k in (0, 8, 16, 24) for j in (0, 8) for i in (0, 8, 16)], np.int16)
    layout = Layout(
        (1, *(EDGE + 2 * MARGIN,) * 3),
        "float16",
        margin=MARGIN,
        channels=("b900",),
        spacing_mm=2.0,
        tasks=(Task("bone", ("skull", "hip_left", "toe")),),
        instance_label="share of lesion",
        classes=CLASSES,
    )

    def as_scan(split):
        return Bag(
            bag=SCAN if split == "test" else f"focal-{split}",
            patches=cut(volume, corners, EDGE, MARGIN)[:, None].astype(np.float16),
            patient=split,
            affine=affine_of(grid),
            corners=corners,
            auxiliary={"bone": (corners[:, 0] >= 8).astype(np.uint8)},
            instance_label=cut(lesions, corners, EDGE).mean(axis=(1, 2, 3)).astype(np.float32),
            split=split,
            label="focal",
        )

    manifest = folder / "manifests/small.parquet"
    for path in (bag_file := folder / "bags/small.parquet", manifest):
        path.parent.mkdir()
    write_bags([as_scan(split) for split in ("train", "test")], layout, bag_file)
    write_manifest.main(bags=[bag_file], manifest=manifest, dataset="small", classes=[], rows=[], selection={})
    files = {"background": volume, "bones": bones, "lesions": lesions}
    for name, values in files.items():
        write_voxels(values, grid, folder / f"{name}.nii")
    write_voxels(np.zeros(original.size[::-1], np.float32), original, folder / "original.nii")
    torch.manual_seed(0)
    settings = learning_sets.settings(encoder={"kind": "lenet3d", "kernel": 3}, auxiliary=[])
    model = build_model(
        settings, layout, 3, Scaling(torch.full((1, 1, 1, 1), 30.0), torch.full((1, 1, 1, 1), 20.0)), {}
    )
    save_model(model, About("mine", settings, 0, "small", CLASSES, layout), folder / "model.safetensors")
    tables = {name: folder / f"{name}.parquet" for name in ("predictions", "instances")}
    predict_bags.main(model=folder / "model.safetensors", manifest=manifest, threads=1, **tables)
    return folder


def drawn(source, folder, **changed):
    given = {
        **{name: source / f"{name}.nii" for name in ("background", "bones", "original")},
        **{name: source / f"{name}.parquet" for name in ("instances", "predictions")},
        **{name: folder / file for name, file in OUTPUTS.items()},
        "model": source / "model.safetensors",
        "other_seeds": [source / "predictions.parquet"],
        "manifest": source / "manifests/small.parquet",
        "lesions": [source / "lesions.nii"],
        "scan": SCAN,
        "title": "ATMIL <script>$x$",
        "contrast": "b900",
        "negatives": [0],
        "settings": SETTINGS,
        "threads": 1,
    }
    folder.mkdir(exist_ok=True)
    draw_map.main(**{**given, **changed})
    return {name: folder / file for name, file in OUTPUTS.items()}


def pixels(path):
    """(rows, columns, 3), of a PNG."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


@pytest.fixture(scope="module")
def files(scan, tmp_path_factory):
    return drawn(scan, tmp_path_factory.mktemp("map"))


def test_a_map_lies_on_the_grids_of_the_scan_and_of_the_original_image(scan, files):
    bones, original = (nibabel.load(scan / f"{name}.nii") for name in ("bones", "original"))
    on_grid, on_original = (nibabel.load(files[name]) for name in ("weights", "weights_original"))
    for made, grid in ((on_grid, bones), (on_original, original)):
        assert made.shape == grid.shape
        np.testing.assert_allclose(made.affine, grid.affine, atol=1e-4)
    inside = np.asarray(bones.dataobj) > 0
    values = np.asarray(on_grid.dataobj)
    assert (values[inside] > 0).all()
    assert not values[~inside].any()
    centre = np.linalg.inv(bones.affine) @ original.affine @ [6, 4, 9, 1]
    i, j, k = np.rint(centre[:3]).astype(int)
    assert np.asarray(on_original.dataobj)[6, 4, 9] == values[i, j, k] > 0


def test_a_map_says_what_it_shows(files):
    told = json.loads(files["about"].read_text())
    assert (told["quantity"], told["class"]) == ("contribution", "focal or diffuse")
    assert told["scaling"] == "attention × number of instances × probability of focal or diffuse"
    assert told["combined"] == "mean over the patches that cover a voxel"
    assert (told["scan"], told["label"], told["seeds"], told["instances"]) == (SCAN, "focal", 2, 24)
    assert sum(one["own"] for one in told["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert set(told["probabilities"]) == set(CLASSES)


def test_the_table_of_bones_has_a_row_for_each_and_shares_that_add_up(files):
    rows = list(csv.DictReader(files["bone_weights"].read_text().splitlines()))
    assert list(rows[0])[:3] == ["bone", "share", "instances"]
    assert [row["instances"] for row in rows] == ["8", "16", "0"]
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1, abs=1e-5)


def test_the_same_map_has_the_same_bytes(scan, files, tmp_path):
    again = drawn(scan, tmp_path)
    for name, path in files.items():
        assert path.read_bytes() == again[name].read_bytes(), name


def test_a_map_shows_the_quantity_that_is_asked_for(scan, files, tmp_path):
    asked = drawn(scan, tmp_path, settings={**SETTINGS, "quantity": "attention", "guided": False})
    told = json.loads(asked["about"].read_text())
    assert (told["quantity"], told["class"]) == ("attention", "none: attention is for the verdict as a whole")
    values = [np.asarray(nibabel.load(made["weights"]).dataobj) for made in (files, asked)]
    assert values[1][values[1] > 0].mean() == pytest.approx(1, abs=0.2)
    assert not np.allclose(*values)
    heights = [len(pixels(made["top"])) for made in (files, asked)]
    assert heights[0] > heights[1] + 50  # the row of guided backpropagation


def test_lesions_are_drawn_where_somebody_marked_them(scan, files, tmp_path):
    without = drawn(scan, tmp_path, lesions=[])
    pictures = [pixels(made["figure"]) for made in (files, without)]
    blue = [int(((picture[..., 2] - picture[..., 0]) > 90).sum()) for picture in pictures]
    assert blue[0] > 50 > blue[1]


def test_a_scan_without_a_bag_and_a_stopped_run_are_told(scan, tmp_path):
    empty = tmp_path / "empty"
    empty.touch()
    with pytest.raises(RunStopped, match="no-such has no bag, so there is nothing to draw"):
        drawn(scan, tmp_path, scan="no-such")
    with pytest.raises(RunStopped, match="has no bag, so there is nothing to draw"):
        drawn(scan, tmp_path, manifest=empty)
    with pytest.raises(RunStopped, match="the run was stopped; its record says why"):
        drawn(scan, tmp_path, instances=empty)
    assert drawn(scan, tmp_path, other_seeds=[empty])["about"].exists()
    with pytest.raises(RunStopped, match=r"set maps.quantity to one of these"):
        drawn(scan, tmp_path, negatives=[], settings={**SETTINGS, "quantity": "contribution"})
