"""Scores of single instances from the outputs of a method: the larger, the more an instance matters to it.

| quantity | is | larger than |
|---|---|---|
| `attention` | N a_n, the attention times the number of instances of the bag | 1: more than even |
| `instance-probability` | 1 - p_n(negative), predicted from the instance alone | 1/2: rather not negative |
| `contribution` | the product of both | 1: more than an even share of a certain instance |
| `instance-probability-{class}` | p_n(class), with more than two classes; scored on bags of that class | 1/2 |

Attention tells which instances a prediction is made of, and not which class they speak for: a model may weigh healthy
instances, and conclude from how many there are. The product tells both. To add a quantity, add a function to
`QUANTITIES`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from marrow.runs.columns import probability_of

Scores = npt.NDArray[np.float64]

ATTENTION, PROBABILITY, CONTRIBUTION = "attention", "instance-probability", "contribution"


@dataclass(frozen=True)
class InstanceOutputs:
    """The outputs of a method for the instances of one bag.

    Attributes:
        classes: of the bags.
        negatives: the numbers of the classes in which nothing is key.
        attention: (instances,), of sum one; None where the method weighs no instances.
        probabilities: (instances, classes); None where it predicts nothing of single instances.
    """

    classes: Sequence[str]
    negatives: Sequence[int]
    attention: Scores | None
    probabilities: Scores | None

    @property
    def positives(self) -> list[str]:
        """The classes that are not negative."""
        return [name for number, name in enumerate(self.classes) if number not in self.negatives]

    @property
    def positive(self) -> Scores | None:
        """(instances,), the probability of no negative class; None where no class is negative, or all are."""
        if self.probabilities is None or not self.negatives or not self.positives:
            return None
        return np.delete(self.probabilities, list(self.negatives), axis=1).sum(axis=1)

    @property
    def sought(self) -> str:
        """These classes in words."""
        return " or ".join(self.positives)


@dataclass(frozen=True)
class Quantity:
    """A score of each instance of a bag.

    Attributes:
        name: in tables.
        values: (instances,).
        scaling: what a value is, in words.
        label: the class whose instances it looks for; None for all that are not negative.
    """

    name: str
    values: Scores
    scaling: str
    label: str | None = None


def attention(outputs: InstanceOutputs) -> Iterator[Quantity]:
    """Attention, so scaled that bags of all sizes compare."""
    if outputs.attention is not None:
        yield Quantity(
            ATTENTION, outputs.attention * len(outputs.attention), "attention × number of instances; 1: even"
        )


def instance_probability(outputs: InstanceOutputs) -> Iterator[Quantity]:
    """The probability of no negative class."""
    if outputs.positive is not None:
        yield Quantity(PROBABILITY, outputs.positive, f"probability of {outputs.sought}, the instance alone")


def contribution(outputs: InstanceOutputs) -> Iterator[Quantity]:
    """Attention times the probability of no negative class."""
    if outputs.attention is not None and outputs.positive is not None:
        scaling = f"attention × number of instances × probability of {outputs.sought}"
        yield Quantity(CONTRIBUTION, outputs.attention * len(outputs.attention) * outputs.positive, scaling)


def class_probabilities(outputs: InstanceOutputs) -> Iterator[Quantity]:
    """The probability of each class that is not negative, where there are several."""
    if outputs.probabilities is not None and len(outputs.positives) > 1:
        for name in outputs.positives:
            values = outputs.probabilities[:, list(outputs.classes).index(name)]
            yield Quantity(f"{PROBABILITY}-{name}", values, f"probability of {name}, the instance alone", name)


QUANTITIES: Sequence[Callable[[InstanceOutputs], Iterator[Quantity]]] = (
    attention,
    instance_probability,
    contribution,
    class_probabilities,
)


def quantities_of(outputs: InstanceOutputs) -> dict[str, Quantity]:
    """All scores of the instances of a bag, by name."""
    return {quantity.name: quantity for function in QUANTITIES for quantity in function(outputs)}


def instance_outputs(
    columns: Mapping[str, npt.NDArray[np.generic]], classes: Sequence[str], negatives: Sequence[int]
) -> InstanceOutputs:
    """The outputs in the columns of a run's table of instances: `attention`, and a probability for each class."""
    names = [probability_of(name) for name in classes]
    probabilities = None
    if all(name in columns for name in names):
        probabilities = np.stack([columns[name] for name in names], axis=1).astype(np.float64)
    weights = columns.get("attention")
    return InstanceOutputs(classes, negatives, None if weights is None else weights.astype(np.float64), probabilities)
