"""Clinical attributes by class: what is known of each, how it is spread, and what is missing."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median, quantiles, stdev

from marrow.bags.manifest import Entry, Manifest, read_manifest
from marrow.errors import MarrowError
from marrow.report.charts.interval_chart import Interval, IntervalChart, interval_chart
from marrow.report.page import Reading, Section, render

READING = Reading(
    figure="the attributes",
    shown="for each class of bags, over all splits: how many have the attribute, its mean and standard deviation, its "
    "median and quartiles; of categories, how often each comes.",
    good="classes that overlap, with few unknown values, as many in one class as in another.",
    bad="classes that do not overlap: mostly the attribute was written down after the diagnosis, and a model that "
    "learns from it is told the answer. An attribute that is unknown in one class far more often than in another tells "
    "the class by that alone.",
    remedy="leave such an attribute out (attributes of a method), or declare missing: mean for it.",
)


@dataclass(frozen=True)
class Spread:
    """An attribute in the bags of a class, as it is printed.

    Attributes:
        attribute, label: which.
        known, unknown: how many bags have it and do not.
        mean: with the standard deviation; empty for categories.
        middle: the median with the quartiles, or how often each category comes.
    """

    attribute: str
    label: str
    known: int
    unknown: int
    mean: str
    middle: str


@dataclass(frozen=True)
class SetAttributes:
    """The attributes of a data set: rows, and a chart for each number."""

    name: str
    rows: Sequence[Spread]
    charts: Sequence[IntervalChart]


def section(manifests: Sequence[Path], units: Mapping[str, str], categories: Sequence[str] = ()) -> Section | None:
    """The attributes of all data sets that have some; None where none does.

    Args:
        manifests: of the data sets.
        units: attribute -> its unit, for those that are declared.
        categories: the attributes that are no numbers, whatever their values look like.
    """
    read = [
        manifest for path in manifests if (manifest := _read(path)) and manifest.attributes and _is_labelled(manifest)
    ]
    if not read:
        return None
    sets = [_attributes(manifest, units, categories) for manifest in read]
    return Section("attributes", "Attributes", render("sections/attributes.html.j2", sets=sets, how=READING))


def _read(path: Path) -> Manifest | None:
    try:
        return read_manifest(path)
    except MarrowError:
        return None


def _is_labelled(manifest: Manifest) -> bool:
    return any(entry.label >= 0 for entry in manifest.entries)


def _attributes(manifest: Manifest, units: Mapping[str, str], categories: Sequence[str]) -> SetAttributes:
    classes: dict[str, list[Entry]] = {name: [] for name in manifest.classes}
    for entry in manifest.entries:
        classes.setdefault(entry.label_name or "without a class", []).append(entry)
    rows: list[Spread] = []
    charts: list[IntervalChart | None] = []
    for name in manifest.attributes:
        title = f"{name} ({units[name]})" if units.get(name) else name
        values = {label: _values(entries, name, name in categories) for label, entries in classes.items() if entries}
        rows += [_spread(title, label, known, len(classes[label])) for label, known in values.items()]
        charts.append(interval_chart(f"{title}: median and quartiles", list(_intervals(values))))
    return SetAttributes(manifest.dataset, rows, [chart for chart in charts if chart])


def _values(entries: Sequence[Entry], name: str, are_categories: bool) -> list[float | str]:
    known = [entry.attributes[name] for entry in entries if name in entry.attributes]
    return [f"{value:g}" if are_categories and isinstance(value, float) else value for value in known]


def _spread(attribute: str, label: str, known: Sequence[float | str], bags: int) -> Spread:
    numbers = [value for value in known if isinstance(value, float)]
    mean, middle = "", ", ".join(f"{value} {count}" for value, count in sorted(Counter(map(str, known)).items()))
    if len(numbers) == len(known) and numbers:
        mean = f"{fmean(numbers):.3g}" + (f" ± {stdev(numbers):.2g}" if len(numbers) > 1 else "")
        low, centre, high = _quartiles(numbers)
        middle = f"{centre:.3g} ({low:.3g} to {high:.3g})"
    return Spread(attribute, label, len(known), bags - len(known), mean, middle)


def _intervals(values: Mapping[str, Sequence[float | str]]) -> Iterator[Interval]:
    for label, known in values.items():
        numbers = [value for value in known if isinstance(value, float) and math.isfinite(value)]
        if numbers:
            low, centre, high = _quartiles(numbers)
            yield Interval(label, centre, low, high, note=f"{len(numbers)} bags")


def _quartiles(numbers: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile."""
    if len(numbers) == 1:
        return numbers[0], numbers[0], numbers[0]
    low, _, high = quantiles(numbers, n=4, method="inclusive")
    return low, median(numbers), high
