"""Every mistake in a sample sheet is named with its row, its column and a remedy, before any work starts."""

from pathlib import Path

import pytest
from snakemake.io import WILDCARD_REGEX

from marrow.errors import SheetError
from marrow.planning.config import read_schema
from marrow.planning.contrasts import declared_contrasts
from marrow.planning.sheet import read_sheet

SCHEMA = read_schema(Path(__file__).parents[2] / "schemas/samples.schema.yaml")
CONTRASTS = declared_contrasts(["fat", "water"])
ROW = {"scan": "S1", "patient": "P1", "label": "focal", "split": "train", "fat": "f.nii", "water": "w.nii"}


@pytest.fixture
def sheet(whole_sheet):
    """Writes rows as a sheet beside two files, and reads its scans."""
    return lambda *rows, **form: whole_sheet(*rows, **form).scans


@pytest.fixture
def whole_sheet(tmp_path):
    """The same, with what else the sheet says."""
    for name in ("f.nii", "w.nii"):
        (tmp_path / name).touch()

    def read(*rows, separator="\t", newline="\n", bom=False):
        columns = list(dict.fromkeys(column for row in rows for column in row))
        lines = [separator.join(columns), *(separator.join(row.get(column, "") for column in columns) for row in rows)]
        text = newline.join([*lines, ""])
        (tmp_path / "samples.tsv").write_bytes(text.encode("utf-8-sig" if bom else "utf-8"))
        return read_sheet(tmp_path / "samples.tsv", SCHEMA, CONTRASTS)

    return read


@pytest.mark.parametrize("separator", ["\t", ",", ";"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [False, True])
def test_separators_line_ends_and_byte_order_marks_do_not_matter(sheet, separator, newline, bom):
    (scan,) = sheet(ROW, separator=separator, newline=newline, bom=bom)
    assert (scan.scan, scan.patient, scan.label, scan.split) == ("S1", "P1", "focal", "train")


def test_paths_count_from_the_folder_of_the_sheet(sheet, tmp_path):
    (scan,) = sheet(ROW | {"fat": "f.nii; w.nii"})
    assert scan.images == {"fat": [f"{tmp_path}/f.nii", f"{tmp_path}/w.nii"], "water": [f"{tmp_path}/w.nii"]}


def test_attributes_truths_and_overrides_are_kept(sheet, tmp_path):
    (scan,) = sheet(ROW | {"attr_age": "61", "lesions": "w.nii", "fat_series": "5; 7"})
    assert (scan.attributes, scan.truths) == ({"age": "61"}, {"lesions": f"{tmp_path}/w.nii"})
    assert scan.overrides == {"fat": {"series": [5, 7]}}


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (
            [{("lable" if key == "label" else key): value for key, value in ROW.items()}],
            ["'lable' is probably 'label'"],
        ),
        ([{key: value for key, value in ROW.items() if key != "water"}], ["'water' is missing"]),
        ([ROW | {"fat": "gone.nii"}], ["row 2 (scan S1)", "fat does not exist", "gone.nii"]),
        ([ROW | {"fat": ""}], ["row 2", "fat is empty", "contrasts"]),
        ([ROW, ROW | {"patient": "P2"}], ["row 3 (scan S1)", "that of row 2"]),
        ([ROW, ROW | {"scan": "s1"}], ["row 3 (scan s1)", "that of row 2"]),
        ([ROW | {"label": "foca"}], ["row 2", "label is 'foca'", "did you mean 'focal'"]),
        ([ROW | {"label": ""}], ["row 2", "split is train but label is empty"]),
        ([ROW | {"split": "training"}], ["split is 'training'", "did you mean 'train'"]),
        ([ROW, ROW | {"scan": "S2", "split": "test"}], ["row 3 (scan S2)", "patient P1", "train", "row 2"]),
        ([ROW | {"fat_series": "five"}], ["fat_series", "five"]),
        ([ROW, ROW | {"scan": "S2", "label": "x"}, ROW], ["row 3", "row 4"]),
    ],
)
def test_a_mistake_is_named_with_place_and_remedy(sheet, rows, told):
    with pytest.raises(SheetError) as raised:
        sheet(*rows)
    assert [part for part in ["samples.tsv", *told] if part not in str(raised.value)] == []


@pytest.mark.parametrize(
    "name",
    ["a/b", "a b", "..", "a..b", ".a", "a;rm -rf x", "$(x)", "`x`", "a'b", 'a"b', "a|b", "<b>", "a" * 300, "é", ""],
)
@pytest.mark.parametrize("column", ["scan", "patient"])
def test_an_id_that_is_no_plain_word_is_refused(sheet, name, column):
    with pytest.raises(SheetError, match=f"(?s)row 2.*column {column}") as raised:
        sheet(ROW | {column: name}, separator="\t")
    assert len(str(raised.value)) < 1000
    assert not name or "at most 64 letters a to z, digits, -, _ and single dots" in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"scan\tpatient\tfat\twater\n"])
def test_an_empty_sheet_is_refused(tmp_path, content):
    (tmp_path / "samples.tsv").write_bytes(content)
    with pytest.raises(SheetError, match="has no scans"):
        read_sheet(tmp_path / "samples.tsv", SCHEMA, CONTRASTS)


