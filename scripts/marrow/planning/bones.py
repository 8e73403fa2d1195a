"""Which scans teach the network their bones, which test it, and which network labels a scan.

A scan that is scored is never labelled by a network, nor corrected by an atlas, that has seen it: annotated validation
scans belong to the network trained on the annotated training scans. A second network, trained on both, may serve all
others (the paper trained on 55, validated on 20, then trained on all 75). Annotations of test scans teach nobody.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marrow.bones.precomputed.choice import mapping_tables
from marrow.bones.precomputed.mapping import read_mapping
from marrow.bones.segmentation.model_header import check_purpose, read_header
from marrow.bones.table import read_bones
from marrow.errors import ConfigError, MarrowError
from marrow.planning.cohort import Cohort
from marrow.planning.config import spacing_of
from marrow.planning.contrasts import declared_contrasts
from marrow.planning.sheet import Scan

NETWORKS = "results/bone_network"
ATLAS = "results/bone_atlas"
SURFACE = "results/bone_surface/surface.npz"
SET_ASIDE = 20 / 75

# What a key of the config means that is left empty. The simulated cohort's network is small and trains in minutes on
# a processor; that of a sheet is the paper's.
SHEET = {
    "width": 1.0, "depth": 8, "dropout": 0.5, "epochs": 35, "segments": 20000, "batch": 10, "edge": 37,
    "learning_rate": 1e-3, "dice": 0.0, "halve_at": [0.486, 0.629, 0.772, 0.858, 0.943], "final": "all",
    "spacing_mm": 6, "iterations": [60, 60, 30],
}  # fmt: skip
SIMULATED = {
    "width": 0.2, "depth": 4, "dropout": 0.0, "epochs": 3, "segments": 900, "batch": 4, "edge": 19,
    "learning_rate": 3e-3, "dice": 1.0, "halve_at": [0.55, 0.7, 0.8, 0.88, 0.95], "final": "train",
    "spacing_mm": 8, "iterations": [40, 40, 10],
}  # fmt: skip


@dataclass(frozen=True)
class BonePlan:
    """What the config and the cohort say of bones.

    Attributes:
        final: `train` or `all`, what the network for unannotated scans is trained on.
        frozen_network: the file of a network that is taken as it is.
        atlas: the folder of the atlas; empty where there is none.
        surface: the file of the model that tells where bones end; empty where there is none.
        atlas_settings: how it is built and registered; no path, since settings go into records.
        mappings: the tables that read the precomputed maps.
    """

    source: str
    training: tuple[str, ...]
    validation: tuple[str, ...]
    contrasts: tuple[str, ...]
    architecture: dict[str, Any]
    recipe: dict[str, Any]
    final: str
    frozen_network: str
    atlas: str
    surface: str
    atlas_settings: dict[str, Any]
    mappings: tuple[str, ...]

    @property
    def raw(self) -> str:
        """The pattern of a scan's bones before correction."""
        return f"results/bones/{{scan}}/{self.source}.nii"

    @property
    def histories(self) -> list[str]:
        """The courses of the trainings that are needed."""
        if self.source != "network" or self.frozen_network:
            return []
        folds = ["train"] if self.final == "train" else ["train", "all"] if self.validation else ["all"]
        return [f"{NETWORKS}/{fold}/history.csv" for fold in folds]

    def network_for(self, scan: str) -> str:
        """The network that labels a scan."""
        if self.frozen_network:
            return self.frozen_network
        fold = "train" if scan in self.validation else self.final
        return f"{NETWORKS}/{fold}/model.safetensors"

    @property
    def annotated(self) -> tuple[str, ...]:
        """All annotated scans, those for validation last."""
        return self.training + self.validation

    def scans_of(self, trained_on: str) -> tuple[list[str], list[str]]:
        """The scans that a network is trained on and, for the one on `train`, those that it is validated on."""
        if trained_on == "all":
            return list(self.annotated), []
        return list(self.training), list(self.validation)


