"""Objectives with a normaliser: cross-entropy, its penalties and later alternatives; and two controls.

z-loss: Chowdhery et al., *PaLM* (2022). Squentropy: Hui, Belkin and Wright (ICML 2023). Poly-1: Leng et al., *PolyLoss*
(ICLR 2022). StableMax: Prieto et al., *Grokking at the edge of numerical stability* (2025). Gradients in closed form
are derived here; the tests compare them to autograd.

Axes: ``...`` positions, K classes; z logits, t targets with sum T (1 but for several labels at once), p = softmax(z).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ritornello.errors import ArgumentError
from ritornello.nn.objectives.boosted import normalised_outputs
from ritornello.nn.objectives.targets import Targets


def _times(mass: Tensor | float, x: Tensor) -> Tensor:
    """Return T x for x ``(...)`` or ``(..., K)``."""
    if isinstance(mass, float):
        return x if mass == 1 else mass * x
    return mass * x if mass.ndim == x.ndim else mass[..., None] * x


@dataclass(frozen=True)
class CrossEntropy:
    """Softmax and negative log-likelihood."""

    def value(self, z: Tensor, targets: Targets) -> Tensor:
        """Return T log Z minus the sum of t z."""
        return _times(targets.mass, z.logsumexp(-1)) - targets.dot(z)

    def gradient(self, z: Tensor, targets: Targets) -> Tensor:
        """Return T p - t."""
        return targets.taken_from(_times(targets.mass, z.softmax(-1)), owned=True)

    def probabilities(self, z: Tensor, normalise: bool) -> Tensor:
        """Return softmax, which is normalised whatever is asked for."""
        return z.softmax(-1)


@dataclass(frozen=True)
class PenalisedCrossEntropy(CrossEntropy):
    """Cross-entropy plus lam A^2, where A = log of the sum of alpha e^z.

    Attributes:
        lam: weight of the penalty, 0 or more.
        alpha: 1 keeps Z near 1; 1 / K (None) centres it: A = 0 at z = 0.
    """

    lam: float = 1e-4
    alpha: float | None = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.lam < math.inf:
            raise ArgumentError(f"lam {self.lam} is out of range; it is 0 or more")
        if self.alpha is not None and not 0 < self.alpha < math.inf:
            raise ArgumentError(f"alpha {self.alpha} is out of range; it is above 0, or None for 1 / K")

    def _log_mass(self, z: Tensor) -> Tensor:
        return z.logsumexp(-1) + math.log(self.alpha or 1 / z.shape[-1])

    def value(self, z: Tensor, targets: Targets) -> Tensor:
        """Return CE + lam A^2."""
        return super().value(z, targets) + self.lam * self._log_mass(z) ** 2

    def gradient(self, z: Tensor, targets: Targets) -> Tensor:
        """Return p (T + 2 lam A) - t."""
        pulled = z.softmax(-1) * (targets.mass + 2 * self.lam * self._log_mass(z))[..., None]
        return targets.taken_from(pulled, owned=True)


@dataclass(frozen=True)
class Squentropy(CrossEntropy):
    """Cross-entropy plus the mean square of false logits; label smoothing acts on the first alone."""

    def value(self, z: Tensor, targets: Targets) -> Tensor:
        """Return CE + 1 / (K - 1) times the sum of (1 - t) z^2."""
        square = z.square()
        false = square.sum(-1) - targets.unsmoothed.dot(square)
        return super().value(z, targets) + false / (z.shape[-1] - 1)

    def gradient(self, z: Tensor, targets: Targets) -> Tensor:
        """Return T p - t + 2 / (K - 1) (1 - t) z."""
        return super().gradient(z, targets) + targets.unsmoothed.taken_from(z, z) * (2 / (z.shape[-1] - 1))


@dataclass(frozen=True)
class Poly1(CrossEntropy):
    """Cross-entropy plus epsilon (1 - q), where q is the probability of the target.

    Attributes:
        epsilon: above -1.
    """

    epsilon: float = 1.0

    def __post_init__(self) -> None:
        if not -1 < self.epsilon < math.inf:
            raise ArgumentError(f"epsilon {self.epsilon} is out of range; it is above -1")

    def value(self, z: Tensor, targets: Targets) -> Tensor:
        """Return CE + epsilon (1 - q)."""
        return super().value(z, targets) + self.epsilon * (1 - targets.dot(z.softmax(-1)))

    def gradient(self, z: Tensor, targets: Targets) -> Tensor:
        """Return T p - t + epsilon p (q - t)."""
        p = z.softmax(-1)
        pulled = p * (targets.mass + self.epsilon * targets.dot(p))[..., None]
        return targets.taken_from(pulled, 1 + self.epsilon * p)


def _halves(z: Tensor) -> tuple[Tensor, Tensor]:
    """Return max(z, 0) and max(-z, 0); at 0 autograd takes the slope of the first alone. ``torch.where`` is slow."""
    return z.clamp(min=0), torch.relu(-z)


@dataclass(frozen=True)
class StableMax:
    """Negative log-likelihood of s / S, with s(x) = x + 1 from 0 on and 1 / (1 - x) below, S the sum of s."""

    def outputs(self, z: Tensor) -> Tensor:
        """Return s."""
        above, below = _halves(z)
        return above + 1 / (1 + below)

    def value(self, z: Tensor, targets: Targets) -> Tensor:
        """Return T log S minus the sum of t log s."""
        above, below = _halves(z)
        log_outputs = above.log1p() - below.log1p()
        return _times(targets.mass, self.outputs(z).sum(-1).log()) - targets.dot(log_outputs)

    def gradient(self, z: Tensor, targets: Targets) -> Tensor:
        """Return s' (T / S - t / s)."""
        slope = (1 + _halves(z)[1]).reciprocal().square()
        share = _times(targets.mass, 1 / self.outputs(z).sum(-1))[..., None]
        return targets.taken_from(slope * share, 1 / (1 + z.abs()))  # s' / s

    def probabilities(self, z: Tensor, normalise: bool) -> Tensor:
        """Return s / S, or s."""
        s = self.outputs(z)
        return s / s.sum(-1, keepdim=True) if normalise else s


@dataclass(frozen=True)
class BinaryCrossEntropy:
    """A sigmoid for each class (a control), summed over classes."""

    def value(self, z: Tensor, targets: Targets) -> Tensor:
        """Return the sum of log(1 + e^z) - t z."""
        return functional.softplus(z).sum(-1) - targets.dot(z)

    def gradient(self, z: Tensor, targets: Targets) -> Tensor:
        """Return sigmoid(z) - t."""
        return targets.taken_from(z.sigmoid(), owned=True)

    def probabilities(self, z: Tensor, normalise: bool) -> Tensor:
        """Return the sigmoids, divided by their sum or as they are."""
        return normalised_outputs(z.sigmoid()) if normalise else z.sigmoid()


@dataclass(frozen=True)
class SoftmaxMSE:
    """Half the squared error of softmax (a control)."""

    def value(self, z: Tensor, targets: Targets) -> Tensor:
        """Return half the sum of (p - t)^2."""
        return targets.taken_from(z.softmax(-1)).square().sum(-1) / 2

    def gradient(self, z: Tensor, targets: Targets) -> Tensor:
        """Return p (r - the sum of p r), where r = p - t."""
        p = z.softmax(-1)
        error = targets.taken_from(p)
        return p * (error - (p * error).sum(-1, keepdim=True))

    def probabilities(self, z: Tensor, normalise: bool) -> Tensor:
        """Return softmax, which is normalised whatever is asked for."""
        return z.softmax(-1)
