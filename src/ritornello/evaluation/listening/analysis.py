"""What the raters say: shares against people, means, and whether the raters can be relied on, all with intervals.

A pair counts for a condition where its piece was found as good as or better than the song by people. The share has
Wilson's and Clopper and Pearson's 95 % intervals, which take every pair for independent, and a bootstrap interval for
which raters are drawn whole: with few raters who differ it is wider and the one to believe. Means have a bootstrap over
raters and pieces at once. Repeats are left out of all of that; they tell how far raters agree with themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ritornello.errors import ReadError
from ritornello.evaluation.listening.answers import Answers
from ritornello.evaluation.listening.items import HUMAN
from ritornello.evaluation.listening.judgements import Judgement, judgements
from ritornello.evaluation.listening.protocol import Protocol
from ritornello.evaluation.listening.questions import PREFERENCE
from ritornello.evaluation.statistics import Estimate, crossed_estimate, proportion_interval, ratio_estimate

LITTLE_S = 5.0
"""A trial of which a piece was listened to for less than this, in seconds, is counted, and reported."""

SHOWN, CONSISTENT, BELOW = ">= 50 % shown", "consistent with 50 %", "below 50 %"
"""The verdicts."""


def verdict(low: float, high: float) -> str:
    """Return what an interval of the share of pairs as good as or better than people says about one half.

    Args:
        low: its low end, 0..1.
        high: its high end.
    """
    if low >= 0.5:
        return SHOWN
    return CONSISTENT if high >= 0.5 else BELOW


def analyze(tests: Sequence[Protocol], answers: Sequence[Answers], seed: int = 0) -> dict[str, Any]:
    """Count and average the answers to one test, or to several with the same questions.

    Args:
        tests: the tests, at least one.
        answers: the answers of all raters, at least one; a rater of the same name in two tests counts as one.
        seed: of the bootstrap.

    Returns:
        Plain data: ``raters``, ``judgements`` and how many of them came with less than `LITTLE_S` of listening,
        ``conditions`` with shares and means, ``repeats``, and of a paired test ``human_pairs`` and ``sides``.

    Raises:
        ReadError: if the tests do not ask the same.
    """
    if any((test.mode, test.questions) != (tests[0].mode, tests[0].questions) for test in tests):
        raise ReadError("the tests do not ask the same questions; analyse them one by one")
    rows = judgements(tests, answers)
    kept = [row for row in rows if row.kind != "repeat"]
    is_paired = tests[0].mode == "paired"
    names = sorted({name for test in tests for name in test.conditions})
    conditions = {}
    for name in names if is_paired else [HUMAN, *names]:
        own = [row for row in kept if name in (row.condition, row.against)]
        if own:
            conditions[name] = _against_people(own, name, seed) if is_paired else _ratings(own, seed)
    result: dict[str, Any] = {
        "mode": tests[0].mode, "tests": [test.id for test in tests], "raters": len({row.rater for row in rows}),
        "judgements": len({(row.rater, row.test, row.trial) for row in rows}), "conditions": conditions,
        "judgements_little_heard": len({(r.rater, r.test, r.trial) for r in rows if r.heard_s < LITTLE_S}),
        "repeats": _repeats(rows),
    }  # fmt: skip
    if is_paired:
        preferences = [row for row in kept if row.question == PREFERENCE.name]
        result["human_pairs"] = _human_pairs(preferences)
        result["sides"] = _sides(preferences)
    return result


def _against_people(rows: Sequence[Judgement], condition: str, seed: int) -> dict[str, Any]:
    preferences = [row for row in rows if row.question == PREFERENCE.name]
    result: dict[str, Any] = {
        "pairs": len(preferences), "raters": len({row.rater for row in rows}),
        "pieces": len({row.item for row in rows if row.condition == condition}),
    }  # fmt: skip
    if preferences:
        result |= _share(preferences, seed)
        result["preference"] = _mean(preferences, seed)
    others = {row.question for row in rows} - {PREFERENCE.name}
    for question in sorted(others):
        asked = [row for row in rows if row.question == question]
        result[question] = _mean([row for row in asked if row.condition == condition], seed)
        people = [row for row in asked if row.condition == HUMAN]
        if people:
            result[f"{question}_human"] = _mean(people, seed)
            result[f"{question}_difference"] = _mean(_differences(asked, condition), seed)
    return {name: value for name, value in result.items() if value is not None}


def _share(preferences: Sequence[Judgement], seed: int) -> dict[str, Any]:
    pairs = len(preferences)
    good = sum(row.value >= 0 for row in preferences)
    wilson, exact = (proportion_interval(good, pairs, method=method) for method in ("wilson", "exact"))
    raters = sorted({row.rater for row in preferences})
    sums = [sum(row.value >= 0 for row in preferences if row.rater == rater) for rater in raters]
    sizes = [sum(row.rater == rater for row in preferences) for rater in raters]
    by_rater = ratio_estimate(sums, sizes, seed)
    return {
        "better": sum(row.value > 0 for row in preferences),
        "as_good": sum(row.value == 0 for row in preferences),
        "worse": sum(row.value < 0 for row in preferences),
        "as_good_or_better": good / pairs,
        "wilson_95": list(wilson),
        "clopper_pearson_95": list(exact),
        # One rater says nothing about how raters differ.
        "raters_95": [by_rater.low, by_rater.high] if len(raters) > 1 else None,
        "verdict": verdict(*wilson),
        "verdict_raters": verdict(by_rater.low, by_rater.high) if len(raters) > 1 else None,
    }


def _ratings(rows: Sequence[Judgement], seed: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ratings": len({(row.rater, row.test, row.trial) for row in rows}),
        "raters": len({row.rater for row in rows}), "pieces": len({row.item for row in rows}),
    }  # fmt: skip
    for question in sorted({row.question for row in rows}):
        result[question] = _mean([row for row in rows if row.question == question], seed)
    return result


def _differences(rows: Sequence[Judgement], condition: str) -> list[Judgement]:
    """Return the rows of a condition's pieces with what the song by people in the same pair got taken off."""
    people = {(row.rater, row.test, row.trial): row.value for row in rows if row.condition == HUMAN}
    return [
        replace(row, value=row.value - people[row.rater, row.test, row.trial])
        for row in rows
        if row.condition == condition and (row.rater, row.test, row.trial) in people
    ]


