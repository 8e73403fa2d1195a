"""The digest of a bag's content.

It depends on the arrays of a bag, the layout and the affine alone: not on the version of the Parquet writer, nor on the
bag's split, label or attributes, which are in the manifest.
"""

import hashlib
from dataclasses import asdict
from typing import Any

import numpy as np

from marrow.bags.bag import Array, Bag, Layout
from marrow.workflow.fingerprint.values import canonical


def bag_digest(bag: Bag, layout: Layout) -> str:
    """SHA-256 of the layout, the affine, and every array with its name, dtype and shape."""
    arrays = {name: np.ascontiguousarray(array) for name, array in _arrays(bag, layout)}
    about: dict[str, Any] = {
        "layout": asdict(layout),
        "affine": bag.affine,
        "arrays": [[name, array.dtype.str, array.shape] for name, array in arrays.items()],
    }
    total = hashlib.sha256(canonical(about).encode())
    for array in arrays.values():
        total.update(array.reshape(-1).view(np.uint8).data)
    return total.hexdigest()


def _arrays(bag: Bag, layout: Layout) -> list[tuple[str, Array]]:
    """The columns in the dtypes of the file, in a fixed order."""
    arrays: list[tuple[str, Array]] = [("patch", bag.patches.astype(layout.stored, copy=False))]
    arrays += [(f"task {name}", bag.auxiliary[name]) for name in sorted(bag.auxiliary)]
    arrays += [(f"described {name}", bag.described[name].astype("<f4")) for name in sorted(bag.described)]
    if bag.corners is not None:
        arrays.append(("corners", bag.corners.astype("<i2")))
    if bag.instance_label is not None:
        arrays.append(("instance_label", bag.instance_label))
    return arrays
