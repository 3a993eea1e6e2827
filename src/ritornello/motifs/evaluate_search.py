"""Search measured on a corpus: planted variations found again, chance levels that are true, and the time of a query.

- Recall: a motif of one song is varied (inverted, twice as slow, twice as fast, one note changed, one ornament, one
  note left out) and put in the place of what a part of another song plays; the search must bring it among the first
  ten places outside the motif's own song.
- Chance: windows of random songs are looked for in one other random song each. Of p values that are true 5 % lie below
  .05 and 1 % below .01.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import UnsuitableSongError
from ritornello.evaluation.statistics import proportion_interval
from ritornello.motifs.align import Weights
from ritornello.motifs.chance import BACKGROUND_SONGS, Gumbel
from ritornello.motifs.index import MotifIndex
from ritornello.motifs.index_block import song_block
from ritornello.motifs.index_store import joined
from ritornello.motifs.lines import IntArray, Line
from ritornello.motifs.query import MOST_NOTES, Query
from ritornello.motifs.search import grid_of, search
from ritornello.motifs.search_background import background_songs, best_scores
from ritornello.motifs.search_forms import forms_of
from ritornello.score import Meter, Part, Song, Tempo, make_notes

KINDS = ("inverted", "twice as slow", "twice as fast", "one note changed", "one ornament", "one note left out")
"""Variations that are planted, in equal parts."""

FEWEST_SONGS = 60
"""Smallest corpus that is measured."""

FIRST = 10
"""A planted variation counts as found among so many places."""

_BARS = 2
_NOTES = (7, 24)  # of a motif that is planted

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Planted:
    """A variation in a song of the corpus.

    Attributes:
        kind: of `KINDS`.
        motif: the motif as its own song has it.
        source: number of the motif's song.
        target: number of the song that has the variation.
        start, end: first and last onset of the variation, ticks.
    """

    kind: str
    motif: Line
    source: int
    target: int
    start: int
    end: int


def evaluate_search(
    index: MotifIndex, *, planted: int = 300, windows: int = 1000, seed: int = 0, progress: Progress | None = None
) -> dict[str, Any]:
    """Return recall of planted variations, shares of small p values, and seconds of a query.

    Args:
        index: the corpus.
        planted: number of variations.
        windows: number of random windows for the chance level.
        seed: of all choices.
        progress: called with (searches done, searches in all).

    Raises:
        UnsuitableSongError: if the corpus has fewer than `FEWEST_SONGS` songs.
    """
    if len(index.songs) < FEWEST_SONGS:
        raise UnsuitableSongError(f"the corpus has {len(index.songs)} songs; at least {FEWEST_SONGS} are measured")
    total = planted + windows
    changed, made = plant(index, planted, seed)
    ranks: dict[str, list[int]] = {kind: [] for kind in KINDS}
    seconds = []
    for done, one in enumerate(made):
        started = time.process_time()
        ranks[one.kind].append(_rank(changed, one))
        seconds.append(time.process_time() - started)
        if progress is not None:
            progress(done + 1, total)
    p_values = random_p_values(index, windows, seed, lambda done: progress and progress(planted + done, total))
    return {
        "songs": len(index.songs), "planted": len(made),
        "recall_at_10": _share([rank <= FIRST for rows in ranks.values() for rank in rows]),
        "recall_at_10_by_kind": {
            kind: float(np.mean([rank <= FIRST for rank in rows])) for kind, rows in ranks.items() if rows
        },
        "random_windows": len(p_values),
        "p_below_05": _share([p <= 0.05 for p in p_values]), "p_below_01": _share([p <= 0.01 for p in p_values]),
        "query_cpu_seconds": float(np.median(seconds)), "query_cpu_seconds_95": float(np.quantile(seconds, 0.95)),
    }  # fmt: skip


def plant(index: MotifIndex, count: int, seed: int) -> tuple[MotifIndex, list[Planted]]:
    """Return an index with variations of motifs in other songs, one a song, and where they are."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(index.songs))
    targets = list(order[::-1])
    blocks: dict[int, Song] = {}
    made: list[Planted] = []
    for attempt in range(20 * count):
        if len(made) == count or not targets:
            break
        source = int(order[attempt % len(order)])
        motif = _random_window(index, source, rng, _BARS)
        if motif is None or not _NOTES[0] <= len(motif) <= _NOTES[1] or len(np.unique(motif.pitch)) < 4:
            continue
        varied = vary(motif, KINDS[len(made) % len(KINDS)], rng)
        target = int(targets.pop())
        if varied is None or target == source:
            continue
        song = song_of(index, target)
        lines = [part for part, one in enumerate(song.parts) if len(one.notes) > 60]
        if not lines or song.bars < 20:
            continue
        part = int(rng.choice(lines))
        start = int(song.bar_lines[int(rng.integers(3, song.bars - 8))])
        blocks[target] = _with_notes(song, part, varied[0] + start, varied[1])
        end = start + int(varied[0][-1])
        made.append(Planted(KINDS[len(made) % len(KINDS)], motif, source, target, start, end))
    parts = [
        song_block(blocks[number], entry.name, entry.digest) if number in blocks else index.block(number)
        for number, entry in enumerate(index.songs)
    ]
    return MotifIndex(index.with_cells_like(joined(parts))), made


