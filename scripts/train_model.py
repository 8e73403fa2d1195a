"""Rule train_model: one run, which is one method trained on one data set with one seed."""

from pathlib import Path
from typing import Any

from marrow.bags.manifest import read_manifest
from marrow.device.deterministic import deterministic
from marrow.device.device import best_device
from marrow.device.gpu_slots import own_gpu
from marrow.learning.feed.augmenter import augmenter_of
from marrow.learning.training.interrupt import listening
from marrow.runs.files import RunFiles
from marrow.runs.tensorboard import check_tensorboard
from marrow.runs.training import MethodOnData, Training


def main(
    *,
    manifest: Path,
    model: Path,
    history: Path,
    summary: Path,
    method: str,
    seed: int,
    settings: dict[str, Any],
    augmentation: dict[str, Any] | None,
    checkpoints: Path,
    threads: int,
) -> None:
    """Train, and choose an epoch.

    Args:
        manifest: of the training and validation bags of the data set.
        model: the weights of the chosen epoch, with what they are for.
        history: a row for each epoch.
        summary: of the run, JSON.
        method: its name.
        seed: of weights, dropout, order and augmentation.
        settings: encoder, pooling, auxiliary, weighting and training of the method.
        augmentation: the section `augmentation` of the config; None to see instances as they are.
        checkpoints: where a training that was stopped or killed left off.
        threads: of the processor.
    """
    check_tensorboard()
    bags = read_manifest(manifest)
    with own_gpu(), deterministic(settings["training"]["deterministic"]), listening() as interrupt:
        common = MethodOnData(bags, method, settings, augmenter_of(augmentation), best_device(threads), threads)
        training = Training(common, seed, checkpoints, interrupt)
        training.trainer.train()
        training.write(RunFiles(model, history, summary))


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
