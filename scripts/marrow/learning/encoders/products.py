"""Convolution of volumes, max pooling by 2 and ReLU by matrix products, for a processor and a first layer.

PyTorch's convolution of a single channel spends most of its time on moving maps that pooling throws away. Here each row
of a matrix product makes the four neighbours (y, x) of a pooled voxel in one layer z, for all maps:

    C[z] = A[z] B,   A[z]: (instances * pooled y * pooled x,  k * channels * (k + 1)^2),   B: (.., 4 * maps)

A row is the window of (k + 1)^2 voxels that the four share, in the k layers that the kernel covers; B holds the kernel
four times, moved by (0, 0), (0, 1), (1, 0) and (1, 1), between zeros. That is (k + 1)^2 / k^2 times the
multiplications, and four times as many columns are worth more. The windows of one layer lie together in memory, layer
after layer, so the matrices of neighbouring layers overlap and nothing but the windows is copied.

Instances are taken in parts whose windows and products stay in the processor's cache. Of each pooled voxel the place of
the maximum is kept, nothing else; windows are cut anew for the gradient of the kernel,

    dB = sum_z A[z]^T dC[z],   dC zero but at the maxima.

The input is data and gets no gradient.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

_PART = 2**23  # bytes of windows and products for each thread
_NEIGHBOURS = tuple(product((0, 1), repeat=2))
_POOLED = (2, 1, len(_NEIGHBOURS))
_aten: Any = torch.ops.aten


def convolved(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """ReLU(max pool(weight * x) + bias), (n, maps, z, y, x) with channels last.

    The weight is (maps, channels, k, k, k), x is (n, channels, z, y, x) with edges such that the convolution leaves
    even ones.
    """
    return _Convolved.apply(x, weight, bias)  # pyright: ignore[reportReturnType]


@dataclass(frozen=True)
class _Sizes:
    """Of one call: channels, maps, edge of the kernel, edges of the pooled maps."""

    channels: int
    maps: int
    kernel: int
    z: int
    y: int
    x: int

    @classmethod
    def of(cls, x: Tensor, weight: Tensor) -> "_Sizes":
        maps, channels, kernel = weight.shape[:3]
        return cls(channels, maps, kernel, *((edge - kernel + 1) // 2 for edge in x.shape[2:]))

    @property
    def columns(self) -> int:
        return len(_NEIGHBOURS) * self.maps

    @property
    def window(self) -> int:
        """Voxels of a window in one layer."""
        return self.channels * (self.kernel + 1) ** 2

    def parts(self, instances: int) -> list[slice]:
        layers = 2 * self.z
        each = 4 * self.y * self.x * ((layers + self.kernel - 1) * self.window + layers * self.columns)
        step = max(1, _PART * torch.get_num_threads() // each)
        return [slice(first, first + step) for first in range(0, instances, step)]


class _Convolved(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        sizes = _Sizes.of(x, weight)
        columns = _moved(weight, sizes).expand(2 * sizes.z, -1, -1)
        maps = x.new_empty(len(x), sizes.z, sizes.y, sizes.x, sizes.maps)
        places: list[Tensor] = []
        parts = sizes.parts(len(x))
        room = _Room(x)
        for part in parts:
            rows = _rows(x[part], sizes, room)
            products = room.of("products", (*rows.shape[:2], sizes.columns))
            torch.bmm(rows, columns, out=products)
            best, place = _aten.max_pool3d_with_indices(_as_maps(products, sizes), _POOLED)
            instances_first = best.permute(0, 2, 3, 4, 1).view(sizes.z, -1, *maps.shape[2:]).transpose(0, 1)
            torch.add(instances_first, bias, out=maps[part]).relu_()
            places.append(place)
        ctx.sizes, ctx.parts = sizes, parts
        ctx.save_for_backward(x, maps, *places)
        return maps.movedim(-1, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor, Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        sizes: _Sizes = ctx.sizes
        x, maps, *places = ctx.saved_tensors
        columns = x.new_zeros(2 * sizes.z, sizes.kernel * sizes.window, sizes.columns)
        bias = x.new_zeros(sizes.maps)
        room = _Room(x)
        for part, place in zip(ctx.parts, places, strict=True):
            rows = _rows(x[part], sizes, room)
            active = _aten.threshold_backward(gradients[0][part].movedim(1, -1), maps[part], 0)
            bias += active.sum((0, 1, 2, 3))
            best = active.transpose(0, 1).reshape(sizes.z, 1, -1, 1, sizes.maps).movedim(-1, 1)
            products = room.of("products", (*rows.shape[:2], sizes.columns))
            into = _as_maps(products, sizes)
            _aten.max_pool3d_with_indices_backward.grad_input(
                best, into, _POOLED, _POOLED, (0, 0, 0), (1, 1, 1), False, place, grad_input=into
            )
            columns.baddbmm_(rows.mT, products)
        return None, _moved_back(columns.sum(0), sizes), bias


class _Room:
    """Memory that the parts of a call share: paging in new memory for each would take longer than filling it."""

    def __init__(self, like: Tensor) -> None:
        self._like = like
        self._tensors: dict[str, Tensor] = {}

    def of(self, name: str, shape: tuple[int, ...]) -> Tensor:
        """A contiguous tensor of this shape, the memory of an earlier one of that name if that is large enough."""
        count = torch.Size(shape).numel()
        held = self._tensors.get(name)
        if held is None or held.numel() < count:
            held = self._tensors[name] = self._like.new_empty(count)
        return held[:count].view(shape)


def _rows(x: Tensor, sizes: _Sizes, room: _Room) -> Tensor:
    """The matrices A, (layers, instances * pooled y * pooled x, k * window), which share their memory."""
    edge = sizes.kernel + 1
    windows = x.unfold(3, edge, 2).unfold(4, edge, 2).permute(0, 3, 4, 2, 1, 5, 6)
    held = room.of("windows", tuple(windows.shape)).copy_(windows)
    count, depth = sizes.y * sizes.x * len(x), x.shape[2]
    strides = (sizes.window, depth * sizes.window, 1)
    return held.as_strided((2 * sizes.z, count, sizes.kernel * sizes.window), strides)


def _as_maps(products: Tensor, sizes: _Sizes) -> Tensor:
    """Products (layers, rows, columns) as a batch of volumes with channels last, (pooled z, maps, 2, rows, 4)."""
    return products.view(sizes.z, 2, -1, len(_NEIGHBOURS), sizes.maps).movedim(-1, 1)


def _moved(weight: Tensor, sizes: _Sizes) -> Tensor:
    """The matrix B: the kernel once for each neighbour."""
    k = sizes.kernel
    moved = weight.new_zeros(k, sizes.channels, k + 1, k + 1, 2, 2, sizes.maps)
    for y, x in _NEIGHBOURS:
        moved[:, :, y : y + k, x : x + k, y, x] = weight.permute(2, 1, 3, 4, 0)
    return moved.view(-1, sizes.columns)


def _moved_back(columns: Tensor, sizes: _Sizes) -> Tensor:
    """The gradient of the kernel from that of B."""
    k = sizes.kernel
    moved = columns.view(k, sizes.channels, k + 1, k + 1, 2, 2, sizes.maps)
    back = torch.stack([moved[:, :, y : y + k, x : x + k, y, x] for y, x in _NEIGHBOURS]).sum(0)
    return back.permute(4, 1, 0, 2, 3).contiguous()
