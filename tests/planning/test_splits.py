"""Splits of patients: balanced as far as patients allow, never moved by growth; and what is short is told."""

import random
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from marrow.errors import ConfigError
from marrow.planning.config import complete, read_schema
from marrow.planning.sheet import Scan
from marrow.planning.splits.assignment import assign
from marrow.planning.splits.frozen import freeze, with_frozen
from marrow.planning.splits.memory import remember, remembered
from marrow.planning.splits.summary import split_lines

SCHEMA = read_schema(Path(__file__).parents[2] / "schemas/config.schema.yaml")
CLASS = {"healthy": "non-active", "inactive": "non-active", "focal": "focal", "diffuse": "diffuse"}
PAPER = {"healthy": 25, "inactive": 52, "focal": 110, "diffuse": 117}
HELD_OUT = {"use": "hold_out", "held_out": ["north"]}


def configured(**chosen):
    return complete({"splits": chosen}, SCHEMA)["splits"]


def cohort(sizes, scans_each=(1,), sites=("",), seed=0):
    """Patients with so many scans of each label; numbers of scans and sites are drawn."""
    draw = random.Random(seed)  # noqa: S311  (patients, not secrets)
    scans = []
    for label, size in sizes.items():
        patients = 0
        while size > 0:
            visits, site = min(size, draw.choice(scans_each)), draw.choice(sites)
            patients += 1
            name = f"{label}-{patients}"
            scans += [Scan(f"{name}-{visit}", name, label=label, site=site) for visit in range(visits)]
            size -= visits
    return scans


def counts(scans, splits, of=lambda scan: CLASS[scan.label]):
    return Counter((of(scan), splits[scan.scan]) for scan in scans)


@st.composite
def people(draw, most=40):
    """A cohort in some order: patients with up to three scans, possibly of several labels and sites."""
    names = draw(st.lists(st.integers(0, 999), min_size=1, max_size=most, unique=True))
    scans = []
    for name in names:
        visits = draw(
            st.lists(st.tuples(st.sampled_from([*PAPER]), st.sampled_from(["north", "south"])), min_size=1, max_size=3)
        )
        scans += [Scan(f"P{name}-{i}", f"P{name}", label=label, site=site) for i, (label, site) in enumerate(visits)]
    return scans


RULES = st.sampled_from(
    [
        {},
        {"test_per_class": 3},
        {"sites": {"use": "balance", "held_out": []}},
        {"folds": 3, "fold": 2},
        {"validation": 0},
    ]
)


@trials(max_examples=40)
@given(people(), RULES, st.data())
def test_a_growing_cohort_moves_nobody(scans, rule, data):
    chosen = configured(**rule)
    patients = list(dict.fromkeys(scan.patient for scan in scans))
    steps = data.draw(
        st.lists(st.integers(1, len(patients)), max_size=6).map(lambda cuts: sorted({*cuts, len(patients)}))
    )
    known, places = {}, {}
    for step in steps:
        grown = assign([scan for scan in scans if scan.patient in patients[:step]], chosen, places)
        assert known.items() <= grown.splits.items()
        known, places = grown.splits, grown.places


@trials(max_examples=25)
@given(people(), RULES, st.randoms(use_true_random=False))
def test_the_order_of_rows_and_a_second_look_change_nothing(scans, rule, chance):
    chosen = configured(**rule)
    first = assign(scans, chosen, {})
    mixed = chance.sample(scans, len(scans))
    assert assign(mixed, chosen, {}) == first
    assert assign(mixed, chosen, first.places) == first


@trials(max_examples=30)
@given(people(), RULES)
def test_no_patient_is_in_two_splits(scans, rule):
    splits = assign(scans, configured(**rule), {}).splits
    assert len({(scan.patient, splits[scan.scan]) for scan in scans}) == len({scan.patient for scan in scans})


@trials(max_examples=60)
@given(people(most=8), st.sampled_from([{}, {"test_per_class": 20}, {"sites": {"use": "balance"}}, {"classes": {}}]))
def test_every_class_trains_before_anything_else_is_served(scans, rule):
    chosen = configured(**rule)
    splits = assign(scans, chosen, {}).splits
    classes = {scan.label: CLASS[scan.label] if chosen["classes"] else scan.label for scan in scans}
    assert {classes[scan.label] for scan in scans if splits[scan.scan] == "train"} == set(classes.values())


