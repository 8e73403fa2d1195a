"""The skeleton: every bone of the table as solids with a cortex and a share of red marrow.

Forearm, hand, shin and kneecap are bone too, as in a real scan, and carry no label.
"""

from dataclasses import replace

from marrow.phantom import skeleton_axial, skeleton_limbs
from marrow.phantom.habitus import Habitus
from marrow.phantom.part import Part


def skeleton(person: Habitus) -> list[Part]:
    """All solids of a person's bones in body space, their red marrow at the person's own level."""
    parts = [*skeleton_axial.parts(person), *skeleton_limbs.parts(person)]
    return [replace(part, red=part.red * person.red) for part in parts]
