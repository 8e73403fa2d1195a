"""The cohort that a config names: its scans in a fixed order, and what must be there before anything starts."""

from pathlib import Path

import pytest

from marrow.errors import ConfigError
from marrow.planning.cohort import Cohort, ask_for_samples, load_cohort
from marrow.planning.config import complete, read_schema
from marrow.planning.sheet import Scan
from marrow.planning.splits.memory import MEMORY, remember

SCHEMAS = Path(__file__).parents[2] / "schemas"
SCHEMA = read_schema(SCHEMAS / "config.schema.yaml")


def load(**config):
    return load_cohort(complete(config, SCHEMA), SCHEMAS)


def test_scans_stand_in_the_order_of_their_ids():
    scans = [Scan("S2", "P2", split="train"), Scan("S1", "P1", split="train"), Scan("S3", "P3", split="test")]
    assert Cohort(scans).ids == ["S1", "S2", "S3"]
    assert Cohort(scans[::-1]).standard == ["S1", "S2"]


def test_without_a_sheet_the_simulated_cohort_is_used_with_its_truths():
    cohort = load(simulate={"patients": {"focal": 1, "healthy": 0, "inactive": 0, "diffuse": 0, "predict": 1}})
    assert [scan.split for scan in cohort] == ["train", "predict"]
    assert cohort.with_truth("bones") == cohort.ids


def test_a_cohort_to_fit_nothing_on_is_refused_with_what_to_do():
    with pytest.raises(ConfigError, match=r"split train.*standard\.frozen"):
        load(simulate={"patients": {"focal": 0, "healthy": 0, "inactive": 0, "diffuse": 0, "predict": 1}})


def test_a_standard_is_not_frozen_to_the_place_where_it_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results/standard").mkdir(parents=True)
    for contrast in ("fat", "water", "b50", "b900"):
        (tmp_path / f"results/standard/{contrast}.npy").touch()
    with pytest.raises(ConfigError, match="copy the folder elsewhere"):
        load(standard={"frozen": str(tmp_path / "results/standard")})


@pytest.mark.parametrize("config", [{"standard": {"frozen": "nowhere"}}, {"bone_table": "nowhere/b900.npy"}])
def test_a_file_that_the_config_names_must_exist(config):
    with pytest.raises(ConfigError, match=r"nowhere/b900\.npy does not exist"):
        load(**config)


@pytest.fixture
def sheet(tmp_path, monkeypatch):
    """Loads the cohort of a sheet of (scan, patient, label, split) in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    Path("image.nii").touch()

    def write(rows, **splits):
        lines = ["\t".join([*row, "image.nii"]) for row in rows]
        Path("samples.tsv").write_text("\n".join(["scan\tpatient\tlabel\tsplit\twater", *lines, ""]))
        return load(samples="samples.tsv", contrasts=["water"], splits=splits)

    return write


ROWS = [(f"S{n}", f"P{n}", "focal" if n < 30 else "diffuse", "") for n in range(60)]


def test_a_sheet_without_splits_is_split_by_the_rule_and_says_what_is_short(sheet):
    cohort = sheet([*ROWS, ("H", "H", "healthy", ""), ("N", "N", "", "")])
    assert len(cohort.standard) > 30
    assert cohort["N"].split == "predict"
    assert len(cohort.notes) == 1
    assert "non-active has no scan in test" in cohort.notes[0]


def test_a_cohort_keeps_what_was_remembered_of_it(sheet):
    first = sheet(ROWS[:31])
    config = complete({}, SCHEMA)["splits"]
    remember(MEMORY, first.assignment, config)
    grown = sheet(ROWS)
    assert all(grown[scan.scan].split == scan.split for scan in first)
    assert "assigned anew" in sheet(ROWS, seed=3).notes[0]


def test_a_frozen_split_file_is_stronger_than_the_sheet(sheet):
    Path("frozen.tsv").write_text("patient\tsplit\nP1\ttest\nZ\ttest\n")
    cohort = sheet([("S1", "P1", "focal", "train"), *ROWS[2:9]], file="frozen.tsv")
    assert cohort["S1"].split == "test"
    assert [word for word in ("Z", "S1", "S2") if not any(word in note for note in cohort.notes)] == []


def test_scans_without_labels_can_define_the_standard(sheet):
    cohort = sheet([("A", "A", "", "reference"), ("B", "B", "", "predict")])
    assert cohort.standard == ["A"]
    assert [scan.split for scan in cohort] == ["predict", "predict"]
    assert sheet([("A", "A", "", "reference"), ("B", "B", "focal", "train")]).standard == ["A", "B"]


def test_a_patient_who_defines_the_standard_and_is_tested_is_noted(sheet):
    rows = [("A", "P", "", "reference"), ("B", "P", "focal", "test"), ("C", "Q", "focal", "train")]
    assert "1 patients define the intensity standard by one scan and test" in sheet(rows).sheet_notes[0]
    assert sheet([*rows[:1], *rows[2:]]).sheet_notes == []


@pytest.mark.parametrize(
    ("given", "keys"),
    [
        ({"splits": {"seed": 3}}, "splits.seed speaks"),
        ({"bones": {"annotations": "labels"}}, "bones.annotations speaks"),
        ({"bones": {"precomputed": {"maps": [{"folder": "maps"}]}}}, "bones.precomputed.maps speaks"),
        ({"on_stopped_scan": "report", "contrasts": ["water", "t1"]}, "on_stopped_scan, contrasts speak"),
    ],
)
def test_keys_that_speak_of_a_cohort_ask_for_its_sheet(given, keys):
    with pytest.raises(ConfigError, match=f"samples is empty.*did you forget it\\? {keys} of a cohort of yours"):
        ask_for_samples(given | {"samples": None})
    ask_for_samples(given | {"samples": "samples.tsv"})
    ask_for_samples(given | {"simulate": {"size": "mini"}})


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"samples": None, "contrasts": ["fat", "water", "b50", "b900", "adc"], "on_stopped_scan": "fail"},
        {"bones": {"source": "none"}, "datasets": {"digits": {"kind": "mnist-bags"}}, "runs": {"digits": {}}},
    ],
)
def test_the_demo_and_public_data_need_no_sheet(given):
    ask_for_samples(given)


def test_the_simulated_cohort_has_its_own_contrasts_alone():
    with pytest.raises(ConfigError, match="t1, and the simulated cohort has fat, water, b50 and b900 alone"):
        load(simulate={"size": "mini"}, contrasts={"t1": {"roles": ["grid"]}})
