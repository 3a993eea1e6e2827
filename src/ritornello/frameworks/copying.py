"""Pointing at earlier tokens, to copy them: a song's phrases are made of few patterns, and of each other.

Ours; after Vinyals, Fortunato and Jaitly, *Pointer networks* (2015), and See, Liu and Manning, *Get to the point*
(2017), whose output is a mixture of generated and copied classes. Pointing sees the tokens before, in the phrase and,
where a song's earlier phrases are given, in those; scores depend on what stands there and on how the places relate:
same phrase, same letter, same place in phrase or bar, same rhythm label. Axes: S songs or beams, Q tokens that point,
K tokens pointed at, V classes.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ritornello.frameworks.batches import Places

_LAGS = 40  # distances in tokens inside a phrase that are told apart
_KINDS, _ALIGNMENTS, _DISTANCES = 3, 8, 12
_INSIDE = (_LAGS + 1) * _ALIGNMENTS * 2
_WHOLE_BARS = torch.tensor([0, 1, 2, 5, 3, 5, 5, 5, 4, 5])  # alignments of 0, 1, 2, 4, 8 and other whole bars
_NEVER = -1e9  # a score that leaves nothing; finite, so that rows without anything to point at stay finite


class Pointer(nn.Module):
    """Attention to earlier tokens, with learned biases for how two places relate.

    Args:
        inputs: size of a token's state.
        size: size of keys and queries.
    """

    def __init__(self, inputs: int, size: int) -> None:
        super().__init__()
        self.query = nn.Linear(inputs, size)
        self.key = nn.Linear(inputs, size)
        self.lag = nn.Embedding(_LAGS + 1, 1)
        self.alignment = nn.Embedding(_KINDS * _ALIGNMENTS, 1)
        self.distance = nn.Embedding(_DISTANCES, 1)
        self.label = nn.Embedding(2, 1)
        for table in (self.lag, self.alignment, self.distance, self.label):
            nn.init.zeros_(table.weight)

    def forward(self, queries: Tensor, keys: Tensor, seen: Tensor, at: Places, of: Places) -> Tensor:
        """Return the shares ``[S, Q, K]`` of attention; all 0 in a row that sees nothing.

        Args:
            queries: ``[S, Q, size]``.
            keys: ``[S, K, size]``.
            seen: ``[S, Q, K]`` bool.
            at: places of the tokens that point, ``[S, Q]``.
            of: places of the tokens pointed at, ``[S, K]``.
        """
        scores = queries @ keys.transpose(1, 2) / math.sqrt(queries.shape[-1]) + self.bias(at, of)
        shares = functional.softmax(scores.masked_fill(~seen, _NEVER), dim=-1)
        return shares * seen

    def bias(self, at: Places, of: Places) -> Tensor:
        """Return what the relation of places adds to scores, ``[S, Q, K]``."""
        device = self.lag.weight.device
        own = torch.arange(_LAGS + 1, device=device)[:, None, None]
        alignment = torch.arange(_ALIGNMENTS, device=device)[None, :, None]
        labels = self.label(torch.arange(2, device=device))[None, None, :, 0]
        inside = self.lag(own)[..., 0] + self.alignment(alignment)[..., 0] + labels
        kinds = torch.arange(_ALIGNMENTS, _KINDS * _ALIGNMENTS, device=device)
        outside = self.alignment(kinds) + self.distance.weight[:, 0]
        table = torch.cat([inside.flatten(), outside.flatten()])
        found: Tensor = _Lookup.apply(table, _relations(at, of))  # type: ignore[no-untyped-call]  # torch's own
        return found


def _relations(at: Places, of: Places) -> Tensor:
    """Return ``[S, Q, K]`` one number for how two places relate.

    Inside a phrase: lag in tokens, alignment, same label; elsewhere: same letter or not, alignment, phrases between.
    """
    own, other = (Places(*(value[..., :, None] for value in at)), Places(*(value[..., None, :] for value in of)))
    is_own = own.phrase == other.phrase
    moved = own.step - other.step
    bars = moved.abs().div(own.bar_steps, rounding_mode="floor")
    in_bar = moved.remainder(own.bar_steps)
    whole = _WHOLE_BARS.to(bars.device)[bars.clamp(max=len(_WHOLE_BARS) - 1)]
    alignment = torch.where(in_bar == 0, whole, torch.where(in_bar * 2 == own.bar_steps, 6, 7))
    same_label = (own.label == other.label) & (own.label >= 0)
    lag = (own.token - other.token).clamp(0, _LAGS)
    inside = (lag * _ALIGNMENTS + alignment) * 2 + same_label
    kind = (own.letter != other.letter) * _ALIGNMENTS
    distance = (own.phrase - other.phrase).clamp(0, _DISTANCES - 1)
    return torch.where(is_own, inside, _INSIDE + (kind + alignment) * _DISTANCES + distance)


class _Lookup(torch.autograd.Function):
    """``table[index]``; its gradient counts with `bincount`, many times faster on a processor than an embedding's."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        ctx.size = len(table)
        return table[index]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (index,) = ctx.saved_tensors
        summed = torch.bincount(index.flatten(), weights=gradient.flatten(), minlength=ctx.size)
        return summed.to(gradient.dtype), None


def copied(shares: Tensor, tokens: Tensor, classes: int) -> Tensor:
    """Return the distribution ``[S, Q, V]`` of the tokens ``[S, K]`` that shares ``[S, Q, K]`` point at."""
    one_hot = functional.one_hot(tokens, classes).to(shares.dtype)
    return shares @ one_hot
