"""A real run with a network from elsewhere, in which the bones of two scans go wrong: the others are finished.

The network is put together by hand: it calls skull what is brighter on the fat image than most of the body.
"""

import csv
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk
import torch
from PIL import Image

from marrow.bones.segmentation.model_file import save_network
from marrow.bones.segmentation.model_header import Purpose
from marrow.bones.segmentation.network import Architecture, ThreePathways
from marrow.bones.table import read_bones
from raw_cohort import write_raw_cohort
from staleness_project import checkout

pytestmark = pytest.mark.slow

SOUND, DULL, FOREIGN = "sound", "dull", "foreign"
SETTINGS = {
    "samples": "samples.tsv",
    "contrasts": ["fat", "water"],
    "resample": {"spacing_mm": 10},
    "ingest": {"bias": {"enabled": False}},
    "datasets": {},
    "bones": {"contrasts": ["fat"], "network": {"frozen": "bones.safetensors"}},
}
SHEET = "\n".join(
    [
        "scan\tpatient\tlabel\tsplit\tfat\twater\tbones",
        f"{SOUND}\tA\tfocal\tvalidation\traw/{SOUND}/fat\traw/{SOUND}/water\traw/{SOUND}/bones.nii.gz",
        f"{DULL}\tB\tfocal\ttrain\traw/{DULL}/fat\traw/{DULL}/water\t",
        f"{FOREIGN}\tC\tfocal\tvalidation\traw/{FOREIGN}/fat\traw/{FOREIGN}/water\traw/{FOREIGN}/bones.nii.gz",
    ]
)
NAMES = tuple(bone.name for bone in read_bones())
PURPOSE = Purpose(NAMES, ("fat",), 10.0)
BRIGHT = 1.9  # deviations above the mean of the body; more than 1% of it is, unless it is dulled


def bright_is_skull() -> ThreePathways:
    """A network that passes each voxel on from layer to layer and compares it with `BRIGHT`."""
    network = ThreePathways(Architecture(1, len(NAMES) + 1, width=0.1, depth=2))
    full_resolution = network.pathways[0]
    with torch.no_grad():
        for weight in network.convolution_weights():
            weight.zero_()
        for convolution in (full_resolution.first, full_resolution.layers[0].convolution):
            convolution.weight[0, 0, 1, 1, 1] = 1
        network.classify.convolution.weight[1, 0] = 1
        network.class_bias[0] = BRIGHT
    return network


def dulled(folder) -> None:
    """Nothing on the fat image is brighter than the middle of the body."""
    files = sorted(folder.glob("*.nii.gz"))
    images = [sitk.ReadImage(str(file)) for file in files]
    values = np.concatenate([sitk.GetArrayFromImage(image).ravel() for image in images])
    limit = float(np.median(values[values > np.median(values)]))
    for file, image in zip(files, images, strict=True):
        sitk.WriteImage(sitk.Cast(sitk.Minimum(image, limit), image.GetPixelID()), str(file))


def with_foreign_ids(file) -> None:
    image = sitk.ReadImage(str(file))
    sitk.WriteImage(sitk.Cast(image, sitk.sitkUInt8) + 70 * sitk.Cast(image == 5, sitk.sitkUInt8), str(file))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("bones")
    made = checkout(root, SETTINGS)
    write_raw_cohort(root / "raw", nifti=[SOUND, DULL, FOREIGN], dicom=[])
    (root / "samples.tsv").write_text(SHEET)
    dulled(root / f"raw/{DULL}/fat")
    with_foreign_ids(root / f"raw/{FOREIGN}/bones.nii.gz")
    save_network(bright_is_skull(), PURPOSE, root / "bones.safetensors")
    return made


@pytest.fixture(scope="module")
def told(project) -> str:
    """What the run says."""
    return failing_run(project)


def failing_run(project) -> str:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "my.yaml"]
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    return done.stdout + done.stderr


def table(project, scan) -> list[dict[str, str]]:
    with (project.root / "results/checks/table.tsv").open(newline="") as file:
        return [row for row in csv.DictReader(file, delimiter="\t") if row["scan"] == scan]


def stops(project, scan) -> list[tuple[str, str]]:
    return [(row["stage"], row["check"]) for row in table(project, scan) if row["status"] == "stopped"]


def labels(project, file) -> set[int]:
    return set(np.unique(sitk.GetArrayFromImage(sitk.ReadImage(str(project.root / file)))).tolist())


def test_the_run_fails_and_lists_both_scans(told):
    assert "2 of 3 scans were stopped" in told
    assert f"{DULL} (bones_found)" in told
    assert f"{FOREIGN} (labels_known)" in told


def test_a_scan_without_any_bone_is_stopped_where_that_shows_and_has_its_picture(project, told):
    assert stops(project, DULL) == [("correct_bones", "bones_found")]
    assert labels(project, f"results/bones/{DULL}/network.nii") == {0}
    assert (project.root / f"results/bones/{DULL}/corrected/bones.nii").stat().st_size == 0
    with Image.open(project.root / f"results/bones/{DULL}/sheet.png") as picture:
        assert np.std(picture.convert("L")) > 5


def test_an_annotation_with_unknown_ids_stops_its_scan_and_names_them(project, told):
    assert stops(project, FOREIGN) == [("resample_labels", "labels_known")]
    (row,) = [row for row in table(project, FOREIGN) if row["status"] == "stopped"]
    assert "the label map holds 75, which the bone table lacks" in row["message"]
    assert labels(project, f"results/bones/{FOREIGN}/corrected/bones.nii") == {0, 1}, "its bones need no annotation"


def test_the_others_are_finished_and_scored(project, told):
    assert stops(project, SOUND) == []
    assert labels(project, f"results/bones/{SOUND}/corrected/bones.nii") == {0, 1}
    with (project.root / "results/bones/scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["scan"] for row in rows} == {SOUND}
    assert {row["bone"] for row in rows if row["dice"]} == set(NAMES)


def test_the_report_shows_all_of_it(project, told):
    page = (project.root / "results/report/index.html").read_text()
    assert "no voxel is labelled as bone" in page
    assert "the label map holds 75" in page
    assert page.count('alt="Bone sheet of scan') == 3
    assert "No training curve" in page


def test_nothing_was_trained(project, told):
    assert not (project.root / "results/bone_network").exists()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda content: content[:-1], "damaged"),
        (lambda _: b"no network at all", "damaged or no safetensors file"),
        (lambda content: content.replace(b"femur_left", b"tibia_left"), "among them tibia_left, which the bone table"),
    ],
)
def test_a_network_that_does_not_fit_ends_the_run_before_any_work(project, told, damage, said):
    file = project.root / "bones.safetensors"
    whole = file.read_bytes()
    before = results(project)
    file.write_bytes(damage(whole))
    try:
        refused = failing_run(project)
    finally:
        file.write_bytes(whole)
    assert f"config: bones.network.frozen: {file.name}: " in refused
    assert said in refused
    assert "Traceback" not in refused
    assert results(project) == before


def results(project) -> dict[str, int]:
    return {str(file): file.stat().st_mtime_ns for file in (project.root / "results").rglob("*")}
