"""Counts with back-off: what comes next in a context, smoothed by shorter contexts.

Witten and Bell, *The zero-frequency problem* (1991): a context with n observations of t different items gives the share
t/(n + t) to the next shorter one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Item = str | int
Context = tuple[Item, ...]


class Counts:
    """Counts of items in contexts, each given from the longest context to the shortest."""

    def __init__(self) -> None:
        self.rows: dict[Context, dict[Item, int]] = {}
        self._known: dict[tuple[Context, ...], tuple[tuple[Item, ...], FloatArray]] = {}

    def add(self, contexts: Iterable[Context], item: Item) -> None:
        """Count an item in each of its contexts."""
        for context in contexts:
            row = self.rows.setdefault(context, {})
            row[item] = row.get(item, 0) + 1

    def distribution(self, *contexts: Context) -> tuple[tuple[Item, ...], FloatArray]:
        """Return the items that the shortest context has seen, and their probabilities ``(items,)``.

        Both are empty if no context was seen.
        """
        found = self._known.get(contexts)
        if found is None:
            found = self._known[contexts] = self._estimate(contexts)
        return found

    def _estimate(self, contexts: Sequence[Context]) -> tuple[tuple[Item, ...], FloatArray]:
        seen = [self.rows[context] for context in contexts if context in self.rows]
        if not seen:
            return (), np.zeros(0)
        items = tuple(dict.fromkeys(item for row in reversed(seen) for item in row))
        estimate = np.zeros(len(items))
        for row in reversed(seen):
            counted = np.array([row.get(item, 0) for item in items], np.float64)
            kinds = len(row) if estimate.any() else 0
            estimate = (counted + kinds * estimate) / (counted.sum() + kinds)
        return items, estimate

    def to_json(self, least: int) -> list[Any]:
        """Return rows ``[context, [item, count, …]]`` without items counted less than ``least`` times."""
        rows: list[Any] = []
        for context, row in sorted(self.rows.items(), key=lambda pair: json.dumps(pair[0])):
            kept = sorted(((n, item) for item, n in row.items() if n >= least), key=lambda p: (-p[0], str(p[1])))
            if kept:
                rows.append([list(context), [value for n, item in kept for value in (item, n)]])
        return rows

    @classmethod
    def from_json(cls, rows: list[Any]) -> Counts:
        """Read what `to_json` returned.

        Raises:
            ValueError, TypeError: if it is something else.
        """
        counts = cls()
        for context, flat in rows:
            row = dict(zip(flat[::2], flat[1::2], strict=True))
            if not all(isinstance(n, int) and n > 0 and isinstance(item, str | int) for item, n in row.items()):
                raise ValueError("a count is no positive whole number")
            if not all(isinstance(part, str | int) for part in context):
                raise TypeError("a context is no row of names and numbers")
            counts.rows[tuple(context)] = row
        return counts
