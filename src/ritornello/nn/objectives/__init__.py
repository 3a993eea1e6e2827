"""Losses for classification beside cross-entropy: linear outputs, boosted gradients, and the later alternatives.

Functions (`expgb(z, target)`), modules (`ExpGBLoss()(z, target)`, with `probs`), and these by name
(`make_loss("expgb")`).
"""

from ritornello.nn.objectives.functional import (
    binary_cross_entropy,
    cross_entropy,
    expgb,
    linear_mse,
    poly1,
    pow3gb,
    softmax_mse,
    squentropy,
    stable_max,
    z_loss,
)
from ritornello.nn.objectives.harmonic import HarmonicHead, harmonic_logits
from ritornello.nn.objectives.modules import (
    BinaryCrossEntropyLoss,
    CrossEntropyLoss,
    ExpGBLoss,
    LinearMSELoss,
    Objective,
    Poly1Loss,
    Pow3GBLoss,
    SoftmaxMSELoss,
    SquentropyLoss,
    StableMaxLoss,
    ZLoss,
)
from ritornello.nn.objectives.registry import OBJECTIVES, make_head, make_loss

__all__ = [
    "OBJECTIVES", "BinaryCrossEntropyLoss", "CrossEntropyLoss", "ExpGBLoss", "HarmonicHead", "LinearMSELoss",
    "Objective", "Poly1Loss", "Pow3GBLoss", "SoftmaxMSELoss", "SquentropyLoss", "StableMaxLoss", "ZLoss",
    "binary_cross_entropy", "cross_entropy", "expgb", "harmonic_logits", "linear_mse", "make_head", "make_loss",
    "poly1", "pow3gb", "softmax_mse", "squentropy", "stable_max", "z_loss",
]  # fmt: skip
