"""Drawing one histogram of the quality sheet."""

import numpy as np
from matplotlib.axes import Axes

from marrow.drawing.ink import BARS, ENDS, INK, QUIET
from marrow.drawing.quality_sheet.histogram import Histogram


def draw_histogram(axes: Axes, name: str, shown: Histogram) -> None:
    """Draw a histogram: bars, the two ends of the scale as lines, the nine deciles as ticks under the bars.

    Heights are square roots of the shares: lesions are few voxels among very many, and would not show otherwise.
    """
    heights = np.sqrt(shown.shares)
    top = (float(heights.max()) or 1.0) * 1.05
    axes.stairs(heights, shown.edges, fill=True, color=BARS)
    axes.set(xlim=(shown.edges[0], shown.edges[-1]), ylim=(-0.09 * top, top), yticks=[])
    axes.vlines(shown.deciles, -0.075 * top, -0.015 * top, colors=INK, linewidth=0.8)
    axes.vlines(shown.ends, 0, top, colors=ENDS, linewidth=1.0)
    axes.set_xticks(shown.ends, [f"{end:.4g}" for end in shown.ends])
    axes.tick_params(labelsize=8, labelcolor=ENDS, length=0, pad=2)
    for side in ("left", "right", "top", "bottom"):
        axes.spines[side].set_visible(False)
    axes.text(0.0, 1.02, name, transform=axes.transAxes, fontsize=8.5, color=QUIET, va="bottom")
