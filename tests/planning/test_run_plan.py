"""Which runs a config asks for, what each depends on, and what a wrong wish is told; known before any work."""

import pytest

from marrow.errors import ConfigError
from marrow.planning.cohort import Cohort, load_cohort
from marrow.planning.config import complete, read_schema, spacing_of
from marrow.planning.datasets import plan_datasets
from marrow.planning.runs import ATMIL, ATTENTION, MIXTURE, plan_runs, run_folder
from marrow.planning.sheet import Scan
from marrow.workflow.fingerprint.values import canonical
from marrow.workflow.parse import REPOSITORY

SCHEMAS = REPOSITORY / "schemas"
SCHEMA = read_schema(SCHEMAS / "config.schema.yaml")
DIGITS = {"digits": {"kind": "mnist_bags", "training_bags": [50, 100]}}
TABLE = {"fox": {"kind": "classical", "table": "fox", "folds": 3, "repeats": 2}}
SCANS = {"scans": {"kind": "scans"}}
CONCEPTS = {"tests": {"kind": "concepts", "validation_bags": 0}}


def plan(runs=None, datasets=None, cohort=None, **settings):
    config = complete({"runs": runs, "datasets": datasets, **settings}, SCHEMA)
    data = plan_datasets(config, cohort or load_cohort(config, SCHEMAS), SCHEMAS, spacing_of(config))
    return plan_runs(config, data, SCHEMAS)


def names(made):
    return [(run.dataset, run.method, run.seed) for run in made.runs]


def told(settings):
    """What a run depends on, as a record would have it."""
    return canonical([settings.settings, settings.augmentation])


# Which


def test_without_settings_the_nine_methods_of_atmil_and_a_mixture_train_on_the_simulated_scans():
    made = plan()
    assert names(made) == [("scans", method, 0) for method in (*ATMIL, *MIXTURE)]
    assert made.datasets == ["scans"]


def test_a_sheet_has_three_seeds_and_the_published_epochs():
    scans = [Scan(scan=f"{label}-{split}", patient=f"{label}-{split}", label=label, split=split, images={}, truths={})
             for label in ("focal", "diffuse") for split in ("train", "test")]  # fmt: skip
    made = plan(cohort=Cohort(scans), samples="samples.tsv", bones={"source": "precomputed"})
    assert [run.seed for run in made.of_dataset("scans")[:4]] == [0, 1, 2, 0]
    assert {run.settings["training"]["epochs"] for run in made.runs} == {1000}
    assert max(run.settings["training"]["epochs"] for run in plan().runs) < 100


def test_nothing_is_trained_where_nothing_is_wanted_or_there_is_nothing_to_train_on():
    assert plan({}).runs == ()
    assert plan(bones={"source": "none"}).runs == ()
    assert plan(datasets=DIGITS).runs == ()
    predicted = {"healthy": 0, "inactive": 0, "focal": 1, "diffuse": 0, "predict": 1}
    only = {"none": {"kind": "scans", "classes": {"healthy": ["healthy"]}}}
    assert plan(datasets=only, simulate={"patients": predicted}).runs == ()


def test_every_manifest_of_an_entry_is_trained_on():
    made = plan({"digits": {"methods": ["attention"], "seeds": 2}, "fox": {"methods": ["attention"]}}, DIGITS | TABLE)
    assert names(made)[:4] == [(f"digits-{count}", "attention", seed) for count in (50, 100) for seed in (0, 1)]
    folds = [f"fox-{repeat}-{fold:02d}" for repeat in (1, 2) for fold in (1, 2, 3)]
    assert names(made)[4:] == [(fold, "attention", 0) for fold in folds]


def test_nobody_trains_on_scans_that_are_only_predicted():
    assert "scans-predict" not in plan().datasets


def test_an_entry_whose_name_begins_like_anothers_has_runs_of_its_own():
    entries = {"c": {"kind": "concepts"}, "c-2": {"kind": "concepts"}}
    assert plan({"c": {"methods": ["attention"], "seeds": 1}}, entries).datasets == ["c"]


