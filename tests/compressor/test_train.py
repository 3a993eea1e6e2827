"""What the recipe of the networks does in a step: kept statistics, an upright start, a scaled knob."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ritornello.compressor import train
from ritornello.compressor.data import HeldPair
from ritornello.compressor.networks import NETWORKS, make_network
from ritornello.compressor.pretrained import load_run
from ritornello.compressor.train import SHORT, SegmentTask

RECIPE = replace(SHORT, steps=2, segment=2**12, validate_every=1)


def _pairs() -> list[HeldPair]:
    source = (0.3 * np.random.default_rng(0).standard_normal(3 * 2**12)).astype(np.float32)
    return [HeldPair(source, 0.5 * source, False, 50.0)]


def test_statistics_of_batch_norm_are_kept_after_the_first_batches() -> None:
    task = SegmentTask(_pairs(), replace(RECIPE, norm_batches=2))
    network = make_network(NETWORKS["s4-16-4"]).train()
    norm = next(module for module in network.modules() if isinstance(module, nn.BatchNorm1d))
    assert norm.running_mean is not None
    seen = []
    for step in range(4):
        network.train()  # as after a validation
        task.loss(network, task.batches(step, 0, 1)[0])
        seen.append(norm.running_mean.clone())
    assert not torch.equal(seen[0], seen[1])
    assert torch.equal(seen[1], seen[2]) and torch.equal(seen[2], seen[3])


@pytest.mark.parametrize("name", ["s4-16-4", "lstm-32"])
def test_a_network_begins_upright(name: str) -> None:
    task = SegmentTask(_pairs(), RECIPE)
    source, target, setting = task.batches(0, 0, 1)[0]
    for seed in range(4):
        torch.manual_seed(seed)
        network = make_network(NETWORKS[name])
        train._set_upright(network, task)
        with torch.no_grad():
            output = network(source, setting)
        assert float(((output - output.mean(1, keepdim=True)) * target).sum()) > 0


def test_the_scale_of_the_knob_is_kept_with_the_weights(tmp_path: Path) -> None:
    train.train("s4-16-4", _pairs(), _pairs(), replace(RECIPE, reduction_scale=0.02), tmp_path)
    assert load_run(tmp_path).config.reduction_scale == 0.02
