"""The objectives as modules: constants and options once, then logits and targets, and probabilities to match."""

from __future__ import annotations

from typing import Unpack, cast

from torch import Tensor, nn

from ritornello.errors import ArgumentError
from ritornello.nn.objectives.boosted import ExpGB, LinearMSE, Pow3GB, Value
from ritornello.nn.objectives.checks import class_axis, shape
from ritornello.nn.objectives.normalised import (
    BinaryCrossEntropy,
    CrossEntropy,
    PenalisedCrossEntropy,
    Poly1,
    SoftmaxMSE,
    Squentropy,
    StableMax,
)
from ritornello.nn.objectives.rows import Formula, Options, loss_of


class Objective(nn.Module):
    """A loss of logits and targets.

    Args:
        formula: the objective of one position.
        num_classes: K, which the logits must then have; None takes any.
        needs_sum_one: whether probabilities as targets must sum to 1.
        **options: see `rows.Options`.
    """

    weight: Tensor | None

    def __init__(
        self,
        formula: Formula,
        num_classes: int | None = None,
        needs_sum_one: bool = True,
        **options: Unpack[Options],
    ) -> None:
        super().__init__()
        self.formula, self.num_classes, self.needs_sum_one = formula, num_classes, needs_sum_one
        if "mask" in options:
            raise ArgumentError("mask belongs to a batch; give it with the logits")
        self.register_buffer("weight", options.pop("weight", None), persistent=False)
        self.options = options

    def forward(self, z: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the loss; see `rows.loss_of` for shapes and errors, and `rows.Options` for the mask."""
        self._classes(z)
        options = cast(Options, {**self.options, "weight": self.weight, "mask": mask})
        return loss_of(self.formula, z, target, needs_sum_one=self.needs_sum_one, **options)

    def probs(self, z: Tensor, normalise: bool = True) -> Tensor:
        """Return probabilities of logits, of their shape, in float32 or wider.

        Args:
            z: logits of any shape that the loss takes.
            normalise: divide by the sum over classes; without it what the objective itself takes for probabilities:
                alpha e^z, linear and cubic outputs, sigmoids, s. Softmax is always normalised.
        """
        axis = self._classes(z)
        wide = z if z.element_size() == 8 else z.float()
        return self.formula.probabilities(wide.movedim(axis, -1), normalise).movedim(-1, axis)

    def _classes(self, z: Tensor) -> int:
        axis = class_axis(z, self.options.get("class_dim", 1))
        if self.num_classes is not None and z.shape[axis] != self.num_classes:
            raise ArgumentError(f"logits of shape {shape(z)} have {z.shape[axis]} classes, not {self.num_classes}")
        return axis

    def extra_repr(self) -> str:
        """Return the constants and what was chosen."""
        chosen = ", ".join(f"{name}={value}" for name, value in self.options.items())
        return f"{self.formula}{', ' + chosen if chosen else ''}"


class ExpGBLoss(Objective):
    """See `functional.expgb`."""

    def __init__(
        self,
        *,
        num_classes: int | None = None,
        alpha: float | None = None,
        beta: float = 0.0,
        grad_cap: float = 100.0,
        value: Value = "loss",
        **options: Unpack[Options],
    ) -> None:
        super().__init__(ExpGB(alpha, beta, grad_cap, value), num_classes, needs_sum_one=False, **options)


class Pow3GBLoss(Objective):
    """See `functional.pow3gb`."""

    def __init__(
        self,
        *,
        num_classes: int | None = None,
        alpha: float = 0.1,
        beta: float = 0.0,
        grad_cap: float = 100.0,
        value: Value = "loss",
        **options: Unpack[Options],
    ) -> None:
        super().__init__(Pow3GB(alpha, beta, grad_cap, value), num_classes, needs_sum_one=False, **options)


class LinearMSELoss(Objective):
    """See `functional.linear_mse`."""

    def __init__(
        self,
        k: float = 1.0,
        M: float = 1.0,  # noqa: N803 (the paper's letter)
        *,
        num_classes: int | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(LinearMSE(k, M), num_classes, needs_sum_one=False, **options)


class CrossEntropyLoss(Objective):
    """See `functional.cross_entropy`."""

    def __init__(self, *, num_classes: int | None = None, **options: Unpack[Options]) -> None:
        super().__init__(CrossEntropy(), num_classes, **options)


class ZLoss(Objective):
    """Cross-entropy with a penalty on the normaliser; see `functional.z_loss`."""

    def __init__(
        self,
        lam: float = 1e-4,
        alpha: float | None = 1.0,
        *,
        num_classes: int | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(PenalisedCrossEntropy(lam, alpha), num_classes, **options)


class SquentropyLoss(Objective):
    """See `functional.squentropy`."""

    def __init__(self, *, num_classes: int | None = None, **options: Unpack[Options]) -> None:
        super().__init__(Squentropy(), num_classes, **options)


class Poly1Loss(Objective):
    """See `functional.poly1`."""

    def __init__(self, epsilon: float = 1.0, *, num_classes: int | None = None, **options: Unpack[Options]) -> None:
        super().__init__(Poly1(epsilon), num_classes, **options)


class StableMaxLoss(Objective):
    """See `functional.stable_max`."""

    def __init__(self, *, num_classes: int | None = None, **options: Unpack[Options]) -> None:
        super().__init__(StableMax(), num_classes, **options)


class BinaryCrossEntropyLoss(Objective):
    """See `functional.binary_cross_entropy`."""

    def __init__(self, *, num_classes: int | None = None, **options: Unpack[Options]) -> None:
        super().__init__(BinaryCrossEntropy(), num_classes, needs_sum_one=False, **options)


class SoftmaxMSELoss(Objective):
    """See `functional.softmax_mse`."""

    def __init__(self, *, num_classes: int | None = None, **options: Unpack[Options]) -> None:
        super().__init__(SoftmaxMSE(), num_classes, **options)
