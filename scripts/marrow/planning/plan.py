"""The whole plan: what a config asks for, from the scans to the maps, as one object that all rules read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from marrow.bags.attributes import Attribute
from marrow.planning.bones import BonePlan, plan_bones
from marrow.planning.cohort import Cohort, ask_for_samples, load_cohort
from marrow.planning.config import Settings, complete, read_schema, spacing_of
from marrow.planning.contrasts import Contrasts, declared_contrasts
from marrow.planning.datasets import DataPlan, plan_datasets
from marrow.planning.evaluations import Evaluation, plan_evaluations
from marrow.planning.inversions import InversionPlan, plan_inversions
from marrow.planning.localisation import LocalisationPlan, plan_localisation
from marrow.planning.runs import RunPlan, plan_runs
from marrow.planning.sheet import REFERENCE
from marrow.planning.standards import Standards, plan_standards


@dataclass(frozen=True)
class Plan:
    """Everything that can be known before any work; `config` is complete, `schemas` the folder of schemas."""

    config: Settings
    schemas: Path
    contrasts: Contrasts
    cohort: Cohort
    standards: Standards
    bones: BonePlan
    data: DataPlan
    runs: RunPlan
    evaluations: Mapping[str, Evaluation]
    localisation: LocalisationPlan
    inversions: InversionPlan

    @property
    def bone_table(self) -> str:
        """The table that names and numbers the bones."""
        return self.config["bone_table"] or str(self.schemas / "bones.tsv")

    @property
    def spacing_mm(self) -> float:
        """The edge of the voxels of the scans' common grid."""
        return spacing_of(self.config)

    @property
    def scans_with_bones(self) -> list[str]:
        """The scans whose bones are segmented: all or none."""
        return [] if self.bones.source == "none" else self.cohort.ids

    @cached_property
    def summaries(self) -> list[dict[str, str]]:
        """What tables and the report say of each scan."""
        return [scan.summary() | ({"split": REFERENCE} if scan.is_reference else {}) for scan in self.cohort]

    @property
    def attributes(self) -> dict[str, dict[str, str]]:
        """Scan -> its clinical attributes, those that are known."""
        return {scan.scan: {name: value for name, value in scan.attributes.items() if value} for scan in self.cohort}

    @property
    def units(self) -> dict[str, str]:
        """Clinical attribute -> its unit, of those that data sets declare."""
        return {attribute.name: attribute.unit for attribute in self._declared if attribute.unit}

    @property
    def categories(self) -> list[str]:
        """The clinical attributes that are declared as categories."""
        return sorted({attribute.name for attribute in self._declared if attribute.values})

    @property
    def _declared(self) -> list[Attribute]:
        return [each for bag_set in self.data.bag_sets.values() for each in bag_set.instances.attributes]

    def settings(self, section: str, without: Iterable[str]) -> dict[str, Any]:
        """A section of the config without the settings that only say what there is to do."""
        return {key: value for key, value in self.config[section].items() if key not in without}

    def threads(self, most: int) -> int:
        """Threads of a job that can use several; one for the simulated cohort, whose small jobs run side by side."""
        return most if self.config["samples"] else 1


def make_plan(config: Mapping[str, Any], schemas: Path) -> Plan:
    """Check a config, as the user wrote it, and all that it names, and plan what is made of it.

    Raises:
        MarrowError: the config or the sample sheet is wrong.
    """
    given = config
    config = complete(given, read_schema(schemas / "config.schema.yaml"))
    ask_for_samples(given)
    contrasts = declared_contrasts(config["contrasts"])
    contrasts.check_names("qc.maximum_of", config["qc"]["maximum_of"] or ())
    contrasts.windows(config["qc"]["own_scale"])
    cohort = load_cohort(config, schemas)
    bones = plan_bones(config, cohort, schemas)
    data = plan_datasets(config, cohort, schemas, spacing_of(config))
    runs = plan_runs(config, data, schemas)
    return Plan(
        config=config,
        schemas=schemas,
        contrasts=contrasts,
        cohort=cohort,
        standards=plan_standards(contrasts, cohort, config["standard"]["frozen"]),
        bones=bones,
        data=data,
        runs=runs,
        evaluations=plan_evaluations(config, data, runs),
        localisation=plan_localisation(config, cohort, data, runs),
        inversions=plan_inversions(config, data, runs),
    )
