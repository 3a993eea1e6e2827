"""Constants of the simulated unit that fit recordings and published measurements at once.

Damped least squares, bounded, over logarithms of the constants, from several starts. On recordings the error is that of
the output after the fixed colour filter, projected on the input in windows of 1.5 ms: what a gain can mend. On the
bench the errors are those of `TARGETS`, each over its tolerance. Where both contradict, `CLIP_WEIGHT` lets the
recordings win. Run it with::

    python -m ritornello.compressor.calibration la2a-clips.zip -o constants.json
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ritornello.compressor.characteristics import (
    distortion_percent,
    level_of,
    ratio,
    static_reduction_db,
    step_response,
)
from ritornello.compressor.simulation import Simulation, UnitConstants, coloured
from ritornello.compressor.unit import CALIBRATED, ZERO_VU_DBFS
from ritornello.datasets.la2a_clips import ClipPair, LevellerClips
from ritornello.errors import ArgumentError, RitornelloError
from ritornello.files import write_json

Signal = NDArray[np.float64]

CLIP_IDS = ("005", "094")
"""Recordings of the pack that are for fitting."""

SKIPPED_S = {"005": 1.0, "094": 0.3}
"""Beginning that does not count: the first recording starts in the middle of music, with a cell that is lit."""

CLIP_WEIGHT = 110.0
"""Errors over their tolerance that a recording with an ESR of 1 is worth."""

_WINDOW_S = 0.0015

_STEP = 0.01
"""Step of the differences: a hundredth of a constant; a tenth of a decibel."""

BOUNDS = {
    "tilt_db": (2.0, 20.0), "tilt_hz": (300.0, 9000.0), "rectifier_ms": (0.1, 4.0), "brightness": (0.5, 3000.0),
    "field": (1.0, 20.0), "attack_ms": (3.0, 200.0), "attack_light": (0.01, 1000.0), "attack_fill": (0.05, 100.0),
    "release_ms": (20.0, 150.0), "capture_s": (0.003, 3.0), "escape_s": (0.02, 2.0), "escape_fill": (0.3, 60.0),
    "deep_s": (2.0, 60.0), "deep_weight": (0.005, 0.4), "conductance_us": (20.0, 20000.0), "saturation": (1.0, 300.0),
    "cell_third": (0.05, 2.2), "limit_tap": (0.01, 0.2),
}  # fmt: skip
"""Constants that are fitted over their logarithms, and how far they may go."""

_LINEAR = {"drive_db": (-60.0, 20.0), "output_db": (-2.0, 4.0), "zero_vu_dbfs": (-20.0, -4.0)}


@dataclass(frozen=True)
class Target:
    """One published figure.

    Attributes:
        low: least value that is right.
        high: largest.
        tolerance: error that counts as 1: a ratio's logarithm, or dB where `is_db`.
        is_db: whether the figure is in dB, else positive and judged by its logarithm.
    """

    low: float
    high: float
    tolerance: float
    is_db: bool = False

    def error(self, value: float) -> float:
        """Return how far a value is outside, over the tolerance."""
        if not self.is_db:
            value = min(max(value, 1e-4), 1e4)
            low, high, value = math.log(self.low), math.log(self.high), math.log(value)
        else:
            low, high = self.low, self.high
        return (min(value - low, 0.0) + max(value - high, 0.0)) / self.tolerance


TARGETS = {
    "reduction_30_db": Target(1, 1, 0.4, True),
    "reduction_50_db": Target(5, 5, 0.7, True),
    "reduction_100_db": Target(30, 40, 2.0, True),
    "threshold_db": Target(-40, -40, 2.0, True),
    "zero_vu_dbfs": Target(-18, -12, 2.0, True),
    "compress_ratio": Target(3, 4, 0.1),
    "limit_ratio": Target(10, 40, 0.3),
    "low_difference_db": Target(0, 0.3, 0.1, True),
    "attack_by_10_ms": Target(0, 0.63, 0.08, True),
    "attack_by_50_ms": Target(0.63, 2, 0.08, True),
    "left_after_40_ms": Target(0.5, 1, 0.08, True),
    "left_after_80_ms": Target(0, 0.5, 0.08, True),
    "left_after_500_ms": Target(0.1, 1, 0.08, True),
    "left_after_5_s": Target(0, 0.1, 0.08, True),
    "long_left_after_800_ms": Target(0.5, 0.5, 0.08, True),
    "long_left_after_1500_ms": Target(0.15, 0.15, 0.08, True),
    "long_left_after_21600_ms": Target(0.01, 0.01, 0.02, True),
    "treble_db": Target(4, 4, 0.5, True),
    "distortion_percent": Target(0.9, 4.2, 0.3),
}
"""Published for the LA-2A; see docs/train-compressor.md for what is published how."""


@dataclass(frozen=True)
class Calibration:
    """What came out.

    Attributes:
        constants: the unit.
        zero_vu_dbfs: level of 0 VU.
        bench: figures by the names of `TARGETS`.
        esr: error-to-signal ratio of each recording.
        cost: half the sum of all squared errors.
    """

    constants: UnitConstants
    zero_vu_dbfs: float
    bench: dict[str, float]
    esr: dict[str, float]
    cost: float


@dataclass(frozen=True)
class SimulatedUnit:
    """A simulated unit on the bench, without the stages after the cell.

    Attributes:
        constants: the unit.
        rate: frames per second.
        is_limit: the switch.
        peak_reduction: 0 to 100.
    """

    constants: UnitConstants
    rate: float
    is_limit: bool
    peak_reduction: float

    def process(self, block: NDArray[Any]) -> Signal:
        """Return the output of a block ``(frames,)`` after the dark."""
        unit = Simulation(self.rate, 1, self.peak_reduction, self.is_limit, self.constants)
        output: Signal = unit.process(np.atleast_2d(block))[0][0]
        return output


def bench(constants: UnitConstants, zero_vu_dbfs: float) -> dict[str, float]:
    """Return the figures of `TARGETS` for a unit, measured with short signals.

    A curve of levels at Peak Reduction 100 stands for all settings: the knob is a gain before everything that bends.
    """

    def make(rate: float) -> Callable[[str, float], SimulatedUnit]:
        return lambda mode, knob: SimulatedUnit(constants, rate, mode == "limit", knob)

    bench_rate, slow_rate = 44_100, 22_050
    levels = np.arange(-60.0, 13.0, 3.0)
    curve = static_reduction_db(make(bench_rate), "compress", 100, levels.tolist(), hold_s=0.5)
    upper = levels[2:]
    limit = static_reduction_db(make(bench_rate), "limit", 100, upper.tolist(), hold_s=0.5)
    full = constants.drive_at(100)

    def at_zero(knob: float) -> float:
        return float(np.interp(zero_vu_dbfs + constants.drive_at(knob) - full, levels, curve))

    most = float(curve.max())
    onset, six, fifteen = (level_of(levels.tolist(), curve, min(wanted, most)) for wanted in (1.0, 6.0, 15.0))
    low = curve < 3
    limit_low = static_reduction_db(make(bench_rate), "limit", 100, levels[low][-2:].tolist(), hold_s=0.5)
    attack = step_response(make(bench_rate), "compress", 100, six, 0.5, 0.05)
    short = step_response(make(slow_rate), "compress", 100, fifteen, 0.5, 5.1, slow_rate)
    long = step_response(make(slow_rate), "compress", 100, fifteen, 10.0, 22.0, slow_rate)
    bass, treble = (
        float(static_reduction_db(make(bench_rate), "compress", 100, [onset + 18], bench_rate, hertz, 0.4)[0])
        for hertz in (100.0, 10_000.0)
    )
    distorted = distortion_percent(make(bench_rate), "compress", 50, six + full - constants.drive_at(50))[0]
    return {
        **{f"reduction_{knob}_db": at_zero(knob) for knob in (30, 50, 100)},
        "threshold_db": onset - zero_vu_dbfs,
        "zero_vu_dbfs": zero_vu_dbfs,
        "compress_ratio": ratio(levels.tolist(), curve),
        "limit_ratio": ratio(upper.tolist(), limit),
        "low_difference_db": float(np.abs(limit_low - curve[low][-2:]).max()),
        "attack_by_10_ms": attack.share_at(0.010),
        "attack_by_50_ms": attack.share_at(0.050),
        "left_after_40_ms": short.share_at(short.exposure_s + 0.040),
        "left_after_80_ms": short.share_at(short.exposure_s + 0.080),
        "left_after_500_ms": short.share_at(short.exposure_s + 0.5),
        "left_after_5_s": short.share_at(short.exposure_s + 5),
        "long_left_after_800_ms": long.share_at(long.exposure_s + 0.8),
        "long_left_after_1500_ms": long.share_at(long.exposure_s + 1.5),
        "long_left_after_21600_ms": long.share_at(long.exposure_s + 21.6),
        "treble_db": treble - bass,
        "distortion_percent": distorted,
    }


def calibrate(
    clips: LevellerClips,
    start: UnitConstants = CALIBRATED,
    zero_vu_dbfs: float = ZERO_VU_DBFS,
    fixed: Sequence[str] = (),
    starts: int = 3,
    evaluations: int = 20,
    seed: int = 0,
    progress: Callable[[int, Calibration], None] | None = None,
) -> Calibration:
    """Return the best unit of several starts.

    Args:
        clips: data with the recordings of `CLIP_IDS`.
        start: the first start; the others are other units of its kind, see `UnitConstants.varied`.
        zero_vu_dbfs: of the start.
        fixed: constants that keep the value of the start.
        starts: how many.
        evaluations: at most so many steps from each.
        seed: of the starts.
        progress: called with the number of a start and what came of it.

    Raises:
        ArgumentError: if nothing is left to fit.
        ReadError: if the recordings cannot be read.
    """
    from scipy.optimize import least_squares

    names = [name for name in (*BOUNDS, *_LINEAR) if name not in fixed]
    if not names:
        raise ArgumentError("every constant is fixed; there is nothing to fit")
    pairs = [clips.load(id) for id in CLIP_IDS]
    best: Calibration | None = None
    for number in range(starts):
        first = start if not number else start.varied(seed + number, 0.3)

        def errors(point: Signal, first: UnitConstants = first) -> Signal:
            constants, zero = _unit_at(point, names, first, zero_vu_dbfs)
            figures = bench(constants, zero)
            published = [target.error(figures[name]) for name, target in TARGETS.items()]
            heard = [CLIP_WEIGHT * _gain_error(pair, constants) for pair in pairs]
            found: Signal = np.nan_to_num(np.concatenate([published, *heard]), nan=10.0, posinf=10.0)
            return found

        low, high = np.array([_bounds(name) for name in names]).T
        point = np.clip(_point_of(names, first, zero_vu_dbfs), low + 1e-6, high - 1e-6)

        def slopes(point: Signal, errors: Callable[[Signal], Signal] = errors, high: Signal = high) -> Signal:
            here = errors(point)
            steps = np.where(point + _STEP < high, _STEP, -_STEP)
            return np.stack([(errors(point + row) - here) / row.sum() for row in np.diag(steps)], axis=1)

        found = least_squares(errors, point, jac=slopes, bounds=(low, high), max_nfev=evaluations)
        constants, zero = _unit_at(found.x, names, first, zero_vu_dbfs)
        esr = {pair.id: clip_esr(pair, constants) for pair in pairs}
        result = Calibration(constants, zero, bench(constants, zero), esr, float(found.cost))
        if progress is not None:
            progress(number, result)
        if best is None or result.cost < best.cost:
            best = result
    assert best is not None
    return best


def clip_esr(pair: ClipPair, constants: UnitConstants) -> float:
    """Return the error-to-signal ratio of a recording, without its beginning."""
    output, _, target, first = _output(pair, constants)
    return float(np.sum((output - target)[first:] ** 2) / np.sum(target[first:] ** 2))


def _output(pair: ClipPair, constants: UnitConstants) -> tuple[Signal, Signal, Signal, int]:
    rate = pair.source.sample_rate
    source, target = (audio.samples[:1].astype(np.float64) for audio in (pair.source, pair.target))
    unit = Simulation(rate, 1, pair.peak_reduction or 0.0, pair.mode == "limit", constants)
    output = coloured(unit.process(source)[0], rate)[0]
    return output, coloured(source, rate)[0], target[0], round(SKIPPED_S.get(pair.id, 0.3) * rate)


def _gain_error(pair: ClipPair, constants: UnitConstants) -> Signal:
    """Return the output's error along the input in each window; the sum of squares is at most the ESR."""
    output, source, target, first = _output(pair, constants)
    length = round(_WINDOW_S * pair.source.sample_rate)
    count = (len(target) - first) // length
    error, along = (part[first : first + count * length].reshape(count, length) for part in (output - target, source))
    inner = np.einsum("wt,wt->w", error, along) / np.sqrt(np.einsum("wt,wt->w", along, along) + 1e-12)
    found: Signal = inner / np.linalg.norm(target[first:])
    return found


