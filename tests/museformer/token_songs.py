"""Invented token songs for the tests of the network: bars that keep the grammar, packed in every way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ritornello.museformer.attention.bars import NO_SOURCE, STRUCTURE_OFFSETS
from ritornello.museformer.attention.layout import Packed
from ritornello.museformer.attention.sequence import BarSequence, make_sequence
from ritornello.museformer.data import mark_jumps
from ritornello.museformer.tokens import vocabulary as v
from ritornello.training.shards import Record, TokenShards, write_shards

Bar = NDArray[np.int64]


def bar(*notes: tuple[int, int, int], tempo: int = 35) -> Bar:
    """A bar of (onset, pitch, duration bucket), played by the piano; notes of one onset from high to low."""
    ids: list[int] = [v.TEMPO0 + tempo]
    last = -1
    for onset, pitch, duration in notes:
        if onset != last:
            ids += [v.ONSET0 + onset, v.INSTRUMENT0]
        ids += [v.PITCH0 + pitch, v.DURATION0 + duration, v.VELOCITY0 + 20]
        last = onset
    return np.array([*ids, v.BAR_END])


def random_bar(rng: np.random.Generator, notes: int) -> Bar:
    onsets = np.sort(rng.choice(48, notes, replace=False))
    columns = onsets, rng.integers(40, 90, notes), rng.integers(1, 30, notes)
    return bar(*zip(*(column.tolist() for column in columns), strict=True))


def random_bars(rng: np.random.Generator, count: int, most: int = 4) -> list[Bar]:
    """Bars of 0 to ``most`` notes."""
    return [random_bar(rng, int(rng.integers(0, most + 1))) for _ in range(count)]


def infill_order(bars: int, first: int, last: int) -> list[int]:
    """Musical indices from 1, with bars ``first`` to ``last`` written after all others."""
    return [*range(1, first), *range(last + 1, bars + 1), *range(first, last + 1)]


def in_order(
    bars: Sequence[Bar],
    order: Sequence[int],
    sources: Sequence[int] | None = None,
    max_rows: int | None = None,
    offsets: Sequence[int] = STRUCTURE_OFFSETS,
) -> BarSequence:
    """The sequence of bars that are given in musical order, ``<c>`` where one does not follow its predecessor."""
    moved = mark_jumps([bars[number - 1] for number in order], order)
    return make_sequence(moved, order, sources, offsets=offsets, max_rows=max_rows)


def packings(offsets: Sequence[int] = STRUCTURE_OFFSETS) -> dict[str, tuple[BarSequence, ...]]:
    """Batches of all kinds, small enough for loops over pairs of rows."""
    rng = np.random.default_rng(7)
    bars = random_bars(rng, 12)
    plain = in_order(bars, range(1, 13), offsets=offsets)
    infill = in_order(bars, infill_order(12, 4, 6), offsets=offsets)
    sources = [NO_SOURCE, NO_SOURCE, 1, 2, NO_SOURCE, 1, 2, 3, 3, 6, NO_SOURCE, 7]
    planned = [np.append(v.PLAN0 + (source != NO_SOURCE), tokens) for source, tokens in zip(sources, bars, strict=True)]
    plan = in_order(planned, range(1, 13), sources, offsets=offsets)
    both = infill_order(12, 2, 4)
    plan_infill = in_order(planned, both, [9 if number == 3 else NO_SOURCE for number in both], offsets=offsets)
    cut = in_order(bars, range(1, 13), max_rows=len(plain.ids) - len(bars[-1]) // 2 - 1, offsets=offsets)
    long = in_order(random_bars(rng, 36, 1), range(1, 37), offsets=offsets)
    window = make_sequence(mark_jumps(bars[4:9], range(5, 10)), range(5, 10), offsets=offsets)
    return {
        "plain": (plain,),
        "infill": (infill,),
        "plan": (plan,),
        "plan and infill": (plan_infill,),
        "last bar cut": (cut,),
        "36 bars": (long,),
        "songs together": (window, plan, infill),
    }


def pack(sequences: Sequence[BarSequence], has_summaries: bool = True) -> Packed:
    return Packed(tuple(sequences), has_summaries)


def write_songs(folder: Path, songs: Sequence[Sequence[Bar]], *splits: str) -> TokenShards:
    """Token shards of songs of bars, of the splits named, or all of the training split."""
    records = [
        Record(
            f"song {number}",
            splits[number] if splits else "train",
            np.concatenate(bars).astype(np.int16),
            np.array([len(tokens) for tokens in bars], np.int32),
        )
        for number, bars in enumerate(songs)
    ]
    folder.mkdir(exist_ok=True)
    write_shards(folder, records, vocabulary=v.VOCABULARY_NAME, vocabulary_size=v.SIZE)
    return TokenShards(folder, v.VOCABULARY_NAME)
