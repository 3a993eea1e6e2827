"""The repeated patterns of one piece: a short list of what comes back, with all places, from its notes alone.

Translatable patterns are found in semitones and in steps (`discovery_siatec`); of them a few are chosen greedily, as
COSIATEC and SIATECCompress do (Meredith, 2013 and 2015), by how many notes not yet told they tell per note written
down, their compactness and their size. What is nearly a chosen pattern, or nearly one of its occurrences, is dropped;
occurrences that share most of their notes count once; and occurrences that keep only a share of the notes are added:
the varied ones.

Axes: k occurrences.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ritornello.errors import ArgumentError
from ritornello.motifs.discovery_points import IntArray, PointSet
from ritornello.motifs.discovery_siatec import Repeat, Translations, compactness, shape, translatable_patterns

ALL_LAGS_POINTS, BEAT_LAGS_POINTS = 4_000, 12_000
"""Pieces of more points are compared with themselves moved by whole beats only, and from the second on by four."""


FIGURES: dict[str, float] = {"size_power": 0.0, "least_gain": 0.02}
"""Settings for short figures of single parts rather than themes and sections of all that sounds."""


@dataclass(frozen=True)
class DiscoverySettings:
    """What counts as a pattern; the defaults were chosen on JKU-PDD, see `docs/motifs.md`."""

    gaps_beats: tuple[float, ...] = (3.0,)
    """Longest times in beats between neighbouring onsets of a pattern; each is tried."""

    min_notes: int = 4
    """Fewest notes of a pattern."""

    min_compactness: float = 0.6
    """Least share of a pattern among the notes in the time and range that it spans."""

    max_beats: float | None = None
    """Longest pattern in beats: longer repeats are cut at bar lines and looked at bar by bar. None has no limit."""

    most: int = 12
    """Most patterns that are returned."""

    size_power: float = 1.0
    """Power of a pattern's number of notes in its gain: 1 favours themes and sections, 0 the shortest account of the
    piece, which is made of figures."""

    fewest: int = 3
    """So many patterns are told, if there are, before the list may end."""

    least_gain: float = 0.1
    """A pattern that gains less than this share of the first one's gain ends the list."""

    most_alike: float = 0.8
    """A pattern is dropped if it shares more of its notes with an occurrence of a chosen one."""

    varied_share: float = 0.7
    """Occurrences that keep at least this share of the notes are told too; 1 tells exact ones only."""

    segment: bool = False
    """Let every occurrence grow to all notes in the time that it spans."""

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("min_compactness", self.min_compactness, 0, 1), ("least_gain", self.least_gain, 0, 1),
            ("most_alike", self.most_alike, 0, 1), ("size_power", self.size_power, 0, 2),
            ("varied_share", self.varied_share, 0.3, 1),
        ):  # fmt: skip
            if not low <= value <= high:
                raise ArgumentError(f"{name} {value:g} is out of range {low} to {high}")
        if self.min_notes < 2 or self.most < 1 or self.fewest > self.most:
            raise ArgumentError("a pattern has at least 2 notes; at least 1 pattern and no more than the most is asked")
        if not self.gaps_beats or min(self.gaps_beats) <= 0 or (self.max_beats is not None and self.max_beats <= 0):
            raise ArgumentError("gaps and the longest pattern are given in beats above 0")


@dataclass(frozen=True, eq=False)
class Pattern:
    """A pattern that was found.

    Attributes:
        occurrences: indices of points, one array for each occurrence, in time order.
        exact: for each occurrence, whether all notes of the pattern are there, moved alike.
        morphetic: whether it moves by steps of the scale (in-key transposition) rather than by semitones.
        compactness: share of the pattern among the notes in the time and range it spans.
        gain: notes told per note written down, times compactness squared, times notes: what it was chosen by.
    """

    occurrences: tuple[IntArray, ...]
    exact: tuple[bool, ...]
    morphetic: bool
    compactness: float
    gain: float


def find_patterns(
    points: PointSet,
    settings: DiscoverySettings | None = None,
    *,
    ticks_per_beat: int,
    bar_lines: Sequence[int] | IntArray | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Pattern]:
    """Return the patterns of a piece, the one that tells most first.

    Args:
        points: the piece.
        settings: what counts as a pattern.
        ticks_per_beat: ticks of a beat in the points' onsets.
        bar_lines: ticks of the bar lines, where repeats longer than ``settings.max_beats`` are cut; every four beats
            from tick 0 on if not given.
        progress: called with (steps done, steps in all).

    Returns:
        Patterns, each with at least two occurrences; an empty list if nothing comes back.
    """
    wanted = settings or DiscoverySettings()
    repeats = find_repeats(points, wanted, ticks_per_beat=ticks_per_beat, bar_lines=bar_lines, progress=progress)
    return choose_patterns(points, repeats, wanted)


def find_repeats(
    points: PointSet,
    settings: DiscoverySettings,
    *,
    ticks_per_beat: int,
    bar_lines: Sequence[int] | IntArray | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Repeat]:
    """Return every pattern that comes back exactly, dense and long enough, with all its places: the candidates.

    The arguments are those of `find_patterns`.
    """
    if len(points) < 2 * settings.min_notes:
        return []
    if bar_lines is None:
        first, last = min(0, int(points.onset[0])), int(points.onset[-1])
        bar_lines = np.arange(first, last + 5 * ticks_per_beat, 4 * ticks_per_beat)
    translations = {morphetic: Translations(points, morphetic) for morphetic in (False, True)}
    return _candidates(points, translations, settings, ticks_per_beat, np.asarray(bar_lines, np.int64), progress)


