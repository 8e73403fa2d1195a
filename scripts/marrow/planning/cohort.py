"""The cohort that a workflow runs on: the scans of a sample sheet, or a simulated one where the config names none."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from marrow.errors import ConfigError, nearest
from marrow.phantom.clinical import clinical_values
from marrow.phantom.roster import SimulatedScan, roster
from marrow.planning.bone_files import with_bone_files
from marrow.planning.config import read_schema
from marrow.planning.contrasts import declared_contrasts
from marrow.planning.sheet import Scan, read_sheet
from marrow.planning.splits.assignment import Assignment, assign
from marrow.planning.splits.frozen import with_frozen
from marrow.planning.splits.memory import MEMORY, remember, remembered
from marrow.planning.splits.notes import some

SIMULATED = "results/cohort"
SIMULATED_CONTRASTS = {"fat", "water", "b50", "b900", "adc"}
STANDARDS = Path("results/standard")


class Cohort:
    """Scans by their ids, in the order of these: a sheet may be sorted anew without making anything stale.

    Args:
        scans: each with a split.
        assignment: how the splits came about, where a rule had a part in it; a run remembers it.
        sheet_notes: what somebody should know of the sample sheet.
    """

    def __init__(
        self, scans: list[Scan], assignment: Assignment | None = None, sheet_notes: Sequence[str] = ()
    ) -> None:
        self.assignment = assignment
        self.sheet_notes = list(sheet_notes)
        self._scans = {scan.scan: scan for scan in sorted(scans, key=lambda scan: scan.scan)}

    def __getitem__(self, scan: str) -> Scan:
        if scan not in self._scans:
            raise ConfigError(f"there is no scan {scan}; {nearest(scan, self.ids)}")
        return self._scans[scan]

    def __iter__(self) -> Iterator[Scan]:
        return iter(self._scans.values())

    @property
    def ids(self) -> list[str]:
        """The ids of all scans."""
        return list(self._scans)

    @property
    def standard(self) -> list[str]:
        """The ids of the scans that define the intensity standard: training scans, and unlabelled ones named for it."""
        return [scan.scan for scan in self if scan.split == "train" or scan.is_reference]

    @property
    def notes(self) -> list[str]:
        """What somebody should know of the splits."""
        return list(self.assignment.notes) if self.assignment else []

    def with_truth(self, kind: str) -> list[str]:
        """The ids of the scans that have a label map of a kind: `bones` or `lesions`."""
        return [scan.scan for scan in self if kind in scan.truths]


def ask_for_samples(given: Mapping[str, Any]) -> None:
    """Ask whether `samples` was forgotten where a config says nothing of the simulated cohort, and much of another.

    Args:
        given: the config as the user wrote it, with valid keys and without defaults.

    Raises:
        ConfigError: it was, by the look of it.
    """
    if given.get("samples") or given.get("simulate"):
        return
    bones: Mapping[str, Any] = given.get("bones") or {}
    maps = (bones.get("precomputed") or {}).get("maps") or []
    speaks = {
        **{f"splits.{key}": True for key in given.get("splits") or {}},
        "bones.annotations": bones.get("annotations"),
        "bones.precomputed.maps": any(entry.get("folder") for entry in maps),
        "on_stopped_scan": given.get("on_stopped_scan") == "report",
        "contrasts": set(given.get("contrasts") or ()) - SIMULATED_CONTRASTS,
    }
    keys = [key for key, speaks_of_it in speaks.items() if speaks_of_it]
    if keys:
        raise ConfigError(
            f"config: samples is empty, so the simulated cohort would be made; did you forget it? {', '.join(keys)} "
            f"{'speaks' if len(keys) == 1 else 'speak'} of a cohort of yours: name its sheet, such as samples: "
            "samples.tsv. If the simulated cohort is meant, say so by a key of the section simulate, such as size: mini"
        )


def load_cohort(config: Mapping[str, Any], schemas: Path) -> Cohort:
    """The cohort that a configuration names.

    Raises:
        SheetError: the sample sheet is wrong.
        ConfigError: there is no scan to fit the intensity standard on, and no frozen standard; or a file that the
            config names does not exist or fits no scan.
    """
    contrasts = declared_contrasts(config["contrasts"])
    assignment, notes = None, list[str]()
    if config["samples"]:
        sheet = read_sheet(Path(config["samples"]), read_schema(schemas / "samples.schema.yaml"), contrasts)
        assignment = _split(sheet.scans, config["splits"])
        scans = [replace(scan, split=assignment.splits[scan.scan]) for scan in sheet.scans]
        notes = [*sheet.notes, *_tested_references(scans)]
    else:
        unknown = [name for name in contrasts.given if name not in SIMULATED_CONTRASTS]
        if unknown:
            raise ConfigError(
                f"config: contrasts names {', '.join(unknown)}, and the simulated cohort has fat, water, b50 and b900 "
                "alone; name a sample sheet (samples), or take it out"
            )
        seed: int = config["simulate"]["seed"]
        scans = [_simulated(scan, contrasts.given, seed) for scan in roster(config["simulate"])]
    _check_files(config, contrasts.standardised)
    cohort = Cohort(with_bone_files(scans, config["bones"]), assignment, notes)
    if not cohort.standard and not config["standard"]["frozen"]:
        raise ConfigError(
            "no scan is in the split train, so the intensity standard cannot be fitted; write train into the column "
            "split of at least one labelled scan, or reference into that of scans without a label that are to define "
            "it, or name a frozen standard as standard.frozen in the config"
        )
    return cohort


def remember_splits(cohort: Cohort, config: Mapping[str, Any]) -> None:
    """Write down where the rule put every patient, so that a growing cohort moves nobody."""
    if cohort.assignment:
        remember(MEMORY, cohort.assignment, config["splits"])


def _split(sheet: Sequence[Scan], settings: Mapping[str, Any]) -> Assignment:
    """The splits of a sheet: a frozen file, else the sheet's column, else earlier assignments, else the rule."""
    scans, told = with_frozen(sheet, settings)
    earlier, more = remembered(MEMORY, settings)
    assignment = assign(scans, settings, earlier)
    return replace(assignment, notes=(*told, *more, *assignment.notes))


