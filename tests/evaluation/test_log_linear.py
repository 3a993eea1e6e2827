"""The fit of log-linear choices: it recovers what made the choices, and its penalty pulls to the target."""

from __future__ import annotations

import numpy as np

from ritornello.evaluation.log_linear import fit_choice


def drawn(rng: np.random.Generator, weights: np.ndarray, bias: np.ndarray, n: int = 4000, candidates: int = 3):  # type: ignore[no-untyped-def]
    features = rng.normal(size=(n, candidates, len(weights)))
    scores = features @ weights + bias
    noise = rng.gumbel(size=scores.shape)
    best = (scores + noise).reshape(n, -1).argmax(axis=1)
    return features, best // weights.shape[1], best % weights.shape[1]


def test_weights_are_recovered() -> None:
    rng = np.random.default_rng(0)
    weights, bias = np.array([[1.0, -0.5], [0.0, 2.0]]), np.array([0.0, 0.7])
    features, chosen, output = drawn(rng, weights, bias)
    found, found_bias = fit_choice(features, chosen, 1e-6, 2, output)
    assert np.allclose(found, weights, atol=0.15)
    assert np.allclose(found_bias, bias, atol=0.15)


def test_missing_candidates_are_never_chosen_and_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    features, chosen, _ = drawn(rng, np.array([[1.0], [-1.0]]), np.zeros(1), 500)
    padded = np.concatenate([features, np.full((500, 2, 2), np.nan)], axis=1)
    assert np.allclose(fit_choice(features, chosen, 1e-3)[0], fit_choice(padded, chosen, 1e-3)[0], atol=1e-4)


def test_a_heavy_penalty_stays_at_its_target() -> None:
    rng = np.random.default_rng(2)
    features, chosen, _ = drawn(rng, np.array([[1.0], [-1.0]]), np.zeros(1), 200)
    target = np.array([[3.0], [4.0]])
    assert np.allclose(fit_choice(features, chosen, 1e6, towards=target)[0], target, atol=1e-3)
    assert np.abs(fit_choice(features, chosen, 1e6)[0]).max() < 1e-3


def test_sample_weights_choose_who_is_heard() -> None:
    features = np.array([[[1.0], [0.0]], [[1.0], [0.0]]])
    chosen = np.array([0, 1])
    found, _ = fit_choice(features, chosen, 1e-3, sample_weight=np.array([1.0, 1e-9]))
    assert found[0, 0] > 1
