"""Pictures of a levelling amplifier on the bench: transfer curves by setting, attack and release around a burst."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError
from ritornello.show.figures import new_figure, save_figure
from ritornello.show.palette import GRID, INK, ROLE_COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Signal = NDArray[np.float64]

_PALE, _DEEP = np.array([156, 207, 232]) / 255, np.array([31, 78, 121]) / 255
_LINES = (ROLE_COLORS["melody"], ROLE_COLORS["bass"], ROLE_COLORS["bridge"], ROLE_COLORS["other"])


@dataclass(frozen=True, eq=False)
class Burst:
    """Gain around a burst of a tone.

    Attributes:
        time_s: ``(points,)``; 0 is where the tone begins.
        gain_db: ``(points,)``.
        length_s: where it ends.
    """

    time_s: Signal
    gain_db: Signal
    length_s: float


def write_transfer_curves(
    levels_dbfs: Sequence[float],
    reductions_db: Mapping[str, Mapping[str, Mapping[float, Signal]]],
    zero_vu_dbfs: float,
    path: str | os.PathLike[str],
) -> None:
    """Draw output over input as PNG: a row a model, a column a mode, a line a setting of Peak Reduction.

    Args:
        levels_dbfs: of the input, ``(points,)``.
        reductions_db: by model, mode and Peak Reduction, each ``(points,)``, upwards from 0.
        zero_vu_dbfs: level of 0 VU, which is marked.
        path: the PNG to write.

    Raises:
        ArgumentError: if there is no curve.
        WriteError: if the file cannot be written.
    """
    if not any(by_knob for by_mode in reductions_db.values() for by_knob in by_mode.values()):
        raise ArgumentError("a picture of transfer curves needs at least one")
    levels = np.asarray(levels_dbfs, np.float64)
    columns = max(len(by_mode) for by_mode in reductions_db.values())
    figure, grid = _grid(len(reductions_db), columns, 4.3, 3.9)
    for row, (model, by_mode) in zip(grid, reductions_db.items(), strict=True):
        for axes, (mode, by_knob) in zip(row, by_mode.items(), strict=False):
            axes.plot(levels[[0, -1]], levels[[0, -1]], color=GRID, linewidth=1, linestyle="--")
            axes.axvline(zero_vu_dbfs, color=GRID, linewidth=1)
            axes.text(zero_vu_dbfs - 0.6, levels[0] + 1, "0 VU", fontsize=7, color=INK, ha="right")
            ends = _apart([float(levels[-1] - curve[-1]) for curve in by_knob.values()], 2.6)
            for number, (end, (knob, curve)) in enumerate(zip(ends, by_knob.items(), strict=True)):
                color = tuple(_PALE + (_DEEP - _PALE) * number / max(len(by_knob) - 1, 1))
                axes.plot(levels, levels - curve, color=color, linewidth=1.5)
                axes.text(levels[-1] + 0.8, end, f"{knob:g}", fontsize=8, color=color, va="center")
            axes.set_xlim(levels[0], levels[-1] + 5.5)
            axes.set_ylim(levels[0], levels[-1] + 2)
            axes.set_aspect("equal")
            _label(axes, f"{model}, {mode}", "input (dBFS, peak of a sine)", "output (dBFS, without make-up)")
    save_figure(figure, path)


def write_attack_and_release(
    bursts: Mapping[str, Mapping[str, Mapping[float, Burst]]], path: str | os.PathLike[str]
) -> None:
    """Draw the gain around bursts as PNG: a row a model; left where the longest begins, right what follows their ends.

    Args:
        bursts: by model, mode and length in seconds; the right side shows the first mode only.
        path: the PNG to write.

    Raises:
        ArgumentError: if there is no burst.
        WriteError: if the file cannot be written.
    """
    if not any(by_length for by_mode in bursts.values() for by_length in by_mode.values()):
        raise ArgumentError("a picture of attack and release needs at least one burst")
    figure, grid = _grid(len(bursts), 2, 4.6, 3.1)
    for (left, right), (model, by_mode) in zip(grid, bursts.items(), strict=True):
        for (mode, by_length), dash in zip(by_mode.items(), ("-", "--", ":"), strict=False):
            longest = by_length[max(by_length)]
            begun = longest.time_s < min(0.1, longest.length_s - 0.005)
            left.plot(1e3 * longest.time_s[begun], longest.gain_db[begun], dash, color=INK, linewidth=1.3, label=mode)
        mode, by_length = next(iter(by_mode.items()))
        # The longest lies below and is the widest, so that lines on each other are all seen.
        for number, (length, burst) in enumerate(sorted(by_length.items(), reverse=True)):
            since = burst.time_s - burst.length_s
            after = since > 0.003
            width = max(1.2, 3.4 - 1.1 * number)
            color = _LINES[number % len(_LINES)]
            right.plot(since[after], burst.gain_db[after], color=color, linewidth=width, label=f"{length:g} s long")
        right.set_xscale("log")
        right.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        left.legend(fontsize=8, frameon=False)
        right.legend(fontsize=8, frameon=False, loc="lower right")
        low = min(float(burst.gain_db.min()) for by_length in by_mode.values() for burst in by_length.values())
        for axes in (left, right):
            axes.set_ylim(low - 1, 1)
        _label(left, f"{model}: the tone begins", "time since then (ms)", "gain (dB)")
        _label(right, f"{model}, {mode}: the tone has ended", "time since then (s)", "gain (dB)")
    save_figure(figure, path)


def _grid(rows: int, columns: int, width_in: float, height_in: float) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure and its axes, with room of fixed size around each."""
    whole = (columns * width_in, rows * height_in)
    figure = new_figure(*whole)
    grid = [
        [
            figure.add_axes(
                (
                    (column * width_in + 0.68) / whole[0],
                    ((rows - 1 - row) * height_in + 0.55) / whole[1],
                    (width_in - 0.83) / whole[0],
                    (height_in - 0.9) / whole[1],
                )
            )
            for column in range(columns)
        ]
        for row in range(rows)
    ]
    return figure, grid


def _label(axes: Axes, title: str, x: str, y: str) -> None:
    axes.set_title(title, fontsize=9, color=INK, weight="bold", loc="left")
    axes.set_xlabel(x, fontsize=8, color=INK)
    axes.set_ylabel(y, fontsize=8, color=INK)
    axes.tick_params(labelsize=7)
    axes.grid(color=GRID, linewidth=0.5)


def _apart(places: Sequence[float], least: float) -> list[float]:
    """Return places for labels at least so far from each other, in the same order from the highest down."""
    found: list[float] = [0.0] * len(places)
    above = np.inf
    for index in np.argsort(places)[::-1]:
        above = found[index] = min(places[index], above - least)
    return found
