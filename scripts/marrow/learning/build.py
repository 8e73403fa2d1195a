"""The model of a method for the bags of a data set."""

from collections.abc import Mapping, Sequence
from typing import Any

from marrow.bags.bag import Layout, Task
from marrow.errors import MarrowError
from marrow.learning.encoders.build import encoder_of
from marrow.learning.heads.build import head_of
from marrow.learning.model import Model
from marrow.learning.pooling.build import pooling_of
from marrow.learning.scaling import Scaling


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


def instance_shape(layout: Layout) -> tuple[int, ...]:
    """The shape of an instance without its margin."""
    return (layout.shape[0], *layout.inner_size)


def build_model(
    settings: Mapping[str, Any],
    layout: Layout,
    classes: int,
    scaling: Scaling,
    values: Mapping[str, tuple[float, float]],
) -> Model:
    """A model with fresh weights.

    Args:
        settings: encoder, pooling, auxiliary and heads of a method.
        layout: of the bags.
        classes: how many the bags have.
        scaling: of the instances.
        values: name of an auxiliary task without classes -> mean and standard deviation of its training instances.
    """
    encoder = encoder_of(settings["encoder"], instance_shape(layout))
    heads: Mapping[str, Mapping[str, Any]] = settings["heads"]
    made = {
        task.name: head_of(task, encoder.width, heads.get(task.name), *values.get(task.name, ()))
        for task in tasks_of(layout, settings["auxiliary"])
    }
    return Model(scaling, encoder, pooling_of(settings["pooling"], encoder.width, classes), made)
