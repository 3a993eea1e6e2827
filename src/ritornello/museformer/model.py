"""The Museformer network: tokens that see structure-related bars finely and all others by their summaries.

Yu et al., *Museformer: Transformer with Fine- and Coarse-Grained Attention for Music Generation* (NeurIPS 2022),
section 3.1 and appendix A. Pre-norm layers; every bar has one summary, in a stream of its own, which shares matrices
with the tokens but not the biases of queries, keys and values. In each layer a summary first gathers its bar; from
what it gathered, own matrices make the keys and values under which later bars see it in the same layer.

Ours: queries and keys turn by place in the bar, beat and bar (`bar_angles`), the start symbol belongs to no bar
(`sequence`), a learned bias per layer and head towards a plan's source bar, a second summary vector for bars without
notes, no attention dropout.

Axes: N tokens and S summaries of a packed batch, D width, H heads, E = D / H.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ritornello.museformer.attention import flex as attention_flex
from ritornello.museformer.attention.layout import Packed
from ritornello.museformer.attention.reference import causal_attention, dense_attention
from ritornello.museformer.config import MuseformerConfig
from ritornello.museformer.tokens import vocabulary
from ritornello.nn.block_attention import block_attention
from ritornello.nn.positions import rotation_angles, sinusoids, turn

Path = Literal["gather", "flex", "dense"]
"""How attention is computed: ``gather`` joins the rows that each bar sees; ``flex`` is FlexAttention, which trains on
GPUs only; ``dense`` masks all pairs (reference)."""

Angles = tuple[Tensor, Tensor]
"""By how much queries and keys of tokens, and of summaries, are turned."""

MAX_BARS = 4096
"""Bar numbers beyond it share the last sinusoid. 20,000 tokens are about 120 bars."""


class MuseformerNetwork(nn.Module):
    """Embedding, layers, final norm and output.

    Args:
        config: the sizes.
    """

    def __init__(self, config: MuseformerConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = Embedding(config)
        self.layers = nn.ModuleList(Layer(config, is_last=index + 1 == config.layers) for index in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.output = nn.Linear(config.width, vocabulary.SIZE, bias=False)
        nn.init.normal_(self.output.weight, std=config.width**-0.5)

    def forward(self, packed: Packed, path: Path | None = None) -> Tensor:
        """Return the logits of the next token after each row.

        Args:
            packed: the songs; they have summaries exactly if the network has.
            path: see `Path`; None for the fastest on the device.

        Returns:
            ``(N, 560)``.
        """
        x, s = self.embedding(packed)
        angles = self.angles(packed, x.device)
        path = path or fastest_path(x.device)
        for layer in self.layers:
            x, s = layer(x, s, packed, path, angles)
        logits: Tensor = self.output(self.norm(x))
        return logits

    def angles(self, packed: Packed, device: torch.device) -> Angles | None:
        """Return the angles by which tokens ``(N, E / 2)`` and summaries ``(S, E / 2)`` are turned; None for none."""
        size = self.config.width // self.config.heads
        if self.config.variant == "full":
            return rotation_angles(packed.positions.to(device), size), torch.zeros(0, size // 2, device=device)
        if not self.config.rotary:
            return None
        bars = packed.bar_numbers.to(device)
        tokens = bar_angles(packed.places_in_bar.to(device), packed.beats.to(device), bars, size)
        return tokens, summary_angles(packed.summary_bar_numbers.to(device), size)


class Embedding(nn.Module):
    """Token, bar and beat vectors side by side, brought to the width; summaries have no beat."""

    bar_table: Tensor
    beat_table: Tensor

    def __init__(self, config: MuseformerConfig) -> None:
        super().__init__()
        self.scale = config.width**0.5
        self.token = nn.Embedding(vocabulary.SIZE, config.width)
        self.music = nn.Linear(config.width + config.bar_size + config.beat_size, config.width)
        nn.init.normal_(self.token.weight, std=config.width**-0.5)
        nn.init.xavier_uniform_(self.music.weight)
        nn.init.zeros_(self.music.bias)
        self.register_buffer("bar_table", sinusoids(MAX_BARS, config.bar_size), persistent=False)
        self.register_buffer("beat_table", sinusoids(vocabulary.BAR_POSITIONS + 1, config.beat_size), persistent=False)
        if config.has_summaries:
            self.summary_vectors = nn.Parameter(torch.randn(2, config.width) * config.width**-0.5)
            self.summary = nn.Linear(config.width + config.bar_size, config.width)
            nn.init.xavier_uniform_(self.summary.weight)
            nn.init.zeros_(self.summary.bias)

    def forward(self, packed: Packed) -> tuple[Tensor, Tensor | None]:
        """Return tokens ``(N, D)`` and summaries ``(S, D)``, None for a network without them."""
        device = self.token.weight.device
        tokens = self.tokens(packed.ids.to(device), packed.bar_numbers.to(device), packed.beats.to(device))
        if not hasattr(self, "summary"):
            return tokens, None
        return tokens, self.summaries(packed.summary_is_empty.to(device), packed.summary_bar_numbers.to(device))

    def tokens(self, ids: Tensor, bar_numbers: Tensor, beats: Tensor) -> Tensor:
        """Embed tokens ``(n,)`` by id, bar number and beat number; return ``(n, D)``."""
        bars = self.bar_table[bar_numbers.clamp(max=MAX_BARS - 1)]
        embedded: Tensor = self.music(torch.cat((self.token(ids) * self.scale, bars, self.beat_table[beats]), -1))
        return embedded

    def summaries(self, is_empty: Tensor, bar_numbers: Tensor) -> Tensor:
        """Embed summaries ``(n,)`` by whether their bar is empty (0 or 1) and its number; return ``(n, D)``."""
        bars = self.bar_table[bar_numbers.clamp(max=MAX_BARS - 1)]
        embedded: Tensor = self.summary(torch.cat((self.summary_vectors[is_empty] * self.scale, bars), -1))
        return embedded


class Layer(nn.Module):
    """Summarise, aggregate, feed forward: one layer for tokens and summaries."""

    def __init__(self, config: MuseformerConfig, is_last: bool) -> None:
        super().__init__()
        width = config.width
        self.heads, self.variant = config.heads, config.variant
        self.is_last = is_last
        self.dropout = nn.Dropout(config.dropout)
        self.attention_norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.merge = nn.Linear(width, width)
        self.ffn_norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, config.ffn)
        self.contract = nn.Linear(config.ffn, width)
        for part in self.query_key_value.weight.chunk(3):
            nn.init.xavier_uniform_(part, gain=2**-0.5)
        for linear in (self.merge, self.expand, self.contract):
            nn.init.xavier_uniform_(linear.weight)
        for linear in (self.query_key_value, self.merge, self.expand, self.contract):
            nn.init.zeros_(linear.bias)
        if config.has_summaries:
            self.summary_bias = nn.Parameter(torch.zeros(3 * width))
            self.summary_key_value = nn.Linear(width, 2 * width)
            for part in self.summary_key_value.weight.chunk(2):
                nn.init.xavier_uniform_(part, gain=2**-0.5)
            nn.init.zeros_(self.summary_key_value.bias)
        if config.has_plan_bias:
            self.plan_bias = nn.Parameter(torch.zeros(config.heads))
        else:
            self.register_parameter("plan_bias", None)

    def forward(
        self, x: Tensor, s: Tensor | None, packed: Packed, path: Path, angles: Angles | None
    ) -> tuple[Tensor, Tensor | None]:
        """Update tokens ``(N, D)`` and summaries ``(S, D)``; the last layer leaves the summaries as they are."""
        query, key, value = self.project(x)
        if angles is not None:
            query, key = turn(query, angles[0]), turn(key, angles[0])
        if self.variant == "full":
            if path == "gather":
                y = block_attention(query, key, value, packed.causal_blocks)
            else:
                y = causal_attention(query, key, value, [len(sequence.ids) for sequence in packed.sequences])
            return self.feed(self.attend(x, y)), None
        z = None
        if s is not None:
            s_query, s_key, s_value = self.project_summaries(s)
            if angles is not None:
                s_query, s_key = turn(s_query, angles[1]), turn(s_key, angles[1])
            z = self._summarise(s_query, torch.cat((s_key, key), 1), torch.cat((s_value, value), 1), packed, path)
            key_2, value_2 = self.as_seen(z)
            if angles is not None:
                key_2 = turn(key_2, angles[1])
            key, value = torch.cat((key_2, key), 1), torch.cat((value_2, value), 1)
        y = self._aggregate(query, key, value, packed, path)
        x = self.feed(self.attend(x, y))
        if s is None or z is None or self.is_last:
            return x, s
        return x, self.feed(self.attend(s, z))

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values ``(H, N, E)`` of tokens ``(N, D)``."""
        query, key, value = self._heads(self.query_key_value(self.attention_norm(x)), 3)
        return query, key, value

    def project_summaries(self, s: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values ``(H, S, E)`` of summaries ``(S, D)``, which have biases of their own."""
        projected = functional.linear(self.attention_norm(s), self.query_key_value.weight, self.summary_bias)
        query, key, value = self._heads(projected, 3)
        return query, key, value

    def as_seen(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values ``(H, S, E)`` under which later bars see what summaries gathered, ``(H, S, E)``."""
        key, value = self._heads(self.summary_key_value(_rows(z)), 2)
        return key, value

    def attend(self, x: Tensor, y: Tensor) -> Tensor:
        """Add what was seen, ``(H, N, E)``, to the state ``(N, D)``."""
        seen: Tensor = self.dropout(self.merge(_rows(y)))
        return x + seen

    def feed(self, x: Tensor) -> Tensor:
        """Add the feed-forward network to the state ``(N, D)``."""
        fed: Tensor = self.dropout(self.contract(functional.gelu(self.expand(self.ffn_norm(x)))))
        return x + fed

    def _summarise(self, query: Tensor, key: Tensor, value: Tensor, packed: Packed, path: Path) -> Tensor:
        if path == "gather":
            return block_attention(query, key, value, packed.summary_blocks)
        if path == "flex":
            return attention_flex.attend_summaries(query, key, value, packed)
        return dense_attention(query, key, value, packed.summary_mask())

    def _aggregate(self, query: Tensor, key: Tensor, value: Tensor, packed: Packed, path: Path) -> Tensor:
        if path == "gather":
            return block_attention(query, key, value, packed.token_blocks, self.plan_bias)
        if path == "flex":
            return attention_flex.attend_tokens(query, key, value, packed, self.plan_bias)
        mask, biased = packed.token_mask()
        return dense_attention(query, key, value, mask, self.plan_bias, biased)

    def _heads(self, rows: Tensor, parts: int) -> Tensor:
        """Split rows ``(N, parts * D)`` into ``(parts, H, N, E)``."""
        return rows.view(len(rows), parts, self.heads, -1).permute(1, 2, 0, 3)


def fastest_path(device: torch.device) -> Path:
    """Return the path that trains fastest on a device: FlexAttention's kernels on an NVIDIA GPU, else the gather."""
    return "flex" if device.type == "cuda" else "gather"


def bar_angles(places: Tensor, beats: Tensor, bars: Tensor, size: int) -> Tensor:
    """Return the angles by which queries and keys of tokens are turned: by place in the bar, by beat and by bar.

    So scores know how many tokens, which part of a bar and how many bars lie between two tokens.

    Args:
        places: ``(N,)`` tokens of the bar before each token.
        beats: ``(N,)`` beat numbers.
        bars: ``(N,)`` bar numbers.
        size: E.

    Returns:
        float32 ``(N, E / 2)``: a third by beat, a third by bar, what is left by place; wavelengths from 2 pi to 2 pi
        times 48 beats, 128 bars, 500 tokens.
    """
    third = size // 6
    bars = bars.clamp(max=MAX_BARS - 1)
    groups = ((places, size // 2 - 2 * third, 500.0), (beats, third, 48.0), (bars, third, 128.0))
    columns = [number.float()[:, None] * _falling(count, base, number.device) for number, count, base in groups]
    return torch.cat(columns, 1)


def summary_angles(bars: Tensor, size: int) -> Tensor:
    """Return the angles ``(S, E / 2)`` of summaries by bar number, as if they stood where their bars begin."""
    return bar_angles(torch.zeros_like(bars), torch.zeros_like(bars), bars, size)


def _falling(count: int, base: float, device: torch.device) -> Tensor:
    """Return frequencies that fall from 1 to 1 / base, ``(count,)``."""
    return base ** -(torch.arange(count, dtype=torch.float32, device=device) / max(1, count - 1))


def _rows(heads: Tensor) -> Tensor:
    """Put heads ``(H, N, E)`` side by side: ``(N, D)``."""
    return heads.transpose(0, 1).reshape(heads.shape[1], -1)
