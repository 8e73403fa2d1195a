"""The posture of a body in the scanner: a smooth map between body space and scanner space, in millimetres.

A point of the body is scaled, shifted sideways (scoliosis, a slant on the table) and in depth (kyphosis), rotated about
the long axis by an angle that may differ between head and pelvis, and translated. All of these depend on height alone,
so that the inverse map is explicit too.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from marrow.phantom.shapes import Box, Coordinates, Field, Vector

Line = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Posture:
    """The map; every curve is given at `knots` along body z and interpolated.

    Attributes:
        scale: of x, y, z.
        knots: body z in mm.
        sideways: x shift in mm at each knot.
        depthways: y shift in mm at each knot.
        turn: degrees about the long axis at each knot.
        shift: position of the body's origin (between the hip joints) in the scanner.
    """

    scale: Vector
    knots: tuple[float, ...]
    sideways: tuple[float, ...]
    depthways: tuple[float, ...]
    turn: tuple[float, ...]
    shift: Vector

    def to_body(self, x: Line, y: Line, z: Line) -> Coordinates:
        """Body coordinates of a scanner grid given by its three axes; x and y are `(z, y, x)`, z is `(z, 1, 1)`."""
        return self.points_to_body(x[None, None, :], y[None, :, None], z[:, None, None])

    def points_to_body(self, x: Line, y: Line, z: Line) -> Coordinates:
        """Body coordinates of scanner points given as three arrays `(points,)`."""
        body_z = (z - self.shift[2]) / self.scale[2]
        bend_x, bend_y, angle = self._curves(body_z)
        cos, sin = _single(np.cos(angle)), _single(np.sin(angle))
        across, depth = _single(x - self.shift[0]), _single(y - self.shift[1])
        body_x = (cos * across + sin * depth - _single(bend_x)) / self.scale[0]
        body_y = (cos * depth - sin * across - _single(bend_y)) / self.scale[1]
        return _single(body_x), _single(body_y), _single(body_z)

    def to_scanner(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Scanner coordinates of body points `(n, 3)`."""
        bend_x, bend_y, angle = self._curves(points[:, 2])
        x = points[:, 0] * self.scale[0] + bend_x
        y = points[:, 1] * self.scale[1] + bend_y
        cos, sin = np.cos(angle), np.sin(angle)
        turned = np.stack([cos * x - sin * y, sin * x + cos * y, points[:, 2] * self.scale[2]], axis=1)
        return turned + np.asarray(self.shift)

    def box_in_scanner(self, box: Box) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """A box in scanner space that contains a box in body space."""
        low, high = np.asarray(box[0]), np.asarray(box[1])
        between = [z for z in self.knots if low[2] < z < high[2]]
        points = [(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2], *between)]
        posed = self.to_scanner(np.asarray(points, np.float64))
        return posed.min(axis=0), posed.max(axis=0)

    def _curves(self, body_z: Line) -> tuple[Line, Line, Line]:
        sideways, depthways, turn = (
            np.interp(body_z, self.knots, curve) for curve in (self.sideways, self.depthways, self.turn)
        )
        return sideways, depthways, np.deg2rad(turn)


def _single(values: npt.NDArray[np.floating]) -> Field:
    return values.astype(np.float32, copy=False)
