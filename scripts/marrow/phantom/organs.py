"""Organs of chest, abdomen and pelvis, among them those bright on b900: spleen, kidneys, bowel, testes, lymph nodes."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from marrow.phantom.body import TRUNK, TRUNK_FAT_MM
from marrow.phantom.habitus import Habitus
from marrow.phantom.parts import Layer
from marrow.phantom.shapes import Carved, Common, Ellipsoid, Stack, Tube, Vector, vector
from marrow.phantom.spine import CAGE

CAVITY = Stack(
    (
        (-52, 40, 40, 0, 14),
        (-20, 62, 58, 0, 8),
        (30, 80, 72, 0, -2),
        (80, 104, 74, 0, -16),
        (130, 124, 76, 0, -18),
        (200, 124, 76, 0, -16),
        (260, 122, 84, 0, -10),
        (330, 126, 90, 0, -5),
        (400, 124, 88, 0, -3),
    ),
    power=2.2,
)
LUNG_SPACE = Stack(tuple(level for level in CAGE.levels if level[0] >= 280), CAGE.power, inset=9.0)
MEDIASTINUM = Stack(
    (
        (270, 34, 110, 0, -10),
        (350, 40, 110, 4, -20),
        (410, 30, 100, 4, -18),
        (450, 25, 90, 2, -4),
        (500, 23, 74, 0, 4),
        (560, 22, 58, 0, 8),
        (600, 30, 50, 0, 10),
    ),
    power=2.2,
)


def layers(person: Habitus, draw: np.random.Generator) -> Iterator[Layer]:
    """Organs in painting order; `draw` sets their sizes and the course of the bowel."""
    size = 1 + draw.normal(0, 0.05, 6)
    yield Layer("visceral_fat", Common((CAVITY, TRUNK.shrunk(TRUNK_FAT_MM + 9))))
    yield from _chest(size)
    yield from _upper_abdomen(size)
    yield from _bowel(draw)
    for s in (1, -1):
        psoas = ((s * 26.0, 30.0, 250.0), (s * 38.0, 24.0, 160.0), (s * 62.0, -4.0, 60.0), (s * 92.0, -20.0, -20.0))
        yield Layer("muscle", Tube(psoas, (10, 19, 20, 14)))
    yield from _vessels()
    yield from _pelvis(person.sex, size[5])
    yield from _nodes(draw)


def _chest(size: np.ndarray) -> Iterator[Layer]:
    yield Layer("visceral_fat", Common((MEDIASTINUM, LUNG_SPACE)))
    right_dome = Ellipsoid((-64.0, 2.0, 292.0), (76.0, 100.0, 92.0))
    left_dome = Ellipsoid((66.0, 4.0, 282.0), (72.0, 98.0, 88.0))
    heart = Ellipsoid((24.0, -36.0, 404.0), (66.0 * size[0], 48.0, 54.0), (0.0, 30.0, -22.0))
    yield Layer("lung", Carved(LUNG_SPACE, (MEDIASTINUM, right_dome, left_dome, heart)))
    for s in (1, -1):
        for z, y in ((455.0, 22.0), (430.0, 32.0), (470.0, -6.0)):
            yield Layer("vessel", Tube(((s * 20.0, 10.0, 448.0), (s * 62.0, y, z), (s * 92.0, y, z - 20)), (8, 5, 2)))
    yield Layer("myocardium", heart)
    yield Layer("blood", Ellipsoid((36.0, -34.0, 398.0), (40.0, 22.0, 28.0), (0.0, 30.0, -22.0)))
    yield Layer("blood", Ellipsoid((0.0, -62.0, 402.0), (38.0, 14.0, 30.0), (0.0, 30.0, -22.0)))
    yield Layer("blood", Ellipsoid((-14.0, -30.0, 416.0), (24.0, 26.0, 30.0)))
    yield Layer("vessel", Tube(((6.0, -46.0, 440.0), (20.0, -22.0, 468.0), (14.0, 4.0, 466.0)), (14, 13, 12)))
    yield Layer("vessel", Tube(((-24.0, -22.0, 430.0), (-24.0, -16.0, 500.0), (-22.0, -12.0, 546.0)), (10, 10, 9)))
    yield Layer("gas", Tube(((0, 0, 660), (0, 18, 560), (0, 22, 480)), (8.5, 8.0, 8.0)))
    for s in (1, -1):
        yield Layer("gas", Tube(((0, 22, 480), (s * 26.0, 22, 452.0)), (7.0, 5.0)))
        yield Layer("gland", Ellipsoid((s * 17.0, -8.0, 606.0), (9.0, 10.0, 20.0)))
    yield Layer("muscle", Tube(((4, 34, 640), (4, 40, 480), (10, 24, 380)), (7, 7, 7)), 0.7)


def _upper_abdomen(size: np.ndarray) -> Iterator[Layer]:
    within = CAGE.shrunk(10)
    right = Ellipsoid((-58.0, -4.0, 300.0), (76.0 * size[1], 82.0, 84.0))
    left = Ellipsoid((14.0, -46.0, 330.0), (64.0, 38.0, 38.0), (0.0, 14.0, 0.0))
    for lobe in (right, left):
        yield Layer("liver", Common((lobe, within)))
    for branch in ((-70.0, -20.0, 350.0), (-92.0, 20.0, 320.0), (-60.0, 30.0, 346.0)):
        yield Layer("vessel", Tube(((-18.0, 4.0, 300.0), branch), (6, 3)), 0.7)
    yield Layer("gallbladder", Ellipsoid((-52.0, -58.0, 250.0), (13.0, 14.0, 26.0)))
    yield Layer("bowel_wall", Common((Ellipsoid((60.0, -30.0, 316.0), (46.0, 42.0, 52.0)), within)))
    yield Layer("bowel_content", Ellipsoid((60.0, -30.0, 312.0), (38.0, 34.0, 42.0)))
    yield Layer("gas", Ellipsoid((60.0, -48.0, 336.0), (26.0, 12.0, 18.0)))
    spleen = Ellipsoid((96.0, 44.0, 316.0), (24.0 * size[2], 38.0 * size[2], 52.0 * size[2]), (-12.0, 10.0, 0.0))
    yield Layer("spleen", Common((spleen, within)))
    yield Layer("pancreas", Tube(((-34, -8, 236), (0, -20, 252), (70, 10, 286)), (15, 11, 10)))
    for s, drop in ((1, 0.0), (-1, 14.0)):
        centre: Vector = (s * 60.0, 42.0, 238.0 - drop)
        turned = (8.0, -s * 10.0, s * 20.0)
        kidney = Ellipsoid(centre, (27.0 * size[3], 27.0 * size[3], 55.0 * size[3]), turned)
        yield Layer("visceral_fat", Ellipsoid(centre, (36.0, 33.0, 64.0), turned))
        yield Layer("kidney", kidney)
        yield Layer("visceral_fat", Ellipsoid((s * 48.0, 36.0, 238.0 - drop), (14.0, 10.0, 22.0), turned), 0.7)
        yield Layer("gland", Tube(((s * 44.0, 34.0, 296.0), (s * 54.0, 40.0, 284.0)), (3.5, 3.5)))


def _bowel(draw: np.random.Generator) -> Iterator[Layer]:
    """The colon as a frame, the small bowel as a random tube within it; some of both contains gas."""
    frame = [(-92, 4, 96), (-98, 8, 160), (-92, 0, 225), (-50, -62, 214), (0, -72, 200), (50, -66, 222)]
    frame += [(96, -4, 268), (100, 14, 190), (94, 10, 120), (60, 2, 74), (20, 20, 62), (6, 44, 40), (0, 52, -10)]
    points = tuple(vector_near(point, draw, 5.0) for point in frame)
    yield Layer("bowel_wall", Tube(points, (22, 22, 20, 17, 17, 17, 18, 17, 16, 14, 14, 16, 15)))
    yield Layer("bowel_content", Tube(points, (17, 17, 15, 12, 12, 12, 13, 12, 11, 9, 9, 11, 10)))
    for segment in draw.choice(len(points) - 4, 3, replace=False):
        yield Layer("gas", Tube((points[segment], points[segment + 1]), (8, 8)))
    loops = small_bowel(draw)
    for start, end in pairwise(loops):
        width = float(draw.uniform(9.5, 12.5))
        yield Layer("bowel_wall", Tube((start, end), (width, width)), float(draw.uniform(0.55, 1.0)))
        if draw.random() < 0.55:
            yield Layer("bowel_content", Tube((start, end), (width - 4.5, width - 4.5)))


def small_bowel(draw: np.random.Generator) -> list[Vector]:
    """A random walk through the middle of the abdomen that changes its direction slowly."""
    point, course = np.array([0.0, -40.0, 130.0]), draw.normal(size=3)
    points: list[Vector] = []
    for _ in range(85):
        course = 0.55 * course / np.linalg.norm(course) + 0.6 * draw.normal(size=3)
        reach = float(np.interp(point[2], (36, 90, 205), (30, 64, 70)))
        point = np.clip(point + 24 * course / np.linalg.norm(course), (-reach, -76, 36), (reach, 2, 205))
        points.append(vector(point))
    return points


def vector_near(point: tuple[float, float, float], draw: np.random.Generator, spread: float) -> Vector:
    """A point moved at random."""
    return vector(np.asarray(point) + draw.normal(0, spread, 3))


def _vessels() -> Iterator[Layer]:
    aorta = ((10, -10, 430), (0, -22, 480), (14, 12, 508), (22, 34, 480), (20, 34, 400), (8, 10, 300), (6, 4, 200))
    fork = (4, 2, 160)
    yield Layer("vessel", Tube((*aorta, fork), (14, 14, 13, 12, 11.5, 11, 10, 9)))
    yield Layer("vessel", Tube(((-22, 8, 380), (-20, 6, 300), (-18, 6, 200), (-14, 6, 156)), (13, 12, 11, 10)))
    for s in (1, -1):
        yield Layer("vessel", Tube((fork, (s * 40.0, 20.0, 90.0), (s * 78.0, -34.0, 24.0)), (8, 7, 6)))
        yield Layer(
            "vessel", Tube(((s * 6.0, -4.0, 500.0), (s * 26.0, 0.0, 620.0), (s * 26.0, 8.0, 710.0)), (5, 4.5, 3.5))
        )


def _pelvis(sex: str, size: float) -> Iterator[Layer]:
    bladder = Ellipsoid((0.0, -24.0, 2.0), (40.0 * size, 31.0 * size, 32.0 * size))
    yield Layer("muscle", Ellipsoid(bladder.centre, (43.0 * size, 34.0 * size, 35.0 * size)))
    yield Layer("bladder", bladder)
    if sex == "f":
        yield Layer("uterus", Ellipsoid((0.0, 18.0, 30.0), (24.0, 18.0, 34.0), (35.0, 0.0, 0.0)))
        return
    yield Layer("prostate", Ellipsoid((0.0, -8.0, -42.0), (23.0, 17.0, 18.0)))
    for s in (1, -1):
        yield Layer("skin", Ellipsoid((s * 15.0, -66.0, -106.0), (20.0, 24.0, 30.0)))
        yield Layer("testis", Ellipsoid((s * 15.0, -68.0, -110.0), (12.0, 14.0, 20.0)))
    yield Layer("muscle", Tube(((0, -72, -50), (0, -92, -80), (0, -90, -110)), (11, 13, 13)), 0.8)


def _nodes(draw: np.random.Generator) -> Iterator[Layer]:
    """Small lymph nodes of groin, armpit and neck: bright on b900 and not in bone."""
    for s in (1, -1):
        for centre in (
            (s * 78.0, -60.0, -6.0),
            (s * 70.0, -58.0, -30.0),
            (s * 132.0, 12.0, 520.0),
            (s * 46.0, 4.0, 640.0),
        ):
            for _ in range(2):
                length = float(draw.uniform(3.0, 5.5))
                place = vector_near(centre, draw, 7.0)
                yield Layer("lymph_node", Ellipsoid(place, (length * 0.7, length * 0.7, length)))
