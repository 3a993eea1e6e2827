"""Fitting the numbers of our model to pairs of recordings, of the hardware or of the simulation.

Damped least squares on the waveform, see `waveform_fit`. Times, slope and knee are fitted as logarithms. Thresholds
move from where they stand at each listed Peak Reduction, in both modes; a small penalty on bends between neighbours and
on differences of the modes lets settings that no pair has move with those that pairs have. The filter and the noise
stay.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ritornello.compressor.data import SAMPLE_RATE, Pair
from ritornello.compressor.evaluate import SKIPPED_S
from ritornello.compressor.linear_colour import colour_filter
from ritornello.compressor.model import MODES, LevellerModel
from ritornello.compressor.process import pre_roll
from ritornello.compressor.waveform_fit import Minimum, Recording, Signal, minimise
from ritornello.errors import ArgumentError

SHARED_BOUNDS = {
    "knee_db": (0.5, 30.0), "light_ms": (0.02, 5.0), "attack_ms": (0.3, 60.0), "fast_release_ms": (3.0, 300.0),
    "slow_release_ms": (60.0, 8000.0), "fast_share": (0.05, 0.98), "memory_shift_db": (0.0, 15.0),
    "memory_up_ms": (20.0, 5000.0), "memory_down_ms": (500.0, 60_000.0), "memory_full_db": (1.0, 40.0),
}  # fmt: skip
"""Where the numbers of all settings may go."""

SLOPE_BOUNDS, MAKEUP_BOUNDS, THRESHOLD_MOVE_DB = (0.5, 60.0), (-3.0, 6.0), 30.0

_LINEAR = ("fast_share", "memory_shift_db")
_BEND, _MODES_APART = 0.002, 0.001  # penalties a decibel, in units of the root of a mean ESR
_LEAST_ENERGY = 1e-9  # a frame: -90 dBFS

LEAD_S = 10.0
"""Of a pair longer than three times this, an excerpt of this length is measured, after as long a one that is not."""


def fit_model(
    pairs: Sequence[Pair],
    start: LevellerModel,
    *,
    pre_roll_s: float = 0.0,
    iterations: int = 20,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Minimum[LevellerModel]:
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
    return minimise(
        used, space, iterations, touches=lambda number, place: space.touches(number, used[place]), progress=progress
    )


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
    """A pair as the fit wants it: the recording, its setting, the filter of the model."""

    recording: Recording
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
        recording = Recording(SAMPLE_RATE, source[None].astype(np.float64), before, after.astype(np.float64), first)
        if pair.frames <= 2 * first or recording.energy < _LEAST_ENERGY * len(after):
            return None
        numerator, pole = colour_filter(SAMPLE_RATE, model.colour.low_hz, model.colour.high_hz, model.colour.high_q)
        return cls(recording, pair.is_limit, pair.peak_reduction, numerator, pole)

    def error(self, model: LevellerModel) -> Signal:
        """Return the error over the root of the target's energy: the sum of its squares is the ESR."""
        numbers = model.numbers(MODES[int(self.is_limit)], self.peak_reduction)
        return self.recording.missed(self.recording.output(numbers, self.numerator, self.pole))
