"""Skin, the fat beneath it and the muscles, from head to shin."""

from collections.abc import Iterator
from itertools import chain

from marrow.phantom.habitus import Habitus
from marrow.phantom.parts import Layer
from marrow.phantom.shapes import Common, Ellipsoid, Shape, Stack, Tube, Vector
from marrow.phantom.skeleton_limbs import Side

# The surface of a trunk with 16 mm of fat; z, half width, half depth, centre x, centre y.
TRUNK_FAT_MM = 16.0
TRUNK = Stack(
    (
        (-92, 18, 26, 0, 26),
        (-76, 44, 52, 0, 22),
        (-56, 96, 80, 0, 18),
        (-34, 146, 102, 0, 14),
        (-5, 175, 114, 0, 12),
        (30, 176, 116, 0, 10),
        (80, 168, 114, 0, 6),
        (130, 156, 110, 0, 3),
        (190, 150, 108, 0, 1),
        (250, 152, 112, 0, 0),
        (320, 158, 118, 0, 1),
        (400, 164, 121, 0, 2),
        (460, 166, 117, 0, 5),
        (510, 160, 106, 0, 10),
        (545, 146, 92, 0, 15),
        (575, 118, 78, 0, 18),
        (598, 88, 66, 0, 18),
        (615, 70, 60, 0, 15),
    ),
    power=2.4,
)
NECK = Stack(
    (
        (560, 74, 60, 0, 18),
        (600, 66, 60, 0, 16),
        (625, 58, 58, 0, 12),
        (650, 55, 58, 0, 10),
        (690, 56, 62, 0, 10),
        (730, 58, 66, 0, 12),
    ),
    power=2.1,
)
SCALP = Ellipsoid((0.0, 10.0, 774.0), (81.0, 100.0, 79.0))
FACE = Ellipsoid((0.0, -24.0, 702.0), (63.0, 72.0, 72.0))


def layers(person: Habitus) -> Iterator[Layer]:
    """Layers in painting order: skin, then fat inside it, then muscles inside the fat."""
    fat = person.fat_mm
    sides = [Side(person, "left"), Side(person, "right")]
    for tissue, depth in (("skin", 0.0), ("fat", 1.8)):
        for shape in (
            *_trunk_surface(fat, depth, person.sex),
            *(s for side in sides for s in _limbs(side, fat, depth)),
        ):
            yield Layer(tissue, shape)
    yield Layer("muscle", TRUNK.shrunk(TRUNK_FAT_MM))
    yield Layer("muscle", NECK.shrunk(6), 0.9)
    yield Layer("muscle", Ellipsoid(SCALP.centre, (76.5, 95.0, 73.5)), 0.5)
    yield Layer("muscle", Ellipsoid(FACE.centre, (55.0, 63.0, 63.0)), 0.65)
    for side in sides:
        muscles = chain(_trunk_muscles(side), _arm_muscles(side), _leg_muscles(side))
        yield from (Layer("muscle", muscle) for muscle in muscles)
        yield from _vessels(side)


def _trunk_surface(fat: float, depth: float, sex: str) -> Iterator[Shape]:
    yield TRUNK.shrunk(TRUNK_FAT_MM - fat + depth)
    yield NECK.shrunk(depth)
    yield Ellipsoid(SCALP.centre, (81 - depth, 100 - depth, 79 - depth))
    yield Ellipsoid(FACE.centre, (63 - depth, 72 - depth, 72 - depth))
    yield Tube(((0, -84, 738), (0, -106, 708)), (7 - depth, 12 - depth))
    for s in (1, -1):
        yield Ellipsoid((s * 82.0, 18.0, 728.0), (5.0 - depth, 17 - depth, 29 - depth))
        # Trapezius slope and buttocks.
        slope: tuple[Vector, ...] = ((s * 40.0, 34.0, 600.0), (s * 110.0, 30.0, 572.0), (s * 160.0, 22.0, 562.0))
        yield Tube(slope, (34 - depth, 32 + fat / 4 - depth, 34 + fat / 4 - depth))
        yield Ellipsoid((s * 74.0, 66.0, -26.0), (76 + fat / 2 - depth, 52 + fat - depth, 84 - depth))
        if sex == "f":
            yield Ellipsoid((s * 78.0, -96.0 - fat / 2, 432.0), (52 + fat / 2 - depth, 26 + fat - depth, 50 - depth))


