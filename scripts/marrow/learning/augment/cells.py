"""The augmentation of cell pictures (Sahasrabudhe et al., section 2.4): flips, quarter turns, and colours.

Each picture is flipped along x and y with a chance of one half each and turned by 0, 90, 180 or 270 degrees. To its
colours is added

    sum_i alpha_i lambda_i e_i,   alpha_i ~ N(0, colour^2)          (eq. 19; Krizhevsky et al. 2012)

where e_i are the eigenvectors of the covariance of RGB values over all training pictures. As lambda_i the paper names
its eigenvalues, whose size depends on the unit of the values; the square roots are taken here, which are standard
deviations along e_i and do not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from marrow.bags.bag import Layout, Task
from marrow.device.random_state import named_seed
from marrow.learning.feed.augmenter import Blocks, cropped

_TURNS = 4


@dataclass(frozen=True)
class DrawnCells:
    """The changes of one bag in one epoch.

    Attributes:
        layout: of the bags.
        orientation: (instances,), from 0 to 7: twice the number of quarter turns, and 1 more if flipped before.
        shift: (instances, 3), what is added to each colour.
    """

    layout: Layout
    orientation: Tensor
    shift: Tensor

    def patches(self, stored: Tensor) -> Tensor:
        """Stored pictures (instances, 3, y, x), changed and without their margin, in float32."""
        pictures = cropped(stored, self.layout)
        turned = torch.empty_like(pictures)
        for orientation in self.orientation.unique().tolist():
            rows = (self.orientation == orientation).nonzero().flatten().to(pictures.device)
            chosen = pictures.index_select(0, rows)
            chosen = chosen.flip(3) if orientation % 2 else chosen
            turned.index_copy_(0, rows, torch.rot90(chosen, orientation // 2, (2, 3)))
        return turned.add_(self.shift.to(pictures.device)[:, :, None, None])

    def labels(self, labels: Tensor, task: Task) -> Tensor:  # noqa: ARG002
        """Labels (instances,) of an auxiliary task, as they are."""
        return labels


class CellAugmenter:
    """Flips and turns pictures and changes their colours; `colour` is the standard deviation of alpha."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._colour: float = settings["colour"]
        self._along = np.zeros((3, 3))

    def note(self, layout: Layout) -> str | None:  # noqa: ARG002
        """No warning: nothing outside a picture is needed."""
        return None

    def fit(self, blocks: Blocks) -> None:
        """Find the principal components of the training pictures' colours, blocks of (instances, 3, y, x)."""
        count, total, products = 0, np.zeros(3), np.zeros((3, 3))
        for block in blocks:
            values = block.double().cpu().movedim(1, -1).reshape(-1, 3).numpy()
            count, total, products = count + len(values), total + values.sum(0), products + values.T @ values
        mean = total / count
        eigenvalues, eigenvectors = np.linalg.eigh(products / count - np.outer(mean, mean))
        self._along = np.sqrt(eigenvalues.clip(min=0))[:, None] * eigenvectors.T

    def draw(self, layout: Layout, instances: int, seed: int, epoch: int, bag: str) -> DrawnCells:
        """The changes of a bag, from (seed, epoch, bag) alone."""
        root = named_seed(seed, epoch, bag)
        orientation, colour = (np.random.default_rng([stream, root]) for stream in range(2))
        alpha = self._colour * colour.standard_normal((instances, 3))
        return DrawnCells(
            layout,
            torch.from_numpy(orientation.integers(2 * _TURNS, size=instances)),
            torch.from_numpy((alpha @ self._along).astype(np.float32)),
        )


def make(settings: Mapping[str, Any]) -> CellAugmenter:
    """The augmentation with the settings of a run."""
    return CellAugmenter(settings)
