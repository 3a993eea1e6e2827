"""Self-similarity picture: every bar against every bar, with the form along both edges.

After Foote (1999), *Visualizing music and audio using self-similarity*: repeats show as diagonals, sections as blocks.
"""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import ArrayLike

from ritornello.errors import ArgumentError
from ritornello.score import Form
from ritornello.show.figures import new_figure, save_figure
from ritornello.show.palette import INK, letter_color


def write_self_similarity(
    matrix: ArrayLike, path: str | os.PathLike[str], form: Form | None = None, title: str = ""
) -> None:
    """Draw a bar-by-bar similarity matrix as PNG.

    Args:
        matrix: ``(bars, bars)``, values 0 (nothing alike) to 1 (equal).
        path: the PNG to write.
        form: phrases drawn along the edges; bars beyond the matrix are left out.
        title: text above the picture.

    Raises:
        ArgumentError: if the matrix is not square.
        WriteError: if the file cannot be written.
    """
    from matplotlib.patches import Rectangle

    values = np.asarray(matrix, dtype=float)
    if values.ndim != 2 or values.shape[0] != values.shape[1] or not values.size:
        raise ArgumentError(f"similarity matrix has shape {values.shape}; it must be square and not empty")
    bars = len(values)
    figure = new_figure(7, 7.2)
    axes = figure.add_axes((0.1, 0.06, 0.85, 0.82))
    image = axes.imshow(values, origin="upper", cmap="magma", vmin=0, vmax=1, extent=(0, bars, bars, 0))
    axes.set_xlabel("bar", fontsize=8)
    step = next(s for s in (4, 8, 16, 32, 64, 256, 1024) if bars / s <= 24 or s == 1024)
    axes.set_xticks(range(0, bars, step), [str(bar + 1) for bar in range(0, bars, step)], fontsize=7)
    axes.set_yticks(range(0, bars, step), [str(bar + 1) for bar in range(0, bars, step)], fontsize=7)
    figure.text(0.1, 0.965, title or "Self-similarity", fontsize=11, weight="bold", color=INK)
    if form is not None:
        width = bars * 0.03
        for segment, start in zip(form, form.starts, strict=True):
            stop = min(start + segment.bars, bars)
            if start >= stop:
                continue
            color = letter_color(segment.letter, form.letters)
            size = stop - start
            axes.add_patch(
                Rectangle((start, -1.3 * width), size, width, facecolor=color, edgecolor="white", clip_on=False)
            )
            axes.text(
                start + size / 2, -0.8 * width, segment.letter, fontsize=7, ha="center", va="center", clip_on=False
            )
            if start:
                axes.axvline(start, color="white", linewidth=0.4, alpha=0.6)
                axes.axhline(start, color="white", linewidth=0.4, alpha=0.6)
    bar = figure.colorbar(image, ax=axes, fraction=0.035, pad=0.02)
    bar.ax.tick_params(labelsize=7)
    save_figure(figure, path)
