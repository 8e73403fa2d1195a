"""Which scans teach the bones, which are scored, and what a wrong choice is told, before any work."""

import json
import struct
from pathlib import Path

import pytest

from marrow.bones.table import read_bones
from marrow.errors import ConfigError
from marrow.planning.bone_files import with_bone_files
from marrow.planning.bones import plan_bones
from marrow.planning.cohort import Cohort, load_cohort
from marrow.planning.config import complete, read_schema
from marrow.planning.sheet import Scan

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "schemas"
SCHEMA = read_schema(SCHEMAS / "config.schema.yaml")


def scan(name: str, split: str, annotated: bool = True, patient: str = "") -> Scan:
    truths = {"bones": f"raw/{name}/bones.nii"} if annotated else {}
    return Scan(scan=name, patient=patient or name, label="focal", split=split, truths=truths)


def planned(scans: list[Scan], samples: str | None = "samples.tsv", **bones: object):
    config = complete({"samples": samples, "bones": bones}, SCHEMA)
    return plan_bones(config, Cohort(with_bone_files(scans, config["bones"])), SCHEMAS)


COHORT = [scan("A", "train"), scan("B", "train", annotated=False), scan("C", "validation"), scan("D", "test")]


def test_annotated_training_scans_teach_and_annotated_validation_scans_are_scored():
    plan = planned(COHORT)
    assert (plan.training, plan.validation) == (("A",), ("C",))


def test_test_scans_teach_nobody_and_are_not_scored():
    plan = planned([*COHORT, scan("E", "predict")])
    assert {"D", "E"} & {*plan.training, *plan.validation} == set()


def test_a_scored_scan_is_never_labelled_by_a_network_that_saw_it():
    plan = planned(COHORT)
    assert plan.final == "all"
    assert plan.scans_of("all") == (["A", "C"], [])
    assert plan.scans_of("train") == (["A"], ["C"])
    assert {name: plan.network_for(name).split("/")[2] for name in "ABCD"} == {
        "A": "all", "B": "all", "C": "train", "D": "all"
    }  # fmt: skip


def test_the_final_network_may_be_that_of_the_training_scans():
    plan = planned(COHORT, training={"final": "train"})
    assert {plan.network_for(name).split("/")[2] for name in "ABCD"} == {"train"}
    assert plan.histories == ["results/bone_network/train/history.csv"]


def test_without_annotated_validation_scans_some_patients_are_set_aside_and_growth_moves_nobody():
    many = [scan(f"S{number:03d}", "train", patient=f"P{number // 2:03d}") for number in range(200)]
    plan = planned(many)
    assert 0.15 < len(plan.validation) / 200 < 0.4
    patients = [{name.patient for name in many if name.scan in group} for group in (plan.training, plan.validation)]
    assert not patients[0] & patients[1]
    fewer = planned(many[:100])
    assert set(fewer.validation) <= set(plan.validation)
    assert set(fewer.training) <= set(plan.training)


def test_a_single_annotated_patient_teaches():
    for name in "ABCDEFGHIJ":
        assert planned([scan(name, "train")]).training == (name,)


def test_a_sheet_gets_the_papers_network_and_the_simulated_cohort_a_small_one():
    paper, small = planned(COHORT), planned(COHORT, samples=None)
    assert paper.architecture == {"width": 1.0, "depth": 8, "dropout": 0.5}
    assert (paper.recipe["epochs"], paper.recipe["segments"], paper.recipe["batch"]) == (35, 20000, 10)
    assert (paper.recipe["learning_rate"], paper.recipe["dice"]) == (1e-3, 0.0)
    assert small.architecture["width"] < 0.5
    assert small.final == "train"
    assert planned(COHORT, samples=None, network={"width": 2.0}).architecture["width"] == 2.0


def test_the_descriptions_of_empty_keys_say_what_they_become():
    """The defaults of empty keys stand in the code and are told in the schema."""
    from marrow.planning.bones import SHEET, SIMULATED

    sections = [
        SCHEMA["properties"]["bones"]["properties"][name]["properties"] for name in ("network", "training", "atlas")
    ]
    texts = {key: part["description"] for section in sections for key, part in section.items()}
    for key in SHEET:
        for value in (SHEET[key], SIMULATED[key]):
            told = value if isinstance(value, list) else [value]
            words = ", ".join(each if isinstance(each, str) else f"{each:,}" for each in told)
            assert words.removesuffix(".0") in texts[key], key


def test_no_annotated_scan_at_all_is_told_with_all_ways_out():
    with pytest.raises(ConfigError) as told:
        planned([scan("A", "train", annotated=False), scan("D", "test")])
    for way in ("column bones", "bones.annotations", "bones.network.frozen", "precomputed", "bones.source: none"):
        assert way in str(told.value)


def test_a_contrast_that_the_scans_lack_is_told():
    with pytest.raises(ConfigError, match=r"bones.contrasts names adc, which `contrasts` lacks"):
        planned(COHORT, contrasts=["water", "adc"])


