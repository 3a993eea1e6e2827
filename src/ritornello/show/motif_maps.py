"""Pictures of a piece's motifs: coloured piano roll, timeline, distance map, and a map of the motif space.

After Wu et al., *Motif-Centric Representation Learning for Symbolic Music* (arXiv 2309.10597), section 4: four views
over the bars of a piece. What belongs to no motif is grey.

Axes: M motifs, B bars.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.errors import ArgumentError
from ritornello.score import Song
from ritornello.show.figures import new_figure, save_figure
from ritornello.show.palette import GRID, INK, MOTIF_COLORS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GREY = "#c9c9c9"

_MAX_ROWS, _MIN_BARS_PER_ROW = 10, 16


@dataclass(frozen=True)
class ShownMotif:
    """A motif as the pictures need it.

    Attributes:
        name: such as "A".
        spans: (first tick, tick after the last note) of each occurrence.
        notes: (part, note of the part) of all notes of all occurrences.
        exact: for each occurrence, whether it is exact; varied ones are drawn paler.
    """

    name: str
    spans: Sequence[tuple[int, int]]
    notes: frozenset[tuple[int, int]]
    exact: Sequence[bool]


def motif_color(index: int) -> str:
    """Return the colour of a motif by its place in the list."""
    return MOTIF_COLORS[index % len(MOTIF_COLORS)]


def write_motif_roll(song: Song, motifs: Sequence[ShownMotif], path: str | os.PathLike[str]) -> None:
    """Draw a song's notes as a PNG piano roll, those of a motif in its colour, the first one's where they overlap.

    Raises:
        WriteError: if the file cannot be written.
    """
    from matplotlib.collections import PolyCollection

    lines = song.bar_lines
    per_row = max(_MIN_BARS_PER_ROW, -(-song.bars // _MAX_ROWS))
    rows = -(-song.bars // per_row)
    owner: dict[tuple[int, int], int] = {}
    for number, motif in enumerate(motifs):
        for note in motif.notes:
            owner.setdefault(note, number)
    boxes, colors, pitches = [], [], []
    for index, part in enumerate(song.parts):
        if part.is_drums:
            continue
        for number, (onset, duration, pitch) in enumerate(
            zip(*(part.notes[name].tolist() for name in ("onset", "duration", "pitch")), strict=True)
        ):
            motif_of_note = owner.get((index, number))
            boxes.append((onset, onset + duration, pitch))
            colors.append(GREY if motif_of_note is None else motif_color(motif_of_note))
            pitches.append(pitch)
    low, high = (min(pitches) - 1, max(max(pitches) + 1, min(pitches) + 12)) if pitches else (48, 72)
    # Grey notes first, so that motifs lie on top.
    order = sorted(range(len(boxes)), key=lambda k: colors[k] != GREY)
    height = 1.7 * rows + 0.9
    figure = new_figure(15, height)
    _heading(figure, song, height, motifs)
    for row in range(rows):
        first, stop = row * per_row, min((row + 1) * per_row, song.bars)
        share = (1 - 0.9 / height) / rows
        axes = figure.add_axes((0.03, 1 - 0.7 / height - (row + 1) * share + 0.03 * share, 0.96, 0.86 * share))
        width = float(lines[first] + (lines[stop] - lines[first]) * per_row / (stop - first))
        axes.set_xlim(float(lines[first]), width)
        axes.set_ylim(low, high + 2)
        _bar_grid(axes, lines[first : stop + 1], first, low, high)
        corners, shown = [], []
        for k in order:
            left, right, pitch = boxes[k]
            if right > lines[first] and left < lines[stop]:
                right = max(min(right, float(lines[stop])) - 0.5, left + 0.7)
                left = max(left, float(lines[first]))
                corners.append(
                    [(left, pitch - 0.45), (left, pitch + 0.45), (right, pitch + 0.45), (right, pitch - 0.45)]
                )
                shown.append(colors[k])
        axes.add_collection(PolyCollection(corners, facecolors=shown, linewidths=0))
    save_figure(figure, path, dpi=100)


def write_motif_timeline(song: Song, motifs: Sequence[ShownMotif], path: str | os.PathLike[str]) -> None:
    """Draw, in a lane for each motif, where it occurs over the bars; varied occurrences are paler.

    Raises:
        WriteError: if the file cannot be written.
    """
    from matplotlib.patches import Rectangle

    height = 1.1 + 0.36 * max(len(motifs), 1)
    figure = new_figure(12, height)
    axes = figure.add_axes((0.06, 0.5 / height, 0.92, 1 - 1.0 / height))
    for number, motif in enumerate(motifs):
        row = len(motifs) - 1 - number
        for (start, stop), exact in zip(motif.spans, motif.exact, strict=True):
            left, right = _bar_position(song, start), _bar_position(song, stop)
            axes.add_patch(
                Rectangle(
                    (left, row + 0.14), max(right - left, 0.08), 0.72, facecolor=motif_color(number),
                    alpha=0.95 if exact else 0.5, edgecolor="white", linewidth=0.6,
                )
            )  # fmt: skip
    _bar_axis(axes, song.bars)
    axes.set_ylim(0, max(len(motifs), 1))
    axes.set_yticks([len(motifs) - 0.5 - number for number in range(len(motifs))], [m.name for m in motifs], fontsize=9)
    figure.text(0.06, 1 - 0.3 / height, f"{song.title or 'Untitled'}: motifs over bars", fontsize=11, color=INK)
    save_figure(figure, path)


def write_distance_map(
    distances: ArrayLike, names: Sequence[str], path: str | os.PathLike[str], title: str = ""
) -> None:
    """Draw how near every bar is to every motif, as a heat map and as smoothed lines.

    Args:
        distances: ``(B, M)`` distance of each bar to each motif, any unit; NaN where a bar is empty.
        names: of the motifs.
        path: the PNG to write.
        title: text above the picture.

    Raises:
        ArgumentError: if the distances do not fit the names.
        WriteError: if the file cannot be written.
    """
    values = np.asarray(distances, np.float64)
    if values.ndim != 2 or values.shape[1] != len(names):
        raise ArgumentError(f"distances of shape {values.shape} do not fit {len(names)} motifs")
    figure = new_figure(12, 2.6 + 0.3 * max(len(names), 1))
    figure.text(0.06, 0.95, title or "Distance of bars to motifs", fontsize=11, color=INK)
    heat = figure.add_axes((0.06, 0.5, 0.92, 0.38))
    lines = figure.add_axes((0.06, 0.09, 0.92, 0.34), sharex=heat)
    if values.size and np.isfinite(values).any():
        image = np.ma.masked_invalid(values.T)
        heat.imshow(
            image, aspect="auto", cmap="magma_r", extent=(0, len(values), len(names), 0), interpolation="nearest"
        )
        heat.set_yticks(np.arange(len(names)) + 0.5, names, fontsize=8)
        scale = float(np.nanmedian(values)) or 1.0
        nearness = np.exp(-np.nan_to_num(values, nan=10 * scale) / scale)
        for number in range(len(names)):
            smooth = np.convolve(nearness[:, number], [0.25, 0.5, 0.25])[1:-1]  # "same" is longer for two bars
            lines.plot(np.arange(len(values)) + 0.5, smooth, color=motif_color(number), linewidth=1.4)
    _bar_axis(heat, max(len(values), 1))
    _bar_axis(lines, max(len(values), 1))
    lines.set_ylabel("nearness", fontsize=8)
    save_figure(figure, path)


def write_motif_space(
    points: ArrayLike, motif_of_bar: Sequence[int], names: Sequence[str], path: str | os.PathLike[str], title: str = ""
) -> None:
    """Draw bars as points in two dimensions, those of a motif in its colour, with their bar numbers.

    Args:
        points: ``(B, 2)``.
        motif_of_bar: for each bar the motif that fills most of it, or -1.
        names: of the motifs.
        path: the PNG to write.
        title: text above the picture.

    Raises:
        WriteError: if the file cannot be written.
    """
    from matplotlib.patches import Patch

    places = np.asarray(points, np.float64).reshape(-1, 2)
    figure = new_figure(8, 7.4)
    axes = figure.add_axes((0.04, 0.04, 0.92, 0.86))
    figure.text(0.04, 0.94, title or "Motif space: every dot is a bar", fontsize=11, color=INK)
    for bar, (place, motif) in enumerate(zip(places, motif_of_bar, strict=True)):
        color = GREY if motif < 0 else motif_color(motif)
        axes.scatter(
            [place[0]], [place[1]], s=64 if motif >= 0 else 34, color=color, edgecolors="white", linewidths=0.5
        )
        axes.annotate(
            str(bar + 1), (float(place[0]), float(place[1])), fontsize=5.5, ha="center", va="center", color=INK
        )
    used = sorted({motif for motif in motif_of_bar if motif >= 0})
    handles = [Patch(color=motif_color(motif), label=names[motif]) for motif in used]
    if handles:
        axes.legend(handles=[*handles, Patch(color=GREY, label="no motif")], fontsize=8, frameon=False, loc="best")
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_color(GRID)
    save_figure(figure, path)


def _heading(figure: object, song: Song, height: float, motifs: Sequence[ShownMotif]) -> None:
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    assert isinstance(figure, Figure)
    y = 1 - 0.3 / height
    figure.text(0.03, y, song.title or "Untitled", fontsize=13, weight="bold", color=INK, va="center")
    handles = [Patch(color=motif_color(number), label=motif.name) for number, motif in enumerate(motifs)]
    if handles:
        figure.legend(
            handles=handles, loc="center right", bbox_to_anchor=(0.99, y), ncols=len(handles), frameon=False, fontsize=9
        )


def _bar_grid(axes: Axes, lines: NDArray[np.int64], first: int, low: int, high: int) -> None:
    axes.vlines(lines, low, high + 1, color=GRID, linewidth=0.6, zorder=0)
    axes.set_xticks([])
    octaves = [pitch for pitch in range(low, high + 1) if pitch % 12 == 0]
    axes.set_yticks(octaves, [f"C{pitch // 12 - 1}" for pitch in octaves], fontsize=6, color=INK)
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    for index in range(0, len(lines) - 1, 4):
        axes.text(float(lines[index]), high + 2, f" {first + index + 1}", fontsize=6.5, color="#777777", va="top")


def _bar_axis(axes: Axes, bars: int) -> None:
    step = next(s for s in (4, 8, 16, 32, 64, 256, 1024) if bars / s <= 30 or s == 1024)
    axes.set_xlim(0, bars)
    axes.set_xticks(range(0, bars, step), [str(bar + 1) for bar in range(0, bars, step)], fontsize=7)
    for name, side in axes.spines.items():
        side.set_visible(name == "bottom")
    axes.tick_params(axis="y", length=0)


def _bar_position(song: Song, tick: int) -> float:
    lines = song.bar_lines
    bar = int(np.clip(np.searchsorted(lines, tick, side="right") - 1, 0, song.bars - 1))
    return bar + (tick - int(lines[bar])) / max(int(lines[bar + 1] - lines[bar]), 1)
