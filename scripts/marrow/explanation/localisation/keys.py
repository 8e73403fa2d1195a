"""Which instances are key: those that make their bag what it is. Known for evaluation alone.

Of scans, a patch is key where lesions fill at least a share of it. Elsewhere an instance is key where its class is that
of its bag: a 9 in a mosaic of the class 9. Where a class of bags has another name than any class of instances, the
declaration of the data set says which classes are key. Bags of a negative class have no key instance, whatever lies in
them.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from marrow.bags.bag import Array, Layout

Mask = npt.NDArray[np.bool_]


def key_instances(
    labels: Array | None,
    label: str,
    is_negative: bool,
    layout: Layout,
    least_lesion: float,
    key_classes: Mapping[str, Sequence[str]],
) -> Mask | None:
    """Which instances of a bag are key; None where nobody knows.

    Args:
        labels: (instances,), the bag's column `instance_label`; None where it has none.
        label: name of the bag's class; empty where it is unknown.
        is_negative: whether the class is one in which nothing is key.
        layout: of the bags.
        least_lesion: share of a patch that has to be lesion, where labels are shares; 0 for any lesion at all.
        key_classes: class of a bag -> the classes of its key instances, where none has the bag's name.
    """
    if labels is None or not label or np.isnan(labels).any():
        return None
    if is_negative:
        return np.zeros(len(labels), np.bool_)
    if layout.instance_classes:
        names = key_classes.get(label, [label])
        numbers = [number for number, name in enumerate(layout.instance_classes) if name in names]
        return np.isin(labels, numbers) if numbers else None
    return (labels >= least_lesion) & (labels > 0)
