"""What a simulated scan promises: the same bytes, whole skeletons, lesions in bone, stations that cover the body."""

from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

import raw_cohort
from marrow.bones.table import DEFAULT_TABLE, read_bones
from marrow.phantom.anatomy import person, stretched
from marrow.phantom.habitus import habitus, lie_down
from marrow.phantom.protocol import coverage, protocol, station_grids
from marrow.phantom.roster import SITES, SimulatedScan
from marrow.phantom.scan import difficulty, simulate
from marrow.phantom.scanner import acquire, sample
from marrow.phantom.tissue import CONTRASTS
from simulate_scan import main

SETTINGS = raw_cohort.SETTINGS | {"seed": 11, "diffuse_with_focal": 0.0}
BONES = read_bones()
# Millilitres with cortex and marrow: generous bounds about adult values.
VOLUMES = {
    "skull": (350, 1000),
    "cervical_spine": (25, 110),
    "thoracic_spine": (180, 480),
    "lumbar_spine": (130, 400),
    "sacrum": (110, 320),
    "sternum": (30, 110),
    "ribs": (110, 380),
    "clavicle": (12, 50),
    "scapula": (45, 150),
    "humerus": (100, 290),
    "hip": (250, 650),
    "femur": (300, 850),
}


def row(disease="focal", visit=1, sex="m", site="north", fault=""):
    patient = f"{disease}-01"
    return SimulatedScan(f"{patient}-{visit}", patient, visit, disease, disease, "train", site, sex, 60, fault)


@pytest.fixture(scope="module")
def scanned():
    scans = {}

    def of(disease="focal", visit=1, sex="m", contrasts=CONTRASTS, **changes):
        key = (disease, visit, sex, contrasts, *changes.items())
        if key not in scans:
            scans[key] = simulate(row(disease, visit, sex), SETTINGS | changes, contrasts, BONES)
        return scans[key]

    return of


def write(folder: Path, scan: SimulatedScan, contrasts=CONTRASTS, **changes) -> Path:
    folder.mkdir()
    main(
        bone_table=DEFAULT_TABLE,
        stations=[folder / contrast for contrast in contrasts],
        bones=folder / "bones.nii.gz",
        lesions=folder / "lesions.nii.gz",
        contrasts=list(contrasts),
        scan=asdict(scan),
        settings=SETTINGS | changes,
    )
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def litres(anatomy, bone) -> float:
    return float((anatomy.labels == bone.id).sum() * np.prod(anatomy.grid.spacing) / 1e6)


def centre(anatomy, bone):
    z, y, x = (axis.mean() for axis in np.nonzero(anatomy.labels == bone.id))
    return np.asarray(anatomy.grid.origin) + np.asarray(anatomy.grid.spacing) * (x, y, z)


@pytest.mark.parametrize("file_format", ["nifti", "dicom"])
def test_the_same_seed_gives_the_same_bytes(tmp_path, file_format):
    contrasts = ("b900",)
    first = content(write(tmp_path / "a", row(), contrasts, format=file_format))
    again = content(write(tmp_path / "b", row(), contrasts, format=file_format))
    assert first == again


def test_another_seed_gives_another_body(scanned):
    one, other = (scanned(contrasts=("b900",), **changes).anatomy.labels for changes in ({}, {"seed": 12}))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(("disease", "sex"), [("healthy", "f"), ("focal", "m"), ("diffuse", "f"), ("inactive", "m")])
def test_every_bone_is_there_with_the_volume_of_an_adults(scanned, disease, sex):
    anatomy = scanned(disease, sex=sex, contrasts=("b900",)).anatomy
    for bone in BONES:
        low, high = VOLUMES[bone.name.removesuffix(f"_{bone.side}")]
        assert low <= 1000 * litres(anatomy, bone) <= high, bone.name
    assert 2.5 <= sum(litres(anatomy, bone) for bone in BONES) <= 6.0
    assert set(np.unique(anatomy.labels)) == {0, *(bone.id for bone in BONES)}


def test_left_is_the_patients_left_and_sides_are_alike(scanned):
    anatomy = scanned().anatomy
    by_id = {bone.id: bone for bone in BONES}
    for left in (bone for bone in BONES if bone.side == "left"):
        right = by_id[left.mirror]
        assert centre(anatomy, left)[0] > centre(anatomy, right)[0] + 50  # x grows to the patient's left
        assert litres(anatomy, left) == pytest.approx(litres(anatomy, right), rel=0.15)


