"""Training objectives side by side: validation accuracy over steps, and ratios of steps to cross-entropy's."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError
from ritornello.show.figures import new_figure, save_figure
from ritornello.show.palette import GRID, INK, ROLE_COLORS

_COLORS = (INK, *ROLE_COLORS.values())
_DASHES = ("-", "--", ":")


def write_comparison(
    curves: Mapping[str, tuple[Sequence[int], NDArray[np.float64]]],
    ratios: Mapping[str, tuple[float, float, float]],
    path: str | os.PathLike[str],
    title: str = "",
) -> None:
    """Draw a comparison as PNG.

    Args:
        curves: of each objective the steps, and the accuracies ``(seeds, steps)``, from 0 to 1 or NaN: drawn are the
            mean and a band of one standard deviation over seeds.
        ratios: of each objective the ratio and the ends of its interval.
        path: the PNG to write.
        title: text above the picture.

    Raises:
        ArgumentError: if there is no curve.
        WriteError: if the file cannot be written.
    """
    if not curves:
        raise ArgumentError("a comparison needs the curves of at least one objective")
    figure = new_figure(10, 4.4)
    left = figure.add_axes((0.06, 0.12, 0.43, 0.74))
    style = {
        name: (_COLORS[number % len(_COLORS)], _DASHES[number // len(_COLORS) % len(_DASHES)])
        for number, name in enumerate(curves)
    }
    for name, (steps, found) in curves.items():
        color, dash = style[name]
        alive = ~np.isnan(found).all(0)
        mean, spread = np.nanmean(found[:, alive], 0), np.nanstd(found[:, alive], 0)
        at = np.asarray(steps)[alive]
        left.plot(at, 100 * mean, color=color, linestyle=dash, linewidth=1.2, label=name)
        left.fill_between(at, 100 * (mean - spread), 100 * (mean + spread), color=color, alpha=0.12, linewidth=0)
    left.set_xlabel("steps", fontsize=8, color=INK)
    left.set_ylabel("validation accuracy, % (mean, band of one deviation)", fontsize=8, color=INK)
    left.legend(fontsize=7, frameon=False, loc="lower right")
    right = figure.add_axes((0.66, 0.12, 0.32, 0.74))
    places = range(len(ratios) - 1, -1, -1)
    for place, (name, (value, low, high)) in zip(places, ratios.items(), strict=True):
        color = style.get(name, (INK, "-"))[0]
        right.plot([low, high], [place, place], color=color, linewidth=2)
        right.plot([value], [place], "o", color=color, markersize=5)
    right.axvline(1, color=INK, linewidth=0.8)
    right.axvline(0.67, color=GRID, linewidth=1.2, linestyle="--")
    right.set_yticks(list(places), list(ratios), fontsize=8)
    right.set_ylim(-0.7, len(ratios) - 0.3)
    right.set_xlabel("steps to the 95 % target against CE (dashed: the claim)", fontsize=8, color=INK)
    for axes in (left, right):
        axes.tick_params(labelsize=7)
        axes.grid(color=GRID, linewidth=0.5)
    figure.text(0.06, 0.92, title or "Objectives", fontsize=11, weight="bold", color=INK)
    save_figure(figure, path)
