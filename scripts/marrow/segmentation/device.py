"""Where the network runs."""

import logging

import torch

_log = logging.getLogger(__name__)


def best_device(threads: int) -> torch.device:
    """A GPU when there is one, else the processor with so many threads."""
    torch.set_num_threads(threads)
    if torch.cuda.is_available():
        _log.info("the network runs on %s", torch.cuda.get_device_name())
        return torch.device("cuda")
    _log.info("no GPU: the network runs on the processor, %d threads", threads)
    return torch.device("cpu")
