"""Museformer once more, in loops over rows, straight from the formulas: what the network is compared with.

It shares nothing with the package but the names of the weights: which bars are fine, what a row sees, the sinusoids
and the attention are written out here, one row at a time and in float64.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ritornello.museformer.config import MuseformerConfig

DEFAULT_OFFSETS = (1, 2, 4, 8, 12, 16, 24, 32)
LAST_EIGHT = (1, 2, 3, 4, 5, 6, 7, 8)


@dataclass(frozen=True)
class LoopSong:
    """A song: the start symbol's id, then bars in generation order (ids), musical indices, sources (0 for none)."""

    bars: Sequence[Sequence[int]]
    order: Sequence[int]
    sources: Sequence[int]


def logits_by_loops(weights: Mapping[str, Tensor], config: MuseformerConfig, song: LoopSong) -> Tensor:
    """The logits of every row of a song, ``(N, 560)``."""
    network = _Loops(weights, config, song)
    return network.logits()


class _Loops:
    def __init__(self, weights: Mapping[str, Tensor], config: MuseformerConfig, song: LoopSong) -> None:
        self.w, self.config, self.song = weights, config, song
        self.heads, self.size = config.heads, config.width // config.heads
        self.ids = [2]
        self.bar = [0]  # generation order, from 1; 0 is the start symbol
        for place, tokens in enumerate(song.bars, 1):
            self.ids += tokens
            self.bar += [place] * len(tokens)
        self.rows = range(len(self.ids))
        self.bars = range(1, len(song.bars) + 1)
        self.fine = {i: self.fine_bars(i) for i in self.bars}

    def fine_bars(self, i: int) -> set[int]:
        """R(i) by the rule: walk the list, keep the first eight distinct bars earlier in generation order."""
        offsets = LAST_EIGHT if self.config.variant == "no_selection" else DEFAULT_OFFSETS
        musical = self.song.order[i - 1]
        source = self.song.sources[i - 1]
        walk = [source, source - 1, source + 1] if source else []
        for offset in offsets:
            walk += [musical - offset, musical + offset]
        earlier = {self.song.order[j - 1]: j for j in range(1, i)}
        found: list[int] = []
        for wanted in walk:
            if wanted in earlier and earlier[wanted] not in found and len(found) < 8:
                found.append(earlier[wanted])
        return set(found)

    def logits(self) -> Tensor:
        x = [self.embed_token(n) for n in self.rows]
        s = {i: self.embed_summary(i) for i in self.bars} if self.config.has_summaries else {}
        for number in range(self.config.layers):
            x, s = self.layer(f"layers.{number}", x, s)
        return torch.stack([self.w["output.weight"] @ self.norm("norm", row) for row in x])

    def embed_token(self, n: int) -> Tensor:
        musical = self.song.order[self.bar[n] - 1] if self.bar[n] else 0
        parts = [
            self.w["embedding.token.weight"][self.ids[n]] * math.sqrt(self.config.width),
            sinusoid(musical, self.config.bar_size),
            sinusoid(self.beat(n), self.config.beat_size),
        ]
        return self.linear("embedding.music", torch.cat(parts))

    def beat(self, n: int) -> int:
        """k + 1 from each onset token o-k on until the next; 0 for tempo, bar, start and control tokens."""
        token = self.ids[n]
        if token in (2, 5) or token >= 492:
            return 0
        while not 6 <= self.ids[n] <= 69:
            n -= 1
        return self.ids[n] - 6 + 1

    def embed_summary(self, i: int) -> Tensor:
        is_empty = not any(6 <= token <= 69 for token in self.song.bars[i - 1])
        vector = self.w["embedding.summary_vectors"][int(is_empty)] * math.sqrt(self.config.width)
        return self.linear(
            "embedding.summary", torch.cat([vector, sinusoid(self.song.order[i - 1], self.config.bar_size)])
        )

    def layer(self, name: str, x: list[Tensor], s: dict[int, Tensor]) -> tuple[list[Tensor], dict[int, Tensor]]:
        matrix = self.w[f"{name}.query_key_value.weight"]
        projected = [
            matrix @ self.norm(f"{name}.attention_norm", row) + self.w[f"{name}.query_key_value.bias"] for row in x
        ]
        query, key, value = zip(*(row.view(3, self.heads, self.size) for row in projected), strict=True)
        if self.config.variant == "full":
            frequencies = [10_000 ** (-r / (self.size // 2)) for r in range(self.size // 2)]
            query, key = (
                [turned(heads, [n * f for f in frequencies]) for n, heads in enumerate(rows)] for rows in (query, key)
            )
            y = [self.attend(query[n], [(key[m], value[m], False) for m in range(n + 1)], None) for n in self.rows]
            return self.feed(name, [a + self.linear(f"{name}.merge", b) for a, b in zip(x, y, strict=True)]), s
        if self.config.rotary:
            query, key = ([turned(heads, self.angles(n)) for n, heads in enumerate(rows)] for rows in (query, key))
        z: dict[int, Tensor] = {}
        seen: dict[int, tuple[Tensor, Tensor]] = {}
        for i, state in s.items():
            of_summary = matrix @ self.norm(f"{name}.attention_norm", state) + self.w[f"{name}.summary_bias"]
            s_query, s_key, s_value = of_summary.view(3, self.heads, self.size)
            if self.config.rotary:
                angles = self.turns(0, 0, self.song.order[i - 1])
                s_query, s_key = turned(s_query, angles), turned(s_key, angles)
            own = [(key[n], value[n], False) for n in self.rows if self.bar[n] == i]
            z[i] = self.attend(s_query, [*own, (s_key, s_value, False)], None)
            key_2, value_2 = self.linear(f"{name}.summary_key_value", z[i]).view(2, self.heads, self.size)
            seen[i] = turned(key_2, angles) if self.config.rotary else key_2, value_2
        bias = self.w.get(f"{name}.plan_bias")
        y = []
        for n in self.rows:
            i = self.bar[n]
            keys = [(key[0], value[0], False)]
            if i:
                source = self.song.sources[i - 1]
                for m in range(1, n + 1):
                    j = self.bar[m]
                    if j == i:
                        keys.append((key[m], value[m], False))
                    elif j in self.fine[i]:
                        keys.append((key[m], value[m], bool(source) and self.song.order[j - 1] == source))
                keys += [(*seen[j], False) for j in seen if j < i and j not in self.fine[i]]
            y.append(self.attend(query[n], keys, bias))
        x = self.feed(name, [a + self.linear(f"{name}.merge", b) for a, b in zip(x, y, strict=True)])
        updated = {i: state + self.linear(f"{name}.merge", z[i]) for i, state in s.items()}
        return x, dict(zip(updated, self.feed(name, list(updated.values())), strict=True))

    def angles(self, n: int) -> list[float]:
        """Pairs turn with the place in the bar, the beat number and the bar number; the start symbol stays."""
        if not self.bar[n]:
            return self.turns(0, 0, 0)
        place = sum(self.bar[m] == self.bar[n] for m in range(n))
        return self.turns(place, self.beat(n), self.song.order[self.bar[n] - 1])

    def turns(self, place: int, beat: int, bar: int) -> list[float]:
        third = self.size // 6
        groups = ((place, self.size // 2 - 2 * third, 500), (beat, third, 48), (bar, third, 128))
        return [number * longest ** (-r / max(1, count - 1)) for number, count, longest in groups for r in range(count)]

    def attend(self, query: Tensor, keys: list[tuple[Tensor, Tensor, bool]], bias: Tensor | None) -> Tensor:
        """One row's heads, side by side; keys are (key, value, whether the plan's bias is added)."""
        scores = torch.stack([(query * key).sum(-1) / math.sqrt(self.size) for key, _, _ in keys])
        if bias is not None:
            scores = scores + torch.tensor([float(is_biased) for *_, is_biased in keys]).double()[:, None] * bias
        weights = scores.exp() / scores.exp().sum(0)
        return sum(weight[:, None] * value for weight, (_, value, _) in zip(weights, keys, strict=True)).reshape(-1)

    def feed(self, name: str, rows: list[Tensor]) -> list[Tensor]:
        return [
            row
            + self.linear(
                f"{name}.contract",
                functional.gelu(self.linear(f"{name}.expand", self.norm(f"{name}.ffn_norm", row))),
            )
            for row in rows
        ]

    def linear(self, name: str, row: Tensor) -> Tensor:
        return self.w[f"{name}.weight"] @ row + self.w[f"{name}.bias"]

    def norm(self, name: str, row: Tensor) -> Tensor:
        centred = row - row.mean()
        return centred / torch.sqrt((centred**2).mean() + 1e-5) * self.w[f"{name}.weight"] + self.w[f"{name}.bias"]


def sinusoid(index: int, size: int) -> Tensor:
    """[sin; cos] of the index at the frequencies 10000^(-r/(m-1)); zero at index 0; in float32, as the network's."""
    half = size // 2
    if index == 0:
        return torch.zeros(size, dtype=torch.float64)
    angles = [index * 10_000 ** (-r / (half - 1)) for r in range(half)]
    values = [*(math.sin(angle) for angle in angles), *(math.cos(angle) for angle in angles)]
    return torch.tensor(values, dtype=torch.float32).double()


def turned(heads: Tensor, angles: list[float]) -> Tensor:
    """Heads ``(H, E)``, the two halves turned against each other by E / 2 angles."""
    first, second = heads.chunk(2, -1)
    angle = torch.tensor(angles, dtype=torch.float64)
    return torch.cat((first * angle.cos() - second * angle.sin(), first * angle.sin() + second * angle.cos()), -1)
