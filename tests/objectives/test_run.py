"""One run: paired at a seed, matched where it begins, measured as it is, honest about divergence."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from ritornello.nn.objectives import make_loss
from ritornello.objectives.run import RunSpec, matching_scale, measured, rate_share, train_once

from .points import TINY, Points

SPEC = RunSpec("cross_entropy", 0.1, 0.0, 0, 24)


def test_a_run_is_the_same_again_and_its_curve_rises() -> None:
    first, again = (train_once(Points(), SPEC) for _ in range(2))
    assert first["curve"] == again["curve"]
    assert [step for step, _ in first["curve"]] == [0, 4, 8, 12, 16, 20, 24]
    assert first["curve"][-1][1] > first["curve"][0][1] + 0.3
    assert "accuracy" not in first  # tuning does not look at the test split
    assert train_once(Points(), dataclasses.replace(SPEC, seed=1))["curve"] != first["curve"]


def test_objectives_begin_alike() -> None:
    curves = [train_once(Points(), dataclasses.replace(SPEC, objective=name))["curve"] for name in TINY.losses]
    assert len({curve[0][1] for curve in curves}) == 1
    assert len({str(curve) for curve in curves}) == len(curves)


def test_matched_gradients_are_as_large_as_those_of_cross_entropy() -> None:
    task = Points()
    torch.manual_seed(0)
    network = task.network("linear_mse")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    scale = matching_scale(task, network, make_loss("linear_mse"), 3)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    squares = dict.fromkeys(("cross_entropy", "linear_mse"), 0.0)
    for step in range(10):
        points, labels = task.training_batch(step, 3)
        for name in squares:
            z = network(points).detach().requires_grad_()
            factor = scale if name == "linear_mse" else 1.0
            (factor * make_loss(name)(z, labels)).backward()
            assert z.grad is not None
            squares[name] += float(z.grad.square().sum())
    assert squares["linear_mse"] == pytest.approx(squares["cross_entropy"], rel=1e-5)
    assert scale == pytest.approx(math.sqrt(0.75), rel=0.05)  # at z = 0 one is sqrt(1 - 1 / K), the other 1
    assert train_once(task, dataclasses.replace(SPEC, objective="linear_mse", matched=True))["scale"] < 0.95


def test_a_run_that_diverges_says_so() -> None:
    result = train_once(Points(), dataclasses.replace(SPEC, objective="linear_mse", rate=1e9, is_final=True))
    assert result["diverged"] and len(result["curve"]) < 7 and "accuracy" not in result


def test_schedules() -> None:
    assert rate_share(0, SPEC, 3) == 0.25 and rate_share(23, SPEC, 3) == 1
    cosine = dataclasses.replace(SPEC, schedule="cosine")
    shares = [rate_share(step, cosine, 3) for step in range(24)]
    assert shares[3] == max(shares) and shares[-1] < 0.01 and rate_share(12, cosine, 3) == pytest.approx(0.5)


def test_what_is_measured_on_the_test_split() -> None:
    task = Points()
    torch.manual_seed(0)
    network = task.network("expgb")
    found = measured(task, network, make_loss("expgb"))
    points, labels = (torch.cat(parts) for parts in zip(*task.held_out("test"), strict=True))
    z = network(points)
    assert found["accuracy"] == pytest.approx(float((z.argmax(-1) == labels).float().mean()))
    assert found["nll"] == pytest.approx(float(torch.nn.functional.cross_entropy(z, labels).detach()), rel=1e-5)
    assert found["mass"] == pytest.approx(float(z.exp().mean().detach()), rel=1e-5)
