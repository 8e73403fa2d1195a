"""Rule write_manifest: one row per bag of a data set, with split, class, site, digest and attributes."""

from pathlib import Path
from typing import Any

from marrow.bags.gather import (
    check_splits,
    fit_feature_scale,
    read_entries,
    stop_without_bags,
    with_classes,
    with_digests,
    with_sheet_rows,
)
from marrow.bags.manifest import Manifest, write_manifest
from marrow.bags.selection import select
from marrow.workflow.paths import final_place


def main(
    *,
    bags: list[Path],
    manifest: Path,
    dataset: str,
    classes: dict[str, list[str]] | list[str],
    rows: list[dict[str, Any]],
    selection: dict[str, Any],
) -> None:
    """Write the manifest of a data set.

    Args:
        bags: the bag files; an empty one belongs to a stopped scan.
        manifest: the manifest to write, Parquet.
        dataset: its name.
        classes: names of the classes, or each class with its labels in the sample sheet; empty if the bag files name
            them.
        rows: for scans, the rows of the sample sheet: bag, patient, split, label, site and attributes; empty if the bag
            files have these.
        selection: of bags, and their folds; see `marrow.bags.selection`.
    """
    folder = final_place(manifest).parent
    stop_without_bags(bags, rows)
    layout, entries = read_entries(bags, folder)
    classes = classes or list(layout.classes)
    selected = select(with_classes(with_sheet_rows(entries, rows), classes), selection)
    check_splits(selected)
    digested = with_digests(selected, folder)
    scale = fit_feature_scale(digested, layout, folder)
    write_manifest(Manifest(manifest, dataset, tuple(classes), layout, scale, tuple(digested)), manifest)


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
