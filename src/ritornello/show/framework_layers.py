"""All layers of a framework in one picture: form, chords, contour, basic melody, notes and rhythm form, bar above bar.

The layers are those of Dai, Jin, Gomes and Dannenberg (ISMIR 2021); the picture is our design. Each row of bars shows
from above: the form, the chords, the melody as thin bars over the basic melody as wide ones (a drawn contour as a
dashed line), the onsets, and the rhythm form, where equal shades within a phrase mean equal rhythms and the figure is
the number of onsets. A frame marks what is locked.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from ritornello.score.framework import Framework, FrameworkPhrase
from ritornello.show.figures import new_figure, save_figure
from ritornello.show.palette import GRID, INK, ROLE_COLORS, letter_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BARS_PER_ROW = 16
MAX_ROWS = 12
"""A song that would need more rows gets longer ones."""

_MELODY, _LOCK = ROLE_COLORS["melody"], "#1a1a1a"
_BASIC = "#f2c9c0"
_CONTOUR = "#7a4fb5"
_REPEATS = {"copy": "copies", "vary": "varies", "free": "after"}
_RHYTHM = ("#dbe9f4", "#b9d3e8", "#93bbda", "#6c9fc7", "#4b83b1", "#326896", "#1f4e79")
_ROW_HEIGHT_IN = 2.75
# Bottoms and heights of the lanes within a row, in shares of its height.
_LANES = {
    "form": (0.885, 0.085),
    "chords": (0.79, 0.08),
    "melody": (0.255, 0.525),
    "onsets": (0.195, 0.05),
    "rhythm": (0.1, 0.085),
}


def write_framework_layers(framework: Framework, path: str | os.PathLike[str]) -> None:
    """Draw a framework as PNG; what is open is left white.

    Args:
        framework: the framework.
        path: the PNG to write.

    Raises:
        WriteError: if the file cannot be written.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    bars = framework.form.bars
    per_row = min(bars, max(BARS_PER_ROW, -(-bars // MAX_ROWS)))
    rows = -(-bars // per_row)
    height = _ROW_HEIGHT_IN * rows + 0.75
    figure = new_figure(15, height)
    top = 1 - 0.6 / height
    figure.text(
        0.045, 1 - 0.3 / height, framework.title or "Framework", fontsize=13, weight="bold", color=INK, va="center"
    )
    about = f"{framework.key}, {framework.metre}, {framework.tempo_qpm:g} quarter notes a minute"
    figure.text(0.985, 1 - 0.47 / height, about, fontsize=8.5, color="#666666", va="center", ha="right")
    handles = [
        Patch(facecolor=_MELODY, label="notes"),
        Patch(facecolor=_BASIC, label="basic melody"),
        Line2D([], [], color=_CONTOUR, linestyle="--", linewidth=1.4, label="contour"),
        Patch(facecolor=_RHYTHM[3], label="rhythm form"),
        Patch(facecolor="white", edgecolor=_LOCK, linewidth=1.2, label="locked"),
    ]
    figure.legend(
        handles=handles, loc="center right", bbox_to_anchor=(0.99, 1 - 0.24 / height), ncols=len(handles),
        frameon=False, fontsize=8.5, handlelength=1.4, columnspacing=1.3,
    )  # fmt: skip
    low, high = _pitch_range(framework)
    size = (top - 0.1 / height) / rows
    for row in range(rows):
        first = row * per_row
        lanes: dict[str, _Lane] = {}
        for name, (bottom, share) in _LANES.items():
            lane = figure.add_axes((0.045, top - (row + 1) * size + bottom * size, 0.945, share * size))
            lane.set_xlim(first, first + per_row)
            lane.set_xticks([])
            lane.set_yticks([])
            for side in lane.spines.values():
                side.set_visible(False)
            lanes[name] = _Lane(lane)
        lanes["melody"].axes.set_ylim(low, high)
        _draw_grid(lanes["melody"].axes, first, min(first + per_row, bars), low, high)
        for phrase in framework.effective:
            if phrase.start_bar < first + per_row and phrase.start_bar + phrase.bars > first:
                _draw_phrase(lanes, framework, phrase)
        for name, whole in lanes.items():
            whole.draw()
            if row == 0:
                lane = whole.axes
                turn = 90 if name == "melody" else 0
                lane.text(
                    -0.006, 0.5, name, fontsize=7, color="#777777", transform=lane.transAxes, ha="right", va="center",
                    rotation=turn,
                )  # fmt: skip
    save_figure(figure, path, dpi=110)


def _pitch_range(framework: Framework) -> tuple[float, float]:
    pitches = [note.pitch for phrase in framework.effective for note in phrase.notes or ()]
    pitches += [cell.basic_pitch for phrase in framework.effective for cell in phrase.cells or () if cell.basic_pitch]
    if not pitches:
        return 57, 77
    low, high = min(pitches) - 2, max(pitches) + 2
    return low, max(high, low + 14)


def _draw_grid(lane: Axes, first: int, stop: int, low: float, high: float) -> None:
    lane.vlines(range(first, stop + 1), low, high, color=GRID, linewidth=0.7, zorder=0)
    octaves = [pitch for pitch in range(int(low), int(high) + 1) if pitch % 12 == 0]
    lane.hlines(octaves, first, stop, color=GRID, linewidth=0.7, zorder=0)
    for pitch in octaves:
        lane.text(stop + 0.04, pitch, f"C{pitch // 12 - 1}", fontsize=6, color="#888888", va="center")
    for bar in range(first, stop, 4):
        lane.text(bar + 0.03, high, str(bar + 1), fontsize=6, color="#888888", va="top")


def _draw_phrase(lanes: dict[str, _Lane], framework: Framework, phrase: FrameworkPhrase) -> None:
    start, stop = phrase.start_bar, phrase.start_bar + phrase.bars
    color = letter_color(phrase.letter, framework.form.letters)
    lanes["form"].box(start + 0.03, stop - 0.03, color)
    label = f"{phrase.letter}{phrase.bars}"
    if phrase.source is not None:
        label += f"  {_REPEATS[phrase.repeat]} {phrase.source}"
    for bar in {start, int(lanes["form"].axes.get_xlim()[0])}:  # again where the phrase goes on in a new row
        if start <= bar < stop:
            lanes["form"].axes.text(
                bar + 0.12, 0.47, label, fontsize=8.5, weight="bold", color=INK, va="center", clip_on=True
            )
    _draw_chords(lanes["chords"], framework, phrase)
    _draw_melody(lanes["melody"], framework, phrase)
    _draw_rhythm(lanes["rhythm"], lanes["onsets"], framework, phrase)


def _draw_chords(lane: _Lane, framework: Framework, phrase: FrameworkPhrase) -> None:
    at = float(phrase.start_bar)
    for cell in phrase.chords or ():
        length = cell.beats / framework.beats_per_bar
        lane.box(at + 0.02, at + length - 0.02, "white" if cell.is_open else "#f3f1ea", locked=cell.lock)
        name = "?" if cell.is_open else "–" if cell.chord is None else cell.chord.symbol(framework.key_of(phrase.id))
        size = 8 if length > 0.6 or len(name) < 4 else 6.5
        lane.axes.text(at + 0.07, 0.47, name, fontsize=size, color=INK, va="center", clip_on=True)
        at += length


def _draw_melody(lane: _Lane, framework: Framework, phrase: FrameworkPhrase) -> None:
    width, per_bar = 1 / framework.cells_per_bar, framework.steps_per_bar
    for index, cell in enumerate(phrase.cells or ()):
        if cell.basic_pitch:
            left, low = phrase.start_bar + index * width, cell.basic_pitch - 0.75
            lane.box(left, left + width, _BASIC, "basic_pitch" in cell.locks, low, 1.5)
    for note in phrase.notes or ():
        left = phrase.start_bar + note.onset / per_bar
        right = left + max(note.duration / per_bar - 0.012, 0.01)
        lane.box(left, right, _MELODY, note.lock, note.pitch - 0.45, 0.9)
    _draw_contour(lane.axes, framework, phrase)


def _draw_contour(lane: Axes, framework: Framework, phrase: FrameworkPhrase) -> None:
    """Draw a contour about the height of the basic melody, as wide as that is or an octave at least."""
    cells = phrase.cells or ()
    values = np.array([np.nan if cell.contour is None else cell.contour for cell in cells], float)
    if not len(values) or np.isnan(values).all():
        return
    pitches = [cell.basic_pitch for cell in cells if cell.basic_pitch]
    middle = float(np.mean(pitches)) if pitches else float(np.mean(lane.get_ylim()))
    spread = float(np.nanmax(values) - np.nanmin(values))
    heights = middle + (values - np.nanmean(values)) * (9.0 / spread if spread else 0.0)
    places = phrase.start_bar + (np.arange(len(values)) + 0.5) / framework.cells_per_bar
    lane.plot(places, heights, color=_CONTOUR, linestyle="--", linewidth=1.4, zorder=5)


def _draw_rhythm(lane: _Lane, onsets: _Lane, framework: Framework, phrase: FrameworkPhrase) -> None:
    width, per_bar = 1 / framework.cells_per_bar, framework.steps_per_bar
    cells = phrase.cells or ()
    leaders = sorted({cell.rhythm_label for cell in cells if cell.rhythm_label is not None})
    for index, cell in enumerate(cells):
        left = phrase.start_bar + index * width
        if cell.onset_pattern is not None:
            steps = [step for step in range(framework.cell_steps) if cell.onset_pattern >> step & 1]
            places = [left + step / per_bar for step in steps]
            onsets.axes.vlines(places, 0.1, 0.9, color=INK, linewidth=1.3)
        if cell.rhythm_label is None and cell.complexity is None:
            continue
        shade = "white"
        if cell.rhythm_label is not None:
            place = leaders.index(cell.rhythm_label) / max(1, len(leaders) - 1)
            shade = _RHYTHM[round(place * (len(_RHYTHM) - 1))]
        locked = bool(cell.locks & {"rhythm_label", "complexity", "onset_pattern"})
        lane.box(left + 0.01, left + width - 0.01, shade, locked=locked)
        if cell.complexity is not None:
            ink = "white" if shade in _RHYTHM[3:] else INK
            middle = left + width / 2
            count = f"{cell.complexity * 16:g}"
            lane.axes.text(middle, 0.46, count, fontsize=7, color=ink, ha="center", va="center", clip_on=True)


class _Lane:
    """Axes with the boxes that are to be drawn on them, all at once: a patch for each would take most of the time."""

    def __init__(self, axes: Axes) -> None:
        self.axes = axes
        self.corners: list[list[tuple[float, float]]] = []
        self.fills: list[str] = []
        self.edges: list[str] = []

    def box(
        self,
        left: float,
        right: float,
        color: str,
        locked: bool = False,
        bottom: float = 0.04,
        height: float = 0.92,
    ) -> None:
        """Remember a box; a locked one gets a frame."""
        top = bottom + height
        self.corners.append([(left, bottom), (left, top), (right, top), (right, bottom)])
        self.fills.append(color)
        self.edges.append(_LOCK if locked else "none")

    def draw(self) -> None:
        """Draw the boxes, later ones over earlier ones."""
        from matplotlib.collections import PolyCollection

        self.axes.add_collection(
            PolyCollection(self.corners, facecolors=self.fills, edgecolors=self.edges, linewidths=1.2, zorder=1)
        )
