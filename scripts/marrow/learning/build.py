"""The model of a method for the bags of a data set."""

from collections.abc import Mapping, Sequence
from typing import Any

from marrow.bags.attributes import Attribute
from marrow.bags.bag import Layout, Task
from marrow.errors import MarrowError
from marrow.learning.attributes import AttributeScaling
from marrow.learning.encoders.encoder import Encoder
from marrow.learning.heads.head import Head
from marrow.learning.model import Clinical, Model
from marrow.learning.pooling.pooling import Pooling
from marrow.learning.scaling import Scaling
from marrow.planning.kinds import automatic_head, implementation
from marrow.planning.methods.joining import NOTHING


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


def attributes_of(settings: Mapping[str, Any]) -> list[Attribute]:
    """The attributes that a method learns from; none of most."""
    return [Attribute.of(declared) for declared in settings.get("attributes", ())]


def looks_at_instances(settings: Mapping[str, Any]) -> bool:
    """Whether a method learns from more than attributes."""
    return settings["encoder"]["kind"] != NOTHING


def clinical_of(settings: Mapping[str, Any], width: int, classes: int) -> Clinical | None:
    """What a method makes of attributes, for embeddings of this width; None where it learns from none.

    Its weights are drawn, its scaling is not fitted.
    """
    if "attributes" not in settings:
        return None
    scaling = AttributeScaling(attributes_of(settings))
    expert, fusion = settings["expert"], settings["fusion"]
    return Clinical(
        scaling,
        implementation("experts", expert["kind"]).make(expert, scaling.columns, classes),
        implementation("fusions", fusion["kind"]).make(fusion, width, scaling.columns, classes),
    )


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
    clinical = clinical_of(settings, encoder.width, classes)
    width = encoder.width + (clinical.fusion.added_width if clinical else 0)
    return Model(scaling, encoder, pooling_of(settings["pooling"], width, classes), made, clinical)
