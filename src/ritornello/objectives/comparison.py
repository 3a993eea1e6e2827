"""What the runs of a comparison say: steps to a target, ratios and differences at paired seeds, with intervals.

A target is a share of the best mean validation accuracy of tuned cross-entropy. Steps are read off a run's curve by
linear interpolation. A run that never arrives stays in: it counts as its whole length, so its ratio is a bound, and is
marked as such; pairs of which neither run arrives say nothing.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ritornello.evaluation.statistics import Estimate, bootstrap_interval, holm, signed_rank_p
from ritornello.objectives.protocol import BASE, BOOSTED, PENALISED, Plan, Setting
from ritornello.objectives.run import RunSpec
from ritornello.objectives.runs import Runs

SHARES = (0.90, 0.95, 0.99)
"""Targets, as shares of cross-entropy's best accuracy."""

VERDICT_SHARE = 0.95

Bound = Literal["", "at least", "at most", "about"]
"""Of a ratio: exact; runs above or below its line did not arrive; or some of both."""


@dataclass(frozen=True)
class Ratio:
    """A ratio of steps over paired seeds.

    Attributes:
        estimate: geometric mean, with its 95 % paired bootstrap interval.
        bound: whether runs that did not arrive make it a bound.
        pairs: pairs that it is made of.
        p: of Wilcoxon's signed-rank test; corrected by Holm over the objectives once it is in a table.
    """

    estimate: Estimate
    bound: Bound
    pairs: int
    p: float


@dataclass(frozen=True)
class Difference:
    """A difference of accuracy over paired seeds, in points.

    Attributes:
        estimate: mean, with its 95 % paired bootstrap interval.
        p: as of a `Ratio`.
    """

    estimate: Estimate
    p: float


@dataclass(frozen=True)
class Row:
    """An objective under one control.

    Attributes:
        objective: its name.
        control: ``tuned``, ``matched`` or ``default rate``.
        setting: rate and decay.
        scale: what the loss was multiplied by, mean over seeds.
        steps: for each target the median of steps, counting those that do not arrive as infinite, and the share of
            runs that arrived.
        to_base: steps to the 95 % target against tuned cross-entropy; at the default rate against cross-entropy there.
        to_penalised: the same against tuned CE + A²/2.
        finals: for each budget mean and deviation of test accuracy, in per cent.
        differences: for each budget the difference to cross-entropy.
        measured: means over seeds of what the test split showed.
        ms_per_step: median over runs.
        diverged: how many runs diverged.
    """

    objective: str
    control: str
    setting: Setting
    scale: float
    steps: dict[float, tuple[float, float]]
    to_base: Ratio | None
    to_penalised: Ratio | None
    finals: dict[float, tuple[float, float]]
    differences: dict[float, Difference]
    measured: dict[str, float]
    ms_per_step: float
    diverged: int


@dataclass(frozen=True)
class Comparison:
    """All that a table, a picture and a verdict need.

    Attributes:
        rows: tuned objectives first, then the controls.
        targets: accuracy of each target.
        curves: of each tuned objective ``(steps, accuracy (seeds, steps))``; NaN where a run had diverged.
        seeds: paired seeds.
    """

    rows: tuple[Row, ...]
    targets: dict[float, float]
    curves: dict[str, tuple[list[int], Any]]
    seeds: int

    def row(self, objective: str, control: str) -> Row | None:
        """Return the row of an objective under a control, if there is one."""
        return next((row for row in self.rows if (row.objective, row.control) == (objective, control)), None)


def steps_to(curve: Sequence[Sequence[float]], target: float) -> float:
    """Return the step at which a curve of ``(step, accuracy)`` first reaches a target, interpolated; else infinity."""
    before: Sequence[float] | None = None
    for point in curve:
        if point[1] >= target:
            if before is None:
                return float(point[0])
            return float(before[0] + (point[0] - before[0]) * (target - before[1]) / (point[1] - before[1]))
        before = point
    return math.inf


def ratio(ours: Sequence[float], theirs: Sequence[float], length: float) -> Ratio | None:
    """Return the ratio of steps at paired seeds; None if no pair says anything.

    Args:
        ours: steps of the numerator, infinite where a run did not arrive.
        theirs: steps of the denominator.
        length: steps of a whole run.
    """
    pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if math.isfinite(a) or math.isfinite(b)]
    if not pairs:
        return None
    # A network that is there before it has learned took a step at least.
    logs = [math.log(max(1.0, min(a, length)) / max(1.0, min(b, length))) for a, b in pairs]
    above, below = any(math.isinf(a) for a, _ in pairs), any(math.isinf(b) for _, b in pairs)
    bound: Bound = "about" if above and below else "at least" if above else "at most" if below else ""
    low, high = bootstrap_interval(logs)
    middle = statistics.fmean(logs)
    estimate = Estimate(math.exp(middle), math.exp(low), math.exp(high))
    return Ratio(estimate, bound, len(pairs), signed_rank_p(logs))


