"""Invented band songs on the grid, for the tests of this room."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from ritornello.museformer.tokens.families import PART_NAMES, arrange_families
from ritornello.museformer.tokens.vocabulary import FAMILIES
from ritornello.score.song import Part, Song, make_notes
from ritornello.score.timeline import Tempo


def line(onsets: Sequence[int], pitches: Sequence[int], duration: int = 6, velocity: int = 82) -> np.ndarray:
    return make_notes(onsets, [duration] * len(onsets), pitches, velocity)


def band(bars: int = 8) -> Song:
    """A melody in C major over bass, piano chords and drums, with the programs that a band file has."""
    tune = [onset for bar in range(bars) for onset in (48 * bar, 48 * bar + 12, 48 * bar + 24, 48 * bar + 40)]
    scale = [72, 74, 76, 79, 77, 76, 74, 71]
    beats = list(range(0, 48 * bars, 24))
    return Song(
        parts=(
            Part("Keys", make_notes(np.repeat(beats, 3), [24] * 3 * len(beats), [60, 64, 67] * len(beats), 60), 4),
            Part("Fingers", line(beats, [36, 43] * bars, 20), 33),
            Part("Tune", line(tune, [scale[i % 8] for i in range(len(tune))]), 73),
            Part("Kit", line(beats, [36, 38] * bars, 3, 100), 0, is_drums=True),
        ),
        tempi=(Tempo(0, 120.0),),
    )


@st.composite
def arranged_songs(draw: st.DrawFn) -> Song:
    """Songs as `arrange_families` gives them, of any notes in up to six bars."""
    parts = []
    for name, family in zip(PART_NAMES, FAMILIES, strict=True):
        notes = draw(
            st.lists(
                st.tuples(st.integers(0, 287), st.integers(1, 250), st.integers(0, 127), st.integers(1, 127)),
                max_size=12,
            )
        )
        columns = np.array(notes, dtype=np.int64).reshape(-1, 4).T
        parts.append(Part(name, make_notes(*columns), family.program, family.is_drums, family.role))
    if not any(len(part.notes) for part in parts):
        parts[0] = parts[0].with_notes(line([0], [60]))
    tempi = draw(st.dictionaries(st.integers(1, 5), st.floats(10, 300), max_size=3))
    changes = tuple(Tempo(48 * bar, round(qpm, 2)) for bar, qpm in sorted(tempi.items()))
    return arrange_families(Song(parts=tuple(parts), tempi=(Tempo(0, 96.0), *changes)))
