"""The gain of a levelling amplifier over time."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError
from ritornello.show.figures import new_figure, save_figure
from ritornello.show.palette import GRID, INK, ROLE_COLORS

_COLORS = (*ROLE_COLORS.values(), INK)


def write_gain_trace(
    times_s: NDArray[np.float64], gains_db: NDArray[np.float64], path: str | os.PathLike[str], title: str = ""
) -> None:
    """Draw the gain over time as PNG, a line a channel; channels of equal gain are one line.

    Args:
        times_s: ``(points,)``.
        gains_db: ``(channels, points)``.
        path: the PNG to write.
        title: text above the picture.

    Raises:
        ArgumentError: if there is no point.
        WriteError: if the file cannot be written.
    """
    if not gains_db.size:
        raise ArgumentError("a gain trace needs at least one point")
    figure = new_figure(9, 3.2)
    axes = figure.add_axes((0.08, 0.17, 0.9, 0.72))
    for number, line in enumerate(gains_db):
        if not any(np.array_equal(line, earlier) for earlier in gains_db[:number]):
            axes.plot(times_s, line, color=_COLORS[number % len(_COLORS)], linewidth=0.9, label=f"channel {number + 1}")
    axes.set_ylim(min(-6.0, float(gains_db.min()) - 1), max(1.0, float(gains_db.max()) + 1))
    axes.set_xlabel("time (s)")
    axes.set_ylabel("gain (dB)")
    axes.grid(color=GRID, linewidth=0.5)
    axes.set_title(title, color=INK, fontsize=10)
    if len(axes.lines) > 1:
        axes.legend(frameon=False, fontsize=8)
    save_figure(figure, path)
