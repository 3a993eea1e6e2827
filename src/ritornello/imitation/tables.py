"""Counts with back-off: a distribution learned from one song, mixed with one learned from many.

P(x | c) = (n(c)·S(x | c) + μ·P₀(x | c)) / (n(c) + μ) with μ = 4·(1 − λ)/λ. S is the seed's own distribution: the counts
of the longest context seen, smoothed by shorter contexts with Witten–Bell weights (Witten and Bell, *The zero-frequency
problem*, 1991). λ = 1 is the seed mixed with 0.001 of the uniform distribution; λ = 0 is the prior.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Context = tuple[Hashable, ...]

PRIOR_WEIGHT = 4.0
"""μ₀: what the prior weighs, in observations, at λ = 0.5."""

UNIFORM_SHARE = 0.001
"""Share of the uniform distribution in every mixture, so that nothing is impossible."""


class CountTable:
    """Counts of items in contexts, from the longest context to the empty one."""

    def __init__(self) -> None:
        self.counts: dict[Context, dict[Hashable, float]] = {}

    def add(self, contexts: Iterable[Context], item: Hashable, weight: float = 1.0) -> None:
        """Count an item in each of its contexts."""
        for context in contexts:
            row = self.counts.setdefault(context, {})
            row[item] = row.get(item, 0.0) + weight

    def total(self, contexts: Iterable[Context]) -> float:
        """Return the number of observations in the first context that was seen; 0 if none was."""
        for context in contexts:
            if context in self.counts:
                return sum(self.counts[context].values())
        return 0.0

    def distribution(self, contexts: Sequence[Context], index: dict[Hashable, int]) -> FloatArray | None:
        """Return the Witten–Bell estimate ``(len(index),)``, or None if no context was seen.

        The shortest context is taken as counted; each longer one gives the share t/(n + t) to the shorter, with n its
        observations and t its different items. Items outside the index are left out.
        """
        estimate: FloatArray | None = None
        for context in reversed(contexts):
            row = self.counts.get(context)
            if not row:
                continue
            vector = np.zeros(len(index))
            for item, count in row.items():
                if item in index:
                    vector[index[item]] = count
            if not vector.any():
                continue
            if estimate is None:
                estimate = vector / vector.sum()
            else:
                estimate = (vector + len(row) * estimate) / (vector.sum() + len(row))
                estimate /= estimate.sum()
        return estimate

    def to_json(self, least: float = 2.0) -> list[Any]:
        """Return rows ``[context, [[item, count], …]]`` without counts below ``least``, but for the empty context."""
        rows = []
        for context, row in sorted(self.counts.items(), key=lambda pair: json.dumps(pair[0])):
            kept: list[list[Any]] = [[item, count] for item, count in row.items() if count >= least or context == ()]
            if kept:
                rows.append([list(context), sorted(kept, key=lambda pair: (-float(pair[1]), json.dumps(pair[0])))])
        return rows

    @classmethod
    def from_json(cls, rows: list[Any]) -> CountTable:
        """Read what `to_json` returned."""
        table = cls()
        for context, row in rows:
            table.counts[tuple(_frozen(part) for part in context)] = {_frozen(item): float(n) for item, n in row}
        return table


class Mixture:
    """A seed's table mixed with the prior's, over a fixed vocabulary.

    Args:
        seed: counts of the seed song.
        prior: counts of many songs, or None.
        vocabulary: the items; each must be hashable and appear once.
        strength: λ, 0..1.
    """

    def __init__(self, seed: CountTable, prior: CountTable | None, vocabulary: Sequence[Any], strength: float) -> None:
        self.seed = seed
        self.prior = prior
        self.vocabulary = list(vocabulary)
        self.index: dict[Hashable, int] = {item: place for place, item in enumerate(self.vocabulary)}
        self.strength = strength
        self._cache: dict[tuple[tuple[Context, ...], tuple[Context, ...]], FloatArray] = {}
        self._priors: dict[tuple[Context, ...], FloatArray | None] = {}

    def probabilities(self, contexts: Sequence[Context], prior_contexts: Sequence[Context] = ()) -> FloatArray:
        """Return ``(len(vocabulary),)`` the mixed distribution in a context, given longest context first."""
        name = (tuple(contexts), tuple(prior_contexts))
        found = self._cache.get(name)
        if found is None:
            found = self._cache[name] = self._mix(name[0], name[1])
        return found

    def _mix(self, contexts: tuple[Context, ...], prior_contexts: tuple[Context, ...]) -> FloatArray:
        uniform = np.full(len(self.vocabulary), 1.0 / len(self.vocabulary))
        own = self.seed.distribution(contexts, self.index)
        if prior_contexts not in self._priors:
            known = self.prior.distribution(prior_contexts, self.index) if self.prior is not None else None
            self._priors[prior_contexts] = known
        other = self._priors[prior_contexts]
        if other is None:
            other = uniform if own is None else own
        if own is None or self.strength <= 0:
            mixed = other
        else:
            observed = self.seed.total(contexts)
            weight = PRIOR_WEIGHT * (1 - self.strength) / self.strength
            mixed = (observed * own + weight * other) / (observed + weight)
        return (1 - UNIFORM_SHARE) * mixed + UNIFORM_SHARE * uniform


def _frozen(value: Any) -> Hashable:
    return tuple(_frozen(part) for part in value) if isinstance(value, list) else value
