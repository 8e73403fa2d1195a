"""Skull, spine, sacrum, sternum and ribs."""

from collections.abc import Iterator

import numpy as np

from marrow.phantom.habitus import Habitus
from marrow.phantom.parts import BonePart
from marrow.phantom.shapes import Carved, Drum, Ellipsoid, Plate, Shape, Stack, Tube, Vector
from marrow.phantom.spine import Vertebra, canal, on_cage, vertebrae

BRAINCASE = Ellipsoid((0.0, 10.0, 774.0), (68.0, 86.0, 65.0))
MAXILLARY_SINUS = {s: Ellipsoid((s * 26.0, -54.0, 704.0), (14.0, 16.0, 15.0)) for s in (1, -1)}

# Per rib, first to twelfth: mm by which its front end is below its head, and the angle from the back that it reaches.
_RIB_DROP = (24, 44, 62, 76, 87, 95, 100, 97, 88, 74, 50, 30)
_RIB_END = (148, 153, 153, 150, 147, 143, 139, 131, 121, 108, 84, 58)

STERNUM = Stack(
    (
        (384, 6, 4, 0, -99),
        (400, 11, 5, 0, -97),
        (415, 17, 6, 0, -94),
        (455, 17, 6.5, 0, -86),
        (495, 14, 6.5, 0, -73),
        (508, 19, 7.5, 0, -68),
        (536, 28, 8.5, 0, -57),
        (550, 25, 7, 0, -51),
    ),
    power=2.6,
)


def parts(person: Habitus) -> Iterator[BonePart]:
    """Every solid of the axial skeleton."""
    yield from (BonePart("skull", shape, cortex, 0.45) for shape, cortex in _skull())
    for vertebra in vertebrae():
        yield from _vertebra(vertebra)
    yield from (BonePart("sacrum", shape, 1.2, 0.9) for shape in _sacrum())
    yield BonePart("sternum", STERNUM, 1.2, 1.0)
    thoracic = [v for v in vertebrae() if v.region == "thoracic"][::-1]
    for sign, side in ((1, "left"), (-1, "right")):
        for number, vertebra in enumerate(thoracic):
            tube = rib(number, vertebra, sign, person.bone_girth)
            yield from (BonePart(f"ribs_{side}", segment, 1.1, 0.9) for segment in tube.segments())


def _skull() -> Iterator[tuple[Shape, float]]:
    outer = Ellipsoid(BRAINCASE.centre, (75.0, 93.5, 72.0))
    foramen = Tube(((0.0, 28.0, 680.0), (0.0, 26.0, 730.0)), (16.0, 16.0))
    yield Carved(outer, (BRAINCASE, foramen)), 1.8
    yield Carved(Ellipsoid((0.0, 0.0, 714.0), (42.0, 38.0, 11.0)), (BRAINCASE, foramen)), 2.0
    yield Tube(((0.0, -82.0, 744.0), (0.0, -94.0, 722.0)), (6.0, 4.0)), 2.0
    for s in (1, -1):
        yield from _half_face(s)


def _half_face(s: int) -> Iterator[tuple[Shape, float]]:
    """Mastoid, upper jaw around its sinus, pterygoid, cheekbone and its arch, orbital rim, lower jaw."""
    yield Ellipsoid((s * 56.0, 32.0, 712.0), (13.0, 19.0, 19.0)), 2.0
    yield Carved(Ellipsoid((s * 21.0, -56.0, 698.0), (23.0, 25.0, 24.0)), (MAXILLARY_SINUS[s],)), 1.6
    yield Tube(((s * 16.0, -22.0, 712.0), (s * 16.0, -24.0, 684.0)), (7.0, 4.0)), 1.6
    yield Ellipsoid((s * 46.0, -54.0, 710.0), (13.0, 12.0, 13.0)), 1.8
    arch: tuple[Vector, ...] = ((s * 46.0, -54.0, 712.0), (s * 64.0, -20.0, 718.0), (s * 66.0, 4.0, 724.0))
    yield Tube(arch, (6.0, 4.5, 5.0)), 1.8
    yield Tube(((s * 8.0, -76.0, 752.0), (s * 30.0, -78.0, 764.0), (s * 54.0, -58.0, 748.0)), (5.5, 5.5, 5.0)), 1.8
    yield Tube(((s * 54.0, -58.0, 748.0), (s * 50.0, -54.0, 714.0)), (4.5, 6.0)), 1.8
    jaw: tuple[Vector, ...] = (
        (s * 55.0, 2.0, 722.0),
        (s * 53.0, -4.0, 700.0),
        (s * 50.0, -14.0, 666.0),
        (s * 34.0, -50.0, 652.0),
        (s * 14.0, -76.0, 646.0),
        (0.0, -80.0, 645.0),
    )
    yield Tube(jaw, (6.0, 7.0, 9.0, 9.5, 11.0, 11.0)), 2.2


