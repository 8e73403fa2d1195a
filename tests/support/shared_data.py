"""The public data sets that some tests read; they skip where the folder is absent."""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("MARROW_DATA", Path(__file__).parents[3] / "shared" / "data"))


def shared_data(name: str) -> Path:
    """A file or folder of the public data, `mnist` for one; the test that asks skips where it is not there."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"needs {name} in the folder of public data that MARROW_DATA names")
    return path
