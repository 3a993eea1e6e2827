"""The weights of a network laid out for decoding: nothing is trained, one row per piece, no padding, few operations.

What does not depend on the piece is folded in: the product of each token, beat and bar vector with its part of the
embedding matrix is a table, the division of scores by the root of E is in the query weights. States stay in at least
float32; matrices and what attention reads are of the dtype asked for.

Axes: B rows, D width, H heads, E = D / H.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor
from torch.nn import functional

from ritornello.museformer.model import MAX_BARS, Layer, MuseformerNetwork, bar_angles
from ritornello.museformer.tokens import vocabulary as v
from ritornello.nn.positions import rotation_angles

LEAST_ROWS = 4
"""Rows that go through the matrices at least."""

TURNS = 4096
"""Places whose turns are tabulated at first; bars have up to 2,048 tokens."""


class FrozenNetwork:
    """Embedding, layers and output of a network, as plain tensors.

    Args:
        network: the network; it is copied, not changed.
        dtype: of matrices, keys and values: float32, bfloat16 or float64.

    Attributes:
        config: the sizes.
        dtype: of matrices, keys and values.
        layers: the layers.
    """

    def __init__(self, network: MuseformerNetwork, dtype: torch.dtype = torch.float32) -> None:
        self.config = network.config
        self.dtype = dtype
        self.state_dtype = torch.promote_types(dtype, torch.float32)
        self._head_size = self.config.width // self.config.heads
        embedding, width, state = network.embedding, network.config.width, self.state_dtype
        with torch.no_grad():
            token, bar, beat = (
                part.to(state)
                for part in torch.split(embedding.music.weight, [width, self.config.bar_size, self.config.beat_size], 1)
            )
            self._token_rows = functional.linear(embedding.token.weight.to(state) * embedding.scale, token)
            self._beat_rows = functional.linear(embedding.beat_table.to(state), beat, embedding.music.bias.to(state))
            self._bar_rows = functional.linear(embedding.bar_table.to(state), bar)
            if self.config.has_summaries:
                learned, bar = torch.split(embedding.summary.weight.to(state), [width, self.config.bar_size], 1)
                vectors = embedding.summary_vectors.to(state) * embedding.scale
                self._summary_rows = functional.linear(vectors, learned, embedding.summary.bias.to(state))
                self._summary_bar_rows = functional.linear(embedding.bar_table.to(state), bar)
            self._turns = self._make_turns()
            self.layers = [FrozenLayer(layer, self.config.width, dtype) for layer in layers_of(network)]
            self._norm = _copy(network.norm.weight, state), _copy(network.norm.bias, state)
            self._output = _copy(network.output.weight, dtype)

    def embed(self, ids: Tensor, bars: Tensor, beats: Tensor) -> Tensor:
        """Return states of tokens by id, bar number (below `MAX_BARS`) and beat number, each ``(B,)``.

        Returns:
            ``(B, D)``, or ``(4, D)`` with rows of nothing below: products of fewer than four rows round differently
            (measured, float32), and a piece should not depend on how many are decoded beside it.
        """
        if len(ids) < LEAST_ROWS:
            ids, bars, beats = (functional.pad(part, (0, LEAST_ROWS - len(part))) for part in (ids, bars, beats))
        x = self._token_rows.index_select(0, ids)
        x += self._beat_rows.index_select(0, beats)
        x += self._bar_rows.index_select(0, bars)
        return x

    def embed_summary(self, is_empty: bool, bar: int) -> Tensor:
        """Return the state ``(1, D)`` of a bar's summary."""
        return (self._summary_rows[int(is_empty)] + self._summary_bar_rows[min(bar, MAX_BARS - 1)])[None]

    def turns(self, places: Tensor, beats: Tensor, bars: Tensor) -> Tensor | None:
        """Return cosines and sines of the angles by which queries and keys of tokens are turned.

        Args:
            places: ``(B,)`` tokens before each token: of its bar, or of the piece under full attention.
            beats: ``(B,)`` beat numbers; full attention knows none.
            bars: ``(B,)`` bar numbers, below `MAX_BARS`; full attention knows none.

        Returns:
            ``(B, 2, E / 2)`` in the dtype of states, or None if nothing is turned.
        """
        if self._turns is None:
            return None
        if (longest := int(places.max())) >= len(self._turns[0]):
            self._turns = self._turns_by_place(2 * longest), *self._turns[1:]
        tables = zip(self._turns, (places, beats, bars), strict=False)  # full attention has the first only
        return torch.cat([table.index_select(0, numbers) for table, numbers in tables], 2)

    def summary_turns(self, bar: int) -> Tensor | None:
        """Return the turns ``(1, 2, E / 2)`` of a bar's summary, as if it stood where the bar begins."""
        zero = torch.zeros(1, dtype=torch.int64)
        return self.turns(zero, zero, zero + min(bar, MAX_BARS - 1))

    def _make_turns(self) -> tuple[Tensor, ...] | None:
        """Return tables of turns ``(numbers, 2, n)`` by place, beat and bar; full attention has one by place."""
        if self.config.variant == "full":
            return (self._turns_by_place(TURNS),)
        if not self.config.rotary:
            return None
        third, none = self._head_size // 6, torch.zeros(1, dtype=torch.int64)
        beats, bars = torch.arange(v.BAR_POSITIONS + 1), torch.arange(MAX_BARS)
        by_beat = bar_angles(none.expand_as(beats), beats, none.expand_as(beats), self._head_size)[
            :, -2 * third : -third
        ]
        by_bar = bar_angles(none.expand_as(bars), none.expand_as(bars), bars, self._head_size)[:, -third:]
        return self._turns_by_place(TURNS), _turn_rows(by_beat, self.state_dtype), _turn_rows(by_bar, self.state_dtype)

    def _turns_by_place(self, count: int) -> Tensor:
        places = torch.arange(count)
        if self.config.variant == "full":
            return _turn_rows(rotation_angles(places, self._head_size), self.state_dtype)
        none, third = torch.zeros_like(places), self._head_size // 6
        return _turn_rows(bar_angles(places, none, none, self._head_size)[:, : -2 * third], self.state_dtype)

    def logits(self, x: Tensor) -> Tensor:
        """Return logits ``(B, 560)`` of states ``(B, D)``, in the dtype of states."""
        h = functional.layer_norm(x, (x.shape[1],), *self._norm).to(self.dtype)
        return functional.linear(h, self._output).to(self.state_dtype)


