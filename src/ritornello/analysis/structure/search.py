"""Search for covers: sets of families that explain a song with a short description.

Follows Dai, Zhang and Dannenberg (2020): families come in order of their first start and each may be added to every
cover so far; a cover is kept while its cost, or what its free bars could still bring it to, is near the best. Where the
authors stop by the clock and search subsets of the families first, we limit the number of covers and keep the most
promising ones, so the result does not depend on the computer. Covers are bit sets in columns of 64-bit words; families
that start at the same bar exclude each other, so such a group is tried on all covers before it in one sweep.

Axes: C covers, W words of 64 bars.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.structure.families import Family
from ritornello.analysis.structure.lines import Lines

BAR_COST = 1.3
"""g: description length of a bar."""

SEGMENT_COST = 1.0
"""h: description length of a segment."""

MAX_COVERS = 4_000
"""Covers that are kept at a time; beyond it the least promising are dropped."""

SCOUT_COVERS = 500
"""Covers kept at a time by a first quick search, whose best cost lets the full one drop hopeless covers early."""

HOPE_WEIGHT = 0.8
"""Share of a cover's best possible saving that counts when covers are ranked for the limit (1 would keep dreamers)."""

Words = NDArray[np.uint64]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cover:
    """A set of families that do not overlap.

    Attributes:
        families: indices of the families.
        cost: description length as the search counts it.
        score: sum of the families' match scores.
    """

    families: tuple[int, ...]
    cost: float
    score: float


@dataclass(frozen=True)
class _Covers:
    """Covers as columns; ``row`` is the place in the family tree of `_History`."""

    words: Words  # (C, W)
    cost: FloatArray
    score: FloatArray
    row: IntArray

    def take(self, index: IntArray | NDArray[np.bool_]) -> _Covers:
        return _Covers(self.words[index], self.cost[index], self.score[index], self.row[index])

    @staticmethod
    def join(parts: Sequence[_Covers]) -> _Covers:
        return _Covers(
            np.concatenate([part.words for part in parts]),
            np.concatenate([part.cost for part in parts]),
            np.concatenate([part.score for part in parts]),
            np.concatenate([part.row for part in parts]),
        )


class _History:
    """Which family was added to which cover, for every cover that was ever kept."""

    def __init__(self) -> None:
        self._parent = [np.array([-1])]
        self._family = [np.array([-1])]
        self.size = 1

    def add(self, parents: IntArray, families: IntArray) -> IntArray:
        rows = np.arange(self.size, self.size + len(parents))
        self._parent.append(parents)
        self._family.append(families)
        self.size += len(parents)
        return rows

    def families(self, rows: IntArray) -> list[tuple[int, ...]]:
        parent, family = np.concatenate(self._parent).tolist(), np.concatenate(self._family).tolist()
        result: list[tuple[int, ...]] = []
        for row in rows.tolist():
            found: list[int] = []
            while parent[row] >= 0:
                found.append(family[row])
                row = parent[row]
            result.append(tuple(reversed(found)))
        return result


def search(lines: Lines, families: Sequence[Family], max_covers: int = MAX_COVERS) -> tuple[list[Cover], bool]:
    """Return the covers near the best one, cheapest first, and whether none had to be dropped for the limit.

    Args:
        lines: the song.
        families: the families; the order does not matter.
        max_covers: covers kept at a time.
    """
    order = sorted(range(len(families)), key=lambda i: (families[i].starts[0], families[i].bars, families[i].starts))
    start_cost = SEGMENT_COST + BAR_COST * lines.bars
    covers, history, complete = _sweep(lines, families, order, start_cost, min(SCOUT_COVERS, max_covers))
    if not complete:
        covers, history, complete = _sweep(lines, families, order, float(covers.cost.min()), max_covers)
    covers = covers.take(np.lexsort((-covers.score, np.round(covers.cost, 9))))
    sets = history.families(covers.row)
    costs, scores = covers.cost.tolist(), covers.score.tolist()
    return [Cover(*entry) for entry in zip(sets, costs, scores, strict=True)], complete


