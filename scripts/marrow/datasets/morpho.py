"""Morpho-MNIST bags: digits whose shape mimics patterns of myeloma, after ATMIL (Qaiser et al. 2021, section 3).

A plain digit is healthy, a fractured one inactive, a swollen one focal, one that is thickened and then swollen diffuse.
The paper names neither the magnitudes nor how many digits of a bag are changed, and its label can be read in two ways;
both are here, as the tasks `binary` and `four`, with the choices explained in docs/morpho.md. Healthy digits are
redrawn from their mask like all the others, so that nothing but shape tells the classes apart.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marrow.bags.bag import Bag, Layout, Task
from marrow.datasets.morphology.perturbations import fracture, swell, thicken
from marrow.datasets.morphology.resolution import Image, enlarge, reduce
from marrow.datasets.morphology.stroke import Stroke, components
from marrow.datasets.shared.digit_pool import read_pool
from marrow.datasets.shared.generated import bag_id, bag_stream
from marrow.errors import ConfigError

HEALTHY, INACTIVE, FOCAL, DIFFUSE = range(4)
INSTANCE_CLASSES = ("healthy", "inactive", "focal", "diffuse")
COMPONENTS = Task("components", ("one", "several"))
# What a bag may hold, for every class of bags.
_HOLDS = {
    "binary": {"negative": (HEALTHY, INACTIVE), "positive": (HEALTHY, INACTIVE, FOCAL, DIFFUSE)},
    "four": {
        "healthy": (HEALTHY,),
        "inactive": (HEALTHY, INACTIVE),
        "focal": (HEALTHY, INACTIVE, FOCAL),
        "diffuse": (HEALTHY, INACTIVE, FOCAL, DIFFUSE),
    },
}


def layout(settings: Mapping[str, Any]) -> Layout:
    """One channel of ink, as MNIST has it; the auxiliary task is whether a digit is in several parts."""
    return Layout(
        (1, 28, 28),
        "uint8",
        channels=("ink",),
        tasks=(COMPONENTS,),
        instance_label="class",
        instance_classes=INSTANCE_CLASSES,
        flips=False,
    )


def classes(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Whether a bag has active disease, or the gravest of the four patterns that it holds."""
    return tuple(_HOLDS[settings["task"]])


def make_bags(
    settings: Mapping[str, Any], sources: Mapping[str, Path], split: str, first: int, count: int
) -> Iterator[Bag]:
    """The bags `first` to `first + count - 1` of a split, the classes in turn."""
    images, _ = read_pool(sources["mnist"], split)
    if len(images) < settings["size"]:
        raise ConfigError(
            f"MNIST: the split {split} has {len(images)} digits, but bags of {settings['size']} different ones are "
            "asked for; make `size` smaller or take the four canonical files of MNIST."
        )
    names = classes(settings)
    for number in range(first, first + count):
        rng = bag_stream(settings["seed"], split, number)
        label = names[number % len(names)]
        kinds = draw_kinds(settings, label, rng)
        chosen = rng.choice(len(images), len(kinds), replace=False)
        digits = [
            draw_digit(images[place], kind, settings, rng) for place, kind in zip(chosen, kinds.tolist(), strict=True)
        ]
        yield Bag(
            bag_id(split, number),
            np.stack(digits)[:, np.newaxis],
            split=split,
            label=label,
            auxiliary={COMPONENTS.name: np.array([components(digit) > 1 for digit in digits], np.uint8)},
            instance_label=kinds,
        )


def draw_kinds(settings: Mapping[str, Any], label: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Classes of the instances of a bag, in random order: (instances,).

    Each instance is active with the chance `active_share`, and focal or diffuse with even chances where the bag may
    hold both; each of the others is inactive with the chance `inactive_share`. A bag that its class asks to hold an
    active instance holds one at least, and so it does one of the class that it is named after.
    """
    holds = _HOLDS[settings["task"]][label]
    size = settings["size"]
    kinds = np.full(size, HEALTHY, np.uint8)
    if INACTIVE in holds:
        kinds[rng.random(size) < settings["inactive_share"]] = INACTIVE
    if FOCAL in holds:
        active = max(1, rng.binomial(size, settings["active_share"]))
        kinds[:active] = rng.choice([kind for kind in holds if kind >= FOCAL], active)
    if label in INSTANCE_CLASSES and INSTANCE_CLASSES.index(label) not in kinds:
        kinds[0] = INSTANCE_CLASSES.index(label)
    return rng.permutation(kinds)


def draw_digit(image: Image, kind: int, settings: Mapping[str, Any], rng: np.random.Generator) -> Image:
    """A digit (y, x) as an instance of a class, its magnitudes drawn evenly from their ranges."""
    if kind == HEALTHY:
        return reduce(enlarge(image))
    stroke = Stroke.of(image)
    if kind == INACTIVE:
        fewest, most = sorted(settings["fractures"])
        return reduce(fracture(stroke, rng, cuts=int(rng.integers(fewest, most, endpoint=True))))
    if kind == DIFFUSE:
        stroke = Stroke.of(reduce(thicken(stroke, _within(settings["thickening"], rng))))
    strength, radius = _within(settings["swelling_strength"], rng), _within(settings["swelling_radius"], rng)
    return reduce(swell(stroke, rng, strength, radius))


def _within(ends: Sequence[float], rng: np.random.Generator) -> float:
    return float(rng.uniform(min(ends), max(ends)))
