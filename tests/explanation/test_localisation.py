"""Which instances are key, and how well what a run says of instances points at them."""

from itertools import permutations
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from marrow.bags.bag import Layout
from marrow.explanation.localisation.bone_hits import bone_counts, bone_scores
from marrow.explanation.localisation.explained_bags import ExplainedBag
from marrow.explanation.localisation.free_response import choose_marks, curve, marked_scan, mean_sensitivity
from marrow.explanation.localisation.keys import key_instances
from marrow.explanation.localisation.lesions import lesions_of, pointed_at
from marrow.explanation.localisation.marking import best_threshold, marking_scores
from marrow.explanation.localisation.quantities import instance_outputs, quantities_of
from marrow.explanation.localisation.ranking import hit_chance, hit_scores, ranking_scores
from marrow.explanation.localisation.scored_bags import ScoredBag, ScoredBags, scored_bags
from marrow.explanation.localisation.scoring import Scans, score_run
from marrow.explanation.localisation.summary import PATIENTS, VALUES, summarise

DIGITS = Layout((1, 28, 28), "uint8", instance_label="digit", instance_classes=tuple("0123456789"))
MORPHO = Layout(
    (1, 28, 28), "uint8", instance_label="class", instance_classes=("healthy", "inactive", "focal", "diffuse")
)
LESIONS = Layout((1, 8, 8, 8), "float16", instance_label="share of lesion")
CLASSES = ("none", "focal", "diffuse")


def entry(bag, patient="", label_name="focal", label=1):
    return SimpleNamespace(bag=bag, patient=patient or bag, label_name=label_name, label=label, split="test")


def bag(scores, keys, name="a", patient=""):
    return ScoredBag(entry(name, patient), np.array(scores, float), np.array(keys, bool))


def judged(name, keys, label_name="focal", columns=None, **said):
    classes = said.pop("classes", CLASSES)
    arrays = {key: np.array(values, float) for key, values in said.items()}
    return ExplainedBag(
        entry(name, label_name=label_name, label=classes.index(label_name)),
        quantities_of(instance_outputs(arrays, classes, [0])),
        None if keys is None else np.array(keys, bool),
        label_name == classes[0],
        columns or {},
    )


def by_metric(scores):
    return {score.metric: score for score in scores}


# Which instances are key


KEY_CLASSES = {"positive": ["focal", "diffuse"]}


def test_an_instance_is_key_where_its_class_is_that_of_its_bag():
    labels = np.array([3, 9, 5, 9], np.uint8)
    assert key_instances(labels, "9", False, DIGITS, 0.05, {}).tolist() == [False, True, False, True]
    assert key_instances(labels, "3", False, DIGITS, 0.05, {}).tolist() == [True, False, False, False]


def test_where_a_class_has_no_instances_of_its_name_the_declared_ones_are_key():
    labels = np.array([0, 1, 2, 3], np.uint8)
    assert key_instances(labels, "positive", False, MORPHO, 0.05, KEY_CLASSES).tolist() == [False, False, True, True]
    assert key_instances(labels, "diffuse", False, MORPHO, 0.05, KEY_CLASSES).tolist() == [False, False, False, True]
    assert key_instances(labels, "unheard of", False, DIGITS, 0.05, KEY_CLASSES) is None


def test_a_patch_is_key_from_a_share_of_lesion_on_and_never_without_any():
    shares = np.array([0, 0.01, 0.05, 0.5], np.float32)
    assert key_instances(shares, "focal", False, LESIONS, 0.05, {}).tolist() == [False, False, True, True]
    assert key_instances(shares, "focal", False, LESIONS, 0, {}).tolist() == [False, True, True, True]


def test_a_bag_of_a_negative_class_has_no_key_instance_whatever_lies_in_it():
    assert not key_instances(np.array([0.5, 1], np.float32), "none", True, LESIONS, 0.05, {}).any()
    assert not key_instances(np.array([0, 1], np.uint8), "healthy", True, MORPHO, 0.05, {}).any()