@pytest.mark.parametrize("asked", [None, 20])
@pytest.mark.parametrize("scans_each", [(1,), (1, 2, 3)])
def test_the_papers_cohort_tests_twenty_scans_of_each_of_its_three_classes(asked, scans_each):
    scans = cohort(PAPER, scans_each)
    found = assign(scans, configured(test_per_class=asked), {})
    by_class = counts(scans, found.splits)
    assert {name: by_class[name, "test"] for name in CLASS.values()} == dict.fromkeys(CLASS.values(), 20)
    assert {name: by_class[name, "validation"] for name in CLASS.values()} == {
        "non-active": 4,
        "focal": 6,
        "diffuse": 6,
    }
    assert found.notes == ()


@trials(max_examples=40)
@given(st.tuples(*[st.integers(30, 120)] * 3), st.integers(0, 99), st.sampled_from([(1,), (1, 2), (1, 2, 4)]))
def test_classes_give_equally_many_scans_to_test_up_to_one_patient(sizes, seed, scans_each):
    scans = cohort(dict(zip(("inactive", "focal", "diffuse"), sizes, strict=True)), scans_each, seed=seed)
    by_class = counts(scans, assign(scans, configured(seed=seed), {}).splits)
    due = {
        name: min(0.2 * len(scans) / 3, 0.475 * size) for name, size in Counter(CLASS[s.label] for s in scans).items()
    }
    assert all(abs(by_class[name, "test"] - due[name]) <= max(scans_each) for name in due)


@pytest.mark.parametrize(("asked", "tested"), [(4, 3), (5, 6), (1, 3)])
def test_whole_patients_come_as_near_to_a_number_as_they_can(asked, tested):
    scans = cohort({"focal": 90}, scans_each=(3,))
    assert counts(scans, assign(scans, configured(test_per_class=asked), {}).splits)["focal", "test"] == tested


def test_a_cohort_that_came_patient_by_patient_has_the_shares_of_one_that_came_at_once():
    scans = cohort(dict.fromkeys(["healthy", "focal", "diffuse"], 60))
    random.Random(3).shuffle(scans)  # noqa: S311  (patients, not secrets)
    places = {}
    for number in range(1, len(scans) + 1):
        grown = assign(scans[:number], configured(), places)
        places = grown.places
    assert grown.notes == ()
    by_class = counts(scans, grown.splits)
    for name in CLASS.values():
        assert [by_class[name, split] for split in ("train", "validation", "test")] == pytest.approx(
            [45, 3, 12], abs=1.01
        )


@pytest.mark.parametrize(
    ("patients", "served", "told"),
    [
        (1, ["train"], "class focal has no scan in test and validation: it has 1 scan of 1 patient"),
        (2, ["test", "train"], "class focal has no scan in validation"),
        (
            3,
            ["test", "train", "validation"],
            "class focal is short in test: 1 of 6 scans (it has 3 scans of 3 patients)",
        ),
        (5, ["test"] * 2 + ["train"] * 2 + ["validation"], "class focal is short in test: 2 of 7 scans"),
    ],
)
def test_a_small_class_is_served_train_then_test_then_validation_and_what_it_lacks_is_told(patients, served, told):
    scans = cohort({"focal": patients, "diffuse": 60})
    found = assign(scans, configured(), {})
    assert sorted(found.splits[scan.scan] for scan in scans if scan.label == "focal") == served
    assert told in " ".join(found.notes)
    assert all(note.startswith("class focal") for note in found.notes)


def test_what_is_missing_is_filled_when_the_class_grows():
    small = cohort({"focal": 2, "diffuse": 60})
    first = assign(small, configured(), {})
    large = [*small, *(Scan(f"new-{n}", f"new-{n}", label="focal") for n in range(60))]
    by_class = counts(large, assign(large, configured(), first.places).splits)
    assert by_class["focal", "test"] == 12
    assert by_class["focal", "validation"] == 3


def test_what_cannot_be_undone_is_told():
    chosen = configured()
    first = assign(cohort({"focal": 60}), chosen, {})
    now = assign(cohort({"focal": 60, "diffuse": 20, "healthy": 20}), chosen, first.places)
    assert any("class focal has 12 scans in test, where 7 are due; nobody is moved" in note for note in now.notes)


