"""Harmonic logits: minus n times the log of the distance to a centre of each class, under cross-entropy.

Baek et al., *Harmonic loss trains interpretable AI models* (2025). It is a layer, not a loss: it takes the place of the
last linear map.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ritornello.errors import ArgumentError

SMALLEST_SQUARE = 1e-12
"""Added to squared distances, so that a feature on a centre has a finite logit."""


def harmonic_logits(x: Tensor, centres: Tensor, n: float) -> Tensor:
    """Return -n log d, where d are the distances of features to centres.

    Args:
        x: features ``(..., D)`` of any float dtype.
        centres: ``(K, D)``.
        n: exponent, above 0, about the square root of D.

    Returns:
        float32 or wider ``(..., K)``; cross-entropy makes of them probabilities in proportion to d^-n.

    Raises:
        ArgumentError: if shapes do not fit, or n is out of range.
    """
    if centres.ndim != 2 or not x.ndim or x.shape[-1] != centres.shape[-1]:
        raise ArgumentError(
            f"features of shape {tuple(x.shape)} and centres of shape {tuple(centres.shape)}: give (..., D) and (K, D)"
        )
    if not 0 < n < math.inf:
        raise ArgumentError(f"n {n} is out of range; it is above 0")
    wide = torch.promote_types(torch.promote_types(x.dtype, centres.dtype), torch.float32)
    with torch.autocast(x.device.type, enabled=False):  # half precision loses small distances in the expansion
        x, centres = x.to(wide), centres.to(wide)
        square = x.square().sum(-1, keepdim=True) + centres.square().sum(-1) - 2 * x @ centres.T
        return (square.clamp(min=0) + SMALLEST_SQUARE).log() * (-n / 2)


class HarmonicHead(nn.Module):
    """The last layer of a classifier whose logits are `harmonic_logits`; train it with cross-entropy.

    Args:
        in_features: D.
        K: number of classes.
        n: exponent; the square root of D if left out.
    """

    def __init__(self, in_features: int, K: int, n: float | None = None) -> None:  # noqa: N803 (the field's letter)
        super().__init__()
        if in_features < 1 or K < 2:
            raise ArgumentError(f"in_features {in_features} is at least 1 and K {K} at least 2")
        self.n = math.sqrt(in_features) if n is None else n
        self.centres = nn.Parameter(torch.randn(K, in_features) * in_features**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(..., K)`` of features ``(..., D)``."""
        return harmonic_logits(x, self.centres, self.n)
