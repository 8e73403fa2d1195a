"""The three-pathway network: full resolution, and every third and every fifth voxel for context.

Each pathway has eight 3^3 convolutions without padding; every layer is

    batch norm -> PReLU -> dropout -> convolution,

the first one of a pathway a bias and a convolution. The outputs of layers 4, 6 and 8 get the input of the layer before
added, cropped to their size, with zeros for channels that it lacks. The maps of the coarse pathways are repeated to
full resolution, and three more layers (3^3, 1^3, 1^3) turn all maps into one logit per class. With 2 contrasts and 19
classes that makes 2,012,415 parameters.

Departures from DeepMedic's code: coarse samples lie in the middle of their block (`geometry`); running statistics of
batch norm are an exponential average of about 60 batches instead of a plain mean of the last 60; epsilon of batch norm
is 1e-5 instead of the smallest float.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from marrow.segmentation.geometry import FACTORS, KERNEL, offset

WIDTHS = (30, 30, 40, 40, 40, 40, 50, 50)
MERGED = 250
RESIDUAL_EVERY = 2
FIRST_RESIDUAL = 4
NORM_MOMENTUM = 2 / 61  # an exponential average as old, on average, as a mean of the last 60
PRELU = 0.01
BORDER = 1  # of the one 3^3 convolution after the pathways


@dataclass(frozen=True)
class Architecture:
    """The shape of a network.

    Attributes:
        channels: contrasts that it reads.
        classes: bones and the background.
        width: factor on the number of maps of every layer; 1 is DeepMedic's default.
        depth: convolutions of a pathway, up to 8; fewer see less context.
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