def test_bones_stand_in_the_order_of_a_body(scanned):
    heights = {bone.name: centre(scanned().anatomy, bone)[2] for bone in BONES}
    order = ["skull", "cervical_spine", "sternum", "lumbar_spine", "sacrum", "femur_left"]
    assert sorted(order, key=lambda name: -heights[name]) == order


def test_a_table_with_fewer_bones_labels_those_alone(scanned):
    few = [bone for bone in BONES if bone.name in ("skull", "sacrum")]
    few = [replace(bone, id=number, mirror=number) for number, bone in enumerate(few, start=1)]
    anatomy = simulate(row(), SETTINGS, ("b900",), few).anatomy
    assert set(np.unique(anatomy.labels)) == {0, 1, 2}
    skull = next(bone for bone in BONES if bone.name == "skull")
    assert litres(anatomy, few[0]) == pytest.approx(litres(scanned().anatomy, skull), rel=0.05)


def test_a_repeated_scan_shows_the_same_body_in_another_place(scanned):
    first, second = (scanned(visit=visit, contrasts=("b900",)).anatomy for visit in (1, 2))
    for bone in BONES:
        assert litres(second, bone) == pytest.approx(litres(first, bone), rel=0.1)
    assert int(second.lesions.sum()) == pytest.approx(int(first.lesions.sum()), rel=0.05)
    shifts = [centre(second, bone) - centre(first, bone) for bone in BONES]
    assert np.abs(shifts).max() > 1
    assert np.std([shift[2] for shift in shifts]) < 4


def test_patients_differ_in_build_and_a_patient_keeps_theirs():
    builds = [habitus(SETTINGS["seed"], f"focal-{number:02d}", "m", 60) for number in range(1, 9)]
    assert len({(build.scale, build.fat_mm, build.bone_girth) for build in builds}) == len(builds)
    assert np.ptp([build.scale[2] for build in builds]) > 0.04
    assert builds[0] == habitus(SETTINGS["seed"], "focal-01", "m", 60)


def test_active_disease_lies_in_bone_and_only_where_the_class_has_it(scanned):
    for disease in ("healthy", "inactive"):
        assert not scanned(disease, contrasts=("b900",)).anatomy.lesions.any()
    for disease in ("focal", "diffuse"):
        anatomy = scanned(disease, contrasts=("b900",)).anatomy
        assert anatomy.lesions.any()
        assert (anatomy.labels[anatomy.lesions > 0] > 0).all()


@pytest.mark.parametrize("fraction", [0.02, 0.05, 0.12])
def test_focal_lesions_fill_about_the_asked_share_of_bone(scanned, fraction):
    anatomy = scanned("focal", contrasts=("b900",), lesion_fraction=fraction).anatomy
    found = anatomy.lesions.sum() / (anatomy.labels > 0).sum()
    assert found == pytest.approx(fraction, rel=0.35)


@pytest.mark.parametrize("fraction", [0.2, 0.6])
def test_diffuse_disease_fills_about_the_asked_share_of_bone(scanned, fraction):
    anatomy = scanned("diffuse", contrasts=("b900",), diffuse_fraction=fraction).anatomy
    found = anatomy.lesions.sum() / (anatomy.labels > 0).sum()
    assert found == pytest.approx(fraction, rel=0.15)
    spread = sum((anatomy.lesions[anatomy.labels == bone.id] > 0).mean() > 0.02 for bone in BONES)
    assert spread >= 12


def test_no_focal_lesion_is_under_five_millimetres():
    who = person(SETTINGS["seed"], row("focal"), BONES, difficulty(SETTINGS | {"lesion_fraction": 0.01}))
    assert who.disease.focal
    assert min(2 * min(spot.radii) for spot, _ in who.disease.focal) > 5


def test_lesion_contrast_sets_how_bright_disease_is_on_b900(scanned):
    brightness = []
    for contrast in (0.0, 0.4, 1.0):
        anatomy = scanned("focal", contrasts=("b900",), lesion_contrast=contrast).anatomy
        brightness.append(float(anatomy.signals[0][anatomy.lesions > 0].mean()))
    marrow = float(anatomy.signals[0][(anatomy.labels > 0) & (anatomy.lesions == 0)].mean())
    assert brightness[0] < brightness[1] < brightness[2]
    assert brightness[0] < 1.8 * marrow
    assert brightness[2] > 3 * marrow