def test_data_without_auxiliary_tasks_are_given_the_rows_of_attention_based_mil():
    made = plan({"digits": {"seeds": [4]}}, {"digits": {"kind": "mnist_bags", "training_bags": [50]}})
    assert names(made) == [("digits", method, 4) for method in ATTENTION]


def test_seeds_are_a_list_or_how_many():
    for seeds in (3, [0, 1, 2]):
        assert [run.seed for run in plan({"scans": {"methods": ["atmil"], "seeds": seeds}}).runs] == [0, 1, 2]


# What a run depends on


def test_another_method_seed_or_title_leaves_a_run_as_it_is():
    wanted = {"scans": {"methods": ["mine"], "seeds": 1}}
    entry = {"preset": "atmil", "training": {"epochs": 9}}
    one = plan(wanted, SCANS, methods={"mine": entry})
    more = {"mine": {**entry, "title": "Mine"}, "other": {"preset": "uniform"}}
    other = plan({"scans": {"methods": ["other", "mine"], "seeds": 3}}, SCANS, methods=more)
    assert told(one.run("scans", "mine", 0)) == told(other.run("scans", "mine", 0))
    assert [made.run("scans", "mine", 0).definition.title for made in (one, other)] == ["mine", "Mine"]


def test_training_of_an_entry_holds_for_all_its_methods_and_for_no_other_data():
    asked = {"methods": ["atmil", "uniform"], "seeds": 1}
    entries = SCANS | {"morpho": {"kind": "morpho", "training_bags": [100]}}
    made = plan({"scans": {**asked, "training": {"epochs": 3}}, "morpho": asked}, entries)
    assert [run.settings["training"]["epochs"] for run in made.runs] == [3, 3, 200, 200]


def test_a_run_depends_on_augmentation_only_where_it_augments():
    wanted, entries = {"scans": {"seeds": 1, "methods": ["atmil"]}, "fox": {"seeds": 1}}, SCANS | TABLE
    one, other = (plan(wanted, entries, augmentation={"gain": gain}) for gain in (0.05, 0.2))
    assert told(one.run("scans", "atmil", 0)) != told(other.run("scans", "atmil", 0))
    assert told(one.run("fox-1-01", "attention", 0)) == told(other.run("fox-1-01", "attention", 0))
    off = plan({"scans": {"methods": ["atmil"], "training": {"augment": False}}}, augmentation={"gain": 0.3})
    assert off.runs[0].augmentation is None


def test_all_auxiliary_tasks_of_the_scans_are_learnt_where_there_are_two():
    made = plan({"scans": {"methods": ["atmil"]}}, {"scans": {"kind": "scans", "height": True}})
    assert made.runs[0].settings["auxiliary"] == ["bone", "height"]
    assert plan().run("scans", "atmil", 0).settings["auxiliary"] == ["bone"]


def test_settings_can_be_written_into_a_record():
    for run in plan().runs:
        assert canonical(run.settings)
        of_attributes = {"attributes", "expert", "fusion", "start"} if run.method in MIXTURE else set()
        always = {"encoder", "pooling", "auxiliary", "heads", "weighting", "training"}
        assert run.settings.keys() == always | of_attributes


def test_the_plan_of_many_runs_is_made_in_no_time_per_fold():
    many = {name: {"kind": "classical", "table": name} for name in ("musk1", "musk2", "fox")}
    made = plan({name: {} for name in many}, many)
    assert len(made.runs) == 3 * 50 * 6
    assert len({run.folder for run in made.runs}) == len(made.runs)
    of_fox = {id(run.settings["encoder"]) for run in made.runs if run.dataset.startswith("fox")}
    assert len(of_fox) == 6


# Names


