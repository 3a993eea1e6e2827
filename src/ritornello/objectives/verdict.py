"""The claim "33 % fewer steps", and whether the missing normaliser is what helps: one line each, by fixed rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ritornello.evaluation.statistics import Estimate
from ritornello.objectives.comparison import CLAIMED, Comparison, Ratio
from ritornello.objectives.protocol import BOOSTED, PENALISED

Name = Literal[
    "holds",
    "faster, but explained by the z-loss",
    "explained by step size",
    "smaller than claimed",
    "faster, but not under every control",
    "does not hold",
]

CLAIMED_RATIO = 0.75
"""Upper bound of the ratio of steps under which the claim holds: 1.33 times the speed."""

SMALLEST_DIFFERENCE = -0.3
"""Points of accuracy that the boosted loss may be behind."""


@dataclass(frozen=True)
class Evidence:
    """What a verdict rests on: ratios of steps of expGB to the 95 % target, and its accuracy.

    Attributes:
        tuned: against cross-entropy, both tuned.
        untuned: both at the default rate.
        matched: at cross-entropy's setting, first gradients matched, against tuned cross-entropy.
        penalised: against CE + A²/2, both tuned.
        difference: of final test accuracy to cross-entropy's, in points.
    """

    tuned: Estimate
    untuned: Estimate
    matched: Estimate
    penalised: Estimate
    difference: Estimate


def verdict(evidence: Evidence) -> Name:
    """Return the verdict that the evidence asks for."""
    tuned = evidence.tuned
    if tuned.high >= 1:
        return "explained by step size" if tuned.low <= 1 and evidence.untuned.high < 1 else "does not hold"
    if evidence.penalised.high >= 1 >= evidence.penalised.low:
        return "faster, but explained by the z-loss"
    if tuned.high >= CLAIMED_RATIO:
        return "smaller than claimed"
    holds = evidence.matched.high < 1 and evidence.penalised.high < 1 and evidence.difference.low > SMALLEST_DIFFERENCE
    return "holds" if holds else "faster, but not under every control"


def evidence_of(comparison: Comparison) -> Evidence | None:
    """Return the evidence of a comparison; None if objectives or runs are missing for it."""
    tuned, matched = comparison.row(BOOSTED, "tuned"), comparison.row(BOOSTED, "matched")
    untuned = comparison.row(BOOSTED, "default rate")
    if tuned is None or matched is None or untuned is None or 1.0 not in tuned.differences:
        return None
    ratios = (tuned.to_base, untuned.to_base, matched.to_base, tuned.to_penalised)
    known = [one.estimate for one in ratios if one is not None]
    if len(known) < len(ratios):
        return None
    return Evidence(known[0], known[1], known[2], known[3], tuned.differences[1.0].estimate)


def verdict_lines(comparison: Comparison) -> list[str]:
    """Return the verdict with its figures, then whether the normaliser is what matters, for a person."""
    evidence = evidence_of(comparison)
    if evidence is None:
        return [f"No verdict: it needs the objectives {', '.join(CLAIMED)}, and runs that reach the target."]
    row = comparison.row(BOOSTED, "tuned")
    assert row is not None and row.to_base is not None
    named = verdict(evidence)
    lines = [
        f"Verdict: the claim {named}." if named in ("holds", "does not hold") else f"Verdict: {named}.",
        f"expGB takes {_told(row.to_base)} of cross-entropy's steps to 95 % of its accuracy: "
        f"{_fewer(evidence.tuned)}, where 33 % fewer are claimed; {comparison.seeds} paired seeds, both tuned.",
        f"Against CE + A²/2: {_short(evidence.penalised)}. With matched first gradients at cross-entropy's setting: "
        f"{_short(evidence.matched)}. Both at the default rate: {_short(evidence.untuned)}. Final test accuracy: "
        f"{evidence.difference.value:+.1f} points ({evidence.difference.low:+.1f} to {evidence.difference.high:+.1f}).",
    ]
    return lines + _normaliser(comparison)


def _fewer(steps: Estimate) -> str:
    """Return a ratio of steps as per cent fewer, or more, of them."""
    sign, word = (1, "fewer") if steps.value <= 1 else (-1, "more")
    ends = sorted((100 * sign * (1 - steps.low), 100 * sign * (1 - steps.high)))
    return f"{100 * sign * (1 - steps.value):.0f} % {word} ({ends[0]:.0f} to {ends[1]:.0f})"


def _normaliser(comparison: Comparison) -> list[str]:
    """Say what leaving the normaliser out does by itself: linear outputs have neither it nor a boost."""
    linear, penalised = comparison.row("linear_mse", "tuned"), comparison.row(PENALISED, "tuned")
    if linear is None or linear.to_base is None or penalised is None or penalised.to_base is None:
        return []
    return [
        f"The normaliser: without it and without a boost (linear + MSE) a run takes {_told(linear.to_base)} of "
        f"cross-entropy's steps; with it, held near 1 (CE + A²/2), {_told(penalised.to_base)}."
    ]


def _short(estimate: Estimate) -> str:
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def _told(ratio: Ratio) -> str:
    bound = f"{ratio.bound} " if ratio.bound else ""
    return bound + _short(ratio.estimate)
