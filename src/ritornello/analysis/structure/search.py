"""Search for covers: sets of families that explain a song with a short description.

Follows Dai, Zhang and Dannenberg (2020): families come in order of their first start and each may be added to every
cover so far; a cover is kept while its cost, or what its free bars could still bring it to, is near the best. We limit
the covers by number, never by a clock, so the result does not depend on the computer; covers are bit sets in rows of
64-bit words, and a family is tried on all of them at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ritornello.analysis.structure.families import Family
from ritornello.analysis.structure.lines import Lines

BAR_COST = 1.3
"""g: description length of a bar."""

SEGMENT_COST = 1.0
"""h: description length of a segment."""

MAX_COVERS = 40_000
"""Covers that are kept at a time; beyond it those with the worst bound are dropped."""

Words = NDArray[np.uint64]


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


@dataclass
class _Store:
    """Covers as columns; rows are only added or marked dead, so that a row's parent stays what it was."""

    words: Words
    cost: NDArray[np.float64]
    score: NDArray[np.float64]
    parent: NDArray[np.int64]
    family: NDArray[np.int64]
    key: NDArray[np.uint64]
    bound: NDArray[np.float64]
    alive: NDArray[np.bool_]
    size: int = 1
    rows: dict[int, int] = field(default_factory=dict)

    def grow(self, extra: int) -> None:
        while self.size + extra > len(self.cost):
            for name in ("words", "cost", "score", "parent", "family", "key", "bound", "alive"):
                column = getattr(self, name)
                setattr(self, name, np.concatenate([column, np.zeros_like(column)]))


def search(lines: Lines, families: Sequence[Family], max_covers: int = MAX_COVERS) -> tuple[list[Cover], bool]:
    """Return the covers near the best one, cheapest first, and whether none had to be dropped.

    Args:
        lines: the song.
        families: the families; the order does not matter.
        max_covers: covers kept at a time.
    """
    count = -(-lines.bars // 64)
    margin = lines.melodic_bars / 10
    random_words = np.random.default_rng(1).integers(1, 2**63, size=lines.bars, dtype=np.uint64)
    start_cost = SEGMENT_COST + BAR_COST * lines.bars
    store = _Store(
        words=np.zeros((1024, count), dtype=np.uint64),
        cost=np.full(1024, start_cost),
        score=np.zeros(1024),
        parent=np.full(1024, -1),
        family=np.full(1024, -1),
        key=np.zeros(1024, dtype=np.uint64),
        bound=np.zeros(1024),
        alive=np.zeros(1024, dtype=bool),
    )
    store.alive[0] = True
    store.rows[0] = 0
    cheapest = start_cost
    complete = True
    order = sorted(range(len(families)), key=lambda i: (families[i].starts[0], families[i].bars, families[i].starts))
    position = -1
    for index in order:
        family = families[index]
        if family.starts[0] != position:
            position = family.starts[0]
            complete &= _thin(store, cheapest + 1.5 * margin, lines, position, max_covers)
        cheapest = _try_family(store, family, index, lines, cheapest, margin, random_words)
    living = np.flatnonzero(store.alive[: store.size])
    living = living[np.lexsort((-store.score[living], store.cost[living]))]
    return [Cover(_families_of(store, row), store.cost[row], store.score[row]) for row in living.tolist()], complete


def _try_family(
    store: _Store, family: Family, index: int, lines: Lines, cheapest: float, margin: float, keys: Words
) -> float:
    count = store.words.shape[1]
    covered = [bar for start in family.starts for bar in range(start, start + family.bars)]
    own = _words(covered, count)
    size = store.size
    clash = store.words[:size, 0] & own[0]
    for word in range(1, count):
        clash |= store.words[:size, word] & own[word]
    parents = np.flatnonzero(store.alive[:size] & (clash == 0))
    if not len(parents):
        return cheapest
    bars = set(covered)
    left = [s - 1 for s in family.starts if s > lines.real_start and s - 1 not in bars]
    right = [s + family.bars for s in family.starts if s + family.bars < lines.real_end and s + family.bars not in bars]
    joints = sum(s + family.bars in family.starts for s in family.starts)
    old = store.words[parents]
    edges = joints + _count(~old & _words(left, count)) + _count(~old & _words(right, count))
    cost = store.cost[parents] - BAR_COST * (family.covered - family.bars) + SEGMENT_COST * edges
    new = old | own
    bound = cost - _hope(new, family.starts[0], lines)
    cheapest = min(cheapest, float(cost.min()))
    keep = np.flatnonzero((cost <= cheapest + margin) | (bound <= cheapest + margin))
    if not len(keep):
        return cheapest
    key = store.key[parents[keep]] + keys[covered].sum(dtype=np.uint64)
    score = store.score[parents[keep]] + family.score
    store.grow(len(keep))
    columns = zip(keep.tolist(), key.tolist(), cost[keep].tolist(), score.tolist(), strict=True)
    chosen: list[int] = []
    rows: list[int] = []
    for order, (_, number, value, points) in enumerate(columns):
        known = store.rows.get(number)
        if known is not None and store.alive[known]:
            tie = abs(store.cost[known] - value) < 1e-9
            if not (value < store.cost[known] - 1e-9 or (tie and points > store.score[known] + 1e-9)):
                continue
            store.alive[known] = False
        row = store.size
        store.size += 1
        store.rows[number] = row
        chosen.append(order)
        rows.append(row)
        # Written at once because a later candidate of this very family may meet it.
        store.cost[row], store.score[row], store.alive[row] = value, points, True
    picked = keep[chosen]
    store.words[rows] = new[picked]
    store.parent[rows] = parents[picked]
    store.family[rows] = index
    store.key[rows] = key[chosen]
    store.bound[rows] = bound[picked]
    return cheapest


def _hope(words: Words, start: int, lines: Lines) -> NDArray[np.float64]:
    """Return how much the free bars from ``start`` on could lower the cost at best."""
    right = _words(range(start, lines.real_end), words.shape[1])
    free = _count(~words & right)
    return np.where(free < 8, 0.0, BAR_COST * (free - 4) + SEGMENT_COST * (1 - free // 4))


def _thin(store: _Store, limit: float, lines: Lines, start: int, max_covers: int) -> bool:
    """Drop covers that can no longer come near the best, then the worst beyond the limit; True if the limit held."""
    rows = np.flatnonzero(store.alive[: store.size])
    bound = np.minimum(store.cost[rows], store.cost[rows] - _hope(store.words[rows], start, lines))
    store.alive[rows[bound > limit]] = False
    rows, bound = rows[bound <= limit], bound[bound <= limit]
    if len(rows) <= max_covers:
        return True
    worst = np.argsort(bound, kind="stable")[max_covers:]
    store.alive[rows[worst]] = False
    return False


def _families_of(store: _Store, row: int) -> tuple[int, ...]:
    found: list[int] = []
    while store.parent[row] >= 0:
        found.append(int(store.family[row]))
        row = int(store.parent[row])
    return tuple(reversed(found))


def _words(bars: Sequence[int] | range, count: int) -> Words:
    mask = sum(1 << bar for bar in bars)
    return np.array([(mask >> (64 * word)) & (2**64 - 1) for word in range(count)], dtype=np.uint64)


def _count(words: Words) -> NDArray[np.int64]:
    total: NDArray[np.int64] = np.bitwise_count(words).sum(axis=1, dtype=np.int64)
    return total
