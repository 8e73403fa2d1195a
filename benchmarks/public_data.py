"""Where benchmarks find public data."""

import os
from pathlib import Path

from marrow.datasets.sources.catalogue import how_to_give
from marrow.datasets.sources.location import locate
from marrow.errors import MarrowError


def mnist_folder(benchmark: str) -> Path:
    """Where MNIST lies: in the folder that MARROW_DATA names, or where the workflow has put it.

    Raises:
        MarrowError: it is in neither.
    """
    folder = Path(os.environ.get("MARROW_DATA", "results/sources")) / "mnist"
    if locate("mnist", folder) is None:
        raise MarrowError(
            f"{benchmark}: MNIST is not in {folder}; let MARROW_DATA name a folder that has it in its folder mnist. "
            f"{how_to_give('mnist')}"
        )
    return folder
