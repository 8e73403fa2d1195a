"""Experts that scikit-learn fits: what is worked out here from their numbers is what scikit-learn itself predicts."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import AdaBoostClassifier, GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

import clinical_sets
from marrow.device.tensor_file import read_tensors, tensor_bytes
from marrow.errors import ConfigError
from marrow.learning.pooling.outputs import probabilities
from marrow.planning.kinds import implementation
from marrow.planning.methods.instances import Instances
from marrow.planning.methods.presets import read_methods
from marrow.workflow.parse import REPOSITORY
from method_parts import SECTIONS, complete
from trained_runs import trained

FITTED = sorted(kind for kind, declared in SECTIONS["expert"].kinds.items() if declared.get("fitted"))
kinds = pytest.mark.parametrize("kind", FITTED)
REFERENCES = {
    "logistic": lambda seed: LogisticRegression(max_iter=10_000, random_state=seed),
    "decision-tree": lambda seed: DecisionTreeClassifier(random_state=seed),
    "random-forest": lambda seed: RandomForestClassifier(random_state=seed),
    "gradient-boosting": lambda seed: GradientBoostingClassifier(random_state=seed),
    "adaboost": lambda seed: AdaBoostClassifier(DecisionTreeClassifier(max_depth=1), random_state=seed),
    "naive-bayes": lambda _: GaussianNB(),
}


def table(classes: int, bags: int = 90, seed: int = 0):
    """Columns (bags, 3), of which the first two tell the class a little, and labels."""
    chance = np.random.default_rng(seed)
    labels = np.arange(bags) % classes
    columns = chance.normal(size=(bags, 3))
    columns[:, 0] += labels
    columns[:, 1] -= labels == 1
    return torch.tensor(columns, dtype=torch.float32), torch.tensor(labels)


def fitted(kind: str, columns, labels, classes: int, weights=None, seed: int = 4):
    expert = implementation("experts", kind).make(complete("expert", kind=kind), columns.shape[1], classes)
    expert.fit(columns, labels, weights, seed)
    return expert


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", REFERENCES)
def test_probabilities_are_those_of_scikit_learn(kind, classes, weighted):
    columns, labels = table(classes)
    weights = torch.linspace(0.5, 2, len(labels)) if weighted else None
    new, _ = table(classes, seed=1)
    found = probabilities(fitted(kind, columns, labels, classes, weights)(new))
    counts = np.ones(len(labels)) if weights is None else weights.double().numpy()
    reference = REFERENCES[kind](4).fit(columns.double().numpy(), labels.numpy(), counts)
    assert found.numpy() == pytest.approx(reference.predict_proba(new.double().numpy()), abs=2e-6)


@kinds
def test_every_kind_learns_and_gives_finite_logits(kind):
    columns, labels = table(2)
    new, answers = table(2, seed=2)
    logits = fitted(kind, columns, labels, 2)(new)
    assert logits.shape == (90, 1)
    assert torch.isfinite(logits).all()
    assert roc_auc_score(answers, logits[:, 0]) > 0.6


@kinds
def test_a_machine_of_several_classes_tells_them_apart(kind):
    columns, labels = table(3, bags=150)
    found = probabilities(fitted(kind, columns, labels, 3)(columns))
    torch.testing.assert_close(found.sum(1), torch.ones(150))
    assert (found.argmax(1) == labels).float().mean() > 0.5


@kinds
def test_the_same_seed_gives_the_same_bits_and_a_file_gives_them_back(kind, tmp_path):
    columns, labels = table(2)
    one, other = (fitted(kind, columns, labels, 2).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
    (tmp_path / "expert").write_bytes(tensor_bytes(one, {}))
    weights, _ = read_tensors(tmp_path / "expert")
    fresh = implementation("experts", kind).make(complete("expert", kind=kind), 3, 2)
    fresh.load_state_dict(weights)
    assert torch.equal(fresh(columns), fitted(kind, columns, labels, 2)(columns))


@kinds
@pytest.mark.parametrize("there", [[0, 2], [1]])
def test_a_class_without_training_bags_is_ruled_out_and_breaks_nothing(kind, there):
    columns, labels = table(3)
    has = torch.isin(labels, torch.tensor(there))
    found = probabilities(fitted(kind, columns[has], labels[has], 3)(columns))
    absent = [number for number in range(3) if number not in there]
    assert found[:, absent].max() < 1e-6


@kinds
def test_a_class_of_a_single_bag_can_be_fitted(kind):
    columns, labels = table(2, bags=10)
    kept = torch.tensor([0, 2, 4, 6, 1])
    assert torch.isfinite(fitted(kind, columns[kept], labels[kept], 2)(columns)).all()


@kinds
def test_a_run_of_every_kind_is_a_run_like_any_other(kind, tmp_path):
    manifest = clinical_sets.written(tmp_path / "data")
    chosen = clinical_sets.settings("alone", expert={"kind": kind})
    one, other = (trained(tmp_path / name, manifest, chosen) for name in ("one", "other"))
    for name in ("model.safetensors", "predictions.parquet", "history.parquet"):
        if name != "history.parquet":
            assert (one / name).read_bytes() == (other / name).read_bytes()
        assert (one / name).stat().st_size > 0


@kinds
def test_a_fitted_expert_joins_pictures_only_where_it_is_trained_before(kind):
    entries = {
        "scratch": {"expert": {"kind": kind}, "fusion": {"kind": "mixture"}},
        "warm": {"fusion": {"kind": "mixture"}, "start": {"from": "warm", "pictures": "p", "attributes": "a"}},
        "frozen": {"fusion": {"kind": "mixture"}, "start": {"from": "frozen", "pictures": "p", "attributes": "a"}},
        "p": {"pooling": {"kind": "mean"}},
        "a": {"encoder": {"kind": "none"}, "expert": {"kind": kind}},
    }
    methods = read_methods(entries, REPOSITORY / "schemas")
    data = Instances((6,), (), ("concepts",), attributes=clinical_sets.ATTRIBUTES)
    for name in ("scratch", "warm"):
        with pytest.raises(ConfigError, match=f"expert.kind is {kind}, which is fitted all at once"):
            methods.method(name, data, {})
    assert methods.method("frozen", data, {}).expert["kind"] == kind
