"""Poolings on the algorithmic unit tests: what each can express, a decisive few trained, and how results are told."""

import pytest
import torch
from test_concepts import bags

from benchmarks import concepts
from benchmarks.concepts import ENTRIES, METHODS, Area, append_area, areas, read_areas, table, verdict
from marrow.learning.build import pooling_of
from marrow.learning.pooling.outputs import probabilities
from marrow.learning.pooling.segments import Segments
from marrow.planning.methods.instances import Instances
from marrow.planning.methods.presets import read_methods
from marrow.workflow.parse import REPOSITORY

FEW = {"train": 80, "validation": 40, "test": 80}
SHORT = {"epochs": 15, "bags_per_step": 4, "learning_rate": 0.001}


@torch.no_grad()
def probability(pooling, embeddings):
    """Of the second class."""
    logits = pooling(embeddings, Segments.of([len(embeddings)])).logits
    return float(probabilities(logits)[0, 1])


def made(kind, **settings):
    torch.manual_seed(0)
    return pooling_of({"kind": kind, "level": "instance", "attention_width": 8, "r": 1.0, **settings}, 6, 2)


def test_another_instance_never_lowers_the_maximum_of_instances():
    """So it cannot take poison for a sign of a negative bag: it is the one that must pass `single`."""
    pooling, chance = made("max"), torch.Generator().manual_seed(1)
    for _ in range(50):
        bag = 5 * torch.randn(8, 6, generator=chance)
        assert probability(pooling, bag) >= probability(pooling, bag[:-1]) - 1e-6


@pytest.mark.parametrize("kind", ["mean", "log-mean-exp", "attention", "gated-attention", "loss-attention"])
def test_another_instance_can_lower_every_other_pooling(kind):
    pooling = made(kind, level="embedding" if "attention" in kind else "instance")
    chance = torch.Generator().manual_seed(1)
    bags = [5 * torch.randn(8, 6, generator=chance) for _ in range(50)]
    assert min(probability(pooling, bag) - probability(pooling, bag[:-1]) for bag in bags) < -0.01


def test_trained_the_maximum_of_instances_looks_for_the_concept_and_attention_takes_the_shortcut(tmp_path):
    found = {area.method: area for area in areas("single", ["instance-max", "attention"], 0, tmp_path, FEW, SHORT)}
    assert found["instance-max"].tested > 0.85
    assert found["attention"].validation > 0.95
    assert found["attention"].tested < 0.2


def test_every_pooling_is_among_those_that_are_tested():
    methods = read_methods(ENTRIES, REPOSITORY / "schemas")
    fitted = [methods.method(name, Instances((32,), (), ("concepts",)), {}) for name in METHODS]
    found = {(each.pooling["kind"], each.pooling["level"]) for each in fitted}
    levels = {(kind, level) for kind in ("max", "mean", "log-mean-exp") for level in ("instance", "embedding")}
    assert found == levels | {(kind, "embedding") for kind in ("attention", "gated-attention", "loss-attention")}
    assert {each.encoder["kind"] for each in fitted} == {"mlp"}


def area(tested, validation=1.0, seed=0, method="attention", test="single"):
    return Area(test, method, seed, validation, tested)


def test_a_pooling_passes_where_all_seeds_do_and_took_the_shortcut_where_the_test_is_worse_than_chance():
    assert verdict([area(0.95), area(0.99, seed=1)]) == "passes"
    assert verdict([area(0.95), area(0.7, seed=1)]) == "fails"
    assert verdict([area(0.1), area(0.7, seed=1)]) == "takes the shortcut"
    assert verdict([area(0.6, validation=0.7)]) == verdict([area(0.1, validation=0.7)]) == "does not learn it"


def test_a_run_that_is_noted_is_not_trained_again(tmp_path, monkeypatch, capsys):
    asked = []

    def untrained(test, methods, seed, folder):
        for method in methods:
            asked.append((test, method, seed))
            yield area(0.5, method=method, test=test, seed=seed)

    monkeypatch.setattr(concepts, "areas", untrained)
    append_area(area(0.25), tmp_path / "areas.csv")
    concepts.main([str(tmp_path), "--seeds", "1"])
    assert len(asked) == 3 * len(METHODS) - 1
    assert ("single", "attention", 0) not in asked
    told = capsys.readouterr().out
    assert "| Attention | 1.00, 0.25: takes the shortcut | 1.00, 0.50: fails | 1.00, 0.50: fails |" in told
    asked.clear()
    concepts.main([str(tmp_path), "--seeds", "1"])
    assert asked == []
    assert len(read_areas(tmp_path / "areas.csv")) == 3 * len(METHODS)


def test_what_was_not_run_is_told_and_not_averaged_over():
    (row,) = [line for line in table([area(0.95)]) if line.startswith("| Attention |")]
    assert row == "| Attention | 1.00, 0.95: passes | not run | not run |"


def test_the_bags_are_those_of_the_data_set(tmp_path):
    manifest = concepts.data_set("multi", 0, tmp_path, {"train": 3, "validation": 1, "test": 2})
    expected = [
        bag.bag
        for split, count in (("test", 2), ("train", 3), ("validation", 1))
        for bag in bags("multi", split, count)
    ]
    assert [entry.bag for entry in manifest.entries] == expected
    assert [entry.instances for entry in manifest.of_split("train")] == [len(bag) for bag in bags("multi", "train", 3)]
