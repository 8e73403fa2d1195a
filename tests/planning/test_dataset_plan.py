"""Which data sets a config asks for, and of which files they are made; known before any work."""

import shutil
from pathlib import Path

import pytest

from marrow.errors import ConfigError
from marrow.planning.cohort import load_cohort
from marrow.planning.config import complete, read_schema, spacing_of
from marrow.planning.datasets import BAGS_PER_BLOCK, plan_datasets
from marrow.workflow.parse import REPOSITORY

SCHEMAS = REPOSITORY / "schemas"


def plan(datasets=None, schemas=SCHEMAS, **settings):
    given = {"datasets": datasets, **settings}
    config = complete(given, read_schema(SCHEMAS / "config.schema.yaml"))
    return plan_datasets(config, load_cohort(config, schemas), schemas, spacing_of(config))


def mnist(folder: Path) -> Path:
    for part in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            (folder / f"{part}-{kind}-ubyte.gz").touch()
    return folder


def test_without_settings_the_scans_are_the_data_set():
    made = plan()
    assert list(made.datasets) == ["scans", "scans-predict"]
    assert made.of_kind("scans") == ["scans"]


@pytest.mark.parametrize(
    ("spacing_mm", "edge", "stride", "margin"), [(2, 32, 16, 8), (3, 30, 15, 9), (4, 32, 16, 8), (10, 40, 20, 10)]
)
def test_patches_are_about_as_large_whatever_the_voxels(spacing_mm, edge, stride, margin):
    sampling = plan(resample={"spacing_mm": spacing_mm}).bag_sets["scans"].settings
    assert [sampling[key] for key in ("patch_mm", "stride_mm", "margin_mm")] == [edge, stride, margin]


def test_without_bones_there_is_no_data_set():
    assert plan(bones={"source": "none"}).datasets == {}


def test_a_predicted_scan_is_in_no_manifest_that_trains():
    made = plan()
    learned, predicted = (made.datasets[name] for name in ("scans", "scans-predict"))
    assert {row["split"] for row in learned.rows} == {"train", "validation", "test"}
    assert [row["bag"] for row in predicted.rows] == ["predict-01-1"]
    assert not set(learned.bags) & set(predicted.bags)


def test_without_predicted_scans_there_is_one_manifest():
    patients = dict.fromkeys(("healthy", "inactive", "focal", "diffuse"), 2) | {"predict": 0}
    assert list(plan(simulate={"patients": patients}).datasets) == ["scans"]


def test_a_cohort_that_is_only_predicted_has_one_manifest():
    patients = dict.fromkeys(("healthy", "inactive", "diffuse"), 0) | {"focal": 1, "predict": 1}
    made = plan({"none": {"kind": "scans", "classes": {"healthy": ["healthy"]}}}, simulate={"patients": patients})
    assert list(made.datasets) == ["none-predict"]


def test_scans_whose_label_is_in_no_class_are_left_out():
    made = plan({"two": {"kind": "scans", "classes": {"healthy": ["healthy"], "focal": ["focal"]}}})
    assert {row["label"] for row in made.datasets["two"].rows} == {"healthy", "focal"}


def test_larger_training_sets_contain_the_smaller():
    made = plan({"c": {"kind": "concepts", "training_bags": [60, 100, 150], "validation_bags": 50, "test_bags": 50}})
    small, middle, large = (made.datasets[name] for name in ("c-60", "c-100", "c-150"))
    assert small.selection == {"train": 60, "validation": 50, "test": 50}
    assert small.bags == middle.bags
    assert set(large.bags) - set(middle.bags) == {"results/bags/c/train-00100.parquet"}


def test_every_bag_that_is_asked_for_is_in_one_block():
    made = plan({"c": {"kind": "concepts", "training_bags": [120], "validation_bags": 0, "test_bags": 50}})
    blocks = made.bag_sets["c"].blocks
    numbers = [number for block in blocks.values() for number in range(block.first, block.first + block.count)]
    assert {block.count for block in blocks.values()} == {BAGS_PER_BLOCK}
    assert sorted(numbers) == sorted([*range(50), *range(150)])
    assert list(blocks) == ["train-00000", "train-00050", "train-00100", "test-00000"]


def test_counts_and_folds_leave_the_bags_as_they_are():
    made = plan({"c": {"kind": "concepts", "training_bags": [50]}, "d": {"kind": "concepts", "training_bags": [100]}})
    assert made.bag_sets["c"].settings == made.bag_sets["d"].settings
    tables = {name: {"kind": "classical", "table": "fox", "folds": n, "seed": n} for name, n in (("a", 2), ("b", 5))}
    made = plan(tables)
    assert made.bag_sets["a"].settings == made.bag_sets["b"].settings == {"kind": "classical", "table": "fox"}


