"""What a training starts from beside fresh weights: parts that a solver fits, two models that were trained before."""

from collections.abc import Sequence

import torch

from marrow.errors import MarrowError
from marrow.learning.experts.expert import FittedExpert
from marrow.learning.feed.feed import Feed
from marrow.learning.model import Model
from marrow.learning.pooling.fitted_pooling import FittedPooling
from marrow.learning.pooling.segments import Segments


def take_over(model: Model, experts: Sequence[Model], how: str) -> None:
    """Give a model the weights of the two that it starts from.

    Args:
        model: with fresh weights.
        experts: that on pictures and that on attributes; none where it starts from scratch.
        how: `frozen` leaves what is taken over as it is from now on, `warm` trains it on.

    Raises:
        MarrowError: the weights are those of other parts.
    """
    if not experts:
        return
    pictures, attributes = experts
    if model.clinical is None or attributes.clinical is None:
        raise MarrowError("a model without attributes starts from two models; name a fusion")
    parts = [
        (model.scaling, pictures.scaling),
        (model.encoder, pictures.encoder),
        (model.pooling, pictures.pooling),
        (model.clinical.scaling, attributes.clinical.scaling),
        (model.clinical.expert, attributes.clinical.expert),
    ]
    if how == "warm":
        parts += [(model.heads, pictures.heads)]
    for own, trained in parts:
        own.load_state_dict(trained.state_dict())
    if how == "frozen":
        model.freeze(*(own for own, _ in parts))


@torch.no_grad()
def fit_parts(model: Model, bags: Feed, weights: torch.Tensor | None, seed: int) -> None:
    """Fit those parts of a model that a solver fits, to the training bags; `weights` are those of the classes."""
    device = next(iter(model.state_dict().values())).device
    labels = torch.from_numpy(bags.labels)
    of_bags = None if weights is None else weights.cpu()[labels]
    if isinstance(model.pooling, FittedPooling):
        embeddings: list[torch.Tensor] = []
        for _, batch in bags.batches([position] for position in range(len(bags))):
            embeddings.append(model.joined(model.embed(batch.patches), batch.segments, batch.attributes))
        model.pooling.fit(torch.cat(embeddings).cpu(), Segments.of(bags.lengths), labels, of_bags, seed)
    if model.clinical is not None and isinstance(model.clinical.expert, FittedExpert):
        columns = model.clinical.scaling(bags.attributes.to(device))
        model.clinical.expert.fit(columns.cpu(), labels, of_bags, seed)
    model.to(device)
