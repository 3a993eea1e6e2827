"""Exact token-by-token decoding with bounded caches: what a full pass over the song gives, at a cost that stays flat.

Museformer (Yu et al., NeurIPS 2022) re-encodes the whole song for every token in its published code. Nothing asks for
that: a token's state depends on its own prefix, the fine bars of its bar and earlier summaries; a summary on its own
bar alone. So keys and values are kept: those of tokens as long as a later bar may see them (32 bars, or as a plan or an
infill needs), one row a bar of those of summaries for ever. When a bar begins, all rows that it sees are gathered into
one stretch - summaries of coarse bars, start symbol, tokens of fine bars - and its own tokens follow as they come, so
that a token reads one run of rows per head. After ``b-1`` the summary passes through all layers, and what no later bar
sees is dropped.

Several pieces, each in its own bar, go through the matrices together.

Axes: B pieces, L layers, H heads, E = D / H, C rows of room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ritornello.errors import ArgumentError
from ritornello.museformer.attention.bars import NO_SOURCE, fine_table
from ritornello.museformer.attention.layout import Packed
from ritornello.museformer.attention.sequence import BarSequence, next_beat
from ritornello.museformer.config import MuseformerConfig
from ritornello.museformer.decoding.frozen import FrozenNetwork, layers_of, turn_pairs
from ritornello.museformer.model import MAX_BARS, MuseformerNetwork
from ritornello.museformer.tokens import vocabulary as v
from ritornello.nn.block_attention import block_attention
from ritornello.nn.positions import turn
from ritornello.nn.row_attention import attend_new_rows

PAGE = 64
"""Tokens of a page: bars are stored in whole pages, which are used again when the bar is dropped."""

ROOM = 4096
"""Rows of the gathered stretch of a piece at first; it grows if a bar sees more."""


@dataclass(eq=False)
class _Bar:
    """Keys and values of a whole bar's tokens: pages ``(L, 2, H, PAGE, E)``."""

    length: int
    pages: list[Tensor]


@dataclass(eq=False)
class _Piece:
    """Where a piece stands.

    Attributes:
        order: musical index of each bar in generation order, or None: 1, 2, 3, … without end.
        sources: place of each bar's source, or `NO_SOURCE`; as long as ``order``.
        fine: which bars see which finely, ``(bars, bars)``, if the order is known.
        last_use: the last bar that sees each bar finely, -1 if none does, if the order is known.
        bars: stored bars by place.
        coarse: keys and values of summaries ``(L, 2, H, room, E)``.
        place: whole bars so far, which is also the place of the bar under way.
        is_open: whether a bar is under way.
        first: row of the stretch at which the bar's own tokens begin.
        rows: rows of the stretch in use.
        biased: run of the stretch that holds the source bar; empty if it repeats none.
        beat: beat number of the last token.
        has_notes: whether the bar under way has an onset.
    """

    coarse: Tensor
    order: NDArray[np.int64] | None = None
    sources: NDArray[np.int64] | None = None
    fine: NDArray[np.bool_] | None = None
    last_use: NDArray[np.int64] | None = None
    bars: dict[int, _Bar] = field(default_factory=dict)
    place: int = 0
    is_open: bool = False
    first: int = 0
    rows: int = 0
    biased: tuple[int, int] = (0, 0)
    beat: int = 0
    has_notes: bool = False

    def number(self, place: int) -> int:
        """Return the musical index of a bar."""
        if self.order is None:
            return place + 1
        if place >= len(self.order):
            raise ArgumentError(f"bar {place + 1} was not announced: the piece was begun with {len(self.order)} bars")
        return int(self.order[place])

    def take(self, token: int) -> None:
        """Note a token's beat."""
        self.beat = next_beat(self.beat, token)
        self.has_notes |= self.beat > 0