def test_nobody_knows_what_is_key_without_labels_of_bag_and_instances():
    assert key_instances(None, "focal", False, LESIONS, 0.05, {}) is None
    assert key_instances(np.array([0.5], np.float32), "", False, LESIONS, 0.05, {}) is None
    assert key_instances(np.array([0.5, np.nan], np.float32), "focal", False, LESIONS, 0.05, {}) is None


# What is said of instances


def test_even_attention_is_one_in_bags_of_any_size():
    for count in (1, 3, 500):
        found = quantities_of(instance_outputs({"attention": np.full(count, 1 / count)}, CLASSES, [0]))
        assert list(found) == ["attention"]
        np.testing.assert_allclose(found["attention"].values, 1)


def test_probabilities_are_those_of_all_classes_that_are_not_negative():
    said = {"attention": [0.75, 0.25], "p_none": [0.9, 0.2], "p_focal": [0.1, 0.3], "p_diffuse": [0.0, 0.5]}
    found = quantities_of(instance_outputs({name: np.array(values) for name, values in said.items()}, CLASSES, [0]))
    np.testing.assert_allclose(found["instance-probability"].values, [0.1, 0.8])
    np.testing.assert_allclose(found["contribution"].values, [1.5 * 0.1, 0.5 * 0.8])
    np.testing.assert_allclose(found["instance-probability-diffuse"].values, [0, 0.5])
    assert found["instance-probability-diffuse"].label == "diffuse"


def test_where_no_class_or_every_class_is_negative_there_is_no_probability_of_disease():
    said = {"p_none": np.array([0.5]), "p_focal": np.array([0.2]), "p_diffuse": np.array([0.3])}
    assert "instance-probability" not in quantities_of(instance_outputs(said, CLASSES, []))
    assert quantities_of(instance_outputs(said, CLASSES, [0, 1, 2])) == {}


def test_two_classes_have_one_probability_and_no_second_name_for_it():
    said = {"p_no": np.array([0.5]), "p_yes": np.array([0.5])}
    assert list(quantities_of(instance_outputs(said, ("no", "yes"), [0]))) == ["instance-probability"]


# Ranking


def test_pooled_and_per_bag_differ_where_bags_have_scores_of_their_own_size():
    """In each bag the key instance is first; over both, one comes behind the other bag's rest."""
    found = by_metric(ranking_scores("attention", ScoredBags([bag([5, 4], [1, 0], "a"), bag([2, 1], [1, 0], "b")])))
    assert found["auroc_per_bag"].value == 1
    assert found["auroc_pooled"].value == 0.75
    assert found["average_precision_per_bag"].value == 1
    assert found["average_precision_pooled"].value == pytest.approx((1 + 2 / 3) / 2)


def test_a_bag_of_key_instances_alone_has_no_area_and_is_told():
    found = by_metric(ranking_scores("x", ScoredBags([bag([3, 2], [1, 1], "a"), bag([1, 2], [1, 0], "b")])))
    assert (found["auroc_per_bag"].value, found["auroc_per_bag"].n) == (0, 1)
    assert found["auroc_per_bag"].note == "without 1 bags that have key instances alone"
    alone = by_metric(ranking_scores("x", ScoredBags([bag([3, 2], [1, 1])])))
    assert alone["auroc_pooled"].value is None
    assert alone["auroc_pooled"].note == "every instance is key"


def test_the_chance_of_a_hit_among_equal_scores_is_that_over_all_orders():
    chance = np.random.default_rng(0)
    for _ in range(40):
        scores = chance.integers(0, 3, 5)
        keys = chance.random(5) < 0.4
        for top in (1, 2, 4):
            orders = [order for order in permutations(range(5)) if all(np.diff(scores[list(order)]) <= 0)]
            expected = np.mean([keys[list(order[:top])].any() for order in orders])
            assert hit_chance(scores.astype(float), keys, top) == pytest.approx(expected)


def test_bags_that_are_hit_whatever_is_said_do_not_count_as_hits():
    bags = ScoredBags(
        [bag([1, 2], [0, 1], "small"), bag([1, 2, 3, 4], [1, 0, 0, 0], "missed"), bag([1, 2, 3], [1] * 3)]
    )
    found = by_metric(hit_scores("x", bags, [2, 3]))
    assert (found["hit_rate_top_2"].value, found["hit_rate_top_2"].n) == (0, 1)
    assert (found["hit_rate_top_3"].value, found["hit_rate_top_3"].n) == (0, 1)
    assert by_metric(hit_scores("x", bags, [4]))["hit_rate_top_4"].value is None


