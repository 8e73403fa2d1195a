"""The units in which instances are changed, where the numbers of a step and of a threshold mean something.

    x = u * size + origin

Bytes go from 0 to 1, as in the paper: 0 is black, there is nothing, and nothing leaves that range. So it is whatever
the model's own scaling is, which is applied after. Other numbers have no such range (intensities of a scan, features of
a table). They are changed as the model sees them, in standard deviations from the mean of its training instances: 0 is
the mean, which tells nothing, and there are no bounds.
"""

from dataclasses import dataclass

from torch import Tensor

from marrow.bags.bag import Layout
from marrow.learning.scaling import Scaling

BYTES = "uint8"


@dataclass(frozen=True)
class Space:
    """Units for instances.

    Attributes:
        scaling: from instances as they lie in bags to these units.
        is_bounded: whether units stay between 0 and 1.
    """

    scaling: Scaling
    is_bounded: bool

    def units(self, patches: Tensor) -> Tensor:
        """From instances (instances, *shape) as they lie in bags, in float32."""
        return self.scaling(patches)

    def patches(self, units: Tensor) -> Tensor:
        """Back to instances."""
        return units * self.scaling.std + self.scaling.mean

    def within(self, units: Tensor) -> Tensor:
        """The nearest units that there are."""
        return units.clamp(0, 1) if self.is_bounded else units


def space_of(layout: Layout, scaling: Scaling) -> Space:
    """The units for instances of a layout.

    Args:
        layout: of the bags.
        scaling: of the model, on its device.
    """
    if layout.dtype == BYTES:
        return Space(Scaling.unit(layout).to(scaling.mean.device), is_bounded=True)
    return Space(scaling, is_bounded=False)
