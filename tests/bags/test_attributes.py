"""Attributes of bags: which values are allowed, from what nothing can be learned, and what gives the class away."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marrow.bags.attributes import Attribute, numbers_of, separating, training_problems
from marrow.errors import MarrowError

AGE = Attribute("age", minimum=0, maximum=120)
PROTEIN = Attribute("m_protein", log=True)
STAGE = Attribute("stage", values=("I", "II", "III"))
EMPTY = math.nan


@pytest.mark.parametrize(
    ("attribute", "value", "expected"),
    [
        (AGE, "abc", "age is 'abc', which is no number; mend it, or declare its categories"),
        (AGE, "inf", "age is 'inf'; leave an unknown value empty"),
        (AGE, "nan", "leave an unknown value empty"),
        (AGE, -1.0, "age is -1, and the least that is allowed is 0"),
        (AGE, "121", "age is 121, and the most that is allowed is 120"),
        (PROTEIN, -0.5, "m_protein is -0.5, and the least that is allowed is 0"),
        (STAGE, "IV", "stage is 'IV', which is none of I, II, III"),
    ],
)
def test_a_value_that_is_not_allowed_is_named_with_the_bag(attribute, value, expected):
    with pytest.raises(MarrowError, match="bag scan-1: attribute") as error:
        numbers_of([attribute], {attribute.name: value}, "scan-1")
    assert expected in str(error.value)


def test_numbers_stand_for_values_and_nan_for_unknown_ones():
    numbers = numbers_of([AGE, PROTEIN, STAGE], {"age": "61", "stage": "III"}, "b")
    assert numbers[0] == 61
    assert math.isnan(numbers[1])
    assert numbers[2] == 2


@given(st.builds(Attribute, name=st.text(), unit=st.text(), log=st.booleans(), minimum=st.none() | st.floats(0, 1)))
def test_settings_make_the_same_attribute_again_without_its_unit(attribute):
    again = Attribute.of(attribute.settings)
    assert again.settings == attribute.settings
    assert again.unit == ""


def test_a_constant_an_unknown_attribute_and_a_class_without_any_are_refused():
    rows = [[1.0, EMPTY, 0.0], [1.0, EMPTY, 1.0], [EMPTY, EMPTY, EMPTY]]
    problems = list(training_problems([AGE, PROTEIN, STAGE], rows, ["well", "well", "ill"]))
    assert [problem.partition(";")[0] for problem in problems] == [
        "attribute age is the same in every training bag",
        "attribute m_protein is unknown in every training bag",
        "no training bag of the class ill has any of the attributes age, m_protein, stage",
    ]
    assert list(training_problems([], [[], []], ["well", "ill"])) == []


LABELS = ["well"] * 5 + ["ill"] * 5


@pytest.mark.parametrize(
    ("attribute", "values", "tells"),
    [
        (AGE, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], True),
        (AGE, [6, 7, 8, 9, 10, 1, 2, 3, 4, 5], True),
        (AGE, [1, 2, 3, 4, 6, 5, 7, 8, 9, 10], False),
        (AGE, [EMPTY] * 5 + [1, 2, 3, 4, 5], True),
        (AGE, [EMPTY] * 5 + [EMPTY, 2, 3, 4, 5], False),
        (STAGE, [0, 1, 0, 1, 0, 2, 2, 2, 2, 2], True),
        (STAGE, [0, 1, 0, 1, 0, 1, 2, 2, 2, 2], False),
    ],
)
def test_an_attribute_that_tells_the_classes_apart_by_itself_is_named(attribute, values, tells):
    rows = [[float(value)] for value in values]
    assert separating([attribute], rows, LABELS) == ([attribute.name] if tells else [])
    assert separating([attribute], rows[1:], LABELS[1:]) == []  # four bags of a class say little