# Marking


def test_the_threshold_is_the_best_on_validation_bags_and_the_highest_of_equal_ones():
    chance = np.random.default_rng(1)
    for _ in range(20):
        scores, keys = chance.integers(0, 6, 12).astype(float), chance.random(12) < 0.4
        keys[0] = True
        threshold = best_threshold(ScoredBags([bag(scores, keys)]))
        f1 = {one: f1_score(keys, scores >= one) for one in np.unique(scores)}
        assert threshold == max(one for one, value in f1.items() if value == pytest.approx(max(f1.values())))


def test_of_thresholds_that_are_equally_good_the_highest_is_taken():
    assert best_threshold(ScoredBags([bag([5, 4, 3, 2], [1, 0, 0, 1])])) == 5


def test_an_instance_at_the_threshold_is_marked():
    validation = ScoredBags([bag([0.2, 0.6], [0, 1])])
    found = by_metric(marking_scores("x", validation, validation, best_threshold(validation)))
    assert found["recall"].value == found["precision"].value == 1


def test_test_bags_have_no_say_in_the_threshold():
    validation = ScoredBags([bag([0.1, 0.6, 0.7], [0, 1, 1])])
    threshold = best_threshold(validation)
    for test in (ScoredBags([bag([0.2, 0.9], [1, 0])]), ScoredBags([bag([0.9, 0.2], [1, 0])])):
        assert {score.threshold for score in marking_scores("x", test, validation, threshold)} == {0.6}


def test_precision_recall_and_f1_count_all_instances_of_the_bags():
    test = ScoredBags([bag([0.9, 0.8, 0.1], [1, 0, 1], "a"), bag([0.7, 0.2], [1, 0], "b")])
    found = by_metric(marking_scores("x", test, test, 0.5))
    assert [found[name].value for name in ("precision", "recall", "f1")] == pytest.approx([2 / 3] * 3)
    assert found["f1"].n == 2


def test_without_a_mark_precision_is_undefined_and_recall_is_zero():
    test = ScoredBags([bag([0.1, 0.2], [1, 0])])
    found = by_metric(marking_scores("x", test, test, 0.5))
    assert (found["precision"].value, found["precision"].note) == (None, "nothing is marked")
    assert found["recall"].value == 0


def test_without_validation_bags_there_is_no_threshold_and_the_reason_is_told():
    test, validation = ScoredBags([bag([1, 0], [1, 0])]), ScoredBags([], "there are no validation bags")
    found = by_metric(marking_scores("x", test, validation, best_threshold(validation)))
    assert found["f1"].value is None
    assert found["f1"].note == "no threshold: there are no validation bags"


# Bones


def test_a_bone_is_hit_where_one_of_its_own_key_instances_is_marked():
    """Skull: key and marked; spine: key unmarked, another marked; hip: marked, nothing key."""
    test = ScoredBags([bag([0.9, 0.1, 0.9, 0.9], [1, 1, 0, 0], "a"), bag([0.1, 0.2], [1, 0], "b")])
    bones = {"a": np.array([0, 1, 1, 2]), "b": np.array([0, 2])}
    counts = bone_counts(test, bones, 0.5)
    assert (counts.diseased, counts.hit, counts.marked) == ({0: 2, 1: 1}, {0: 1}, {0: 1, 1: 1, 2: 1})
    found = by_metric(bone_scores("x", test, bones, ("skull", "spine", "hip"), 0.5))
    assert found["bone_hit_rate"].value == pytest.approx(1 / 3)
    assert found["bone_precision"].value == pytest.approx(1 / 3)
    assert (found["bone_hit_rate_skull"].value, found["bone_hit_rate_skull"].n) == (0.5, 2)
    assert found["bone_hit_rate_spine"].value == 0
    assert "bone_hit_rate_hip" not in found


# Lesions


