"""How much of a bag's weight lies in each bone.

    share_b = sum of the scores of its patches / sum of all,   even_b = its patches / all patches

A bone's share beside its even share tells whether the method weighs it more than others.
"""

from collections.abc import Sequence

import pandas as pd

from marrow.bags.bag import Array
from marrow.explanation.localisation.quantities import Scores
from marrow.tables.frames import Columns

# Of each bone: the share of the bag's weight in it, how many patches are mostly this bone, the share if all patches had
# the same weight, and the mean and the highest score of its patches, which a bone without patches has not.
BONE_WEIGHTS: Columns = {
    "bone": str,
    "share": float,
    "instances": int,
    "even": float,
    "mean": float,
    "highest": float,
}


def weights_of_bones(values: Scores, bones: Array, names: Sequence[str]) -> pd.DataFrame:
    """The weight of each bone, a row each in the order of `names`.

    Args:
        values: (patches,), not negative.
        bones: (patches,), the number of each patch's bone.
        names: of the bones.
    """
    grouped = pd.Series(values).groupby(bones)
    of_bone = grouped.agg(total="sum", instances="count", mean="mean", highest="max").reindex(range(len(names)))
    of_bone = of_bone.fillna({"total": 0, "instances": 0})
    share, even = of_bone["total"] / (float(values.sum()) or 1.0), of_bone["instances"] / max(1, len(values))
    return of_bone.assign(bone=list(names), share=share, even=even).astype({"instances": "int64"})[list(BONE_WEIGHTS)]
