"""Targets of a classification, as class indices or as probabilities, behind the few operations that objectives need.

With indices no one-hot rows are ever made: sums over classes become one look-up, differences one subtraction.

Axes: ``...`` positions, K classes.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Targets:
    """The target t of each position.

    Attributes:
        values: int64 ``(...)`` class indices, or floating ``(..., K)`` probabilities.
        classes: K.
        smoothing: epsilon of label smoothing: t becomes (1 - epsilon) t + epsilon / K.
    """

    values: Tensor
    classes: int
    smoothing: float = 0.0

    @property
    def are_indices(self) -> bool:
        """Whether targets are class indices."""
        return not self.values.is_floating_point()

    @property
    def unsmoothed(self) -> Targets:
        """The same targets without label smoothing."""
        return dataclasses.replace(self, smoothing=0.0)

    @property
    def mass(self) -> Tensor | float:
        """The sum of t over classes, ``(...)``; of indices the number 1."""
        if self.are_indices:
            return 1.0
        return (1 - self.smoothing) * self.values.sum(-1) + self.smoothing

    def dot(self, x: Tensor) -> Tensor:
        """Return the sum of t x over classes, ``(...)``, of x ``(..., K)``."""
        picks = self.are_indices
        found = x.gather(-1, self.values[..., None]).squeeze(-1) if picks else (self.values * x).sum(-1)
        return (1 - self.smoothing) * found + self.smoothing * x.mean(-1) if self.smoothing else found

    def taken_from(self, y: Tensor, x: Tensor | None = None, *, owned: bool = False) -> Tensor:
        """Return y - t x, ``(..., K)``; x is 1 if left out; y may be overwritten if it is owned."""
        share = 1 - self.smoothing
        overwrite = owned and not y.requires_grad
        if self.are_indices:
            place = self.values[..., None]
            taken = y.new_full((), -share).expand(place.shape) if x is None else -share * x.gather(-1, place)
            y = y.scatter_add_(-1, place, taken) if overwrite else y.scatter_add(-1, place, taken)
        else:
            product = self.values if x is None else self.values * x
            y = torch.sub(y, product, alpha=share, out=y if overwrite else None)
        if self.smoothing:
            even = self.smoothing / self.classes
            y = y - (even if x is None else even * x)
        return y
