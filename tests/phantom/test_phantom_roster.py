"""The roster: stable, split by patient, and cheap enough to read while Snakemake parses."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marrow.bones.table import mirrored_ids, read_bones
from marrow.errors import ConfigError
from marrow.phantom.roster import CLASSES, FAULTS, PREDICT, SITES, roster, writes_dicom

COUNTS = st.fixed_dictionaries(dict.fromkeys((*CLASSES, PREDICT), st.integers(0, 12)))


def cohort(patients, seed=7, repeat_every=6, file_format="mixed", faults=None):
    return roster(
        {
            "seed": seed,
            "patients": patients,
            "repeat_every": repeat_every,
            "format": file_format,
            "faults": faults or {},
        }
    )


@given(counts=COUNTS, more=COUNTS, every=st.integers(0, 7))
def test_adding_patients_leaves_earlier_scans_alone(counts, more, every):
    before = cohort(counts, repeat_every=every)
    after = {scan.scan: scan for scan in cohort({k: counts[k] + more[k] for k in counts}, repeat_every=every)}
    assert all(after[scan.scan] == scan for scan in before)


@given(counts=COUNTS, every=st.integers(0, 7))
def test_a_patient_has_one_split_one_label_and_one_build(counts, every):
    seen = {}
    for scan in cohort(counts, repeat_every=every):
        told = (scan.split, scan.label, scan.disease, scan.sex, scan.age)
        assert seen.setdefault(scan.patient, told) == told
    assert len(seen) == sum(counts.values())


def test_the_demo_has_every_class_split_and_site_and_a_patient_scanned_twice():
    scans = cohort({**dict.fromkeys(CLASSES, 3), PREDICT: 1})
    assert 12 <= len(scans) <= 17
    assert len({scan.scan for scan in scans}) == len(scans)
    assert {(s.label, s.split) for s in scans} >= {(c, s) for c in CLASSES for s in ("train", "validation", "test")}
    assert {scan.site for scan in scans if scan.split == "train"} == set(SITES)
    assert any(scan.visit == 2 for scan in scans)
    assert all((scan.label == "") == (scan.split == PREDICT) for scan in scans)
    assert all(scan.disease in CLASSES for scan in scans)


def test_a_patient_stays_at_one_site_and_every_class_is_scanned_at_both():
    """Or a model could tell a class by its scanner."""
    scans = cohort(dict.fromkeys((*CLASSES, PREDICT), 3), repeat_every=2)
    assert len({(scan.patient, scan.site) for scan in scans}) == len({scan.patient for scan in scans}) < len(scans)
    assert {(scan.label, scan.site) for scan in scans} == {(c, s) for c in (*CLASSES, "") for s in SITES}


def test_another_seed_gives_other_people():
    counts = dict.fromkeys(CLASSES, 5)
    assert [s.age for s in cohort(counts, seed=1)] != [s.age for s in cohort(counts, seed=2)]


def test_a_fault_lands_on_the_scan_it_names_alone():
    scans = cohort({"focal": 3}, faults={"focal-02-1": "constant"})
    assert {scan.scan: scan.fault for scan in scans if scan.fault} == {"focal-02-1": "constant"}


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ({"focal-99-1": "constant"}, "focal-99-1"),
        ({"focal-01-1": "melted"}, FAULTS[0]),
        ({"focal-02-1": "nan"}, "NIfTI"),
    ],
)
def test_a_fault_that_cannot_be_planted_is_named_with_the_remedy(faults, told):
    with pytest.raises(ConfigError, match=told):
        cohort({"focal": 3}, file_format="dicom", faults=faults)


def test_mixed_format_follows_the_site():
    assert [writes_dicom(site, "mixed") for site in SITES] == [False, True]
    assert [writes_dicom(SITES[0], kind) for kind in ("nifti", "dicom")] == [False, True]


def test_reading_the_roster_imports_no_heavy_library():
    code = "import sys, marrow.phantom.roster; sys.exit(bool({'numpy', 'SimpleITK', 'scipy'} & set(sys.modules)))"
    scripts = Path(__file__).parents[2] / "scripts"
    assert subprocess.run([sys.executable, "-c", code], cwd=scripts, check=False).returncode == 0


def test_the_bone_table_has_18_bones_whose_mirrors_are_the_other_side():
    bones = read_bones()
    by_id = {bone.id: bone for bone in bones}
    assert len(bones) == 18
    for bone in bones:
        other = by_id[bone.mirror]
        swapped = {"left": "right", "right": "left", "middle": "middle"}[bone.side]
        assert other.side == swapped
        assert other.name == bone.name.replace(bone.side, swapped)
    swap = mirrored_ids(bones)
    assert swap[0] == 0
    assert [swap[i] for i in swap] == list(range(len(swap)))


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("1\ta\tleft\t2\tx\n2\tb\tright\t2\tx\n", "mirrors id 2"),
        ("1\ta\tleft\t1\tx\n3\tb\tright\t3\tx\n", "from 1 up"),
        ("1\ta\tup\t1\tx\n", "side is 'up'"),
        ("one\ta\tleft\t1\tx\n", "whole numbers"),
        ("1\ta\tmiddle\t1\tx\n2\ta\tmiddle\t2\tx\n", "one name"),
    ],
)
def test_a_wrong_bone_table_is_refused_with_the_row_or_bone(tmp_path, rows, told):
    table = tmp_path / "bones.tsv"
    table.write_text("id\tname\tside\tmirror\tregion\n" + rows)
    with pytest.raises(ConfigError, match=told):
        read_bones(table)


def test_a_bone_table_without_a_column_is_refused(tmp_path):
    table = tmp_path / "bones.tsv"
    table.write_text("id\tname\n1\ta\n")
    with pytest.raises(ConfigError, match="mirror"):
        read_bones(table)