def test_folds_make_a_data_set_each_of_the_same_bags():
    made = plan({"fox": {"kind": "classical", "table": "fox", "folds": 3, "repeats": 2}})
    assert list(made.datasets) == ["fox-1-01", "fox-1-02", "fox-1-03", "fox-2-01", "fox-2-02", "fox-2-03"]
    assert len({dataset.bags for dataset in made.datasets.values()}) == 1
    assert [(d.selection["repeat"], d.selection["fold"]) for d in made.datasets.values()][2:4] == [(0, 2), (1, 0)]


def test_a_source_is_read_where_the_config_says_and_downloaded_elsewhere(tmp_path):
    entry = {"bags": {"kind": "mnist_bags"}}
    folder = mnist(tmp_path)
    assert plan(entry, sources={"mnist": str(folder)}).bag_sets["bags"].sources == {"mnist": [folder.as_posix()]}
    fetched = plan(entry).bag_sets["bags"].sources["mnist"]
    assert len(fetched) == 4
    assert all(path.startswith("results/sources/mnist/") for path in fetched)


def test_a_kind_can_be_made_of_data_of_ones_own(tmp_path):
    schemas = tmp_path / "schemas"
    shutil.copytree(SCHEMAS, schemas)
    text = (SCHEMAS / "datasets/concepts.yaml").read_text().replace("instances:", "sources: [shelf]\ninstances:")
    (schemas / "datasets/mine.yaml").write_text(text)
    config = {"datasets": {"x": {"kind": "mine"}}, "sources": {"shelf": tmp_path.as_posix()}}
    assert plan(schemas=schemas, **config).bag_sets["x"].sources == {"shelf": [tmp_path.as_posix()]}
    with pytest.raises(ConfigError, match=r"sources.shelf is missing; datasets.x is made of it"):
        plan(schemas=schemas, datasets=config["datasets"])
    with pytest.raises(ConfigError, match=r"sources.shelf is no/such, which does not exist"):
        plan(schemas=schemas, datasets=config["datasets"], sources={"shelf": "no/such"})
    with pytest.raises(ConfigError, match=r"unknown key 'sources.shelf'"):
        plan(sources=config["sources"])


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"datasets": {"x": {"kind": "mosaic"}}}, "did you mean 'mosaics'"),
        ({"datasets": {"x": {}}}, "kind is missing"),
        ({"datasets": {"Über": {"kind": "blood"}}}, "must be a name of small letters, digits, - and _"),
        ({"datasets": {"x": {"kind": "scans", "stride": 8}}}, "config: datasets.x: unknown key 'stride'"),
        ({"datasets": {"x": {"kind": "scans", "contrasts": ["adc"]}}}, "which `contrasts` lacks"),
        ({"datasets": {"x": {"kind": "scans"}}, "bones": {"source": "none"}}, "bones.source is none"),
        ({"datasets": {"x": {"kind": "scans", "patch_mm": 20}}}, "no even number of voxels of 4 mm"),
        ({"datasets": {"x": {"kind": "scans", "stride_mm": 10}}}, "take a multiple of 4 mm"),
        ({"datasets": {"x": {"kind": "classical"}}}, "table is missing"),
        (
            {"datasets": {"x": {"kind": "mosaics"}}, "sources": {"mnist": "no/such/folder"}},
            "sources.mnist is no/such/folder, which does not exist. Get it from",
        ),
        ({"sources": {"mist": "x"}}, "did you mean 'mnist'"),
    ],
)
def test_a_wrong_entry_is_told_with_its_place_and_a_remedy(settings, told):
    with pytest.raises(ConfigError) as error:
        plan(**settings)
    assert told in str(error.value)


@pytest.mark.parametrize("name", ["c-training", "c-predict"])
def test_an_entry_cannot_have_the_name_of_a_part_of_a_data_set(name):
    with pytest.raises(
        ConfigError, match=f"datasets.{name}: names that end in -training or -predict are those of parts"
    ):
        plan({"c": {"kind": "concepts"}, name: {"kind": "concepts"}})


def test_two_entries_cannot_make_data_sets_of_one_name():
    entries = {"c": {"kind": "concepts", "training_bags": [5, 50]}, "c-50": {"kind": "concepts", "training_bags": [50]}}
    with pytest.raises(ConfigError, match="second data set c-50"):
        plan(entries)
