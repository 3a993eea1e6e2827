from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom

from ritornello.errors import ArgumentError, ReadError
from ritornello.evaluation.listening import Answers, Protocol, analyze, simulate
from ritornello.evaluation.listening.analysis import verdict
from ritornello.evaluation.listening.protocol import Piece, Trial
from ritornello.evaluation.listening.questions import parse_questions
from ritornello.evaluation.statistics import crossed_estimate, proportion_interval, ratio_estimate

from .conftest import paired_test


def said(test: Protocol, rater: str, advantage: Callable[[Trial], int]) -> Answers:
    """Return answers with a preference -2..2 for the condition's piece, and likings 2 for human, 2 + it for ours."""
    values = {}
    for trial in test.trials:
        value = advantage(trial)
        likings = tuple(3 if piece.condition == "human" else 3 + value for piece in trial.pieces)
        values[trial.name] = {"preference": (3 + value if trial.place else 3 - value,), "liking": likings}
    return Answers(rater, test.id, values, {})


def test_verdicts_are_those_of_the_interval() -> None:
    assert verdict(0.5, 0.7) == ">= 50 % shown"
    assert verdict(0.49, 0.51) == verdict(0.4, 0.5) == "consistent with 50 %"
    assert verdict(0.3, 0.499) == "below 50 %"


def test_shares_and_intervals_are_counted_by_hand() -> None:
    test = paired_test(pairs=10, repeats=2, human=1)
    # Worse in the first four pairs, as good in two, better in four; Bert finds all as good.
    values = dict(zip((f"t{n:03}" for n in range(1, 11)), (-2, -1, -1, -2, 0, 0, 1, 1, 2, 1), strict=True))
    anna = said(test, "anna", lambda trial: values.get(trial.name, 0))
    bert = said(test, "bert", lambda trial: 0)
    found = analyze([test], [anna, bert])
    ours = found["conditions"]["ours"]
    assert (ours["pairs"], ours["raters"], ours["pieces"]) == (20, 2, 10)
    assert (ours["better"], ours["as_good"], ours["worse"]) == (4, 12, 4)
    assert ours["as_good_or_better"] == 0.8
    assert ours["wilson_95"] == list(proportion_interval(16, 20))
    assert ours["clopper_pearson_95"] == pytest.approx([0.5634, 0.9427], abs=1e-4)  # tables of the binomial
    assert ours["raters_95"] == pytest.approx([0.6, 1.0])
    assert ours["verdict"] == ">= 50 % shown"
    assert ours["preference"]["mean"] == pytest.approx(-1 / 20)
    assert ours["liking_human"]["mean"] == 3 and ours["liking"]["mean"] == pytest.approx(3 - 1 / 20)
    assert ours["liking_difference"]["mean"] == pytest.approx(-1 / 20)
    assert found["human_pairs"] == {"pairs": 2, "as_good": 2, "as_good_or_better": 1.0}
    assert found["raters"] == 2 and found["judgements"] == 26


def test_answers_without_listening_are_counted_and_told() -> None:
    test = paired_test(pairs=3, repeats=1)
    answers = Answers("anna", test.id, said(test, "anna", lambda _: 0).values, {"t001": (60, 5), "t002": (60, 4.9)})
    assert analyze([test], [answers])["judgements_little_heard"] == len(test.trials) - 1


def test_repeats_tell_how_far_a_rater_agrees_with_itself() -> None:
    test = paired_test(pairs=10, repeats=2)
    first = test.trials[0].name
    # Of two pairs heard again the first is judged alike, the second the other way round.
    anna = said(test, "anna", lambda trial: 1 if trial.kind != "repeat" else (2 if trial.repeats == first else -1))
    again = analyze([test], [anna])["repeats"]["preference"]
    assert again["repeats"] == 2
    assert (again["same_side"]["share"], again["same_answer"]["share"], again["within_one_step"]["share"]) == (
        0.5,
        0,
        0.5,
    )
    assert analyze([test], [anna])["conditions"]["ours"]["pairs"] == 10


def test_who_always_says_a_is_seen_by_the_sides() -> None:
    test = paired_test(pairs=10)
    found = analyze([test], [said(test, "anna", lambda trial: -1 if trial.place else 1)])
    assert found["sides"]["first"] == 1.0 and found["sides"]["preferences"] == 11
    assert found["conditions"]["ours"]["as_good_or_better"] == 0.5
    assert "raters_95" not in found["conditions"]["ours"]  # one rater says nothing about how raters differ


def test_order_of_raters_and_of_tests_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    tests = [paired_test(pairs=8, conditions=("ours", "base")), paired_test(pairs=6, conditions=("ours", "base"))]
    answers = [said(t, r, lambda _: int(rng.integers(-2, 3))) for t in tests for r in ("anna", "bert", "carl")]
    one, other = analyze(tests, answers), analyze(tests[::-1], answers[::-1])
    assert one["conditions"] == other["conditions"] and one["raters"] == 3
    assert set(one["conditions"]) == {"ours", "base"}
    assert one["conditions"]["ours"]["pairs"] == 3 * (4 + 3)


