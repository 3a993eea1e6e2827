"""Which bars a bar sees finely: one rule for plain generation, infill and plans.

Museformer (Yu et al., NeurIPS 2022, section 3.2) sees the bars 1, 2, 4, 8, 12, 16, 24 and 32 before finely and all
other earlier ones by their summaries. Ours walks one list - the plan's source bar and its neighbours, then the offsets,
backward and forward - and keeps the first eight bars that come earlier in *generation order*. In plain generation that
is the paper's rule; the cost never grows. One boolean table drives masks, training paths and the decoder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

STRUCTURE_OFFSETS = (1, 2, 4, 8, 12, 16, 24, 32)
"""Offsets in bars at which music repeats most (paper, section 3.2)."""

LAST_OFFSETS = (1, 2, 3, 4, 5, 6, 7, 8)
"""The ablation without bar selection: simply the last bars (paper, section 4.3)."""

NO_SOURCE = -1
"""Stands for a bar that repeats no other."""


def fine_bars(bar: int, source: int = NO_SOURCE, offsets: Sequence[int] = STRUCTURE_OFFSETS) -> Iterator[int]:
    """Walk the bars that a bar would like to see finely, most wanted first; some may not exist or come later.

    Args:
        bar: the bar's musical index.
        source: musical index of the bar that it repeats or varies, or `NO_SOURCE`.
        offsets: distances in bars.

    Yields:
        Musical indices, possibly twice, negative or past the end.
    """
    if source != NO_SOURCE:
        yield from (source, source - 1, source + 1)
    for offset in offsets:
        yield bar - offset
        yield bar + offset


def fine_table(
    order: Sequence[int], sources: Sequence[int] | None = None, offsets: Sequence[int] = STRUCTURE_OFFSETS
) -> NDArray[np.bool_]:
    """Return which bars see which finely.

    Args:
        order: the musical index of each bar, in generation order; no bar twice.
        sources: the musical index of each bar's source, in generation order, or `NO_SOURCE`; None for no plan.
        offsets: distances in bars; as many bars as there are offsets are kept.

    Returns:
        bool ``(bars, bars)`` in generation order, strictly lower triangular: row i is R(i).
    """
    table = np.zeros((len(order), len(order)), np.bool_)
    place_of: dict[int, int] = {}
    for place, bar in enumerate(order):
        found: set[int] = set()
        for wanted in fine_bars(bar, NO_SOURCE if sources is None else sources[place], offsets):
            earlier = place_of.get(wanted)
            if earlier is not None:
                found.add(earlier)
                if len(found) == len(offsets):
                    break
        table[place, list(found)] = True
        place_of[bar] = place
    return table
