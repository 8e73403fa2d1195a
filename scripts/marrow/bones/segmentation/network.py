"""The three-pathway network: one pathway at full resolution, two that read every third and fifth voxel for context.

Each pathway has eight 3^3 convolutions without padding; every layer is

    batch norm -> PReLU -> dropout -> convolution,

the first layer of a pathway is a bias and a convolution. To the outputs of layers 4, 6 and 8, the input of the layer
before is added, cropped to their size, with zeros for missing channels. The maps of the coarse pathways are upsampled
to full resolution by repetition, and three more layers (3^3, 1^3, 1^3) compute one logit per class. With 2 contrasts
and 19 classes the network has 2,012,415 parameters.

Differences from DeepMedic's code: coarse samples are in the middle of their block (`geometry`); running statistics of
batch norm are an exponential average of about 60 batches instead of a plain mean of the last 60; epsilon of batch norm
is 1e-5 instead of the smallest float.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from marrow.bones.segmentation.geometry import FACTORS, KERNEL, offset

WIDTHS = (30, 30, 40, 40, 40, 40, 50, 50)
MERGED = 250
RESIDUAL_EVERY = 2
FIRST_RESIDUAL = 4
NORM_MOMENTUM = 2 / 61  # an exponential average with the mean age of the mean of 60 batches
PRELU = 0.01
BORDER = 1  # of the one 3^3 convolution after the pathways


@dataclass(frozen=True)
class Architecture:
    """The hyperparameters of a network for so many contrasts, and classes with the background.

    Attributes:
        width: factor on the number of maps of every layer; 1 is DeepMedic's default.
        depth: convolutions of a pathway, up to 8; with fewer, the receptive field is smaller.
        dropout: share of the maps that are dropped before each of the last two layers, in training.
    """

    channels: int
    classes: int
    width: float = 1.0
    depth: int = 8
    dropout: float = 0.5

    @property
    def maps(self) -> tuple[int, ...]:
        """Maps of each layer of a pathway."""
        return tuple(max(1, round(self.width * count)) for count in WIDTHS[: self.depth])

    @property
    def merged(self) -> int:
        """Maps of the layers after the pathways."""
        return max(1, round(self.width * MERGED))

    @property
    def margin(self) -> int:
        """Samples that a pathway loses on each side."""
        return self.depth * (KERNEL // 2)


Layered = Callable[[Tensor], Tensor]
Apply = Callable[[Layered, int, Tensor, Tensor | None], Tensor]


def apply_layer(layer: Layered, maps: int, x: Tensor, residual: Tensor | None) -> Tensor:  # noqa: ARG001
    """Apply a 3^3 layer with `maps` output maps, and add the residual, the maps of two layers before."""
    output = layer(x)
    return output if residual is None else add_cropped(residual, output, crop=RESIDUAL_EVERY)


class Convolution(nn.Conv3d):
    """A convolution without padding or bias; initial weights are normal with variance 2 / fan-in (He et al. 2015).

    For a single small image, and for 1^3 kernels on one thread, PyTorch uses an old implementation of its own that
    takes several times as long as oneDNN's. That would be nearly all of inference, so oneDNN is called directly there.
    """

    def __init__(self, channels: int, maps: int, kernel: int) -> None:
        super().__init__(channels, maps, kernel, bias=False)
        nn.init.normal_(self.weight, std=(2 / (channels * kernel**3)) ** 0.5)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002
        """`input: (batch, channels, z, y, x)`."""
        is_plain = input.dtype == torch.float32 and not input.is_cuda and torch.backends.mkldnn.is_available()
        if torch.is_grad_enabled() or not is_plain:
            return super().forward(input)
        return torch.mkldnn_convolution(input, self.weight, None, [0] * 3, [1] * 3, [1] * 3, groups=1)


class Layer(nn.Module):
    """Batch norm, PReLU, dropout, convolution without padding."""

    def __init__(self, channels: int, maps: int, kernel: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.BatchNorm3d(channels, momentum=NORM_MOMENTUM)
        self.activation = nn.PReLU(channels, init=PRELU)
        self.dropout = dropout
        self.convolution = Convolution(channels, maps, kernel)

    def forward(self, x: Tensor) -> Tensor:
        """`x: (batch, channels, z, y, x)`, the maps of the layer before."""
        x = self.activation(self.norm(x))
        return self.convolution(functional.dropout(x, self.dropout, self.training) if self.dropout else x)


class Pathway(nn.Module):
    """One resolution: `(batch, channels, n, n, n)` to `(batch, maps, n - 2 depth, ...)`."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.maps = maps = architecture.maps
        self.bias = nn.Parameter(torch.zeros(architecture.channels))
        self.first = Convolution(architecture.channels, maps[0], KERNEL)
        self.layers = nn.ModuleList(Layer(inputs, outputs, KERNEL) for inputs, outputs in pairwise(maps))

    def forward(self, x: Tensor, apply: Apply = apply_layer) -> Tensor:
        """`x: (batch, channels, z, y, x)`, normalised intensities; `apply` computes a layer."""
        before, x = x, apply(self._begin, self.maps[0], x, None)
        for number, (layer, maps) in enumerate(zip(self.layers, self.maps[1:], strict=True), start=2):
            is_residual = number % RESIDUAL_EVERY == 0 and number >= FIRST_RESIDUAL
            before, x = x, apply(layer, maps, x, before if is_residual else None)
        return x

    def _begin(self, x: Tensor) -> Tensor:
        return self.first(x + self.bias.view(1, -1, 1, 1, 1))


