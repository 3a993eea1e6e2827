"""What the encoder learns by: VICReg, the triplet loss and a contrastive loss with many positives.

VICReg: Bardes, Ponce and LeCun (ICLR 2022), with the weights and scales of Wu et al. (arXiv 2309.10597). Triplets: the
same. Many positives: Khosla et al., *Supervised contrastive learning* (NeurIPS 2020), equation 2.

Axes: B batch, D width.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

INVARIANCE, VARIANCE, COVARIANCE = 25.0, 25.0, 1.0
"""Weights of VICReg's three terms."""


def vicreg(first: Tensor, second: Tensor) -> Tensor:
    """Return VICReg's loss of two views ``(B, D)`` of the same items, B at least 2; a scalar.

    25 MSE + 25 / 2 (sum over both views of mean relu(1 - std)) + sum over both of (off-diagonal covariances)² / D.
    """
    invariance = functional.mse_loss(first, second)
    variance = covariance = first.new_zeros(())
    width = first.shape[1]
    for view in (first, second):
        centred = view - view.mean(dim=0)
        deviation = (centred.square().sum(dim=0) / (len(view) - 1) + 1e-4).sqrt()
        variance = variance + functional.relu(1 - deviation).mean() / 2
        products = centred.T @ centred / (len(view) - 1)
        covariance = covariance + (products.square().sum() - products.diagonal().square().sum()) / width
    return INVARIANCE * invariance + VARIANCE * variance + COVARIANCE * covariance


def triplet(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0) -> Tensor:
    """Return the mean of relu(|a - p| - |a - n| + margin), Euclidean, of rows ``(B, D)``; a scalar."""
    return functional.triplet_margin_loss(anchor, positive, negative, margin=margin)


def many_positives(vectors: Tensor, is_positive: Tensor, temperature: float = 0.1) -> Tensor:
    """Return the supervised contrastive loss: every other item is a candidate, the positives are to be the nearest.

    Args:
        vectors: ``(B, D)`` of length 1.
        is_positive: bool ``(B, B)``; the diagonal does not count.
        temperature: cosines are divided by it.

    Returns:
        The mean over items that have a positive; 0 if none has one.
    """
    itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    scores = (vectors @ vectors.T / temperature).masked_fill(itself, -torch.inf)
    log_share = scores - scores.logsumexp(dim=1, keepdim=True)
    wanted = is_positive & ~itself
    sums = log_share.masked_fill(~wanted, 0).sum(dim=1)
    counts = wanted.sum(dim=1)
    has_one = counts > 0
    return -(sums[has_one] / counts[has_one]).sum() / has_one.sum().clamp(min=1)
