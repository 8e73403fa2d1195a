"""One solid of a bone, with what is inside it."""

from dataclasses import dataclass

from marrow.phantom.shapes import Shape


@dataclass(frozen=True)
class Part:
    """A solid of one bone.

    Attributes:
        bone: name in the bone table; a name that is not there is bone without a label.
        shape: its outer surface.
        cortex: thickness of the dark shell in mm.
        red: share of red marrow, 0 to 1.
    """

    bone: str
    shape: Shape
    cortex: float
    red: float