class Layer(nn.Module):
    """Batch norm, PReLU, dropout, convolution without padding."""

    def __init__(self, channels: int, maps: int, kernel: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.BatchNorm3d(channels, momentum=NORM_MOMENTUM)
        self.activation = nn.PReLU(channels, init=PRELU)
        self.dropout = dropout
        self.convolution = _convolution(channels, maps, kernel)

    def forward(self, x: Tensor, then: "Layer | None" = None, *, is_normed: bool = False) -> Tensor:
        """`x: (batch, channels, z, y, x)`.

        Args:
            x: the maps of the layer before.
            then: the layer after this one, where the convolution takes over its norm.
            is_normed: whether the convolution before has taken over the norm of this one.
        """
        return _convolve(self.activate(x, is_normed), self.convolution, then)

    def activate(self, x: Tensor, is_normed: bool) -> Tensor:
        """Everything before the convolution; without gradients in as few passes over memory as can be."""
        if not _is_inferring(self):
            x = self.activation(self.norm(x))
            return functional.dropout(x, self.dropout, self.training) if self.dropout else x
        if not is_normed:
            scale, shift = self.affine()
            x = torch.addcmul(shift, x, scale)
        return functional.prelu(x, self.activation.weight)

    def affine(self) -> tuple[Tensor, Tensor]:
        """Batch norm at inference as a scale and a shift, `(1, channels, 1, 1, 1)` each."""
        norm = self.norm
        mean, variance = _known(norm.running_mean), _known(norm.running_var)
        scale = norm.weight * torch.rsqrt(variance + norm.eps)
        return scale.view(1, -1, 1, 1, 1), (norm.bias - mean * scale).view(1, -1, 1, 1, 1)


class Pathway(nn.Module):
    """One resolution: `(batch, channels, n, n, n)` to `(batch, maps, n - 2 depth, ...)`.

    At inference the norm of every second layer is a part of the convolution before, whose output is added nowhere else.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        maps = architecture.maps
        self.bias = nn.Parameter(torch.zeros(architecture.channels))
        self.first = _convolution(architecture.channels, maps[0], KERNEL)
        self.layers = nn.ModuleList(Layer(few, many, KERNEL) for few, many in pairwise(maps))

    def forward(self, x: Tensor) -> Tensor:
        """`x: (batch, channels, z, y, x)`, normalised intensities."""
        folds = _is_inferring(self)
        after: list[Layer | None] = [*self.layers, None]  # pyright: ignore[reportAssignmentType]
        seen = x + self.bias.view(1, -1, 1, 1, 1)
        before, x = x, _as_laid_out(x, _convolve(seen, self.first, after[0] if folds else None))
        for number, layer in enumerate(self.layers, start=2):
            is_even = number % RESIDUAL_EVERY == 0
            maps = layer(x, None if is_even or not folds else after[number - 1], is_normed=is_even and folds)
            if is_even and number >= FIRST_RESIDUAL:
                _add(before, maps, crop=2)
            before, x = x, maps
        return x


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
            windows: one tensor `(batch, channels, z, y, x)` per factor, as `geometry.window` says.
            predicted: voxels to predict along z, y, x.
            border: 0 repeats the outermost maps for the 3^3 convolution after the pathways, as in training; 1 takes
                them from wider windows, so that what is predicted does not depend on where a tile ends.
        """
        joined = self.joined(windows, predicted, border)
        if not border:
            joined = functional.pad(joined, (BORDER,) * 6, mode="replicate")
        return self.classified(joined)

    def joined(self, windows: Sequence[Tensor], predicted: Sequence[int], border: int) -> Tensor:
        """The maps of all pathways at full resolution, `(batch, 3 maps, *(predicted + 2 border))`."""
        size = [count + 2 * border for count in predicted]
        maps = [
            _spread(pathway(seen), factor, offset(factor, border), size)
            for pathway, seen, factor in zip(self.pathways, windows, FACTORS, strict=True)
        ]
        return torch.cat(maps, dim=1)

    def classified(self, joined: Tensor) -> Tensor:
        """The layers after the pathways: two voxels less along each axis."""
        folds = _is_inferring(self)
        merged = self.merge(joined, self.mix if folds else None)
        mixed = self.mix(merged, is_normed=folds)
        _add(joined, mixed, crop=BORDER)
        return self.classify(mixed) + self.class_bias.view(1, -1, 1, 1, 1)

    def convolution_weights(self) -> list[Tensor]:
        """The weights that L1 and L2 hold down."""
        return [module.weight for module in self.modules() if isinstance(module, nn.Conv3d)]


def _convolution(channels: int, maps: int, kernel: int) -> nn.Conv3d:
    """Normal weights of variance 2 / fan-in (He et al. 2015)."""
    convolution = nn.Conv3d(channels, maps, kernel, bias=False)
    nn.init.normal_(convolution.weight, std=(2 / (channels * kernel**3)) ** 0.5)
    return convolution


def _is_inferring(module: nn.Module) -> bool:
    return not (module.training or torch.is_grad_enabled())


def _convolve(x: Tensor, convolution: nn.Conv3d, then: Layer | None) -> Tensor:
    """A convolution and, in the same pass, the norm of the layer after it."""
    if then is None:
        return convolution(x)
    scale, shift = then.affine()
    return functional.conv3d(x, convolution.weight * scale.view(-1, 1, 1, 1, 1), shift.flatten())


def _add(before: Tensor, maps: Tensor, crop: int) -> None:
    """Add an earlier tensor, cropped by `crop` on each side, to maps in place, as far as both have channels."""
    shared = min(before.shape[1], maps.shape[1])
    maps[:, :shared] += before[:, :shared, crop:-crop, crop:-crop, crop:-crop]


def _spread(maps: Tensor, factor: int, skip: int, size: Sequence[int]) -> Tensor:
    """Maps repeated `factor` times along each axis and cut to `size`, the first `skip` voxels left out."""
    if factor == 1:
        return maps
    z, y, x = (slice(skip, skip + count) for count in size)
    return functional.interpolate(maps, scale_factor=factor, mode="nearest")[:, :, z, y, x]


def _as_laid_out(x: Tensor, maps: Tensor) -> Tensor:
    """Maps in the memory format of `x`: PyTorch's convolution of a single small image falls back to its default."""
    channels_last = x.is_contiguous(memory_format=torch.channels_last_3d)
    return maps.contiguous(memory_format=torch.channels_last_3d) if channels_last else maps


def _known(buffer: Tensor | None) -> Tensor:
    if buffer is None:
        raise TypeError("batch norm without running statistics cannot be applied to one scan")
    return buffer
