"""From the attributes of bags to the numbers that a model sees.

A number is itself or log(1 + x), a category a column for each of its values, 1 where the bag has it. All of these are
standardised over the training bags where they are known:

    z = (x - mean) / std,   0 where x is unknown, which is the training mean

Behind them is, for each attribute that declares so, a column that is 1 where it is unknown. Mean and standard deviation
are in the model's file: a prediction needs nothing else.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from marrow.bags.attributes import Attribute


class AttributeScaling(nn.Module):
    """Standardises attributes, (bags, attributes) with NaN where one is unknown, to (bags, columns) in float32."""

    mean: Tensor
    std: Tensor

    def __init__(self, attributes: Sequence[Attribute]) -> None:
        super().__init__()
        self.attributes = tuple(attributes)
        self._indicated = [number for number, each in enumerate(attributes) if each.missing == "indicator"]
        columns = sum(max(1, len(attribute.values)) for attribute in attributes)
        self.columns = columns + len(self._indicated)
        self.register_buffer("mean", torch.zeros(columns))
        self.register_buffer("std", torch.ones(columns))

    @torch.no_grad()
    def fit(self, values: Tensor) -> None:
        """Take mean and standard deviation from the training bags, (bags, attributes); a constant column is centred."""
        columns = self._expanded(values).double()
        known = ~columns.isnan()
        count = known.sum(0).clamp(min=1)
        mean = columns.nan_to_num().sum(0) / count
        variance = torch.where(known, columns - mean, 0.0).square().sum(0) / count
        self.mean.copy_(mean)
        self.std.copy_(torch.where(variance > 0, variance.sqrt(), 1.0))

    def forward(self, values: Tensor) -> Tensor:
        """Scale (bags, attributes)."""
        scaled = ((self._expanded(values) - self.mean) / self.std).nan_to_num(nan=0.0)
        return torch.cat([scaled, values[:, self._indicated].isnan().to(scaled.dtype)], 1)

    def _expanded(self, values: Tensor) -> Tensor:
        """(bags, attributes) -> a column for each number and each category, NaN where unknown."""
        parts: list[Tensor] = []
        for attribute, column in zip(self.attributes, values.split(1, 1), strict=True):
            if attribute.values:
                categories = torch.arange(len(attribute.values), device=values.device)
                parts.append(torch.where(column.isnan(), column, (column == categories).to(values.dtype)))
            else:
                parts.append(column.log1p() if attribute.log else column)
        return torch.cat(parts, 1)