def vary(motif: Line, kind: str, rng: np.random.Generator) -> tuple[IntArray, IntArray] | None:
    """Return onsets from 0 on and pitches of a variation, transposed at random; None where it is not possible."""
    onset, pitch = (motif.onset - motif.onset[0]).astype(np.float64), motif.pitch.copy()
    if kind == "inverted":
        pitch = 2 * pitch[0] - pitch
    elif kind == "twice as slow":
        onset = onset * 2
    elif kind == "twice as fast":
        if (onset % 2).any():  # halves of odd ticks cannot be written in 12 ticks a quarter note
            return None
        onset = onset / 2
    elif kind == "one note changed":
        pitch[int(rng.integers(1, len(pitch) - 1))] += int(rng.choice([-5, -4, -3, 3, 4, 5, 7]))
    elif kind == "one ornament":
        long = np.flatnonzero(np.diff(onset) >= 4)
        if not len(long):
            return None
        at = int(rng.choice(long))
        onset = np.insert(onset, at + 1, onset[at] + np.diff(onset)[at] // 2)
        pitch = np.insert(pitch, at + 1, pitch[at] + int(rng.choice([-2, -1, 1, 2])))
    else:
        at = int(rng.integers(1, len(pitch) - 1))
        onset, pitch = np.delete(onset, at), np.delete(pitch, at)
    pitch = pitch + int(rng.integers(-6, 7))
    pitch = pitch - 12 * max(0, -(-(int(pitch.max()) - 108) // 12)) + 12 * max(0, -((int(pitch.min()) - 24) // 12))
    ticks = np.rint(onset).astype(np.int64)
    if (np.diff(ticks) < 1).any() or pitch.min() < 0 or pitch.max() > 127:
        return None
    return ticks, pitch.astype(np.int64)


def song_of(index: MotifIndex, number: int) -> Song:
    """Return a song of an index from its notes; velocities and drums are not kept there."""
    entry, notes = index.songs[number], index.notes(number)
    parts = []
    for part, (name, program, _) in enumerate(entry.parts):
        own = notes["part"] == part
        parts.append(Part(name, make_notes(*(notes[c][own] for c in ("onset", "duration", "pitch"))), program))
    return Song(
        tuple(parts), tuple(Tempo(*tempo) for tempo in entry.tempi), tuple(Meter(*meter) for meter in entry.meters),
        title=entry.title,
    )  # fmt: skip


def random_p_values(
    index: MotifIndex, count: int, seed: int, told: Callable[[int], object] = lambda _: None
) -> list[float]:
    """Return p values of random windows in one random other song each."""
    rng = np.random.default_rng(seed)
    found: list[float] = []
    while len(found) < count:
        source, other = (int(number) for number in rng.choice(len(index.songs), 2, replace=False))
        window = _random_window(index, source, rng, int(rng.integers(1, 4)))
        if window is None or not 4 <= len(window) <= MOST_NOTES:
            continue
        songs = background_songs(index, BACKGROUND_SONGS, seed, frozenset((source, other)))
        scores = best_scores(index, forms_of(window), np.append(songs, other), Weights())
        found.append(float(Gumbel.fit(scores[:-1]).p_value(scores[-1])))
        told(len(found))
    return found


def _random_window(index: MotifIndex, song: int, rng: np.random.Generator, bars: int) -> Line | None:
    lines = grid_of(index, song).lines
    parts = [number for number, (_, part) in enumerate(index.songs[song].lines) if part >= 0]
    if len(lines) < bars + 3 or not parts:
        return None
    bar = int(rng.integers(0, len(lines) - bars))
    return index.line(song, int(rng.choice(parts))).between(int(lines[bar]), int(lines[bar + bars]))


def _with_notes(song: Song, part: int, onset: IntArray, pitch: IntArray) -> Song:
    notes = song.parts[part].notes
    free = notes[(notes["onset"] < onset[0] - 2) | (notes["onset"] > onset[-1] + 6)]
    length = np.append(np.diff(onset), 12)
    mixed: NDArray[np.void] = np.concatenate([free, make_notes(onset, length, pitch)])
    parts = list(song.parts)
    parts[part] = parts[part].with_notes(mixed)
    return song.replace(parts=tuple(parts))


def _rank(index: MotifIndex, one: Planted) -> int:
    query = Query(one.motif, np.stack([one.motif.onset, one.motif.duration, one.motif.pitch]))
    place = 0
    for hit in search(index, query, limit=40).hits:
        if hit.song == one.source:
            continue
        place += 1
        if hit.song == one.target and hit.line.onset[0] <= one.end and hit.line.onset[-1] >= one.start:
            return place
    return 10_000


def _share(hits: Sequence[bool]) -> dict[str, Any]:
    count = int(np.sum(hits))
    low, high = proportion_interval(count, len(hits)) if len(hits) else (0.0, 1.0)
    return {"value": count / max(len(hits), 1), "interval_95": [low, high]}
