"""Random numbers that are looked up, not used up: each belongs to a place, so that an edit elsewhere moves none.

A place is a path of names and numbers, such as (seed, candidate, phrase, layer, cell). The path is hashed to the key of
a counter-based generator (Philox; Salmon et al., *Parallel random numbers: as easy as 1, 2, 3*, 2011).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Chance:
    """A place that random numbers belong to.

    Attributes:
        path: names and numbers that lead to it.
    """

    path: tuple[str | int, ...]

    def at(self, *names: str | int) -> Chance:
        """Return a place below this one."""
        return Chance((*self.path, *names))

    def generator(self) -> np.random.Generator:
        """Return a generator that begins anew at each call."""
        digest = hashlib.blake2b(repr(self.path).encode(), digest_size=16).digest()
        return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))

    def uniform(self) -> float:
        """Return the place's number, evenly from 0..1."""
        return float(self.generator().random())

    def gumbel(self, number: int) -> FloatArray:
        """Return ``(number,)`` standard Gumbel noise: the largest of log p + noise is a draw from p."""
        return self.generator().gumbel(size=number)

    def draw(self, probabilities: FloatArray, temperature: float = 1.0, top_p: float = 1.0) -> int:
        """Return an index drawn from a distribution ``(n,)`` of any positive sum.

        Args:
            probabilities: weights, 0 for what is impossible.
            temperature: below 1 the likely ones get likelier; 0 takes the likeliest.
            top_p: the least likely ones are left out while the others keep this share.
        """
        weights = np.asarray(probabilities, np.float64) / np.sum(probabilities)
        if top_p < 1:
            order = np.argsort(-weights, kind="stable")
            kept = order[: int(np.searchsorted(np.cumsum(weights[order]), top_p)) + 1]
            only = np.zeros_like(weights)
            only[kept] = weights[kept]
            weights = only
        with np.errstate(divide="ignore"):
            return int(np.argmax(np.log(weights) + temperature * self.gumbel(len(weights))))
