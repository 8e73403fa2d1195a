"""The settings of augmentation, and how far outside a patch it may sample."""

import math
from dataclasses import asdict, dataclass

from marrow.bags.bag import Layout
from marrow.errors import ConfigError

LARGEST_SIGMA = 1.0


@dataclass(frozen=True)
class Augmentation:
    """Probability and size of each step: the section `augmentation` of the config, whose schema says what each means.

    Each instance draws its own parameters; probability 0 switches a step off.
    """

    flip_probability: float = 0.5
    shift_probability: float = 0.5
    shift_voxels: float = 1.5
    rotation_probability: float = 0.5
    rotation_degrees: float = 10.0
    elastic_probability: float = 0.5
    elastic_voxels: float = 0.75
    elastic_points: int = 4
    smoothing_probability: float = 0.2
    smoothing_sigma: float = 1.0
    jitter_probability: float = 0.5
    gain: float = 0.05
    offset: float = 0.1

    @property
    def probabilities(self) -> list[float]:
        """Those of the six steps, in their order."""
        return [value for name, value in asdict(self).items() if name.endswith("_probability")]

    def __post_init__(self) -> None:
        if not 0 < self.smoothing_sigma <= LARGEST_SIGMA:
            raise ConfigError(
                f"smoothing_sigma is {self.smoothing_sigma}; give it above 0 and at most {LARGEST_SIGMA}."
            )


def reach(augmentation: Augmentation, layout: Layout) -> float:
    """The largest distance in voxels at which an instance may be sampled outside the patch without its margin.

    An end of the patch lies h voxels from the centre along its axis, and a corner w off that axis. A rotation by up to
    t moves a corner out to h cos t + w sin t, or to its distance from the centre where t is large enough.
    """
    angle = math.radians(augmentation.rotation_degrees) * (augmentation.rotation_probability > 0)
    shift = augmentation.shift_voxels * (augmentation.shift_probability > 0)
    displacement = augmentation.elastic_voxels * (augmentation.elastic_probability > 0)
    half = [(length - 1) / 2 for length in layout.inner_size]
    outward = [0.0]
    for axis, h in enumerate(half):
        w = math.hypot(*half[:axis], *half[axis + 1 :])
        steepest = min(angle, math.atan2(w, h))
        outward.append(h * math.cos(steepest) + w * math.sin(steepest) - h)
    return max(outward) + shift + displacement


def margin_note(augmentation: Augmentation, layout: Layout) -> str | None:
    """A warning if the reach is larger than the margin: values outside the margin repeat the patch's border."""
    needed = reach(augmentation, layout)
    if len(layout.shape) == 1 or needed <= layout.margin:
        return None
    return (
        f"augmentation reaches up to {needed:.1f} voxels beyond a patch, but its margin holds {layout.margin}: "
        f"outermost voxels are repeated beyond it; give a margin of {math.ceil(needed)} or smaller magnitudes."
    )
