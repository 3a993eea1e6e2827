"""Songs packed into rows, and what each row may see: as blocks for the fast path, as a mask for the reference.

Museformer, section 3.1: a token sees the start symbol, the tokens of its fine bars, its own bar up to itself, and the
summaries of all other earlier bars; a summary sees the tokens of its bar and itself. Summaries stand before the tokens
among the keys: row s of S summaries, then row S + n of N tokens. Songs of a batch follow each other and never mix.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ritornello.museformer.attention.bars import NO_SOURCE
from ritornello.museformer.attention.sequence import BarSequence
from ritornello.nn.block_attention import Block, Run

CHUNK = 256
"""Queries of a block under full attention."""


@dataclass(frozen=True, eq=False)
class Packed:
    """A batch of songs in one row.

    Axes: N tokens of all songs, S summaries of all bars.

    Attributes:
        sequences: the songs.
        has_summaries: whether tokens see earlier bars by summary (not so in the variants ``no_coarse`` and ``full``).
    """

    sequences: tuple[BarSequence, ...]
    has_summaries: bool = True

    @cached_property
    def tokens(self) -> int:
        """N."""
        return sum(len(sequence.ids) for sequence in self.sequences)

    @cached_property
    def summaries(self) -> int:
        """S; 0 without summaries."""
        return sum(sequence.bars for sequence in self.sequences) if self.has_summaries else 0

    @cached_property
    def ids(self) -> Tensor:
        """``(N,)`` int64."""
        return self._rows("ids")

    @cached_property
    def targets(self) -> Tensor:
        """``(N,)`` int64, `IGNORED` where nothing is learned."""
        return self._rows("targets")

    @cached_property
    def bar_numbers(self) -> Tensor:
        """``(N,)`` int64: bar index of each token, 0 for start symbols."""
        return self._rows("bar_numbers")

    @cached_property
    def beats(self) -> Tensor:
        """``(N,)`` int64: beat number of each token."""
        return self._rows("beats")

    @cached_property
    def positions(self) -> Tensor:
        """``(N,)`` int64: row of each token within its song."""
        return torch.cat([torch.arange(len(sequence.ids)) for sequence in self.sequences])

    @cached_property
    def places_in_bar(self) -> Tensor:
        """``(N,)`` int64: tokens of the bar before each token; 0 for start symbols."""
        return self._rows("places_in_bar")

    @cached_property
    def summary_bar_numbers(self) -> Tensor:
        """``(S,)`` int64: bar index of each summary."""
        return self._rows("order")[: self.summaries]

    @cached_property
    def summary_is_empty(self) -> Tensor:
        """``(S,)`` int64: 1 for the summary of a bar without notes."""
        return self._rows("is_empty")[: self.summaries].long()

    def _rows(self, name: str) -> Tensor:
        return torch.from_numpy(np.concatenate([getattr(sequence, name) for sequence in self.sequences]))

    @cached_property
    def summary_blocks(self) -> tuple[Block, ...]:
        """One block a bar: its summary sees itself and the bar's tokens."""
        blocks = []
        for sequence, first_token, first_summary in self._songs():
            for bar in range(sequence.bars):
                row = first_summary + bar
                tokens = _shift(sequence.starts[bar : bar + 2], self.summaries + first_token)
                blocks.append(Block((row, row + 1), ((row, row + 1), tokens)))
        return tuple(blocks)

    @cached_property
    def token_blocks(self) -> tuple[Block, ...]:
        """One block a start symbol and a bar: what its tokens see among summaries and tokens."""
        blocks = []
        for sequence, first_token, first_summary in self._songs():
            start = self.summaries + first_token
            blocks.append(Block((first_token, first_token + 1), ((start, start + 1),), causal=1))
            for bar in range(sequence.bars):
                runs: list[Run] = []
                if self.has_summaries:
                    coarse = np.flatnonzero(~sequence.fine[bar, :bar]) + first_summary
                    runs += [(int(row), int(row) + 1) for row in coarse]
                runs.append((start, start + 1))
                for seen in np.flatnonzero(sequence.fine[bar]):
                    runs.append(_shift(sequence.starts[seen : seen + 2], start))
                own = _shift(sequence.starts[bar : bar + 2], start)
                joined = _merge([*runs, own])
                source = int(sequence.sources[bar])
                biased: tuple[Run, ...] = ()
                if source != NO_SOURCE and sequence.fine[bar, source]:
                    biased = (_inside(joined, _shift(sequence.starts[source : source + 2], start)),)
                queries = _shift(sequence.starts[bar : bar + 2], first_token)
                blocks.append(Block(queries, joined, own[1] - own[0], biased))
        return tuple(blocks)

    @cached_property
    def causal_blocks(self) -> tuple[Block, ...]:
        """Full attention: each chunk of tokens sees all tokens of its song before it and itself."""
        blocks = []
        for sequence, first, _ in self._songs():
            for begin in range(0, len(sequence.ids), CHUNK):
                queries = (first + begin, first + min(begin + CHUNK, len(sequence.ids)))
                blocks.append(Block(queries, ((first, queries[1]),), queries[1] - queries[0]))
        return tuple(blocks)

    def summary_mask(self) -> Tensor:
        """Return the reference mask of summaries: bool ``(S, S + N)``, True where a summary sees a row."""
        bar_of_summary, bar_of_token = self._bars()
        own = torch.eye(self.summaries, dtype=torch.bool)
        return torch.cat((own, bar_of_summary[:, None] == bar_of_token[None]), 1)

    def token_mask(self) -> tuple[Tensor, Tensor]:
        """Return the reference mask of tokens, formula by formula.

        Returns:
            bool ``(N, S + N)``: True where a token sees a row; and bool of the same shape: True where the seen row is
            a token of the bar that the token's bar repeats by plan.
        """
        mask = torch.zeros(self.tokens, self.summaries + self.tokens, dtype=torch.bool)
        biased = torch.zeros_like(mask)
        for sequence, first, first_summary in self._songs():
            bar = torch.from_numpy(sequence.places)
            rows = slice(first, first + len(bar))
            tokens = slice(self.summaries + first, self.summaries + first + len(bar))
            fine = torch.from_numpy(sequence.fine)
            n = torch.arange(len(bar))
            in_bar = bar >= 0
            both = in_bar[:, None] & in_bar[None]
            sees_fine = both & fine[bar.clamp(min=0)][:, bar.clamp(min=0)]
            own = (bar[:, None] == bar[None]) & (n[None] <= n[:, None])
            is_start = (n == 0)[None].expand(len(bar), -1)
            mask[rows, tokens] = own | sees_fine | is_start
            source = torch.from_numpy(sequence.sources)[bar.clamp(min=0)]
            is_source = both & (source[:, None] == bar[None]) & (source != NO_SOURCE)[:, None]
            biased[rows, tokens] = is_source & sees_fine
            if self.has_summaries:
                others = torch.arange(sequence.bars)
                earlier = in_bar[:, None] & (others[None] < bar[:, None])
                summaries = slice(first_summary, first_summary + sequence.bars)
                mask[rows, summaries] = earlier & ~fine[bar.clamp(min=0)]
        return mask, biased

    def _bars(self) -> tuple[Tensor, Tensor]:
        summaries, tokens = [], []
        for sequence, _, first in self._songs():
            summaries.append(torch.arange(first, first + sequence.bars))
            place = torch.from_numpy(sequence.places)
            tokens.append(torch.where(place < 0, -1, place + first))
        return torch.cat(summaries), torch.cat(tokens)

    def _songs(self) -> Iterable[tuple[BarSequence, int, int]]:
        """Yield each song with its first token row and its first summary."""
        token = summary = 0
        for sequence in self.sequences:
            yield sequence, token, summary
            token, summary = token + len(sequence.ids), summary + sequence.bars


def _shift(pair: NDArray[np.int64], by: int) -> Run:
    return int(pair[0]) + by, int(pair[1]) + by


def _merge(runs: Sequence[Run]) -> tuple[Run, ...]:
    """Join runs that touch."""
    merged: list[Run] = []
    for start, stop in runs:
        if merged and merged[-1][1] == start:
            merged[-1] = merged[-1][0], stop
        else:
            merged.append((start, stop))
    return tuple(merged)


def _inside(runs: Sequence[Run], wanted: Run) -> Run:
    """Return where a run of rows lies among the joined runs, one of which holds it whole."""
    place = 0
    for start, stop in runs:
        if start <= wanted[0] and wanted[1] <= stop:
            return place + wanted[0] - start, place + wanted[1] - start
        place += stop - start
    raise ValueError(f"rows {wanted} are not among {runs}")