def test_an_asked_number_is_followed_and_what_is_left_to_train_is_told():
    scans = cohort({"healthy": 25, "focal": 110})
    found = assign(scans, configured(test_per_class=20), {})
    assert counts(scans, found.splits)["non-active", "test"] == 20
    assert any("trains on 4 scans and tests on 20" in note for note in found.notes)


def test_labels_of_one_class_and_sites_on_request_are_spread_in_proportion():
    scans = cohort(PAPER, sites=("north", "south", "south"))
    chosen = configured(sites={"use": "balance"}, test_per_class=20)
    splits = assign(scans, chosen, {}).splits
    sizes = Counter((CLASS[scan.label], scan.label, scan.site) for scan in scans)
    tested = Counter((CLASS[s.label], s.label, s.site) for s in scans if splits[s.scan] == "test")
    whole = Counter(CLASS[scan.label] for scan in scans)
    assert all(abs(tested[group] - 20 * sizes[group] / whole[group[0]]) < 1 for group in sizes)


def test_classes_follow_the_config():
    scans = cohort({"healthy": 40, "inactive": 40, "focal": 40})
    splits = assign(scans, configured(classes={}), {}).splits
    assert {n for (_, split), n in counts(scans, splits, lambda s: s.label).items() if split == "test"} == {8}


def test_a_held_out_site_is_all_the_test_there_is():
    scans = cohort(PAPER, scans_each=(1, 2), sites=("north", "south"))
    found = assign(scans, configured(sites=HELD_OUT), {})
    assert {scan.scan for scan in scans if scan.site == "north"} == {
        s for s, split in found.splits.items() if split == "test"
    }
    others = [scan for scan in scans if scan.site == "south"]
    shares = Counter(found.splits[scan.scan] for scan in others)
    assert shares["validation"] == pytest.approx(0.05 * len(others), abs=3)


def test_a_held_out_site_that_was_seen_in_training_is_told():
    scans = [*cohort({"focal": 9}, sites=("south",)), Scan("again", "focal-1", label="focal", site="north")]
    earlier = {"focal-1": "train"}
    found = assign(scans, configured(sites=HELD_OUT), earlier)
    assert found.splits["again"] == "train"
    assert any("focal-1" in note and "held-out site" in note for note in found.notes)
    assert assign(scans, configured(sites=HELD_OUT), {}).splits["focal-1-0"] == "test"


def in_fold(scans, fold, places, folds=5, **more):
    return assign(scans, configured(folds=folds, fold=fold, **more), places)


def test_all_folds_test_everybody_once_and_are_equal_in_each_class():
    scans = cohort(PAPER, scans_each=(1, 2))
    tested = defaultdict(list)
    for fold in range(1, 6):
        found = in_fold(scans, fold, {})
        for scan in scans:
            if found.splits[scan.scan] == "test":
                tested[scan.patient].append(fold)
    assert {len(set(folds)) for folds in tested.values()} == {1}
    assert set(tested) == {scan.patient for scan in scans}
    sizes = Counter((CLASS[patient.split("-")[0]], folds[0]) for patient, folds in tested.items())
    labels = Counter((patient.split("-")[0], folds[0]) for patient, folds in tested.items())
    for of, found in ((set(CLASS.values()), sizes), (set(PAPER), labels)):
        for name in of:
            each = [found[name, fold] for fold in range(1, 6)]
            assert max(each) - min(each) <= 1


def test_growth_and_another_fold_move_nobody_between_folds():
    scans = cohort(PAPER)
    half = in_fold(scans[::2], 1, {})
    grown = [in_fold(scans, fold, half.places) for fold in (1, 2)]
    assert half.splits.items() <= grown[0].splits.items()
    assert grown[0].places == grown[1].places
    both = {s for s in grown[0].splits if grown[0].splits[s] == grown[1].splits[s] == "test"}
    assert both == set()
    by_class = counts(scans, grown[0].splits)
    assert by_class["focal", "test"] == pytest.approx(110 / 5, abs=1)


