"""Losses against their equations, computed another way."""

from __future__ import annotations

import numpy as np
import torch

from ritornello.motifs.losses import many_positives, triplet, vicreg


def test_vicreg_is_its_three_terms() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(7, 4)) * 0.5, rng.normal(size=(7, 4))
    expected = 25 * np.mean((first - second) ** 2)
    for view in (first, second):
        covariance = np.cov(view.T)
        expected += 25 / 2 * np.maximum(0, 1 - np.sqrt(np.diag(covariance) + 1e-4)).mean()
        expected += (covariance**2).sum() / 4 - (np.diag(covariance) ** 2).sum() / 4
    assert np.isclose(float(vicreg(torch.from_numpy(first), torch.from_numpy(second))), expected)


def test_vicreg_of_constant_vectors_asks_for_variance() -> None:
    same = torch.ones(5, 3)
    assert np.isclose(float(vicreg(same, same)), 25 * (1 - 1e-2), atol=1e-4)


def test_triplets_are_satisfied_beyond_the_margin() -> None:
    anchor, near, far = torch.zeros(2, 3), torch.zeros(2, 3), torch.full((2, 3), 4.0)
    assert float(triplet(anchor, near, far)) == 0
    assert np.isclose(float(triplet(anchor, far, near)), 4 * 3**0.5 + 1, atol=1e-4)


def test_many_positives_is_the_mean_share_of_the_positives() -> None:
    vectors = torch.nn.functional.normalize(torch.randn(6, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    group = torch.tensor([0, 0, 0, 1, 1, 2])
    positive = group[:, None] == group[None]
    expected = []
    for row in range(5):  # the sixth has no positive
        others = [other for other in range(6) if other != row]
        scores = {other: float(vectors[row] @ vectors[other]) / 0.1 for other in others}
        total = np.log(sum(np.exp(score) for score in scores.values()))
        expected.append(np.mean([total - scores[other] for other in others if group[other] == group[row]]))
    assert np.isclose(float(many_positives(vectors, positive)), np.mean(expected), atol=1e-5)


def test_a_batch_without_positives_has_no_loss() -> None:
    itself = torch.eye(3, dtype=torch.bool)
    assert float(many_positives(torch.eye(3), itself)) == 0
