"""From an objective of one position to a loss over a batch: shapes, what is ignored, weights, reductions, chunks.

The value and the gradient of an objective are both written out, so nothing is kept between forward and backward but the
logits themselves: each direction goes over them in chunks of positions, in float32 or wider. A chunk's working memory
is a few arrays of its size; on a CPU chunks are small enough for the cache, which is where the speed comes from. Under
`torch.compile` the value is differentiated by autograd instead, and the compiler fuses it.

Axes: N, P positions (batch and the rest), K classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Protocol, TypedDict, Unpack

import torch
from torch import Tensor

from ritornello.nn.objectives.checks import (
    check_indices,
    check_mask_and_weight,
    check_options,
    check_target,
    check_values,
    class_axis,
)
from ritornello.nn.objectives.targets import Targets

Reduction = Literal["mean", "sum", "none"]

CHUNK_VALUES_CPU, CHUNK_VALUES = 2**18, 2**25
"""Logits of a chunk, if no ``chunk_size`` is given: on a CPU, where they should stay in the cache, and elsewhere."""


class Formula(Protocol):
    """An objective of one position, in floating-point numbers of at least 32 bits."""

    def value(self, z: Tensor, targets: Targets) -> Tensor:
        """Return the loss ``(...)`` of logits ``(..., K)``."""

    def gradient(self, z: Tensor, targets: Targets) -> Tensor:
        """Return its gradient ``(..., K)``."""

    def probabilities(self, z: Tensor, normalise: bool) -> Tensor:
        """Return probabilities ``(..., K)``, or what stands for them without a normaliser."""


class Options(TypedDict, total=False):
    """What all objectives take.

    Attributes:
        class_dim: axis of the classes: 1 as in ``torch.nn.functional.cross_entropy``, or -1 for ``(N, T, K)``.
        weight: ``(K,)`` weights of classes; a position weighs as much as its (unsmoothed) target: the sum of t weight.
        mask: bool, one a position: where false, a position has no value and no gradient and is not counted. Ignored
            logits and targets may hold anything, also NaN.
        ignore_index: target index that is ignored in the same way.
        label_smoothing: epsilon, 0 to below 1: t becomes (1 - epsilon) t + epsilon / K.
        reduction: ``none``; ``sum``; or ``mean``, the sum over positions divided by the number of counted positions
            (with ``weight``: by the sum of their weights), never by K; 0 if nothing counts.
        chunk_size: positions that are computed at once; None for a good number.
        check: also look for NaN and infinite logits and for targets that are no probabilities or, off the CPU, indices
            out of range; costs a pass over both, and a wait for the device.
    """

    class_dim: int
    weight: Tensor | None
    mask: Tensor | None
    ignore_index: int
    label_smoothing: float
    reduction: Reduction
    chunk_size: int | None
    check: bool


def loss_of(
    formula: Formula, z: Tensor, target: Tensor, *, needs_sum_one: bool = True, **options: Unpack[Options]
) -> Tensor:
    """Return an objective over a batch.

    Args:
        formula: the objective of one position.
        z: logits ``(K)``, ``(N, K)``, ``(N, K, d1, ...)``, or with ``class_dim`` -1 ``(N, ..., K)``; any float dtype.
        target: class indices, of the shape of the logits without the classes, or probabilities of their shape.
        needs_sum_one: whether probabilities must sum to 1, looked at with ``check``.
        **options: see `Options`.

    Returns:
        The reduced loss, or with reduction ``none`` one value a position (0 where ignored), in float32 or wider.

    Raises:
        ArgumentError: if tensors do not fit each other, are empty, or an option or index is out of range.
    """
    axis = class_axis(z, options.get("class_dim", 1))
    mask, weight = options.get("mask"), options.get("weight")
    smoothing, reduction = options.get("label_smoothing", 0.0), options.get("reduction", "mean")
    ignore_index, chunk_size = options.get("ignore_index", -100), options.get("chunk_size")
    check_options(smoothing, reduction, Reduction, chunk_size)
    check_target(z, target, axis)
    check_mask_and_weight(z, axis, mask, weight)
    kept = mask
    is_eager, on_cpu = not torch.compiler.is_compiling(), target.device.type == "cpu"
    checked = options.get("check", False)
    if not target.is_floating_point():
        target = target.long()
        if not (is_eager and on_cpu and mask is None and _all_count(target, z.shape[axis], ignore_index)):
            counted = target != ignore_index
            kept = counted if mask is None else counted & mask
            if is_eager and (on_cpu or checked):
                check_indices(target, kept, z.shape[axis], ignore_index)
    if is_eager and checked:
        check_values(z, target, axis, kept, needs_sum_one)
    if is_eager and on_cpu and kept is not None and bool(kept.all()):
        kept = None  # nothing is ignored: no pass over the logits to hide what is
    values = _values(formula, z, target, axis, kept, smoothing, chunk_size)
    weights = _weights(target, axis, kept, weight, values)
    if weights is not None:
        values = values * weights
    if reduction == "none":
        return values
    total = values.sum()
    if reduction == "sum":
        return total
    if weights is None:
        return total / values.numel()
    count = weights.sum()
    return total / torch.where(count > 0, count, torch.ones_like(count))


def _all_count(target: Tensor, classes: int, ignore_index: int) -> bool:
    """Return whether all indices are classes, in one pass; the usual case."""
    lowest, highest = target.aminmax()
    return int(lowest) >= 0 and int(highest) < classes and not int(lowest) <= ignore_index <= int(highest)


def _weights(target: Tensor, axis: int, kept: Tensor | None, weight: Tensor | None, values: Tensor) -> Tensor | None:
    """Return how much each position counts, or None for 1 each."""
    if weight is None:
        return None if kept is None else kept.to(values.dtype)
    weight = weight.detach().to(values)
    if target.is_floating_point():
        rows = target.movedim(axis, -1).to(values.dtype)
        if kept is not None:
            rows = torch.where(kept[..., None], rows, 0)
        return (rows * weight).sum(-1)
    if kept is None:
        return weight[target]
    return torch.where(kept, weight[torch.where(kept, target, 0)], 0)


def _values(
    formula: Formula, z: Tensor, target: Tensor, axis: int, kept: Tensor | None, smoothing: float, chunk: int | None
) -> Tensor:
    """Return the loss of each position, 0 where it is ignored, in the shape of the positions."""
    positions = z.shape[:axis] + z.shape[axis + 1 :]
    if torch.compiler.is_compiling():
        targets = target.movedim(axis, -1) if target.is_floating_point() else target
        found = formula.value(*_clean(z.movedim(axis, -1), targets, kept, smoothing))
        return found if kept is None else torch.where(kept, found, 0)
    rows = _as_rows(z, axis)
    block = rows.shape[:2]
    # Where logits and probabilities lie differently in memory, the latter are copied.
    targets = _as_rows(target, axis).reshape(rows.shape) if target.is_floating_point() else target.reshape(block)
    hidden = None if kept is None else kept.reshape(block)
    if chunk is None:
        limit = CHUNK_VALUES_CPU if z.device.type == "cpu" else CHUNK_VALUES
        chunk = max(1, limit // rows.shape[-1])
    values: Tensor = _ClosedForm.apply(rows, targets, hidden, formula, smoothing, chunk)  # type: ignore[no-untyped-call]
    return values.reshape(positions)


def _as_rows(x: Tensor, axis: int) -> Tensor:
    """Return ``(N, P, K)`` of the same memory where there is one; positions keep their order."""
    last = x.movedim(axis, -1)
    try:
        return last.view(1, -1, last.shape[-1])
    except RuntimeError:  # the classes are not innermost
        if axis == 1:
            return x.flatten(2).transpose(1, 2)
        return last.reshape(1, -1, last.shape[-1])


def _clean(z: Tensor, target: Tensor, kept: Tensor | None, smoothing: float) -> tuple[Tensor, Targets]:
    """Return wide logits and targets in which what is ignored is 0, so that neither value nor gradient is NaN."""
    wide = z if z.dtype == torch.float64 else z.float()
    if target.is_floating_point():
        target = target.to(wide.dtype)
    if kept is not None:
        wide = torch.where(kept[..., None], wide, 0)
        target = torch.where(kept[..., None] if target.is_floating_point() else kept, target, 0)
    return wide, Targets(target, z.shape[-1], smoothing)


class _ClosedForm(torch.autograd.Function):
    """The values of rows, with the gradient as it is written out."""

    @staticmethod
    def forward(
        z: Tensor, target: Tensor, kept: Tensor | None, formula: Formula, smoothing: float, chunk: int
    ) -> Tensor:
        values = z.new_empty(z.shape[:2], dtype=torch.float64 if z.dtype == torch.float64 else torch.float32)
        for place in _chunks(z, chunk):
            hidden = None if kept is None else kept[place]
            found = formula.value(*_clean(z[place], target[place], hidden, smoothing))
            values[place] = found if hidden is None else torch.where(hidden, found, 0)
        return values

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        z, target, kept, ctx.formula, ctx.smoothing, ctx.chunk = inputs
        ctx.save_for_backward(z, target, kept)

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor | None, ...]:
        z, target, kept = ctx.saved_tensors
        (weights,) = outer
        if torch.is_grad_enabled():  # a gradient of the gradient is wanted: autograd must see all of it
            gradient = ctx.formula.gradient(*_clean(z, target, kept, ctx.smoothing)) * weights[..., None]
            gradient = (gradient if kept is None else torch.where(kept[..., None], gradient, 0)).to(z.dtype)
        else:
            gradient = torch.empty_like(z)
            for place in _chunks(z, ctx.chunk):
                hidden = None if kept is None else kept[place]
                found = ctx.formula.gradient(*_clean(z[place], target[place], hidden, ctx.smoothing))
                if hidden is not None:
                    found = torch.where(hidden[..., None], found, 0)
                torch.mul(found, weights[place][..., None], out=gradient[place])
        return gradient, None, None, None, None, None


def _chunks(z: Tensor, chunk: int) -> Iterator[tuple[slice, slice]]:
    """Cut rows ``(N, P, K)`` into blocks of about so many positions."""
    rows, places = z.shape[:2]
    many = max(1, chunk // places)
    for row in range(0, rows, many):
        for place in range(0, places, chunk):
            yield slice(row, row + many), slice(place, place + chunk)
