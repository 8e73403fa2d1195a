"""A stage of a LeNet: convolution, ReLU, max pooling by 2.

    y = max pool(ReLU(w * x + b)) = ReLU(max pool(w * x) + b)

The second form is the same and does the addition and the ReLU on an eighth of the voxels. What pooling would leave over
at the end of an axis is not computed. On a processor a stage is computed in one of three ways, with results that are
equal but for rounding (docs/encoders.md has the times):

- the first stage of volumes by `products`;
- a stage that leaves a single voxel as one matrix product, in which each of the 2^3 places of the kernel has columns of
  its own: the maps of all places are read once, and nothing is copied;
- all others by PyTorch's convolution with channels last.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from marrow.learning.encoders.products import convolved

_CONVOLUTIONS = {2: nn.Conv2d, 3: nn.Conv3d}
_functorch: Any = torch._C._functorch  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]


class Stage(nn.Module):
    """Convolution, ReLU, max pooling.

    Args:
        channels: of the maps that come in.
        maps: how many go out.
        kernel: edge of the convolution.
        incoming: edges of the maps that come in, two or three. Where one is smaller than the kernel, all are padded
            with zeros so that the convolution keeps their size.
        of_data: whether instances come in, which usually ask for no gradient.

    Attributes:
        edges: of the maps that go out. Maps that are a single voxel along an axis after the convolution are not pooled.
    """

    def __init__(self, channels: int, maps: int, kernel: int, incoming: Sequence[int], of_data: bool = False) -> None:
        super().__init__()
        self.convolution = _CONVOLUTIONS[len(incoming)](channels, maps, kernel)
        padding = kernel // 2 if min(incoming) < kernel else 0
        convolved = [edge + 2 * padding - kernel + 1 for edge in incoming]
        self._pool = 2 if min(convolved) > 1 else 1
        self.edges = tuple(edge // self._pool for edge in convolved)
        surplus = [edge % self._pool for edge in convolved]
        # Of the last axis first, as PyTorch wants it. Less than nothing is cut off.
        self._padding = [count for left in reversed(surplus) for count in (padding, padding - left)]
        self._is_whole = all(edge == 1 for edge in self.edges)
        self._by_products = of_data and len(incoming) == 3 and self._pool == 2

    def forward(self, x: Tensor) -> Tensor:
        """Maps (n, channels, *incoming) to (n, maps, *edges)."""
        if any(self._padding):
            x = functional.pad(x, self._padding)
        weight, bias = self.convolution.weight, cast("Tensor", self.convolution.bias)
        if not _is_plain(x, weight):
            return _pooled(_convolved(x, weight, bias), self._pool).relu()
        if self._by_products and not x.requires_grad:
            return convolved(x, weight, bias)
        if self._is_whole:
            return (_pooled(_as_one_product(x, weight, self._pool), self._pool) + _along(bias, x)).relu()
        channels_last = torch.channels_last if x.ndim == 4 else torch.channels_last_3d
        return _pooled(_convolved(x, weight.to(memory_format=channels_last), bias), self._pool).relu()


def _is_plain(x: Tensor, weight: Tensor) -> bool:
    """Whether these are tensors on a processor and no more: compilers and vmap need PyTorch's layers."""
    return (
        x.device.type == "cpu"
        and not torch.compiler.is_compiling()
        and not any(map(_functorch.is_functorch_wrapped_tensor, (x, weight)))
    )


def _convolved(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return (functional.conv2d if x.ndim == 4 else functional.conv3d)(x, weight, bias)


def _as_one_product(x: Tensor, weight: Tensor, places: int) -> Tensor:
    """A convolution that fits its input in `places` places along each axis, (n, maps, places, ...)."""
    axes = x.ndim - 2
    channels_last = weight.movedim(1, -1)
    shifted = [
        functional.pad(channels_last, (0, 0, *(side for place in reversed(at) for side in (place, places - 1 - place))))
        for at in product(range(places), repeat=axes)
    ]
    columns = torch.stack(shifted).flatten(2).flatten(0, 1)
    values = x.movedim(1, -1).flatten(1) @ columns.mT
    return values.view(len(x), *(places,) * axes, len(weight)).movedim(-1, 1)


def _pooled(maps: Tensor, by: int) -> Tensor:
    """Max pooling; not of volumes by PyTorch's layer on a GPU, where its gradients are added up in any order."""
    if by == 1:
        return maps
    if maps.ndim == 4:
        return functional.max_pool2d(maps, by)
    return functional.max_pool3d(maps, by) if maps.device.type == "cpu" else maxima(maps, by)


def maxima(maps: Tensor, by: int) -> Tensor:
    """Max pooling of volumes as maxima over axes; those that are equal share the gradient."""
    z, y, x = (edge // by for edge in maps.shape[2:])
    return maps.reshape(*maps.shape[:2], z, by, y, by, x, by).amax((3, 5, 7))


def _along(bias: Tensor, x: Tensor) -> Tensor:
    return bias.view(-1, *(1,) * (x.ndim - 2))
