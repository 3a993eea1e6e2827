"""Loss over the tokens of one or several training runs, with the measured validations as dots."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np

from ritornello.errors import ArgumentError
from ritornello.show.figures import new_figure, save_figure
from ritornello.show.palette import GRID, INK, ROLE_COLORS

MEASURED = "perplexity_10240"
"""The measurement on validation songs that is drawn, as its logarithm."""

SMOOTHED_STEPS = 25
"""Steps that a line is averaged over."""

_COLORS = (*ROLE_COLORS.values(), INK)


def write_training_curves(
    runs: Mapping[str, Sequence[Mapping[str, float]]], path: str | os.PathLike[str], title: str = ""
) -> None:
    """Draw the loss of training runs as PNG.

    Args:
        runs: for each name the lines of its log: ``targets`` (tokens learned from so far), ``loss`` (nats a token) and,
            where it was measured, ``perplexity_10240`` on validation songs.
        path: the PNG to write.
        title: text above the picture.

    Raises:
        ArgumentError: if there is no run, or one without lines.
        WriteError: if the file cannot be written.
    """
    if not runs or not all(runs.values()):
        raise ArgumentError("a training curve needs at least one line of the log of each run")
    figure = new_figure(8, 4.4)
    axes = figure.add_axes((0.09, 0.13, 0.88, 0.76))
    for number, (name, lines) in enumerate(runs.items()):
        color = _COLORS[number % len(_COLORS)]
        millions = np.array([line["targets"] for line in lines]) / 1e6
        loss = np.array([line["loss"] for line in lines])
        width = min(SMOOTHED_STEPS, len(loss))
        smooth = np.convolve(loss, np.full(width, 1 / width), mode="valid")
        axes.plot(millions[width - 1 :], smooth, color=color, linewidth=1.1, label=name)
        measured = [(line["targets"] / 1e6, np.log(line[MEASURED])) for line in lines if MEASURED in line]
        if measured:
            axes.plot(*zip(*measured, strict=True), "o", color=color, markersize=3.5)
    axes.set_xlabel("million tokens", fontsize=8, color=INK)
    axes.set_ylabel("nats a token (line: training, dots: validation)", fontsize=8, color=INK)
    axes.tick_params(labelsize=7)
    axes.grid(color=GRID, linewidth=0.5)
    axes.legend(fontsize=8, frameon=False)
    figure.text(0.09, 0.93, title or "Training", fontsize=11, weight="bold", color=INK)
    save_figure(figure, path)
