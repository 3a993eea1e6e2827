"""Attention of one new row per piece to the rows cached for that piece: what decoding spends its time on.

A decoded token reads every key and value that it sees once; nothing is shared between pieces, so the time is that of
reading memory. PyTorch's kernels come near it in float32 only, and for one piece at a time. So `row_attention.cpp` does
it for a whole batch in one call, in the dtype of the cache, with sums in float32. It is compiled once, for the
processor at hand, where a C++ compiler is found, and kept in the user's cache folder; elsewhere PyTorch does the same,
more slowly. Measured on one core of an AMD EPYC (Zen 5) beside other work, 1,500 rows of 4 heads of 64, 24 pieces in
turn: 83 microseconds in float32 and 50 in bfloat16; PyTorch's `bmm` 141 and 128.

Axes: B new rows, P places of pieces, H heads, C rows of room, E values of a head.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from ritornello.nn.compiled import load_function, load_kernels

_SOURCE = Path(__file__).with_suffix(".cpp")
_NAMES = {torch.float32: "attend_float32", torch.float64: "attend_float64", torch.bfloat16: "attend_bfloat16"}


def attend_new_rows(
    projected: Tensor,
    cache: Tensor,
    places: Tensor,
    first: Tensor,
    last: Tensor,
    angles: Tensor | None = None,
    bias: Tensor | None = None,
    biased: Tensor | None = None,
    *,
    compiled: bool = True,
) -> Tensor:
    """Store the key and value of each new row, and attend from it to the rows of its piece, itself included.

    Args:
        projected: ``(B, 3, H, E)``, contiguous: queries, divided by the root of E, keys and values.
        cache: ``(P, 2, H, C, E)``, contiguous, of the same dtype: keys and values; changed in place.
        places: int64 ``(B,)``: the piece of each new row; no piece twice.
        first: int64 ``(B,)``: the first row that is seen.
        last: int64 ``(B,)``: where the new row is stored, which is the last that is seen.
        angles: ``(B, 2, E / 2)``, contiguous, at least float32: cosines and sines of the angles by which the query and
            the key are turned, see `positions.turn`; None leaves them.
        bias: ``(H,)``, contiguous, added to the scores of biased rows, or None.
        biased: int64 ``(B, 2)``: run of biased rows, counted from ``first``; needed with ``bias``.
        compiled: use the compiled kernel if there is one; False is for comparison.

    Returns:
        ``(B, H * E)``, of the same dtype.
    """
    kernel = _kernel(projected.dtype) if compiled and projected.device.type == "cpu" else None
    if biased is None:
        bias = None
    if kernel is None:
        return _attend_in_torch(projected, cache, places, first, last, angles, bias, biased)
    batch, _, heads, size = projected.shape
    seen = torch.empty((batch, heads * size), dtype=projected.dtype)
    kernel(
        batch,
        heads,
        size,
        cache.shape[3],
        projected.data_ptr(),
        cache.data_ptr(),
        places.data_ptr(),
        first.data_ptr(),
        last.data_ptr(),
        None if angles is None else angles.data_ptr(),
        None if bias is None else bias.data_ptr(),
        None if biased is None else biased.data_ptr(),
        seen.data_ptr(),
    )
    return seen


def has_kernel() -> bool:
    """Return whether there is a compiled kernel: not without a C++ compiler, nor with RITORNELLO_KERNELS=torch."""
    return load_kernels(_SOURCE) is not None


def _attend_in_torch(
    projected: Tensor,
    cache: Tensor,
    places: Tensor,
    first: Tensor,
    last: Tensor,
    angles: Tensor | None,
    bias: Tensor | None,
    biased: Tensor | None,
) -> Tensor:
    batch, _, heads, size = projected.shape
    seen = torch.empty((batch, heads, 1, size), dtype=projected.dtype, device=projected.device)
    if angles is not None:
        halves = projected[:, :2].view(batch, 2, heads, 2, -1).to(angles.dtype)
        cos, sin = angles[:, None, None].unbind(3)
        first_half, second_half = halves.unbind(3)
        turned = torch.cat((first_half * cos - second_half * sin, first_half * sin + second_half * cos), -1)
        projected = torch.cat((turned.to(projected.dtype), projected[:, 2:]), 1)
    cache[places, :, :, last] = projected[:, 1:]
    runs = zip(places.tolist(), first.tolist(), last.tolist(), strict=True)
    for row, (place, start, stop) in enumerate(runs):
        keys, values = cache[place, :, :, start : stop + 1]
        scores = torch.bmm(keys, projected[row, 0, :, :, None])[:, :, 0]
        if bias is not None and biased is not None:
            scores[:, int(biased[row, 0]) : int(biased[row, 1])] += bias[:, None]
        torch.bmm(torch.softmax(scores, 1)[:, None], values, out=seen[row])
    return seen.view(batch, -1)


def _kernel(dtype: torch.dtype) -> Callable[..., None] | None:
    return load_function(_SOURCE, _NAMES[dtype], "nnnn" + "p" * 9) if dtype in _NAMES else None
