"""Trains the network on segments of annotated scans, as in DeepMedic.

Segments have 37^3 voxels; their middle voxels are drawn equally often from each class. The loss is the cross-entropy
of the predicted 21^3 voxels (optionally with soft Dice) with L1 and L2 regularisation; the optimiser is RMSprop with
Nesterov momentum and a schedule that halves the learning rate. Intensities are shifted and scaled at random; left and
right are swapped at random together with the bones' ids. The result are the weights after the last epoch; the
validation scans are for monitoring only.

Segments contain more bone than the body does, so that the network predicts too much bone. At the end, the bias of the
background is therefore changed such that, in segments drawn uniformly from the training bodies, the number of voxels
predicted as bone equals the true one.

Segments and dropout of an epoch are drawn from the seed and the number of the epoch, and a checkpoint is saved after
each epoch: a training that was killed resumes with the same result to the last bit.
"""

import csv
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from marrow.bones.segmentation.network import ThreePathways
from marrow.bones.segmentation.optimiser import NesterovRMSprop
from marrow.bones.segmentation.prepare import Labels
from marrow.bones.segmentation.segments import Case, Place, balanced_places, read_labels, read_windows, uniform_places
from marrow.device.checkpoint import Checkpoint, Checkpoints, parts
from marrow.errors import MarrowError

_log = logging.getLogger(__name__)

# The random streams.
SEGMENTS, DROPOUT, VALIDATION, BALANCE = range(4)
BALANCED_ON = 100  # segments
EVEN_EDGE = 21  # the least edge in voxels of the prediction of a segment drawn uniformly


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters: the section `bones.training` of the config without `final`; its schema says what each means."""

    seed: int
    epochs: int
    segments: int
    batch: int
    edge: int
    learning_rate: float
    halve_at: Sequence[float]
    momentum: float
    l1: float
    l2: float
    dice: float
    shift: float
    scale: float
    mirror: float
    validation_segments: int

    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 1."""
        return self.learning_rate * 0.5 ** sum(epoch > share * self.epochs for share in self.halve_at)


@dataclass(frozen=True)
class Row:
    """A row of the history: epoch from 1, seconds, learning rate, mean loss, and Dice on validation segments."""

    epoch: int
    seconds: float
    learning_rate: float
    loss: float
    dice: float


class Trainer:
    """Trains a network in place, on its device; its state is the network, the optimiser and the history.

    `mirrored_ids` has for every id from 0 the id after a left-right flip.
    """

    def __init__(self, network: ThreePathways, recipe: Recipe, mirrored_ids: Sequence[int]) -> None:
        self.network, self.recipe = network, recipe
        self.optimiser = NesterovRMSprop(network.parameters(), momentum=recipe.momentum)
        self.history: list[Row] = []
        self._mirrored_ids = np.asarray(mirrored_ids, np.uint8)
        self._margin = network.architecture.margin
        self._predicted = recipe.edge - 2 * self._margin
        self._even = max(self._predicted, EVEN_EDGE)
        self._device = next(network.parameters()).device
        if self._predicted < 1:
            raise MarrowError(
                f"bones.training.edge is {recipe.edge}; {network.architecture.depth} layers need at least "
                f"{2 * self._margin + 1} voxels"
            )

    def train(self, cases: Sequence[Case], validation: Sequence[Case], checkpoints: Checkpoints) -> None:
        """Train to the last epoch, from the last checkpoint if there is one; logs a line for each epoch.

        Raises:
            MarrowError: the loss is NaN or infinite.
        """
        self._resume(checkpoints)
        for epoch in range(len(self.history) + 1, self.recipe.epochs + 1):
            started = time.monotonic()
            loss = self._epoch(cases, epoch)
            dice = self.validate(validation)
            row = Row(epoch, round(time.monotonic() - started, 2), self.recipe.rate(epoch), loss, dice)
            self.history.append(row)
            checkpoints.keep(Checkpoint(self._state(), {"history": [asdict(each) for each in self.history]}))
            _log.info("%s", _line(row, self.recipe.epochs))
        self._balance(cases)

    def _state(self) -> dict[str, Tensor]:
        return parts(network=self.network.state_dict(), optimiser=self.optimiser.state())

    def _resume(self, checkpoints: Checkpoints) -> None:
        checkpoint = checkpoints.read()
        if checkpoint is not None:
            self.history = [Row(**row) for row in checkpoint.values["history"]]
            for name, tensor in self._state().items():
                tensor.copy_(checkpoint.tensors[name])

    def step(self, cases: Sequence[Case], places: Sequence[Place], draw: np.random.Generator, rate: float) -> float:
        """One step on some segments; the loss before it."""
        windows = [
            torch.from_numpy(window).to(self._device).contiguous(memory_format=torch.channels_last_3d)
            for window in _augmented(read_windows(cases, places, self._margin, self._predicted), self.recipe, draw)
        ]
        targets = torch.from_numpy(read_labels(cases, places, self._predicted, self._mirrored_ids)).to(self._device)
        loss = loss_of(self.network(windows, (self._predicted,) * 3), targets.long(), self.recipe.dice)
        loss.backward()
        self._add_regularisation()
        self.optimiser.step(rate)
        return float(loss.detach())

    def validate(self, cases: Sequence[Case]) -> float:
        """Mean Dice over bones on segments drawn uniformly, the same in every epoch; NaN without validation scans."""
        if not cases:
            return float("nan")
        draw = np.random.default_rng([self.recipe.seed, VALIDATION])
        places = uniform_places(cases, self.recipe.validation_segments, self._even, draw)
        classes = self.network.architecture.classes
        counts = np.zeros((3, classes))
        for logits, truth in self._predictions(cases, places):
            predicted = logits.argmax(dim=1).cpu().numpy()
            overlap = np.where(predicted == truth, truth, 0)
            counts += [np.bincount(each.reshape(-1), minlength=classes) for each in (overlap, predicted, truth)]
        overlap, predicted, truth = counts[:, 1:]
        present = truth > 0
        dice = 2 * overlap[present] / (predicted[present] + truth[present])
        return float(np.mean(dice)) if present.any() else float("nan")

    def _balance(self, cases: Sequence[Case]) -> None:
        """Increase the background's bias by the margin that as many voxels exceed as are bone.

        The margin of a voxel is the largest logit of a bone minus the logit of the background; the voxel is predicted
        as bone if its margin is positive.
        """
        draw = np.random.default_rng([self.recipe.seed, BALANCE])
        places = uniform_places(cases, BALANCED_ON, self._even, draw)
        margins: list[npt.NDArray[np.float32]] = []
        bone_voxels = 0
        for logits, truth in self._predictions(cases, places):
            margins.append((logits[:, 1:].amax(dim=1) - logits[:, 0]).cpu().numpy().reshape(-1))
            bone_voxels += int(np.count_nonzero(truth))
        if bone_voxels:
            largest = np.partition(np.concatenate(margins), -bone_voxels)
            with torch.no_grad():
                self.network.class_bias[0] += float(largest[-bone_voxels])

    @torch.inference_mode()
    def _predictions(self, cases: Sequence[Case], places: Sequence[Place]) -> Iterator[tuple[Tensor, Labels]]:
        """Logits and true classes of some segments, a batch at a time."""
        unchanged = np.arange(self.network.architecture.classes, dtype=np.uint8)
        self.network.eval()
        for part in _batches(places, self.recipe.batch):
            window = read_windows(cases, part, self._margin, self._even)
            windows = [torch.from_numpy(window).to(self._device) for window in window]
            logits = self.network(windows, (self._even,) * 3)
            yield logits, read_labels(cases, part, self._even, unchanged)

    def _epoch(self, cases: Sequence[Case], epoch: int) -> float:
        """One epoch; the mean loss of its steps."""
        recipe = self.recipe
        draw = np.random.default_rng([recipe.seed, SEGMENTS, epoch])
        torch.manual_seed(int(np.random.default_rng([recipe.seed, DROPOUT, epoch]).integers(2**62)))
        places = balanced_places(cases, recipe.segments, self._predicted, recipe.mirror, draw)
        self.network.train()
        losses: list[float] = []
        parts = list(_batches(places, recipe.batch))
        bar = tqdm(parts, f"epoch {epoch} of {recipe.epochs}", disable=not sys.stderr.isatty(), leave=False)
        for part in bar:
            losses.append(self.step(cases, part, draw, recipe.rate(epoch)))
            bar.set_postfix(loss=f"{losses[-1]:.3f}")
            if not np.isfinite(losses[-1]):
                raise MarrowError(
                    f"the loss became {losses[-1]} in epoch {epoch}; lower bones.training.learning_rate and look at "
                    "the quality sheets of the annotated scans"
                )
        return float(np.mean(losses))

    @torch.no_grad()
    def _add_regularisation(self) -> None:
        """Add the gradients of l1 sum |w| + l2 sum w^2."""
        for weight in self.network.convolution_weights():
            if weight.grad is not None:
                weight.grad.add_(weight.sign(), alpha=self.recipe.l1).add_(weight, alpha=2 * self.recipe.l2)


