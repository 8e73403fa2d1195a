"""Weights that are renewed every so many steps and stand in between.

ARML renews its weights every 20th step. In between a rule sees nothing, neither losses nor gradients, so a step costs
no more than with fixed weights.
"""

from collections.abc import Mapping

from torch import Tensor

from marrow.learning.weighting.weighting import Observation, Weighting, Weights

_RULE = "rule."


class RenewedEvery(Weighting):
    """Asks a rule every `period` steps, from step 0 on."""

    def __init__(self, rule: Weighting, period: int) -> None:
        self.needs_gramian = rule.needs_gramian
        self._rule = rule
        self._period = period
        self._held: Weights | None = None

    def asks_gramian(self, step: int) -> bool:
        """Only where the weights are renewed."""
        return self.needs_gramian and self._renews(step)

    def __call__(self, observation: Observation) -> Weights:
        """The rule's weights of this step, or those of the last one in which it was asked."""
        if self._held is None or self._renews(observation.step):
            self._held = self._rule(observation)
        return self._held

    def state(self) -> Mapping[str, Tensor]:
        """The rule's memory and the weights that stand."""
        held = {} if self._held is None else {"shared": self._held.shared, "heads": self._held.heads}
        return {**held, **{_RULE + name: tensor for name, tensor in self._rule.state().items()}}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` gave."""
        self._held = Weights(state["shared"], state["heads"]) if "shared" in state else None
        rule = {name.removeprefix(_RULE): tensor for name, tensor in state.items() if name.startswith(_RULE)}
        self._rule.restore(rule)

    def _renews(self, step: int) -> bool:
        return self._held is None or step % self._period == 0
