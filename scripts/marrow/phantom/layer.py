"""One thing to paint: a tissue and where it is."""

from dataclasses import dataclass

from marrow.phantom.shapes import Shape


@dataclass(frozen=True)
class Layer:
    """A tissue that fills a shape, over whatever was there before.

    Attributes:
        tissue: name in the tissue table.
        shape: where it is.
        share: how much of it there is, 0 to 1; less lets what is beneath shine through.
    """

    tissue: str
    shape: Shape
    share: float = 1.0
