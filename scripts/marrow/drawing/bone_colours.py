"""A colour for every bone of a table.

Bones differ in hue and sides in lightness: a pair shares a hue, its left bone is light and its right one dark, which is
visible with any colour vision. Neighbours in the table mostly touch, so hues go round the circle in large steps, and
bones in the middle alternate between two lightnesses. The colour space is OKLCH (Ottosson, "A perceptual color space
for image processing", 2020), in which equal steps look equal. Since 18 colours cannot be told apart with certainty, the
sheet has the name of each bone beside its colour.
"""

import math
from collections.abc import Sequence

from marrow.bones.table import Bone

LIGHTNESS = {"left": (0.82, 0.82), "right": (0.52, 0.52), "middle": (0.86, 0.66)}
CHROMA = 0.17  # reduced where sRGB has no such colour
FIRST_HUE = 185.0  # degrees; maximises the difference of touching bones of the default table for red-green blindness
TURN = 7 / 12  # of the circle, from one hue to the next
ROUNDING = 1e-6


def bone_colours(bones: Sequence[Bone]) -> dict[int, str]:
    """Bone id -> colour as `#rrggbb`; the same table gives the same colours."""
    kinds = sorted({min(bone.id, bone.mirror) for bone in bones})
    step = _step(len(kinds))
    hues = {kind: FIRST_HUE + 360 * (index * step % len(kinds)) / len(kinds) for index, kind in enumerate(kinds)}
    return {
        bone.id: _hex_colour(
            LIGHTNESS[bone.side][kinds.index(min(bone.id, bone.mirror)) % 2], hues[min(bone.id, bone.mirror)]
        )
        for bone in bones
    }


def _step(count: int) -> int:
    """The step nearest to `TURN` of the circle with which all of `count` hues are used."""
    return min(
        (step for step in range(1, count + 1) if math.gcd(step, count) == 1),
        key=lambda step: abs(step / count - TURN),
    )


def _hex_colour(lightness: float, hue: float) -> str:
    """The sRGB colour of a lightness and hue with the largest possible chroma, up to `CHROMA`."""
    channels = (_srgb(lightness, CHROMA * (1 - step / 100), math.radians(hue)) for step in range(101))
    shown = next(one for one in channels if all(-ROUNDING <= channel <= 1 + ROUNDING for channel in one))
    return "#" + "".join(f"{round(255 * min(max(channel, 0), 1)):02x}" for channel in shown)


def _srgb(lightness: float, chroma: float, hue: float) -> tuple[float, ...]:
    """OKLCH to sRGB; channels are outside 0 to 1 if sRGB has no such colour."""
    a, b = chroma * math.cos(hue), chroma * math.sin(hue)
    long, medium, short = (
        (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3,
        (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3,
        (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3,
    )
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    return tuple(12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055 for c in linear)
