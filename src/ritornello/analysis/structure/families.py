"""Families: sets of fragments of one length that all match each other and do not overlap.

Follows Dai, Zhang and Dannenberg (2020): families grow from matching pairs and one that lies in a larger one is
dropped, so what remains are the maximal cliques of the graph "matches and does not overlap".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ritornello.analysis.structure.similarity import Matches

MAX_FAMILIES_PER_LENGTH = 2_000
"""Most families of one length that are listed; songs that repeat one bar throughout would have millions."""

ROUND_LENGTH_BONUS = 0.3


@dataclass(frozen=True, slots=True)
class Family:
    """A possible phrase with all its instances.

    Attributes:
        bars: length of each instance.
        starts: first bars, rising.
        is_melodic: whether it has a melody.
        score: match score: instances times mean pair score, plus a bonus for 4 bars and multiples of 8.
    """

    bars: int
    starts: tuple[int, ...]
    is_melodic: bool
    score: float

    @property
    def covered(self) -> int:
        """Bars that the instances cover."""
        return self.bars * len(self.starts)


def find_families(matches: Matches) -> list[Family]:
    """Return the families of one length, by their starts."""
    scores = {
        (a, b): score
        for a, b, score in zip(matches.first.tolist(), matches.second.tolist(), matches.score.tolist(), strict=True)
    }
    melodic = dict(zip(matches.first.tolist(), matches.melodic.tolist(), strict=True))
    places = sorted({place for pair in scores for place in pair})
    index = {place: i for i, place in enumerate(places)}
    near = [0] * len(places)
    for a, b in scores:
        near[index[a]] |= 1 << index[b]
        near[index[b]] |= 1 << index[a]
    bonus = ROUND_LENGTH_BONUS if matches.bars == 4 or matches.bars % 8 == 0 else 0.0
    families: list[Family] = []
    for clique in _maximal_cliques(near):
        starts = tuple(places[i] for i in clique)
        if len(starts) < 2:
            continue
        pairs = [scores[a, b] for i, a in enumerate(starts) for b in starts[i + 1 :]]
        score = len(starts) * sum(pairs) / len(pairs) + bonus
        families.append(Family(matches.bars, starts, melodic[starts[0]], score))
        if len(families) >= MAX_FAMILIES_PER_LENGTH:
            break
    return sorted(families, key=lambda family: family.starts)


def _maximal_cliques(near: list[int]) -> Iterator[list[int]]:
    """Yield the maximal cliques of a graph given as neighbour bit sets (Bron and Kerbosch 1973, with a pivot)."""
    stack: list[tuple[list[int], int, int]] = [([], (1 << len(near)) - 1, 0)] if near else []
    while stack:
        clique, possible, excluded = stack.pop()
        if not possible:
            if not excluded:
                yield clique
            continue
        pivot = max(_bits(possible | excluded), key=lambda i: (near[i] & possible).bit_count())
        branches = []
        for i in _bits(possible & ~near[pivot]):
            branches.append((sorted([*clique, i]), possible & near[i], excluded & near[i]))
            possible &= ~(1 << i)
            excluded |= 1 << i
        stack.extend(reversed(branches))


def _bits(mask: int) -> Iterator[int]:
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
