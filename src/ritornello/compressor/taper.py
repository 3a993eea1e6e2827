"""The taper of the Peak Reduction knob, from a published map of the unit's settings.

No figure of the simulated circuit says how far a turn of the knob moves its drive. A published fit does: "4A2A", a
feed-forward compressor of five parameters, fitted to long recordings of one unit at eight settings in both modes. The
taper is the drive that moves the mean gain of the simulation from setting to setting as the map's moves, on plucked
sounds; the recordings at Peak Reduction 65 anchor it. Below 40 there is no map: at 30 the published reduction of 1 dB
at 0 VU holds, and below the drive falls on as fast. Run it with::

    python -m ritornello.compressor.taper
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ritornello.compressor.simulation import KNOB, Simulation, UnitConstants
from ritornello.evaluation.audio_metrics import WINDOW_S, gain_trajectory_db

Signal = NDArray[np.float64]

RATE = 44_100

MAP: dict[float, tuple[tuple[float, ...], tuple[float, ...]]] = {
    40: ((-13.08, 5.44, 30.5, 470, 0.70), (-12.93, 6.51, 35.0, 451, 0.73)),
    50: ((-15.32, 4.19, 11.6, 324, 0.63), (-15.30, 4.41, 11.4, 303, 0.63)),
    60: ((-16.88, 4.21, 7.20, 283, 0.58), (-16.92, 4.49, 6.80, 269, 0.57)),
    65: ((-17.59, 4.27, 5.95, 266, 0.53), (-17.65, 4.59, 5.72, 259, 0.52)),
    70: ((-19.84, 4.29, 3.85, 255, 0.42), (-19.92, 4.65, 3.68, 246, 0.41)),
    80: ((-24.05, 4.14, 2.24, 235, 0.30), (-24.04, 4.61, 2.21, 233, 0.29)),
    90: ((-31.51, 3.87, 1.27, 245, 0.04), (-31.49, 4.55, 1.23, 244, 0.21)),
    100: ((-35.34, 3.71, 0.98, 244, 0.30), (-34.90, 4.47, 0.97, 256, 0.32)),
}
"""For Compress and Limit: threshold in dBFS, ratio, attack and release (10 to 90 %) in ms, make-up gain in dB."""

ANCHOR = 65.0
"""Peak Reduction of the recordings that the circuit is fitted to."""

AT_30_DB = 1.0
"""Published reduction at 0 VU and Peak Reduction 30."""


def map_gain_db(signal: Signal, peak_reduction: float, is_limit: bool) -> Signal:
    """Return the gain of the map at one of its settings, for a signal at 44.1 kHz: ``(frames,)``."""
    threshold, ratio, attack_ms, release_ms, makeup = MAP[peak_reduction][int(is_limit)]
    level = 20 * np.log10(np.maximum(np.abs(signal), 1e-9))
    wanted = 10 ** (np.minimum(0.0, (1 - 1 / ratio) * (threshold - level)) / 20)
    attack, release = (1 - math.exp(-2200 / (time * RATE)) for time in (attack_ms, release_ms))
    gain, gains = 1.0, []
    for value in wanted.tolist():
        gain += (attack if value < gain else release) * (value - gain)
        gains.append(gain)
    decibels: Signal = 20 * np.log10(np.array(gains)) + makeup
    return decibels


def fit_taper(unit: UnitConstants, sounds: Sequence[Signal], zero_vu_dbfs: float) -> tuple[float, ...]:
    """Return the drive at each setting of `KNOB` relative to that at 65, in dB: the mean of both modes.

    Args:
        unit: the circuit; its own taper does not matter.
        sounds: at 44.1 kHz, ``(frames,)`` each, loud enough to be reduced.
        zero_vu_dbfs: peak of a sine at 0 VU.
    """
    from scipy.optimize import brentq

    at_65 = unit.drive_at(ANCHOR)
    found = {knob: [0.0, 0.0] for knob in KNOB if knob in MAP}
    for is_limit in (False, True):
        maps = {knob: [map_gain_db(sound, knob, is_limit) for sound in sounds] for knob in found}

        def offset(
            drive: float, knob: float, is_limit: bool = is_limit, maps: dict[float, list[Signal]] = maps
        ) -> float:
            pairs = zip(sounds, maps[knob], strict=True)
            return float(np.mean([_mean_difference(sound, _gain_db(unit, drive, sound, is_limit), by_map)
                                  for sound, by_map in pairs]))  # fmt: skip

        here = offset(at_65, ANCHOR)
        for knob in found:
            if knob != ANCHOR:
                drive = brentq(lambda d, k=knob, o=here, f=offset: f(d, k) - o, at_65 - 30, at_65 + 40, xtol=0.05)
                found[knob][int(is_limit)] = drive - at_65
    taper = {knob: float(np.mean(values)) for knob, values in found.items()}
    tone = 10 ** (zero_vu_dbfs / 20) * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)

    def missing(drive: float) -> float:
        return float(_gain_db(unit, drive, tone, False)[-1]) + AT_30_DB - unit.output_db

    taper[30] = float(brentq(missing, at_65 - 60, at_65 + 40, xtol=0.05)) - at_65
    fall = taper[40] - taper[30]
    taper |= {20.0: taper[30] - fall, 10.0: taper[30] - 2 * fall}
    return tuple(round(taper[knob], 2) for knob in KNOB)


def _gain_db(unit: UnitConstants, drive: float, sound: Signal, is_limit: bool) -> Signal:
    driven = replace(unit, drive_db=drive, taper_db=(0.0,) * len(KNOB))
    simulation = Simulation(RATE, 1, 100.0, is_limit, driven)
    simulation.process(sound[None, : 2 * RATE][:, ::-1])
    gain: Signal = 20 * np.log10(simulation.process(sound[None])[1])
    return gain


def _mean_difference(sound: Signal, first_db: Signal, second_db: Signal) -> float:
    """Return the mean level difference over windows that do not overlap and are loud enough."""
    first, second = (sound * 10 ** (gain / 20) for gain in (first_db, second_db))
    return float(gain_trajectory_db(sound, first, second, RATE, WINDOW_S).mean())


def _main() -> None:
    from ritornello.compressor.programme import plucked
    from ritornello.compressor.unit import CALIBRATED, ZERO_VU_DBFS

    sounds = []
    for seed in range(6):
        sound = plucked(np.random.default_rng(seed), 6 * RATE, RATE)
        sounds.append(sound * (10 ** (-4 / 20) / np.abs(sound).max()))
    print(fit_taper(CALIBRATED, sounds, ZERO_VU_DBFS))


if __name__ == "__main__":
    _main()
