"""Where a network runs, and how much memory it may take there."""

import logging

import torch

from marrow.device.free_memory import free_for_job

_log = logging.getLogger(__name__)


def best_device(threads: int) -> torch.device:
    """A GPU when there is one, else the processor with so many threads."""
    torch.set_num_threads(threads)
    if torch.cuda.is_available():
        _log.info("the network runs on %s", torch.cuda.get_device_name())
        return torch.device("cuda")
    _log.info("no GPU: the network runs on the processor, %d threads", threads)
    return torch.device("cpu")


def free_on(device: torch.device, threads: int) -> int:
    """Bytes that a job of so many threads may take on a device."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free)
    return free_for_job(threads)
