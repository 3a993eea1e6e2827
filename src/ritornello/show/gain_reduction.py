"""The gain of a levelling amplifier over time, below what goes into it and comes out."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError
from ritornello.show.figures import new_figure, save_figure
from ritornello.show.palette import GRID, INK, ROLE_COLORS

_COLORS = (*ROLE_COLORS.values(), INK)
_BEFORE, _AFTER = "#b9d5e8", ROLE_COLORS["bass"]


def write_gain_trace(
    times_s: NDArray[np.float64],
    gains_db: NDArray[np.float64],
    path: str | os.PathLike[str],
    peaks: NDArray[np.float64] | None = None,
    title: str = "",
) -> None:
    """Draw the gain over time as PNG, a line a channel; channels of equal gain are one line.

    Args:
        times_s: ``(points,)``.
        gains_db: ``(channels, points)``.
        path: the PNG to write.
        peaks: of input and output, full scale 1, ``(2, points)``, drawn above the gain; None leaves them out.
        title: text above the picture.

    Raises:
        ArgumentError: if there is no point.
        WriteError: if the file cannot be written.
    """
    if not gains_db.size:
        raise ArgumentError("a gain trace needs at least one point")
    figure = new_figure(9, 3.2 if peaks is None else 4.4)
    axes = figure.add_axes((0.07, 0.16, 0.91, 0.73) if peaks is None else (0.07, 0.12, 0.91, 0.45))
    for number, line in enumerate(gains_db):
        if not any(np.array_equal(line, earlier) for earlier in gains_db[:number]):
            color = _COLORS[number % len(_COLORS)]
            axes.plot(times_s, line, color=color, linewidth=0.8, label=f"channel {number + 1}")
    if len(axes.lines) == 1:
        axes.fill_between(times_s, 0, gains_db[0], color=_COLORS[0], alpha=0.15, linewidth=0)
    else:
        axes.legend(frameon=False, fontsize=7, ncols=8, loc="lower left")
    axes.set_ylim(min(-6.0, float(gains_db.min()) - 1), max(1.0, float(gains_db.max()) + 1))
    axes.set_xlabel("time (s)", fontsize=8, color=INK)
    axes.set_ylabel("gain (dB)", fontsize=8, color=INK)
    shown = [axes]
    if peaks is not None:
        above = figure.add_axes((0.07, 0.62, 0.91, 0.3), sharex=axes)
        for line, color, name in zip(peaks, (_BEFORE, _AFTER), ("in", "out"), strict=True):
            above.fill_between(times_s, -line, line, color=color, linewidth=0, label=name)
        highest = max(1e-6, float(peaks.max()))
        above.set_ylim(-highest, highest)
        above.set_ylabel("peaks", fontsize=8, color=INK)
        above.tick_params(labelbottom=False)
        above.legend(frameon=False, fontsize=7, ncols=2, loc="lower right", bbox_to_anchor=(1, 0.97))
        shown.append(above)
    for part in shown:
        part.margins(x=0)
        part.tick_params(labelsize=7)
        part.grid(color=GRID, linewidth=0.5)
    figure.text(0.07, 0.94, title, fontsize=10, color=INK, weight="bold")
    save_figure(figure, path, dpi=100)
