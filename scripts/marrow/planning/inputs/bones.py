"""Of bones: what their networks are trained on, and what each scan's segmentation is corrected with."""

from collections.abc import Sequence
from dataclasses import dataclass

from marrow.planning.inputs.wildcards import Files, Wildcards
from marrow.planning.plan import Plan


@dataclass(frozen=True)
class BoneInputs:
    """Of the rules that segment, correct and score bones."""

    plan: Plan

    def training_scans(self, wildcards: Wildcards) -> list[str]:
        """The scans that a network is trained on."""
        return self.plan.bones.scans_of(wildcards.trained_on)[0]

    def validation_scans(self, wildcards: Wildcards) -> list[str]:
        """The scans that a network is validated on."""
        return self.plan.bones.scans_of(wildcards.trained_on)[1]

    def of_annotated(self, pattern: str) -> Files:
        """A file of each scan that a network is trained on, then of those that it is validated on."""
        return lambda wildcards: [pattern.format(scan=scan) for scan in self._annotated(wildcards)]

    def annotated_volumes(self, wildcards: Wildcards) -> list[str]:
        """What the network reads of them, scan after scan."""
        return self._volumes(self._annotated(wildcards))

    @property
    def surface_volumes(self) -> list[str]:
        """The volumes that the surface of bones is learned from."""
        return self._volumes(self.plan.bones.training)

    def network(self, wildcards: Wildcards) -> str:
        """The network that segments a scan."""
        return self.plan.bones.network_for(wildcards.scan)

    def precomputed_maps(self, wildcards: Wildcards) -> tuple[str, ...]:
        """The maps of a scan's bones that other programs made."""
        return self.plan.cohort[wildcards.scan].premade

    def registered(self, name: str) -> list[str]:
        """The pattern of a file of the atlas that was registered to a scan, if there is an atlas."""
        return [f"results/bones/{{scan}}/atlas/{name}"] if self.plan.bones.atlas else []

    def _annotated(self, wildcards: Wildcards) -> list[str]:
        training, validation = self.plan.bones.scans_of(wildcards.trained_on)
        return training + validation

    def _volumes(self, scans: Sequence[str]) -> list[str]:
        return [f"results/resampled/{scan}/{contrast}.nii" for scan in scans for contrast in self.plan.bones.contrasts]
