"""Damped least squares (Levenberg 1944, Marquardt 1963) on the waveform, for the numbers of a gain path.

Every recording's error is divided by the energy of its target, so that all count alike, however long or loud. What a
vector of numbers means is told by a `Space`: every setting of a model in `fitting`, one setting of another unit in
`other_unit`.

Axes: T frames of a recording, P numbers that are fitted.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from ritornello.compressor.gain_path import GainNumbers, GainPath

Signal = NDArray[np.float64]

_STEP = 1e-3
_LEAST_GAIN = 1e-4

Model = TypeVar("Model")
Gives = TypeVar("Gives", covariant=True)
Hears = TypeVar("Hears", contravariant=True)


class Item(Protocol[Hears]):
    """A recording that a model is compared with."""

    def error(self, model: Hears) -> Signal:
        """Return the error over the root of the target's energy: the sum of its squares is the ESR."""


class Space(Protocol[Gives]):
    """What a vector ``(P,)`` of numbers means, and how far they may go.

    Attributes:
        start: where a fit begins.
        low: least values.
        high: largest.
    """

    start: Signal
    low: Signal
    high: Signal

    def model(self, values: Signal) -> Gives:
        """Return the model of a vector."""

    def penalty(self, values: Signal) -> tuple[Signal, Signal]:
        """Return the linear map of the penalties ``(rows, P)``, and what it makes of a vector."""


@dataclass(frozen=True)
class Minimum(Generic[Model]):
    """What a fit came to.

    Attributes:
        model: the fitted numbers.
        esr_before: mean ESR of the recordings before.
        esr_after: after.
        iterations: steps taken.
    """

    model: Model
    esr_before: float
    esr_after: float
    iterations: int


@dataclass(frozen=True, eq=False)
class Recording:
    """A source, what a unit had heard before it, and the target.

    Attributes:
        rate: frames per second.
        source: ``(1, T)``.
        before: ``(1, frames)``, perhaps none.
        target: ``(T,)``.
        first: frames at the beginning that do not count.
    """

    rate: int
    source: Signal
    before: Signal
    target: Signal
    first: int = 0

    @functools.cached_property
    def energy(self) -> float:
        """Energy of the target that counts."""
        return float(np.vdot(self.target[self.first :], self.target[self.first :]))

    def output(self, numbers: GainNumbers, numerator: Signal, pole: float) -> Signal:
        """Return what a gain path with a filter behind it makes of the source: ``(T,)``."""
        row = numbers.at_rate(self.rate, 0.0, 1.0)[None]
        path = GainPath(1)
        path.follow(self.before, row)
        wet = path.compress(self.source, self.source, row)[0]
        output: Signal = lfilter(numerator, [1.0, -pole], wet[0])
        return output

    def missed(self, output: Signal) -> Signal:
        """Return the error of an output over the root of the target's energy, without the beginning."""
        missed: Signal = (output - self.target)[self.first :] * (1 / np.sqrt(self.energy))
        return missed


def minimise(
    items: Sequence[Item[Model]],
    space: Space[Model],
    iterations: int,
    *,
    touches: Callable[[int, int], bool] = lambda number, item: True,
    progress: Callable[[int, int], None] | None = None,
) -> Minimum[Model]:
    """Return the model of the least mean ESR.

    Args:
        items: recordings, at least one.
        space: what is fitted.
        iterations: steps at most; fewer if the error falls by less than a ten-thousandth.
        touches: whether a number of the vector, by its place, changes what an item, by its place, hears.
        progress: called with (steps done, steps at most).
    """
    values = space.start
    error = _mean_esr(items, space.model(values))
    before, damping, done = error, 1e-3, 0
    while done < iterations:
        normal, slope = _normal_equations(items, space, values, touches)
        penalty, pull = space.penalty(values)
        cost = error + float(pull @ pull)
        normal, slope = normal + penalty.T @ penalty, slope + penalty.T @ pull
        gain = 0.0
        for _ in range(8):
            move = np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-12), -slope)
            tried = np.clip(values + move, space.low, space.high)
            new = _mean_esr(items, space.model(tried))
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
    return Minimum(space.model(values), before, error, done)


def _mean_esr(items: Sequence[Item[Model]], model: Model) -> float:
    return float(np.mean([np.sum(item.error(model) ** 2) for item in items]))


def _normal_equations(
    items: Sequence[Item[Model]], space: Space[Model], values: Signal, touches: Callable[[int, int], bool]
) -> tuple[Signal, Signal]:
    """Return J^T J and J^T e of the mean ESR, summed item by item: no item's slopes are kept."""
    count = len(values)
    normal, slope = np.zeros((count, count)), np.zeros(count)
    steps = np.where(values + _STEP <= space.high, _STEP, -_STEP)
    moved = [space.model(values + step * np.eye(count)[number]) for number, step in enumerate(steps)]
    here = space.model(values)
    for place, item in enumerate(items):
        error = item.error(here)
        numbers = [number for number in range(count) if touches(number, place)]
        slopes = np.stack([(item.error(moved[number]) - error) / steps[number] for number in numbers])
        normal[np.ix_(numbers, numbers)] += slopes @ slopes.T / len(items)
        slope[numbers] += slopes @ error / len(items)
    return normal, slope