def write_history(history: Sequence[Row], path: Path) -> None:
    """Write the history of a training as CSV, a row per epoch."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([field.name for field in fields(Row)])
        writer.writerows(list(asdict(row).values()) for row in history)


def loss_of(logits: Tensor, targets: Tensor, dice: float) -> Tensor:
    """Mean cross-entropy, plus `dice` times the soft Dice loss of the classes that occur (Milletari et al. 2016).

    With p the predicted and t the true share of a class in each voxel, its soft Dice is

        (2 sum p t + 1) / (sum p + sum t + 1).

    All classes have the same weight however few voxels they have, so that thin bones are learned in fewer steps. Logits
    are `(segments, classes, z, y, x)`, true classes `(segments, z, y, x)`.
    """
    loss = functional.cross_entropy(logits, targets)
    if not dice:
        return loss
    predicted = logits.softmax(dim=1)
    truth = functional.one_hot(targets, logits.shape[1]).movedim(-1, 1).to(predicted.dtype)
    axes = (0, 2, 3, 4)
    overlap, total, present = (predicted * truth).sum(axes), (predicted + truth).sum(axes), truth.sum(axes) > 0
    return loss + dice * (1 - ((2 * overlap + 1) / (total + 1))[present].mean())


def _augmented(
    windows: Sequence[npt.NDArray[np.float32]], recipe: Recipe, draw: np.random.Generator
) -> list[npt.NDArray[np.float32]]:
    """Each segment and channel with a random offset and factor, the same in all its windows."""
    shape = (*windows[0].shape[:2], 1, 1, 1)
    shift, scale = draw.normal(0, recipe.shift, shape), draw.normal(1, recipe.scale, shape)
    return [((window + shift) * scale).astype(np.float32) for window in windows]


def _batches(places: Sequence[Place], size: int) -> Iterator[Sequence[Place]]:
    return (places[start : start + size] for start in range(0, len(places), size))


def _line(row: Row, epochs: int) -> str:
    seconds_left = (epochs - row.epoch) * row.seconds
    return (
        f"epoch {row.epoch} of {epochs}: loss {row.loss:.4f}, validation Dice {row.dice:.3f}, learning rate "
        f"{row.learning_rate:.2g}, {row.seconds:.0f} s, about {seconds_left / 60:.0f} min left"
    )
