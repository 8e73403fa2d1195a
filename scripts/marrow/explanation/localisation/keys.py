"""Which instances are key: those that make their bag what it is. Known for evaluation alone.

Of scans, a patch is key where lesions fill at least a share of it. Elsewhere an instance is key where its class is that
of its bag: a 9 in a mosaic of the class 9. Where a class of bags has another name than any class of instances, key are
the classes in `MEANT`. Bags of a negative class have no key instance, whatever lies in them.
"""

import numpy as np
import numpy.typing as npt

from marrow.bags.bag import Array, Layout

Mask = npt.NDArray[np.bool_]

# What makes a bag positive in `morpho` with two classes, and in `concepts`.
MEANT = frozenset({"focal", "diffuse", "first concept", "second concept"})


def key_classes(label: str, instance_classes: tuple[str, ...]) -> list[int]:
    """The numbers of the instances' classes that are key in a bag of this class."""
    meant = {label} if label in instance_classes else MEANT
    return [number for number, name in enumerate(instance_classes) if name in meant]


def key_instances(
    labels: Array | None, label: str, is_negative: bool, layout: Layout, least_lesion: float
) -> Mask | None:
    """Which instances of a bag are key; None where nobody knows.

    Args:
        labels: (instances,), the bag's column `instance_label`; None where it has none.
        label: name of the bag's class; empty where it is unknown.
        is_negative: whether the class is one in which nothing is key.
        layout: of the bags.
        least_lesion: share of a patch that has to be lesion, where labels are shares; 0 for any lesion at all.
    """
    if labels is None or not label or np.isnan(labels).any():
        return None
    if is_negative:
        return np.zeros(len(labels), np.bool_)
    if layout.instance_classes:
        numbers = key_classes(label, layout.instance_classes)
        return np.isin(labels, numbers) if numbers else None
    return (labels >= least_lesion) & (labels > 0)
