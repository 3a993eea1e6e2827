"""Where sound enters and leaves the unit: checks on the way in; gain, mix, float32 and the meter on the way out.

Every model goes through both. ``stages.cpp`` does in one pass what NumPy does here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.nn.compiled import Kept, address, load_function

FAINTEST = 1e-30
"""A sample below this becomes 0, before products of it become denormal numbers, on which processors crawl."""

LOUDEST = 1e10
"""A sample beyond this, 200 dB over full scale, is no sound and is treated like one that is no number."""

_SOURCE = Path(__file__).with_suffix(".cpp")


def enter(block: NDArray[Any]) -> tuple[NDArray[np.float64], int]:
    """Return a block with 0 for what is no number or too loud or too faint, and how many were no number or too loud.

    Args:
        block: of numbers, any shape.
    """
    if block.dtype != np.float32:
        block = block.astype(np.float64, copy=False)
    kernel = _enter_kernel()
    if kernel is None:
        samples = block.astype(np.float64)
        level = np.abs(samples)
        is_sound = level <= LOUDEST  # NaN is not
        samples[~(is_sound & (level >= FAINTEST))] = 0.0
        return samples, int((~is_sound).sum())
    block = np.ascontiguousarray(block)
    samples = np.empty(block.shape)
    replaced = kernel(block.size, block.itemsize == 8, FAINTEST, LOUDEST, address(block), address(samples))
    return samples, replaced


def leave(
    wet: NDArray[np.float64],
    dry: NDArray[np.float64],
    levels: NDArray[np.float64],
    decibels: NDArray[np.float64],
    meters: Kept,
    meter_pace: float,
) -> NDArray[np.float32]:
    """Return what is put out, and move the meters.

    Args:
        wet: the compressed signal, ``(channels, frames)``, at least one frame.
        dry: the signal before the trim, of the same shape.
        levels: make-up gain and trim as factors, and the mix: ``(3, 1)``, or ``(3, frames)`` where they change.
        decibels: gain of each frame, ``(channels, frames)``.
        meters: the gain of the last frame, and what a meter of one pole shows: ``(2, channels)``, changed in place.
        meter_pace: what the meter goes of its way in a frame, 0 to 1.
    """
    kernel = _leave_kernel()
    if kernel is None:
        gain, trim, mix = levels
        # Steps of the meter within a block do not show; its end is that of the recursion over every frame.
        decay = (1 - meter_pace) ** np.arange(wet.shape[1] + 1)[::-1]
        last, meter = meters.array
        last[:] = decibels[:, -1]
        meter[:] = meter * decay[0] + meter_pace * (decibels @ decay[1:])
        pure: NDArray[np.float64] = wet * (mix * gain / trim) + dry * (1 - mix)
        return pure.astype(np.float32)
    wet, dry, decibels, levels = map(np.ascontiguousarray, (wet, dry, decibels, levels))
    output = np.empty(wet.shape, np.float32)
    kernel(
        wet.shape[1], len(wet), levels.shape[1], meter_pace, address(wet), address(dry), address(decibels),
        address(levels), meters.place, address(output),
    )  # fmt: skip
    return output


@functools.cache
def _enter_kernel() -> Callable[..., int] | None:
    return load_function(_SOURCE, "enter", "nnddpp", "n")


@functools.cache
def _leave_kernel() -> Callable[..., None] | None:
    return load_function(_SOURCE, "leave", "nnndpppppp")
