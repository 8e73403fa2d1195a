"""Runs trained for tests, by calling the script of the rule that trains."""

from pathlib import Path

import train_model

OUTPUTS = {
    "model": "model.safetensors",
    "history": "history.parquet",
    "predictions": "predictions.parquet",
    "instances": "instances.parquet",
    "summary": "run.json",
}


def arguments(folder: Path, manifest, chosen, **changed):
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: folder / file for name, file in OUTPUTS.items()}
    given = {"manifest": manifest.path, "method": "mine", "seed": 3, "settings": chosen, "augmentation": None}
    return {**files, **given, "checkpoints": folder / "checkpoints", "threads": 1, **changed}


def trained(folder: Path, manifest, chosen, **changed):
    train_model.main(**arguments(folder, manifest, chosen, **changed))
    return folder
