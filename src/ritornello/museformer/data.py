"""Token shards to training examples: plain songs, songs with bars to refill, songs with a plan.

Ours (the paper trains on plain songs only). An epoch visits every window of every song once, in an order drawn from
the seed; example n is a pure function of the seed and n, so a run that was stopped goes on exactly. Plan labels come
from the song itself: each bar's source is the earlier bar that it is most alike, the nearest of several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.evaluation.bar_similarity import self_similarity
from ritornello.museformer.attention.bars import NO_SOURCE
from ritornello.museformer.attention.sequence import BarSequence, make_sequence
from ritornello.museformer.tokens import vocabulary as v
from ritornello.training.shards import Record, TokenShards

FREE, REPEAT, VARY = range(3)
"""Plan labels: ``u-0``, ``u-1``, ``u-2``."""

REPEAT_SIMILARITY, VARY_SIMILARITY = 0.9, 0.5
"""From which similarity on a bar counts as repeating or varying another."""

FREED_RUNS = 0.3
"""Share of runs of equally planned bars that a plan sample leaves free, so that plans may be partial."""

MAX_INFILL_BARS = 8


@dataclass(frozen=True)
class ExampleMix:
    """What examples are made of.

    Attributes:
        window_tokens: songs are cut into windows of about so many tokens, at bar lines; at least 1.
        infill_share: share of examples in which 1 to 8 bars are written last.
        plan_share: share of examples with plan tokens.
        offsets: distances of bars that are seen finely.
    """

    window_tokens: int
    infill_share: float = 0.0
    plan_share: float = 0.0
    offsets: tuple[int, ...] = ()


class Examples:
    """The stream of training examples of a split.

    Args:
        shards: the token data.
        records: indices of the records to use.
        mix: what to make of them.
        seed: of the order, the windows and the kinds.
    """

    def __init__(self, shards: TokenShards, records: Sequence[int], mix: ExampleMix, seed: int = 0) -> None:
        self.shards, self.mix, self.seed = shards, mix, seed
        self._windows = [
            (record, number)
            for record in records
            for number in range(-(-shards.tokens_of(record) // mix.window_tokens))
        ]
        self._drawn = -1, np.zeros(0, np.int64)  # the last epoch asked for, and its order

    def __len__(self) -> int:
        """Examples of an epoch."""
        return len(self._windows)

    def __getitem__(self, index: int) -> BarSequence:
        """Return example 0, 1, 2, ... without end."""
        epoch, place = divmod(index, len(self))
        record, number = self._windows[self._order(epoch)[place]]
        return make_example(self.shards[record], number, self.mix, np.random.default_rng((self.seed, 1, index)))

    def _order(self, epoch: int) -> NDArray[np.int64]:
        if self._drawn[0] != epoch:
            self._drawn = epoch, np.random.default_rng((self.seed, 0, epoch)).permutation(len(self))
        return self._drawn[1]


def make_example(record: Record, window: int, mix: ExampleMix, rng: np.random.Generator) -> BarSequence:
    """Return one example: a window of a song, plain, with bars to refill or with a plan.

    Args:
        record: the song.
        window: which window; 0 starts with the song, later ones about so many window lengths later.
        mix: see `ExampleMix`.
        rng: draws where a later window begins, and the kind.
    """
    starts = np.cumsum(record.bar_lengths) - record.bar_lengths
    begin = 0
    if window:
        wanted = (window + rng.uniform(-0.5, 0.5)) * mix.window_tokens
        begin = int(np.searchsorted(starts, min(wanted, len(record.tokens) - mix.window_tokens / 4)))
        begin = min(begin, len(starts) - 1)
    end = int(np.searchsorted(starts, starts[begin] + mix.window_tokens))  # the last bar is cut to the window
    bars = [np.asarray(bar) for bar in record.bars[begin:end]]
    is_whole = end == len(starts) and starts[-1] + record.bar_lengths[-1] - starts[begin] < mix.window_tokens
    kind = rng.random()
    numbers = list(range(begin + 1, end + 1))
    sources: list[int] | None = None
    if kind < mix.infill_share:
        # What is refilled comes last: the bar that does not fit whole is left out, and two <c> find room.
        while len(bars) > 1 and sum(map(len, bars)) + 2 > mix.window_tokens - 1:
            bars, numbers, is_whole = bars[:-1], numbers[:-1], False
    if kind < mix.infill_share and len(bars) > 2:
        count = int(rng.integers(1, min(MAX_INFILL_BARS, len(bars) - 1) + 1))
        first = int(rng.integers(0, len(bars) - count + 1))
        order = [*range(first), *range(first + count, len(bars)), *range(first, first + count)]
        bars, numbers = [bars[place] for place in order], [numbers[place] for place in order]
        is_whole = False
    elif mix.infill_share <= kind < mix.infill_share + mix.plan_share:
        labels, found = plan_labels(bars, rng)
        sources = [NO_SOURCE if place == NO_SOURCE else numbers[place] for place in found]
        bars = [np.append(v.PLAN0 + label, bar) for label, bar in zip(labels, bars, strict=True)]
        is_whole = False
    return make_sequence(
        mark_jumps(bars, numbers), numbers, sources, offsets=mix.offsets, ends=is_whole, max_rows=mix.window_tokens
    )


def mark_jumps(bars: Sequence[NDArray[np.integer]], numbers: Sequence[int]) -> list[NDArray[np.integer]]:
    """Put ``<c>`` before each bar that does not follow its musical predecessor.

    Args:
        bars: tokens of each bar, in generation order.
        numbers: their musical indices, from 1.
    """
    before = [0, *numbers[:-1]]
    return [
        bar if number == last + 1 else np.append(v.CONTINUE, bar)
        for bar, number, last in zip(bars, numbers, before, strict=True)
    ]


def plan_labels(
    bars: Sequence[NDArray[np.integer]], rng: np.random.Generator | None = None
) -> tuple[list[int], list[int]]:
    """Read a plan off a song: which earlier bar each bar repeats or varies.

    Args:
        bars: tokens of each bar, in musical order.
        rng: draws which runs are left free; None keeps all.

    Returns:
        For each bar `FREE`, `REPEAT` or `VARY`, and the place of its source or `NO_SOURCE`.
    """
    alike = np.tril(bar_similarity(bars), -1)
    nearest = len(bars) - 1 - np.argmax(alike[:, ::-1], 1)  # the last of several equal ones
    best = alike[np.arange(len(bars)), nearest]
    labels = np.where(best >= REPEAT_SIMILARITY, REPEAT, np.where(best >= VARY_SIMILARITY, VARY, FREE))
    if rng is not None:
        runs = np.cumsum(np.diff(labels, prepend=labels[:1]) != 0)
        freed = rng.random(int(runs[-1]) + 1) < FREED_RUNS
        labels[freed[runs]] = FREE
    return labels.tolist(), np.where(labels == FREE, NO_SOURCE, nearest).tolist()


def bar_similarity(bars: Sequence[NDArray[np.integer]]) -> NDArray[np.float64]:
    """Return the Jaccard similarity of all pairs of bars, ``(B, B)``; 0 where both are empty.

    Notes are equal if onset in the bar, family, pitch and duration are.

    Args:
        bars: tokens of each bar; the last may be cut.
    """
    return np.nan_to_num(self_similarity(_notes(bars), "all"))


def _notes(bars: Sequence[NDArray[np.integer]]) -> list[NDArray[np.int64]]:
    """Read the notes of bars off their tokens, without making a song; see `evaluation.bar_notes`."""
    ids = np.concatenate([np.zeros(0, np.int64), *bars]).astype(np.int64)
    rows = np.arange(len(ids))
    onset = ids[np.maximum.accumulate(np.where((ids >= v.ONSET0) & (ids < v.INSTRUMENT0), rows, 0))]
    family = ids[np.maximum.accumulate(np.where((ids >= v.INSTRUMENT0) & (ids < v.PITCH0), rows, 0))]
    at = np.flatnonzero((ids >= v.PITCH0) & (ids < v.DURATION0))
    at = at[at + 1 < len(ids)]  # a bar that was cut may lack the duration
    rank = _RANKS[family[at] - v.INSTRUMENT0]
    notes = np.stack([onset[at] - v.ONSET0, (ids[at] - v.PITCH0) % 128, ids[at + 1] - v.DURATION0, rank], 1)
    ends = np.cumsum([len(tokens) for tokens in bars])
    return np.split(notes, np.searchsorted(at, ends[:-1]))


_RANKS = np.argsort([token - v.INSTRUMENT0 for token in v.FAMILY_TOKENS])
"""Rank of each family by its id."""
