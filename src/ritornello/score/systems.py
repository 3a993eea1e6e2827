"""Where the systems (lines) of a lead sheet break: at each phrase, and after four bars or fewer if they are full.

Players read a lead sheet by phrases of four bars; a line that holds them shows the form. Our own rule.
"""

from __future__ import annotations

from itertools import pairwise

from ritornello.score.musicxml_staff import Staff
from ritornello.score.song import Song

BARS_PER_SYSTEM = 4
"""Bars that a system holds if they are not too full."""

_FULL_SYSTEM = 64.0
"""Width of a full system, in the width of a short note."""


def system_breaks(song: Song, staff: Staff, bar_lines: list[int]) -> set[int]:
    """Return the bars (from 0) that start a new system; the first system needs no break."""
    widths = _bar_widths(song, staff, bar_lines)
    segments = song.form.starts if song.form else (0,)
    systems: list[tuple[int, int]] = []
    for start, stop in pairwise([*segments, len(widths)]):
        systems += _segment_systems(start, stop, widths)
    return {start for start, _ in _without_lone_bars(systems, widths)} - {0}


def _segment_systems(start: int, stop: int, widths: list[float]) -> list[tuple[int, int]]:
    # Bars are shared out evenly: five bars make lines of three and two, not of four and one.
    for most in range(BARS_PER_SYSTEM, 1, -1):
        count = -(-(stop - start) // most)
        edges = [start + (stop - start) * line // count for line in range(count + 1)]
        if all(sum(widths[a:b]) <= _FULL_SYSTEM for a, b in pairwise(edges)):
            return list(pairwise(edges))
    return [(bar, bar + 1) for bar in range(start, stop)]


def _without_lone_bars(systems: list[tuple[int, int]], widths: list[float]) -> list[tuple[int, int]]:
    # A phrase of one bar, or a pickup, joins the system before or after it where there is room.
    result: list[tuple[int, int]] = []
    for start, stop in systems:
        if result:
            first, last = result[-1]
            is_lone = stop - start == 1 or last - first == 1
            if is_lone and stop - first <= BARS_PER_SYSTEM + 1 and sum(widths[first:stop]) <= _FULL_SYSTEM:
                result[-1] = (first, stop)
                continue
        result.append((start, stop))
    return result


def _bar_widths(song: Song, staff: Staff, bar_lines: list[int]) -> list[float]:
    notes = [0.0] * (len(bar_lines) - 1)
    for bar in range(len(notes)):
        for written in staff.voices[0][bar]:
            notes[bar] += 1.0 + 0.04 * (written.stop - written.start)
    symbols = [0.0] * len(notes)
    bar = 0
    for span in song.chords:
        while bar_lines[bar + 1] <= span.onset:
            bar += 1
        symbols[bar] += 2.0 + 0.2 * len(span.chord.symbol())
    return [2.0 + max(a, b) for a, b in zip(notes, symbols, strict=True)]
