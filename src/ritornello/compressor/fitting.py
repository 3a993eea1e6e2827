"""Fitting the numbers of our model to pairs of recordings, of the hardware or of the simulation.

Damped least squares (Levenberg 1944, Marquardt 1963) on the waveform: every pair's error is divided by the energy of
its target, so that all pairs count alike. Times, slope and knee are fitted as logarithms. Thresholds move from where
they stand at each listed Peak Reduction, in both modes; a small penalty on bends between neighbours and on differences
of the modes lets settings that no pair has move with those that pairs have. The filter and the noise stay.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from ritornello.compressor.data import SAMPLE_RATE, Pair
from ritornello.compressor.evaluate import SKIPPED_S
from ritornello.compressor.gain_path import GainPath
from ritornello.compressor.linear_colour import colour_filter
from ritornello.compressor.model import MODES, LevellerModel
from ritornello.compressor.process import pre_roll
from ritornello.errors import ArgumentError

Signal = NDArray[np.float64]

SHARED_BOUNDS = {
    "knee_db": (0.5, 30.0), "light_ms": (0.02, 5.0), "attack_ms": (0.3, 60.0), "fast_release_ms": (3.0, 300.0),
    "slow_release_ms": (60.0, 8000.0), "fast_share": (0.05, 0.98), "memory_shift_db": (0.0, 15.0),
    "memory_up_ms": (20.0, 5000.0), "memory_down_ms": (500.0, 60_000.0), "memory_full_db": (1.0, 40.0),
}  # fmt: skip
"""Where the numbers of all settings may go."""

SLOPE_BOUNDS, MAKEUP_BOUNDS, THRESHOLD_MOVE_DB = (0.5, 60.0), (-3.0, 6.0), 30.0

_LINEAR = ("fast_share", "memory_shift_db")
_BEND, _MODES_APART = 0.002, 0.001  # penalties a decibel, in units of the root of a mean ESR
_STEP = 1e-3
_LEAST_GAIN = 1e-4
_LEAST_ENERGY = 1e-9  # a frame: -90 dBFS

LEAD_S = 10.0
"""Of a pair longer than three times this, an excerpt of this length is measured, after as long a one that is not."""


@dataclass(frozen=True)
class Fit:
    """What a fit came to.

    Attributes:
        model: the fitted numbers.
        esr_before: mean ESR of the pairs before.
        esr_after: after.
        iterations: steps taken.
    """

    model: LevellerModel
    esr_before: float
    esr_after: float
    iterations: int


def fit_model(
    pairs: Sequence[Pair],
    start: LevellerModel,
    *,
    pre_roll_s: float = 0.0,
    iterations: int = 20,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Fit:
    """Return the model that comes nearest to the pairs.

    Args:
        pairs: recordings at 44.1 kHz.
        start: where to begin; its filter, its noise and its knots stay.
        pre_roll_s: how much of its beginning a unit has heard before it, see `process.pre_roll`; 0 for dark cells.
        iterations: steps at most; fewer if the error falls by less than a ten-thousandth.
        seed: of the excerpts of long pairs.
        progress: called with (steps done, steps at most).

    Raises:
        ArgumentError: if no pair is long and loud enough.
    """
    rng = np.random.default_rng(seed)
    used = [ready for pair in pairs if (ready := _Prepared.of(pair, start, pre_roll_s, rng)) is not None]
    if not used:
        raise ArgumentError("no pair is longer than .3 s and has a sound in its target; there is nothing to fit")
    space = _Space(start)
    values = space.start
    error = _mean_esr(used, space, values)
    before, damping, done = error, 1e-3, 0
    while done < iterations:
        normal, slope = _normal_equations(used, space, values)
        penalty, pull = space.penalty(values)
        cost = error + float(pull @ pull)
        normal, slope = normal + penalty.T @ penalty, slope + penalty.T @ pull
        gain = 0.0
        for _ in range(8):
            move = np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-12), -slope)
            tried = np.clip(values + move, space.low, space.high)
            new = _mean_esr(used, space, tried)
            new_cost = new + float(np.sum(space.penalty(tried)[1] ** 2))
            if new_cost < cost:
                gain, values, error, damping = (cost - new_cost) / cost, tried, new, damping / 4
                break
            damping *= 6
        done += 1
        if progress is not None:
            progress(done, iterations)
        if gain < _LEAST_GAIN:
            break
    return Fit(space.model(values), before, error, done)


class _Space:
    """The numbers as a vector: threshold moves of both modes, slope, make-up, shared numbers."""

    def __init__(self, start: LevellerModel) -> None:
        self.base, self.knots = start, len(start.peak_reductions)
        shared = [self._to(name, start.shared[name]) for name in SHARED_BOUNDS]
        tables = start.by_setting[MODES[0]]
        slope, makeup = math.log(max(float(tables["slope"][-1]), 0.5)), float(tables["makeup_db"][-1])
        moves = np.zeros(2 * self.knots)
        self.start = np.array([*moves, slope, makeup, *shared])
        bounds = [(self._to(name, low), self._to(name, high)) for name, (low, high) in SHARED_BOUNDS.items()]
        edges = np.array([
            *[(-THRESHOLD_MOVE_DB, THRESHOLD_MOVE_DB)] * (2 * self.knots),
            (math.log(SLOPE_BOUNDS[0]), math.log(SLOPE_BOUNDS[1])), MAKEUP_BOUNDS, *bounds,
        ])  # fmt: skip
        self.low, self.high = edges[:, 0], edges[:, 1]
        self.start = np.clip(self.start, self.low, self.high)

    @staticmethod
    def _to(name: str, value: float) -> float:
        return value if name in _LINEAR else math.log(value)

    def model(self, values: Signal) -> LevellerModel:
        """Return the model of a vector."""
        moves = values[: 2 * self.knots].reshape(2, self.knots)
        slope, makeup, *rest = values[2 * self.knots :].tolist()
        shared = {
            name: value if name in _LINEAR else math.exp(value) for name, value in zip(SHARED_BOUNDS, rest, strict=True)
        }
        off = self.base.peak_reductions == 0  # at 0 nothing happens
        tables: dict[str, dict[str, Signal]] = {}
        for mode, move in zip(MODES, moves, strict=True):
            threshold = np.clip(self.base.by_setting[mode]["threshold_db"] + move, -79, 79)
            tables[mode] = {
                "threshold_db": threshold,
                "slope": np.where(off, 0.0, math.exp(slope)),
                "makeup_db": np.where(off, 0.0, makeup),
            }
        return LevellerModel(self.base.peak_reductions, tables, shared, self.base.colour)

    def touches(self, number: int, pair: _Prepared) -> bool:
        """Return whether a number of the vector changes what happens at a pair's setting."""
        if number >= 2 * self.knots:
            return True
        mode, knot = divmod(number, self.knots)
        spots = self.base.peak_reductions
        low, high = spots[max(knot - 1, 0)], spots[min(knot + 1, self.knots - 1)]
        return mode == int(pair.is_limit) and low <= pair.peak_reduction <= high

    def penalty(self, values: Signal) -> tuple[Signal, Signal]:
        """Return the linear map of the penalties, and what it makes of a vector."""
        bends = np.zeros((2 * (self.knots - 2), len(values)))
        for mode in range(2):
            for row in range(self.knots - 2):
                first = mode * self.knots + row
                bends[mode * (self.knots - 2) + row, first : first + 3] = (-_BEND, 2 * _BEND, -_BEND)
        apart = np.zeros((self.knots, len(values)))
        for knot in range(self.knots):
            apart[knot, knot], apart[knot, self.knots + knot] = _MODES_APART, -_MODES_APART
        rows = np.vstack([bends, apart])
        return rows, rows @ values