def _limbs(side: Side, fat: float, depth: float) -> Iterator[Shape]:
    """Surfaces of arm and leg: the muscle radius, plus fat, less depth."""
    arm, leg, more = side.shoulder, side.leg, fat * 0.55 - depth
    yield Ellipsoid(arm(170, 24, 540), (44 + more, 48 + more, 54 + more))
    upper = (arm(172, 24, 530), arm(186, 30, 440), arm(200, 36, 330), arm(206, 38, 262))
    yield Tube(upper, (44 + more, 41 + more, 37 + more, 33 + more))
    lower = (arm(206, 38, 262), arm(210, 26, 200), arm(211, 8, 80), arm(208, -4, 10))
    yield Tube(lower, (33 + more, 36 + more * 0.8, 24 + more * 0.5, 21 + more * 0.3))
    yield Ellipsoid(arm(205, -14, -52), (15 - depth, 40 - depth, 58 - depth))
    yield Ellipsoid(arm(199, -16, -108), (11 - depth, 34 - depth, 44 - depth))
    thigh = (leg(92, 8, 10), leg(96, 6, -70), leg(102, 4, -160), leg(103, 2, -290), leg(98, 0, -372), leg(97, 0, -430))
    yield Tube(thigh, (80 + more, 80 + more, 75 + more, 62 + more, 53 + more, 50 + more * 0.7))
    yield Tube((leg(97, 0, -430), leg(97, 16, -520), leg(96, 16, -600)), (50 + more * 0.7, 49 + more, 48 + more))


def _trunk_muscles(side: Side) -> Iterator[Shape]:
    s = side.sign
    inner = TRUNK.shrunk(TRUNK_FAT_MM - 2)
    yield Common(
        (Tube(((s * 34.0, 84.0, 40.0), (s * 36.0, 72.0, 240.0), (s * 34.0, 92.0, 420.0)), (26, 30, 20)), inner)
    )
    yield Tube(((s * 34.0, 92.0, 420.0), (s * 26.0, 78.0, 580.0), (s * 22.0, 52.0, 680.0)), (18, 17, 15))
    yield Tube(((s * 40.0, 38.0, 588.0), (s * 108.0, 38.0, 566.0), (s * 150.0, 26.0, 560.0)), (24, 24, 25))
    yield Ellipsoid((s * 86.0, -58.0, 490.0), (58.0, 26.0, 50.0), (0.0, 0.0, s * 32.0))
    yield Ellipsoid((s * 66.0, 78.0, -8.0), (58.0, 34.0, 74.0), (-8.0, 0.0, -s * 18.0))
    yield Ellipsoid((s * 124.0, 26.0, 56.0), (26.0, 58.0, 62.0), (0.0, 0.0, -s * 15.0))


def _arm_muscles(side: Side) -> Iterator[Shape]:
    at = side.shoulder
    yield Ellipsoid(at(174, 24, 538), (37.0, 42.0, 50.0))
    yield Tube((at(176, 4, 510), at(190, 12, 400), at(203, 20, 280)), (18, 22, 13))
    yield Tube((at(176, 42, 510), at(192, 48, 400), at(206, 54, 280)), (18, 23, 14))
    yield Tube((at(198, 20, 266), at(200, 12, 190), at(203, -4, 60)), (15, 19, 10))
    yield Tube((at(216, 42, 262), at(222, 32, 190), at(218, 12, 60)), (16, 18, 10))
    yield Ellipsoid(at(205, -10, -40), (10.0, 30.0, 40.0))


def _leg_muscles(side: Side) -> Iterator[Shape]:
    """Bundles with fat between them: quadriceps in front, adductors inside, hamstrings behind, then the calf."""
    at = side.leg
    yield Tube((at(112, -46, 10), at(112, -50, -150), at(104, -38, -300), at(98, -34, -370)), (20, 27, 24, 10))
    yield Tube((at(146, -14, -50), at(146, -16, -170), at(130, -14, -300), at(122, -14, -380)), (20, 29, 24, 13))
    yield Tube((at(84, -24, -120), at(80, -28, -240), at(76, -20, -340), at(74, -12, -390)), (16, 26, 27, 14))
    yield Tube((at(50, -6, -40), at(58, 8, -130), at(80, 14, -260)), (26, 35, 13))
    yield Tube((at(76, -52, 20), at(62, -46, -120), at(56, 2, -330), at(68, 20, -440)), (10, 11, 11, 8))
    yield Tube((at(72, 46, -50), at(74, 44, -170), at(72, 38, -310), at(70, 34, -430)), (18, 25, 21, 9))
    yield Tube((at(108, 54, -40), at(116, 48, -180), at(124, 38, -310), at(124, 34, -420)), (20, 26, 21, 9))
    yield Ellipsoid(at(84, 30, -540), (26.0, 27.0, 92.0))
    yield Ellipsoid(at(112, 30, -540), (24.0, 26.0, 90.0))
    yield Ellipsoid(at(116, -4, -540), (19.0, 21.0, 84.0))


def _vessels(side: Side) -> Iterator[Layer]:
    at = side.leg
    line = (at(84, -48, 10), at(82, -36, -120), at(84, 0, -260), at(96, 34, -400), at(98, 36, -600))
    yield Layer("vessel", Tube(line, (5.5, 5.0, 4.5, 4.5, 4.0)))
    arm = side.shoulder
    yield Layer("vessel", Tube((arm(120, 8, 560), arm(158, 22, 500), arm(190, 18, 280)), (5.0, 4.0, 3.5)))
