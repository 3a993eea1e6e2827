"""Songs made along the forms of human songs, and what is measured of them: repeats, endings, originality.

Ours; MusicFrameworks, specification sections 7 and 9. Human songs are taken through the same regular grid as what they
are compared with, so that nothing but the notes can tell one from the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.framework_of_song import framework_of
from ritornello.analysis.phrase_grid import Phrase, PhraseGrid, phrase_grid
from ritornello.evaluation.adherence import figure, pooled, song_measures
from ritornello.evaluation.copying import CopiedRun, copied_runs
from ritornello.frameworks.baselines import Drawer
from ritornello.frameworks.data import plan_of, shift_to_c
from ritornello.score import Key, Part, Song, make_notes
from ritornello.score.framework import Framework

RUN_LIMIT = 8
"""Notes in a row, rhythm and intervals alike, from which on a melody counts as copied (`imitation`'s limit)."""

Make = Callable[["Case", int], Song]
"""Makes a song along a human one from a random seed."""


@dataclass(frozen=True)
class Case:
    """A human song to compose along, on its regular grid.

    Attributes:
        id: its id.
        framework: all of it, filled.
        song: its melody, chords and form on the regular grid.
    """

    id: str
    framework: Framework = field(repr=False)
    song: Song = field(repr=False)

    def grid(self, song: Song | None = None) -> PhraseGrid:
        """Return this song, or one made along it, on this song's steps."""
        return phrase_grid(self.song if song is None else song, self.framework.step_ticks)

    def plan(self) -> Framework:
        """Return its form, key, tempo and metre alone: every other layer is open."""
        of = self.framework
        return Framework.from_form(of.form, of.key, of.tempo_qpm, of.metre, step_ticks=of.step_ticks)


def case_of(song: Song, id: str = "") -> Case:
    """Read a song with form and melody.

    Raises:
        UnsuitableSongError: as `framework_of`.
    """
    framework = framework_of(song)
    return Case(id or song.title, framework, framework.song())


def drawn_song(case: Case, drawer: Drawer, seed: int) -> Song:
    """Return a case's song with the notes of its melodic phrases drawn anew, phrase by phrase; X has none."""
    grid = case.grid()
    rng = np.random.default_rng(seed)
    onsets, durations, pitches = [], [], []
    for phrase in measured_phrases(grid):
        drawn = drawer(plan_of(grid, phrase), rng)
        onsets.append(drawn.onsets + phrase.start_bar * grid.steps_per_bar)
        durations.append(drawn.durations)
        pitches.append(np.clip(drawn.pitches - shift_to_c(phrase.key or Key(0)), 0, 127))
    columns = (np.concatenate([np.zeros(0, np.int64), *rows]) for rows in (onsets, durations, pitches))
    start, length, pitch = columns
    notes = make_notes(start * grid.step_ticks, length * grid.step_ticks, pitch)
    return case.song.replace(parts=(Part("Melody", notes, role="melody"),))


def measured_phrases(grid: PhraseGrid) -> list[Phrase]:
    """Return the melodic phrases of a song, X left out."""
    return [phrase for phrase in grid.melodic_phrases if phrase.letter != "X"]


def song_figures(cases: Sequence[Case], songs: Sequence[Sequence[Song]], training: Sequence[Song]) -> dict[str, Any]:
    """Measure songs that were made along cases.

    Args:
        cases: the human songs.
        songs: for each case what was made along it; the case's own song to measure people.
        training: the songs that nothing should be copied from.

    Returns:
        What `evaluation.adherence.pooled` says; ``copied_run`` (notes in the longest run that a song shares with a
        training song, intervals and times between onsets alike, mean over songs), with interval and count,
        ``copied_run_worst`` and ``copied_run_over_limit``, the share of songs with at least `RUN_LIMIT`.
    """
    grids = [[case.grid(song) for song in row] for case, row in zip(cases, songs, strict=True)]
    result = pooled([[song_measures(grid) for grid in row] for row in grids])
    flat = [song for row in songs for song in row]
    runs = [run.length + 1 if run.length else 0 for run in _runs(flat, training)]
    lengths, at = [], 0
    for row in songs:
        lengths.append([float(run) for run in runs[at : at + len(row)]])
        at += len(row)
    over = [[float(run >= RUN_LIMIT) for run in row] for row in lengths]
    return {
        **result,
        **figure("copied_run", lengths),
        "copied_run_worst": max(runs),
        **figure("copied_run_over_limit", over),
    }


def _runs(songs: Sequence[Song], training: Sequence[Song]) -> list[CopiedRun]:
    return copied_runs([_melody_steps(song) for song in songs], [_melody_steps(song) for song in training])


def _melody_steps(song: Song) -> NDArray[np.int64]:
    """Return one whole number for each step from a melody note to the next: time and interval, the same in all keys."""
    part = song.part("melody")
    if part is None or len(part.notes) < 2:
        return np.zeros(0, np.int64)
    onset, pitch = part.notes["onset"].astype(np.int64), part.notes["pitch"].astype(np.int64)
    result: NDArray[np.int64] = np.diff(onset) * 256 + np.diff(pitch) + 128
    return result
