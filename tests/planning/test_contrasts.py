"""Contrasts are declared by what they are for; what contradicts itself is told with what to do."""

from pathlib import Path

import pytest
import yaml

from forked_snakemake import forked_snakemake
from marrow.errors import ConfigError
from marrow.planning.cohort import Cohort
from marrow.planning.config import complete, read_schema
from marrow.planning.contrasts import declared_contrasts
from marrow.planning.sheet import Scan
from marrow.planning.standards import plan_standards

REPOSITORY = Path(__file__).parents[2]
OTHERS = {
    "t1": {"roles": ["grid", "structural"]},
    "stir": {"roles": ["structural"]},
    "ip": {"roles": ["structural"], "acquisition": "dixon"},
    "op": {"roles": ["structural"], "acquisition": "dixon"},
    "t2map": {"roles": ["quantitative"]},
}


def test_the_names_of_the_paper_need_no_declaration():
    contrasts = declared_contrasts(["fat", "water", "b50", "b900", "adc"])
    assert contrasts.given == contrasts.standardised == ["fat", "water", "b50", "b900"]
    assert (contrasts.grid, contrasts.shown, contrasts.of_bones) == ("water", "b900", ["fat", "water"])
    assert contrasts.b_columns == {"b_low": "b50", "b_high": "b900"}
    assert contrasts["b900"].b_range == (600, 1200)


def test_a_list_and_a_mapping_of_known_names_are_the_same():
    assert declared_contrasts({"water": None, "b50": {}, "b900": None}) == declared_contrasts(["water", "b50", "b900"])


def test_other_contrasts_come_in_by_their_roles():
    contrasts = declared_contrasts(OTHERS)
    assert (contrasts.grid, contrasts.shown, contrasts.of_bones) == ("t1", "t1", ["t1"])
    assert contrasts.standardised == ["t1", "stir", "ip", "op"]
    assert (contrasts.diffusion, contrasts.b_columns) == ([], {})
    assert contrasts["ip"].acquisition == contrasts["op"].acquisition != contrasts["stir"].acquisition
    assert contrasts.main_roles["t1"] == "structural"


def test_the_declaration_in_the_docs_is_accepted():
    text = (REPOSITORY / "docs/contrasts.md").read_text(encoding="utf-8")
    schema = read_schema(REPOSITORY / "schemas/config.schema.yaml")
    examples = [block.partition("```")[0] for block in text.split("```yaml")[1:]]
    assert examples
    for example in examples:
        config = complete(yaml.safe_load(example), schema)
        assert declared_contrasts(config["contrasts"]).windows(config["qc"]["own_scale"]) is not None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["fat", "watre"], "of that name nothing is known"),
        (["fat"], "role grid"),
        (["water", "adc"], "no contrast has the role low_b or high_b"),
        ({"water": None, "t1": {"roles": ["grid"]}}, "role grid"),
        ({"water": None, "a": {"roles": ["fat"]}, "b": {"roles": ["fat"]}}, "both have the role fat"),
        ({"water": None, "label": {"roles": ["structural"]}}, "cannot be the name"),
        ({"water": None, "x": {"roles": ["structural"], "b_value": 500, "b_range": [0, 100]}}, "outside b_range"),
        ({"water": None, "x": {"roles": ["quantitative"], "standardise": True}}, "keeps its units"),
        ({"water": None, "b50": {"roles": ["high_b"]}, "b900": {"roles": ["low_b"], "b_value": 950}}, "exchange"),
    ],
)
def test_a_contradiction_is_told_with_what_to_do(given, words):
    with pytest.raises(ConfigError, match=words):
        declared_contrasts(given)


def test_pictures_of_a_map_with_units_need_a_window_and_the_adc_has_one():
    assert declared_contrasts(["water", "b50", "b900", "adc"]).windows({}) == {"adc": (0, 3000)}
    with pytest.raises(ConfigError, match="own_scale"):
        declared_contrasts(OTHERS).windows({})
    assert declared_contrasts(OTHERS).windows({"t2map": [0, 200]}) == {"t2map": [0, 200]}


def scan(name, split="train", b_high=None):
    overrides = {"b900": {"b_value": b_high}} if b_high else {}
    return Scan(scan=name, patient=name, split=split, overrides=overrides)


def test_scans_of_another_b_value_have_a_standard_scale_of_their_own():
    cohort = Cohort([scan("A"), scan("B", b_high=900.0), scan("C", b_high=800.0), scan("D", "test", b_high=800.0)])
    standards = plan_standards(declared_contrasts(["water", "b900"]), cohort, None)
    assert list(standards.scales) == ["water", "b900-b800", "b900"]
    assert standards["b900"].scans == ("A", "B")
    assert standards["b900-b800"].scans == ("C",)
    assert standards.files("D") == ["results/standard/water.npy", "results/standard/b900-b800.npy"]
    assert "mixes b-values (2 at b = 800, 2 at b = 900)" in standards.notes[0]


def test_a_b_value_that_no_training_scan_has_takes_the_nearest_scale_and_is_told():
    cohort = Cohort([scan("A", b_high=600.0), scan("B"), scan("C", "test", b_high=1000.0)])
    standards = plan_standards(declared_contrasts(["water", "b900"]), cohort, None)
    assert standards.of_scan["C"] == ["water", "b900"]
    assert "no training scan has b = 1000; the scale of b = 900 is used" in standards.notes[1]


def test_a_cohort_of_one_b_value_has_no_notes():
    standards = plan_standards(declared_contrasts(["water", "b900"]), Cohort([scan("A"), scan("B", "test")]), None)
    assert standards.notes == ()


def test_a_protocol_without_water_is_planned_from_raw_images_to_the_report(tmp_path):
    columns = ["t1", "stir", "ip", "op", "bones"]
    (tmp_path / "x.nii.gz").touch()
    rows = [["S1", "P1", "focal", "train"], ["S2", "P2", "healthy", "test"], ["S3", "P3", "healthy", "validation"]]
    lines = [["scan", "patient", "label", "split", *columns], *([*row, *["x.nii.gz"] * 5] for row in rows)]
    (tmp_path / "s.tsv").write_text("".join("\t".join(line) + "\n" for line in lines), encoding="utf-8")
    contrasts = {name: declaration for name, declaration in OTHERS.items() if name != "t2map"}
    settings = {"samples": "s.tsv", "contrasts": contrasts, "bones": {"source": "precomputed"}}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    run = forked_snakemake(
        ["--dry-run", "--snakefile", str(REPOSITORY / "Snakefile"), "--configfile", "c.yaml"], directory=tmp_path
    )
    assert run.returncode == 0, run.stdout
    assert "draw_map" in run.stdout
    assert "water.nii" not in run.stdout
