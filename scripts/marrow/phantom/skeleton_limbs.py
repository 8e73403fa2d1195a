"""Shoulder girdle, arms, hip bones and legs; coordinates are those of the left side, and are mirrored."""

from collections.abc import Iterator, Sequence

from marrow.phantom.habitus import Habitus
from marrow.phantom.parts import BonePart
from marrow.phantom.shapes import Carved, Ellipsoid, Plate, Tube, Vector

UNLABELLED = "other"


class Side:
    """Coordinates of points of one side of the body, for a build."""

    def __init__(self, person: Habitus, name: str) -> None:
        self.name = name
        self.sign = 1 if name == "left" else -1
        self.person = person

    def shoulder(self, x: float, y: float, z: float) -> Vector:
        """A point of the shoulder girdle or the arm; the arm is abducted more towards the elbow."""
        spread = self.person.arm_spread[0 if self.sign > 0 else 1] * min(max((540 - z) / 280, 0), 1)
        return self.sign * (x * self.person.shoulders + spread), y, z

    def pelvis(self, x: float, y: float, z: float) -> Vector:
        """A point of the hip bone, or of the femur near its head."""
        return self.sign * x * self.person.pelvis, y, z

    def leg(self, x: float, y: float, z: float) -> Vector:
        """A point of the leg, abducted about the hip joint."""
        swing = -z * self.person.leg_spread * 0.01745
        hip = 88.0 * (self.person.pelvis - 1)
        return self.sign * (x + hip + swing), y, z

    def girths(self, *radii: float) -> tuple[float, ...]:
        """Radii of a bone, for this person."""
        return tuple(radius * self.person.bone_girth for radius in radii)


def parts(person: Habitus) -> Iterator[BonePart]:
    """Every solid of girdles and limbs."""
    for name in ("left", "right"):
        side = Side(person, name)
        yield from _clavicle(side)
        yield from _scapula(side)
        yield from _humerus(side)
        yield from _forearm(side)
        yield from _hip(side)
        yield from _femur(side)
        yield from _shin(side)


def _line(
    bone: str, points: Sequence[Vector], radii: tuple[float, ...], cortex: float, red: float
) -> Iterator[BonePart]:
    yield from (BonePart(bone, segment, cortex, red) for segment in Tube(tuple(points), radii).segments())


def _clavicle(side: Side) -> Iterator[BonePart]:
    bone, at = f"clavicle_{side.name}", side.shoulder
    points = [at(21, -50, 551), at(62, -58, 560), at(102, -36, 572), at(138, -4, 582), at(160, 14, 584)]
    yield from _line(bone, points, side.girths(9, 6.5, 6, 6, 7), 1.6, 0.5)


def _scapula(side: Side) -> Iterator[BonePart]:
    bone, at = f"scapula_{side.name}", side.shoulder
    upper, lower, socket = at(70, 84, 580), at(92, 86, 432), at(140, 42, 548)
    yield BonePart(bone, Plate((upper, lower, socket), 3.2), 1.0, 0.6)
    yield BonePart(bone, Tube((lower, socket), side.girths(6, 8)), 1.3, 0.7)
    yield BonePart(bone, Tube((upper, lower), side.girths(4, 5)), 1.3, 0.6)
    yield BonePart(bone, Ellipsoid(at(141, 38, 548), (9.0, 14.0, 19.0)), 1.3, 0.7)
    blade = [at(76, 90, 552), at(120, 76, 570), at(162, 36, 588), at(172, 14, 586)]
    yield from _line(bone, blade, side.girths(4.5, 6, 7, 6.5), 1.3, 0.6)
    yield from _line(bone, [at(138, 24, 566), at(136, 2, 572), at(144, -12, 562)], side.girths(6, 6, 5), 1.3, 0.5)


def _humerus(side: Side) -> Iterator[BonePart]:
    bone, at = f"humerus_{side.name}", side.shoulder
    yield BonePart(bone, Ellipsoid(at(167, 22, 548), (23.0, 23.0, 23.0)), 1.2, 0.6)
    yield BonePart(bone, Ellipsoid(at(182, 14, 540), (12.0, 15.0, 17.0)), 1.3, 0.4)
    yield from _line(bone, [at(174, 20, 536), at(180, 22, 500)], side.girths(19, 13), 2.0, 0.45)
    shaft = [at(180, 22, 500), at(190, 30, 420), at(200, 36, 330), at(206, 38, 280), at(207, 38, 262)]
    yield from _line(bone, shaft, side.girths(13, 11.5, 11, 12, 14), 3.8, 0.1)
    yield BonePart(bone, Tube((at(189, 38, 258), at(226, 38, 258)), side.girths(12, 11)), 1.5, 0.1)


