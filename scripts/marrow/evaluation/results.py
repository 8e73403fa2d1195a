"""The tables of an evaluation, read back and joined for those that lay them out for readers."""

from pathlib import Path

import pandas as pd

from marrow.evaluation.columns import COLUMNS, METRICS
from marrow.evaluation.evaluated_runs import DONE
from marrow.tables.frames import read_table

KEYS = ["part", "method", "metric"]
MARK = "*"


class Results:
    """What `evaluate_runs` wrote.

    Args:
        runs, summary, comparisons, notes: its tables.
        reference: the method that the others are compared with.
        significance: below which a corrected p marks a difference.

    Attributes:
        parts: what runs are averaged in.
        titles: method -> title, as planned.
        cells: of `part`, `method` and `metric`: the numbers of the summary; `difference` to the reference with
            its ends `difference_low` and `difference_high`, and `p_corrected`; `mark` where they differ; and the `note`
            why there is no mean.
    """

    def __init__(
        self, runs: Path, summary: Path, comparisons: Path, notes: Path, reference: str, significance: float
    ) -> None:
        self.reference, self.significance = reference, significance
        self._runs = read_table(runs, COLUMNS["runs"])
        self._notes = read_table(notes, COLUMNS["notes"])
        self.parts: list[str] = self._runs["part"].unique().tolist()
        self.titles: dict[str, str] = dict(zip(self._runs["method"], self._runs["title"], strict=True))
        differences = read_table(comparisons, COLUMNS["comparisons"])
        differences = differences.rename(columns={"low": "difference_low", "high": "difference_high"})
        columns = [*KEYS, "difference", "difference_low", "difference_high", "p_corrected"]
        cells = read_table(summary, COLUMNS["summary"]).merge(differences[columns], on=KEYS, how="left")
        cells["mark"] = cells["p_corrected"].lt(significance).map({True: MARK, False: ""})
        cells["note"] = [
            self._note(*key) if pd.isna(mean) else "" for *key, mean in cells[[*KEYS, "mean"]].itertuples(index=False)
        ]
        self.cells = cells

    @property
    def reference_title(self) -> str:
        """The title of the reference method."""
        return self.titles.get(self.reference, self.reference)

    def of_part(self, part: str) -> pd.DataFrame:
        """The cells of a part, method after method; without numbers where no such run is planned."""
        keys = pd.MultiIndex.from_product([[part], self.titles, METRICS], names=KEYS)
        return self.cells.set_index(KEYS).reindex(keys).reset_index()

    def tested(self, part: str) -> pd.DataFrame:
        """How many `bags` and `patients` each run of a part tests."""
        is_tested = (self._runs["part"] == part) & (self._runs["status"] == DONE)
        return self._runs.loc[is_tested, ["bags", "patients"]]

    def general_notes(self, part: str) -> dict[str, list[str]]:
        """The notes that hold for all methods, each with the metrics that it is on; none where it is on no metric."""
        notes = self._notes[(self._notes["part"] == part) & (self._notes["method"] == "")]
        return {
            str(note): [metric for metric in metrics if metric]
            for note, metrics in notes.groupby("note", sort=False)["metric"]
        }

    def _note(self, part: str, method: str, metric: str) -> str:
        notes = self._notes
        notes = notes[(notes["part"] == part) & notes["method"].isin({method, ""}) & notes["metric"].isin({metric, ""})]
        return notes["note"].iloc[0] if len(notes) else "it is not known why"
