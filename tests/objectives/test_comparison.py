"""Reading off steps, ratios and verdicts: worked by hand."""

from __future__ import annotations

import math

import pytest

from ritornello.evaluation.statistics import Estimate
from ritornello.objectives.comparison import Comparison, Difference, Ratio, Row, ratio, steps_to
from ritornello.objectives.protocol import Setting
from ritornello.objectives.verdict import Evidence, verdict, verdict_lines

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


def row(objective: str, control: str, to_base: Ratio | None, to_penalised: Ratio | None = None) -> Row:
    gap = {} if objective == "cross_entropy" else {1.0: Difference(around(0.1, 0.2), 0.5)}
    return Row(
        objective, control, Setting(0.1, 0.0, 0.5), 1.0, {}, to_base, to_penalised, {1.0: (70.0, 1.0)}, gap, {}, 1.0, 0
    )


def test_the_verdict_is_told_with_its_figures() -> None:
    same, slow = Ratio(SAME, "", 10, 1.0), Ratio(SLOW, "at least", 10, 0.01)
    rows = [
        row("cross_entropy", "tuned", None), row("centred_z_loss", "tuned", same), row("linear_mse", "tuned", slow),
        row("expgb", "tuned", same, same), row("expgb", "matched", same, same), row("expgb", "default rate", same),
    ]  # fmt: skip
    told = verdict_lines(Comparison(tuple(rows), {}, {}, 10))
    assert told[0] == "Verdict: the claim does not hold."
    assert "takes 1.00 (0.95 to 1.05) of cross-entropy's steps" in told[1] and "0 % fewer (-5 to 5)" in told[1]
    assert "10 paired seeds" in told[1] and "+0.1 points (-0.1 to +0.3)" in told[2]
    assert "linear + MSE) a run takes at least 1.30 (1.25 to 1.35)" in told[3]
    rows[3] = row("expgb", "tuned", slow, slow)
    assert "30 % more (25 to 35)" in verdict_lines(Comparison(tuple(rows), {}, {}, 10))[1]
    assert "No verdict" in verdict_lines(Comparison(tuple(rows[:3]), {}, {}, 10))[0]
