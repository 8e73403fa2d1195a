"""Which runs are inverted, and with what.

Inversion compares attention before and after, so it is for methods that have attention. Its scores need bags whose key
instances are known. By default it is for the kinds that declare `inverted`, small pictures with instance labels; what
else is asked for gets the figure, and scores where there are labels.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from marrow.errors import ConfigError, look_up, nearest
from marrow.planning.datasets import DataPlan
from marrow.planning.runs import Run, RunPlan

INVERSIONS = "results/inversion"
PICTURE_AXES, COLOURS = 3, 3

# The paper's rows: MNIST's, and that of its tissue in colours (colon). It names a range of lambda and no values.
_MNIST = {"steps": 200, "step_size": 1e-4, "lambdas": [0.0005, 0.001, 0.0015, 0.002, 0.0025, 0.003]}
_TISSUE = {"steps": 200, "step_size": 1e-5, "lambdas": [0.0004, 0.0008, 0.0012, 0.0016, 0.002, 0.0024]}


@dataclass(frozen=True)
class Inversion:
    """A run to invert, and with what: `plain`, `sparse`, `thresholds` and `most_bags`, complete."""

    run: Run
    settings: dict[str, Any]

    @property
    def folder(self) -> str:
        """Where its results are."""
        return self.run.within(INVERSIONS)


@dataclass(frozen=True)
class InversionPlan:
    """All inversions, in the order of their runs."""

    inversions: tuple[Inversion, ...]

    def inversion(self, run: Run) -> Inversion:
        """The inversion of a run.

        Raises:
            ConfigError: it is not planned.
        """
        for inversion in self.inversions:
            if inversion.run == run:
                return inversion
        raise ConfigError(
            f"no inversion of {run.method} on {run.dataset} with seed {run.seed} is planned; name its entry and method "
            "in inversion.runs"
        )


def plan_inversions(config: Mapping[str, Any], data: DataPlan, runs: RunPlan) -> InversionPlan:
    """Everything about inversions that can be known before any work.

    Raises:
        ConfigError: `inversion.runs` names what is not trained, or a method without attention.
    """
    section: Mapping[str, Any] = config["inversion"]
    by_entry = runs.entries
    wanted: Mapping[str, Sequence[str] | None] | None = section["runs"]
    if wanted is None:
        wanted = dict.fromkeys(name for name in by_entry if data.bag_sets[name].is_inverted)
    found: list[Inversion] = []
    for entry, methods in wanted.items():
        of_entry = look_up(by_entry, entry, f"config: inversion.runs names {entry!r}, which is no entry of runs")
        settings = _settings(section, data.bag_sets[entry].instances.shape)
        found += [Inversion(run, settings) for run in _chosen(entry, of_entry, methods)]
    return InversionPlan(tuple(found))


def _chosen(entry: str, runs: Sequence[Run], methods: Sequence[str] | None) -> Iterator[Run]:
    """The runs of some methods, or of all with attention."""
    able = list(dict.fromkeys(run.method for run in runs if _is_able(run)))
    for method in able if methods is None else methods:
        of_method = [run for run in runs if run.method == method]
        if not of_method:
            hint = nearest(method, list(dict.fromkeys(run.method for run in runs)))
            raise ConfigError(f"config: inversion.runs.{entry} names {method!r}, which runs.{entry} does not; {hint}")
        if method not in able:
            definition = of_method[0].definition
            reason = f"pools by {definition.pooling['kind']} and has no attention to look at"
            if definition.attributes:
                reason = "learns from attributes, too, where inversion changes instances alone"
            raise ConfigError(f"config: inversion.runs.{entry} names {method}, which {reason}; take {_either(able)}")
        yield from of_method


def _is_able(run: Run) -> bool:
    return run.definition.has_attention and not run.definition.attributes


def _either(able: Sequence[str]) -> str:
    return f"it out, or name one of {', '.join(able)}" if able else "it out, or train a method such as attention"


def _settings(section: Mapping[str, Any], shape: tuple[int, ...]) -> dict[str, Any]:
    """What a job is done with; what is left empty is the paper's for these data."""
    are_coloured = len(shape) == PICTURE_AXES and shape[0] == COLOURS
    published = _TISSUE if are_coloured else _MNIST
    given: Mapping[str, Any] = section["sparse"]
    sparse = {key: default if given[key] is None else given[key] for key, default in published.items()}
    return {
        "plain": dict(section["plain"]),
        "sparse": sparse,
        "thresholds": list(section["thresholds"]),
        "most_bags": section["most_bags"],
    }
