"""The best score of a query in each of many songs, whatever it is: what the chance level is fitted to.

Axes: R rows, one for each form of a tune, m notes, W windows of a song.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from ritornello.motifs.align import Weights
from ritornello.motifs.chance import surrogate
from ritornello.motifs.index import MotifIndex
from ritornello.motifs.index_windows import KINDS, SingleArray
from ritornello.motifs.lines import IntArray, Line
from ritornello.motifs.search_candidates import Candidates, align_queries
from ritornello.motifs.search_forms import Form, first_windows, forms_of

CANDIDATES_PER_SONG = 10
"""Places of a song that are aligned."""

FloatArray = NDArray[np.float64]


def background_songs(index: MotifIndex, count: int, seed: int, leave_out: frozenset[int] = frozenset()) -> IntArray:
    """Return a random choice of songs of an index, by their numbers, in rising order."""
    every = np.array([number for number in range(len(index.songs)) if number not in leave_out], np.int64)
    chosen = np.random.default_rng(seed).permutation(len(every))[:count]
    return np.sort(every[chosen])


def best_scores(index: MotifIndex, forms: list[Form], songs: IntArray, weights: Weights) -> FloatArray:
    """Return the best score of a query's forms in each song ``(songs,)``; 0 where nothing is found."""
    onsets, pitches = np.stack([form.onset for form in forms]), np.stack([form.pitch for form in forms])
    rows = np.tile(np.arange(len(forms)), (len(songs), 1))
    return _best_of_rows(index, onsets, pitches, rows, songs, weights)


def surrogate_scores(
    index: MotifIndex, line: Line, songs: IntArray, weights: Weights, *, seed: int, retrograde: bool = False
) -> FloatArray:
    """Return, for each song, the best score in it of a surrogate of its own ``(songs,)``."""
    rng = np.random.default_rng(seed)
    forms: list[Form] = []
    for _ in songs.tolist():
        onset, pitch = surrogate(line.onset.astype(np.float64), line.pitch.astype(np.float64), rng)
        # The shuffled steps may climb out of MIDI's range: only differences are compared.
        made = Line("", -1, np.rint(onset).astype(np.int64), line.duration, np.rint(pitch).astype(np.int64))
        forms += forms_of(made, retrograde=retrograde)
    onsets, pitches = np.stack([form.onset for form in forms]), np.stack([form.pitch for form in forms])
    rows = np.arange(len(forms)).reshape(len(songs), -1)
    return _best_of_rows(index, onsets, pitches, rows, songs, weights)


def _best_of_rows(
    index: MotifIndex, onsets: FloatArray, pitches: FloatArray, rows: IntArray, songs: IntArray, weights: Weights
) -> FloatArray:
    """Return the best score in each song of its rows ``(songs, rows of a song)`` of onsets and pitches ``(R, m)``."""
    kinds, vectors = first_windows(onsets, pitches, weights)
    parts = [
        _song_candidates(index, mine, kinds[mine], [vectors[row] for row in mine.tolist()], song)
        for song, mine in zip(songs.tolist(), rows, strict=True)
    ]
    counts = np.array([len(part) for part in parts])
    names = ("form", "song", "line", "start", "similarity")
    every = Candidates(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
    totals = align_queries(index, onsets, pitches, every, weights).totals
    edges = np.concatenate([[0], np.cumsum(counts)])
    return np.array([totals[first:last].max(initial=0.0) for first, last in itertools.pairwise(edges.tolist())])


def _song_candidates(
    index: MotifIndex, rows: IntArray, kinds: IntArray, vectors: list[SingleArray], song: int
) -> Candidates:
    similarity, row, window, kind_of = [], [], [], []
    for kind in range(len(KINDS)):
        start, stop = index.song_windows[kind][song : song + 2].tolist()
        mine = np.flatnonzero(kinds == kind)
        if stop <= start or not len(mine):
            continue
        all_forms = index.similarities(kind, np.stack([vectors[number] for number in mine]), start, stop)
        best = all_forms.argmax(axis=0)  # each place is tried in the form that fits it best
        similarity.append(all_forms[best, np.arange(stop - start)])
        row.append(rows[mine[best]])
        window.append(np.arange(start, stop))
        kind_of.append(np.full(stop - start, kind))
    if not similarity:
        nothing = np.zeros(0, np.int64)
        return Candidates(nothing, nothing, nothing, np.zeros(0), np.zeros(0))
    joined = np.concatenate(similarity)
    most = min(CANDIDATES_PER_SONG, len(joined))
    best = np.argpartition(joined, len(joined) - most)[len(joined) - most :]
    windows, forms, kind_numbers = (np.concatenate(column)[best] for column in (window, row, kind_of))
    line, start_tick = index.starts(song, kind_numbers, windows)
    return Candidates(forms, np.full(most, song), line, start_tick.astype(np.float64), joined[best].astype(np.float64))
