"""What two experts say of test bags, one of pictures and one of attributes, and how their fusion weighs them.

Several seeds of a method say one thing of a bag: the mean of their probabilities, and of the share of the pictures.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from marrow.bags.manifest import Manifest
from marrow.errors import MarrowError
from marrow.evaluation.columns import COLUMNS
from marrow.evaluation.evaluated_runs import PlannedRun
from marrow.runs.columns import SHARE_PICTURES, by_attributes, by_pictures, probability_of
from marrow.runs.run_table import read_run_table
from marrow.tables.frames import frame_of

SPEAKERS = {"pictures": by_pictures, "attributes": by_attributes, "both": probability_of}


def expert_table(
    runs: Sequence[tuple[PlannedRun, Path, Manifest | MarrowError]],
) -> pd.DataFrame:
    """A row for each method of two experts and test bag: its class, who calls it what, and the share of the pictures.

    Runs that cannot be read are left out, for the table of runs says why; so are bags of which an expert says none.

    Args:
        runs: of an entry, each with its predictions and the manifest of its data set.
    """
    frames = [frame for run, path, manifest in runs for frame in _of_run(run, path, manifest)]
    if not frames:
        return frame_of([], COLUMNS["experts"])
    of_bag = pd.concat(frames).groupby(["part", "method", "bag", "label"], sort=False)
    means = of_bag.mean(numeric_only=True)
    called = {speaker: _called(means.filter(regex=f"^{speaker}:")) for speaker in SPEAKERS}
    table = pd.DataFrame({"share": means[SHARE_PICTURES], **called}).reset_index()
    return table[list(COLUMNS["experts"])]


def _called(probabilities: pd.DataFrame) -> list[str]:
    """The class of the highest probability in each row; columns are `speaker:class`."""
    names = [str(column).partition(":")[2] for column in probabilities.columns]
    return [names[place] for place in probabilities.to_numpy().argmax(1)]


def _of_run(run: PlannedRun, path: Path, manifest: Manifest | MarrowError) -> Iterator[pd.DataFrame]:
    if isinstance(manifest, MarrowError):
        return
    columns = [column(name) for column in SPEAKERS.values() for name in manifest.classes]
    try:
        table = read_run_table(path, manifest, ["bag", SHARE_PICTURES, *columns])
    except MarrowError:
        return
    read = table.to_pandas()
    read = read[(read["split"] == "test") & (read["label"] >= 0)].dropna(subset=columns)
    said = {
        f"{speaker}:{name}": read[column(name)] for speaker, column in SPEAKERS.items() for name in manifest.classes
    }
    labels = read["label"].map(dict(enumerate(manifest.classes)))
    known = {"part": run.part, "method": run.method, "bag": read["bag"], "label": labels}
    yield pd.DataFrame({**known, SHARE_PICTURES: read[SHARE_PICTURES], **said})
