"""Whether the prediction of a bag rests on the instances with the highest scores: drop them, and predict again.

From each bag the instances with the highest scores are dropped, more and more of them, and as many in random order for
comparison. Where scores point at what the prediction rests on, its probability falls sooner than by chance:

    area = integral over the share dropped of (P_random - P_top), divided by the largest share

This asks the model alone and no annotation (Samek et al., IEEE TNNLS 2017, do so with pixels). Since an instance is
embedded by itself, each is embedded once; all that a bag loses is pooled anew, many bags at a time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from marrow.device.random_state import named_seed
from marrow.explanation.localisation.quantities import Scores
from marrow.learning.feed.grouping import grouped
from marrow.learning.fusion.fusion import Pool
from marrow.learning.pooling.outputs import probabilities
from marrow.learning.pooling.segments import Segments
from marrow.tables.frames import Columns, frame_of

AT_A_TIME = 2**15  # instances that are pooled together

# A row is a point of the two curves of a quantity: the share of its instances that every bag has lost; the probability
# of the class that the whole bag is given, after dropping the first instances (mean over bags) and after dropping as
# many at random (mean over bags and orders); the number of bags; the area, the same in all rows of a quantity; and why
# there are no numbers.
PERTURBATION: Columns = {
    "quantity": str,
    "dropped": float,
    "top": float,
    "random": float,
    "bags": int,
    "area": float,
    "note": str,
}

Order = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Drops:
    """How instances are dropped.

    Attributes:
        shares: of a bag's instances, ascending; nothing dropped comes before.
        orders: how many random orders there are for each bag.
        seed: of these.
    """

    shares: Sequence[float]
    orders: int
    seed: int

    @property
    def all_shares(self) -> list[float]:
        """With nothing dropped."""
        return [0.0, *self.shares]

    def kept(self, order: Order) -> list[Order]:
        """What is left of a bag at each share, dropped in this order; one instance at least."""
        counts = (min(round(share * len(order)), len(order) - 1) for share in self.all_shares)
        return [order[count:] for count in counts]

    def random_orders(self, bag: str, instances: int) -> list[Order]:
        """Orders that depend on (seed, bag) alone."""
        rng = np.random.default_rng(named_seed("drop", self.seed, bag))
        return [rng.permutation(instances) for _ in range(self.orders)]


@dataclass(frozen=True)
class Fall:
    """The probability of a bag's class at each share dropped, (shares,), nothing dropped first."""

    top: Mapping[str, Scores]
    random: Scores


@torch.inference_mode()
def fall_of(
    pooling: Pool, embeddings: Tensor, scores: Mapping[str, Scores], bag: str, predicted: int, drops: Drops
) -> Fall:
    """What dropping does to one bag.

    Args:
        pooling: of the model; for one that learns from attributes, with those of the bag.
        embeddings: (instances, width), of the bag.
        scores: quantity -> (instances,).
        bag: its id.
        predicted: the number of the class that it is given.
        drops: how instances are dropped.
    """
    orders: list[Order] = [np.argsort(-values, kind="stable") for values in scores.values()]
    orders += drops.random_orders(bag, len(embeddings))
    subsets = [kept for order in orders for kept in drops.kept(order)]
    found = probabilities_of(pooling, embeddings, subsets)[:, predicted].reshape(len(orders), -1)
    return Fall(dict(zip(scores, found, strict=False)), found[len(scores) :].mean(axis=0))


def probabilities_of(pooling: Pool, embeddings: Tensor, subsets: Sequence[Order]) -> Scores:
    """The probabilities that a pooling gives to parts of a bag: (subsets, classes).

    Args:
        pooling: of the model.
        embeddings: (instances, width).
        subsets: which instances, one at least in each.
    """
    parts: list[Tensor] = []
    lengths = [len(subset) for subset in subsets]
    for group in grouped(lengths, AT_A_TIME):
        chosen = torch.from_numpy(np.concatenate([subsets[place] for place in group])).to(embeddings.device)
        segments = Segments.of([lengths[place] for place in group], embeddings.device)
        parts.append(probabilities(pooling(embeddings[chosen], segments).logits).double().cpu())
    return torch.cat(parts).numpy()


def perturbation_table(falls: Sequence[Fall], drops: Drops) -> pd.DataFrame:
    """The curves of every quantity, as means over the bags that have it."""
    shares = drops.all_shares
    curves = [frame_of([], PERTURBATION)]
    for quantity in dict.fromkeys(name for fall in falls for name in fall.top):
        having = [fall for fall in falls if quantity in fall.top]
        top = np.mean([fall.top[quantity] for fall in having], axis=0)
        random = np.mean([fall.random for fall in having], axis=0)
        area = float(np.trapezoid(random - top, shares)) / shares[-1]
        curve = pd.DataFrame({"dropped": shares, "top": top, "random": random})
        curves.append(curve.assign(quantity=quantity, bags=len(having), area=area, note=""))
    return pd.concat(curves)


def empty_perturbation(reason: str) -> pd.DataFrame:
    """The table where no bag can be perturbed."""
    return frame_of([dict.fromkeys(PERTURBATION) | {"quantity": "", "bags": 0, "note": reason}], PERTURBATION)
