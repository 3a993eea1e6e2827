"""Linear outputs and boosted gradients: squared errors whose gradient is not sent through the output's derivative.

After *Be Careful What You Backpropagate* (arXiv 1707.04199): for an output y(z) the logits get y - t. Such a rule is
the exact gradient of a convex loss, and that loss is the value here. With the output alpha e^z it is the negative
log-likelihood of Poisson counts, or cross-entropy plus a penalty on the normaliser: CE + e^A - A + log(alpha), where A
is the log of the sum of alpha e^z.

Axes: ``...`` positions, K classes; z logits, t targets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ritornello.errors import ArgumentError
from ritornello.nn.objectives.targets import Targets

Value = Literal["loss", "squared_error"]
"""What is reported: the loss whose gradient is taken, or the paper's squared error, which only it has in mind."""

SMALLEST_OUTPUT = 1e-6
"""What outputs are raised to before they are divided by their sum."""


def _check_value(value: str) -> None:
    if value not in ("loss", "squared_error"):
        raise ArgumentError(f"value '{str(value)[:40]}' is not one of loss, squared_error")


def _check_boost(alpha: float | None, beta: float, grad_cap: float, value: str) -> None:
    _check_value(value)
    if alpha is not None and not 0 < alpha < math.inf:
        raise ArgumentError(f"alpha {alpha} is out of range; it is above 0, or None for one over the number of classes")
    if not math.isfinite(beta) or not 0 < grad_cap < math.inf:
        raise ArgumentError(f"beta {beta} must be finite and grad_cap {grad_cap} above 0")


def _reported(loss: Tensor, outputs: Tensor, targets: Targets, value: Value) -> Tensor:
    """Return the loss, or the squared error with the gradient of the loss."""
    if value == "loss":
        return loss
    squared = targets.taken_from(outputs).square().sum(-1) / 2
    return loss + (squared - loss).detach()


def normalised_outputs(outputs: Tensor) -> Tensor:
    """Return outputs ``(..., K)``, raised to at least `SMALLEST_OUTPUT`, divided by their sum."""
    raised = outputs.clamp(min=SMALLEST_OUTPUT)
    return raised / raised.sum(-1, keepdim=True)


@dataclass(frozen=True)
class ExpGB:
    """Exponential boost: the output is alpha e^z + beta.

    Attributes:
        alpha: above 0; None for 1 / K, so that all outputs together are 1 at z = 0.
        beta: of the output; above 0 the loss has no lower bound.
        grad_cap: beyond the logit where alpha e^z reaches it, the loss goes on along its tangent.
        value_kind: see `Value`.
    """

    alpha: float | None = None
    beta: float = 0.0
    grad_cap: float = 100.0
    value_kind: Value = "loss"

    def __post_init__(self) -> None:
        _check_boost(self.alpha, self.beta, self.grad_cap, self.value_kind)

    def _log_outputs(self, z: Tensor) -> Tensor:
        return z + math.log(self.alpha or 1 / z.shape[-1])

    def outputs(self, z: Tensor) -> Tensor:
        """Return alpha e^z + beta, at most ``grad_cap`` + beta."""
        u = self._log_outputs(z)
        if u.requires_grad:
            # The inner bound keeps the slope finite, the outer one makes the cap exact.
            y = u.clamp(max=math.log(self.grad_cap) + 1).exp().clamp(max=self.grad_cap)
        else:
            y = u.exp_().clamp_(max=self.grad_cap)
        return y + self.beta if self.beta else y

    def value(self, z: Tensor, targets: Targets) -> Tensor:
        """Return the sum of alpha e^z + (beta - t) z."""
        loss = self._mass(z) - targets.dot(z)
        if self.beta:
            loss = loss + self.beta * z.sum(-1)
        return loss if self.value_kind == "loss" else _reported(loss, self.outputs(z), targets, self.value_kind)

    def _mass(self, z: Tensor) -> Tensor:
        """Return the sum of alpha e^z over classes, each term going on along its tangent beyond the cap."""
        u, cap = self._log_outputs(z), math.log(self.grad_cap)
        if not u.requires_grad and u.device.type == "cpu" and not torch.compiler.is_compiling():
            total = u.exp().sum(-1)
            if bool((total <= self.grad_cap).all()):  # so no term is above it: the usual case, at a third of the cost
                return total
        return (u.clamp(max=cap).exp() * (1 + (u - cap).clamp(min=0))).sum(-1)

    def gradient(self, z: Tensor, targets: Targets) -> Tensor:
        """Return alpha e^z + beta - t."""
        return targets.taken_from(self.outputs(z), owned=True)

    def probabilities(self, z: Tensor, normalise: bool) -> Tensor:
        """Return softmax, or the outputs as they are."""
        return z.softmax(-1) if normalise else self.outputs(z)


