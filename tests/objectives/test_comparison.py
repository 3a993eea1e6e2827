"""Reading off steps, ratios and verdicts: worked by hand."""

from __future__ import annotations

import math

import pytest

from ritornello.evaluation.statistics import Estimate
from ritornello.objectives.comparison import ratio, steps_to
from ritornello.objectives.verdict import Evidence, verdict

CURVE = [[0, 0.1], [100, 0.5], [200, 0.4], [300, 0.8]]


def test_steps_are_interpolated_at_the_first_crossing() -> None:
    assert steps_to(CURVE, 0.3) == 50
    assert steps_to(CURVE, 0.45) == 87.5
    assert steps_to(CURVE, 0.7) == 275
    assert steps_to(CURVE, 0.05) == 0
    assert steps_to(CURVE, 0.9) == math.inf


def test_ratios_are_geometric_means_of_pairs() -> None:
    found = ratio([50, 200], [100, 100], 1000)
    assert found is not None and found.estimate.value == pytest.approx(1) and found.bound == ""
    assert found.estimate.low == pytest.approx(0.5) and found.estimate.high == pytest.approx(2)
    halves = ratio([50] * 12, [100] * 12, 1000)
    assert halves is not None and halves.estimate.high == pytest.approx(0.5) and halves.p < 0.001


def test_runs_that_do_not_arrive_make_bounds() -> None:
    late = ratio([math.inf, 100], [100, 100], 400)
    assert late is not None and late.bound == "at least" and late.estimate.value == pytest.approx(2)
    early = ratio([100, 100], [math.inf, 100], 400)
    assert early is not None and early.bound == "at most" and early.estimate.value == pytest.approx(0.5)
    both = ratio([math.inf, 100], [100, math.inf], 400)
    assert both is not None and both.bound == "about"
    none = ratio([math.inf, 100], [math.inf, 100], 400)
    assert none is not None and none.pairs == 1
    assert ratio([math.inf], [math.inf], 400) is None
    at_once = ratio([0], [4], 400)
    assert at_once is not None and at_once.estimate.value == pytest.approx(0.25)


def around(value: float, spread: float = 0.05) -> Estimate:
    return Estimate(value, value - spread, value + spread)


FAST, SAME, SLOW = around(0.66), around(1.0), around(1.3)


@pytest.mark.parametrize(
    ("tuned", "untuned", "matched", "penalised", "difference", "wanted"),
    [
        (FAST, FAST, FAST, around(0.7), around(0, 0.2), "holds"),
        (FAST, FAST, FAST, SAME, around(0, 0.2), "faster, but explained by the z-loss"),
        (FAST, FAST, SAME, around(0.7), around(0, 0.2), "faster, but not under every control"),
        (FAST, FAST, FAST, around(0.7), around(-0.2, 0.2), "faster, but not under every control"),
        (around(0.9), FAST, FAST, around(0.7), around(0, 0.2), "smaller than claimed"),
        (SAME, FAST, FAST, SAME, around(0, 0.2), "explained by step size"),
        (SAME, SAME, FAST, SAME, around(0, 0.2), "does not hold"),
        (SLOW, FAST, FAST, SAME, around(0, 0.2), "does not hold"),
    ],
)
def test_the_verdict_follows_its_rules(
    tuned: Estimate, untuned: Estimate, matched: Estimate, penalised: Estimate, difference: Estimate, wanted: str
) -> None:
    assert verdict(Evidence(tuned, untuned, matched, penalised, difference)) == wanted
