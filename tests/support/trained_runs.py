"""Runs trained for tests, by calling the scripts of the rules that train and predict."""

from pathlib import Path

import predict_bags
import train_model

OUTPUTS = {"model": "model.safetensors", "history": "history.parquet", "summary": "run.json"}


def arguments(folder: Path, manifest, chosen, **changed):
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: folder / file for name, file in OUTPUTS.items()}
    given = {"manifest": manifest.path, "method": "mine", "seed": 3, "settings": chosen, "augmentation": None}
    given |= {"attributes": None, "experts": []}
    return {**files, **given, "checkpoints": folder / "checkpoints", "threads": 1, **changed}


def trained(folder: Path, manifest, chosen, **changed):
    """The folder of a run: what training leaves, and what the model says of the bags of the same manifest."""
    given = arguments(folder, manifest, chosen, **changed)
    train_model.main(**given)
    return predicted(folder, given["manifest"])


def predicted(folder: Path, manifest: Path):
    """The folder of a run, with what its model says of the bags of a manifest."""
    predict_bags.main(
        model=folder / OUTPUTS["model"],
        manifest=manifest,
        predictions=folder / "predictions.parquet",
        instances=folder / "instances.parquet",
        threads=1,
    )
    return folder
