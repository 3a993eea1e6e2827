"""Musical time: tempo and metre changes on the tick axis, bars from metres, seconds from tempi.

Ticks are integers, `TICKS_PER_QUARTER` = 12 per quarter note, so sixteenths (3 ticks) and triplets (4 ticks) are exact.
A metre change always starts a bar; a pickup is a short first metre, such as 1/4 at tick 0 and 4/4 at tick 12.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ritornello.errors import ArgumentError

TICKS_PER_QUARTER = 12
TICKS_PER_SIXTEENTH = TICKS_PER_QUARTER // 4


@dataclass(frozen=True, slots=True, order=True)
class Tempo:
    """A tempo from a tick on, in quarter notes per minute (2..1000)."""

    tick: int
    qpm: float

    def __post_init__(self) -> None:
        if self.tick < 0 or not 2 <= self.qpm <= 1000:
            raise ArgumentError(f"tempo {self.qpm:g} at tick {self.tick}: use 2 to 1000 quarter notes a minute")


@dataclass(frozen=True, slots=True, order=True)
class Meter:
    """A time signature from a tick on; that tick starts a bar. Its bar must be a whole number of ticks."""

    tick: int
    numerator: int
    denominator: int

    def __post_init__(self) -> None:
        whole = 4 * TICKS_PER_QUARTER
        sane = self.tick >= 0 and 1 <= self.numerator <= 64 and self.denominator in (1, 2, 4, 8, 16, 32)
        if not sane or self.numerator * whole % self.denominator:
            raise ArgumentError(f"metre {self.numerator}/{self.denominator} at tick {self.tick} is not supported")

    @classmethod
    def parse(cls, text: str) -> Meter:
        """Read a metre from tick 0 on, such as ``"3/4"``.

        Raises:
            ArgumentError: if the text is no metre, or one that is not supported.
        """
        match = re.fullmatch(r"\s*([0-9]{1,2})\s*/\s*([0-9]{1,2})\s*", text)
        if not match:
            raise ArgumentError(f"'{text[:40]}' is no metre; write one such as 4/4, 3/4 or 6/8")
        return cls(0, int(match[1]), int(match[2]))

    @property
    def bar_ticks(self) -> int:
        """Length of a bar in ticks."""
        return self.numerator * 4 * TICKS_PER_QUARTER // self.denominator

    @property
    def is_compound(self) -> bool:
        """Whether beats are dotted: 6/8, 9/8, 12/8 (and with /16)."""
        return self.denominator >= 8 and self.numerator % 3 == 0 and self.numerator > 3

    @property
    def beat_ticks(self) -> int:
        """Length of a beat in ticks: the denominator's note, three of them in compound metres."""
        unit = 4 * TICKS_PER_QUARTER // self.denominator
        return 3 * unit if self.is_compound else max(unit, 1)

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"


def bar_ticks(meters: Sequence[Meter], end: int) -> NDArray[np.int64]:
    """Return the bar lines of a song.

    Args:
        meters: metres in order, the first at tick 0.
        end: the tick that the last bar must reach.

    Returns:
        int64 array ``(bars + 1,)``: the start of each bar and, last, the end of the last bar, at or after ``end``.
        A bar that a metre change cuts short ends there. At least one bar is returned.
    """
    lines: list[NDArray[np.int64]] = []
    for index, meter in enumerate(meters):
        last = index + 1 == len(meters)
        stop = max(end, meter.tick + 1) if last else meters[index + 1].tick
        if stop > meter.tick:
            lines.append(np.arange(meter.tick, stop, meter.bar_ticks, dtype=np.int64))
        if last:
            lines.append(lines[-1][-1:] + meter.bar_ticks)
    return np.concatenate(lines)


def ticks_to_seconds(tempi: Sequence[Tempo], ticks: ArrayLike) -> NDArray[np.float64]:
    """Return the time in seconds of each tick under a tempo map whose first entry stands at tick 0."""
    starts, seconds, seconds_per_tick = _tempo_table(tempi)
    ticks = np.asarray(ticks, dtype=np.float64)
    index = np.maximum(np.searchsorted(starts, ticks, side="right") - 1, 0)
    result: NDArray[np.float64] = seconds[index] + (ticks - starts[index]) * seconds_per_tick[index]
    return result


def seconds_to_ticks(tempi: Sequence[Tempo], seconds: ArrayLike) -> NDArray[np.float64]:
    """Return the (fractional) tick at each time in seconds; the inverse of `ticks_to_seconds`."""
    starts, start_seconds, seconds_per_tick = _tempo_table(tempi)
    seconds = np.asarray(seconds, dtype=np.float64)
    index = np.maximum(np.searchsorted(start_seconds, seconds, side="right") - 1, 0)
    result: NDArray[np.float64] = starts[index] + (seconds - start_seconds[index]) / seconds_per_tick[index]
    return result


def _tempo_table(
    tempi: Sequence[Tempo],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    starts = np.array([tempo.tick for tempo in tempi], dtype=np.float64)
    seconds_per_tick = 60.0 / (TICKS_PER_QUARTER * np.array([tempo.qpm for tempo in tempi], dtype=np.float64))
    seconds = np.concatenate([[0.0], np.cumsum(np.diff(starts) * seconds_per_tick[:-1])])
    return starts, seconds, seconds_per_tick
