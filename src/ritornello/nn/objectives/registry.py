"""Objectives by name, with their constants: one list for training, tests and the benchmark."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Unpack, cast

from torch import nn

from ritornello.errors import ArgumentError
from ritornello.nn.objectives import modules
from ritornello.nn.objectives.harmonic import HarmonicHead
from ritornello.nn.objectives.rows import Options


@dataclass(frozen=True)
class Entry:
    """A named objective.

    Attributes:
        title: for tables.
        make: its module.
        constants: its own constants.
        options: options that are part of it.
        has_head: whether the last layer must be a `HarmonicHead`.
    """

    title: str
    make: Callable[..., modules.Objective]
    constants: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    has_head: bool = False


OBJECTIVES: Mapping[str, Entry] = {
    "cross_entropy": Entry("CE", modules.CrossEntropyLoss),
    "label_smoothing": Entry("CE, smoothing .1", modules.CrossEntropyLoss, options={"label_smoothing": 0.1}),
    "z_loss": Entry("CE + z-loss .0001", modules.ZLoss, {"lam": 1e-4}),
    "z_loss_01": Entry("CE + z-loss .01", modules.ZLoss, {"lam": 0.01}),
    "z_loss_5": Entry("CE + z-loss .5", modules.ZLoss, {"lam": 0.5}),
    "centred_z_loss": Entry("CE + A²/2", modules.ZLoss, {"lam": 0.5, "alpha": None}),
    "binary_cross_entropy": Entry("BCE", modules.BinaryCrossEntropyLoss),
    "softmax_mse": Entry("softmax + MSE", modules.SoftmaxMSELoss),
    "linear_mse": Entry("linear + MSE", modules.LinearMSELoss),
    "rescaled_mse": Entry("rescaled square (5, 5)", modules.LinearMSELoss, {"k": 5.0, "M": 5.0}),
    "squentropy": Entry("squentropy", modules.SquentropyLoss),
    "poly1": Entry("Poly-1", modules.Poly1Loss),
    "stable_max": Entry("StableMax", modules.StableMaxLoss),
    "harmonic": Entry("harmonic", modules.CrossEntropyLoss, has_head=True),
    "expgb": Entry("expGB", modules.ExpGBLoss),
    "pow3gb": Entry("pow3GB .1", modules.Pow3GBLoss, {"alpha": 0.1}),
    "pow3gb_001": Entry("pow3GB .001", modules.Pow3GBLoss, {"alpha": 0.001}),
}
"""All of them; a name always means the same constants."""


def entry(name: str) -> Entry:
    """Return a named objective.

    Raises:
        ArgumentError: if there is none of that name; the message lists what there is.
    """
    if name not in OBJECTIVES:
        raise ArgumentError(f"objective '{str(name)[:40]}' is not one of {', '.join(OBJECTIVES)}")
    return OBJECTIVES[name]


def make_loss(name: str, *, num_classes: int | None = None, **options: Unpack[Options]) -> modules.Objective:
    """Return the module of a named objective.

    Args:
        name: one of `OBJECTIVES`.
        num_classes: K, which logits must then have.
        **options: see `rows.Options`; they go before options of the entry.

    Raises:
        ArgumentError: if there is none of that name.
    """
    found = entry(name)
    return found.make(num_classes=num_classes, **found.constants, **cast(Options, {**found.options, **options}))


def make_head(name: str, in_features: int, num_classes: int) -> nn.Module:
    """Return the last layer that a named objective needs: linear with small weights, or a `HarmonicHead`.

    Args:
        name: one of `OBJECTIVES`.
        in_features: D.
        num_classes: K.

    Raises:
        ArgumentError: if there is none of that name.
    """
    if entry(name).has_head:
        return HarmonicHead(in_features, num_classes)
    head = nn.Linear(in_features, num_classes)
    nn.init.normal_(head.weight, std=0.01)  # so that all logits begin near 0, whatever the loss
    nn.init.zeros_(head.bias)
    return head