def test_beside_a_fold_a_share_validates_and_it_is_not_always_the_same():
    scans = cohort(PAPER)
    validating = [
        {s for s, split in in_fold(scans, fold, {}, validation=0.1).splits.items() if split == "validation"}
        for fold in (1, 2, 3)
    ]
    assert all(len(found) == pytest.approx(0.1 * 0.8 * 304, abs=3) for found in validating)
    assert set.intersection(*validating) == set()


def test_a_class_of_as_many_patients_as_folds_validates_and_a_smaller_one_is_told_of():
    scans = cohort({"focal": 50, "diffuse": 5, "healthy": 3})
    for fold in range(1, 6):
        found = in_fold(scans, fold, {})
        by_class = counts(scans, found.splits)
        assert [by_class["diffuse", split] for split in ("train", "validation", "test")] == [3, 1, 1]
        assert [note for note in found.notes if "non-active" in note and "fewer than the 5 folds" in note]


def test_turns_of_patients_who_left_are_taken_by_new_ones():
    before = in_fold(cohort({"focal": 50}), 1, {})
    stays = [scan for scan in cohort({"focal": 50}) if before.splits[scan.scan] != "test"]
    new = [Scan(f"new-{n}", f"new-{n}", label="focal") for n in range(10)]
    after = in_fold([*stays, *new], 1, before.places)
    assert {after.splits[scan.scan] for scan in new} == {"test"}


@pytest.mark.parametrize("rule", [{}, {"folds": 5}])
def test_given_splits_stand_and_unlabelled_scans_are_only_predicted(rule):
    given = [replace(scan, split="test") for scan in cohort({"focal": 6}, scans_each=(2,))[::2]]
    follow = [replace(scan, scan=f"{scan.scan}-again", split="") for scan in given]
    others = [
        Scan("none", "focal-1"),
        Scan("kept", "focal-2", label="focal", split="predict"),
        Scan("X", "X", label="focal"),
    ]
    splits = assign([*given, *follow, *others], configured(**rule), {"focal-1": "3" if rule else "train"}).splits
    assert {splits[scan.scan] for scan in [*given, *follow]} == {"test"}
    assert (splits["none"], splits["kept"]) == ("predict", "predict")
    assert splits["X"] in {"train", "test"}


def test_given_splits_count_towards_the_targets():
    scans = [replace(scan, split="test" if n < 10 else "") for n, scan in enumerate(cohort({"focal": 50}))]
    assert counts(scans, assign(scans, configured(), {}).splits)["focal", "test"] == 10


def test_a_patient_with_scans_of_several_classes_is_told_of_and_counts_in_each():
    mixed = [Scan(f"M{n}-{label}", f"M{n}", label=label) for n in range(30) for label in ("inactive", "focal")]
    scans = [*mixed, *cohort({"focal": 30, "diffuse": 60})]
    found = assign(scans, configured(), {})
    by_class = counts(scans, found.splits)
    assert [by_class[name, "test"] for name in ("non-active", "focal", "diffuse")] == [10, 10, 10]
    assert any(note.startswith("30 patients have scans of several classes") for note in found.notes)


