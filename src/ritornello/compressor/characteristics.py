"""What a levelling amplifier does to test signals, measured as on a bench: at its output, whatever is inside.

Signals are sines. A level is that of a sine's peak, in dBFS; ``0 VU`` (+4 dBu) is a level that the caller tells.
The reduction at a level is the gain of a sine 60 dB below full scale, cell in the dark, over the gain at that level, in
dB, upwards from 0; only the fundamental counts. Definitions of the single figures stand at `Characteristics`; those
that are published for the LA-2A, and what our units reach, in docs/train-compressor.md.

The unit under test is anything with a ``process(block)``, float ``(frames,)`` in and out; a maker
``(mode, peak_reduction) -> unit`` gives a fresh one, such as::

    maker = lambda mode, knob: Leveller(44_100, mode=mode, peak_reduction=knob, model="ours")
    measure(maker, zero_vu_dbfs=-10)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError

Signal = NDArray[np.float64]

QUIET_DBFS = -60.0
"""Level that no setting reduces."""

TONE_HZ = 1000.0

_RANGE_DB = (6.0, 20.0)


class Unit(Protocol):
    """What is measured."""

    def process(self, block: NDArray[Any]) -> NDArray[Any]:
        """Return the output of a block ``(frames,)``."""


Maker = Callable[[str, float], Unit]


@dataclass(frozen=True)
class Characteristics:
    """The data sheet of a unit.

    Attributes:
        reduction_at_zero_vu_db: at 1 kHz in Compress, by Peak Reduction.
        threshold_db: level of 1 dB of reduction at Peak Reduction 100 in Compress, in dB over 0 VU.
        largest_reduction_db: at Peak Reduction 100 and full scale in Compress.
        compress_ratio: decibels of input per decibel of output between the levels of 6 and 20 dB of reduction (or of
            the largest there is up to full scale, from 9 dB on) at Peak Reduction 100.
        limit_ratio: the same in Limit.
        low_difference_db: largest difference of both modes where Compress reduces by less than 3 dB.
        attack_ms: time from the step to 63 % of the reduction in Compress, for a step to the level of 6 dB.
        deep_attack_ms: the same for 15 dB.
        release_half_ms: time to half of the reduction, after .5 s at 15 dB.
        release_tenth_s: time to a tenth of it.
        long_release_s: after `long_exposure_s`, times to 50, 15, 10 and 1 % of the reduction; infinite where the test
            was too short.
        long_exposure_s: how long that was.
        treble_db: how much more 10 kHz is reduced than 100 Hz, 18 dB over the level of 1 dB of reduction at 1 kHz.
        distortion_percent: harmonics 2 to 9 of 1 kHz over the fundamental, at Peak Reduction 50 and the level of 6 dB
            of reduction there; NaN where full scale does not reach it.
        second_percent: the second alone.
        third_percent: the third alone.
    """

    reduction_at_zero_vu_db: dict[float, float]
    threshold_db: float
    largest_reduction_db: float
    compress_ratio: float
    limit_ratio: float
    low_difference_db: float
    attack_ms: float
    deep_attack_ms: float
    release_half_ms: float
    release_tenth_s: float
    long_release_s: dict[int, float]
    long_exposure_s: float
    treble_db: float
    distortion_percent: float
    second_percent: float
    third_percent: float

    def as_json(self) -> dict[str, Any]:
        """Return it for a JSON file."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class StepResponse:
    """Reduction around a loud tone: from quiet to loud at 0 s, back to quiet after the exposure.

    Attributes:
        time_s: float64 ``(points,)``, every half millisecond, from -10 ms on.
        reduction_db: float64 ``(points,)``.
        exposure_s: length of the loud tone.
    """

    time_s: Signal
    reduction_db: Signal
    exposure_s: float

    def share_at(self, time_s: float) -> float:
        """Return the reduction at a time, as a share of that at the end of the exposure."""
        deepest = float(np.interp(self.exposure_s - 0.003, self.time_s, self.reduction_db))
        return float(np.interp(time_s, self.time_s, self.reduction_db)) / max(deepest, 1e-9)

    def attack_s(self, share: float = 0.63) -> float:
        """Return the time to a share of the reduction at the end of the exposure."""
        deepest = float(np.interp(self.exposure_s - 0.003, self.time_s, self.reduction_db))
        is_there = (self.reduction_db >= share * deepest) & (self.time_s < self.exposure_s - 0.002)
        return max(float(self.time_s[np.argmax(is_there)]), 0.0) if is_there.any() else float("inf")

    def release_s(self, left: float = 0.5) -> float:
        """Return the time from the end of the exposure until a share of its last reduction is left."""
        deepest = float(np.interp(self.exposure_s - 0.003, self.time_s, self.reduction_db))
        after = self.time_s > self.exposure_s + 0.001
        is_there = self.reduction_db[after] <= left * deepest
        return float(self.time_s[after][np.argmax(is_there)] - self.exposure_s) if is_there.any() else float("inf")


