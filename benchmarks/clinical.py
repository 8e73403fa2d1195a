"""What attributes add to a training step, and how fast patients are judged at the size of the lymphocytosis paper."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.measurement import Benchmark, Goal, Measurement, seconds_of, side_by_side
from benchmarks.training import SCHEMAS, dataset_settings, manifest_of, trainer_of
from marrow.bags.attributes import Attribute
from marrow.bags.file import write_bags
from marrow.bags.manifest import Manifest
from marrow.device.chunks import ChunkedEncoder
from marrow.learning.inference import predict
from marrow.learning.training.preparation import Preparation, prepare
from marrow.planning.kinds import implementation
from marrow.planning.methods.instances import Instances
from marrow.planning.methods.presets import read_methods

ATTRIBUTES = (Attribute("age"), Attribute("lymphocyte_count", log=True))
CPU, THREADS = torch.device("cpu"), 2
BAGS, REPEATS = 8, 7  # of a step
PATIENTS = 42
PAPER_SECONDS = 0.72  # a patient, on the GPU of Sahasrabudhe et al.
PAPER = {"encoder": {"kind": "resnet", "width": 64, "flatten": True}}
AT_A_TIME = 64


def measure_step() -> list[Measurement]:
    """A step of a mixture of experts on simulated patients, against one of its expert on pictures alone."""
    with tempfile.TemporaryDirectory() as folder:
        manifest = _patients(Path(folder), 56, {"train": BAGS})
        mixture, pictures = (_epochs(manifest, method, 56) for method in ("expert-mixture", "picture-expert"))
        mixture()
        pictures()
        ours, theirs = side_by_side(mixture, pictures, REPEATS)
    return [Measurement("attribute_step", ours / BAGS, "s", theirs / BAGS, ours / theirs)]


def measure_prediction() -> list[Measurement]:
    """A patient judged by the mixture at the paper's size: about 82 pictures of 224 pixels, 64 maps."""
    with tempfile.TemporaryDirectory() as folder:
        manifest = _patients(Path(folder), 224, {"train": 2, "test": PATIENTS})
        prepared = _prepared(manifest, "expert-mixture", 224, PAPER)
        tested = prepared.all.part(manifest.of_split("test"))
        encoder = ChunkedEncoder(prepared.stepper.model.encoder)
        encoder.recompute(AT_A_TIME)
        seconds = seconds_of(lambda: predict(prepared.stepper.model, tested, encoder)) / PATIENTS
    return [Measurement("patient_judged", seconds, "s", PAPER_SECONDS, PAPER_SECONDS / seconds)]


def _patients(folder: Path, pixels: int, splits: Mapping[str, int]) -> Manifest:
    """Simulated patients with pictures of their blood cells."""
    torch.set_num_threads(THREADS)
    blood = implementation("datasets", "blood")
    settings = dataset_settings("blood") | {"pixels": pixels}
    files: list[Path] = []
    for split, count in splits.items():
        files.append(folder / f"{split}.parquet")
        write_bags(list(blood.make_bags(settings, {}, split, 0, count)), blood.layout(settings), files[-1])
    return manifest_of(files, "blood", blood.classes(settings))


def _prepared(manifest: Manifest, method: str, pixels: int, changed: Mapping[str, Any]) -> Preparation:
    methods = read_methods({"measured": {"preset": method, **changed}}, SCHEMAS)
    instances = Instances((3, pixels, pixels), (), ("blood",), are_bytes=True, attributes=ATTRIBUTES)
    settings = methods.method("measured", instances, {"choose": "last"}).settings
    return prepare(manifest, settings, None, 0, CPU, THREADS)


def _epochs(manifest: Manifest, method: str, pixels: int) -> Any:
    """A call that trains for another epoch."""
    prepared = _prepared(manifest, method, pixels, {})
    training = {
        "epochs": 10_000, "optimiser": "adam", "learning_rate": 1e-4, "learning_rate_steps": [],
        "learning_rate_factor": 1, "learning_rate_decay": 0, "weight_decay": 5e-4, "decay_biases": True,
        "bags_per_step": 1, "choose": "last", "patience": None,
    }  # fmt: skip
    return trainer_of(prepared, training, 0).run_epoch


STEP = Benchmark(
    "attribute_step",
    "a step of a mixture of experts, against one of its expert on pictures alone",
    {"attribute_step": Goal("ratio", "most", 1.03, "attributes cost at most 3% of the pictures")},
    measure_step,
)
PREDICTION = Benchmark(
    "patient_judged",
    "a patient judged at the paper's size on this machine's processor, against its 0.72 s on a GPU of 2016",
    {"patient_judged": Goal("ratio", "least", 1.0, "as fast as the paper's GPU")},
    measure_prediction,
)