def test_another_seed_tests_others():
    scans = cohort(PAPER)
    one, other = (assign(scans, configured(seed=seed), {}).splits for seed in (0, 1))
    assert one != other


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ({"validation": 0.5, "test": 0.5}, "sum must be below 1"),
        ({"folds": 5, "fold": 6}, "fold is 6, but there are 5 folds"),
        ({"folds": 5, "test_per_class": 20}, "folds and test_per_class"),
        ({"folds": 5, "sites": HELD_OUT}, "folds and sites.use: hold_out"),
        ({"sites": {"use": "hold_out"}}, "names no site"),
        ({"sites": {"use": "hold_out", "held_out": ["nroth"]}}, "'nroth'.*did you mean 'north'"),
        ({"classes": {"a": ["focal"], "b": ["focal"]}}, "label focal more than once"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(rule, told):
    with pytest.raises(ConfigError, match=told):
        assign(cohort({"focal": 9}, sites=("north", "south")), configured(**rule), {})


@pytest.mark.parametrize("rule", [{}, {"folds": 5}])
def test_what_is_remembered_comes_back_with_those_who_left(tmp_path, rule):
    memory, chosen = tmp_path / "results/splits.tsv", configured(**rule)
    scans = cohort(PAPER)
    first = assign(scans, chosen, {})
    remember(memory, first, chosen)
    remember(memory, assign(scans[:9], chosen, remembered(memory, chosen)[0]), chosen)
    assert remembered(memory, chosen) == (first.places, [])
    assert [file.name for file in memory.parent.iterdir()] == ["splits.tsv"]


def test_another_fold_a_frozen_file_and_the_order_of_lists_leave_the_memory_in_force(tmp_path):
    memory = tmp_path / "splits.tsv"
    chosen = configured(folds=5, sites={"held_out": ["a", "b"]}, classes={"x": ["focal", "diffuse"]})
    remember(memory, in_fold(cohort({"focal": 9}), 1, {}), chosen)
    same = configured(
        folds=5, fold=2, file="f.tsv", strict=True, sites={"held_out": ["b", "a"]}, classes={"x": ["diffuse", "focal"]}
    )
    assert remembered(memory, same) == remembered(memory, chosen)


def test_other_settings_assign_everybody_anew_and_say_so_until_they_are_reverted(tmp_path):
    memory, chosen, other = tmp_path / "splits.tsv", configured(), configured(seed=1)
    grown = assign(cohort({"focal": 40}), chosen, {"focal-1": "test", "focal-2": "test"})
    remember(memory, grown, chosen)
    places, notes = remembered(memory, other)
    assert (places, len(notes)) == ({}, 1)
    assert "assigned anew" in notes[0]
    remember(memory, assign(cohort({"focal": 40}), other, {}), other)
    assert remembered(memory, other)[1] == []
    assert remembered(memory, chosen) == (grown.places, [])


def test_without_memory_nobody_is_remembered_and_nobody_leaves_none(tmp_path):
    memory = tmp_path / "splits.tsv"
    assert remembered(memory, configured()) == ({}, [])
    remember(memory, assign([Scan("S", "P")], configured(), {}), configured())
    assert not memory.exists()


def test_what_is_remembered_already_is_not_written_again(tmp_path):
    memory, found = tmp_path / "splits.tsv", assign(cohort({"focal": 9}), configured(), {})
    remember(memory, found, configured())
    memory.chmod(0o400)
    before = memory.stat()
    remember(memory, found, configured())
    assert memory.stat() == before


@pytest.mark.parametrize(
    "damage",
    [
        lambda _text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "\n".join(text.split("\n")[:-3]) + "\n",
        lambda text: text.split("\n")[0],
        lambda text: text.replace("\ttrain", "\ttrian", 1),
        lambda text: text.replace("patient\tsplit", "patient\tturn"),
        lambda text: text.replace("# ", "", 1),
        lambda text: text.replace("focal-1\t", "focal-2\t"),
    ],
)
def test_a_damaged_memory_is_refused_with_a_remedy(tmp_path, damage):
    memory = tmp_path / "splits.tsv"
    remember(memory, assign(cohort({"focal": 30}), configured(), {}), configured())
    memory.write_text(damage(memory.read_text()))
    with pytest.raises(ConfigError, match=r"splits\.tsv.*splits\.file.*delete"):
        remembered(memory, configured())


@pytest.fixture
def frozen(tmp_path):
    """Writes a frozen file and applies it."""

    def apply(text, scans, **chosen):
        (tmp_path / "frozen.tsv").write_text(text)
        return with_frozen(scans, configured(file=str(tmp_path / "frozen.tsv"), **chosen))

    return apply


def test_a_frozen_file_wins_over_sheet_and_memory_and_says_where_they_differ(frozen):
    scans = [
        Scan("A1", "A", label="focal", split="train"),
        Scan("A2", "A", label="focal"),
        Scan("B1", "B", label="focal"),
    ]
    rows, notes = frozen("patient\tsplit\nA\ttest\nB\tvalidation\n", scans)
    assert [scan.split for scan in rows] == ["test", "test", "validation"]
    assert [note for note in notes if "A1" in note and "the file's were taken" in note]
    assert assign(rows, configured(), {"B": "train"}).splits["B1"] == "validation"


def test_a_row_of_a_scan_binds_its_patient_and_predict_binds_the_scan_alone(frozen):
    scans = [Scan(f"A{n}", "A", label="focal") for n in range(3)]
    rows, notes = frozen("# by hand\nscan\tsplit\nA0\ttest\nA1\tpredict\n", scans)
    assert [scan.split for scan in rows] == ["test", "predict", "test"]
    assert notes == []


def test_scans_that_are_only_predicted_stay_so(frozen):
    scans = [Scan("A0", "A"), Scan("A1", "A", label="focal", split="predict")]
    assert [scan.split for scan in frozen("patient\tsplit\nA\ttest\n", scans)[0]] == ["", "predict"]


def test_ids_that_sheet_or_file_lack_are_told_or_with_strict_refused(frozen):
    scans = [Scan("A0", "A", label="focal"), Scan("B0", "B", label="focal"), Scan("C0", "C")]
    text = "scan\tpatient\tsplit\nA0\tA\ttest\nA9\tA\ttest\nZ0\tZ\ttrain\n"
    rows, notes = frozen(text, scans)
    assert [scan.split for scan in rows] == ["test", "", ""]
    assert any("names 2 ids that the sheet lacks: A9, Z0" in note for note in notes)
    assert any("lacks 1 scans" in note and "B0" in note for note in notes)
    with pytest.raises(ConfigError, match=r"lacks B0; .*strict"):
        frozen(text, scans, strict=True)
    assert frozen(text, scans[:1], strict=True)[0][0].split == "test"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("scan\tsplit\nA0\ttrain\nA1\ttest\n", "patient A in train and in test"),
        ("scan\tsplit\nA0\ttrian\n", "'trian'; did you mean 'train'"),
        ("patient\tsplit\nA\tpredict\n", "only a scan can"),
        ("scan,split\nA0,train\n", "tab-separated; it has scan,split"),
        ("", "needs the column split"),
    ],
)
def test_a_wrong_frozen_file_is_refused(frozen, text, told):
    with pytest.raises(ConfigError, match=told):
        frozen(text, [Scan("A0", "A", label="focal"), Scan("A1", "A", label="focal")])