def _tested_references(scans: Sequence[Scan]) -> Iterator[str]:
    tested = {scan.patient for scan in scans if scan.split in {"validation", "test"}}
    patients = sorted({scan.patient for scan in scans if scan.is_reference} & tested)
    if patients:
        yield (
            f"{len(patients)} patients define the intensity standard by one scan and test the models by another "
            f"({some(patients)}); write predict for reference, or the standard has seen who is tested"
        )


def _check_files(config: Mapping[str, Any], contrasts: list[str]) -> None:
    """Snakemake does not miss a source as long as its results are there."""
    named = {"bone_table": config["bone_table"]} if config["bone_table"] else {}
    if frozen := config["standard"]["frozen"]:
        named |= {f"standard.frozen, for {contrast}": f"{frozen}/{contrast}.npy" for contrast in contrasts}
    problems = [f"config: {key}: {file} does not exist" for key, file in named.items() if not Path(file).is_file()]
    if frozen and Path(frozen).resolve() == STANDARDS.resolve():
        problems.append(f"config: standard.frozen is {frozen}, where this run writes; copy the folder elsewhere")
    if problems:
        raise ConfigError("\n".join([*problems, "correct the path, or take the key out for the default"]))


def _simulated(scan: SimulatedScan, contrasts: list[str], seed: int) -> Scan:
    folder = f"{SIMULATED}/{scan.scan}"
    return Scan(
        scan=scan.scan,
        patient=scan.patient,
        label=scan.label,
        split=scan.split,
        site=scan.site,
        images={contrast: [f"{folder}/{contrast}"] for contrast in contrasts},
        truths={kind: f"{folder}/{kind}.nii.gz" for kind in ("bones", "lesions")},
        attributes=clinical_values(scan, seed),
    )
