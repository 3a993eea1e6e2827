"""How many times faster than real time each model runs in a stream of blocks, beside other compressors in the same run.

One channel at 44.1 kHz, one thread, from Python: the median over calls of a block's duration over the time of its
call. pedalboard's compressor (JUCE) and torchcomp's (numba) are measured where they are installed.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.compressor.gain_path import has_kernel
from ritornello.compressor.process import Leveller

BLOCKS = (16, 64, 128, 256, 512, 4096)
"""Block lengths in frames."""

SAMPLE_RATE = 44_100

_CALLS, _WARM_UP, _LONGEST_S = 200, 5, 1.5

Process = Callable[[NDArray[np.float32]], Any]


def benchmark(models: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return times real time by model and block length, and whether kernels are compiled.

    Args:
        models: names as `Leveller` takes them; none for all that are shipped and can run here.
    """
    from ritornello.compressor.evaluate import chosen_models

    result: dict[str, Any] = {"compiled_kernel": has_kernel()}
    with _one_thread():
        for name in models or tuple(chosen_models(["all"])):
            if name not in ("ours", "sim") and importlib.util.find_spec("torch") is None:
                continue
            unit = Leveller(SAMPLE_RATE, model=name, peak_reduction=65)
            result[name] = speeds(unit.process)
        for name, make in (("pedalboard", _pedalboard), ("torchcomp", _torchcomp)):
            if importlib.util.find_spec(name) is not None:
                result[name] = speeds(make())
    return result


def speeds(process: Process) -> dict[str, float]:
    """Return times real time for each block length."""
    rng = np.random.default_rng(0)
    found = {}
    for length in BLOCKS:
        block = (rng.standard_normal(length) * 0.1).astype(np.float32)
        times = []
        begun = time.perf_counter()
        for call in range(_CALLS + _WARM_UP):
            start = time.perf_counter()
            process(block)
            if call >= _WARM_UP:
                times.append(time.perf_counter() - start)
            if len(times) >= 20 and time.perf_counter() - begun > _LONGEST_S:
                break
        found[str(length)] = round(length / SAMPLE_RATE / float(np.median(times)), 2)
    return found


def _pedalboard() -> Process:
    import pedalboard

    unit = pedalboard.Compressor(threshold_db=-20, ratio=4, attack_ms=10, release_ms=250)
    return lambda block: unit.process(block, SAMPLE_RATE, reset=False)


def _torchcomp() -> Process:
    """A feed-forward compressor of five numbers; it keeps no state between calls, so that each block stands alone."""
    import torch
    import torchcomp

    numbers = [torch.tensor([value]) for value in (-20.0, 4.0, -60.0, 0.5, 0.002, 0.0001, 0.01)]

    def process(block: NDArray[np.float32]) -> Any:
        level = torch.from_numpy(np.abs(block))[None].clamp(min=1e-6)
        gain = torchcomp.compexp_gain(
            level, comp_thresh=numbers[0], comp_ratio=numbers[1], exp_thresh=numbers[2], exp_ratio=numbers[3],
            at=numbers[4], rt=numbers[5],
        )  # fmt: skip
        return gain[0].numpy() * block

    return process


class _one_thread:  # noqa: N801
    """Run PyTorch on one thread, where it is installed."""

    def __enter__(self) -> None:
        self._threads = None
        if importlib.util.find_spec("torch") is not None:
            import torch

            self._threads = torch.get_num_threads()
            torch.set_num_threads(1)

    def __exit__(self, *_: object) -> None:
        if self._threads is not None:
            import torch

            torch.set_num_threads(self._threads)