@dataclass(frozen=True, eq=False)
class _Prepared:
    """A pair as the fit wants it: source, what was heard before, target over the root of its energy, its setting."""

    source: Signal
    before: Signal
    target: Signal
    scale: float
    first: int
    is_limit: bool
    peak_reduction: float
    numerator: Signal
    pole: float

    @classmethod
    def of(cls, pair: Pair, model: LevellerModel, pre_roll_s: float, rng: np.random.Generator) -> _Prepared | None:
        lead = round(LEAD_S * SAMPLE_RATE)
        if pair.frames > 3 * lead:  # an excerpt, of which the unit hears the first half without being measured
            first, before = lead, np.zeros((1, 0))
            start = int(rng.integers(pair.frames - 2 * lead + 1))
            source, after = pair.read(start, 2 * lead)
        else:
            first = round(SKIPPED_S * SAMPLE_RATE)
            source, after = pair.read()
            before = pre_roll(source[None].astype(np.float64), round(pre_roll_s * SAMPLE_RATE))
        target = after.astype(np.float64)
        energy = float(np.vdot(target[first:], target[first:]))
        if pair.frames <= 2 * first or energy < _LEAST_ENERGY * len(target):
            return None
        numerator, pole = colour_filter(SAMPLE_RATE, model.colour.low_hz, model.colour.high_hz, model.colour.high_q)
        return cls(
            source[None].astype(np.float64), before, target, 1 / math.sqrt(energy), first, pair.is_limit,
            pair.peak_reduction, numerator, pole,
        )  # fmt: skip

    def error(self, model: LevellerModel) -> Signal:
        """Return the error over the root of the target's energy: the sum of its squares is the ESR."""
        numbers = model.numbers(MODES[int(self.is_limit)], self.peak_reduction)
        row = numbers.at_rate(SAMPLE_RATE, 0.0, 1.0)[None]
        path = GainPath(1)
        path.follow(self.before, row)
        wet = path.compress(self.source, self.source, row)[0]
        output = lfilter(self.numerator, [1.0, -self.pole], wet[0])
        missed: Signal = (output[self.first :] - self.target[self.first :]) * self.scale
        return missed


def _mean_esr(pairs: Sequence[_Prepared], space: _Space, values: Signal) -> float:
    model = space.model(values)
    return float(np.mean([np.sum(pair.error(model) ** 2) for pair in pairs]))


def _normal_equations(pairs: Sequence[_Prepared], space: _Space, values: Signal) -> tuple[Signal, Signal]:
    """Return J^T J and J^T e of the mean ESR, summed pair by pair: no pair's slopes are kept."""
    count = len(values)
    normal, slope = np.zeros((count, count)), np.zeros(count)
    steps = np.where(values + _STEP <= space.high, _STEP, -_STEP)
    moved = [space.model(values + step * np.eye(count)[number]) for number, step in enumerate(steps)]
    here = space.model(values)
    for pair in pairs:
        error = pair.error(here)
        numbers = [number for number in range(count) if space.touches(number, pair)]
        slopes = np.stack([(pair.error(moved[number]) - error) / steps[number] for number in numbers])
        normal[np.ix_(numbers, numbers)] += slopes @ slopes.T / len(pairs)
        slope[numbers] += slopes @ error / len(pairs)
    return normal, slope