def _sweep(
    lines: Lines, families: Sequence[Family], order: Sequence[int], known_cost: float, max_covers: int
) -> tuple[_Covers, _History, bool]:
    """Return the covers within the margin of the best one, and whether the limit held.

    Args:
        lines: the song.
        families: the families.
        order: their indices by first start.
        known_cost: a cost that can be reached.
        max_covers: covers kept at a time.
    """
    width = -(-lines.bars // 64)
    margin = lines.melodic_bars / 10
    history = _History()
    start_cost = SEGMENT_COST + BAR_COST * lines.bars
    covers = _Covers(np.zeros((1, width), np.uint64), np.array([start_cost]), np.zeros(1), np.zeros(1, np.int64))
    complete = True
    rates = _savings(families, order)
    cheapest = known_cost
    groups = [(start, list(group)) for start, group in groupby(order, key=lambda i: families[i].starts[0])]
    for place, (_, group) in enumerate(groups):
        # Later families start further right; what they can save at best decides which covers have a future.
        future = groups[place + 1][0] if place + 1 < len(groups) else lines.real_end
        right, rate = _words(range(future, lines.real_end), width), rates.get(future, 0.0)
        grown, owners = [covers], [np.full(len(covers.cost), -1)]
        for index in group:
            new = _add(covers, families[index], lines)
            if len(new.cost):
                cheapest = min(cheapest, float(new.cost.min()))
                new = new.take(new.cost - _hope(new.words, right, rate) <= cheapest + margin)
                grown.append(new)
                owners.append(np.full(len(new.cost), index))
        pool = _Covers.join(grown)
        bound = pool.cost - _hope(pool.words, right, rate)
        near = bound <= cheapest + margin
        covers, held = _select(pool.take(near), np.concatenate(owners)[near], bound[near], max_covers, history)
        complete &= held
    return covers, history, complete


def _savings(families: Sequence[Family], order: Sequence[int]) -> dict[int, float]:
    """Return for each first start the most that a family from there on saves per bar it covers.

    A family of k fragments with l bars saves g (l - l / k) and adds k segments, save one for each run it closes.
    """
    rates: dict[int, float] = {}
    best = 0.0
    for index in reversed(order):
        family = families[index]
        saved = BAR_COST * (family.covered - family.bars) - SEGMENT_COST * len(family.starts)
        best = max(best, saved / family.covered)
        rates[family.starts[0]] = best
    return rates


def _add(covers: _Covers, family: Family, lines: Lines) -> _Covers:
    """Return the covers with a family added, for those that it does not overlap; ``row`` is the parent's."""
    width = covers.words.shape[1]
    bars = {bar for start in family.starts for bar in range(start, start + family.bars)}
    own = _words(bars, width)
    clash = covers.words[:, 0] & own[0]
    for word in range(1, width):
        clash |= covers.words[:, word] & own[word]
    old = covers.take(np.flatnonzero(clash == 0))
    stops = [start + family.bars for start in family.starts]
    left = [start - 1 for start in family.starts if start > lines.real_start and start - 1 not in bars]
    right = [stop for stop in stops if stop < lines.real_end and stop not in bars]
    joints = sum(stop in family.starts for stop in stops)
    edges = joints + _count(~old.words & _words(left, width)) + _count(~old.words & _words(right, width))
    cost = old.cost - BAR_COST * (family.covered - family.bars) + SEGMENT_COST * edges
    return _Covers(old.words | own, cost, old.score + family.score, old.row)


def _select(
    covers: _Covers, owners: IntArray, bound: FloatArray, max_covers: int, history: _History
) -> tuple[_Covers, bool]:
    """Return one cover for each set of bars, at most so many, and whether the limit held.

    Args:
        covers: covers; ``row`` of new ones is their parent's.
        owners: the family that made each, -1 for those that are not new.
        bound: the cost that each may still reach.
        max_covers: the limit.
        history: takes the new covers that are kept.
    """
    keys = [covers.words[:, word] for word in range(covers.words.shape[1])]
    order = np.lexsort((owners, -covers.score, np.round(covers.cost, 9), *keys))
    ordered = covers.words[order]
    first = np.ones(len(order), dtype=bool)
    first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    chosen = order[first]
    complete = len(chosen) <= max_covers
    if not complete:
        promise = covers.cost[chosen] - HOPE_WEIGHT * (covers.cost[chosen] - bound[chosen])
        chosen = chosen[np.argsort(np.round(promise, 9), kind="stable")[:max_covers]]
    chosen = np.sort(chosen)
    kept, kept_owners = covers.take(chosen), owners[chosen]
    fresh = kept_owners >= 0
    kept.row[fresh] = history.add(kept.row[fresh], kept_owners[fresh])
    return kept, complete


def _hope(words: Words, right: Words, rate: float) -> FloatArray:
    """Return how much the free bars of ``right`` could lower the cost at best.

    The authors' bound (one phrase of four bars fills them all), and ours: no family saves more than ``rate`` a bar.
    """
    open_bars = ~words & right
    free = _count(open_bars)
    theirs = BAR_COST * (free - 4) + SEGMENT_COST * (1 - free // 4)
    ours = rate * free + SEGMENT_COST * _runs(open_bars)
    return np.where(free < 8, 0.0, np.minimum(theirs, ours))


def _runs(words: Words) -> IntArray:
    """Return the number of runs of set bits."""
    before = words << np.uint64(1)
    before[:, 1:] |= words[:, :-1] >> np.uint64(63)
    return _count(words & ~before)


def _words(bars: set[int] | list[int] | range, width: int) -> Words:
    mask = sum(1 << bar for bar in bars)
    return np.array([(mask >> (64 * word)) & (2**64 - 1) for word in range(width)], dtype=np.uint64)


def _count(words: Words) -> IntArray:
    total: IntArray = np.bitwise_count(words).sum(axis=1, dtype=np.int64)
    return total