def _coordinate(name: str, value: float) -> float:
    return value / 10 if name in _LINEAR else math.log(max(value, BOUNDS[name][0]))


def _bounds(name: str) -> tuple[float, float]:
    low, high = (BOUNDS | _LINEAR)[name]
    return _coordinate(name, low), _coordinate(name, high)


def _point_of(names: Sequence[str], constants: UnitConstants, zero_vu_dbfs: float) -> Signal:
    values = {**asdict(constants), "zero_vu_dbfs": zero_vu_dbfs}
    return np.array([_coordinate(name, values[name]) for name in names])


def _unit_at(
    point: Signal, names: Sequence[str], start: UnitConstants, zero_vu_dbfs: float
) -> tuple[UnitConstants, float]:
    values: dict[str, Any] = {
        name: float(value * 10 if name in _LINEAR else math.exp(value))
        for name, value in zip(names, point, strict=True)
    }
    zero = values.pop("zero_vu_dbfs", zero_vu_dbfs)
    return replace(start, **values), zero


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m ritornello.compressor.calibration", description=calibrate.__doc__)
    parser.add_argument("clips", help="la2a-clips.zip, or a folder with a pairs.csv")
    parser.add_argument("-o", "--out", type=Path, default=Path("constants.json"))
    parser.add_argument("--starts", type=int, default=3)
    parser.add_argument("--evaluations", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    def progress(number: int, result: Calibration) -> None:
        print(f"start {number}: cost {result.cost:.2f}, ESR {result.esr}", flush=True)

    try:
        if options.out.exists():
            raise ArgumentError(f"{options.out} exists; choose another name")
        best = calibrate(
            LevellerClips(options.clips), CALIBRATED, ZERO_VU_DBFS, starts=options.starts,
            evaluations=options.evaluations, seed=options.seed, progress=progress,
        )  # fmt: skip
        write_json(options.out, asdict(best))
    except RitornelloError as error:
        parser.exit(2, f"{error}\n")
    for name, target in TARGETS.items():
        print(f"{name}: {best.bench[name]:.3g} (published {target.low:g} to {target.high:g})")


if __name__ == "__main__":
    _main()
