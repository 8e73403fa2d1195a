"""From a classifier's outputs to probabilities and losses.

Two classes have one output z, the logit of the second: p = (sigmoid(-z), sigmoid(z)), and binary cross-entropy on the
logit. K classes have K outputs, with softmax and cross-entropy. The probability is never clamped, as the released code
of attention pooling does: its logarithm is taken of the logit, so a verdict that is far off still has a gradient.
"""

import torch
from torch import Tensor
from torch.nn import functional

from marrow.learning.pooling.segments import at_least_float32


def outputs_of(classes: int) -> int:
    """How many outputs a classifier of so many classes has."""
    return 1 if classes == 2 else classes


def log_probabilities(logits: Tensor) -> Tensor:
    """Logits (n, outputs) -> logarithms of the classes' probabilities (n, classes)."""
    logits = at_least_float32(logits)
    if logits.shape[1] == 1:
        return functional.logsigmoid(torch.cat([-logits, logits], 1))
    return torch.log_softmax(logits, 1)


def probabilities(logits: Tensor) -> Tensor:
    """Logits (n, outputs) -> probabilities of the classes (n, classes)."""
    logits = at_least_float32(logits)
    if logits.shape[1] == 1:
        return torch.sigmoid(torch.cat([-logits, logits], 1))
    return torch.softmax(logits, 1)


def logits_of(log_probabilities: Tensor, outputs: int) -> Tensor:
    """Logarithms of the classes' probabilities (n, classes), up to a common factor -> logits (n, outputs)."""
    if outputs == 1:
        return log_probabilities[:, 1:] - log_probabilities[:, :1]
    return log_probabilities


def class_loss(logits: Tensor, labels: Tensor, class_weights: Tensor | None = None) -> Tensor:
    """Cross-entropy of each row of logits (n, outputs), (n,), times the weight of its class.

    Not divided by the sum of the weights, as in PyTorch's mean: with one bag a step nothing of them would be left.
    """
    logits = at_least_float32(logits)
    if logits.shape[1] == 1:
        losses = functional.binary_cross_entropy_with_logits(logits[:, 0], labels.to(logits.dtype), reduction="none")
    else:
        losses = functional.cross_entropy(logits, labels, reduction="none")
    return losses if class_weights is None else losses * class_weights.to(losses)[labels]
