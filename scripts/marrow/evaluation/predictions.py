"""The predictions of a run for its test bags, and the same by patient."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import numpy.typing as npt

from marrow.bags.manifest import Entry

Numbers = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
Names = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Predictions:
    """The predictions of a run for bags whose label is known.

    Attributes:
        patients: whose each is, (bags,).
        sites: where each was scanned, (bags,); empty where unknown.
        labels: the number of its class, (bags,).
        probabilities: of the classes, (bags, classes); rows sum to 1.
    """

    patients: Names
    sites: Names
    labels: Labels
    probabilities: Numbers

    @classmethod
    def of(cls, entries: Sequence[Entry], probabilities: Numbers) -> "Predictions":
        """The predictions for some bags of a manifest; rows are scaled to sum to 1 beyond the precision of a file."""
        return cls(
            patients=np.array([entry.patient for entry in entries], np.str_),
            sites=np.array([entry.site for entry in entries], np.str_),
            labels=np.array([entry.label for entry in entries], np.int64),
            probabilities=probabilities / probabilities.sum(1, keepdims=True),
        )

    @classmethod
    def joined(cls, several: Sequence["Predictions"]) -> "Predictions":
        """Those of several runs, one after the other."""
        return cls(*(np.concatenate([getattr(each, field.name) for each in several]) for field in fields(cls)))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def classes(self) -> int:
        """How many there are."""
        return self.probabilities.shape[1]

    @cached_property
    def predicted(self) -> Labels:
        """The class of the highest probability, (bags,); of two classes, the one above one half."""
        return self.probabilities.argmax(1)

    @property
    def confidence(self) -> Numbers:
        """What calibration looks at, (bags,): of two classes the second's probability, else the predicted class's."""
        return self.probabilities[:, 1] if self.classes == 2 else self.probabilities.max(1)

    @property
    def confirmed(self) -> npt.NDArray[np.bool_]:
        """Whether that came true, (bags,): the second class, or the predicted one."""
        return self.labels == 1 if self.classes == 2 else self.labels == self.predicted

    def of_site(self, site: str) -> "Predictions":
        """Those of one site."""
        return self._chosen(self.sites == site)

    def by_patient(self) -> "Predictions":
        """A row a patient, with the mean of the probabilities of the patient's bags.

        Bags of one patient with different labels, as before and after treatment, stay apart: a row for each label.
        """
        keys = np.char.add(np.char.add(self.labels.astype(np.str_), "/"), self.patients)
        _, first, case = np.unique(keys, return_index=True, return_inverse=True)
        sums = np.zeros((len(first), self.classes))
        np.add.at(sums, case, self.probabilities)
        one = self._chosen(first)
        return Predictions(one.patients, one.sites, one.labels, sums / np.bincount(case, minlength=len(first))[:, None])

    def _chosen(self, which: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> "Predictions":
        return Predictions(self.patients[which], self.sites[which], self.labels[which], self.probabilities[which])
