"""Whether bags lie on the device or are read while training, by the room that there is. The results are the same."""

import logging
from collections.abc import Sequence

import torch

from marrow.bags.bag import Task
from marrow.bags.manifest import Entry, Manifest
from marrow.device.device import free_on
from marrow.device.out_of_memory import is_out_of_memory
from marrow.learning.augment.settings import Augmentation
from marrow.learning.feed.bag_store import StoredBags
from marrow.learning.feed.device_bags import Resident
from marrow.learning.feed.feed import Feed
from marrow.learning.feed.file_bags import Streamed

SHARE = 0.5  # of what is free; training wants the rest
LABEL_BYTES = 8

_log = logging.getLogger(__name__)


def feed_of(
    manifest: Manifest,
    entries: Sequence[Entry],
    tasks: Sequence[Task],
    device: torch.device,
    *,
    threads: int,
    augmentation: Augmentation | None = None,
    seed: int = 0,
    room: int | None = None,
) -> Feed:
    """A feed of bags that lie on the device where they fit, and are read while training where not; the log says which.

    Args:
        manifest: whose bags they are.
        entries: which ones, in the order that numbers them.
        tasks: the auxiliary tasks that are wanted, of those in the manifest's layout.
        device: where the bags are used.
        threads: of the job.
        augmentation: what training does to the bags, if anything.
        seed: of the augmentation.
        room: bytes that bags may take on the device; by default half of what is free for the job.

    Raises:
        MarrowError: a bag is missing, damaged or not what the manifest says.
    """
    return Feed(_stored(manifest, entries, tasks, device, threads, room), None, augmentation, seed)


def _stored(
    manifest: Manifest,
    entries: Sequence[Entry],
    tasks: Sequence[Task],
    device: torch.device,
    threads: int,
    room: int | None,
) -> StoredBags:
    instances = sum(entry.instances for entry in entries)
    taken = instances * (manifest.layout.patch_bytes + LABEL_BYTES * len(tasks))
    most = int(SHARE * free_on(device, threads)) if room is None else room
    told = f"{len(entries)} bags of {manifest.dataset} take {_mebibytes(taken)}, {_mebibytes(most)} are there for them"
    if taken <= most:
        try:
            stored = Resident(manifest, entries, tasks, device, threads)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            told += ", and others took the memory meanwhile"
        else:
            _log.info("%s: they lie on %s", told, device)
            return stored
    _log.info("%s: they are read while %s works", told, device)
    return Streamed(manifest, entries, tasks, device)


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:,.1f} MiB"