def choose_patterns(points: PointSet, repeats: list[Repeat], settings: DiscoverySettings) -> list[Pattern]:
    """Return the patterns of a piece, chosen from its repeats, the one that tells most first."""
    translations = {morphetic: Translations(points, morphetic) for morphetic in (False, True)}
    return [
        _finished(points, translations[repeat.morphetic], repeat, gain, settings)
        for repeat, gain in _choose(len(points), repeats, settings)
    ]


def _candidates(
    points: PointSet, translations: dict[bool, Translations], wanted: DiscoverySettings, ticks_per_beat: int,
    bar_lines: IntArray, progress: Callable[[int, int], None] | None,
) -> list[Repeat]:  # fmt: skip
    lag_unit = 1 if len(points) <= ALL_LAGS_POINTS else ticks_per_beat * (1 if len(points) <= BEAT_LAGS_POINTS else 4)
    longest = None if wanted.max_beats is None else round(wanted.max_beats * ticks_per_beat)
    repeats: dict[tuple[bool, bytes], Repeat] = {}
    steps = [(morphetic, gap) for morphetic in (False, True) for gap in wanted.gaps_beats]
    for done, (morphetic, gap) in enumerate(steps):
        for whole in translatable_patterns(points, morphetic, round(gap * ticks_per_beat), lag_unit):
            for pattern in _short_enough(points.onset, whole, longest, bar_lines):
                if len(pattern) < wanted.min_notes or (share := compactness(points, pattern)) < wanted.min_compactness:
                    continue
                key = (morphetic, shape(points, pattern, morphetic))
                known = repeats.get(key)
                if known is None:
                    repeats[key] = Repeat(translations[morphetic].occurrences(pattern), morphetic, share)
                elif share > known.compactness:  # a pattern is as compact as where it stands most alone
                    repeats[key] = Repeat(known.occurrences, morphetic, share)
        if progress is not None:
            progress(done + 1, len(steps))
    return list(repeats.values())


def _short_enough(onset: IntArray, pattern: IntArray, longest: int | None, bar_lines: IntArray) -> list[IntArray]:
    """Return the pattern or, if it is too long, its pieces of one, two, four ... bars."""
    times = onset[pattern]
    if longest is None or times[-1] - times[0] < longest:
        return [pattern]
    edges = np.searchsorted(times, bar_lines)
    pieces = []
    bars = 1
    while bars < len(bar_lines) and bar_lines[bars] - bar_lines[0] <= longest:
        for first in range(0, len(edges) - bars, bars):
            if edges[first + bars] > edges[first]:
                pieces.append(pattern[edges[first] : edges[first + bars]])
        bars *= 2
    return pieces


def _choose(size: int, repeats: list[Repeat], wanted: DiscoverySettings) -> list[tuple[Repeat, float]]:
    told = np.zeros(size, bool)
    covered = [np.unique(repeat.occurrences) for repeat in repeats]
    cost = [sum(repeat.occurrences.shape) - 1 for repeat in repeats]
    worth = [repeat.compactness**2 * repeat.size**wanted.size_power for repeat in repeats]
    # Gains only shrink while more is told, so a stale one is a bound: the best is found without looking at all.
    heap = [(-len(notes) / cost[index] * worth[index], index) for index, notes in enumerate(covered)]
    heapq.heapify(heap)
    chosen: list[tuple[Repeat, float]] = []
    told_sets: list[set[int]] = []
    checked_at: dict[int, int] = {}
    while heap and len(chosen) < wanted.most:
        gain, index = heapq.heappop(heap)
        if checked_at.get(index) != len(chosen):
            checked_at[index] = len(chosen)
            new = len(covered[index]) - int(np.count_nonzero(told[covered[index]]))
            if new:
                heapq.heappush(heap, (-new / cost[index] * worth[index], index))
            continue
        if len(chosen) >= max(wanted.fewest, 1) and -gain < wanted.least_gain * chosen[0][1]:
            break
        notes = set(repeats[index].occurrences[0].tolist())
        if any(len(notes & other) > wanted.most_alike * max(len(notes), len(other)) for other in told_sets):
            continue
        if len(repeats[index].occurrences) > 1:
            chosen.append((repeats[index], -gain))
            told_sets += [set(row.tolist()) for row in repeats[index].occurrences]
            told[covered[index]] = True
    return chosen


def _finished(
    points: PointSet, translations: Translations, repeat: Repeat, gain: float, wanted: DiscoverySettings
) -> Pattern:
    found = translations.near_occurrences(repeat.occurrences[0], wanted.varied_share)
    found.sort(key=lambda notes: (int(points.onset[notes[0]]), notes.tolist()))
    exact = tuple(len(notes) == repeat.size for notes in found)
    if wanted.segment:
        found = [points.between(int(notes[0]), int(notes[-1])) for notes in found]
    return Pattern(tuple(found), exact, repeat.morphetic, repeat.compactness, gain)
