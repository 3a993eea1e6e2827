"""The gain path of our model: a feedback compressor in decibels with two releases and a memory of light.

After measured facts of the LA-2A (a photocell behind a lamp that hears the output): the level of the output, where

    u <- u + a_u (|G v_sc| - u),  d = 20 log10 u - T + s m,  r = -S knee(d)      knee: quadratic over W dB around 0
    g_i <- g_i + a_i (r - g_i),  attack if r < g_i, else the release of branch i (fast, slow)
    g = w g_fast + (1 - w) g_slow,  G = 10^(g / 20),  output = 10^(M / 20) G x
    m <- m + a_m (min(-g, F) / 20 - m)                      up in .15 s, down in 9 s: the cell remembers light

sets the reduction r that two branches follow. The memory m makes a cell that has seen light more sensitive: the first
note after silence is reduced by 1 to 3 dB less than the same note later. Gains are applied to the next frame, which
costs no latency. Each frame's gain belongs to that frame. All of it is thirteen numbers, see `GainNumbers`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ritornello.nn.compiled import Kept, address, load_function

LOUDEST_SIDE = 100.0
"""What the lamp sees is bounded here, 40 dB over full scale: no cell can be driven into minutes of darkness."""

_SOURCE = Path(__file__).with_suffix(".cpp")
_DB = 20 / math.log(10)


@dataclass(frozen=True)
class GainNumbers:
    """The numbers of the gain path at one setting.

    Attributes:
        threshold_db: T, level of the output where reduction sets in, dBFS of a peak.
        slope: S, decibels of reduction per decibel over the threshold; the ratio above the knee is 1 + S.
        knee_db: W, width of the knee.
        light_ms: time constant of the lamp, tau of u.
        attack_ms: tau of both branches, downwards.
        fast_release_ms: tau of the fast branch, upwards.
        slow_release_ms: tau of the slow branch, upwards.
        fast_share: w.
        memory_shift_db: s, how far the threshold falls for 20 dB of remembered reduction.
        memory_up_ms: tau of the memory under light.
        memory_down_ms: tau of the memory in the dark.
        memory_full_db: reduction that fills the memory; more is not remembered.
        makeup_db: M, gain of the amplifier without reduction.
    """

    threshold_db: float
    slope: float
    knee_db: float
    light_ms: float
    attack_ms: float
    fast_release_ms: float
    slow_release_ms: float
    fast_share: float
    memory_shift_db: float
    memory_up_ms: float
    memory_down_ms: float
    memory_full_db: float
    makeup_db: float

    def static_reduction_db(self, level_db: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the reduction of a long steady level, in dB above 0: the fixed point of the loop and its memory.

        Args:
            level_db: level of the input that the lamp sees, in dBFS of a peak.
        """
        low, high = np.zeros_like(level_db), np.full_like(level_db, 80.0)
        for _ in range(50):
            middle = (low + high) / 2
            over = (
                level_db
                - middle
                - self.threshold_db
                + self.memory_shift_db * np.minimum(middle, self.memory_full_db) / 20
            )
            is_more = self.slope * knee(over, self.knee_db) > middle
            low, high = np.where(is_more, middle, low), np.where(is_more, high, middle)
        return (low + high) / 2

    def at_rate(self, sample_rate: float, mean_link: float, link_amount: float) -> NDArray[np.float64]:
        """Return the numbers in the order of ``gain_path.cpp``: float64 ``(15,)``."""
        times = (self.light_ms, self.attack_ms, self.fast_release_ms, self.slow_release_ms)
        light, attack, fast, slow = (_pace(time, sample_rate) for time in times)
        up, down = (_pace(time, sample_rate) for time in (self.memory_up_ms, self.memory_down_ms))
        return np.array([
            self.threshold_db, self.slope, self.knee_db, light, attack, fast, slow, self.fast_share,
            self.memory_shift_db, up, down, self.memory_full_db / 20, mean_link, link_amount, self.makeup_db,
        ])  # fmt: skip


