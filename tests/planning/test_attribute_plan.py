"""Attributes as the config declares them and the sheet has them: what is told before any work, and what a run takes."""

from dataclasses import replace

import pytest

from marrow.errors import ConfigError, MarrowError
from marrow.planning.cohort import Cohort
from marrow.planning.config import complete, read_schema, spacing_of
from marrow.planning.datasets import plan_datasets
from marrow.planning.runs import plan_runs
from marrow.planning.sheet import Scan
from marrow.workflow.parse import REPOSITORY

SCHEMAS = REPOSITORY / "schemas"
DECLARED = {"age": {"unit": "years", "maximum": 120}, "stage": {"values": ["I", "II"]}, "protein": {"log": True}}
KNOWN = {"age": "61", "stage": "I", "protein": "3.5"}


def scan(name, label, split, row=2, **values):
    given = {**KNOWN, "age": str(50 + row), "protein": str(row), "stage": ("I", "II")[row % 2], **values}
    return Scan(name, name, label, split, "", {}, {}, attributes=given, row=row)


def cohort(*more):
    splits = ("train", "train", "train", "train", "validation", "test")
    labels = ("healthy", "focal")
    made = [scan(f"s{number}", labels[number // 2 % 2], splits[number], row=number + 2) for number in range(6)]
    return [*made, *more]


def planned(scans, methods=("attribute-logistic",), declared=DECLARED, own=None):
    config = {
        "samples": "samples.tsv",
        "attributes": declared,
        "bones": {"source": "precomputed"},
        "methods": own or {},
        "runs": {"scans": {"methods": list(methods), "seeds": 1}},
    }
    whole = complete(config, read_schema(SCHEMAS / "config.schema.yaml"))
    return plan_runs(whole, plan_datasets(whole, Cohort(scans), SCHEMAS, spacing_of(whole)), SCHEMAS)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"age": "old"}, "row 9 (scan x): attr_age is 'old', which is no number"),
        ({"age": "inf"}, "attr_age is 'inf'; leave an unknown value empty"),
        ({"age": "121"}, "attr_age is 121, and the most that is allowed is 120"),
        ({"stage": "III"}, "attr_stage is 'III', which is none of I, II"),
        ({"protein": "-1"}, "attr_protein is -1, and the least that is allowed is 0"),
    ],
)
@pytest.mark.parametrize(("label", "split"), [("focal", "train"), ("focal", "test"), ("", "predict")])
def test_a_value_that_is_not_as_declared_is_told_with_its_row_in_every_split(values, told, label, split):
    with pytest.raises(MarrowError) as error:
        planned(cohort(scan("x", label, split, row=9, **values)))
    assert told in str(error.value)


def test_a_column_that_is_missing_and_attributes_that_nobody_declared_are_told():
    with pytest.raises(ConfigError, match="sheet has no column attr_aeg; did you mean 'age'"):
        planned(cohort(), declared={"aeg": {}})
    with pytest.raises(ConfigError, match="these data have none; declare those of the sample sheet"):
        planned(cohort(), declared={})


EXPERTS = {"pictures": "picture-expert", "attributes": "attribute-expert"}


@pytest.mark.parametrize(
    ("method", "told"),
    [
        (
            {"preset": "attribute-logistic", "attributes": ["height"]},
            "names 'height', which these data do not have",
        ),
        ({"preset": "attribute-logistic", "attributes": []}, "attributes is empty; name some, or leave it out for all"),
        ({"encoder": {"kind": "none"}}, "learns from attributes alone, and expert.kind is none"),
        ({"expert": {"kind": "mlp"}}, "expert.kind is mlp and fusion.kind none"),
        ({"fusion": {"kind": "mixture"}}, "expert.kind is none and fusion.kind mixture"),
        ({"fusion": {"kind": "concatenation"}, "expert": {"kind": "mlp"}}, "concatenation goes without one"),
        (
            {"preset": "expert-mixture", "pooling": {"kind": "max", "level": "instance"}},
            "whose gate takes the pooled features of a bag, and pooling.kind is max, which classifies instances first",
        ),
        ({"preset": "expert-average", "start": {"pictures": None}}, "start.pictures names no method to start from"),
        ({"preset": "expert-average", "start": {"pictures": "mine"}}, "which starts from one of these again"),
        (
            {"preset": "expert-average", "start": {"pictures": "attribute-expert"}},
            "name a method without attributes and one of attributes alone",
        ),
        ({"start": {"from": "frozen", **EXPERTS}}, "expert.kind is mlp and fusion.kind none"),
        (
            {"preset": "attribute-expert", "weighting": {"kind": "uniform"}},
            "tasks bone ask something of instances",
        ),
    ],
)
def test_a_method_that_cannot_learn_from_attributes_is_told_before_any_work(method, told):
    with pytest.raises(ConfigError) as error:
        planned(cohort(), ["mine"], own={"mine": method})
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda _: {"age": "60"}, "attribute age is the same in every training bag"),
        (lambda _: {"stage": ""}, "attribute stage is unknown in every training bag"),
        (
            lambda number: {} if number < 2 else dict.fromkeys(KNOWN, ""),
            "no training bag of the class focal has any of the attributes age, stage, protein",
        ),
    ],
)
def test_training_scans_from_which_nothing_can_be_learned_are_told_before_any_work(change, told):
    changed = [replace(each, attributes={**each.attributes, **change(number)}) for number, each in enumerate(cohort())]
    with pytest.raises(ConfigError, match="the method attribute-logistic") as error:
        planned(changed)
    assert told in str(error.value)


def test_an_attribute_that_tells_the_classes_apart_by_itself_is_a_note():
    many = [
        scan(f"m{number}", label, "train", row=number, protein=str(number + (100 if label == "focal" else 0)))
        for number, label in enumerate(["healthy", "focal"] * 6)
    ]
    (note,) = planned(many, declared={"age": {}, "protein": {}}).notes
    assert note.startswith("protein alone tells the classes of all training scans apart")
    assert planned(many, declared={"age": {}}).notes == ()


def test_a_run_takes_the_attributes_of_its_training_scans_and_no_others():
    (run,) = planned(cohort(), ["mine"], own={"mine": {"preset": "attribute-logistic", "attributes": "protein"}}).runs
    assert run.attribute_values == {f"s{number}": {"protein": str(number + 2)} for number in range(5)}
    (pictures,) = planned(cohort(), ["picture-expert"]).runs
    assert pictures.attribute_values is None


def test_experts_are_further_runs_with_the_same_seed_that_nobody_compares():
    made = planned(cohort(), ["expert-mixture-frozen", "expert-average", "attribute-expert"])
    assert [run.method for run in made.runs] == ["expert-mixture-frozen", "expert-average", "attribute-expert"]
    assert [run.method for run in made.only_experts] == ["picture-expert"]
    assert [run.method for run in made.runs[0].experts] == ["picture-expert", "attribute-expert"]
    assert made.run("scans", "picture-expert", 0) == made.only_experts[0]
    assert "picture-expert" not in {run.method for run in made.of_dataset("scans")}
