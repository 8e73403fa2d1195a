"""What instances a bag set has, as far as a method must know it before there is any.

The modules that make bags say the same, but need more than can be imported at parse time; a test holds the two
together.
"""

from dataclasses import dataclass

from marrow.datasets.sources.catalogue import TABLES
from marrow.planning.datasets import SCANS, BagSet

DIGIT = (1, 28, 28)
COLOURS = 3
CIFAR_PIXELS = 32
PICTURE_AXES = 3
SIMULATED = "simulated"


@dataclass(frozen=True)
class Instances:
    """The instances of a bag set.

    Attributes:
        shape: of an instance without its margin: (channels, z, y, x), (channels, y, x) or (features,).
        tasks: the auxiliary tasks, in the order of the bag files.
        kinds: what settings for some data alone may call it, the general before the special.
    """

    shape: tuple[int, ...]
    tasks: tuple[str, ...]
    kinds: tuple[str, ...]

    @property
    def are_bytes(self) -> bool:
        """Whether they are stored as bytes; those of scans and tables are numbers without a range."""
        return len(self.shape) == PICTURE_AXES


def instances_of(bag_set: BagSet, spacing_mm: float, simulated: bool) -> Instances:
    """The instances of a bag set.

    Args:
        bag_set: as planned.
        spacing_mm: edge of the scans' voxels.
        simulated: whether the scans are those of the simulated cohort.
    """
    settings, kind = bag_set.settings, bag_set.kind
    special = (f"{kind}-{settings['task']}",) if "task" in settings else ()
    match kind:
        case "scans":
            edge = round(settings["patch_mm"] / spacing_mm)
            tasks = ("bone", "height") if settings["height"] else ("bone",)
            special = (SIMULATED,) if simulated else ()
            return Instances((len(settings["contrasts"]), edge, edge, edge), tasks, (SCANS, *special))
        case "classical":
            return Instances((TABLES[settings["table"]].features,), (), (kind, settings["table"]))
        case "concepts":
            return Instances((settings["features"],), (), (kind,))
        case "blood":
            return Instances((COLOURS, settings["pixels"], settings["pixels"]), (), (kind,))
        case "cifar":
            return Instances((COLOURS, CIFAR_PIXELS, CIFAR_PIXELS), (), (kind,))
        case "morpho":
            return Instances(DIGIT, ("components",), (kind, *special))
        case _:
            return Instances(DIGIT, (), (kind, *special))
