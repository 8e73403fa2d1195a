"""Of raw images, simulated or named by the sheet, their standardised volumes and their label maps."""

from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from marrow.phantom.roster import roster
from marrow.planning.inputs.wildcards import Wildcards
from marrow.planning.plan import Plan


@dataclass(frozen=True)
class VolumeInputs:
    """Of the rules from the simulation of a scan to its standardised volumes."""

    plan: Plan

    @cached_property
    def _simulated(self) -> dict[str, dict[str, Any]]:
        return {row.scan: asdict(row) for row in roster(self.plan.config["simulate"])}

    def simulated_scan(self, wildcards: Wildcards) -> dict[str, Any]:
        """The row of a simulated scan in its roster."""
        return self._simulated[wildcards.scan]

    @property
    def phantom_settings(self) -> dict[str, Any]:
        """How a simulated scan is made, without the settings that only say which scans there are."""
        section: dict[str, Any] = self.plan.config["simulate"]
        return {key: value for key, value in section.items() if key not in {"patients", "faults", "repeat_every"}}

    def raw_images(self, wildcards: Wildcards) -> list[str]:
        """All raw files and folders of a scan, contrast after contrast."""
        return [path for paths in self.plan.cohort[wildcards.scan].images.values() for path in paths]

    def raw_labels(self, wildcards: Wildcards) -> list[str]:
        """The label map of a kind that the sheet gives for a scan."""
        return [self.plan.cohort[wildcards.scan].truths[wildcards.kind]]

    def layout(self, wildcards: Wildcards) -> dict[str, int]:
        """How many of a scan's raw paths belong to each contrast, in the same order."""
        return {contrast: len(paths) for contrast, paths in self.plan.cohort[wildcards.scan].images.items()}

    def overrides(self, wildcards: Wildcards) -> dict[str, dict[str, int]]:
        """What the sheet says of a scan's images that must not be guessed."""
        return self.plan.cohort[wildcards.scan].overrides

    def ingest_mem_mb(self, wildcards: Wildcards, attempt: int) -> int:
        """Memory to ingest a scan; the size of a folder of raw images is that of its files."""
        folders = [Path(path) for path in self.raw_images(wildcards)]
        files = (file for folder in folders for file in [folder, *folder.rglob("*")] if file.is_file())
        return attempt * (2500 + 6 * sum(file.stat().st_size for file in files) // 2**20)

    @property
    def training_scans(self) -> list[str]:
        """The scans that the standard is fitted on; none when a frozen one is given."""
        return [] if self.plan.config["standard"]["frozen"] else self.plan.cohort.training

    @property
    def frozen_standard(self) -> list[str]:
        """The frozen standard of any contrast, as a pattern, if the config names a folder of them."""
        folder = self.plan.config["standard"]["frozen"]
        return [f"{folder}/{{contrast}}.npy"] if folder else []