def test_treated_lesions_are_cold(scanned):
    treated = scanned("inactive", contrasts=("b900",)).anatomy
    as_before = scanned("inactive", contrasts=("b900",), lesion_contrast=0.0).anatomy
    change = (treated.signals - as_before.signals)[0]
    assert change.min() < -0.05
    assert change.max() <= 1e-6
    assert (np.abs(change) > 0.02)[treated.labels == 0].sum() < 0.2 * (np.abs(change) > 0.02).sum()


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("size", ["full", "half", "mini"])
def test_stations_overlap_and_cover_the_body_from_end_to_end(site, size):
    who = person(SETTINGS["seed"], row(), BONES, difficulty(SETTINGS))
    posture = lie_down(who.build, SETTINGS["seed"], "focal-01-1")
    low, high = coverage(posture)
    for contrast in CONTRASTS:
        acquired = protocol(site, contrast, size)
        spans = [(grid.axis(2)[0], grid.axis(2)[-1]) for grid in station_grids(acquired, posture)]
        assert len(spans) == acquired.stations
        assert spans[-1][0] <= low + acquired.spacing[2]
        assert spans[0][1] >= high - acquired.spacing[2]
        for upper, lower in pairwise(spans):
            assert lower[1] - upper[0] >= acquired.overlap_mm - acquired.spacing[2]


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize(("contrast", "is_moved"), [("fat", False), ("water", False), ("b50", True), ("b900", True)])
def test_the_truth_lies_where_dixon_shows_the_body_and_diffusion_shows_it_moved(scanned, site, contrast, is_moved):
    """Bones are annotated on Dixon images; a place that no image shows could not be found by any method."""
    anatomy, channel = scanned().anatomy, CONTRASTS.index(contrast)
    signals = anatomy.signals[channel]
    clean = replace(protocol(site, contrast, "mini"), noise=0, bias=0, seam=0, gain=600)
    grids = station_grids(clean, lie_down(person(SETTINGS["seed"], row(), BONES, difficulty(SETTINGS)).build, 11, "x"))
    stations = acquire(anatomy, channel, clean, grids, np.random.default_rng(1), np.random.default_rng(2))
    alike: list[float] = []
    for station in stations:
        still = sample(signals, anatomy.grid, station.grid, np.zeros(3))
        middle = len(still) // 2  # shading falls off along z alone, so a slice keeps its shape
        alike.append(np.corrcoef(still[middle].ravel(), station.values[middle].ravel())[0, 1])
    assert min(alike) < 0.9995 if is_moved else min(alike) > 0.99999


def test_full_size_has_the_grid_of_the_field():
    who = person(SETTINGS["seed"], row(), BONES, difficulty(SETTINGS))
    posture = lie_down(who.build, SETTINGS["seed"], "focal-01-1")
    low, high = coverage(posture)
    assert 1150 < high - low < 1500
    assert protocol("north", "water", "full").spacing == (1.3, 1.3, 3.0)


def test_stations_differ_in_gain_and_noise_is_never_negative(scanned):
    stations = scanned("healthy").stations["b50"]
    means = []
    for image in stations:
        values = sitk.GetArrayViewFromImage(image)
        assert values.min() >= 0
        means.append(np.percentile(values, 99.5))
    assert np.std(means) / np.mean(means) > 0.03
    corner = sitk.GetArrayFromImage(stations[-1])[:, :6, :6]
    assert corner.mean() > 0  # Rician noise has no zero mean in air
    assert corner.std() > 0


def test_muscle_is_dark_and_fat_bright_on_the_fat_image(scanned):
    anatomy = scanned("healthy").anatomy
    fat, water, _, b900 = anatomy.signals
    fatty = fat > 0.8
    assert (water[fatty] < 0.4).all()
    brain = (anatomy.labels == 0) & (b900 > 0.45)
    assert brain.any()
    assert (fat[brain] < 0.35).all()


@pytest.mark.parametrize("shape", [(17, 23, 31), (7, 5, 9), (3, 40, 4)])
def test_texture_is_stretched_over_a_grid_as_scipy_zooms(shape):
    coarse = np.random.default_rng(0).standard_normal((7, 5, 4), dtype=np.float32)
    zoom = [n / c for n, c in zip(shape, coarse.shape, strict=True)]
    expected = ndimage.zoom(coarse, zoom, order=1, grid_mode=True, mode="nearest")
    found = stretched(coarse, shape)
    assert (found.shape, found.dtype) == (shape, np.float32)
    np.testing.assert_array_max_ulp(found, expected, maxulp=1)
