"""The roster of a simulated cohort: one row per scan, without any image.

Snakemake reads it while it parses, so it needs the standard library alone. A patient's row depends on the seed, the
class and the number within the class: more patients do not change the scans and splits of the earlier ones.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from marrow.errors import ConfigError

CLASSES = ("healthy", "inactive", "focal", "diffuse")
PREDICT = "predict"
SITES = ("north", "south")
FAULTS = (
    "swapped_fat_water",
    "missing_station",
    "wrong_orientation",
    "truncated_file",
    "nan",
    "constant",
)
# Small cohorts need every split early; large ones settle at 3 : 1 : 1.
SPLIT_CYCLE = ("train", "validation", "test", "train", "train")


@dataclass(frozen=True)
class SimulatedScan:
    """One scan of one patient.

    Attributes:
        scan: its id, the patient's with the visit.
        patient: such as `focal-03`, or `predict-01` for one without a label.
        visit: from 1; a repeated scan shows the same anatomy and the same lesions.
        label: healthy, inactive, focal, diffuse; empty for a predict-only scan.
        disease: the class that is simulated; equal to the label unless that is empty.
        split: train, validation, test, predict; one per patient.
        site: the scanner protocol.
        sex: f or m.
        age: in years.
        fault: one of `FAULTS`, or empty.
    """

    scan: str
    patient: str
    visit: int
    label: str
    disease: str
    split: str
    site: str
    sex: str
    age: int
    fault: str


def roster(simulate: Mapping[str, object]) -> list[SimulatedScan]:
    """The scans of a cohort, class by class, from the `simulate` section of the config."""
    counts = cast("Mapping[str, int]", simulate["patients"])
    faults = cast("Mapping[str, str]", simulate.get("faults", {}))
    seed, repeat_every = cast("int", simulate["seed"]), cast("int", simulate["repeat_every"])
    scans = [
        scan
        for group in (*CLASSES, PREDICT)
        for number in range(counts.get(group, 0))
        for scan in _patient(seed, group, number, repeat_every, faults)
    ]
    _check_faults(faults, scans, str(simulate.get("format", "nifti")))
    if simulate.get("single_station") and "missing_station" in faults.values():
        raise ConfigError("simulate: faults asks for a missing_station, but single_station leaves none to miss.")
    return scans


def writes_dicom(site: str, file_format: str) -> bool:
    """Whether a site's scans are DICOM: all, none, or with `mixed` those of the second site."""
    return file_format == "dicom" or (file_format == "mixed" and site == SITES[1])


def _patient(
    seed: int, group: str, number: int, repeat_every: int, faults: Mapping[str, str]
) -> Iterator[SimulatedScan]:
    patient = f"{group}-{number + 1:02d}"
    draw = random.Random(f"{seed}/{patient}")  # noqa: S311  (anatomy, not secrets)
    offset = (*CLASSES, PREDICT).index(group)
    disease = draw.choice(CLASSES) if group == PREDICT else group
    sex, age = draw.choice("fm"), draw.randint(38, 82)
    # The offset spreads repeats and sites over splits and classes even in a small cohort.
    visits = 2 if repeat_every and (number + 2 * offset) % repeat_every == 0 else 1
    for visit in range(1, visits + 1):
        scan = f"{patient}-{visit}"
        yield SimulatedScan(
            scan=scan,
            patient=patient,
            visit=visit,
            label="" if group == PREDICT else group,
            disease=disease,
            split=PREDICT if group == PREDICT else SPLIT_CYCLE[number % len(SPLIT_CYCLE)],
            site=SITES[(number + offset) % len(SITES)],
            sex=sex,
            age=age,
            fault=faults.get(scan, ""),
        )


def _check_faults(faults: Mapping[str, str], scans: list[SimulatedScan], file_format: str) -> None:
    by_id = {scan.scan: scan for scan in scans}
    for scan, fault in faults.items():
        if scan not in by_id:
            raise ConfigError(f"simulate: faults names scan {scan!r}; the cohort has {', '.join(by_id)}.")
        if fault not in FAULTS:
            raise ConfigError(f"simulate: faults gives {scan} {fault!r}; give one of {', '.join(FAULTS)}.")
        if fault == "nan" and writes_dicom(by_id[scan].site, file_format):
            raise ConfigError(f"simulate: faults gives {scan} 'nan', but DICOM holds whole numbers; write it as NIfTI.")