class Decoder:
    """Pieces under way.

    Args:
        network: of the variants ``museformer``, ``no_selection`` or ``no_coarse``; its weights are copied.
        pieces: how many pieces have a place here; a place can be used again and again.
        dtype: of matrices, keys and values: float32, bfloat16 or float64. States are at least float32.

    Raises:
        ArgumentError: if the network is of the variant ``full``.
    """

    def __init__(self, network: MuseformerNetwork, pieces: int = 1, dtype: torch.dtype = torch.float32) -> None:
        if network.config.variant == "full":
            raise ArgumentError("full attention is decoded by FullDecoder")
        self.config: MuseformerConfig = network.config
        self._network = network
        self._frozen = FrozenNetwork(network, dtype)
        self._free: list[Tensor] = []
        size = self.config
        self._shape = size.layers, 2, size.heads, size.width // size.heads
        self._pieces = [_Piece(self._empty(0)) for _ in range(pieces)]
        self._stretch = self._empty(ROOM, pieces)
        with torch.inference_mode():
            self._start, self._first_logits = self._encode_start()

    @torch.inference_mode()
    def begin(
        self,
        piece: int = 0,
        prompt: BarSequence | None = None,
        order: Sequence[int] | None = None,
        sources: Sequence[int] | None = None,
    ) -> Tensor:
        """Begin a piece, or begin anew; what stood in its place is dropped.

        Args:
            piece: the place, from 0.
            prompt: what is there already; encoded in one parallel pass. Its last bar may be unfinished.
            order: musical index of each bar, from 1, in generation order, those of the prompt included. If left out,
                bars are generated as they sound, without a limit to their number.
            sources: musical index of the bar that each bar repeats or varies, or `NO_SOURCE`; needs ``order``.

        Returns:
            ``(560,)`` logits of the next token, in float32 or float64.

        Raises:
            ArgumentError: if ``sources`` and ``order`` differ in length, or the prompt's bars stand in another order.
        """
        state = self._pieces[piece]
        for place in list(state.bars):
            self._drop(state, place)
        state = self._pieces[piece] = _Piece(state.coarse)
        if order is not None:
            _announce(state, order, sources, self.config.offsets)
        elif sources is not None:
            raise ArgumentError("sources need an order: how else would they be told apart")
        if prompt is None or len(prompt.ids) < 2:
            return self._first_logits
        announced = np.array([state.number(place) for place in range(prompt.bars)])
        if not np.array_equal(prompt.order, announced):
            raise ArgumentError("the prompt's bars stand in another order than the piece's")
        return self._encode(piece, prompt)

    @torch.inference_mode()
    def step(self, tokens: Tensor | NDArray[np.int64] | Sequence[int], pieces: Sequence[int] | None = None) -> Tensor:
        """Take the next token of each piece. A bar begins and ends by itself: after ``b-1`` the next one follows.

        Args:
            tokens: ``(B,)``: one id a piece, not ``</s>``.
            pieces: the places of these pieces, each at most once; all in order if left out.

        Returns:
            ``(B, 560)`` logits of the tokens after these, in float32 or float64.

        Raises:
            ArgumentError: if tokens and pieces differ in number, or a bar follows that was not announced.
        """
        ids = tokens if isinstance(tokens, Tensor) else torch.as_tensor(tokens, dtype=torch.int64)
        chosen = range(len(self._pieces)) if pieces is None else pieces
        if len(ids) != len(chosen):
            raise ArgumentError(f"{len(ids)} tokens for {len(chosen)} pieces")
        states = [self._pieces[piece] for piece in chosen]
        numbers, beats, rows, places_in_bar = [], [], [], []
        for piece, state, token in zip(chosen, states, ids.tolist(), strict=True):
            if not state.is_open:
                self._open(piece, state)
            state.take(token)
            numbers.append(min(state.number(state.place), MAX_BARS - 1))
            beats.append(state.beat)
            rows.append(state.rows)
            places_in_bar.append(state.rows - state.first)
            state.rows += 1
        self._make_room(max(rows) + 1)
        beat_numbers = torch.tensor(beats)
        bar_numbers = torch.tensor(numbers)
        x = self._frozen.embed(ids, bar_numbers, beat_numbers)
        angles = self._frozen.turns(torch.tensor(places_in_bar), beat_numbers, bar_numbers)
        places, last = torch.tensor(chosen), torch.tensor(rows)
        first = torch.zeros_like(last)
        biased = torch.tensor([state.biased for state in states]) if any(state.biased[1] for state in states) else None
        for layer, stretch in zip(self._frozen.layers, self._stretch, strict=True):
            new = layer.project(x)[: len(ids)]
            x = layer.finish(x, attend_new_rows(new, stretch, places, first, last, angles, layer.plan_bias, biased))
        for piece, state, token in zip(chosen, states, ids.tolist(), strict=True):
            if token == v.BAR_END:
                self._close(piece, state)
        return self._frozen.logits(x)[: len(ids)]

    @property
    def cache_bytes(self) -> int:
        """Bytes of all keys and values: stretches, pages in use or free, summaries."""
        used = sum(len(bar.pages) for state in self._pieces for bar in state.bars.values())
        layers, two, heads, size = self._shape
        rows = PAGE * (used + len(self._free)) + sum(state.coarse.shape[3] for state in self._pieces)
        return (rows * layers * two * heads * size + self._stretch.numel()) * self._stretch.element_size()

    @torch.inference_mode()
    def pretend(self, lengths: Sequence[int], piece: int = 0, seed: int = 0) -> None:
        """Begin a piece as if bars of so many tokens had been decoded, with keys and values drawn at random.

        For measuring: a long song is under way at once.

        Args:
            lengths: tokens of each bar, 1 or more.
            piece: the place.
            seed: of the random numbers.
        """
        self.begin(piece)
        state, generator = self._pieces[piece], torch.Generator().manual_seed(seed)
        if self.config.has_summaries:
            self._keep_summaries(state, self._empty(len(lengths)).normal_(generator=generator))
        state.place = len(lengths)
        for place, length in enumerate(lengths):
            if _is_needed(state, place, self.config.offsets):
                self._keep_bar(state, place, self._empty(length).normal_(generator=generator))

    def _open(self, piece: int, state: _Piece) -> None:
        """Gather what the next bar sees."""
        place, stretch = state.place, self._stretch
        state.number(place)
        fine = _fine_places(state, self.config.offsets)
        coarse = [other for other in range(place) if other not in set(fine)] if self.config.has_summaries else []
        needed = len(coarse) + 1 + sum(state.bars[other].length for other in fine)
        self._make_room(needed + 1)
        stretch = self._stretch[:, piece]
        if coarse:
            stretch[:, :, :, : len(coarse)] = state.coarse.index_select(3, torch.tensor(coarse))
        row = len(coarse)
        stretch[:, :, :, row : row + 1] = self._start
        row += 1
        source = NO_SOURCE if state.sources is None else int(state.sources[place])
        state.biased = (0, 0)
        for other in fine:
            bar = state.bars[other]
            if other == source:
                state.biased = row, row + bar.length
            for begin, page in zip(range(0, bar.length, PAGE), bar.pages, strict=True):
                count = min(PAGE, bar.length - begin)
                stretch[:, :, :, row : row + count] = page[:, :, :, :count]
                row += count
        state.first = state.rows = row
        state.is_open, state.has_notes, state.beat = True, False, 0

    def _close(self, piece: int, state: _Piece) -> None:
        """Summarise the bar under way, store it if a later bar sees it, and drop what none sees any more."""
        place = state.place
        if self.config.has_summaries:
            # The summary sees its bar's tokens and itself: for a moment it stands behind them as one more row.
            self._make_room(state.rows + 1)
            at, first, last = torch.tensor([piece]), torch.tensor([state.first]), torch.tensor([state.rows])
            s = self._frozen.embed_summary(not state.has_notes, state.number(place))
            turns = self._frozen.summary_turns(state.number(place))
            pairs = []
            for layer, stretch in zip(self._frozen.layers, self._stretch, strict=True):
                z = attend_new_rows(layer.project_summary(s), stretch, at, first, last, turns)
                seen = layer.as_seen(z)
                pairs.append(torch.cat((turn_pairs(seen[:, 0], turns), seen[:, 1])))
                s = layer.finish(s, z)
            self._keep_summaries(state, torch.stack(pairs)[:, :, :, None])
        self._keep_bar(state, place, self._stretch[:, piece, :, :, state.first : state.rows])
        state.place, state.is_open = place + 1, False
        for other in [other for other in state.bars if not _is_needed(state, other, self.config.offsets)]:
            self._drop(state, other)

    def _keep_summaries(self, state: _Piece, pairs: Tensor) -> None:
        """Store keys and values ``(L, 2, H, n, E)`` of the bars from ``state.place`` on."""
        last = state.place + pairs.shape[3]
        if last > state.coarse.shape[3]:
            larger = self._empty(max(256, 2 * last))
            larger[:, :, :, : state.coarse.shape[3]] = state.coarse
            state.coarse = larger
        state.coarse[:, :, :, state.place : last] = pairs

    def _keep_bar(self, state: _Piece, place: int, own: Tensor) -> None:
        """Store keys and values ``(L, 2, H, n, E)`` of a bar's tokens."""
        pages = []
        for part in torch.split(own, PAGE, 3):
            page = self._free.pop() if self._free else self._empty(PAGE)
            page[:, :, :, : part.shape[3]] = part
            pages.append(page)
        state.bars[place] = _Bar(own.shape[3], pages)

    def _drop(self, state: _Piece, place: int) -> None:
        self._free += state.bars.pop(place).pages

    def _make_room(self, rows: int) -> None:
        """Make the stretches longer if they have fewer rows."""
        if rows > self._stretch.shape[4]:
            larger = self._empty(rows + ROOM // 2, len(self._pieces))
            larger[..., : self._stretch.shape[4], :] = self._stretch
            self._stretch = larger

    def _empty(self, rows: int, pieces: int | None = None) -> Tensor:
        layers, two, heads, size = self._shape
        shape = (layers, two, heads, rows, size) if pieces is None else (layers, pieces, two, heads, rows, size)
        return torch.empty(shape, dtype=self._frozen.dtype)

    def _encode_start(self) -> tuple[Tensor, Tensor]:
        """Return keys and values ``(L, 2, H, 1, E)`` of the start symbol, which sees itself only, and its logits."""
        zero = torch.zeros(1, dtype=torch.int64)
        x = self._frozen.embed(zero + v.START, zero, zero)
        pairs = []
        for layer in self._frozen.layers:
            projected = layer.project(x)
            pairs.append(projected[0, 1:])
            x = layer.finish(x, projected[:1, 2].flatten(1))
        return torch.stack(pairs)[:, :, :, None], self._frozen.logits(x)[0]

    def _encode(self, piece: int, prompt: BarSequence) -> Tensor:
        """Encode a prompt in parallel, keep what later bars see, and return the logits of its next token."""
        network, state = self._network, self._pieces[piece]
        packed = Packed((prompt,), self.config.has_summaries)
        x, s = network.embedding(packed)
        tokens, summaries = [], []
        angles = network.angles(packed, x.device)
        for layer in layers_of(network):
            query, key, value = layer.project(x)
            if angles is not None:
                query, key = turn(query, angles[0]), turn(key, angles[0])
            tokens.append(torch.stack((key, value)))
            if s is not None:
                s_query, s_key, s_value = layer.project_summaries(s)
                if angles is not None:
                    s_query, s_key = turn(s_query, angles[1]), turn(s_key, angles[1])
                keys, values = torch.cat((s_key, key), 1), torch.cat((s_value, value), 1)
                z = block_attention(s_query, keys, values, packed.summary_blocks)
                key_2, value_2 = layer.as_seen(z)
                if angles is not None:
                    key_2 = turn(key_2, angles[1])
                summaries.append(torch.stack((key_2, value_2)))
                key, value = torch.cat((key_2, key), 1), torch.cat((value_2, value), 1)
                s = layer.feed(layer.attend(s, z))
            y = block_attention(query, key, value, packed.token_blocks, layer.plan_bias)
            x = layer.feed(layer.attend(x, y))
        pairs = torch.stack(tokens).to(self._frozen.dtype)
        whole = prompt.bars if prompt.ids[-1] == v.BAR_END else prompt.bars - 1
        if summaries:
            self._keep_summaries(state, torch.stack(summaries)[:, :, :, :whole].to(self._frozen.dtype))
        state.place = whole
        for place in range(whole):
            if _is_needed(state, place, self.config.offsets):
                self._keep_bar(state, place, pairs[:, :, :, prompt.starts[place] : prompt.starts[place + 1]])
        if whole < prompt.bars:
            self._open(piece, state)
            begun = pairs[:, :, :, prompt.starts[whole] :]
            state.rows = state.first + begun.shape[3]
            self._make_room(state.rows)
            self._stretch[:, piece, :, :, state.first : state.rows] = begun
            for token in prompt.ids[prompt.starts[whole] :].tolist():
                state.take(token)
        logits: Tensor = network.output(network.norm(x[-1]))
        return logits.to(self._frozen.state_dtype)


def _announce(state: _Piece, order: Sequence[int], sources: Sequence[int] | None, offsets: Sequence[int]) -> None:
    """Note the bars that are to come."""
    if sources is not None and len(sources) != len(order):
        raise ArgumentError(f"{len(sources)} sources for {len(order)} bars; each bar has one or {NO_SOURCE}")
    place_of = {bar: place for place, bar in enumerate(order)}
    state.order = np.array(order, np.int64)
    state.fine = fine_table(order, sources, offsets)
    if sources is not None:
        state.sources = np.array([place_of.get(source, NO_SOURCE) for source in sources], np.int64)
    users = np.arange(len(order))[:, None]
    state.last_use = np.where(state.fine, users, -1).max(0, initial=-1)


def _fine_places(state: _Piece, offsets: Sequence[int]) -> list[int]:
    """Return the places of the bars that the next bar sees finely, in generation order."""
    if state.fine is not None:
        return [int(place) for place in np.flatnonzero(state.fine[state.place])]
    return sorted(state.place - offset for offset in offsets if offset <= state.place)


def _is_needed(state: _Piece, place: int, offsets: Sequence[int]) -> bool:
    """Return whether the next bar or a later one sees a bar finely."""
    if state.last_use is not None:
        return bool(state.last_use[place] >= state.place)
    return state.place - place <= max(offsets)
