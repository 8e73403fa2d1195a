"""The same bits from every run on one device: no algorithm whose sums depend on timing."""

import os
from collections.abc import Generator
from contextlib import contextmanager

import torch

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"


@contextmanager
def deterministic(wanted: bool) -> Generator[None]:
    """Take no other algorithms while the block runs, if that is wanted; as before afterwards.

    On the processor results are the same without. On a GPU it costs time, and what has no such algorithm is refused.
    CUDA reads how much workspace it may have when it starts, so this must come first.
    """
    if not wanted:
        yield
        return
    before = os.environ.get(WORKSPACE)
    modes = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    os.environ[WORKSPACE] = before or ":4096:8"
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = benchmark
        torch.use_deterministic_algorithms(modes[0], warn_only=modes[1])
        if before is None:
            del os.environ[WORKSPACE]
