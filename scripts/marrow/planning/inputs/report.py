"""Of the checks and the report: how far each scan came, and what is shown of the runs."""

from dataclasses import dataclass
from typing import Any

from marrow.planning.datasets import BAGS, SCANS
from marrow.planning.inputs.targets import Targets
from marrow.planning.localisation import LOCALISATION
from marrow.planning.plan import Plan

TABLES = (
    "runs", "summary", "comparisons", "confusion", "reliability", "groups", "experts", "notes", "curves",
    "localisation",
)  # fmt: skip


@dataclass(frozen=True)
class ReportInputs:
    """Of the rules that check scans, draw their quality sheets and build the report."""

    plan: Plan
    targets: Targets

    @property
    def all_records(self) -> list[str]:
        """The records of all ends that a scan comes to: a stop is passed on down to the last of its stages."""
        cohort, bag_sets = self.plan.cohort, self.plan.data.bag_sets.values()
        labels = [(kind, scan) for kind in ("bones", "lesions") for scan in cohort.with_truth(kind)]
        return [
            *(f"results/normalised/{scan}/record.json" for scan in cohort.ids),
            *(f"results/labels/{scan}/{kind}.record.json" for kind, scan in labels),
            *(f"results/bones/{scan}/corrected/record.json" for scan in self.plan.scans_with_bones),
            *(f"{BAGS}/{bag.name}/{scan}.record.json" for bag in bag_sets for scan in bag.scans),
        ]

    @property
    def last_records(self) -> list[str]:
        """A record for each scan that tells how far it came."""
        stage = "bones/{scan}/corrected" if self.plan.scans_with_bones else "normalised/{scan}"
        pattern = f"results/{stage}/record.json"
        bag_sets = [self.plan.data.bag_sets[name] for name in reversed(self.plan.data.of_kind(SCANS))]
        sampled = {scan: f"{BAGS}/{bag_set.name}/{scan}.record.json" for bag_set in bag_sets for scan in bag_set.scans}
        return [sampled.get(scan, pattern.format(scan=scan)) for scan in self.plan.cohort.ids]

    @property
    def quality_settings(self) -> dict[str, Any]:
        """Of the quality sheet, which marks the ends of the standard scale and the percentiles that they stand for."""
        standard, contrasts = self.plan.config["standard"], self.plan.contrasts
        qc: dict[str, Any] = self.plan.config["qc"]
        by_role = {"maximum_of": contrasts.diffusion} if qc["maximum_of"] is None else {}
        own_scale = contrasts.windows(qc["own_scale"])
        ends = [standard["percentiles"][index] for index in (0, -1)]
        return (
            qc
            | by_role
            | {
                "own_scale": own_scale,
                "roles": contrasts.main_roles,
                "scale_ends": standard["output_range"],
                "end_percentiles": ends,
            }
        )

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The entries of `runs`, with what their methods are called."""
        return [
            {
                "name": entry,
                "kind": evaluation.about["kind"],
                "titles": {run.method: run.definition.title for run in evaluation.runs},
            }
            for entry, evaluation in self.plan.evaluations.items()
        ]

    @property
    def predictions(self) -> list[str]:
        """What the runs on scans predict, for labelled scans and for those that are only predicted."""
        data, runs = self.plan.data, self.plan.runs.runs
        on_scans = [run for run in runs if data.bag_sets[run.entry].kind == SCANS]
        folders = {folder for run in on_scans for folder in (run.predictions_folder, run.predict_only_folder)}
        return [file for file in self.targets.trained if file.rpartition("/")[0] in folders]

    @property
    def evaluation(self) -> list[str]:
        """The tables and figures of every entry that the report shows."""
        repeatability = ["repeatability.csv"] if self.plan.config["repeatability"]["most_bags"] else []
        names = [*(f"{table}.csv" for table in TABLES), *repeatability, "tables.json", "tables.tex", "sizes.svg"]
        return [f"{evaluation.folder}/{name}" for evaluation in self.plan.evaluations.values() for name in names]

    @property
    def localisation_curves(self) -> list[str]:
        """The curves of every run whose instance scores are evaluated."""
        names = ["froc.csv", *(["perturbation.csv"] if self.plan.config["localisation"]["drop_bags"] else [])]
        return [f"{run.within(LOCALISATION)}/{name}" for run in self.plan.localisation.scored for name in names]

    @property
    def maps(self) -> list[str]:
        """The files of every map that the report shows."""
        names = ("map.nii.gz", "figure.png", "top.png", "bones.csv", "about.json")
        return [f"{drawn.folder}/{name}" for drawn in self.plan.localisation.maps for name in names]

    @property
    def inversions(self) -> list[str]:
        """The figure of every inversion."""
        return [f"{inversion.folder}/figure.png" for inversion in self.plan.inversions.inversions]

    @property
    def viewed_scans(self) -> list[str]:
        """The scans that can be opened in the report's viewer: those with a map."""
        enabled = self.plan.config["report"]["viewer"]["enabled"]
        return sorted({drawn.scan for drawn in self.plan.localisation.maps}) if enabled else []

    @property
    def viewed_contrast(self) -> str:
        """The contrast that the viewer shows."""
        return self.plan.contrasts.shown
