"""Attributes of the simulated patients: they follow the burden of disease, overlap, and change nothing else."""

import pytest
from sklearn.metrics import roc_auc_score

from marrow.bags.attributes import Attribute
from marrow.phantom.clinical import DECLARED, SHARE_UNKNOWN, SPREADS, clinical_values
from marrow.phantom.roster import CLASSES, roster

MANY = roster({"seed": 1, "repeat_every": 3, "patients": dict.fromkeys(CLASSES, 300)})
VALUES = [clinical_values(scan, seed=1) for scan in MANY]


def known(name):
    return [(scan, float(values[name])) for scan, values in zip(MANY, VALUES, strict=True) if values[name]]


@pytest.mark.parametrize("name", SPREADS)
def test_a_number_follows_the_burden_and_does_not_decide_alone(name):
    sign = -1 if name == "haemoglobin" else 1
    active = [scan.disease in {"focal", "diffuse"} for scan, _ in known(name)]
    assert 0.7 < roc_auc_score(active, [sign * value for _, value in known(name)]) < 0.95
    of_class = {disease: [value for scan, value in known(name) if scan.disease == disease] for disease in CLASSES}
    means = [sum(values) / len(values) * sign for values in of_class.values()]
    assert means == sorted(means)
    assert min(of_class["diffuse"]) < max(of_class["healthy"]) or sign < 0


def test_every_value_is_one_that_is_declared_and_few_are_unknown():
    for name, settings in DECLARED.items():
        attribute = Attribute.of({"name": name, **settings})
        assert [attribute.problem(value) for _, value in known(name)] == [None] * len(known(name))
    unknown = sum(not value for values in VALUES for value in values.values()) / (3 * len(VALUES))
    assert unknown == pytest.approx(SHARE_UNKNOWN, abs=0.01)


def test_scans_of_one_patient_are_close_and_not_equal():
    by_patient = {}
    for scan, value in known("haemoglobin"):
        by_patient.setdefault(scan.patient, []).append(value)
    differences = [abs(values[0] - values[1]) for values in by_patient.values() if len(values) == 2]
    assert len(differences) > 100
    assert max(differences) < 1.5
    assert sum(difference > 0 for difference in differences) > len(differences) / 2


def test_values_depend_on_seed_and_scan_alone():
    assert clinical_values(MANY[0], 1) == VALUES[0]
    assert clinical_values(MANY[0], 2) != VALUES[0]
