"""Rule predict_bags: what a trained model says of the bags of a data set."""

from pathlib import Path

from marrow.bags.manifest import read_manifest
from marrow.device.chunks import ChunkedEncoder
from marrow.device.deterministic import deterministic
from marrow.device.device import best_device
from marrow.device.gpu_slots import own_gpu
from marrow.device.out_of_memory import OutOfMemoryGuard
from marrow.errors import RunStopped
from marrow.learning.inference import predict
from marrow.runs.model_file import load_model
from marrow.runs.tables import write_instances, write_predictions


def main(*, model: Path, manifest: Path, predictions: Path, instances: Path, threads: int) -> None:
    """Predict.

    Args:
        model: the file of a trained model; empty where its training was stopped.
        manifest: of the bags; empty where all of them were stopped.
        predictions: a row for each bag.
        instances: a row for each instance.
        threads: of the processor.
    """
    for file, what in ((model, "the training of the model"), (manifest, "every scan")):
        if not file.stat().st_size:
            raise RunStopped("above", f"{what} was stopped, so there is nothing to predict; its record says why")
    trained, about = load_model(model)
    bags = read_manifest(manifest)
    about.check(bags)
    with own_gpu(), deterministic(about.settings["training"].get("deterministic", False)):
        device = best_device(threads)
        feed = about.feed(bags, bags.entries, device, threads)
        encoder = ChunkedEncoder(trained.to(device).encoder)
        verdicts = OutOfMemoryGuard(encoder).attempt(lambda: predict(trained, feed, encoder))
    write_predictions(bags, feed.entries, verdicts, predictions)
    write_instances(bags, feed.entries, verdicts, instances)


if __name__ == "__main__":
    from marrow.workflow.stage import run

    run(main)