def test_a_missing_sheet_and_a_spreadsheet_file_are_refused(tmp_path):
    with pytest.raises(SheetError, match="does not exist"):
        read_sheet(tmp_path / "samples.tsv", SCHEMA, CONTRASTS)
    (tmp_path / "samples.xlsx").write_bytes(b"PK\x03\x04\xff\xfe\x00")
    with pytest.raises(SheetError, match="not UTF-8"):
        read_sheet(tmp_path / "samples.xlsx", SCHEMA, CONTRASTS)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('scan,patient,fat,water,attr_note\nS1,P1,a,b,"open\nS2,P2,a,b,x\n', "quote"),
        ("scan,patient,fat,fat,water\nS1,P1,a,b,c\n", "column fat more than once"),
    ],
)
def test_a_sheet_that_would_lose_rows_or_columns_is_refused(tmp_path, text, told):
    (tmp_path / "samples.csv").write_text(text)
    with pytest.raises(SheetError, match=told):
        read_sheet(tmp_path / "samples.csv", SCHEMA, CONTRASTS)


def test_a_folder_is_no_sheet(tmp_path):
    with pytest.raises(SheetError, match="must name a file"):
        read_sheet(tmp_path, SCHEMA, CONTRASTS)


def test_raw_images_among_the_results_are_refused(sheet, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results/f.nii").touch()
    with pytest.raises(SheetError, match="fat lies in results/"):
        sheet(ROW | {"fat": "results/f.nii"})


def test_a_row_with_too_many_fields_is_refused(tmp_path):
    (tmp_path / "samples.csv").write_text("scan,patient,fat,water\nS1,P1,a,b,c\n")
    with pytest.raises(SheetError, match=r"row 2.*more fields"):
        read_sheet(tmp_path / "samples.csv", SCHEMA, CONTRASTS)


def test_columns_that_nobody_knows_are_passed_over_with_one_note(whole_sheet):
    """Such as those of a clinician's table: near a known one (`notes`, `bones`) or named like one that is there."""
    rows = ROW | {"notes": "asks for a copy", "Befund Datum": "3.4.", "labels": "x", "b500": "w.nii"}
    read = whole_sheet(rows)
    assert read.free_columns == ["notes", "Befund Datum", "labels", "b500"]
    assert [note for note in read.notes if "passed over: notes, Befund Datum, labels, b500" in note] == read.notes
    assert whole_sheet(ROW | {"attr_age": "61"}).notes == []


@pytest.mark.parametrize(("name", "known"), [("exlude", "exclude"), ("Site", "site"), ("lesion", "lesions")])
def test_a_column_that_is_a_slip_of_a_known_one_is_refused(sheet, name, known):
    with pytest.raises(SheetError, match=f"column '{name}' is probably '{known}'"):
        sheet(ROW | {name: ""})


@pytest.mark.parametrize("cell", ["", "no", "No", "0", "FALSE"])
def test_a_scan_stays_where_the_column_exclude_says_no(whole_sheet, cell):
    read = whole_sheet(ROW | {"exclude": cell})
    assert ([scan.scan for scan in read.scans], read.excluded, read.notes) == (["S1"], {}, [])


@pytest.mark.parametrize(("cell", "why"), [("moved", "moved"), ("yes", "no reason given"), ("1", "no reason given")])
def test_a_scan_that_is_excluded_is_no_part_of_the_cohort_and_is_not_checked(whole_sheet, cell, why):
    left_out = {"scan": "S2", "patient": "P1", "split": "test", "fat": "gone.nii", "exclude": cell}
    read = whole_sheet(ROW, left_out)
    assert ([scan.scan for scan in read.scans], read.excluded) == (["S1"], {"S2": why})
    assert [note for note in read.notes if f"1 scans are left out, as the column exclude says: S2 ({why})" in note]


def test_an_excluded_scan_keeps_its_id_to_itself_and_a_sheet_needs_one_that_is_used(sheet):
    with pytest.raises(SheetError, match=r"row 3 .*the id is that of row 2"):
        sheet(ROW, ROW | {"exclude": "twice"})
    with pytest.raises(SheetError, match="every scan is left out"):
        sheet(ROW | {"exclude": "moved"})


def test_a_reference_scan_needs_no_label_and_is_predicted_only(sheet):
    (scan,) = sheet(ROW | {"label": "", "split": "reference"})
    assert (scan.split, scan.is_reference) == ("predict", True)
    (scan,) = sheet(ROW)
    assert not scan.is_reference


@pytest.mark.parametrize("name", ["{b}", "{0}", "{ scan }", "{a,b}"])
def test_a_path_that_snakemake_would_take_for_a_pattern_is_refused_in_its_row(sheet, tmp_path, name):
    (tmp_path / f"{name}.nii").touch()
    with pytest.raises(SheetError, match=r"row 2 \(scan S1\): fat has \{.* wildcard; rename") as raised:
        sheet(ROW | {"fat": f"{name}.nii"})
    assert f"fat has {name} in its path" in str(raised.value)


@pytest.mark.parametrize("name", ["{}", "{", "a}b{", "{a b}", "{a-b}"])
def test_other_braces_in_a_path_are_taken(sheet, tmp_path, name):
    (tmp_path / f"{name}.nii").touch()
    assert not WILDCARD_REGEX.search(f"{name}.nii")
    (scan,) = sheet(ROW | {"fat": f"{name}.nii"})
    assert scan.images["fat"] == [f"{tmp_path}/{name}.nii"]


def test_a_sheet_that_is_missing_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SheetError, match=f"does not exist in {tmp_path}/sheets; .* working directory, {tmp_path}"):
        read_sheet(Path("sheets/samples.tsv"), SCHEMA, CONTRASTS)