class ThreePathways(nn.Module):
    """Logits of every class from one window of each resolution."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.pathways = nn.ModuleList(Pathway(architecture) for _ in FACTORS)
        joined, merged = len(FACTORS) * architecture.maps[-1], architecture.merged
        self.merge = Layer(joined, merged, KERNEL)
        self.mix = Layer(merged, merged, 1, architecture.dropout)
        self.classify = Layer(merged, architecture.classes, 1, architecture.dropout)
        self.class_bias = nn.Parameter(torch.zeros(architecture.classes))

    def forward(self, windows: Sequence[Tensor], predicted: Sequence[int], border: int = 0) -> Tensor:
        """Logits `(batch, classes, *predicted)`.

        Args:
            windows: one tensor `(batch, channels, z, y, x)` per factor, sampled as by `geometry.window`.
            predicted: voxels to predict along z, y, x.
            border: 0 pads the maps by repetition for the 3^3 convolution after the pathways, as in training; with 1,
                windows are wider instead, so that predictions do not depend on the borders of tiles.
        """
        joined = self.joined(windows, predicted, border)
        if not border:
            joined = functional.pad(joined, (BORDER,) * 6, mode="replicate")
        return self.classified(joined)

    def joined(self, windows: Sequence[Tensor], predicted: Sequence[int], border: int) -> Tensor:
        """The maps of all pathways at full resolution, `(batch, 3 maps, *(predicted + 2 border))`."""
        maps = [pathway(window) for pathway, window in zip(self.pathways, windows, strict=True)]
        return upsampled(maps, [slice(0, count + 2 * border) for count in predicted], border)

    def classified(self, joined: Tensor) -> Tensor:
        """Apply the layers after the pathways, which remove one voxel on each side."""
        mixed = add_cropped(joined, self.mix(self.merge(joined)), crop=BORDER)
        return self.classify(mixed) + self.class_bias.view(1, -1, 1, 1, 1)

    def convolution_weights(self) -> list[Tensor]:
        """The weights that are regularised by L1 and L2."""
        return [module.weight for module in self.modules() if isinstance(module, nn.Conv3d)]


def add_cropped(before: Tensor, maps: Tensor, crop: int) -> Tensor:
    """Add an earlier tensor, cropped by `crop` on each side, to maps, in place, for the channels that both have."""
    shared = min(before.shape[1], maps.shape[1])
    maps[:, :shared] += before[:, :shared, crop:-crop, crop:-crop, crop:-crop]
    return maps


def upsampled(maps: Sequence[Tensor], box: Sequence[slice], border: int) -> Tensor:
    """A box of the maps of all pathways at full resolution, those of factor f repeated f times along each axis.

    Maps are `(batch, maps, z, y, x)` per factor; the box counts from the first voxel of the border before the
    prediction.
    """
    return torch.cat([_upsampled(each, factor, box, border) for each, factor in zip(maps, FACTORS, strict=True)], dim=1)


def _upsampled(maps: Tensor, factor: int, box: Sequence[slice], border: int) -> Tensor:
    skipped = offset(factor, border)
    sides = [slice(side.start + skipped, side.stop + skipped) for side in box]
    z, y, x = (slice(side.start // factor, -(-side.stop // factor)) for side in sides)
    if factor == 1:
        return maps[:, :, z, y, x]
    repeated = functional.interpolate(maps[:, :, z, y, x], scale_factor=factor, mode="nearest")
    z, y, x = (slice(side.start % factor, side.start % factor + side.stop - side.start) for side in sides)
    return repeated[:, :, z, y, x]
