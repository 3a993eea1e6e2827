"""The fair comparison: an equal budget of tuning for every objective, then paired seeds, controls and final accuracy.

1. Every objective is trained once at every learning rate and weight decay of the grid. If the best rate of any of them
   lies at an edge, the grid grows there for all. The best settings get more seeds; the best of these is frozen.
2. With new seeds, each objective runs at its own setting; multiplied to match cross-entropy's first gradients, at
   cross-entropy's setting; and, of those that the claim is about, at the default rate. The rate is constant after the
   warm-up, so that steps to a target can be read off.
3. With the same seeds and a cosine schedule, final accuracy after each step budget.

Settings are judged by the mean validation accuracy over a run's curve, which rewards both speed and height. The test
split is looked at by step 2 and 3 alone, when nothing is left to choose.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ritornello.errors import ArgumentError
from ritornello.objectives.run import Progress, RunSpec
from ritornello.objectives.runs import Runs
from ritornello.objectives.task import Profile

BASE, BOOSTED, PENALISED = "cross_entropy", "expgb", "centred_z_loss"
"""The objective that all are compared to; the one that the claim is about; and its explanation."""

TUNING_SEED = 1_000
"""Seeds of tuning begin here, those of the final runs at 0."""

Train = Callable[[RunSpec], dict[str, Any]]


@dataclass(frozen=True)
class Setting:
    """What was tuned of an objective.

    Attributes:
        rate: learning rate.
        decay: weight decay.
        score: mean over seeds of the mean validation accuracy over the curve.
    """

    rate: float
    decay: float
    score: float


@dataclass(frozen=True)
class Plan:
    """The final runs of a comparison.

    Attributes:
        tuned: of each objective its runs at its own setting, a seed each.
        matched: the same at cross-entropy's setting with matched gradients; none of cross-entropy.
        untuned: runs at the default rate, of cross-entropy and the boosted loss.
        budgets: of each objective and share of the steps, its runs with a cosine schedule.
    """

    tuned: dict[str, tuple[RunSpec, ...]]
    matched: dict[str, tuple[RunSpec, ...]]
    untuned: dict[str, tuple[RunSpec, ...]]
    budgets: dict[tuple[str, float], tuple[RunSpec, ...]]

    @property
    def all(self) -> tuple[RunSpec, ...]:
        """All runs, seed by seed: after a stop in the middle, pairs are whole."""
        groups = (*self.tuned.values(), *self.untuned.values(), *self.matched.values(), *self.budgets.values())
        return tuple(dict.fromkeys(spec for specs in zip(*groups, strict=True) for spec in specs))


@dataclass(frozen=True)
class Protocol:
    """A comparison that is done or goes on.

    Attributes:
        profile: how large it is.
        losses: the objectives.
        seeds: final runs of each.
        runs: where they are kept.
        train: makes a run.
        progress: called with (runs done, runs known to be needed).
    """

    profile: Profile
    losses: tuple[str, ...]
    seeds: int
    runs: Runs
    train: Train
    progress: Progress | None = None
    _needed: dict[RunSpec, None] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if BASE not in self.losses:
            raise ArgumentError(f"losses lack {BASE}, which all are compared to")
        if self.seeds < 1:
            raise ArgumentError(f"seeds {self.seeds} is out of range; give 1 or more")

    def complete(self) -> tuple[dict[str, Setting], Plan]:
        """Do all runs that are missing; return the settings and the plan of the final runs."""
        settings = self.tune()
        plan = self.plan(settings)
        self._do(plan.all)
        return settings, plan

    def tune(self) -> dict[str, Setting]:
        """Return the frozen setting of each objective."""
        grid = self._grid_runs(self._rates())
        best: dict[str, list[RunSpec]] = {}
        for loss in self.losses:
            own = [spec for spec in grid if spec.objective == loss]
            best[loss] = sorted(own, key=lambda spec: -self._score(spec))[: self.profile.retried]
        again = [
            self._tuning(loss, spec.rate, spec.decay, number)
            for loss, specs in best.items() for spec in specs for number in range(self.profile.retries + 1)
        ]  # fmt: skip
        self._do(again)
        return {loss: max(map(self._setting, specs), key=lambda one: one.score) for loss, specs in best.items()}

    def _rates(self) -> tuple[float, ...]:
        """Try every learning rate on every objective, and return the rates of the grid as it has grown."""
        low = -(self.profile.rates // 2)
        high = -low
        rates = self.profile.grid
        for _ in range(self.profile.extensions):
            grid = self._grid_runs(rates)
            self._do(grid)
            best = {max((one for one in grid if one.objective == loss), key=self._score).rate for loss in self.losses}
            if best.isdisjoint((rates[0], rates[-1])):
                return rates
            low, high = low - (rates[0] in best), high + (rates[-1] in best)
            rates = tuple(self.profile.rate_at(place) for place in range(low, high + 1))
        self._do(self._grid_runs(rates))
        return rates

    def _grid_runs(self, rates: tuple[float, ...]) -> list[RunSpec]:
        return [self._tuning(loss, rate, decay, 0) for loss in self.losses for rate in rates for decay in self.decays]

    def told_budget(self) -> str:
        """Return what was tuned, for a person; the runs must have been done."""
        rates, profile = self._rates(), self.profile
        return (
            f"Tuning budget of each objective: {len(rates)} learning rates from {rates[0]:.3g} to {rates[-1]:.3g}, "
            f"weight decay {' or '.join(f'{decay:.3g}' for decay in profile.decays)}, one seed; then the best "
            f"{profile.retried} with {profile.retries} more seeds; judged by the mean validation accuracy over "
            f"{profile.steps} steps."
        )

    def plan(self, settings: dict[str, Setting]) -> Plan:
        """Return the final runs that settings ask for."""
        base, steps = settings[BASE], self.profile.steps

        def runs(loss: str, setting: Setting, length: int = steps, **kind: Any) -> tuple[RunSpec, ...]:
            return tuple(
                RunSpec(loss, setting.rate, setting.decay, seed, length, is_final=True, **kind)
                for seed in range(self.seeds)
            )

        default = Setting(self.profile.middle_rate, base.decay, 0.0)
        return Plan(
            tuned={loss: runs(loss, settings[loss]) for loss in self.losses},
            matched={loss: runs(loss, base, matched=True) for loss in self.losses if loss != BASE},
            untuned={loss: runs(loss, default) for loss in self.losses if loss in (BASE, BOOSTED)},
            budgets={
                (loss, share): runs(loss, settings[loss], round(steps * share), schedule="cosine")
                for loss in self.losses
                for share in self.profile.budgets
            },
        )

    @property
    def decays(self) -> tuple[float, ...]:
        """Weight decays of the grid."""
        return self.profile.decays

    @property
    def _tuning_runs(self) -> int:
        width = len(self.decays) * self.profile.rates
        return len(self.losses) * (width + min(self.profile.retried, width) * self.profile.retries)

    def _tuning(self, loss: str, rate: float, decay: float, number: int) -> RunSpec:
        return RunSpec(loss, rate, decay, TUNING_SEED + number, self.profile.steps)

    def _score(self, spec: RunSpec) -> float:
        result = self.runs[spec]
        return -1.0 if result["diverged"] else statistics.fmean(share for step, share in result["curve"] if step)

    def _setting(self, spec: RunSpec) -> Setting:
        specs = [
            self._tuning(spec.objective, spec.rate, spec.decay, number) for number in range(self.profile.retries + 1)
        ]
        return Setting(spec.rate, spec.decay, statistics.fmean(map(self._score, specs)))

    def _do(self, specs: Sequence[RunSpec]) -> None:
        finals = self.seeds * (len(self.losses) * (2 + len(self.profile.budgets)))  # an estimate: settings may coincide
        for spec in specs:
            self.runs.do(spec, self.train)
            self._needed.setdefault(spec)
            if self.progress is not None:
                done = len(self._needed)
                self.progress(done, max(self._tuning_runs + finals, done))