def _vertebra(vertebra: Vertebra) -> Iterator[BonePart]:
    rx, ry, half = vertebra.radii
    bone = f"{vertebra.region}_spine"
    yield BonePart(bone, Drum(vertebra.centre, vertebra.radii, waist=0.07, turned=(vertebra.lean, 0.0, 0.0)), 1.0, 1.0)
    size = float(np.clip(half / 14, 0.55, 1.0))
    at = vertebra.place
    back = ry + 8.5
    spinous = {"lumbar": (34, -8, 6.5), "thoracic": (38, -24, 4.5), "cervical": (26, -8, 4.0)}[vertebra.region]
    # The arch goes round the canal; articular pillars bridge it to the neighbours.
    for s in (1, -1):
        lamina = at(s * 13.5, back + 3, -2 * size)
        yield BonePart(bone, Tube((at(s * 0.62 * rx, ry * 0.55, 4 * size), lamina), (6 * size, 5.5 * size)), 1.2, 0.9)
        yield BonePart(bone, Tube((lamina, at(0, back + 12, -5 * size)), (4.5 * size, 4.5 * size)), 1.2, 0.8)
        pillar = (at(s * 15.0, back + 4, -half), at(s * 15.0, back + 4, half))
        yield BonePart(bone, Tube(pillar, (6.5 * size, 6.0 * size)), 1.2, 0.8)
        tip = at(s * (rx + 16 * size), back + 5, 3 * size)
        yield BonePart(bone, Tube((lamina, tip), (4.5 * size, 4.0 * size)), 1.2, 0.8)
    tail = at(0, back + spinous[0] * (0.6 + 0.4 * size), spinous[1])
    yield BonePart(bone, Tube((at(0, back + 12, -5 * size), tail), (4.5 * size, spinous[2])), 1.2, 0.8)


def _sacrum() -> Iterator[Shape]:
    hole = canal()
    yield Drum((0.0, 59.0, 71.0), (26.0, 18.0, 14.0), turned=(-32.0, 0.0, 0.0))
    line: tuple[Vector, ...] = ((0.0, 66.0, 62.0), (0.0, 80.0, 36.0), (0.0, 90.0, 10.0), (0.0, 88.0, -12.0))
    yield Tube(line, (15.0, 13.0, 11.0, 9.0))
    yield Tube((line[-1], (0.0, 76.0, -32.0)), (7.0, 4.0))
    for s in (1, -1):
        ala: Vector = (s * 48.0, 70.0, 58.0)
        yield Carved(Plate(((0.0, 70.0, 68.0), ala, (s * 38.0, 82.0, 30.0)), 13.0), (hole,))
        yield Plate(((0.0, 82.0, 36.0), (s * 38.0, 82.0, 32.0), (s * 12.0, 92.0, -8.0)), 9.0)
    yield Tube(((0.0, 96.0, 66.0), (0.0, 104.0, 30.0)), (5.0, 5.0))


def rib(number: int, vertebra: Vertebra, sign: int, girth: float) -> Tube:
    """A rib (0 is the first) on one side, from its head to the costal cartilage."""
    rx, ry, half = vertebra.radii
    x, y, z = vertebra.place(sign * (rx + 1), ry * 0.7, half * 0.6)
    knuckle = vertebra.place(sign * (rx + 15), ry + 12, half * 0.4)
    angles = np.linspace(26 if number else 40, _RIB_END[number], 11)
    share = (angles - angles[0]) / (150 - angles[0])
    points: list[Vector] = [(x, y, z), knuckle]
    for angle, along in zip(angles, share, strict=True):
        height = z - _RIB_DROP[number] * float(along) ** 1.15
        px, py = on_cage(float(angle), height)
        points.append((sign * px, py, height))
    radius = 5.2 * girth * (1.0 if number < 10 else 0.85)
    return Tube(tuple(points), (radius * 0.9, *(radius for _ in points[1:])))