def rated_test() -> Protocol:
    trials = [
        Trial(f"t{n:03}", "piece", (Piece(f"c{n:03}", "human" if n % 2 else "ours", f"song-{n}", 0.0, 60.0),))
        for n in range(1, 9)
    ]
    trials.append(Trial("t009", "repeat", trials[0].pieces, "t001"))
    return Protocol("rated", parse_questions(("liking",), "rated"), tuple(trials), {}, {})


def test_ratings_are_averaged_by_condition() -> None:
    test = rated_test()
    values = {t.name: {"liking": (4 if t.condition == "human" else 2,)} for t in test.trials}
    found = analyze([test], [Answers(rater, test.id, values, {}) for rater in ("anna", "bert")])
    assert found["conditions"]["human"]["liking"] == {"mean": 4.0, "low": 4.0, "high": 4.0}
    assert found["conditions"]["ours"]["liking"]["mean"] == 2.0
    assert found["conditions"]["ours"]["ratings"] == 8 and found["conditions"]["ours"]["pieces"] == 4
    assert found["repeats"]["liking"]["same_answer"]["share"] == 1.0
    assert "human_pairs" not in found and "sides" not in found


def test_tests_that_ask_differently_are_not_counted_together() -> None:
    with pytest.raises(ReadError, match="do not ask the same"):
        analyze([paired_test(), rated_test()], [])


def test_a_crossed_mean_is_wider_than_one_over_raters_alone_and_covers() -> None:
    rng = np.random.default_rng(0)
    covered = []
    for seed in range(60):
        values = 3 + rng.normal(0, 0.5, (12, 1)) + rng.normal(0, 0.5, (1, 15)) + rng.normal(0, 0.5, (12, 15))
        crossed = crossed_estimate(values, np.ones_like(values), seed)
        over_raters = ratio_estimate(values.sum(axis=1), np.full(12, 15.0), seed)
        assert crossed.value == pytest.approx(over_raters.value)
        assert crossed.high - crossed.low > over_raters.high - over_raters.low
        covered.append(crossed.low <= 3 <= crossed.high)
    assert np.mean(covered) >= 0.88
    sparse = crossed_estimate([[4.0, 0.0], [0.0, 0.0]], [[1, 0], [0, 0]])
    assert (sparse.value, sparse.low, sparse.high) == (4.0, 4.0, 4.0)
    for sums, sizes in (([[1.0]], [[0]]), ([[np.nan]], [[1]]), ([[1.0, 2.0]], [[1]])):
        with pytest.raises(ArgumentError):
            crossed_estimate(sums, sizes)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.6, 0.8])
def test_wilson_covers_the_known_share(share: float) -> None:
    # The self-test of the kit: 2,000 tests of 200 pairs by raters who are alike.
    found = simulate(share, pairs=200, raters=10, runs=2000, seed=0)
    assert 0.93 <= found["wilson_covers"] <= 0.97
    assert found["clopper_pearson_covers"] >= 0.945
    assert sum(found["verdicts"].values()) == pytest.approx(1)


def test_coverage_is_that_of_the_binomial() -> None:
    counts = np.arange(201)
    inside = [low <= 0.5 <= high for low, high in (proportion_interval(int(n), 200) for n in counts)]
    exact = float(binom.pmf(counts, 200, 0.5)[inside].sum())
    assert simulate(0.5, runs=200_000, raters=4)["wilson_covers"] == pytest.approx(exact, abs=0.002)


def test_the_width_is_that_of_the_plan_and_raters_who_differ_are_covered_less() -> None:
    assert simulate(0.5, pairs=100, runs=500)["wilson_half_width"] == pytest.approx(0.10, abs=0.01)
    assert simulate(0.5, pairs=400, runs=500)["wilson_half_width"] == pytest.approx(0.05, abs=0.005)
    assert simulate(0.5, spread=0.2, runs=2000)["wilson_covers"] < 0.85
    assert simulate(0.7, pairs=400, runs=500)["verdicts"][">= 50 % shown"] > 0.99
    assert simulate(0.0, runs=10)["verdicts"]["below 50 %"] == 1.0


@pytest.mark.parametrize(
    "options",
    [{"share": 1.1}, {"share": float("nan")}, {"pairs": 0}, {"raters": 201}, {"runs": 0}, {"spread": 0.5},
     {"spread": -0.1}, {"seed": -1}, {"runs": 1_000_000, "raters": 200}],
)  # fmt: skip
def test_simulations_out_of_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ArgumentError, match="--"):
        simulate(**options)  # type: ignore[arg-type]