NAMES = [bone.name for bone in read_bones()]


def network_file(folder: Path, bones=NAMES, contrasts=("fat", "water"), spacing_mm=2.0, kind="marrow.bones/1") -> Path:
    """A file with a network's header and one weight, put together by hand."""
    network = {"channels": len(contrasts), "classes": len(bones) + 1, "width": 1.0, "depth": 8, "dropout": 0.5}
    told = {"bones": list(bones), "contrasts": list(contrasts), "spacing_mm": spacing_mm}
    header = {
        "__metadata__": {"kind": kind, "purpose": json.dumps(told), "network": json.dumps(network)},
        "class_bias": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
    }
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(4))
    return folder / "model.safetensors"


def planned_with(network: Path, **bones: object):
    return planned([scan("A", "train", annotated=False)], network={"frozen": str(network)}, **bones)


def test_with_a_frozen_network_nothing_is_trained(tmp_path):
    file = network_file(tmp_path)
    plan = planned_with(file)
    assert plan.network_for("A") == str(file)
    assert plan.histories == []
    assert plan.atlas == ""


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ({"bones": ["tibia", *NAMES[1:]]}, rf"18 bones, among them tibia, which .* but not {NAMES[0]};.* bone_table"),
        ({"bones": NAMES[::-1]}, r"knows 18 bones; its classes must be .* in the same order"),
        ({"bones": [f"b{n}" for n in range(40)]}, r"among them b0, b1, .*, b7, \.\.\., which"),
        ({"contrasts": ["water"]}, "trained on water, but bones.contrasts is fat, water"),
        ({"kind": "marrow.lungs/1"}, "holds 'marrow.lungs/1', 'marrow.bones/1' was expected"),
        ({"spacing_mm": 0}, "damaged: its header does not say"),
    ],
)
def test_a_frozen_network_for_something_else_is_told_before_any_work(tmp_path, header, told):
    file = network_file(tmp_path, **header)
    with pytest.raises(ConfigError, match=rf"^config: bones\.network\.frozen: {file}: .*{told}"):
        planned_with(file)


def test_a_frozen_network_for_other_voxels_is_told_before_any_work(tmp_path):
    file = network_file(tmp_path, spacing_mm=4)

    def plan(spacing_mm: float | None):
        config = complete({"samples": "s", "resample": {"spacing_mm": spacing_mm}}, SCHEMA)
        config["bones"]["network"]["frozen"] = str(file)
        return plan_bones(config, Cohort([scan("A", "train")]), SCHEMAS)

    for given in (2, None):
        with pytest.raises(ConfigError, match=r"voxels of 4 mm, the scans have 2 mm; set resample\.spacing_mm to 4"):
            plan(given)
    assert plan(4).frozen_network == str(file)


def edited_header(content: bytes, **entries: object) -> bytes:
    """The file with other entries in its header, of the right length."""
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    for key, value in entries.items():
        (header if key == "class_bias" else header["__metadata__"])[key] = value
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content[8 + length :]


DAMAGES = {
    "empty": lambda _: b"",
    "no length": lambda content: content[:5],
    "half a header": lambda content: content[:200],
    "without its end": lambda content: content[:-1],
    "with more": lambda content: content + b"x",
    "another program's": lambda content: b"PK\x03\x04" + content,
    "broken JSON": lambda content: content.replace(b'"kind"', b'"kind', 1),
    "no text": lambda content: content.replace(b"kind", b"\xff\xfe\xfd\xfc", 1),
    "a list": lambda _: struct.pack("<Q", 2) + b"[]",
    "nested without end": lambda _: struct.pack("<Q", 10**6) + b"[" * 10**6,
    "a length beyond reason": lambda content: b"\xff" * 8 + content[8:],
    "a tensor that lies nowhere": lambda content: edited_header(content, class_bias=None),
    "a purpose of another kind": lambda content: edited_header(content, purpose="[1]"),
    "a purpose that is no text": lambda content: edited_header(content, purpose=3),
    "bones in one word": lambda content: edited_header(
        content, purpose='{"bones": "abcdefghijklmnopqr", "contrasts": ["fat"], "spacing_mm": 2}'
    ),
    "no such voxel": lambda content: content.replace(rb"\"spacing_mm\": 2.0", rb"\"spacing_mm\": NaN"),
    "no architecture": lambda content: edited_header(content, network="null"),
    "a network beyond reason": lambda content: content.replace(rb"\"width\": 1.0", rb"\"width\": 1e9"),
    "one class too few": lambda content: content.replace(rb"\"classes\": 19", rb"\"classes\": 18"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_frozen_network_is_told_before_any_work(tmp_path, damage):
    file = network_file(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(DAMAGES[damage](whole))
    assert file.read_bytes() != whole
    with pytest.raises(ConfigError, match=rf"^config: bones\.network\.frozen: {file}: .*damaged.*(copy|train)"):
        planned_with(file)


def test_a_frozen_network_that_may_not_be_read_is_told(tmp_path, monkeypatch):
    file = network_file(tmp_path)

    opened = Path.open

    def refused(path: Path, *arguments, **named):
        if path == file:
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **named)

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(ConfigError, match="cannot be read: Permission denied"):
        planned_with(file)


def test_a_frozen_network_that_is_not_used_is_not_asked_what_it_is(tmp_path):
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"x")
    assert planned_with(file, source="none").source == "none"


def test_a_frozen_file_that_is_missing_or_among_the_results_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"bones.network.frozen: gone does not exist"):
        planned(COHORT, network={"frozen": "gone"})
    with pytest.raises(ConfigError, match=r"bones.atlas.frozen: here/template.nii does not exist"):
        planned(COHORT, atlas={"frozen": "here"})
    Path("results").mkdir()
    Path("results/m").write_bytes(b"x")
    with pytest.raises(ConfigError, match="where this run writes"):
        planned(COHORT, network={"frozen": "results/m"})


