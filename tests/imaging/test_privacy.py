"""Nothing of the tags that DICOM's Basic Application Level Confidentiality Profile lists reaches what ingest writes.

Every row of the profile's table is planted: at the top level, nested in sequences, and under private tags, in classic
and in enhanced files. Values that can be recognised as bytes are then searched in every output, log and message.
"""

import gzip
import logging
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset

import ingest_scan
from bodies import SETTINGS, contrasts, cut, raw_body, write_series
from enhanced_dicom import Part, write_enhanced
from marrow.log import configure_log

TABLE = Path(__file__).parents[1] / "support/basic_profile.tsv"
ROWS = [line.split("\t") for line in TABLE.read_text(encoding="utf-8").splitlines()[1:]]
NAMES = ("fat", "water", "b50", "b900")
MARK = "QXJ7"
DAY, TIME, ROOT = "19570413", "041357.531", "1.2.9753135"
# By value representation, a value that is valid and can be recognised; of others no byte pattern would tell.
VALUES = {
    "PN": f"{MARK}^{MARK}", "LO": MARK, "SH": MARK, "LT": MARK, "ST": MARK, "UT": MARK, "UC": MARK, "CS": MARK,
    "AE": MARK, "UR": f"http://{MARK}", "DA": DAY, "TM": TIME, "DT": f"{DAY}{TIME}", "AS": "097Y", "UI": f"{ROOT}.7",
    "OB": MARK.encode(), "OW": MARK.encode(), "UN": MARK.encode(), "IS": "753197531", "DS": "7531.97531",
}  # fmt: skip
SECRETS = [MARK, DAY, TIME, ROOT, "753197531", "7531.97531", "1957-04-13", "13.04.1957"]
BODY = raw_body()
# These say which slices belong together; they are planted with values that differ where they must.
TOGETHER = {0x00080018, 0x0020000D, 0x0020000E, 0x00020003}


def rows() -> Iterator[tuple[int, str]]:
    """Tag and value representation of every row that a data set can hold; repeating groups by an example."""
    for tag, _name, _action in ROWS:
        number = int(tag.replace(",", "").replace("x", "0"), 16)
        if number >> 16 > 4 and number not in TOGETHER:
            try:
                yield number, dictionary_VR(number)
            except KeyError:
                yield number, "UN"


def planted() -> Dataset:
    """A data set with every row of the profile."""
    dataset = Dataset()
    for tag, vr in rows():
        if vr == "SQ":
            nested = Dataset()
            nested.PatientName, nested.PatientBirthDate, nested.ReferencedSOPInstanceUID = (
                f"{MARK}^{MARK}",
                DAY,
                f"{ROOT}.9",
            )
            dataset.add_new(tag, "SQ", [nested])
        elif vr.split(" ")[0] in VALUES:
            dataset.add_new(tag, vr.split(" ")[0], VALUES[vr.split(" ")[0]])
    block = dataset.private_block(0x0011, MARK, create=True)
    block.add_new(1, "LO", MARK)
    block.add_new(2, "SQ", [planted_leaf()])
    return dataset


def planted_leaf() -> Dataset:
    leaf = Dataset()
    leaf.PatientName, leaf.PatientID = f"{MARK}^{MARK}", MARK
    return leaf


def plant(path: Path, number: int) -> None:
    """Add every row of the profile to a file, at the top and nested in a sequence, and keep what images are made of."""
    file = pydicom.dcmread(path)
    if file.SeriesNumber < 20:  # the first stations; the others differ in UIDs alone, which saves half of the time
        for element in planted():
            file[element.tag] = element
        file.RequestAttributesSequence = [planted()]
    file.SOPInstanceUID, file.StudyInstanceUID = f"{ROOT}.1.{number}", f"{ROOT}.2"
    file.SeriesInstanceUID = f"{ROOT}.3.{file.SeriesNumber}"
    for group in file.get("PerFrameFunctionalGroupsSequence", []):
        group.RequestAttributesSequence = [planted_leaf()]
    file.save_as(path.with_name(f"{MARK}_{number:05d}.dcm"))
    if path.name != f"{MARK}_{number:05d}.dcm":
        path.unlink()


def classic(folder: Path) -> Path:
    for name in NAMES:
        write_series(cut(BODY[name], 2, 4), name, folder)
    return folder


def enhanced(folder: Path) -> Path:
    dixon = ("DERIVED", "PRIMARY", "DIXON")
    write_enhanced([Part(BODY["fat"], (*dixon, "FAT")), Part(BODY["water"], (*dixon, "WATER"))], folder / "1.dcm")
    kind = ("ORIGINAL", "PRIMARY", "DIFFUSION", "NONE")
    parts = [Part(BODY[name], kind, b_value) for name, b_value in (("b50", 50.0), ("b900", 900.0), ("b900", 900.0))]
    write_enhanced(parts, folder / "22.dcm", SeriesNumber=2)
    return folder


def decompressed(content: bytes) -> bytes:
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content


def assert_silent(content: bytes) -> None:
    for secret in SECRETS:
        for encoded in (secret.encode(), secret.encode("utf-16-le"), secret.lower().encode()):
            assert encoded not in content, secret


@pytest.mark.parametrize("write", [classic, enhanced])
def test_no_row_of_the_profile_reaches_outputs_logs_or_messages(tmp_path, capfd, caplog, recwarn, write):
    folder = write(tmp_path / f"{MARK}_{DAY}")
    for number, path in enumerate(sorted(folder.rglob("*.dcm"))):
        plant(path, number)
    out = tmp_path / "out"
    out.mkdir()
    capfd.readouterr()
    recwarn.clear()
    caplog.clear()
    declared = contrasts(*NAMES, "adc")
    with configure_log(out / "log", hide=[folder], show=NAMES):
        ingest_scan.main(
            raw=[folder] * 4,
            layout=dict.fromkeys(NAMES, 1),
            contrasts=[contrast.declaration() for contrast in declared],
            volumes=[out / f"{contrast.name}.nii" for contrast in declared],
            body=out / "body.nii",
            checks=out / "checks.json",
            scan="S1",
            overrides={},
            settings=SETTINGS,
        )
        logging.getLogger("test").info("%s", folder)
    captured = capfd.readouterr()
    messages = "".join([captured.out, captured.err, caplog.text, *(str(warning.message) for warning in recwarn)])
    assert_silent(messages.replace(str(folder), "").encode())
    written = [path for path in out.rglob("*") if path.is_file()]
    assert len(written) == 8
    for path in written:
        assert_silent(decompressed(path.read_bytes()))


def test_most_rows_of_the_profile_are_planted_and_survive_in_the_raw_files(tmp_path):
    folder = classic(tmp_path)
    path = sorted(folder.rglob("*.dcm"))[0]
    plant(path, 0)
    (raw,) = folder.rglob(f"{MARK}_*.dcm")
    with raw.open("rb") as file:
        content = file.read()
    assert len(ROWS) == 654
    assert sum(1 for _, vr in rows() if vr == "SQ" or vr.split(" ")[0] in VALUES) > 600
    missing = [secret for secret in SECRETS[:6] if secret.encode() not in content]
    assert missing == []
