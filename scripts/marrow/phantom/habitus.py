"""Random variation of body build between patients, and of posture between the scans of a patient."""

from dataclasses import dataclass

import numpy as np

from marrow.phantom.posture import Posture
from marrow.phantom.random_fields import stream
from marrow.phantom.shapes import Vector

KNOTS = tuple(float(z) for z in range(-620, 901, 40))


@dataclass(frozen=True)
class Habitus:
    """The build of a patient.

    Attributes:
        sex: f or m.
        scale: of width, depth and height; 1 is a man of about 1.75 m.
        fat_mm: thickness of the fat under the skin of the trunk.
        bone_girth: of long bones and ribs, 1 on average.
        shoulders: width of the shoulder girdle, 1 on average.
        pelvis: width of the pelvis, 1 on average.
        head: size of the head, 1 on average.
        red: extent and cellularity of red marrow, 0 to 1; it falls with age.
        scoliosis_mm: sideways bend of the spine.
        kyphosis_mm: forward bend of the upper trunk.
        leg_spread: degrees each thigh is abducted.
        arm_spread: mm the elbows stand off, left and right.
    """

    sex: str
    scale: Vector
    fat_mm: float
    bone_girth: float
    shoulders: float
    pelvis: float
    head: float
    red: float
    scoliosis_mm: float
    kyphosis_mm: float
    leg_spread: float
    arm_spread: tuple[float, float]


def habitus(seed: int, patient: str, sex: str, age: int) -> Habitus:
    """The build of a patient, drawn from the seed and the patient's id."""
    draw = stream(seed, patient, "habitus")
    female = sex == "f"
    height = float(np.clip(draw.normal(0.95 if female else 1.0, 0.035), 0.88, 1.07))
    fat = float(np.clip(draw.lognormal(np.log(20 if female else 15), 0.3), 8, 34))
    width = float(np.clip(draw.normal(1.0, 0.035) * (0.96 if female else 1.0), 0.9, 1.06))
    return Habitus(
        sex=sex,
        scale=(width, float(np.clip(draw.normal(1.0, 0.05), 0.9, 1.12)), height),
        fat_mm=fat,
        bone_girth=float(np.clip(draw.normal(0.95 if female else 1.0, 0.05), 0.86, 1.08)),
        shoulders=float(np.clip(draw.normal(0.95 if female else 1.0, 0.025), 0.9, 1.04)),
        pelvis=float(np.clip(draw.normal(1.03 if female else 1.0, 0.025), 0.95, 1.08)),
        head=float(np.clip(draw.normal(0.97 if female else 1.0, 0.025), 0.92, 1.05)),
        red=float(np.clip(draw.normal(0.75 - 0.006 * (age - 50) + 0.05 * female, 0.12), 0.25, 1.0)),
        scoliosis_mm=float(draw.normal(0, 6)),
        kyphosis_mm=float(np.clip(draw.normal(0.25 * (age - 50), 6), -8, 18)),
        leg_spread=float(draw.uniform(-0.5, 2.5)),
        arm_spread=(float(draw.uniform(-4, 8)), float(draw.uniform(-4, 8))),
    )


def lie_down(build: Habitus, seed: int, scan: str) -> Posture:
    """The posture of a patient in one scan; rotation, slant and position differ a little between scans."""
    draw = stream(seed, scan, "posture")
    z = np.asarray(KNOTS)
    spine = np.clip((z - 80) / 520, 0, 1)
    scoliosis = build.scoliosis_mm * np.sin(2 * np.pi * spine) * np.where(spine < 1, 1, 0)
    slant = np.tan(np.deg2rad(draw.normal(0, 0.5))) * z
    hunch = -build.kyphosis_mm * np.clip((z - 380) / 300, 0, 1) ** 2
    trunk_turn, head_turn = draw.normal(0, 1.0), draw.normal(0, 5)
    turn = trunk_turn + head_turn * np.clip((z - 590) / 90, 0, 1)
    return Posture(
        scale=build.scale,
        knots=KNOTS,
        sideways=_floats(scoliosis + slant),
        depthways=_floats(hunch),
        turn=_floats(turn),
        shift=(float(draw.normal(0, 3)), float(draw.normal(0, 4)), float(draw.normal(-250, 25))),
    )


def _floats(values: np.ndarray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
