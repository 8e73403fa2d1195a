"""Rule make_mnist_bags: bags of MNIST digits, one file of them."""

from pathlib import Path
from typing import Any

from marrow.datasets import mnist_bags
from marrow.datasets.block import folder_of, write_block


def main(*, sources: list[Path], bags: Path, settings: dict[str, Any], split: str, first: int, bag_count: int) -> None:
    """Make some bags of a split.

    Args:
        sources: the public data: one file or folder, or the files that were downloaded.
        bags: the Parquet file to write.
        settings: of the bag set, see schemas/datasets/mnist_bags.yaml.
        split: train, validation or test.
        first: the number of the first bag.
        bag_count: how many.
    """
    write_block(mnist_bags, {"mnist": folder_of(sources)}, bags, settings, split, first, bag_count)


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
