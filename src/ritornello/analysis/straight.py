"""A song with all bars equally long, for methods that count bars of one length.

Our design, after what the makers of POP909's structure labels did by hand: beats inserted between bars are left out, a
bar that is too short is filled up with silence, a pickup stands at the end of a full bar. Bars keep their numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ritornello.score import ChordSpan, KeyRegion, Meter, Song

IntArray = NDArray[np.int64]


def regular_meter(song: Song) -> Meter:
    """Return the metre that most bars have, at tick 0."""
    lengths = np.diff(song.bar_lines)
    values, counts = np.unique(lengths, return_counts=True)
    common = int(values[counts.argmax()])
    meter = next((meter for meter in song.meters if meter.bar_ticks == common), song.meters[-1])
    return Meter(0, meter.numerator, meter.denominator)


def straighten(song: Song) -> Song:
    """Return the song in its most common metre throughout, bar by bar; an already regular song stays as it is.

    Notes, chords and keys stay at their place in their bar; what stands in left-out beats is left out. Tempi, which no
    bar-counting method needs, are reduced to the first.
    """
    meter = regular_meter(song)
    lines = song.bar_lines
    if len(set(np.diff(lines).tolist())) == 1:
        return song.replace(meters=(meter,))
    starts, kept_ticks = _moved_to(lines, meter.bar_ticks)
    parts = []
    for part in song.parts:
        notes = part.notes.copy()
        onset, kept = _move(notes["onset"], lines, starts, kept_ticks)
        end, _ = _move(notes["onset"] + notes["duration"], lines, starts, kept_ticks)
        notes["onset"], notes["duration"] = onset, np.maximum(end - onset, 1)
        parts.append(part.with_notes(notes[kept]))
    chords = []
    for span in song.chords:
        (onset, end), _ = _move(np.array([span.onset, span.end]), lines, starts, kept_ticks)
        if end > onset:
            chords.append(ChordSpan(int(onset), int(end - onset), span.chord))
    keys = {}
    for region in song.keys:
        (tick,), _ = _move(np.array([region.tick]), lines, starts, kept_ticks)
        keys[int(tick)] = KeyRegion(int(tick), region.key)
    return song.replace(
        parts=tuple(parts), chords=tuple(chords), keys=tuple(keys.values()), meters=(meter,), tempi=song.tempi[:1],
        form=None, original=None,
    )  # fmt: skip


def _moved_to(lines: IntArray, bar_ticks: int) -> tuple[IntArray, IntArray]:
    """Where each bar's tick 0 goes ``(bars,)``, and how many ticks of it are kept ``(bars,)``."""
    lengths = np.diff(lines)
    starts = np.arange(len(lengths), dtype=np.int64) * bar_ticks
    starts[0] += max(0, bar_ticks - int(lengths[0]))  # a short first bar is a pickup
    return starts, np.minimum(lengths, bar_ticks)


def _move(
    ticks: NDArray[np.generic], lines: IntArray, starts: IntArray, kept_ticks: IntArray
) -> tuple[IntArray, NDArray[np.bool_]]:
    """Return the new ticks, and whether each stood in a part of its bar that is kept; others go to the bar's end."""
    places = np.asarray(ticks, dtype=np.int64)
    bar = np.clip(np.searchsorted(lines, places, side="right") - 1, 0, len(starts) - 1)
    inside = places - lines[bar]
    return starts[bar] + np.minimum(inside, kept_ticks[bar]), inside < kept_ticks[bar]
