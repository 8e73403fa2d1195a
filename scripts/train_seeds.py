"""Rule train_seeds: several runs of one method on one data set, which differ in their seeds, in one process."""

import json
from pathlib import Path
from typing import Any

from marrow.bags.manifest import read_manifest
from marrow.device.device import best_device
from marrow.device.gpu_slots import own_gpu
from marrow.files import write_text
from marrow.learning.feed.augmenter import augmenter_of
from marrow.learning.training.interrupt import listening
from marrow.runs.many_seeds import run_fingerprint, train_seeds
from marrow.runs.tensorboard import check_tensorboard
from marrow.runs.training import MethodOnData
from marrow.workflow.archive import Archive
from marrow.workflow.paths import ARCHIVE
from marrow.workflow.record import read_record


def main(
    *,
    manifest: Path,
    trained: Path,
    method: str,
    seeds: list[int],
    folders: list[str],
    settings: dict[str, Any],
    augmentation: dict[str, Any] | None,
    seeds_per_process: int,
    archive_mb: int,
    threads: int,
) -> None:
    """Train the runs that are neither there nor in the archive, and put them into the archive.

    Args:
        manifest: of the training and validation bags of the data set.
        trained: what became of each seed, JSON.
        method: its name.
        seeds: of all runs.
        folders: where the results of each run lie.
        settings: encoder, pooling, auxiliary, weighting and training of the method.
        augmentation: the section `augmentation` of the config; None to see instances as they are.
        seeds_per_process: how many runs train at a time.
        archive_mb: how much the archive may hold, in MiB.
        threads: of the processor.
    """
    check_tensorboard()
    archive = Archive(ARCHIVE, archive_mb)
    fingerprints = {seed: run_fingerprint(manifest, method, seed, settings, augmentation) for seed in seeds}
    records = {seed: read_record(Path(folder) / "record.json") for seed, folder in zip(seeds, folders, strict=True)}
    standing = {seed for seed, record in records.items() if record and record.fingerprint == fingerprints[seed]}
    wanted = [seed for seed in seeds if seed not in standing and not archive.holds(fingerprints[seed])]
    became: dict[int, str] = {}
    with own_gpu(), listening() as asked:
        bags = read_manifest(manifest)
        common = MethodOnData(bags, method, settings, augmenter_of(augmentation), best_device(threads), threads)
        for first in range(0, len(wanted), seeds_per_process):
            together = {seed: fingerprints[seed] for seed in wanted[first : first + seeds_per_process]}
            became |= train_seeds(common, together, archive, trained.parent, asked)
    told = {f"seed-{seed}": became.get(seed, "was there") for seed in seeds}
    write_text(trained, json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
