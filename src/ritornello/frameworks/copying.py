"""Pointing at earlier tokens, to copy them: a song's phrases are made of few patterns, and of each other.

Ours; after Vinyals, Fortunato and Jaitly, *Pointer networks* (2015), and See, Liu and Manning, *Get to the point*
(2017), whose output is a mixture of generated and copied classes. Pointing sees the tokens before, in the phrase and,
where a song's earlier phrases are given, in those; scores depend on what stands there and on how the places relate:
same phrase, same letter, same place in phrase or bar, same rhythm label. Axes: S songs or beams, Q tokens that point,
K tokens pointed at, V classes.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ritornello.frameworks.batches import Places

_LAGS = 40  # distances in tokens inside a phrase that are told apart
_KINDS, _ALIGNMENTS, _DISTANCES = 3, 8, 12
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
        own, other = (Places(*(value[..., :, None] for value in at)), Places(*(value[..., None, :] for value in of)))
        is_own = own.phrase == other.phrase
        kind = torch.where(is_own, 0, torch.where(own.letter == other.letter, 1, 2))
        lag = torch.where(is_own, (own.token - other.token).clamp(0, _LAGS), 0)
        moved = own.step - other.step
        bars = moved.abs().div(own.bar_steps, rounding_mode="floor")
        in_bar = moved.remainder(own.bar_steps)
        alignment = torch.where(
            in_bar == 0,
            torch.where(
                bars == 0, 0, torch.where(bars <= 2, bars, torch.where(bars == 4, 3, torch.where(bars == 8, 4, 5)))
            ),
            torch.where(in_bar * 2 == own.bar_steps, 6, 7),
        )
        distance = (own.phrase - other.phrase).clamp(0, _DISTANCES - 1)
        same = is_own & (own.label == other.label) & (own.label >= 0)
        summed = self.lag(lag) + self.alignment(kind * _ALIGNMENTS + alignment) + self.distance(distance)
        found: Tensor = (summed + self.label(same.long())).squeeze(-1)
        return found


def copied(shares: Tensor, tokens: Tensor, classes: int) -> Tensor:
    """Return the distribution ``[S, Q, V]`` of the tokens ``[S, K]`` that shares ``[S, Q, K]`` point at."""
    one_hot = functional.one_hot(tokens, classes).to(shares.dtype)
    return shares @ one_hot