def _forearm(side: Side) -> Iterator[BonePart]:
    at = side.shoulder
    yield from _line(UNLABELLED, [at(200, 44, 254), at(203, 28, 140), at(202, 6, 20)], side.girths(11, 7, 6), 2.5, 0)
    yield from _line(UNLABELLED, [at(219, 32, 240), at(221, 16, 140), at(212, -10, 14)], side.girths(9, 7, 10), 2.5, 0)
    for finger, y in enumerate((-36, -24, -11, 2)):
        points = [at(207, y * 0.5 - 6, -8), at(204, y, -70 - 3 * finger), at(198, y, -135)]
        yield from _line(UNLABELLED, points, (6.0, 4.5, 3.5), 1.8, 0)


def _hip(side: Side) -> Iterator[BonePart]:
    bone, at = f"hip_{side.name}", side.pelvis
    roof, front, top, back = at(94, 8, 30), at(122, -52, 84), at(142, 6, 132), at(100, 62, 126)
    spine, notch, lower_front = at(50, 94, 84), at(62, 76, 40), at(104, -34, 36)
    for corners in (
        (roof, front, top),
        (roof, top, back),
        (roof, back, spine),
        (roof, spine, notch),
        (roof, lower_front, front),
    ):
        yield BonePart(bone, Plate(corners, 5.5), 1.2, 0.85)
    yield from _line(bone, [front, top, back, spine], side.girths(8, 9.5, 9, 11), 1.5, 0.9)
    yield from _line(bone, [spine, notch, roof], side.girths(11, 11, 14), 1.5, 0.9)
    yield from _line(bone, [front, lower_front, roof], side.girths(8, 10, 14), 1.5, 0.85)
    yield BonePart(bone, Ellipsoid(at(92, 10, 34), (19.0, 24.0, 20.0)), 1.5, 0.9)
    socket = Carved(
        Ellipsoid(at(84, 4, 2), (34.0, 37.0, 38.0)),
        (Ellipsoid(at(88, 0, 0), (27.0, 27.0, 27.0)), Ellipsoid(at(128, -8, -26), (42.0, 42.0, 42.0))),
    )
    yield BonePart(bone, socket, 1.5, 0.8)
    yield from _line(bone, [at(80, 26, -12), at(72, 40, -38), at(64, 42, -60)], side.girths(16, 16, 18), 1.6, 0.7)
    yield from _line(bone, [at(62, 36, -66), at(36, -8, -60), at(14, -44, -44)], side.girths(10, 8, 10), 1.6, 0.6)
    yield from _line(bone, [at(78, -22, 4), at(42, -46, -8), at(14, -54, -26)], side.girths(13, 10, 12), 1.6, 0.7)


def _femur(side: Side) -> Iterator[BonePart]:
    bone, at = f"femur_{side.name}", side.leg
    yield BonePart(bone, Ellipsoid(at(88, 0, 0), (24.0, 24.0, 24.0)), 1.2, 0.35)
    yield BonePart(bone, Tube((at(90, 0, -2), at(130, 5, -42)), side.girths(18, 19)), 2.0, 0.75)
    yield BonePart(bone, Ellipsoid(at(141, 15, -24), (15.0, 19.0, 22.0)), 1.3, 0.3)
    yield BonePart(bone, Ellipsoid(at(118, 16, -66), (13.0, 14.0, 16.0)), 1.8, 0.6)
    upper = [at(128, 6, -48), at(129, 4, -84), at(128, 0, -130)]
    yield from _line(bone, upper, side.girths(21, 18, 15.5), 4.5, 0.6)
    shaft = [at(128, 0, -130), at(119, -6, -220), at(108, -4, -310)]
    yield from _line(bone, shaft, side.girths(15.5, 15, 16.5), 6.0, 0.12)
    yield from _line(bone, [at(108, -4, -310), at(99, 2, -372)], side.girths(16.5, 25), 2.5, 0.12)
    for x in (74, 119):
        yield BonePart(bone, Ellipsoid(at(x, 8, -400), (20.0, 30.0, 24.0)), 1.3, 0.1)
    yield BonePart(bone, Ellipsoid(at(97, -6, -390), (32.0, 21.0, 22.0)), 1.3, 0.1)


def _shin(side: Side) -> Iterator[BonePart]:
    at = side.leg
    yield BonePart(UNLABELLED, Ellipsoid(at(97, -42, -388), (21.0, 10.0, 21.0)), 1.5, 0.05)
    yield BonePart(UNLABELLED, Ellipsoid(at(97, 6, -444), (38.0, 27.0, 15.0)), 1.5, 0.05)
    yield from _line(UNLABELLED, [at(97, 6, -450), at(95, 6, -490), at(92, 8, -600)], side.girths(30, 18, 13), 3.5, 0)
    yield from _line(UNLABELLED, [at(128, 22, -462), at(124, 22, -600)], side.girths(10, 6.5), 2.0, 0)
