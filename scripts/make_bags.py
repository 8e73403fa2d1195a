"""Rule make_bags: bags of a kind that is generated, one file of them."""

from itertools import islice
from pathlib import Path
from typing import Any, cast

from marrow.datasets.shared.generated import Kind, write_block
from marrow.planning.kinds import implementation


def main(
    *,
    sources: list[Path],
    bags: Path,
    source_files: dict[str, int],
    settings: dict[str, Any],
    split: str,
    first: int,
    bag_count: int,
) -> None:
    """Make some bags of a split.

    Args:
        sources: public data, source after source: the file or folder that was given, or the files that were downloaded.
        bags: the Parquet file to write.
        source_files: how many of `sources` belong to each source, in the same order.
        settings: of the data set, see schemas/datasets/.
        split: train, validation or test; all where the data are cross-validated.
        first: the number of the first bag.
        bag_count: how many.
    """
    kind = cast("Kind", implementation("datasets", settings["kind"]))
    remaining = iter(sources)
    places = {name: _place(list(islice(remaining, count))) for name, count in source_files.items()}
    write_block(kind, places, bags, settings, split, first, bag_count)


def _place(files: list[Path]) -> Path:
    """Where a source lies: the one file or folder that was given, or the folder of the files that were downloaded."""
    return files[0] if len(files) == 1 else files[0].parent


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
