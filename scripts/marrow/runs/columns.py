"""Names of the columns in the tables of a run, and the digest that ties a table to its manifest."""

import hashlib

from marrow.bags.manifest import Manifest
from marrow.workflow.fingerprint.values import canonical


def probability_of(class_name: str) -> str:
    """The column with the probability of a class."""
    return f"p_{class_name}"


SHARE_PICTURES = "share_pictures"  # how much the pictures count in the verdict of two experts, from 0 to 1


def by_pictures(class_name: str) -> str:
    """The column with the probability that the expert on pictures gives a class."""
    return f"pictures_{class_name}"


def by_attributes(class_name: str) -> str:
    """The column with the probability that the expert on attributes gives a class."""
    return f"attributes_{class_name}"


def predicted_of(task: str) -> str:
    """The column with the answer of an auxiliary head: the number of a class, or a value."""
    return f"predicted_{task}"


def manifest_digest(manifest: Manifest) -> str:
    """One digest of a data set's classes and its bags: names, splits, labels and contents."""
    bags = [[entry.bag, entry.split, entry.label, entry.digest] for entry in manifest.entries]
    return hashlib.sha256(canonical([manifest.dataset, list(manifest.classes), bags]).encode()).hexdigest()
