"""Rule make_blood: simulated patients' blood cells, one file of them."""

from pathlib import Path
from typing import Any

from marrow.datasets import blood
from marrow.datasets.block import write_block


def main(*, sources: list[Path], bags: Path, settings: dict[str, Any], split: str, first: int, bag_count: int) -> None:
    """Make some bags of a split.

    Args:
        sources: nothing.
        bags: the Parquet file to write.
        settings: of the bag set, see schemas/datasets/blood.yaml.
        split: train, validation or test.
        first: the number of the first bag.
        bag_count: how many.
    """
    write_block(blood, {}, bags, settings, split, first, bag_count)


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
