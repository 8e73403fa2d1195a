"""Checks of a bag against its layout, before it is written."""

import re
from collections.abc import Iterator

import numpy as np

from marrow.bags.bag import Array, Bag, Layout, Task
from marrow.errors import MarrowError

DTYPES = ("float16", "float32", "uint8")
RESERVED = {"instance", "i", "j", "k", "patch", "instance_label"}
FILE_NAME_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def check_layout(layout: Layout) -> None:
    """Check that a layout can be stored.

    Raises:
        MarrowError: the dtype is none of `DTYPES`, the shape has an axis without entries, or a mirror does not fit.
    """
    if layout.dtype not in DTYPES:
        raise MarrowError(f"patches are stored as {layout.dtype}; choose one of {', '.join(DTYPES)}")
    if not layout.shape or min(layout.shape) <= 0:
        raise MarrowError(f"patches have the shape {layout.shape}; give every axis at least one entry")
    for task in layout.tasks:
        if task.mirror and sorted(task.mirror) != list(range(len(task.classes))):
            raise MarrowError(
                f"task {task.name} has {len(task.classes)} classes and mirrors them to {list(task.mirror)}; name "
                "each class once"
            )


def check_bag(bag: Bag, layout: Layout) -> None:
    """Check that a bag fits its layout.

    Raises:
        MarrowError: the first problem, with the id of the bag.
    """
    for problem in _problems(bag, layout):
        raise MarrowError(f"bag {bag.bag!r}: {problem}")


def _problems(bag: Bag, layout: Layout) -> Iterator[str]:
    if not FILE_NAME_SAFE.fullmatch(bag.bag):
        yield "its id must be letters, digits, '.', '_' and '-', the first a letter or digit"
    if len(bag) == 0:
        yield "it has no instances; a bag needs at least one"
    if bag.patches.shape[1:] != layout.shape or bag.patches.dtype != layout.dtype:
        yield (
            f"patches of {bag.patches.dtype} with shape {bag.patches.shape[1:]}; the layout says {layout.dtype} with "
            f"shape {layout.shape}"
        )
    if not _finite(bag.patches):
        yield f"a patch holds a value that is no finite number in {layout.dtype}; rescale or mend the images"
    if bag.affine is not None and np.shape(bag.affine) != (4, 4):
        yield f"its affine has the shape {np.shape(bag.affine)}; give 4 x 4"
    if {task.name for task in layout.tasks} != set(bag.auxiliary):
        yield f"its auxiliary tasks are {sorted(bag.auxiliary)}, the layout's {[task.name for task in layout.tasks]}"
    if bag.instance_label is not None and not layout.instance_label:
        yield "it has instance labels, and the layout does not say what they are; name them there"
    if bag.label and layout.classes and bag.label not in layout.classes:
        yield f"its label is {bag.label!r}, and the classes are {', '.join(layout.classes)}"
    yield from _column_problems(bag)
    for task in layout.tasks:
        yield from _task_problems(task, bag.auxiliary[task.name])


def _column_problems(bag: Bag) -> Iterator[str]:
    columns = {**bag.auxiliary, **bag.described}
    taken = sorted(RESERVED & columns.keys() | bag.auxiliary.keys() & bag.described.keys())
    if taken:
        yield f"the column {', '.join(taken)} has another meaning; choose another name"
    if bag.instance_label is not None:
        columns["instance_label"] = bag.instance_label
        if bag.instance_label.dtype.name not in {"uint8", "float32"}:
            yield f"its instance labels are {bag.instance_label.dtype}; store classes as uint8, shares as float32"
    for name, values in columns.items():
        if values.shape != (len(bag),):
            yield f"{name} has the shape {values.shape} for {len(bag)} instances; give one value each"
        if not _finite(values):
            yield f"{name} holds a value that is no finite number"
    if bag.corners is not None and bag.corners.shape != (len(bag), 3):
        yield f"its corners have the shape {bag.corners.shape} for {len(bag)} instances; give (i, j, k) each"
    elif bag.corners is not None and not np.array_equal(bag.corners, bag.corners.astype(np.int16)):
        yield "a corner is no whole number that int16 holds; give voxel indices"


def _task_problems(task: Task, values: Array) -> Iterator[str]:
    expected = "uint8" if task.classes else "float32"
    if values.dtype != expected:
        yield f"{task.name} is {values.dtype}; a task with {len(task.classes)} classes is stored as {expected}"
    if task.classes and int(values.max()) >= len(task.classes):
        yield f"{task.name} has class {int(values.max())}; the classes are 0 to {len(task.classes) - 1}"


def _finite(values: Array) -> bool:
    return values.dtype.kind != "f" or bool(np.isfinite(values).all())
