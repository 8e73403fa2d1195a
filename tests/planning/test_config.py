"""The configuration is refused with a name, an expectation and a hint, and completed from its schema."""

from pathlib import Path

import pytest
import yaml

from marrow.errors import ConfigError
from marrow.planning.config import complete, read_schema

ROOT = Path(__file__).parents[2]
SCHEMA = read_schema(ROOT / "schemas/config.schema.yaml")


def sections(schema, place=""):
    """Every key of the schema: place -> its part, sections included."""
    for key, part in schema.get("properties", {}).items():
        yield f"{place}{key}", part
        yield from sections(part, f"{place}{key}.")


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"smaples": "x"}, ["'smaples'", "did you mean 'samples'"]),
        ({"resample": {"spacing": 2}}, ["'resample.spacing'", "did you mean 'spacing_mm'"]),
        ({"resample": {"spacing_mm": "two"}}, ["resample.spacing_mm is 'two'", "must be a number"]),
        ({"resample": 2}, ["resample is 2", "a section"]),
        ({"resample": {"spacing_mm": -1}}, ["resample.spacing_mm is -1"]),
        ({"on_stopped_scan": "ignore"}, ["on_stopped_scan is 'ignore'", "fail"]),
        ({"keep_intermediates": "yes"}, ["keep_intermediates is 'yes'", "true or false"]),
        ({"standard": {"percentiles": [1, 50, 50]}}, ["standard.percentiles", "must ascend"]),
        ({"standard": {"output_range": [100, 1]}}, ["standard.output_range", "must ascend"]),
        ({"samples": 1, "title": 2}, ["samples is 1", "title is 2"]),
    ],
)
def test_a_mistake_is_named_with_a_hint(config, told):
    with pytest.raises(ConfigError) as raised:
        complete(config, SCHEMA)
    assert [part for part in told if part not in str(raised.value)] == []


def test_the_defaults_satisfy_the_schema_and_name_every_key():
    completed = complete({}, SCHEMA)
    assert complete(completed, SCHEMA) == completed
    for place, part in sections(SCHEMA):
        if "properties" in part or "default" in part:
            value = completed
            for key in place.split("."):
                value = value[key]


def test_a_given_value_wins_over_its_default_and_leaves_the_rest():
    completed = complete({"resample": {"spacing_mm": 3}}, SCHEMA)
    assert completed["resample"] == complete({}, SCHEMA)["resample"] | {"spacing_mm": 3}


def test_every_key_is_described_and_every_section_is_closed():
    for place, part in sections(SCHEMA):
        assert part.get("description"), place
        if "properties" in part:
            assert part.get("additionalProperties") is False, place
        elif part.get("type") != "object":
            assert "default" in part, place


def test_the_demo_config_is_valid_and_every_key_in_it_has_a_comment():
    text = (ROOT / "config.yaml").read_text()
    complete(yaml.safe_load(text), SCHEMA)
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line and not line.startswith((" ", "#")):
            above = [before for before in lines[:number] if before.strip()]
            assert above, line
            assert above[-1].startswith("#") or above[-1].startswith(line.split(":")[0]), f"{line} has no comment above"


def test_the_demo_config_changes_nothing_of_a_config_laid_over_it():
    """Snakemake reads config.yaml first, whatever file a user names."""
    demo = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert complete(demo, SCHEMA) == complete({}, SCHEMA)


def patterns(part):
    """Every part of a schema that asks for a pattern."""
    if isinstance(part, dict):
        if isinstance(part.get("pattern"), str):
            yield part
        for inner in part.values():
            yield from patterns(inner)


@pytest.mark.parametrize("schema", sorted((ROOT / "schemas").rglob("*.schema.yaml")), ids=lambda path: path.name)
def test_a_pattern_is_told_in_words_too(schema):
    found = list(patterns(yaml.safe_load(schema.read_text())))
    assert found
    assert all(part["expects"] for part in found)
