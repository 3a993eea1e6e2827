"""What is refused before anything is computed: tensors that do not fit each other, with their names and shapes."""

from __future__ import annotations

from typing import get_args

import torch
from torch import Tensor

from ritornello.errors import ArgumentError

SUM_TOLERANCE = 1e-3
"""By how much a row of probabilities may differ from 1; half precision cannot do better."""


def shape(tensor: Tensor) -> str:
    """Return a tensor's shape as text."""
    return str(tuple(tensor.shape))


def class_axis(z: Tensor, class_dim: int) -> int:
    """Return the axis of the classes, from 0.

    Raises:
        ArgumentError: if logits are no floating tensor, lack such an axis, or hold no class or no position.
    """
    if not z.is_floating_point():
        raise ArgumentError(f"logits of shape {shape(z)} are {z.dtype}; give floating-point numbers")
    if not z.ndim:
        raise ArgumentError("logits are a single number; give (K), (N, K), (N, K, ...) or (N, ..., K)")
    axis = 0 if z.ndim == 1 else class_dim
    if not -z.ndim <= axis < z.ndim:
        raise ArgumentError(f"logits of shape {shape(z)} have no axis {class_dim} for the classes; see class_dim")
    axis %= z.ndim
    if z.shape[axis] < 2:
        raise ArgumentError(f"logits of shape {shape(z)} have {z.shape[axis]} classes on axis {axis}; give 2 or more")
    if not z.numel():
        raise ArgumentError(f"logits of shape {shape(z)} are empty; give at least one position")
    return axis


def check_target(z: Tensor, target: Tensor, axis: int) -> None:
    """Refuse targets of a shape or kind that does not fit logits.

    Raises:
        ArgumentError: saying which shapes would fit.
    """
    positions = tuple(size for number, size in enumerate(z.shape) if number != axis)
    if target.is_floating_point():
        if target.shape != z.shape:
            raise ArgumentError(
                f"target of shape {shape(target)} and logits of shape {shape(z)}: probabilities have the shape of the "
                f"logits; class indices are whole numbers of shape {positions}"
            )
        if target.requires_grad:
            raise ArgumentError("target asks for a gradient, which objectives do not give; use target.detach()")
    elif target.dtype in (torch.bool, torch.complex64, torch.complex128):
        raise ArgumentError(f"target of shape {shape(target)} is {target.dtype}; give whole numbers or probabilities")
    elif tuple(target.shape) != positions:
        raise ArgumentError(
            f"target of shape {shape(target)} and logits of shape {shape(z)}: class indices have shape {positions}; "
            f"probabilities are floating-point numbers of shape {shape(z)}"
        )


def check_mask_and_weight(z: Tensor, axis: int, mask: Tensor | None, weight: Tensor | None) -> None:
    """Refuse a mask or class weights that do not fit logits.

    Raises:
        ArgumentError: saying what would fit.
    """
    positions = tuple(size for number, size in enumerate(z.shape) if number != axis)
    if mask is not None and (mask.dtype != torch.bool or tuple(mask.shape) != positions):
        raise ArgumentError(
            f"mask is {mask.dtype} of shape {shape(mask)}; for logits of shape {shape(z)} it is bool, of shape "
            f"{positions}"
        )
    if weight is not None and (not weight.is_floating_point() or tuple(weight.shape) != (z.shape[axis],)):
        raise ArgumentError(
            f"weight is {weight.dtype} of shape {shape(weight)}; for logits of shape {shape(z)} it is floating, of "
            f"shape ({z.shape[axis]},)"
        )


def check_options(label_smoothing: float, reduction: str, reductions: object, chunk_size: int | None) -> None:
    """Refuse options out of range.

    Raises:
        ArgumentError: saying the range.
    """
    if not 0 <= label_smoothing < 1:
        raise ArgumentError(f"label_smoothing {label_smoothing} is out of range; it goes from 0 to below 1")
    known = get_args(reductions)
    if reduction not in known:
        raise ArgumentError(f"reduction '{str(reduction)[:40]}' is not one of {', '.join(known)}")
    if chunk_size is not None and chunk_size < 1:
        raise ArgumentError(f"chunk_size {chunk_size} is out of range; it is 1 position or more")


def check_indices(target: Tensor, kept: Tensor | None, classes: int, ignore_index: int) -> None:
    """Refuse class indices out of range; costs a wait for the device.

    Raises:
        ArgumentError: naming the first wrong one.
    """
    wrong = (target < 0) | (target >= classes)
    if kept is not None:
        wrong &= kept
    if bool(wrong.any()):
        place = tuple(int(part) for part in wrong.nonzero()[0])
        raise ArgumentError(
            f"target of shape {shape(target)} holds {int(target[place])} at {place}; classes are 0 to {classes - 1}, "
            f"and {ignore_index} is ignored"
        )


def check_values(z: Tensor, target: Tensor, axis: int, kept: Tensor | None, needs_sum_one: bool) -> None:
    """Refuse logits that are no finite numbers, and targets that are no probabilities; costs a pass over both.

    Args:
        z: logits.
        target: indices or probabilities.
        axis: of the classes.
        kept: which positions count; None for all.
        needs_sum_one: whether each row of probabilities must sum to 1.

    Raises:
        ArgumentError: naming the tensor, its shape and the first wrong position.
    """
    counts = torch.ones((), dtype=torch.bool, device=z.device) if kept is None else kept
    _refuse(~z.isfinite().all(axis) & counts, f"logits of shape {shape(z)} hold NaN or infinity")
    if target.is_floating_point():
        is_odd = ~(target.isfinite() & (target >= 0)).all(axis)
        _refuse(is_odd & counts, f"target of shape {shape(target)} holds what is no probability")
        if needs_sum_one:
            off = (target.double().sum(axis) - 1).abs() > SUM_TOLERANCE
            _refuse(off & counts, f"target of shape {shape(target)} has a row that does not sum to 1")


def _refuse(wrong: Tensor, what: str) -> None:
    if bool(wrong.any()):
        place = tuple(int(part) for part in wrong.nonzero()[0])
        raise ArgumentError(f"{what} at position {place}" if place else what)