@dataclass(frozen=True)
class Pow3GB:
    """Cubic boost: the output is alpha z^3 + beta.

    Attributes:
        alpha: above 0.
        beta: of the output.
        grad_cap: beyond abs(z) = (grad_cap / alpha)^(1/3) the loss goes on along its tangent.
        value_kind: see `Value`.
    """

    alpha: float = 0.1
    beta: float = 0.0
    grad_cap: float = 100.0
    value_kind: Value = "loss"

    def __post_init__(self) -> None:
        _check_boost(self.alpha, self.beta, self.grad_cap, self.value_kind)

    def outputs(self, z: Tensor) -> Tensor:
        """Return alpha z^3 + beta, the first term at most ``grad_cap`` in size."""
        y = (self.alpha * z * z * z).clamp(-self.grad_cap, self.grad_cap)
        return y + self.beta if self.beta else y

    def value(self, z: Tensor, targets: Targets) -> Tensor:
        """Return the sum of alpha z^4 / 4 + (beta - t) z."""
        edge = (self.grad_cap / self.alpha) ** (1 / 3)
        inside = z.clamp(-edge, edge)
        square = inside * inside
        loss = (self.alpha / 4 * square * square + self.grad_cap * (z - inside).abs()).sum(-1) - targets.dot(z)
        if self.beta:
            loss = loss + self.beta * z.sum(-1)
        return loss if self.value_kind == "loss" else _reported(loss, self.outputs(z), targets, self.value_kind)

    def gradient(self, z: Tensor, targets: Targets) -> Tensor:
        """Return alpha z^3 + beta - t."""
        return targets.taken_from(self.outputs(z), owned=True)

    def probabilities(self, z: Tensor, normalise: bool) -> Tensor:
        """Return the outputs, raised above 0 and divided by their sum, or as they are."""
        return normalised_outputs(self.outputs(z)) if normalise else self.outputs(z)


@dataclass(frozen=True)
class LinearMSE:
    """Linear output under a squared error, rescaled as Hui and Belkin (2021) do for many classes.

    Attributes:
        k: weight of the true class.
        M: what the true class's logit is drawn to.
    """

    k: float = 1.0
    M: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.k < math.inf and 0 < self.M < math.inf):
            raise ArgumentError(f"k {self.k} and M {self.M} are above 0")

    @property
    def is_plain(self) -> bool:
        """Whether nothing is rescaled."""
        return self.k == 1 and self.M == 1

    def _check(self, targets: Targets) -> None:
        if targets.smoothing and not self.is_plain:
            raise ArgumentError("label_smoothing has no meaning for a rescaled square; leave it out, or k = M = 1")

    def value(self, z: Tensor, targets: Targets) -> Tensor:
        """Return half the sum of t k (z - M)^2 + (1 - t) z^2; with k = M = 1 half the sum of (z - t)^2."""
        self._check(targets)
        if self.is_plain:
            return targets.taken_from(z).square().sum(-1) / 2
        true = targets.dot(self.k * (z - self.M) ** 2 - z**2)
        return (z.square().sum(-1) + true) / 2

    def gradient(self, z: Tensor, targets: Targets) -> Tensor:
        """Return t k (z - M) + (1 - t) z; with k = M = 1 z - t."""
        self._check(targets)
        return targets.taken_from(z) if self.is_plain else targets.taken_from(z, z - self.k * (z - self.M))

    def probabilities(self, z: Tensor, normalise: bool) -> Tensor:
        """Return z / M, raised above 0 and divided by its sum, or as it is."""
        return normalised_outputs(z / self.M) if normalise else z / self.M