def static_reduction_db(
    maker: Maker,
    mode: str,
    peak_reduction: float,
    levels_dbfs: Sequence[float],
    rate: float = 44_100,
    frequency_hz: float = TONE_HZ,
    hold_s: float = 1.0,
) -> Signal:
    """Return the reduction at each level, after a second of it in a unit that was in the dark: float64 ``(levels,)``.

    Args:
        maker: makes units.
        mode: ``compress`` or ``limit``.
        peak_reduction: 0 to 100.
        levels_dbfs: peaks of sines.
        rate: frames per second.
        frequency_hz: of the sines; a multiple of 20.
        hold_s: how long each is held.
    """
    tone = _sine(frequency_hz, hold_s, rate)
    gains = []
    for level in (QUIET_DBFS, *levels_dbfs):
        factor = 10 ** (level / 20)
        output = np.asarray(maker(mode, peak_reduction).process(tone * factor), np.float64)
        gains.append(_harmonics(output, frequency_hz, rate, 1)[0] / factor)
    decibels = 20 * np.log10(np.maximum(gains, 1e-9))
    reduction: Signal = decibels[0] - decibels[1:]
    return reduction


def step_response(
    maker: Maker,
    mode: str,
    peak_reduction: float,
    level_dbfs: float,
    exposure_s: float = 0.5,
    recovery_s: float = 2.0,
    rate: float = 44_100,
) -> StepResponse:
    """Return how the reduction comes and goes around a tone of 1 kHz.

    The gain is that of the fundamental over two periods (Hann), its time the middle of them.

    Args:
        maker: makes units.
        mode: ``compress`` or ``limit``.
        peak_reduction: 0 to 100.
        level_dbfs: of the tone; before and after it is at `QUIET_DBFS`.
        exposure_s: its length.
        recovery_s: how long after it is measured.
        rate: frames per second.
    """
    before = 0.1
    tone = _sine(TONE_HZ, before + exposure_s + recovery_s, rate)
    level = np.full(len(tone), 10 ** (QUIET_DBFS / 20))
    level[round(before * rate) : round((before + exposure_s) * rate)] = 10 ** (level_dbfs / 20)
    output = np.asarray(maker(mode, peak_reduction).process(tone * level), np.float64)
    spin = np.exp(-2j * np.pi * TONE_HZ * np.arange(len(tone)) / rate)
    window = np.hanning(round(2 * rate / TONE_HZ) + 1)
    heard, played = (np.abs(np.convolve(part * spin, window, "same")) for part in (output, tone * level))
    decibels = 20 * np.log10(np.maximum(heard, 1e-12) / np.maximum(played, 1e-12))
    time = np.arange(-0.01, exposure_s + recovery_s - 0.002, 0.0005)
    trace = np.interp(time + before, np.arange(len(tone)) / rate, decibels)
    return StepResponse(time, float(decibels[round(0.05 * rate)]) - trace, exposure_s)


def distortion_percent(
    maker: Maker, mode: str, peak_reduction: float, level_dbfs: float, rate: float = 44_100
) -> tuple[float, float, float]:
    """Return all harmonics to the ninth, the second and the third of 1 kHz, in per cent of the fundamental."""
    output = maker(mode, peak_reduction).process(_sine(TONE_HZ, 1.0, rate) * 10 ** (level_dbfs / 20))
    parts = _harmonics(np.asarray(output, np.float64), TONE_HZ, rate, 9)
    shares = 100 * parts[1:] / max(float(parts[0]), 1e-12)
    return float(np.linalg.norm(shares)), float(shares[0]), float(shares[1])


def ratio(levels_dbfs: Sequence[float], reduction_db: Signal) -> float:
    """Return decibels of input per decibel of output between 6 and 20 dB of reduction.

    Infinite where the output does not rise; NaN where there are not 9 dB of reduction.
    """
    low, high = _RANGE_DB[0], min(_RANGE_DB[1], float(np.max(reduction_db)))
    if high < low + 3:
        return float("nan")
    span = level_of(levels_dbfs, reduction_db, high) - level_of(levels_dbfs, reduction_db, low)
    rise = span - (high - low)
    return span / rise if rise > 0 else float("inf")