def _mean(rows: Sequence[Judgement], seed: int) -> dict[str, float] | None:
    """Return the mean of the values with its interval over raters and pieces, both drawn anew."""
    if not rows:
        return None
    raters = {name: index for index, name in enumerate(sorted({row.rater for row in rows}))}
    items = {name: index for index, name in enumerate(sorted({row.item for row in rows}))}
    sums, sizes = np.zeros((len(raters), len(items))), np.zeros((len(raters), len(items)))
    for row in rows:
        sums[raters[row.rater], items[row.item]] += row.value
        sizes[raters[row.rater], items[row.item]] += 1
    return _as_dict(crossed_estimate(sums, sizes, seed))


def _as_dict(estimate: Estimate) -> dict[str, float]:
    return {"mean": estimate.value, "low": estimate.low, "high": estimate.high}


def _repeats(rows: Sequence[Judgement]) -> dict[str, Any] | None:
    """Return how often a rater said the same about the same trial heard again."""
    first = {(r.rater, r.test, r.trial, r.question, r.condition): r.value for r in rows if r.kind != "repeat"}
    twice = [
        (row.question, first[row.rater, row.test, row.repeats, row.question, row.condition], row.value)
        for row in rows
        if (row.rater, row.test, row.repeats, row.question, row.condition) in first
    ]
    if not twice:
        return None
    result: dict[str, Any] = {}
    for question in sorted({question for question, _, _ in twice}):
        values = [(one, other) for asked, one, other in twice if asked == question]
        result[question] = {
            "repeats": len(values),
            "same_answer": _counted(values, lambda one, other: one == other),
            "within_one_step": _counted(values, lambda one, other: abs(one - other) <= 1),
        }
        if question == PREFERENCE.name:
            result[question]["same_side"] = _counted(values, lambda one, other: np.sign(one) == np.sign(other))
    return result


def _counted(values: Sequence[tuple[int, int]], is_counted: Callable[[int, int], Any]) -> dict[str, Any]:
    count = sum(bool(is_counted(one, other)) for one, other in values)
    return {"share": count / len(values), "wilson_95": list(proportion_interval(count, len(values)))}


def _human_pairs(preferences: Sequence[Judgement]) -> dict[str, Any] | None:
    """Return how songs by people fare against each other, both sides counted: what equals can reach."""
    values = [row.value for row in preferences if row.kind == "human"]
    if not values:
        return None
    ties = sum(value == 0 for value in values)
    return {
        "pairs": len(values), "as_good": ties,
        # Of a pair that is no tie exactly one side is as good or better.
        "as_good_or_better": (len(values) + ties) / (2 * len(values)),
    }  # fmt: skip


def _sides(preferences: Sequence[Judgement]) -> dict[str, Any] | None:
    """Return how often A was preferred where one was: far from one half, raters answer the place, not the music."""
    for_a = [(row.value > 0) == (row.side == "A") for row in preferences if row.value]
    if not for_a:
        return None
    return {
        "preferences": len(for_a), "first": sum(for_a) / len(for_a),
        "wilson_95": list(proportion_interval(sum(for_a), len(for_a))),
    }  # fmt: skip
