"""Choosing the next tokens of several pieces from logits: what is allowed, then top-k, temperature and top-p.

Top-k: Fan et al., *Hierarchical Neural Story Generation* (2018); top-p: Holtzman et al., *The Curious Case of Neural
Text Degeneration* (2020). Each piece has a random generator of its own, of which a token takes one number, and each row
is treated alone: a piece's tokens follow from its logits and its seed, whatever else is in the batch.

Axes: B pieces, V ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ritornello.errors import ArgumentError


@dataclass(frozen=True)
class SamplingSettings:
    """How adventurous the choice is.

    Attributes:
        temperature: logits are divided by it, above 0; below 1 likely tokens become likelier.
        top_k: so many of the likeliest allowed ids stay, 1 or more; 1 always takes the likeliest. None keeps all.
            Museformer samples from 8.
        top_p: of these, after the temperature, the fewest whose probabilities sum to at least so much stay, above 0
            to 1; 1 keeps all.
    """

    temperature: float = 1.0
    top_k: int | None = 8
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.temperature < float("inf"):
            raise ArgumentError(f"temperature {self.temperature} is out of range; it is above 0, usually 0.7 to 1.3")
        if self.top_k is not None and (type(self.top_k) is not int or self.top_k < 1):
            raise ArgumentError(f"top_k {self.top_k!r} is out of range; it is a whole number from 1, or None for all")
        if not 0 < self.top_p <= 1:
            raise ArgumentError(f"top_p {self.top_p} is out of range; it is above 0 and at most 1")


def sample(
    logits: Tensor,
    allowed: NDArray[np.bool_] | Tensor,
    generators: Sequence[np.random.Generator],
    settings: SamplingSettings,
) -> NDArray[np.int64]:
    """Choose one allowed id a row.

    Args:
        logits: ``(B, V)``; may be of any float dtype.
        allowed: ``(B, V)``, True where an id may be chosen; at least one a row.
        generators: one a row; each gives one number.
        settings: temperature, top-k and top-p.

    Returns:
        int64 ``(B,)``.

    Raises:
        ArgumentError: if a row allows nothing or its allowed logits are not numbers.
    """
    masked = logits.detach().float().masked_fill(~torch.as_tensor(allowed), -torch.inf)
    kept = masked.shape[1] if settings.top_k is None else min(settings.top_k, masked.shape[1])
    values, ids = (part.numpy() for part in torch.topk(masked, kept, dim=1))  # falling
    if not np.isfinite(values[:, 0]).all():
        row = int(np.flatnonzero(~np.isfinite(values[:, 0]))[0])
        raise ArgumentError(f"row {row} of the batch allows no token, or its logits are not numbers")
    weights = np.exp((values - values[:, :1]).astype(np.float64) / settings.temperature)
    sums = np.cumsum(weights, 1)
    if settings.top_p < 1:
        # An id stays if what stands before it falls short of top_p; the first always does.
        stays = sums - weights < settings.top_p * sums[:, -1:]
        sums = np.cumsum(np.where(stays, weights, 0.0), 1)
    drawn = np.array([generator.random() for generator in generators]) * sums[:, -1]
    # The product can round up to the sum itself, which would point behind the last id of any weight.
    last = np.argmax(sums == sums[:, -1:], 1)
    place = np.minimum((sums <= drawn[:, None]).sum(1), last)
    chosen: NDArray[np.int64] = np.take_along_axis(ids, place[:, None], 1)[:, 0]
    return chosen