def test_the_path_of_a_frozen_atlas_is_no_setting(tmp_path):
    """Settings are written into records, and no path of a raw input may be."""
    for name in ("template", "bones", "agreement"):
        (tmp_path / f"{name}.nii").write_bytes(b"x")
    plan = planned(COHORT, atlas={"frozen": str(tmp_path)})
    assert plan.atlas == str(tmp_path)
    assert str(tmp_path) not in str(plan.atlas_settings)
    assert plan.atlas_settings == planned(COHORT).atlas_settings


def test_an_atlas_is_registered_only_where_there_is_one_and_it_is_wanted():
    assert planned(COHORT).atlas == "results/bone_atlas"
    assert planned(COHORT, correction={"atlas": {"enabled": False}}).atlas == ""


def test_the_surface_is_learned_only_where_there_is_an_atlas_and_it_is_wanted(tmp_path):
    assert planned(COHORT).surface == "results/bone_surface/surface.npz"
    for step in ("atlas", "surface"):
        assert planned(COHORT, correction={step: {"enabled": False}}).surface == ""
    for name in ("template", "bones", "agreement"):
        (tmp_path / f"{name}.nii").write_bytes(b"x")
    assert planned(COHORT, atlas={"frozen": str(tmp_path)}).surface == ""
    (tmp_path / "surface.npz").write_bytes(b"x")
    assert planned(COHORT, atlas={"frozen": str(tmp_path)}).surface == str(tmp_path / "surface.npz")


@pytest.fixture
def annotations(tmp_path):
    folder = tmp_path / "annotations"
    folder.mkdir()
    return folder


def test_annotations_may_lie_in_a_folder(annotations):
    (annotations / "B.nii.gz").write_bytes(b"")
    plan = planned(COHORT, annotations=str(annotations))
    assert plan.training == ("A", "B")


def test_an_annotation_of_an_unknown_scan_is_told_with_the_nearest(annotations):
    (annotations / "healthy-10.nii.gz").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"healthy-10.nii.gz is of no scan in the sheet; did you mean 'healthy-01'"):
        planned([scan("healthy-01", "train")], annotations=str(annotations))


def test_two_annotations_of_one_scan_are_told(annotations):
    (annotations / "A.nii").write_bytes(b"")
    with pytest.raises(ConfigError, match="both annotate scan A"):
        planned(COHORT, annotations=str(annotations))


def test_an_annotation_folder_that_is_none_is_told():
    with pytest.raises(ConfigError, match=r"bones.annotations: nowhere is no folder"):
        planned(COHORT, annotations="nowhere")


def test_a_column_of_precomputed_maps_holds_no_annotations():
    plan = planned([scan("A", "train"), scan("C", "validation")], source="precomputed")
    assert (plan.training, plan.validation, plan.atlas) == ((), (), "")
    assert plan.raw == "results/bones/{scan}/precomputed.nii"
    assert plan.mappings == (str(SCHEMAS / "bones.tsv"),)


def test_precomputed_maps_in_a_folder_leave_the_column_to_annotations(tmp_path):
    for name in "ABCD":
        (tmp_path / f"{name}.nii.gz").write_bytes(b"")
    maps = [{"folder": str(tmp_path), "mapping": "totalsegmentator_vertebrae_mr"}]
    plan = planned(COHORT, source="precomputed", precomputed={"maps": maps})
    assert (plan.training, plan.validation) == (("A",), ("C",))


def test_every_scan_that_lacks_its_precomputed_map_is_told():
    with pytest.raises(ConfigError) as told:
        planned([scan(name, "train", annotated=False) for name in "AB"], source="precomputed")
    assert "scan A leaves empty" in str(told.value)
    assert "scan B leaves empty" in str(told.value)


def test_without_bones_nothing_is_asked_for():
    plan = planned([scan("A", "train", annotated=False)], source="none")
    assert plan.histories == []


def test_the_simulated_cohort_teaches_and_scores_itself():
    config = complete({}, SCHEMA)
    plan = plan_bones(config, load_cohort(config, SCHEMAS), SCHEMAS)
    assert len(plan.training) > 4
    assert len(plan.validation) > 2