class GainPath:
    """The gain path at work, on blocks of any length.

    Args:
        channels: number of channels; each has a cell of its own, which the link lets hear the others.
    """

    def __init__(self, channels: int) -> None:
        self.channels = channels
        self.reset()

    def reset(self) -> None:
        """Go back to cells that have long been in the dark."""
        states = np.zeros((self.channels, 5))  # light, fast, slow, memory, gain as a factor
        states[:, 4] = 1.0
        self.states = Kept(states)

    def follow(self, side: NDArray[np.float64], numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the gain of each frame in dB, make-up included: float64 ``(channels, frames)``.

        Args:
            side: what the detector hears, float64 ``(channels, frames)``.
            numbers: of `GainNumbers.at_rate`, ``(1, 15)``, or ``(frames, 15)`` where they change.
        """
        return self.compress(side, side, numbers)[1]

    def compress(
        self, loud: NDArray[np.float64], side: NDArray[np.float64], numbers: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return a signal ``(channels, frames)`` times the gain, and the gain in dB; see `follow`."""
        decibels = np.empty(side.shape)
        kernel = _kernel()
        if kernel is None:
            _follow_in_python(side, numbers, self.states.array, decibels)
            return loud * 10 ** (decibels / 20), decibels
        heard, loud = np.ascontiguousarray(side), np.ascontiguousarray(loud)
        numbers, wet = np.ascontiguousarray(numbers), np.empty(heard.shape)
        place = address(heard)
        kernel(
            heard.shape[1], self.channels, place, address(numbers), len(numbers), self.states.place,
            address(decibels), place if loud is heard else address(loud), address(wet),
        )  # fmt: skip
        return wet, decibels


def knee(over_db: NDArray[np.float64], width_db: float) -> NDArray[np.float64]:
    """Return the soft knee: 0 below, ``over_db`` above, quadratic over the width between."""
    half = width_db / 2
    inside = (over_db + half) ** 2 / (2 * width_db)
    return np.where(over_db >= half, over_db, np.where(over_db > -half, inside, 0.0))


def has_kernel() -> bool:
    """Return whether the compiled gain path is there; see `nn.compiled`."""
    return _kernel() is not None


@functools.cache
def _kernel() -> Callable[..., None] | None:
    return load_function(_SOURCE, "follow", "nnppnpppp")


def _pace(milliseconds: float, rate: float) -> float:
    return 1.0 - math.exp(-1000.0 / (milliseconds * rate))


def _follow_in_python(
    side: NDArray[np.float64],
    numbers: NDArray[np.float64],
    states: NDArray[np.float64],
    decibels: NDArray[np.float64],
) -> None:
    """Do what ``gain_path.cpp`` does, without a compiler: about real time for one channel at 44.1 kHz."""
    channels, frames = side.shape
    rows, levels = numbers.tolist(), np.minimum(np.abs(side), LOUDEST_SIDE).T.tolist()
    cells, gains = states[:, :4].tolist(), states[:, 4].tolist()
    log, exp = math.log, math.exp
    for t in range(frames):
        (
            threshold, slope, width, light_pace, attack, fast_pace, slow_pace, share, shift, up, down, full, mean,
            amount, makeup,
        ) = rows[t if len(rows) > 1 else 0]  # fmt: skip
        own = [level * gain for level, gain in zip(levels[t], gains, strict=True)]
        loudest = max(own)
        common = loudest + mean * (sum(own) / channels - loudest)
        for c in range(channels):
            light, fast, slow, memory = cells[c]
            light += light_pace * (own[c] + amount * (common - own[c]) - light)
            over = _DB * log(light if light > 1e-6 else 1e-6) - threshold + shift * memory
            bent = 0.0
            if over >= width / 2:
                bent = over
            elif over > -width / 2:
                bent = (over + width / 2) ** 2 / (2 * width)
            wanted = -slope * bent
            fast += (attack if wanted < fast else fast_pace) * (wanted - fast)
            slow += (attack if wanted < slow else slow_pace) * (wanted - slow)
            gain = share * fast + (1 - share) * slow
            reduction = min(-gain / 20, full)
            memory += (up if reduction > memory else down) * (reduction - memory)
            cells[c] = [light, fast, slow, memory]
            decibels[c, t] = gain + makeup
            gains[c] = exp(gain / _DB)
    states[:, :4], states[:, 4] = cells, gains
    states[np.abs(states) < 1e-15] = 0.0
