"""Simulated raters: whether the intervals hold, and what a test of some size can show, before anybody listens."""

from __future__ import annotations

from typing import Any

import numpy as np

from ritornello.errors import ArgumentError
from ritornello.evaluation.listening.analysis import BELOW, CONSISTENT, SHOWN, verdict
from ritornello.evaluation.statistics import proportion_interval

MAX_PAIRS, MAX_RUNS, MAX_RATERS = 100_000, 1_000_000, 10_000


def simulate(
    share: float = 0.5, *, pairs: int = 200, raters: int = 10, spread: float = 0.0, runs: int = 2000, seed: int = 0
) -> dict[str, Any]:
    """Simulate tests whose true share is known.

    Each run is one test: the pairs are dealt to the raters in turn; a rater finds each pair as good as or better than
    people with a probability of its own, which is drawn from a beta distribution around the true share.

    Args:
        share: true share of pairs as good as or better than people, 0..1.
        pairs: judged pairs in a test, over all raters.
        raters: raters in a test.
        spread: standard deviation of the share between raters; 0 if all are alike.
        runs: simulated tests.
        seed: of the chance.

    Returns:
        How often Wilson's and the exact interval cover the true share, Wilson's mean half-width, and how often each
        verdict comes out.

    Raises:
        ArgumentError: if an argument is out of range.
    """
    _check(share, pairs, raters, spread, runs, seed)
    rng = np.random.default_rng(seed)
    if spread:
        weight = share * (1 - share) / spread**2 - 1  # of the beta distribution with this mean and deviation
        shares = rng.beta(share * weight, (1 - share) * weight, (runs, raters))
    else:
        shares = np.full((runs, raters), share)
    each = np.full(raters, pairs // raters) + (np.arange(raters) < pairs % raters)
    counts = rng.binomial(each, shares).sum(axis=1)
    found, how_often = np.unique(counts, return_counts=True)
    covered = {"wilson": 0, "exact": 0}
    verdicts = dict.fromkeys((SHOWN, CONSISTENT, BELOW), 0)
    width = 0.0
    for count, times in zip(found.tolist(), how_often.tolist(), strict=True):
        wilson, exact = (proportion_interval(count, pairs, method=method) for method in ("wilson", "exact"))
        covered["wilson"] += times * (wilson[0] <= share <= wilson[1])
        covered["exact"] += times * (exact[0] <= share <= exact[1])
        verdicts[verdict(*wilson)] += times
        width += times * (wilson[1] - wilson[0]) / 2
    return {
        "share": share, "pairs": pairs, "raters": raters, "spread": spread, "runs": runs, "seed": seed,
        "wilson_covers": covered["wilson"] / runs, "clopper_pearson_covers": covered["exact"] / runs,
        "wilson_half_width": width / runs,
        "verdicts": {name: times / runs for name, times in verdicts.items()},
    }  # fmt: skip


def _check(share: float, pairs: int, raters: int, spread: float, runs: int, seed: int) -> None:
    if not 0 <= share <= 1:
        raise ArgumentError(f"--share {share:g} is out of range; it goes from 0 to 1")
    for name, value, most in (("pairs", pairs, MAX_PAIRS), ("raters", raters, MAX_RATERS), ("runs", runs, MAX_RUNS)):
        if not 1 <= value <= most:
            raise ArgumentError(f"--{name} {value} is out of range; it goes from 1 to {most}")
    if raters > pairs:
        raise ArgumentError(f"--raters {raters} is more than --pairs {pairs}; each rater judges at least one pair")
    if runs * raters > 50_000_000:
        raise ArgumentError(
            f"--runs {runs} with --raters {raters} is too much; use at most 50000000 raters in all runs"
        )
    limit = (share * (1 - share)) ** 0.5
    if spread and not 0 < spread < limit:
        raise ArgumentError(f"--spread {spread:g} is out of range; around a share of {share:g} it is below {limit:.2g}")
    if seed < 0:
        raise ArgumentError(f"--seed {seed} is out of range; give a whole number from 0 on")
