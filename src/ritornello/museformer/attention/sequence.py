"""A piece as the network reads it: bars in generation order behind the start symbol, with what each bar sees.

Museformer, section 3; control tokens and generation order are ours. The start symbol is row 0, belongs to no bar
(in the authors' training code it lies inside bar 1, and the model can see its own future through it), has bar index
0 and sees only itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ritornello.museformer.attention.bars import NO_SOURCE, STRUCTURE_OFFSETS, fine_table
from ritornello.museformer.tokens import vocabulary as v

IGNORED = -100
"""Target of a row whose next token is not to be learned."""


@dataclass(frozen=True, eq=False)
class BarSequence:
    """One piece, or its first rows.

    Axes: N rows, B bars in generation order.

    Attributes:
        ids: int64 ``(N,)``, the start symbol first.
        targets: int64 ``(N,)``: the next token of each row, or `IGNORED`.
        starts: int64 ``(B + 1,)``: the first row of each bar and, last, N.
        order: int64 ``(B,)``: musical index of each bar, from 1.
        sources: int64 ``(B,)``: place in generation order of the bar that each bar repeats, or `NO_SOURCE`.
        fine: bool ``(B, B)``: which bars see which finely; strictly lower triangular.
    """

    ids: NDArray[np.int64]
    targets: NDArray[np.int64]
    starts: NDArray[np.int64]
    order: NDArray[np.int64]
    sources: NDArray[np.int64]
    fine: NDArray[np.bool_]

    @property
    def bars(self) -> int:
        """Number of bars."""
        return len(self.order)

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """For each row the place of its bar in generation order; -1 for the start symbol. ``(N,)``."""
        return np.searchsorted(self.starts, np.arange(len(self.ids)), side="right") - 1

    @cached_property
    def bar_numbers(self) -> NDArray[np.int64]:
        """For each row the musical index of its bar, from 1; 0 for the start symbol. ``(N,)``."""
        return np.concatenate([np.zeros(1, np.int64), np.repeat(self.order, np.diff(self.starts))])

    @cached_property
    def places_in_bar(self) -> NDArray[np.int64]:
        """For each row how many rows of its bar come before it; 0 for the start symbol. ``(N,)``."""
        lengths = np.diff(self.starts)
        firsts = np.concatenate([np.zeros(1, np.int64), np.repeat(self.starts[:-1], lengths)])
        places: NDArray[np.int64] = np.arange(len(self.ids)) - firsts
        return places

    @cached_property
    def beats(self) -> NDArray[np.int64]:
        """For each row k + 1 from an onset token ``o-k`` on until the next; 0 elsewhere. ``(N,)``."""
        return beat_numbers(self.ids)

    @cached_property
    def is_empty(self) -> NDArray[np.bool_]:
        """For each bar whether it has no note. ``(B,)``."""
        onsets = (self.ids >= v.ONSET0) & (self.ids < v.INSTRUMENT0)
        return np.add.reduceat(np.append(onsets, False), self.starts[:-1]) == 0 if self.bars else np.zeros(0, np.bool_)


def beat_numbers(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for each token the beat number of its note: k + 1 from ``o-k`` on, 0 before the first onset of a bar.

    Args:
        ids: ``(N,)`` tokens of whole bars, or the beginning of them.

    Returns:
        int64 ``(N,)``.
    """
    is_onset = (ids >= v.ONSET0) & (ids < v.INSTRUMENT0)
    is_outside = (ids == v.START) | (ids == v.BAR_END) | (ids >= v.TEMPO0)
    rows = np.arange(len(ids))
    last = np.maximum.accumulate(np.where(is_onset | is_outside, rows, 0))
    beats: NDArray[np.int64] = np.where(is_onset[last], ids[last] - v.ONSET0 + 1, 0)
    return beats


def next_beat(beat: int, token: int) -> int:
    """Return the beat number of a token that follows one of beat number ``beat``; see `beat_numbers`."""
    if v.ONSET0 <= token < v.INSTRUMENT0:
        return token - v.ONSET0 + 1
    return 0 if token in (v.BAR_END, v.START) or token >= v.TEMPO0 else beat


def make_sequence(
    bars: Sequence[NDArray[np.integer]],
    order: Sequence[int] | None = None,
    sources: Sequence[int] | None = None,
    *,
    offsets: Sequence[int] = STRUCTURE_OFFSETS,
    ends: bool = True,
    max_rows: int | None = None,
) -> BarSequence:
    """Put bars behind the start symbol.

    Args:
        bars: the tokens of each bar in generation order, control tokens included.
        order: musical index of each bar, from 1; 1, 2, 3, … if left out.
        sources: musical index of each bar's plan source, or `NO_SOURCE`; None for no plan.
        offsets: distances of the bars that are seen finely.
        ends: whether the end symbol is the target of the last row.
        max_rows: keep only so many rows; the last bar may be cut.

    Returns:
        The sequence. Control tokens are never targets.
    """
    order = range(1, len(bars) + 1) if order is None else order
    tokens = np.concatenate([np.array([v.START]), *bars, np.array([v.END])]).astype(np.int64)
    ids, targets = tokens[:-1], tokens[1:].copy()
    targets[(targets >= v.CONTINUE) | ((targets == v.END) & (not ends))] = IGNORED
    starts = 1 + np.concatenate([[0], np.cumsum([len(bar) for bar in bars])]).astype(np.int64)
    if max_rows is not None and max_rows < len(ids):
        ids, targets = ids[:max_rows], targets[:max_rows]
        kept = int(np.searchsorted(starts, max_rows, side="left"))  # bars that begin before the cut
        starts = np.append(starts[:kept], max_rows)
        order, sources = order[:kept], None if sources is None else sources[:kept]
    place_of = {bar: place for place, bar in enumerate(order)}
    places = [place_of.get(s, NO_SOURCE) for s in sources] if sources is not None else [NO_SOURCE] * len(order)
    return BarSequence(
        ids, targets, starts, np.array(order, np.int64), np.array(places, np.int64), fine_table(order, sources, offsets)
    )
