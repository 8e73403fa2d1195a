"""The weighting that a method asks for: its rule, the rule's variant and settings, all checked.

What a rule's settings are by default stands in the signature of its class. Here stands which of them a variant takes; a
setting that is null counts as not given.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marrow.bags.bag import Task
from marrow.errors import ConfigError, nearest
from marrow.learning.weighting.adaloss import AverageLoss, LogLoss
from marrow.learning.weighting.atmil import Atmil
from marrow.learning.weighting.atmil_closed_form import AtmilClosedForm
from marrow.learning.weighting.cosine import Cosine
from marrow.learning.weighting.divergence import LARGEST
from marrow.learning.weighting.every import Every
from marrow.learning.weighting.gradnorm import GradNorm
from marrow.learning.weighting.none import MainOnly
from marrow.learning.weighting.ol_aux import OlAux
from marrow.learning.weighting.pcgrad import PCGrad
from marrow.learning.weighting.uncertainty import Uncertainty
from marrow.learning.weighting.uniform import Uniform
from marrow.learning.weighting.upgrad import UPGrad
from marrow.learning.weighting.weighted_loss import WeightedLoss
from marrow.learning.weighting.weighting import Weighting


@dataclass(frozen=True)
class _Rule:
    """A rule in one variant.

    Attributes:
        make: its class, a Weighting that takes the tasks first.
        takes: names of its settings.
        named: whether the class has several variants and wants to know which.
        largest: how many auxiliary tasks it can weigh; none for any number.
        renewed: whether its weights are renewed from step to step, so that `every` says something.
    """

    make: type[Any]
    takes: tuple[str, ...] = ()
    named: bool = False
    largest: int | None = None
    renewed: bool = True


PRINTED = "as-printed"
RULES: Mapping[str, Mapping[str, _Rule]] = {
    "none": {PRINTED: _Rule(MainOnly, renewed=False)},
    "uniform": {PRINTED: _Rule(Uniform, renewed=False)},
    "weighted-loss": {PRINTED: _Rule(WeightedLoss, ("gamma", "first_epoch"), renewed=False)},
    "gradnorm": {
        PRINTED: _Rule(GradNorm, ("alpha", "rate", "smoothing", "reference"), named=True),
        "closed-form": _Rule(GradNorm, ("alpha", "smoothing", "reference"), named=True),
    },
    "cosine": {PRINTED: _Rule(Cosine, named=True), "weighted": _Rule(Cosine, named=True)},
    "adaloss": {
        PRINTED: _Rule(LogLoss, ("epsilon",)),
        "running-average": _Rule(AverageLoss, ("smoothing", "epsilon", "cap")),
    },
    "ol-aux": {
        PRINTED: _Rule(OlAux, ("beta", "steps"), named=True),
        "log-losses": _Rule(OlAux, ("beta", "steps", "epsilon"), named=True),
        "capped": _Rule(OlAux, ("beta", "steps", "cap"), named=True),
    },
    "atmil": {
        PRINTED: _Rule(Atmil, ("beta",), named=True),
        "capped-step": _Rule(Atmil, ("beta", "cap"), named=True),
        "implicit": _Rule(Atmil, ("beta", "cap"), named=True, largest=LARGEST),
        "closed-form": _Rule(AtmilClosedForm, ("smoothing", "cap"), largest=LARGEST),
    },
    "uncertainty": {
        PRINTED: _Rule(Uncertainty, ("rate",), named=True),
        "capped-step": _Rule(Uncertainty, ("rate",), named=True),
    },
    "pcgrad": {PRINTED: _Rule(PCGrad)},
    "upgrad": {PRINTED: _Rule(UPGrad)},
}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_positive(value: Any) -> bool:
    return _is_number(value) and 0 < value < float("inf")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


_LIMITS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "every": (_is_count, "a whole number of steps, 1 or more"),
    "gramian": (lambda value: value in ("trunk", "last-layer"), "trunk or last-layer"),
    "alpha": (lambda value: _is_number(value) and 0 <= value < float("inf"), "0 or larger"),
    "beta": (_is_positive, "larger than 0"),
    "cap": (_is_positive, "larger than 0, or null for no limit"),
    "epsilon": (_is_positive, "larger than 0"),
    "first_epoch": (lambda value: _is_number(value) and value in (0, 1), "0 or 1"),
    "gamma": (lambda value: _is_number(value) and 0 <= value <= 1, "from 0 to 1"),
    "rate": (_is_positive, "larger than 0"),
    "reference": (lambda value: value in ("first-step", "first-epoch"), "first-step or first-epoch"),
    "smoothing": (lambda value: _is_number(value) and 0 <= value < 1, "from 0 to below 1"),
    "steps": (_is_count, "a whole number, 1 or more"),
}
_COMMON = ("kind", "variant", "every", "gramian")


def weighting_of(settings: Mapping[str, Any], tasks: Sequence[Task]) -> Weighting:
    """The weighting of a main task and these auxiliary ones. Without any, the main task counts 1 by every rule.

    Args:
        settings: `kind`, `variant`, `every`, `gramian` and what the variant takes; null is the rule's own default.
        tasks: the auxiliary tasks, in the order of their losses.

    Raises:
        ConfigError: a kind, a variant or a setting that is not there, or a value out of bounds.
        MarrowError: the rule needs something that is not installed.
    """
    given = {name: value for name, value in settings.items() if value is not None}
    kind = _chosen("kind", given.get("kind"), RULES)
    variant = _chosen("variant", given.get("variant", PRINTED), RULES[kind], f" of {kind}")
    rule, name = RULES[kind][variant], f"{kind} ({variant})"
    _check(given, rule, name)
    if rule.largest and len(tasks) > rule.largest:
        raise ConfigError(
            f"config: weighting.kind is {name} with {len(tasks)} auxiliary tasks; it weighs at most {rule.largest}: "
            "name fewer, or choose capped-step."
        )
    if not tasks:
        return MainOnly(tasks)
    chosen = {setting: given[setting] for setting in rule.takes if setting in given}
    weighting: Weighting = rule.make(tasks, **({"variant": variant} if rule.named else {}), **chosen)
    every = given.get("every", 1)
    return Every(weighting, every) if every > 1 else weighting


def _chosen(key: str, value: Any, valid: Mapping[str, object], of: str = "") -> str:
    if value not in valid:
        hint = nearest("" if value is None else str(value), list(valid))
        raise ConfigError(f"config: weighting.{key} is {value!r}{of}; {hint}")
    return value


def _check(given: Mapping[str, Any], rule: _Rule, name: str) -> None:
    for setting, value in given.items():
        if setting not in (*_COMMON, *rule.takes):
            takes = f"takes {', '.join(rule.takes)}" if rule.takes else "takes no settings of its own"
            raise ConfigError(f"config: weighting.{setting} is {value!r}, but {name} {takes}; take it out.")
        if setting in _LIMITS and not _LIMITS[setting][0](value):
            raise ConfigError(f"config: weighting.{setting} is {value!r}; it must be {_LIMITS[setting][1]}.")
    if not rule.renewed and given.get("every", 1) != 1:
        raise ConfigError(
            f"config: weighting.every is {given['every']}, but {name} renews nothing from step to step; take it out."
        )
    if given.get("gramian", "trunk") != "trunk" and not rule.make.needs_gramian:
        raise ConfigError(
            f"config: weighting.gramian is {given['gramian']}, but {name} sees no gradients; take it out."
        )
