from __future__ import annotations

from collections import Counter
from itertools import product

import numpy as np

from ritornello.imitation.sampling import backward_messages, draw, sample_chain


def test_draw_follows_the_weights() -> None:
    rng = np.random.default_rng(0)
    weights = np.array([0.0, 1.0, 3.0, 0.0])
    counts = Counter(draw(weights, rng) for _ in range(4000))
    assert set(counts) == {1, 2}
    assert abs(counts[2] / 4000 - 0.75) < 0.03
    assert draw(np.zeros(3), rng) == 0


def test_chain_is_drawn_from_its_exact_distribution() -> None:
    rng = np.random.default_rng(0)
    first = np.array([0.7, 0.3])
    transitions = [np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([[0.2, 0.8], [0.5, 0.5]])]
    potentials = [np.array([1.0, 1.0]), np.array([1.0, 2.0]), np.array([0.0, 1.0])]
    exact = {}
    for a, b, c in product(range(2), repeat=3):
        weight = first[a] * transitions[0][a, b] * transitions[1][b, c]
        exact[a, b, c] = weight * potentials[0][a] * potentials[1][b] * potentials[2][c]
    total = sum(exact.values())
    counts = Counter(tuple(sample_chain(first, transitions, potentials, rng)[0]) for _ in range(8000))
    for states, weight in exact.items():
        assert abs(counts[states] / 8000 - weight / total) < 0.02


def test_backward_messages_sum_over_all_futures() -> None:
    rng = np.random.default_rng(2)
    tensor, potentials = rng.random((3, 3, 3)), rng.random((3, 3))
    last = rng.random((3, 3))
    messages = backward_messages(tensor, potentials, last)
    exact = np.zeros((3, 3))
    for before, now, second, third in product(range(3), repeat=4):
        weight = tensor[before, now, second] * potentials[1, second] * tensor[now, second, third]
        exact[before, now] += weight * potentials[2, third] * last[second, third]
    np.testing.assert_allclose(messages[0], exact / exact.max())
