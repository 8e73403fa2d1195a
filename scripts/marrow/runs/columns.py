"""What the tables of a run are called inside, and which manifest they belong to; without anything heavy."""

import hashlib

from marrow.bags.manifest import Manifest
from marrow.workflow.fingerprint.values import canonical


def probability_of(class_name: str) -> str:
    """The column with the probability of a class."""
    return f"p_{class_name}"


def predicted_of(task: str) -> str:
    """The column with what the head of an auxiliary task says: the number of a class, or a value."""
    return f"predicted_{task}"


def manifest_digest(manifest: Manifest) -> str:
    """One digest of all that a training sees of a manifest."""
    seen = [[entry.bag, entry.split, entry.label, entry.digest] for entry in manifest.entries]
    return hashlib.sha256(canonical([manifest.dataset, list(manifest.classes), seen]).encode()).hexdigest()
