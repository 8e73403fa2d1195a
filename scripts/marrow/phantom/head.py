"""Brain, eyes, airways and glands of the head; spinal cord, nerves and discs."""

from collections.abc import Iterator

from marrow.phantom.parts import Layer
from marrow.phantom.shapes import Carved, Ellipsoid, Rippled, Tube, Vector
from marrow.phantom.skeleton_axial import BRAINCASE, MAXILLARY_SINUS
from marrow.phantom.spine import canal, discs, vertebrae


def layers() -> Iterator[Layer]:
    """From the braincase inwards, then the face, then the cord and the discs."""
    cx, cy, cz = BRAINCASE.centre
    yield Layer("csf", BRAINCASE)
    folds = Rippled(Ellipsoid((cx, cy, cz + 2), (65.5, 83.5, 62.5)), 2.5, 15.0)
    fissure = Ellipsoid((0.0, cy, cz + 50), (1.6, 80.0, 46.0))
    yield Layer("grey_matter", Carved(folds, (fissure,)))
    for s in (1, -1):
        yield Layer("white_matter", Rippled(Ellipsoid((s * 29.0, cy, cz + 6), (22.0, 66.0, 43.0)), 5.0, 19.0))
        yield Layer("grey_matter", Ellipsoid((s * 22.0, cy - 4, cz - 4), (13.0, 22.0, 13.0)))
        yield Layer("csf", Ellipsoid((s * 9.0, cy - 12, cz + 10), (5.0, 26.0, 8.0), (10.0, 0.0, s * 12.0)))
        yield Layer("csf", Ellipsoid((s * 18.0, cy + 26, cz + 2), (6.0, 18.0, 7.0), (-20.0, 0.0, -s * 20.0)))
        yield Layer("grey_matter", Ellipsoid((s * 25.0, 56.0, 734.0), (26.0, 27.0, 20.0)))
        yield from _face(s)
    yield Layer("white_matter", Tube(((0, 14, 762), (0, 10, 738), (0, 22, 706)), (15, 14, 8)))
    yield from _airway()
    yield from _canal()
    yield from (Layer("disc", disc) for disc in discs())


def _face(s: int) -> Iterator[Layer]:
    yield Layer("fat", Ellipsoid((s * 31.0, -62.0, 742.0), (18.0, 24.0, 16.0)))
    yield Layer("eye", Ellipsoid((s * 32.0, -70.0, 742.0), (12.0, 12.0, 12.0)))
    yield Layer("gland", Ellipsoid((s * 56.0, 8.0, 686.0), (10.0, 17.0, 24.0)))
    yield Layer("gland", Ellipsoid((s * 30.0, -30.0, 640.0), (10.0, 15.0, 10.0)))
    yield Layer("gas", MAXILLARY_SINUS[s])
    yield Layer("mucosa", Ellipsoid((s * 18.0, -4.0, 678.0), (7.0, 9.0, 13.0)))


def _airway() -> Iterator[Layer]:
    yield Layer("mucosa", Tube(((0, -70, 714), (0, -40, 716), (0, -8, 708)), (9, 13, 13)))
    for s in (1, -1):
        yield Layer("gas", Tube(((s * 6.0, -90.0, 708.0), (s * 6.0, -50.0, 712.0), (s * 5.0, -10.0, 706.0)), (3, 4, 4)))
    yield Layer("muscle", Ellipsoid((0.0, -40.0, 668.0), (24.0, 34.0, 19.0)))
    yield Layer("gas", Tube(((0, -6, 706), (0, -4, 680), (0, -2, 652)), (8, 7, 8)))


def _canal() -> Iterator[Layer]:
    tube = canal()
    yield Layer("csf", tube)
    low = next(v for v in vertebrae() if v.region == "lumbar" and v.centre[2] > 240).centre[2]
    cord: tuple[Vector, ...] = tuple(point for point in tube.points if point[2] >= low)
    yield Layer("cord", Tube(cord, (3.0, *(4.8 for _ in cord[1:]))))
    cauda = tuple(point for point in tube.points if point[2] <= low)
    yield Layer("nerve", Tube(cauda, (3.5,) * len(cauda)), 0.5)
