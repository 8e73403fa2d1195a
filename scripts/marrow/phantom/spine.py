"""The spine and the thoracic cage: positions of the vertebrae, and the surface that the ribs follow.

Body space has its origin between the hip joints. Dimensions are those of an adult of about 1.75 m, rounded.
"""

from dataclasses import dataclass

import numpy as np

from marrow.phantom.shapes import Drum, Stack, Tube, Vector, vector

# Rise from each vertebra to the next, from L5 up to C1.
_PITCH = (37, 37.5, 37, 36, 34, 31, 30, 28.5, 27.5, 27, 26.5, 26, 25, 24, 23, 22, 20, 18, 17.5, 17.5, 17.5, 18, 18)
_L5_HEIGHT = 104.0
# Depth of the vertebral bodies along the spine: lumbar lordosis, thoracic kyphosis, cervical lordosis.
_CURVE_Z = (60, 104, 142, 180, 217, 253, 290, 340, 400, 450, 500, 540, 575, 610, 640, 670, 720)
_CURVE_Y = (56, 40, 31, 26, 25, 28, 35, 47, 57, 61, 59, 53, 43, 32, 25, 20, 16)
# Half width, half depth and half height of the bodies, from L5, T12, T6, T1, C7, C3, C1.
_SIZE_AT = (0, 5, 11, 16, 17, 21, 23)
_HALF_WIDTH = (26, 21.5, 16, 15, 13.5, 10.5, 10)
_HALF_DEPTH = (18, 16.5, 14.5, 10.5, 9.5, 8.5, 6)
_HALF_HEIGHT = (14, 13, 10.8, 9, 7.6, 7.2, 6)

CAGE = Stack(
    (
        (170, 122, 86, 0, 0),
        (240, 128, 92, 0, -2),
        (280, 133, 97, 0, -3),
        (360, 137, 100, 0, -3),
        (400, 133, 97, 0, -2),
        (440, 127, 92, 0, 0),
        (480, 117, 84, 0, 3),
        (520, 101, 72, 0, 8),
        (560, 74, 54, 0, 14),
        (592, 46, 38, 0, 20),
    ),
    power=2.2,
)


@dataclass(frozen=True)
class Vertebra:
    """One vertebra: its region, centre and radii of its body, and its tilt in degrees."""

    region: str
    centre: Vector
    radii: Vector
    lean: float

    def place(self, x: float, y: float, z: float) -> Vector:
        """A point in body space, from coordinates in the frame of the vertebra."""
        a = np.deg2rad(self.lean)
        cx, cy, cz = self.centre
        return cx + x, cy + float(y * np.cos(a) - z * np.sin(a)), cz + float(y * np.sin(a) + z * np.cos(a))


def vertebrae() -> list[Vertebra]:
    """All 24, from L5 up to C1."""
    heights = _L5_HEIGHT + np.concatenate([[0.0], np.cumsum(_PITCH)])
    return [_vertebra(level, float(z)) for level, z in enumerate(heights)]


def _vertebra(level: int, z: float) -> Vertebra:
    y = float(np.interp(z, _CURVE_Z, _CURVE_Y))
    slope = float(np.interp(z + 12, _CURVE_Z, _CURVE_Y) - np.interp(z - 12, _CURVE_Z, _CURVE_Y)) / 24
    radii = vector([np.interp(level, _SIZE_AT, sizes) for sizes in (_HALF_WIDTH, _HALF_DEPTH, _HALF_HEIGHT)])
    region = "lumbar" if level < 5 else "thoracic" if level < 17 else "cervical"
    return Vertebra(region, (0.0, y, z), radii, -float(np.degrees(np.arctan(slope))))


def discs() -> list[Drum]:
    """The discs between neighbouring bodies, from L5/S1 up to C2/C3."""
    bodies = vertebrae()
    sacral = Vertebra("sacrum", (0.0, 59.0, 71.0), (26.0, 18.0, 13.0), -32.0)
    result: list[Drum] = []
    for low, high in zip([sacral, *bodies[:-2]], bodies[:-1], strict=False):
        top, bottom = low.place(0, 0, low.radii[2]), high.place(0, 0, -high.radii[2])
        middle = vector(np.add(top, bottom) / 2)
        half = max(float(np.linalg.norm(np.subtract(top, bottom))) / 2 + 0.5, 1.5)
        radii = high.radii[0] * 0.97, high.radii[1] * 0.97, half
        result.append(Drum(middle, radii, turned=((low.lean + high.lean) / 2, 0.0, 0.0)))
    return result


def canal() -> Tube:
    """The line of the spinal canal from sacrum to skull, 8 mm wide all round."""
    points = [(0.0, 82.0, 62.0), *(v.place(0, v.radii[1] + 8.5, 0) for v in vertebrae()), (0.0, 24.0, 730.0)]
    return Tube(tuple(points), tuple(8.0 for _ in points))


def on_cage(angle: float, z: float, inset: float = 5.0) -> tuple[float, float]:
    """The point (x, y) of the cage at a height and an angle in degrees: 0 is the back, 90 the left, 180 the front."""
    knots = np.asarray(CAGE.levels)
    a, b, cy = (float(np.interp(z, knots[:, 0], knots[:, column])) for column in (1, 2, 4))
    sin, cos = np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))
    a, b = a - inset, b - inset
    reach = (abs(sin / a) ** CAGE.power + abs(cos / b) ** CAGE.power) ** (-1 / CAGE.power)
    return float(reach * sin), float(cy + reach * cos)