def level_of(levels_dbfs: Sequence[float], reduction_db: Signal, wanted_db: float) -> float:
    """Return the first level with so much reduction, between the levels of a curve.

    Raises:
        ArgumentError: if the curve does not reach it.
    """
    levels, curve = np.asarray(levels_dbfs, np.float64), np.maximum.accumulate(reduction_db)
    if curve[-1] < wanted_db:
        raise ArgumentError(f"the unit reduces by {curve[-1]:.1f} dB at most; {wanted_db:g} dB were wanted")
    end = int(np.argmax(curve >= wanted_db))
    return float(np.interp(wanted_db, curve[max(end - 1, 0) : end + 1], levels[max(end - 1, 0) : end + 1]))


def measure(
    maker: Maker,
    zero_vu_dbfs: float = -10.0,
    rate: float = 44_100,
    dynamic_peak_reduction: float = 80.0,
    long_exposure_s: float = 10.0,
    long_recovery_s: float = 25.0,
) -> Characteristics:
    """Return the data sheet of a unit: about three minutes of test signals.

    Args:
        maker: makes units.
        zero_vu_dbfs: level of 0 VU.
        rate: frames per second.
        dynamic_peak_reduction: Peak Reduction of attack, release and treble.
        long_exposure_s: see `Characteristics`.
        long_recovery_s: how long after it is measured.

    Raises:
        ArgumentError: if the unit does not reduce by 15 dB at that Peak Reduction and full scale.
    """
    at_zero = {
        knob: float(static_reduction_db(maker, "compress", knob, [zero_vu_dbfs], rate)[0])
        for knob in (0.0, 30.0, 50.0, 100.0)
    }
    levels = [*np.arange(-60.0, 0, 2), 0.0]
    curves = {mode: static_reduction_db(maker, mode, 100, levels, rate) for mode in ("compress", "limit")}
    low = curves["compress"] < 3
    knob = dynamic_peak_reduction
    upper = [*np.arange(-40.0, 0, 2), 0.0]
    curve = static_reduction_db(maker, "compress", knob, upper, rate)
    onset, six, fifteen = (level_of(upper, curve, wanted) for wanted in (1, 6, 15))
    short = step_response(maker, "compress", knob, fifteen, 0.5, 6.0, rate)
    long = step_response(maker, "compress", knob, fifteen, long_exposure_s, long_recovery_s, rate)
    bass, treble = (
        float(static_reduction_db(maker, "compress", knob, [min(onset + 18, 0)], rate, hertz)[0])
        for hertz in (100.0, 10_000.0)
    )
    middle = static_reduction_db(maker, "compress", 50, upper, rate)
    total = second = third = float("nan")
    if middle.max() >= 6:
        total, second, third = distortion_percent(maker, "compress", 50, level_of(upper, middle, 6), rate)
    return Characteristics(
        at_zero,
        level_of(levels, curves["compress"], 1.0) - zero_vu_dbfs,
        float(curves["compress"].max()),
        ratio(levels, curves["compress"]),
        ratio(levels, curves["limit"]),
        float(np.abs(curves["limit"] - curves["compress"])[low].max()),
        1e3 * step_response(maker, "compress", knob, six, 0.5, 0.1, rate).attack_s(),
        1e3 * short.attack_s(),
        1e3 * short.release_s(0.5),
        short.release_s(0.1),
        {left: long.release_s(left / 100) for left in (50, 15, 10, 1)},
        long_exposure_s,
        treble - bass,
        total,
        second,
        third,
    )


def _sine(frequency_hz: float, seconds: float, rate: float) -> Signal:
    tone: Signal = np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * rate)) / rate)
    return tone


def _harmonics(output: Signal, frequency_hz: float, rate: float, count: int) -> Signal:
    """Return the amplitudes of a frequency and its multiples in the last 100 ms: float64 ``(count,)``."""
    frames = round(0.1 * rate)
    start = len(output) - frames
    multiples = np.arange(1, count + 1)
    time = np.arange(start, start + frames) / rate
    spin = np.exp(-2j * np.pi * frequency_hz * np.outer(multiples, time))
    amplitudes: Signal = 2 / frames * np.abs(spin @ output[start:])
    amplitudes[multiples * frequency_hz >= rate / 2] = 0.0
    return amplitudes
