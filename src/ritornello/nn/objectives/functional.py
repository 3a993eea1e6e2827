"""The objectives as functions: logits and targets in, a loss out.

All take the options of `rows.Options`: ``class_dim``, ``weight``, ``mask``, ``ignore_index``, ``label_smoothing``,
``reduction``, ``chunk_size`` and ``check``; and raise `ArgumentError` if tensors or options do not fit. Shapes, targets
and what is returned: see `rows.loss_of`. What each is, with its gradient: see `boosted` and `normalised`.
"""

from __future__ import annotations

from typing import Unpack

from torch import Tensor

from ritornello.nn.objectives.boosted import ExpGB, LinearMSE, Pow3GB, Value
from ritornello.nn.objectives.normalised import (
    BinaryCrossEntropy,
    CrossEntropy,
    PenalisedCrossEntropy,
    Poly1,
    SoftmaxMSE,
    Squentropy,
    StableMax,
)
from ritornello.nn.objectives.rows import Options, loss_of


def expgb(
    z: Tensor,
    target: Tensor,
    *,
    alpha: float | None = None,
    beta: float = 0.0,
    grad_cap: float = 100.0,
    value: Value = "loss",
    **options: Unpack[Options],
) -> Tensor:
    """Exponential gradient boosting: the gradient is alpha e^z + beta - t.

    Args:
        z: logits.
        target: indices or probabilities, which need not sum to 1 (several labels at once).
        alpha: above 0; None for 1 / K.
        beta: of the output; above 0 the loss has no lower bound.
        grad_cap: beyond the logit where alpha e^z reaches it, the loss goes on along its tangent.
        value: ``squared_error`` reports the paper's half sum of (y - t)^2; the gradient stays the same.
        **options: see `rows.Options`.
    """
    return loss_of(ExpGB(alpha, beta, grad_cap, value), z, target, needs_sum_one=False, **options)


def pow3gb(
    z: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.1,
    beta: float = 0.0,
    grad_cap: float = 100.0,
    value: Value = "loss",
    **options: Unpack[Options],
) -> Tensor:
    """Cubic gradient boosting: the gradient is alpha z^3 + beta - t. Arguments as of `expgb`."""
    return loss_of(Pow3GB(alpha, beta, grad_cap, value), z, target, needs_sum_one=False, **options)


def linear_mse(
    z: Tensor,
    target: Tensor,
    *,
    k: float = 1.0,
    M: float = 1.0,  # noqa: N803 (the paper's letter)
    **options: Unpack[Options],
) -> Tensor:
    """Half the squared error of the logits, rescaled: t k (z - M)^2 + (1 - t) z^2; with k = M = 1 (z - t)^2.

    The gradient is z - t, or t k (z - M) + (1 - t) z.
    """
    return loss_of(LinearMSE(k, M), z, target, needs_sum_one=False, **options)


def cross_entropy(z: Tensor, target: Tensor, **options: Unpack[Options]) -> Tensor:
    """Cross-entropy of softmax; the gradient is p - t."""
    return loss_of(CrossEntropy(), z, target, **options)


def z_loss(
    z: Tensor, target: Tensor, *, lam: float = 1e-4, alpha: float | None = 1.0, **options: Unpack[Options]
) -> Tensor:
    """Cross-entropy plus lam A^2, A = log of the sum of alpha e^z; alpha None is 1 / K.

    The gradient is p (1 + 2 lam A) - t.
    """
    return loss_of(PenalisedCrossEntropy(lam, alpha), z, target, **options)


def squentropy(z: Tensor, target: Tensor, **options: Unpack[Options]) -> Tensor:
    """Cross-entropy plus the mean square of false logits; the gradient is p - t + 2 / (K - 1) (1 - t) z."""
    return loss_of(Squentropy(), z, target, **options)


def poly1(z: Tensor, target: Tensor, *, epsilon: float = 1.0, **options: Unpack[Options]) -> Tensor:
    """Cross-entropy plus epsilon (1 - q), q = sum of t p; the gradient is p - t + epsilon p (q - t)."""
    return loss_of(Poly1(epsilon), z, target, **options)


def stable_max(z: Tensor, target: Tensor, **options: Unpack[Options]) -> Tensor:
    """Negative log-likelihood under outputs that grow linearly; the gradient is s' (1 / S - t / s)."""
    return loss_of(StableMax(), z, target, **options)


def binary_cross_entropy(z: Tensor, target: Tensor, **options: Unpack[Options]) -> Tensor:
    """A sigmoid for each class, summed over classes; the gradient is sigmoid(z) - t."""
    return loss_of(BinaryCrossEntropy(), z, target, needs_sum_one=False, **options)


def softmax_mse(z: Tensor, target: Tensor, **options: Unpack[Options]) -> Tensor:
    """Half the squared error of softmax."""
    return loss_of(SoftmaxMSE(), z, target, **options)