def test_a_frozen_file_must_exist_outside_of_the_results(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for file, told in (("nowhere.tsv", "does not exist"), ("results/splits.tsv", "keep a frozen split file elsewhere")):
        with pytest.raises(ConfigError, match=told):
            with_frozen([], configured(file=file))
    with pytest.raises(ConfigError, match="keep a frozen split file elsewhere"):
        freeze(Path("results/frozen.tsv"), [], {})


@pytest.mark.parametrize("rule", [{}, {"folds": 5, "fold": 3}])
def test_frozen_splits_come_back_whatever_the_rule_says_and_are_not_overwritten(tmp_path, rule):
    scans = [
        *cohort(PAPER, scans_each=(1, 2)),
        Scan("none", "none"),
        Scan("P", "focal-1", label="focal", split="predict"),
    ]
    found, file = assign(scans, configured(**rule), {}), tmp_path / "frozen.tsv"
    freeze(file, scans, found.splits)
    freeze(file, scans, found.splits)
    chosen = configured(seed=5, file=str(file), strict=True)
    again, notes = with_frozen(scans[::-1], chosen)
    assert assign(again, chosen, {}).splits == found.splits
    assert notes == []
    with pytest.raises(ConfigError, match="holds other splits"):
        freeze(file, scans[1:], found.splits)


def test_the_summary_counts_scans_and_patients_and_tells_the_notes():
    scans = [*cohort({"focal": 8, "healthy": 4}, scans_each=(2,), sites=("north",)), Scan("none", "none")]
    found = assign(scans, configured(), {})
    lines = split_lines(found, scans, configured())
    rows = {line.split()[0]: line.split()[1:] for line in lines if line}
    assert rows["non-active"][-2:] == ["4", "(2)"]
    assert rows["north"][-2:] == ["12", "(6)"]
    assert rows["all"][-2:] == ["13", "(7)"]
    assert rows["all"][-4:-2] == ["1", "(1)"]
    tested = [scan for scan in scans if found.splits[scan.scan] == "test" and scan.label == "focal"]
    assert rows["focal"][4:6] == [str(len(tested)), f"({len(tested) // 2})"]
    assert [line for line in lines if line.startswith("Note: ")] == [f"Note: {note}." for note in found.notes] != []
    assert "fold 2 of 5" in split_lines(in_fold(scans, 2, {}), scans, configured(folds=5, fold=2))[0]
