"""How much of a bag's weight lies in each bone.

    share_b = sum of the scores of its patches / sum of all,   even_b = its patches / all patches

A bone's share beside its even share tells whether the method looks at it more than at others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from marrow.bags.bag import Array
from marrow.explanation.localisation.quantities import Scores


@dataclass(frozen=True)
class BoneWeight:
    """A row of the table of bones.

    Attributes:
        bone: its name.
        share: the share of the bag's weight that lies in it.
        instances: how many patches are most of all this bone.
        even: the share that it would have if all patches had the same weight.
        mean: the mean score of its patches; None where it has none.
        highest: the highest score of its patches; None where it has none.
    """

    bone: str
    share: float
    instances: int
    even: float
    mean: float | None
    highest: float | None


def weights_of_bones(values: Scores, bones: Array, names: Sequence[str]) -> list[BoneWeight]:
    """The weight of each bone.

    Args:
        values: (patches,), not negative.
        bones: (patches,), the number of each patch's bone.
        names: of the bones.
    """
    total = float(values.sum()) or 1.0
    of_bone = [values[bones == number] for number in range(len(names))]
    return [
        BoneWeight(
            bone=name,
            share=float(found.sum()) / total,
            instances=len(found),
            even=len(found) / max(1, len(values)),
            mean=float(np.mean(found)) if len(found) else None,
            highest=float(found.max()) if len(found) else None,
        )
        for name, found in zip(names, of_bone, strict=True)
    ]
