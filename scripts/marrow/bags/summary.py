"""A text summary of a manifest, for the command line."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from marrow.bags.bag import Layout, Task
from marrow.bags.damage import find_damage
from marrow.bags.manifest import Entry, Manifest, read_manifest
from marrow.bags.splits import SPLITS
from marrow.errors import MarrowError

GAP = "  "
MOST_NAMES = 6


def main_lines(path: Path, check: bool) -> list[str]:
    """The output of `python -m marrow bags`: the summary, and the result of the check for damage.

    Raises:
        MarrowError: the manifest cannot be read, or a bag is damaged.
    """
    manifest = read_manifest(path)
    lines = [summary(manifest)]
    problems = find_damage(manifest, digests=check)
    if problems:
        raise MarrowError("\n".join([*lines, "", f"Damaged: {len(problems)}", *problems]))
    checked = "content and digest of every bag checked" if check else "headers checked; --check reads every bag"
    return [*lines, "", f"No damage found ({checked})."]


def summary(manifest: Manifest) -> str:
    """Classes and splits, instances, layout, tasks, sites, attributes and size."""
    sections = [
        [f"{manifest.dataset}: {len(manifest.entries)} bags"],
        _split_table(manifest),
        _aligned([("instances per bag", _spread([entry.instances for entry in manifest.entries])), *_facts(manifest)]),
    ]
    return "\n\n".join("\n".join(section) for section in sections)


def _split_table(manifest: Manifest) -> list[str]:
    """Bags, patients and instances of each class in each split."""
    rows = [("split", "class", "bags", "patients", "instances")]
    for split in SPLITS:
        entries = manifest.of_split(split)
        classes = {label: [entry for entry in entries if entry.label == label] for label in _labels(manifest)}
        rows += [_counts(split, name, classes[label]) for label, name in _labels(manifest).items() if classes[label]]
        if sum(bool(held) for held in classes.values()) > 1:
            rows.append(_counts(split, "all", entries))
    return _aligned(rows)


def _labels(manifest: Manifest) -> dict[int, str]:
    return {**dict(enumerate(manifest.classes)), -1: "(unknown)"}


def _counts(split: str, name: str, entries: Sequence[Entry]) -> tuple[str, ...]:
    patients = {entry.patient for entry in entries}
    return split, name, str(len(entries)), str(len(patients)), str(sum(entry.instances for entry in entries))


def _facts(manifest: Manifest) -> list[tuple[str, str]]:
    layout = manifest.layout
    sites = Counter(entry.site for entry in manifest.entries if entry.site)
    size = sum(entry.instances for entry in manifest.entries) * layout.patch_bytes
    facts = [("a stored patch", _patch(layout)), *((f"task {task.name}", _task(task)) for task in layout.tasks)]
    if layout.instance_label:
        facts.append(("instance label", _named(layout.instance_label, layout.instance_classes)))
    if manifest.feature_scale:
        facts.append(("feature scale", "fitted on the training bags"))
    if sites:
        facts.append(("sites", ", ".join(f"{site} ({count} bags)" for site, count in sorted(sites.items()))))
    facts += [(f"attribute {name}", _attribute(manifest, name)) for name in manifest.attributes]
    return [*facts, ("patches in all", f"{size / 1e9:.2f} GB")]


def _patch(layout: Layout) -> str:
    text = " x ".join(str(size) for size in layout.shape) + f" {layout.dtype}"
    text += f", a margin of {layout.margin} on each side included" if layout.margin else ""
    text += f", {layout.spacing_mm:g} mm" if layout.spacing_mm else ""
    return text + (f", channels {', '.join(layout.channels)}" if layout.channels else "")


def _task(task: Task) -> str:
    return _named(f"{len(task.classes)} classes", task.classes) if task.classes else "a number"


def _named(what: str, names: Sequence[str]) -> str:
    more = ", ..." if len(names) > MOST_NAMES else ""
    return f"{what} ({', '.join(names[:MOST_NAMES])}{more})" if names else what


def _attribute(manifest: Manifest, name: str) -> str:
    values = [entry.attributes[name] for entry in manifest.entries if name in entry.attributes]
    numbers = [value for value in values if not isinstance(value, str)]
    known = "" if len(values) == len(manifest.entries) else f", known for {len(values)} bags"
    if len(numbers) == len(values):
        return _spread(numbers) + known
    different = sorted({str(value) for value in values})
    return _named(f"{len(different)} different values", different) + known


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "none"
    return f"{min(values):g} to {max(values):g}, mean {sum(values) / len(values):.4g}"


def _aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows as lines; every column but the last as wide as its widest cell."""
    table = list(rows)
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    return [GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
