"""The figure of an inverted run: which test bags it shows, and the text above them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from marrow.bags.manifest import Entry, Manifest
from marrow.drawing.inversion.cells import cells_of, windowed
from marrow.drawing.inversion.figure import Content, draw_figure, draw_nothing
from marrow.explanation.inversion.comparison import Result, SplitBags
from marrow.explanation.inversion.examples import Example, example_bags, examples_of
from marrow.explanation.inversion.marking import scaled_attentions
from marrow.explanation.inversion.variants import ATTENTION, PRINTED, SHRINK
from marrow.explanation.localisation.keys import Mask


def draw_picture(
    manifest: Manifest,
    entries: Sequence[Entry],
    test: SplitBags,
    results: Mapping[str, Result],
    is_bounded: bool,
    heading: str,
    path: Path,
) -> None:
    """Draw test bags before and after the sparse inversion as printed.

    `test` has the predictor and the key instances of `entries`; `results` is quantity -> result; `is_bounded` says
    whether units are between 0 and 1.
    """
    before, after = results[ATTENTION].predictions, results[PRINTED].predictions
    bags = example_bags(before, test.key)
    if not bags:
        draw_nothing(heading, f"Of {len(before)} test bags none looks positive, so none was inverted.", path)
        return
    shown = examples_of(manifest, entries, bags, before, after)
    variant = results[PRINTED].variant
    pairs = [test.predictor.patches(variant, each.position, before[each.position].predicted) for each in shown]
    units, moved = (
        torch.cat([pair[which][each.instances] for pair, each in zip(pairs, shown, strict=True)]) for which in (0, 1)
    )
    heights = {
        name: _of_shown(scaled_attentions(results[name].predictions), shown) for name in (ATTENTION, PRINTED, SHRINK)
    }
    content = Content(
        heading=heading,
        words=_words(entries, results, shown, manifest.classes),
        before=cells_of(windowed(units, units, is_bounded), manifest.layout),
        after=cells_of(windowed(moved, units, is_bounded), manifest.layout),
        heights=heights,
        thresholds={name: results[name].threshold for name in heights},
        key=_key(test.key, shown),
        rows=np.concatenate([each.rows for each in shown]),
        columns=np.concatenate([each.columns for each in shown]),
    )
    draw_figure(content, PRINTED, SHRINK, path)


def _of_shown(values: Sequence[np.ndarray], shown: Sequence[Example]) -> np.ndarray:
    return np.concatenate([values[each.position][each.instances] for each in shown])


def _key(key: Sequence[Mask | None], shown: Sequence[Example]) -> Mask | None:
    known = [key[each.position] for each in shown]
    if any(marks is None for marks in known):
        return None
    return _of_shown([np.zeros(0, np.bool_) if marks is None else marks for marks in key], shown)


def _words(
    entries: Sequence[Entry], results: Mapping[str, Result], shown: Sequence[Example], classes: Sequence[str]
) -> str:
    """One line on what the figure shows."""
    before, after = results[ATTENTION].predictions, results[PRINTED].predictions
    told = f"sparse inversion as printed, {results[PRINTED].variant.told}"
    if len(shown) > 1:
        return f"{len(shown)} test bags that look positive, a row each · {told}"
    (one,) = shown
    prediction, entry = before[one.position], entries[one.position]
    count, of = len(one.instances), len(prediction.attention)
    part = f"the {count} of {of} instances with the most attention before or after · " if count < of else ""
    truth = f"of class {entry.label_name} " if entry.label_name else ""
    sure = f"{prediction.probability:.3f} before, {after[one.position].probability:.3f} after"
    return f"bag {entry.bag} {truth}looks like {classes[prediction.predicted]} ({sure}) · {part}{told}"
