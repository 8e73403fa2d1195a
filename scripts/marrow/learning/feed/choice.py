"""Chooses where a feed keeps its bags: in device memory if they fit, otherwise in files. Results are the same."""

import logging
from collections.abc import Sequence

import torch

from marrow.bags.attributes import Attribute
from marrow.bags.bag import Task
from marrow.bags.manifest import Entry, Manifest
from marrow.device.device import free_on
from marrow.device.out_of_memory import is_out_of_memory
from marrow.learning.feed.bag_store import DeviceBags, FileBags, UnreadBags
from marrow.learning.feed.feed import Feed

SHARE_OF_FREE_MEMORY = 0.5  # the rest is for activations and gradients
LABEL_BYTES = 8

_log = logging.getLogger(__name__)


def feed_of(
    manifest: Manifest,
    entries: Sequence[Entry],
    tasks: Sequence[Task],
    device: torch.device,
    *,
    threads: int,
    room: int | None = None,
    attributes: Sequence[Attribute] = (),
    is_read: bool = True,
) -> Feed:
    """A feed of bags in device memory if they fit there, otherwise read from files during training; the log says which.

    Bags are numbered in the order of `entries`; the labels of `tasks`, some of those in the manifest's layout, are
    read. On the device bags may take `room` bytes, by default half of the memory that is free for a job of so many
    threads.

    `attributes` are those that a method learns from; if it learns from nothing else, `is_read` is false.

    Raises:
        MarrowError: a bag is missing or damaged, or differs from its row of the manifest.
    """
    if not is_read:
        return Feed(UnreadBags(manifest, entries, tasks, device), attributes=attributes)
    instances = sum(entry.instances for entry in entries)
    size = instances * (manifest.layout.patch_bytes + LABEL_BYTES * len(tasks))
    available = int(SHARE_OF_FREE_MEMORY * free_on(device, threads)) if room is None else room
    message = f"{len(entries)} bags of {manifest.dataset} take {_mebibytes(size)} of {_mebibytes(available)} available"
    if size <= available:
        try:
            bags = DeviceBags(manifest, entries, tasks, device, threads)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            message += ", and other processes took the memory meanwhile"
        else:
            _log.info("%s: kept in the memory of %s", message, device)
            return Feed(bags, attributes=attributes)
    _log.info("%s: read from files while %s computes", message, device)
    return Feed(FileBags(manifest, entries, tasks, device), attributes=attributes)


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:,.1f} MiB"
