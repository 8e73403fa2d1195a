"""The model of a method for the bags of a data set."""

from collections.abc import Mapping, Sequence
from typing import Any

from marrow.bags.bag import Layout, Task
from marrow.errors import MarrowError
from marrow.learning.encoders.encoder import Encoder
from marrow.learning.heads.head import Head
from marrow.learning.model import Model
from marrow.learning.pooling.pooling import Pooling
from marrow.learning.scaling import Scaling
from marrow.planning.kinds import automatic_head, implementation


def tasks_of(layout: Layout, names: Sequence[str]) -> list[Task]:
    """The auxiliary tasks of these names.

    Raises:
        MarrowError: the bags have no such task.
    """
    known = {task.name: task for task in layout.tasks}
    missing = [name for name in names if name not in known]
    if missing:
        raise MarrowError(
            f"the method has the auxiliary task {missing[0]}, and the bags have {', '.join(known) or 'none'}; take it "
            "out, or make bags that have it"
        )
    return [known[name] for name in names]


def encoder_of(settings: Mapping[str, Any], shape: tuple[int, ...]) -> Encoder:
    """The encoder with complete settings, for instances of this shape without margin; its weights are drawn."""
    return implementation("encoders", settings["kind"]).make(settings, shape)


def pooling_of(settings: Mapping[str, Any], width: int, classes: int) -> Pooling:
    """The pooling with complete settings, for embeddings of this width; its weights are drawn."""
    return implementation("poolings", settings["kind"]).make(settings, width, classes)


def head_of(
    task: Task, width: int, settings: Mapping[str, Any] | None = None, mean: float = 0.0, std: float = 1.0
) -> Head:
    """The head of an auxiliary task for embeddings of this width; without settings that of all tasks of its type.

    Mean and standard deviation are those of the training instances' values, for a task without classes.
    """
    chosen = settings or {"kind": automatic_head(bool(task.classes))}
    return implementation("heads", chosen["kind"]).make(chosen, task, width, mean, std)


def build_model(
    settings: Mapping[str, Any],
    layout: Layout,
    classes: int,
    scaling: Scaling,
    values: Mapping[str, tuple[float, float]],
) -> Model:
    """A model with fresh weights.

    `values` has mean and standard deviation of the training instances, for each auxiliary task without classes.
    """
    encoder = encoder_of(settings["encoder"], (layout.shape[0], *layout.inner_size))
    heads: Mapping[str, Mapping[str, Any]] = settings["heads"]
    made = {
        task.name: head_of(task, encoder.width, heads.get(task.name), *values.get(task.name, ()))
        for task in tasks_of(layout, settings["auxiliary"])
    }
    return Model(scaling, encoder, pooling_of(settings["pooling"], encoder.width, classes), made)
