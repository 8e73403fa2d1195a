"""For all tests: none depends on how long something takes, on chance, or on the test before it."""

import gc
import sys

import pytest
from hypothesis import settings

settings.register_profile("fixed", deadline=None, derandomize=True)
settings.load_profile("fixed")


@pytest.fixture(autouse=True)
def _one_thread():
    """Take back the number of threads that a test gave torch: idle ones spin, and cost the tests that follow."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


def pytest_collection():
    """Look for no garbage while everything is imported; it all stays."""
    gc.disable()


def pytest_collection_finish():
    """Leave out of later searches for garbage what was imported and collected: with PyTorch, half a second each."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items):
    """Start the long files first, so that none is left to one worker in the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
