"""How the numbers of instances are scaled before an encoder sees them: (x - mean) / std, for each channel.

`standardised` takes mean and standard deviation over the training instances, those of tables from the manifest. `unit`
takes bytes from 0 .. 255 to 0 .. 1. Intensities of a scan have no such range: whichever percentile were called 1,
lesions lie beyond it. So `unit` is refused there.
"""

from collections.abc import Iterable, Mapping
from math import prod

import torch
from torch import Tensor, nn

from marrow.bags.bag import Layout
from marrow.bags.manifest import Manifest
from marrow.errors import ConfigError, MarrowError
from marrow.learning.feed.feed import Feed

_PART = 2**18  # numbers that are looked at at a time, which a processor's cache holds in double precision
_LARGEST = {"uint8": 255.0}


class Scaling(nn.Module):
    """Standardises: (x - mean) / std, both of shape (channels, 1, ...) or (features,), in float32."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean.float())
        self.register_buffer("std", std.float())

    def forward(self, patches: Tensor) -> Tensor:
        """Scale (instances, *shape) to float32."""
        return (patches - self.mean).div_(self.std)

    @classmethod
    def like(cls, weights: Mapping[str, Tensor]) -> "Scaling":
        """One of the shape that a saved model has."""
        return cls(torch.zeros_like(weights["scaling.mean"]), torch.ones_like(weights["scaling.std"]))

    @classmethod
    def nothing(cls) -> "Scaling":
        """Of instances that have no numbers, since nobody looks at them."""
        return cls(torch.zeros(0), torch.ones(0))

    @classmethod
    def unit(cls, layout: Layout) -> "Scaling":
        """From all that a dtype can hold to 0 .. 1.

        Raises:
            ConfigError: the dtype has no such range.
        """
        if layout.dtype not in _LARGEST:
            raise ConfigError(
                f"config: training.input is unit, and instances of {layout.dtype} have no range to be taken to 0 .. 1; "
                "take standardised"
            )
        shape = _shape(layout)
        return cls(torch.zeros(shape), torch.full(shape, _LARGEST[layout.dtype]))

    @classmethod
    def standardising(cls, blocks: Iterable[Tensor], layout: Layout) -> "Scaling":
        """That after which every channel has mean 0 and standard deviation 1; a constant one is only centred.

        Reads each block (instances, *shape) once, with or without margin; there must be an instance. Of each instance n
        its mean and variance are kept, in double precision:

            mean = 1/N sum_n mean_n,   variance = 1/N sum_n (variance_n + (mean_n - mean)^2)

        Raises:
            MarrowError: a number is not finite.
        """
        moments = [_moments(part) for block in blocks for part in block.split(max(1, _PART // prod(block.shape[1:])))]
        means, variances = (torch.cat(each) for each in zip(*moments, strict=True))
        mean = means.mean(0)
        std = (variances + (means - mean).square()).mean(0).sqrt()
        if not torch.isfinite(std).all():
            raise MarrowError("training instances hold numbers that are not finite; mend their bags")
        shape = _shape(layout)
        return cls(mean.view(shape), torch.where(std == 0, 1.0, std).view(shape))


def scaling_of(kind: str, manifest: Manifest, bags: Feed) -> Scaling:
    """The scaling for a data set, `standardised` or `unit`; what it has to learn, it learns from the bags.

    Raises:
        ConfigError: the instances have no range that `unit` could take.
        MarrowError: a number is not finite.
    """
    if kind == "unit":
        return Scaling.unit(manifest.layout)
    if scale := manifest.feature_scale:
        return Scaling(torch.tensor(scale.mean), torch.tensor(scale.std))
    batches = bags.batches([position] for position in range(len(bags)))
    return Scaling.standardising((batch.patches for _, batch in batches), manifest.layout)


def _moments(part: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of each instance and channel, (instances, channels) in float64 on the processor."""
    values = part.to(torch.float64).reshape(*part.shape[:2], -1)
    mean = values.mean(2, keepdim=True)
    return mean.squeeze(2).cpu(), (values - mean).square_().mean(2).cpu()


def _shape(layout: Layout) -> tuple[int, ...]:
    """Of mean and standard deviation: one number a channel, or a feature."""
    return (layout.shape[0], *(1,) * (len(layout.shape) - 1))
