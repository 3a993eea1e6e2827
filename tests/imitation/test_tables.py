from __future__ import annotations

import json

import numpy as np

from ritornello.imitation.tables import CountTable, Mixture


def table(*rows: tuple[tuple[object, ...], str, int]) -> CountTable:
    result = CountTable()
    for context, item, times in rows:
        result.add([context, ()], item, times)
    return result


def test_mixture_follows_the_formula_of_the_module() -> None:
    seed = table((("c",), "x", 3), (("c",), "y", 1))
    prior = table((("c",), "x", 1), (("c",), "z", 1))
    mixture = Mixture(seed, prior, ["x", "y", "z"], strength=0.8)
    # One context only, so S is the relative count; n = 4, mu = 4 * 0.2 / 0.8 = 1.
    expected = (4 * np.array([0.75, 0.25, 0]) + 1 * np.array([0.5, 0, 0.5])) / 5
    expected = 0.999 * expected + 0.001 / 3
    np.testing.assert_allclose(mixture.probabilities([("c",)], [("c",)]), expected, atol=1e-12)


def test_ends_of_the_scale_are_the_seed_and_the_prior() -> None:
    seed, prior = table((("c",), "x", 3)), table((("c",), "y", 3))
    alone = Mixture(seed, prior, ["x", "y"], strength=1.0).probabilities([("c",)], [("c",)])
    general = Mixture(seed, prior, ["x", "y"], strength=0.0).probabilities([("c",)], [("c",)])
    np.testing.assert_allclose(alone, [0.9995, 0.0005])
    np.testing.assert_allclose(general, [0.0005, 0.9995])


def test_longer_contexts_are_smoothed_by_shorter_ones_with_witten_bell_weights() -> None:
    counts = CountTable()
    counts.add([("a", "b"), ("b",)], "x", 2)
    counts.add([("b",)], "y", 2)
    index = {"x": 0, "y": 1}
    short = np.array([0.5, 0.5])
    estimate = counts.distribution([("a", "b"), ("b",)], index)
    # One type in the long context: (n x + t * short) / (n + t) with n = 2, t = 1.
    np.testing.assert_allclose(estimate, (np.array([2.0, 0.0]) + 1 * short) / 3)
    np.testing.assert_allclose(counts.distribution([("unseen", "b"), ("b",)], index), short)
    assert counts.distribution([("unseen",)], index) is None


def test_distributions_sum_to_one_and_nothing_is_impossible() -> None:
    rng = np.random.default_rng(1)
    seed, prior = CountTable(), CountTable()
    for counts in (seed, prior):
        for _ in range(200):
            a, b, item = rng.integers(0, 5, 3).tolist()
            counts.add([(a, b), (b,), ()], item)
    for strength in (0.0, 0.3, 0.8, 1.0):
        mixture = Mixture(seed, prior, list(range(6)), strength)
        for a in range(6):
            row = mixture.probabilities([(a, 1), (1,), ()], [(a, 1), (1,), ()])
            assert abs(row.sum() - 1) < 1e-9
            assert (row > 0).all()


def test_tables_survive_json() -> None:
    counts = CountTable()
    counts.add([("major", (7, "min7", 0), True), ("major",), ()], (0, "maj", 4), 5)
    counts.add([("major",), ()], "rare", 1)
    back = CountTable.from_json(json.loads(json.dumps(counts.to_json(least=2))))
    assert back.counts[("major", (7, "min7", 0), True)] == {(0, "maj", 4): 5.0}
    assert "rare" not in back.counts[("major",)]
    assert back.counts[()]["rare"] == 1.0
