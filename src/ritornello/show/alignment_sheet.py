"""A sheet of alignments: a motif above each place where it comes back, notes that belong together joined by lines."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ritornello.show.figures import new_figure, save_figure
from ritornello.show.palette import INK, MOTIF_COLORS
from ritornello.show.snippet_page import Notes, Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_ROWS = 8
"""Rows that are drawn."""

_QUERY_COLOR, _JOIN_COLOR = "#9a9a9a", "#c4c4c4"


def write_alignment_sheet(rows: Sequence[Row], path: str | os.PathLike[str], title: str = "") -> None:
    """Draw rows that have an upper snippet as PNG, two beside each other, at most `MOST_ROWS`.

    Args:
        rows: the motif above, its hit below, and the pairs of notes.
        path: the PNG to write.
        title: text above the picture.

    Raises:
        WriteError: if the file cannot be written.
    """
    shown = [row for row in rows if row.upper is not None and row.pairs][:MOST_ROWS]
    lines = max(1, -(-len(shown) // 2))
    height = 0.6 + 2.1 * lines
    figure = new_figure(13, height)
    figure.text(0.03, 1 - 0.3 / height, title, fontsize=12, weight="bold", color=INK, va="center")
    for number, row in enumerate(shown):
        line, column = divmod(number, 2)
        top = 1 - (0.6 + 2.1 * line) / height
        axes = figure.add_axes((0.03 + 0.49 * column, top - 1.75 / height, 0.45, 1.5 / height))
        _draw_row(axes, row)
        figure.text(0.03 + 0.49 * column, top - 0.1 / height, row.lower.label, fontsize=8.5, color=INK, va="center")
        figure.text(
            0.48 + 0.49 * column,
            top - 0.1 / height,
            row.lower.detail,
            fontsize=8.5,
            color="#777777",
            va="center",
            ha="right",
        )
    save_figure(figure, path)


def _draw_row(axes: Axes, row: Row) -> None:
    assert row.upper is not None
    upper, lower = (_placed(notes) for notes in (row.upper.notes, row.lower.notes))
    gap = 3.0
    lift = max((y for _, _, y in lower), default=0) + gap
    for note, place in row.pairs:
        (left, _, high), (right, _, low) = upper[note], lower[place]
        axes.plot([left, right], [high + lift, low], color=_JOIN_COLOR, linewidth=0.9, zorder=0)
    for notes, base, color in ((upper, lift, _QUERY_COLOR), (lower, 0.0, MOTIF_COLORS[0])):
        for left, width, y in notes:
            axes.barh(y + base, max(width - 0.006, 0.008), left=left, height=0.85, color=color, linewidth=0)
    axes.set_xlim(-0.01, 1.01)
    axes.axis("off")


def _placed(notes: Notes) -> list[tuple[float, float, float]]:
    """Return left edge, width (of the whole, 1) and semitones above the lowest note of each."""
    start = min(note[0] for note in notes)
    span = max(note[0] + note[1] for note in notes) - start or 1.0
    low = min(note[2] for note in notes)
    return [((note[0] - start) / span, note[1] / span, float(note[2] - low)) for note in notes]