def test_voxels_that_touch_at_a_corner_are_one_lesion():
    mask = np.zeros((4, 4, 4), bool)
    mask[0, 0, 0] = mask[1, 1, 1] = True
    assert lesions_of(mask)[1] == 1
    mask[1, 1, 1], mask[2, 2, 2] = False, True
    assert lesions_of(mask)[1] == 2


def test_a_patch_points_at_a_lesion_of_which_it_holds_half_or_that_fills_a_share_of_it():
    mask = np.zeros((4, 4, 12), bool)
    mask[0, 0, 2:6] = True  # half of it in the first patch
    mask[2:, 2:, 8:] = True  # of 16 voxels 4 lie in the second patch of 4^3, which is 1/16 of that
    corners = np.array([[0, 0, 0], [5, 0, 0]], np.int16)
    assert pointed_at(mask, corners, 4, least_lesion=1 / 16).tolist() == [[True, False], [False, True]]
    assert pointed_at(mask, corners, 4, least_lesion=1 / 15).tolist() == [[True, False], [False, False]]


def test_marks_do_not_overlap_and_a_threshold_may_come_before_or_after():
    chance = np.random.default_rng(2)
    corners = chance.integers(0, 30, (60, 3)).astype(np.int16)
    scores = chance.random(60).round(1)
    marks = choose_marks(scores, corners, 8)
    apart = np.abs(corners[marks][:, None].astype(int) - corners[marks][None]).max(2)
    assert (apart[~np.eye(len(marks), dtype=bool)] >= 8).all()
    assert (np.diff(scores[marks]) <= 0).all()
    high = np.flatnonzero(scores >= 0.5)
    assert high[choose_marks(scores[high], corners[high], 8)].tolist() == [
        m for m in marks.tolist() if scores[m] >= 0.5
    ]


def test_the_curve_is_that_counted_by_hand():
    """Marks of 0.9 (lesion 0), 0.8 (none), 0.7 (lesions 0 and 1), 0.6 (none); lesion 2 is out of reach."""
    corners = np.array([[0, 0, 0], [20, 0, 0], [40, 0, 0], [60, 0, 0]], np.int16)
    pointed = np.array([[1, 0, 0], [0, 0, 0], [1, 1, 0], [0, 0, 0]], bool)
    scan = marked_scan("a", "p", np.array([0.9, 0.8, 0.7, 0.6]), corners, 8, pointed)
    points = [(point.threshold, point.false_marks, point.found) for point in curve("x", "positive", [scan])]
    assert points == [(0.9, 0, 1), (0.8, 1, 1), (0.7, 1, 2), (0.6, 2, 2)]
    assert scan.in_reach == 2
    assert mean_sensitivity(list(curve("x", "positive", [scan]))) == pytest.approx(2 / 3)


def test_a_scan_without_lesions_adds_false_marks_and_no_lesion():
    corners = np.array([[0, 0, 0], [20, 0, 0]], np.int16)
    with_lesion = marked_scan("a", "p", np.array([0.9, 0.1]), corners, 8, np.array([[True], [False]]))
    without = marked_scan("b", "q", np.array([0.95, 0.5]), corners, 8, np.zeros((2, 0), bool))
    assert without.is_false.all()
    first, second, *_ = curve("x", "all", [with_lesion, without])
    assert (first.false_marks, first.found) == (0.5, 0)
    assert (second.false_marks, second.sensitivity) == (0.5, 1)


# A whole run


def test_negative_bags_and_bags_without_key_instances_do_not_count():
    bags = [
        judged("sick", [1, 0], attention=[0.9, 0.1]),
        judged("healthy", [0, 0], "none", attention=[0.9, 0.1]),
        judged("clean", [0, 0], attention=[0.9, 0.1]),
        judged("unknown", None, attention=[0.9, 0.1]),
    ]
    assert [one.entry.bag for one in scored_bags("attention", bags, "test").bags] == ["sick"]


@pytest.mark.parametrize(
    ("bags", "reason"),
    [
        ([], "there are no test bags"),
        ([judged("a", None, attention=[0.5, 0.5])], "no test bag says which of its instances are key"),
        ([judged("a", [0, 0], "none", attention=[0.5, 0.5])], "no test bag has a key instance"),
    ],
)
def test_what_is_undefined_has_a_reason_and_no_number(bags, reason):
    validation = [judged("v", [1, 0], attention=[0.9, 0.1])]
    scored = score_run(bags, validation, Scans(), [1])
    assert {score.value for score in scored.scores} == {None}
    assert {score.note for score in scored.scores} == {reason}
    assert not scored.bags