class FrozenLayer:
    """One layer: projections and the feed-forward network; what is seen is the decoder's business."""

    def __init__(self, layer: Layer, width: int, dtype: torch.dtype) -> None:
        state = torch.promote_types(dtype, torch.float32)
        self.heads = layer.heads
        self.dtype = dtype
        scale = torch.ones(3 * width, dtype=torch.float64)
        scale[:width] = (width // layer.heads) ** -0.5
        projection = layer.query_key_value
        self._attention_norm = _copy(layer.attention_norm.weight, state), _copy(layer.attention_norm.bias, state)
        self._ffn_norm = _copy(layer.ffn_norm.weight, state), _copy(layer.ffn_norm.bias, state)
        self._project = _copy(projection.weight * scale[:, None], dtype), _copy(projection.bias * scale, dtype)
        self._merge = _copy(layer.merge.weight, dtype), _copy(layer.merge.bias, dtype)
        self._expand = _copy(layer.expand.weight, dtype), _copy(layer.expand.bias, dtype)
        self._contract = _copy(layer.contract.weight, dtype), _copy(layer.contract.bias, dtype)
        self.plan_bias = None if layer.plan_bias is None else _copy(layer.plan_bias, dtype)
        if hasattr(layer, "summary_bias"):
            self._summary_bias = _copy(layer.summary_bias * scale, dtype)
            seen = layer.summary_key_value
            self._as_seen = _copy(seen.weight, dtype), _copy(seen.bias, dtype)

    def project(self, x: Tensor) -> Tensor:
        """Return queries (divided by the root of E), keys and values ``(B, 3, H, E)`` of tokens ``(B, D)``."""
        h = functional.layer_norm(x, (x.shape[1],), *self._attention_norm).to(self.dtype)
        return functional.linear(h, *self._project).view(len(x), 3, self.heads, -1)

    def project_summary(self, s: Tensor) -> Tensor:
        """Return queries, keys and values ``(B, 3, H, E)`` of summaries ``(B, D)``."""
        h = functional.layer_norm(s, (s.shape[1],), *self._attention_norm).to(self.dtype)
        return functional.linear(h, self._project[0], self._summary_bias).view(len(s), 3, self.heads, -1)

    def as_seen(self, z: Tensor) -> Tensor:
        """Return keys and values ``(B, 2, H, E)`` under which bars see what summaries gathered, ``(B, D)``."""
        return functional.linear(z, *self._as_seen).view(len(z), 2, self.heads, -1)

    def finish(self, x: Tensor, y: Tensor) -> Tensor:
        """Add what was seen, ``(n, D)``, and the feed-forward network to states ``(B, D)``, which are overwritten.

        Rows of nothing below the first n see nothing.
        """
        if len(y) < len(x):
            y = functional.pad(y, (0, 0, 0, len(x) - len(y)))
        x += functional.linear(y, *self._merge)
        h = functional.layer_norm(x, (x.shape[1],), *self._ffn_norm).to(self.dtype)
        x += functional.linear(functional.gelu(functional.linear(h, *self._expand)), *self._contract)
        return x


def layers_of(network: MuseformerNetwork) -> list[Layer]:
    """Return a network's layers, as what they are."""
    return [cast(Layer, layer) for layer in network.layers]


def turn_pairs(keys: Tensor, turns: Tensor | None) -> Tensor:
    """Turn keys ``(B, H, E)`` by cosines and sines ``(B, 2, E / 2)``; None leaves them."""
    if turns is None:
        return keys
    cos, sin = turns[:, :, None].unbind(1)
    first, second = keys.to(turns.dtype).chunk(2, -1)
    return torch.cat((first * cos - second * sin, first * sin + second * cos), -1).to(keys.dtype)


def _turn_rows(angles: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.stack((angles.cos(), angles.sin()), 1).to(dtype)


def _copy(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    return tensor.detach().to(dtype, copy=True)