def test_a_run_is_found_by_its_name_and_has_a_folder():
    made = plan()
    run = made.run("scans", "atmil", 0)
    assert run.folder == "results/runs/scans/atmil/seed-0"
    assert run_folder("{dataset}", "{method}", "{seed}") == "results/runs/{dataset}/{method}/seed-{seed}"
    assert run in made.of_dataset("scans")
    assert made.of_dataset("scans-predict") == ()


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        (("scan", "atmil", 0), "no run on the data set 'scan'; did you mean 'scans'?"),
        (("scans", "atmill", 0), "no run of 'atmill' on scans; did you mean 'atmil'?"),
        (("scans", "atmil", 5), "with seed 5; its seeds are 0"),
    ],
)
def test_a_run_that_is_not_planned_is_told_with_those_that_are(name, remedy):
    with pytest.raises(ConfigError) as error:
        plan().run(*name)
    assert remedy in str(error.value)


def test_without_runs_a_run_is_told_that_there_are_none():
    with pytest.raises(ConfigError, match="there are none"):
        plan({}).run("scans", "atmil", 0)


# What is wrong


@pytest.mark.parametrize(
    ("runs", "datasets", "remedy"),
    [
        ({"scan": {}}, SCANS, "config: runs names 'scan', which is no entry of datasets; did you mean 'scans'?"),
        ({"scans": {}}, {}, "there are none"),
        ({"scans": {"method": ["atmil"]}}, SCANS, "unknown key 'runs.scans.method'; did you mean 'methods'?"),
        (
            {"scans": {"methods": ["atmill"]}},
            SCANS,
            "config: runs.scans: there is no method atmill; did you mean 'atmil'?",
        ),
        ({"scans": {"methods": ["atmil", "atmil"]}}, SCANS, "runs.scans.methods is ['atmil', 'atmil']"),
        ({"scans": {"methods": []}}, SCANS, "runs.scans.methods is []"),
        ({"scans": {"seeds": [1, 1]}}, SCANS, "runs.scans.seeds is [1, 1]"),
        ({"scans": {"seeds": 0}}, SCANS, "runs.scans.seeds is 0"),
        ({"scans": {"seeds": [-1]}}, SCANS, "-1"),
        (
            {"scans": {"training": {"epoch": 3}}},
            SCANS,
            "runs.scans.training: unknown key 'epoch'; did you mean 'epochs'?",
        ),
        ({"scans": {"training": {"epochs": 0}}}, SCANS, "config: runs.scans.training: epochs is 0"),
        ({"digits": {"methods": ["uniform"]}}, DIGITS, "runs.digits: the method uniform does not fit these data"),
        (
            {"tests": {}},
            CONCEPTS,
            "Instance+max looks at validation bags (training.choose is loss), and tests has none",
        ),
        ({"fox": {}}, {"fox": {**TABLE["fox"], "validation": 0}}, "and fox-1-01 has none; give it some"),
        ({"tests": {"methods": ["mil-max"], "training": {"patience": 3}}}, CONCEPTS, "training.patience is 3"),
    ],
)
def test_a_wrong_wish_is_told_with_its_place_and_a_remedy(runs, datasets, remedy):
    with pytest.raises(ConfigError) as error:
        plan(runs, datasets)
    assert remedy in str(error.value)


def test_scans_that_train_nobody_are_told():
    few = {"healthy": 0, "inactive": 0, "focal": 1, "diffuse": 0, "predict": 1}
    only = {"none": {"kind": "scans", "classes": {"healthy": ["healthy"]}}}
    with pytest.raises(ConfigError, match=r"runs.none: none has no training bags; label scans"):
        plan({"none": {}}, only, simulate={"patients": few})


def test_choosing_the_last_epoch_needs_no_validation_bags():
    made = plan({"tests": {"training": {"choose": "last"}, "seeds": 1}}, CONCEPTS)
    assert len(made.runs) == len(ATTENTION)


def test_methods_of_the_config_are_checked_though_nobody_trains_them():
    with pytest.raises(ConfigError, match=r"methods.mine: unknown key 'encoders'; did you mean 'encoder'"):
        plan(methods={"mine": {"encoders": {}}})


def test_a_method_is_named_as_a_path_can_be():
    with pytest.raises(ConfigError, match="must be a name of small letters, digits and -"):
        plan(methods={"My method": {}})