def test_a_class_of_its_own_is_scored_on_bags_of_that_class():
    said = {"p_none": [0.1, 0.9], "p_focal": [0.8, 0.1], "p_diffuse": [0.1, 0.0]}
    scored = score_run([judged("a", [1, 0], **said)], [], Scans(), [1])
    found = {(score.quantity, score.metric): score for score in scored.scores}
    assert found["instance-probability-focal", "auroc_pooled"].value == 1
    missing = found["instance-probability-diffuse", "auroc_pooled"]
    assert (missing.value, missing.note) == (None, "no test bag of the class diffuse has a key instance")


def test_scans_have_curves_over_positive_ones_and_over_all():
    columns = {axis: np.array([0, 20]) * (axis == "i") for axis in "ijk"}
    test = [
        judged("sick", [1, 0], columns=columns, attention=[0.4, 0.6]),
        judged("healthy", [0, 0], "none", columns=columns, attention=[0.2, 0.8]),
    ]
    scans = Scans(
        bones={one.entry.bag: np.array([0, 1]) for one in test},
        bone_names=("skull", "hip"),
        pointed={"sick": np.array([[True], [False]]), "healthy": np.zeros((2, 0), bool)},
        edge=8,
    )
    scored = score_run(test, test, scans, [1])
    assert {point.scans for point in scored.points} == {"positive", "all"}
    metrics = by_metric(scored.scores)
    assert metrics["froc_sensitivity_positive"].n == 1
    assert metrics["froc_sensitivity_all"].n == 2
    assert metrics["lesions_in_reach"].value == 1
    assert max(point.false_marks for point in scored.points if point.scans == "all") == 1.5


# All runs of an entry

METRIC = "attention:auroc_per_bag"


def summarised(values, patients=(), complete=("m", "other")):
    """The summary of values (method, value) of runs, and of values (patient, value) of bags of the method m."""
    scores = pd.DataFrame([(method, METRIC, value) for method, value in values], columns=list(VALUES))
    of_bags = pd.DataFrame([("m", METRIC, *each) for each in patients], columns=list(PATIENTS))
    return summarise(scores, of_bags, set(complete)).set_index("method")


def ends(*patients, **given):
    return tuple(summarised([("m", 0.5)], patients, **given).loc["m", ["low", "high"]])


def test_mean_spread_and_n_are_over_runs():
    row = summarised([("m", 0.5), ("m", 0.7), ("m", 0.9)]).loc["m"]
    assert (row["metric"], row["n"]) == (METRIC, 3)
    assert row[["mean", "std", "sem"]].tolist() == pytest.approx([0.7, 0.2, 0.2 / 3**0.5])


def test_a_missing_run_leaves_its_method_without_a_mean_and_the_others_with_theirs():
    table = summarised([("m", 0.5), ("other", 0.9)], [("p", 0.1), ("q", 0.3)], complete=["other"])
    assert table.loc["m", ["mean", "std", "sem", "low", "high"]].isna().all()
    assert table.loc["m", "n"] == 1
    assert table.loc["other", "mean"] == 0.9


def test_a_metric_undefined_in_a_fold_is_averaged_over_the_others_and_n_tells():
    row = summarised([("m", 0.5), ("m", None), ("m", 0.7)]).loc["m"]
    assert (row["mean"], row["n"]) == (pytest.approx(0.6), 2)


def test_the_interval_draws_patients_and_not_bags():
    assert np.isnan(ends(("p", 0.1), ("p", 0.9), ("p", 0.5))).all()
    assert ends(("p", 0.2), ("p", 0.4), ("q", 0.9)) == pytest.approx((0.3, 0.9))
    low, _ = ends(*((str(number), number / 20) for number in range(20)))
    assert 0.475 - 2.1 * 0.066 < low < 0.475 - 1.7 * 0.066
    assert ends(("p", 0.2), ("q", 0.2)) == pytest.approx((0.2, 0.2))
