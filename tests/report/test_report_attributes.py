"""Attributes by class in the report."""

from dataclasses import replace

import pytest

import clinical_sets
from marrow.bags.manifest import write_manifest
from marrow.report.scans import scan_rows
from marrow.report.sections.attributes import section
from marrow.report.sections.cohort import cohort_section

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return clinical_sets.written(tmp_path_factory.mktemp("attributes"))


def test_each_attribute_has_a_row_a_class_with_what_is_known_and_missing(manifest):
    made = section([manifest.path], {"age": "years"})
    assert made is not None
    for text in ("age (years)", "m_protein", "II 4", "median (quartiles)"):
        assert text in made.html
    unknown = sum("m_protein" not in entry.attributes for entry in manifest.entries)
    assert unknown > 0
    assert f'<td class="number">{unknown}</td>' in made.html


def test_without_attributes_and_without_labels_there_is_no_section(manifest, tmp_path):
    without = [replace(entry, attributes={}) for entry in manifest.entries]
    bare = replace(manifest, path=tmp_path / "bare.parquet", entries=tuple(without))
    write_manifest(bare, bare.path)
    new = [replace(entry, label=-1, label_name="") for entry in manifest.entries]
    unlabelled = replace(manifest, path=tmp_path / "new.parquet", entries=tuple(new))
    write_manifest(unlabelled, unlabelled.path)
    assert section([bare.path, unlabelled.path, tmp_path / "missing.parquet"], {}) is None


def test_a_hostile_name_or_category_stays_text(manifest, tmp_path):
    strange = replace(
        manifest,
        path=tmp_path / "strange.parquet",
        entries=tuple(replace(entry, attributes={HOSTILE: HOSTILE}) for entry in manifest.entries),
    )
    write_manifest(strange, strange.path)
    made = section([strange.path], {HOSTILE: HOSTILE})
    assert made is not None
    assert "<script>" not in made.html


def test_scans_are_listed_with_their_attributes_and_categories_can_be_chosen():
    scans = [{"scan": name, "patient": name, "label": "", "split": "", "site": ""} for name in ("a", "b")]
    attributes = {"a": {"age": "61", "stage": "I", HOSTILE: HOSTILE}, "b": {"stage": "II"}}
    rows = scan_rows(scans, attributes, {"age": "years"}, [])
    html = cohort_section(rows, [], []).html
    assert '<th scope="col" class="number" data-range>age (years)</th>' in html
    assert '<th scope="col" data-choice>stage</th>' in html
    assert "<script>" not in html
    assert rows[1].attributes == {"stage": "II"}


def test_categories_written_as_digits_are_no_numbers_and_names_of_columns_are_kept_apart(manifest, tmp_path):
    scans = [{"scan": name, "patient": name, "label": "", "split": "", "site": ""} for name in ("a", "b")]
    rows = scan_rows(scans, {"a": {"iss": "1", "class": "3"}, "b": {"iss": "2", "class": "4"}}, {}, [])
    html = cohort_section(rows, [], [], ["iss"]).html
    assert '<th scope="col" data-choice>iss</th>' in html
    assert '<th scope="col" data-choice>class</th>' in html
    assert '<th scope="col" class="number" data-range>attr_class</th>' in html
    numbered = tuple(replace(entry, attributes={"iss": float(len(entry.bag) % 2)}) for entry in manifest.entries)
    made = replace(manifest, path=tmp_path / "iss.parquet", entries=numbered)
    write_manifest(made, made.path)
    told = section([made.path], {}, ["iss"])
    assert told is not None
    assert "<svg" not in told.html
