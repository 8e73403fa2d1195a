"""Manifests: the list of a data set's bags, a Parquet table with a row per bag and the layout in its metadata.

A manifest is the input of training. It holds the digests of the bags instead of their content: bags that are rebuilt
with the same content give the same manifest.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from marrow.bags.bag import Layout
from marrow.bags.header import KEY, REMEDY, SCHEMA_VERSION, decode_entry, layout_of
from marrow.errors import MarrowError, RunStopped
from marrow.workflow.fingerprint.values import canonical

ATTRIBUTE = "attr_"
COLUMNS = {
    "bag": pa.string(),
    "patient": pa.string(),
    "split": pa.string(),
    "label": pa.int8(),
    "label_name": pa.string(),
    "site": pa.string(),
    "instances": pa.int32(),
    "path": pa.string(),
    "row_group": pa.int32(),
    "digest": pa.string(),
}


@dataclass(frozen=True)
class Entry:
    """A row of a manifest.

    Attributes:
        bag: its id.
        patient: id of the patient; the bag's own id if bags have no patients.
        split: train, validation, test or predict.
        label: the number of its class; -1 if unknown.
        label_name: the name of its class; empty if unknown.
        site: where the scan was made, if the sample sheet says so.
        instances: how many instances the bag has.
        path: of the bag file, relative to the manifest's folder, with forward slashes.
        row_group: position of the bag in the file.
        digest: of the bag's content.
        attributes: named without `attr_`; unknown ones are left out.
    """

    bag: str
    patient: str
    split: str
    label: int
    label_name: str
    site: str
    instances: int
    path: str
    row_group: int
    digest: str
    attributes: Mapping[str, float | str] = field(default_factory=lambda: {})


@dataclass(frozen=True)
class FeatureScale:
    """Mean and standard deviation of each feature over the training bags' instances; a constant one has scale 1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Manifest:
    """A data set, or one selection of its bags.

    Attributes:
        path: of the manifest.
        dataset: its name.
        classes: of the bags, in the order of their numbers.
        layout: of all bags.
        feature_scale: for rows of tables; None if instances are images.
        entries: the bags, sorted by id.
    """

    path: Path
    dataset: str
    classes: tuple[str, ...]
    layout: Layout
    feature_scale: FeatureScale | None
    entries: tuple[Entry, ...]

    def file_of(self, entry: Entry) -> Path:
        """The file that a bag is in."""
        return self.path.parent / entry.path

    def of_split(self, split: str) -> list[Entry]:
        """The bags of a split."""
        return [entry for entry in self.entries if entry.split == split]

    @cached_property
    def attributes(self) -> list[str]:
        """The names of all attributes, without `attr_`."""
        return sorted({name for entry in self.entries for name in entry.attributes})


def with_attributes(manifest: Manifest, values: Mapping[str, Mapping[str, str]] | None) -> Manifest:
    """A manifest whose bags have these attributes, bag -> name -> value; None to leave it as it is."""
    if values is None:
        return manifest
    return replace(
        manifest, entries=tuple(replace(entry, attributes=values.get(entry.bag, {})) for entry in manifest.entries)
    )


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write a manifest; the same one gives the same bytes."""
    rows = manifest.entries
    columns = {name: pa.array([getattr(entry, name) for entry in rows], kind) for name, kind in COLUMNS.items()}
    for name in manifest.attributes:
        columns[f"{ATTRIBUTE}{name}"] = _attribute_column([entry.attributes.get(name) for entry in rows])
    about = {
        "schema_version": SCHEMA_VERSION,
        "dataset": manifest.dataset,
        "classes": manifest.classes,
        "layout": asdict(manifest.layout),
        "feature_scale": asdict(manifest.feature_scale) if manifest.feature_scale else None,
    }
    table = pa.table(columns).replace_schema_metadata({KEY: canonical(about)})
    pq.write_table(table, path, compression="zstd")


def read_manifest(path: Path) -> Manifest:
    """Read a manifest; the bag files are not opened.

    Raises:
        RunStopped: the file is empty.
        MarrowError: it is missing, truncated, not a manifest, or of another schema version.
    """
    try:
        if path.stat().st_size == 0:
            raise RunStopped(
                "above",
                f"{path.name}: the manifest is empty, as where all its scans were stopped; mend the scans, or {REMEDY}",
            )
        with pq.ParquetFile(path) as file:
            table = file.read()
        about = decode_entry(table.schema.metadata, path.name, "manifest")
        if "bags" in about:
            raise MarrowError(f"{path.name}: a bag file, not a manifest; manifests lie in results/manifests")
        scale = about["feature_scale"]
        return Manifest(
            path=path,
            dataset=about["dataset"],
            classes=tuple(about["classes"]),
            layout=layout_of(about["layout"]),
            feature_scale=FeatureScale(_floats(scale["mean"]), _floats(scale["std"])) if scale else None,
            entries=tuple(_entries(table)),
        )
    except FileNotFoundError:
        raise MarrowError(f"{path.name}: the manifest is missing; run the workflow to make it") from None
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise MarrowError(f"{path.name}: not a manifest, or cut off ({error}); {REMEDY}") from error


def _entries(table: pa.Table) -> Iterator[Entry]:
    for row in table.to_pylist():
        values = {name: row[name] for name in COLUMNS}
        known = {name: value for name, value in row.items() if name.startswith(ATTRIBUTE) and value is not None}
        yield Entry(**values, attributes={name.removeprefix(ATTRIBUTE): value for name, value in known.items()})


def _attribute_column(values: Sequence[float | str | None]) -> pa.Array:
    """A column of numbers if all known values are numbers (or texts of numbers, as in a sheet); otherwise of texts."""
    known = [value for value in values if value is not None]
    if all(_is_number(value) for value in known):
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array([None if value is None else str(value) for value in values], pa.string())


def _is_number(value: float | str) -> bool:
    try:
        return math.isfinite(float(value))
    except ValueError:
        return False


def _floats(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
