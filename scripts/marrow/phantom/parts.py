"""The parts that a body is painted from: layers of soft tissue and solids of bone."""

from dataclasses import dataclass

from marrow.phantom.shapes import Shape


@dataclass(frozen=True)
class Layer:
    """A tissue that fills a shape and covers what was painted there before.

    Attributes:
        tissue: name in the tissue table.
        shape: where it is.
        share: 0 to 1; below 1 it is mixed with what was painted before.
    """

    tissue: str
    shape: Shape
    share: float = 1.0


@dataclass(frozen=True)
class BonePart:
    """A solid of one bone.

    Attributes:
        bone: name in the bone table; bone of any other name gets no label.
        shape: its outer surface.
        cortex: thickness of the dark shell in mm.
        red: share of red marrow, 0 to 1.
    """

    bone: str
    shape: Shape
    cortex: float
    red: float
