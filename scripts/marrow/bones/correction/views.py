"""Pictures of a label map: what is met first from the front, and from the patient's left.

Labels are arrays `(z, y, x)` in LPS orientation: x grows to the patient's left, y to the back, z to the head. Pictures
have the head in their first row.
"""

import numpy as np

from marrow.bones.correction.outcome import Labels


def front(labels: Labels) -> Labels:
    """The label met first from the front, `(z, x)`, the patient's right side at the left; 0 where there is none."""
    first = (labels != 0).argmax(axis=1)
    return np.take_along_axis(labels, first[:, None, :], axis=1)[::-1, 0, :]


def side(labels: Labels) -> Labels:
    """The label met first from the patient's left, `(z, y)`, the front at the left; 0 where there is none."""
    from_left = labels[:, :, ::-1]
    first = (from_left != 0).argmax(axis=2)
    return np.take_along_axis(from_left, first[:, :, None], axis=2)[::-1, :, 0]