def plan_bones(config: Mapping[str, Any], cohort: Cohort, schemas: Path) -> BonePlan:
    """Everything about bones that can be known before any work.

    Raises:
        ConfigError: the network has nothing to learn from, reads a contrast that the scans lack, or is a frozen one
            that does not fit.
    """
    bones, contrasts = config["bones"], declared_contrasts(config["contrasts"])
    defaults = SHEET if config["samples"] else SIMULATED
    settings = {**bones["network"], **bones["training"], **bones["atlas"]}
    chosen = filled(settings, defaults)
    training, validation = _shared_out([scan for scan in cohort if "bones" in scan.truths])
    table = Path(config["bone_table"] or schemas / "bones.tsv")
    atlas = bones["atlas"]["frozen"] or (ATLAS if training else "")
    read = bones["contrasts"] or contrasts.of_bones
    plan = BonePlan(
        source=bones["source"],
        training=tuple(training),
        validation=tuple(validation),
        contrasts=tuple(read),
        architecture={key: chosen[key] for key in ("width", "depth", "dropout")},
        recipe={key: chosen[key] for key in bones["training"] if key != "final"},
        final=str(chosen["final"]),
        frozen_network=bones["network"]["frozen"] or "",
        atlas=atlas if bones["correction"]["atlas"]["enabled"] else "",
        surface=_surface(config, training, atlas) if set(read) <= set(contrasts.names) else "",
        atlas_settings={key: chosen[key] for key in bones["atlas"] if key != "frozen"},
        mappings=_mappings(bones, schemas, table),
    )
    if plan.source == "network":
        contrasts.check_names("bones.contrasts", plan.contrasts)
    _check(plan, config)
    if plan.source == "network" and plan.frozen_network:
        _check_frozen(Path(plan.frozen_network), table, plan.contrasts, spacing_of(config))
    return plan


def filled(settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with what their empty keys mean, of `SHEET` or `SIMULATED`."""
    return {key: defaults.get(key) if value is None else value for key, value in settings.items()}


def _surface(config: Mapping[str, Any], training: Sequence[str], atlas: str) -> str:
    """The model of the surface: that of a frozen atlas's folder, or one learned on the annotated training scans."""
    bones = config["bones"]
    steps = bones["correction"]
    if not (atlas and steps["atlas"]["enabled"] and steps["surface"]["enabled"]):
        return ""
    if bones["atlas"]["frozen"]:
        kept = Path(atlas) / Path(SURFACE).name
        return str(kept) if kept.is_file() else ""
    return SURFACE if training else ""


def _mappings(bones: Mapping[str, Any], schemas: Path, table: Path) -> tuple[str, ...]:
    """The tables that read precomputed maps, checked; none where no such map is read."""
    if bones["source"] != "precomputed":
        return ()
    ours = read_bones(table)
    found = mapping_tables(bones["precomputed"]["maps"], schemas, table)
    for mapping in found:
        read_mapping(mapping, ours)
    return tuple(str(mapping) for mapping in found)


def _shared_out(annotated: Sequence[Scan]) -> tuple[list[str], list[str]]:
    """The annotated scans to learn from, of train or reference, and of validation; without these a share of the former.

    Which patients are set aside depends on their ids alone, so more annotations move nobody.
    """
    training = [scan for scan in annotated if scan.split == "train" or scan.is_reference]
    validation = [scan.scan for scan in annotated if scan.split == "validation"]
    if validation:
        return [scan.scan for scan in training], validation
    aside = {scan.patient for scan in training if _share(scan.patient) < SET_ASIDE}
    if aside == {scan.patient for scan in training}:
        aside = set[str]()
    return (
        [scan.scan for scan in training if scan.patient not in aside],
        [scan.scan for scan in training if scan.patient in aside],
    )


def _share(patient: str) -> float:
    return int(hashlib.sha256(f"bones/{patient}".encode()).hexdigest()[:8], 16) / 0x100000000


def _check(plan: BonePlan, config: Mapping[str, Any]) -> None:
    if plan.source == "network" and not plan.training and not plan.frozen_network:
        raise ConfigError(
            "config: bones.source is network, but no training scan has annotated bones. Either give the label maps "
            "of some scans of the split train or reference in the sheet's column bones (or in the folder "
            "bones.annotations); or name a trained network as bones.network.frozen; or bring the maps of another "
            "program with bones.source: precomputed; or stop after the standardised volumes with bones.source: none"
        )
    named = {"bones.network.frozen": [plan.frozen_network] if plan.frozen_network else []}
    if folder := config["bones"]["atlas"]["frozen"]:
        named["bones.atlas.frozen"] = [f"{folder}/{name}.nii" for name in ("template", "bones", "agreement")]
    for key, files in named.items():
        for file in files:
            if not Path(file).is_file():
                raise ConfigError(f"config: {key}: {file} does not exist; correct the path, or take the key out")
            if Path(file).resolve().is_relative_to(Path("results").resolve()):
                raise ConfigError(f"config: {key} is {file}, where this run writes; copy it elsewhere")


def _check_frozen(network: Path, table: Path, contrasts: Sequence[str], spacing_mm: float) -> None:
    """What the header of a frozen network's file says; the weights are checked by the job that uses them."""
    bones = [bone.name for bone in read_bones(table)]
    try:
        check_purpose(read_header(network).purpose, bones, contrasts, spacing_mm)
    except MarrowError as error:
        raise ConfigError(f"config: bones.network.frozen: {network}: {error}") from None
