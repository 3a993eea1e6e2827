"""Decoding with full attention: every token's keys and values are kept and read again for every token to come.

The baseline that `decoder` is measured against, with the same means: the same frozen weights, the same layout of keys
and values, the same products. Rotary positions are applied before a key is stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ritornello.errors import ArgumentError
from ritornello.museformer.attention.layout import Packed
from ritornello.museformer.attention.sequence import BarSequence, next_beat
from ritornello.museformer.decoding.frozen import FrozenNetwork, layers_of
from ritornello.museformer.model import MAX_BARS, MuseformerNetwork
from ritornello.museformer.tokens import vocabulary as v
from ritornello.nn.block_attention import block_attention
from ritornello.nn.positions import rotate
from ritornello.nn.row_attention import attend_new_rows


@dataclass(eq=False)
class _Piece:
    """Where a piece stands: its rows so far, the bar under way and the last token's beat number."""

    rows: int = 0
    bar: int = 1
    beat: int = 0


class FullDecoder:
    """Pieces under way, as in `Decoder`.

    Args:
        network: of the variant ``full``.
        pieces: how many pieces have a place.
        dtype: of matrices, keys and values: float32, bfloat16 or float64.
        room: tokens of a piece that are provided for; it grows if there are more.
        compiled: use the compiled kernel if there is one; False leaves all to PyTorch.

    Raises:
        ArgumentError: if the network is of another variant.
    """

    def __init__(
        self,
        network: MuseformerNetwork,
        pieces: int = 1,
        dtype: torch.dtype = torch.float32,
        room: int = 20_480,
        *,
        compiled: bool = True,
    ) -> None:
        if network.config.variant != "full":
            raise ArgumentError(f"FullDecoder decodes the variant full, not {network.config.variant}")
        self.config = network.config
        self._network = network
        self._compiled = compiled
        self._frozen = FrozenNetwork(network, dtype)
        self._pieces = [_Piece() for _ in range(pieces)]
        size = self.config
        shape = size.layers, pieces, 2, size.heads, room, size.width // size.heads
        self._cache = torch.empty(shape, dtype=dtype)

    def begin(self, piece: int = 0, prompt: BarSequence | None = None) -> Tensor:
        """Begin a piece, or begin anew, from a prompt if there is one; return logits ``(560,)`` of the next token."""
        self._pieces[piece] = _Piece()
        if prompt is not None and len(prompt.ids) > 1:
            return self._encode(piece, prompt)
        state = self._pieces[piece]
        state.bar = 0
        logits = self.step([v.START], [piece])[0]
        state.bar = 1
        return logits

    @torch.inference_mode()
    def step(self, tokens: Tensor | NDArray[np.int64] | Sequence[int], pieces: Sequence[int] | None = None) -> Tensor:
        """Take the next token of each piece and return logits ``(B, 560)`` of those after; see `Decoder.step`."""
        ids = tokens if isinstance(tokens, Tensor) else torch.as_tensor(tokens, dtype=torch.int64)
        chosen = range(len(self._pieces)) if pieces is None else pieces
        states = [self._pieces[piece] for piece in chosen]
        bars, beats, rows = [], [], []
        for state, token in zip(states, ids.tolist(), strict=True):
            state.beat = next_beat(state.beat, token)
            bars.append(min(state.bar, MAX_BARS - 1))
            beats.append(state.beat)
            rows.append(state.rows)
            state.rows += 1
            state.bar += token == v.BAR_END
        self._make_room(max(rows) + 1)
        beat_numbers, places, last = torch.tensor(beats), torch.tensor(chosen), torch.tensor(rows)
        x = self._frozen.embed(ids, torch.tensor(bars), beat_numbers)
        angles = self._frozen.turns(last, beat_numbers, beat_numbers)
        first = torch.zeros_like(last)
        for layer, cache in zip(self._frozen.layers, self._cache, strict=True):
            new = layer.project(x)[: len(ids)]
            x = layer.finish(x, attend_new_rows(new, cache, places, first, last, angles, compiled=self._compiled))
        return self._frozen.logits(x)[: len(ids)]

    @property
    def cache_bytes(self) -> int:
        """Bytes of all keys and values."""
        return self._cache.numel() * self._cache.element_size()

    @torch.inference_mode()
    def pretend(self, lengths: Sequence[int], piece: int = 0, seed: int = 0) -> None:
        """Begin a piece as if bars of so many tokens had been decoded; see `Decoder.pretend`."""
        rows = 1 + sum(lengths)
        self._make_room(rows)
        drawn = torch.empty_like(self._cache[:, piece, :, :, :1024]).normal_(
            generator=torch.Generator().manual_seed(seed)
        )
        for begin in range(0, rows, 1024):  # the same again and again: drawing as many as a long song has takes seconds
            part = self._cache[:, piece, :, :, begin : min(begin + 1024, rows)]
            part.copy_(drawn[:, :, :, : part.shape[3]])
        self._pieces[piece] = _Piece(rows, len(lengths) + 1)

    @torch.inference_mode()
    def _encode(self, piece: int, prompt: BarSequence) -> Tensor:
        """Encode a prompt in parallel, keep its keys and values, and return the logits of its next token."""
        network, packed = self._network, Packed((prompt,), has_summaries=False)
        count = len(prompt.ids)
        self._make_room(count)
        x, _ = network.embedding(packed)
        for layer, cache in zip(layers_of(network), self._cache, strict=True):
            query, key, value = layer.project(x)
            query, key = rotate(query, packed.positions), rotate(key, packed.positions)
            cache[piece, 0, :, :count], cache[piece, 1, :, :count] = key, value
            y = block_attention(query, key, value, packed.causal_blocks)
            x = layer.feed(layer.attend(x, y))
        is_whole = prompt.ids[-1] == v.BAR_END
        beat = int(prompt.beats[-1])
        self._pieces[piece] = _Piece(count, int(prompt.order[-1]) + int(is_whole), beat)
        logits: Tensor = network.output(network.norm(x[-1]))
        return logits.to(self._frozen.state_dtype)

    def _make_room(self, rows: int) -> None:
        """Make the cache longer if it has fewer rows."""
        have = self._cache.shape[4]
        if rows > have:
            shape = list(self._cache.shape)
            shape[4] = 2 * rows
            larger = self._cache.new_empty(shape)
            larger[..., :have, :] = self._cache
            self._cache = larger
