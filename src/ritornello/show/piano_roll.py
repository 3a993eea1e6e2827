"""Piano roll with form lanes: the whole song on one sheet, wrapped into rows of bars like a score.

Above each row stands the form (letter, bars; equal letters have equal colours), below it the chords. Drums have a lane
of their own at the bottom of the row.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ritornello.score import Part, Song
from ritornello.show.figures import new_figure, save_figure
from ritornello.show.palette import GRID, INK, ROLE_COLORS, letter_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_ROWS = 12
"""A song that would need more rows gets longer ones."""

MIN_BARS_PER_ROW = 16
_DRAW_ORDER = ("other", "chords", "bass", "bridge", "melody")


def write_piano_roll(song: Song, path: str | os.PathLike[str]) -> None:
    """Draw a song as a PNG piano roll.

    Args:
        song: the song; parts are coloured by role, letters by phrase family.
        path: the PNG to write.

    Raises:
        WriteError: if the file cannot be written.
    """
    from matplotlib.patches import Patch

    lines = song.bar_lines
    per_row = max(MIN_BARS_PER_ROW, -(-song.bars // MAX_ROWS))
    rows = -(-song.bars // per_row)
    low, high = _pitch_range(song)
    has_drums = any(part.is_drums and len(part.notes) for part in song.parts)

    height = 1.9 * rows + 0.8
    figure = new_figure(15, height)
    roles = [role for role in ROLE_COLORS if any((_role(part)) == role and len(part.notes) for part in song.parts)]
    top = 1 - 0.55 / height
    figure.text(0.04, 1 - 0.3 / height, song.title or "Untitled", fontsize=13, weight="bold", color=INK, va="center")
    figure.legend(
        handles=[Patch(color=ROLE_COLORS[role], label=role) for role in roles],
        loc="center right", bbox_to_anchor=(0.99, 1 - 0.3 / height), ncols=max(len(roles), 1),
        frameon=False, fontsize=9,
    )  # fmt: skip
    for row in range(rows):
        first = row * per_row
        stop = min(first + per_row, song.bars)
        row_top = top - row * (top - 0.15 / height) / rows
        row_height = (top - 0.15 / height) / rows
        # A last row with fewer bars keeps the scale of the others.
        full_width = lines[first] + (lines[stop] - lines[first]) * per_row / (stop - first)
        axes = figure.add_axes((0.04, row_top - 0.86 * row_height, 0.95, 0.66 * row_height))
        axes.set_xlim(float(lines[first]), float(full_width))
        axes.set_ylim(low - (5 if has_drums else 1), high + 1)
        _draw_grid(axes, lines[first : stop + 1], first, low, high)
        _draw_parts(axes, song.parts, int(lines[first]), int(lines[stop]), low)
        _draw_chords(axes, song, int(lines[first]), int(lines[stop]))
        lane = figure.add_axes((0.04, row_top - 0.19 * row_height, 0.95, 0.13 * row_height))
        _draw_form(lane, song, first, stop, per_row)
    save_figure(figure, path, dpi=110)


def _role(part: Part) -> str:
    return "drums" if part.is_drums else part.role or "other"


def _pitch_range(song: Song) -> tuple[int, int]:
    pitches = [part.notes["pitch"] for part in song.parts if len(part.notes) and not part.is_drums]
    if not pitches:
        return 48, 72
    joined = np.concatenate(pitches)
    return int(joined.min()) - 1, max(int(joined.max()) + 1, int(joined.min()) + 12)


def _draw_grid(axes: Axes, lines: Sequence[Any] | np.ndarray[Any, Any], first: int, low: int, high: int) -> None:
    axes.vlines(lines, low - 6, high + 2, color=GRID, linewidth=0.6, zorder=0)
    octaves = [pitch for pitch in range(low, high + 1) if pitch % 12 == 0]
    axes.hlines(octaves, float(lines[0]), float(lines[-1]), color=GRID, linewidth=0.6, zorder=0)
    axes.set_yticks(octaves, [f"C{pitch // 12 - 1}" for pitch in octaves], fontsize=6, color=INK)
    axes.set_xticks([])
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0)
    for index in range(0, len(lines) - 1, 4):
        axes.text(float(lines[index]), high + 1, f" {first + index + 1}", fontsize=6, color="#777777", va="top")


def _draw_parts(axes: Axes, parts: Sequence[Part], start: int, stop: int, low: int) -> None:
    from matplotlib.collections import PolyCollection

    ordered = sorted(parts, key=lambda part: _DRAW_ORDER.index(_role(part)) if _role(part) in _DRAW_ORDER else 9)
    for part in ordered:
        notes = part.notes
        notes = notes[(notes["onset"] < stop) & (notes["onset"] + notes["duration"] > start)]
        if not len(notes):
            continue
        left = np.maximum(notes["onset"], start).astype(float)
        right = np.minimum(notes["onset"] + notes["duration"], stop).astype(float)
        if part.is_drums:
            left, right = notes["onset"].astype(float), notes["onset"] + 2.0
            bottom = low - 5 + np.clip((notes["pitch"] - 35) / 24, 0, 1) * 3
            size = 0.8
        else:
            bottom, size = notes["pitch"] - 0.45, 0.9
        # A hairline gap keeps repeated notes apart.
        right = np.maximum(right - 0.4, left + 0.6)
        corners = np.stack([left, bottom, left, bottom + size, right, bottom + size, right, bottom], 1).reshape(
            -1, 4, 2
        )
        shade = 0.35 + 0.65 * notes["velocity"] / 127
        axes.add_collection(
            PolyCollection(list(corners), facecolors=ROLE_COLORS[_role(part)], alpha=np.clip(shade, 0, 1), linewidths=0)
        )


def _draw_chords(axes: Axes, song: Song, start: int, stop: int) -> None:
    bottom = axes.get_ylim()[0]
    for span in song.chords:
        if start <= span.onset < stop:
            text = span.chord.symbol(song.key_at(span.onset))
            axes.text(span.onset, bottom, text, fontsize=7, color=INK, va="top", clip_on=False)


def _draw_form(lane: Axes, song: Song, first: int, stop: int, per_row: int) -> None:
    from matplotlib.patches import Rectangle

    lane.set_xlim(0, per_row)
    lane.set_ylim(0, 1)
    lane.axis("off")
    if song.form is None:
        return
    for segment, start in zip(song.form, song.form.starts, strict=True):
        left, right = max(start, first), min(start + segment.bars, stop)
        if left >= right:
            continue
        color = letter_color(segment.letter, song.form.letters)
        lane.add_patch(Rectangle((left - first, 0.05), right - left - 0.06, 0.9, facecolor=color, linewidth=0))
        label = str(segment) if left == start else f"({segment.letter})"
        lane.text(left - first + 0.12, 0.48, label, fontsize=8, weight="bold", color=INK, va="center")
