"""Rule train_model: one run, which is one method trained on one data set with one seed."""

from pathlib import Path
from typing import Any

from marrow.bags.manifest import read_manifest, with_attributes
from marrow.device.deterministic import deterministic
from marrow.device.device import best_device
from marrow.device.gpu_slots import own_gpu
from marrow.errors import RunStopped
from marrow.learning.feed.augmenter import augmenter_of
from marrow.learning.model import Model
from marrow.learning.training.interrupt import listening
from marrow.runs.files import RunFiles
from marrow.runs.model_file import load_model
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
    attributes: dict[str, dict[str, str]] | None,
    experts: list[Path],
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
        attributes: bag -> what the sample sheet says of the attributes that the method learns from; None where bags
            bring them along, or the method uses none.
        experts: the two trained models that the run starts from, that on pictures first; none where it does not.
    """
    check_tensorboard()
    bags = with_attributes(read_manifest(manifest), attributes)
    with own_gpu(), deterministic(settings["training"]["deterministic"]), listening() as interrupt:
        common = MethodOnData(bags, method, settings, augmenter_of(augmentation), best_device(threads), threads)
        training = Training(common, seed, checkpoints, interrupt, experts=[_trained(file) for file in experts])
        training.trainer.train()
        training.write(RunFiles(model, history, summary))


def _trained(file: Path) -> Model:
    """A model that a run starts from.

    Raises:
        RunStopped: its training was stopped.
    """
    if not file.stat().st_size:
        raise RunStopped("above", "the training of a model that this run starts from was stopped; its record says why")
    return load_model(file)[0]


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
