"""The motifs of a song as names, spans and bars, and where its bars lie among them.

Axes: M motifs, B bars, D dimensions of the vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.motifs.discovery import DiscoverySettings, Pattern, find_patterns
from ritornello.motifs.discovery_points import PointSet, points_of_song
from ritornello.motifs.lines import IntArray
from ritornello.motifs.maps_projection import t_sne
from ritornello.motifs.pretrained import CombinedEmbedder, Embedder
from ritornello.motifs.query import BarGrid
from ritornello.motifs.windows import Window
from ritornello.score import Song
from ritornello.score.timeline import TICKS_PER_QUARTER

FloatArray = NDArray[np.float64]

LONGEST_BEATS = 16.0
"""Longest motif in quarter notes, if nothing else is asked for: four bars of 4/4. Sections are longer."""


@dataclass(frozen=True, eq=False)
class MotifOccurrence:
    """A place of a motif.

    Attributes:
        notes: ``(n, 2)`` part and note of the part, by onset.
        start, end: bar and beat of its first and of its last onset; bars from 1, a pick-up is 0.
        span: first tick, and tick after its last note.
        transposition: semitones above the first occurrence, of its first note.
        exact: whether all notes are there, moved alike.
    """

    notes: IntArray
    start: tuple[int, float]
    end: tuple[int, float]
    span: tuple[int, int]
    transposition: int
    exact: bool


@dataclass(frozen=True, eq=False)
class Motif:
    """An idea that comes back.

    Attributes:
        name: A, B, C ... in the order of how much of the piece they tell.
        occurrences: in time order.
        pattern: the pattern in the points of the piece.
    """

    name: str
    occurrences: tuple[MotifOccurrence, ...]
    pattern: Pattern


def find_motifs(
    song: Song,
    settings: DiscoverySettings | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    by_part: bool = False,
) -> list[Motif]:
    """Return the motifs of a song, the one that tells most first.

    Args:
        song: the song; drums are left out.
        settings: what counts as a motif; if not given, motifs of up to `LONGEST_BEATS`.
        progress: called with (steps done, steps in all), of each part anew.
        by_part: search every part alone, for figures, rather than all that sounds together.

    Raises:
        UnsuitableSongError: if there is no pitched note, or too many.
    """
    wanted = settings or DiscoverySettings(max_beats=LONGEST_BEATS)
    alone = [index for index, part in enumerate(song.parts) if not part.is_drums and len(part.notes)]
    grid = BarGrid.of(song)
    found: list[tuple[Pattern, list[MotifOccurrence]]] = []
    for only in alone if by_part and alone else [None]:
        points, sources = points_of_song(song, only)
        patterns = find_patterns(
            points, wanted, ticks_per_beat=TICKS_PER_QUARTER, bar_lines=song.bar_lines, progress=progress
        )
        found += [(pattern, _occurrences(song, grid, points, sources, pattern)) for pattern in patterns]
    found.sort(key=lambda one: -one[0].gain)  # stable: of equal ones the first part's
    return [
        Motif(_name(number), tuple(places), pattern) for number, (pattern, places) in enumerate(found[: wanted.most])
    ]


def _occurrences(
    song: Song, grid: BarGrid, points: PointSet, sources: IntArray, pattern: Pattern
) -> list[MotifOccurrence]:
    found = []
    first_pitch = int(points.pitch[pattern.occurrences[0][0]])
    for notes, exact in zip(pattern.occurrences, pattern.exact, strict=True):
        own = sources[points.note[notes]]
        start, last = int(points.onset[notes[0]]), int(points.onset[notes[-1]])
        end = max(
            int(song.parts[part].notes["onset"][note] + song.parts[part].notes["duration"][note])
            for part, note in own.tolist()
        )
        move = int(points.pitch[notes[0]]) - first_pitch
        found.append(MotifOccurrence(own, grid.place(start), grid.place(last), (start, end), move, exact))
    return found


def _name(number: int) -> str:
    return chr(ord("A") + number) if number < 26 else f"M{number + 1}"


def bar_vectors(song: Song, embedder: Embedder | None = None) -> FloatArray:
    """Return a vector for each bar of the pitched notes that begin in it ``(B, D)``; NaN for empty bars.

    Args:
        song: the song.
        embedder: what makes them; the training-free one if not given.
    """
    maker = embedder or CombinedEmbedder()
    lines = song.bar_lines
    pitched = [part.notes for part in song.parts if not part.is_drums and len(part.notes)]
    notes = np.concatenate(pitched) if pitched else song.parts[0].notes[:0]
    bar = song.bars_at(notes["onset"]) if len(notes) else np.zeros(0, np.int64)
    windows, filled = [], []
    for index in range(song.bars):
        inside = notes[bar == index]
        if len(inside):
            length = int(lines[index + 1] - lines[index]) / TICKS_PER_QUARTER
            onset = np.clip((inside["onset"] - lines[index]) / TICKS_PER_QUARTER, 0, np.nextafter(length, 0))
            duration = inside["duration"] / TICKS_PER_QUARTER
            windows.append(Window(onset, duration, inside["pitch"].astype(np.int64), length))
            filled.append(index)
    vectors = np.full((song.bars, maker.dimensions), np.nan)
    if windows:
        vectors[filled] = maker.embed(windows)
    return vectors


def motif_of_bars(song: Song, motifs: list[Motif]) -> IntArray:
    """Return for each bar ``(B,)`` the motif whose occurrences fill most of it, -1 if less than a quarter of it."""
    lines = song.bar_lines
    covered = np.zeros((song.bars, max(len(motifs), 1)))
    for number, motif in enumerate(motifs):
        for occurrence in motif.occurrences:
            start, stop = occurrence.span
            covered[:, number] += np.clip(np.minimum(lines[1:], stop) - np.maximum(lines[:-1], start), 0, None)
    share = covered / np.diff(lines)[:, None]
    # Of equally filling ones the first, which tells more.
    return np.where(share.max(axis=1) >= 0.25, share.argmax(axis=1), -1).astype(np.int64)


def motif_distances(vectors: FloatArray, motif_of_bar: IntArray, motifs: int) -> FloatArray:
    """Return the distance of each bar to the mean of each motif's bars ``(B, M)``; NaN where either has no vector."""
    distances = np.full((len(vectors), motifs), np.nan)
    for number in range(motifs):
        mine = vectors[(motif_of_bar == number) & np.isfinite(vectors).all(axis=1)]
        if len(mine):
            distances[:, number] = np.linalg.norm(vectors - mine.mean(axis=0), axis=1)
    return distances


def motif_space(vectors: FloatArray, seed: int = 0) -> FloatArray:
    """Return bars as points in two dimensions ``(B, 2)``, near where they are alike; empty bars lie at the centre."""
    filled = np.isfinite(vectors).all(axis=1)
    points = np.zeros((len(vectors), 2))
    if filled.any():
        points[filled] = t_sne(vectors[filled], seed=seed)
    return points