def compare(settings: Mapping[str, Setting], plan: Plan, runs: Runs) -> Comparison:
    """Return what the runs of a plan say; all of them must have been done."""
    base = [runs[spec] for spec in plan.tuned[BASE]]
    best = float(np.nanmax(np.nanmean(_curves(base)[1], 0)))
    targets = {share: share * best for share in SHARES}

    def row(loss: str, control: str, specs: tuple[RunSpec, ...], against: tuple[RunSpec, ...] | None) -> Row:
        results = [runs[spec] for spec in specs]
        length = specs[0].steps
        reached = {share: [steps_to(one["curve"], target) for one in results] for share, target in targets.items()}

        def to(others: tuple[RunSpec, ...] | None) -> Ratio | None:
            if others is None or others == specs:
                return None
            theirs = [steps_to(runs[spec]["curve"], targets[VERDICT_SHARE]) for spec in others]
            return ratio(reached[VERDICT_SHARE], theirs, length)

        own = {share: plan.budgets[name, share] for name, share in plan.budgets if name == loss and control == "tuned"}
        finals, differences = {}, {}
        for share, chosen in own.items():
            found = np.array([_final_accuracy(runs[spec]) for spec in chosen])
            finals[share] = float(found.mean()), float(found.std(ddof=1)) if len(found) > 1 else 0.0
            if loss != BASE:
                gap = found - [_final_accuracy(runs[spec]) for spec in plan.budgets[BASE, share]]
                estimate = Estimate(float(gap.mean()), *bootstrap_interval(gap))
                differences[share] = Difference(estimate, signed_rank_p(gap))
        last = [runs[spec] for spec in own[max(own, key=lambda share: -abs(share - 1))]] if own else results
        fields = ("nll", "nll_scaled", "ece", "ece_scaled", "mass", "mass_deviation")
        alive = [one for one in last if not one["diverged"]]
        first = specs[0]
        return Row(
            objective=loss,
            control=control,
            setting=Setting(first.rate, first.decay, settings[loss].score if control == "tuned" else math.nan),
            scale=statistics.fmean(one["scale"] for one in results),
            steps={
                share: (float(np.median(steps)), float(np.mean(np.isfinite(steps)))) for share, steps in reached.items()
            },
            to_base=to(against),
            to_penalised=to(plan.tuned.get(PENALISED)) if loss not in (BASE, PENALISED) else None,
            finals=finals,
            differences=differences,
            measured={name: statistics.fmean(one[name] for one in alive) for name in fields} if alive else {},
            ms_per_step=statistics.median(one["ms_per_step"] for one in results),
            diverged=sum(one["diverged"] for one in results),
        )

    rows = [row(loss, "tuned", specs, plan.tuned[BASE]) for loss, specs in plan.tuned.items()]
    rows += [row(loss, "matched", specs, plan.tuned[BASE]) for loss, specs in plan.matched.items()]
    rows += [row(loss, "default rate", specs, plan.untuned[BASE]) for loss, specs in plan.untuned.items()]
    return Comparison(
        tuple(_corrected(rows)), targets,
        {loss: _curves([runs[spec] for spec in specs]) for loss, specs in plan.tuned.items()}, len(base),
    )  # fmt: skip


def _corrected(rows: Sequence[Row]) -> list[Row]:
    """Correct the tests by Holm: those of ratios to either objective over all rows, of differences at each budget."""
    found = list(rows)
    for name in ("to_base", "to_penalised"):
        tested = [number for number, row in enumerate(found) if getattr(row, name) is not None]
        corrected = holm([getattr(found[number], name).p for number in tested])
        for number, p in zip(tested, corrected, strict=True):
            changed = dataclasses.replace(getattr(found[number], name), p=p)
            found[number] = dataclasses.replace(found[number], **{name: changed})
    for share in {share for row in found for share in row.differences}:
        tested = [number for number, row in enumerate(found) if share in row.differences]
        corrected = holm([found[number].differences[share].p for number in tested])
        for number, p in zip(tested, corrected, strict=True):
            own = found[number].differences
            changed = dataclasses.replace(own[share], p=p)
            found[number] = dataclasses.replace(found[number], differences={**own, share: changed})
    return found


def _final_accuracy(result: Mapping[str, Any]) -> float:
    """Return test accuracy in per cent; a run that diverged has learned nothing."""
    return 100 * float(result.get("accuracy", 0.0))


def _curves(results: Sequence[Mapping[str, Any]]) -> tuple[list[int], Any]:
    stops = sorted({int(step) for one in results for step, _ in one["curve"]})
    place = {step: number for number, step in enumerate(stops)}
    found = np.full((len(results), len(stops)), np.nan)
    for number, one in enumerate(results):
        for step, share in one["curve"]:
            found[number, place[int(step)]] = share
    return stops, found


CLAIMED = (BASE, PENALISED, BOOSTED)
"""Objectives without which there is no verdict."""
