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
    has_pickup = len(bar_lines) > 2 and bar_lines[1] < bar_lines[2] - bar_lines[1]
    breaks: set[int] = set()
    for start, stop in pairwise([*segments, len(widths)]):
        first = start + 1 if start == 0 and has_pickup else start
        for most in range(BARS_PER_SYSTEM, 0, -1):
            # Bars are shared out evenly: five bars make lines of three and two, not of four and one.
            count = max(-(-(stop - first) // most), 1)
            edges = [first + (stop - first) * line // count for line in range(count + 1)]
            if most == 1 or all(sum(widths[a:b]) <= _FULL_SYSTEM for a, b in pairwise(edges)):
                breaks |= {start, *edges[1:-1]}
                break
    return breaks - {0}


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
