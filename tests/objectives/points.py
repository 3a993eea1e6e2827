"""A task of a second: points around a few centres, a linear layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from ritornello.nn.objectives import make_head
from ritornello.objectives.task import Batch, OptimizerName, Profile, Split

TINY = Profile(
    "quick", ("cross_entropy", "centred_z_loss", "linear_mse", "expgb"), steps=16, validate_every=4, warmup_steps=2,
    middle_rate=0.1, rates=3, retried=1, retries=1, budgets=(0.5, 1.0), extensions=1,
)  # fmt: skip


class Points:
    """See the module."""

    name = "points"
    title = "points"
    classes = 4
    class_dim = 1
    optimizer: OptimizerName = "sgd"

    def __init__(self, profile: Profile = TINY) -> None:
        self.profile = profile
        rng = np.random.default_rng(0)
        centres = rng.normal(size=(4, 6))
        self._data = {}
        for split, count in (("train", 200), ("validation", 100), ("test", 100)):
            labels = rng.integers(4, size=count)
            points = centres[labels] + 0.8 * rng.normal(size=(count, 6))
            self._data[split] = torch.from_numpy(points).float(), torch.from_numpy(labels)

    def describe(self) -> dict[str, Any]:
        return {split: len(labels) for split, (_, labels) in self._data.items()}

    def network(self, objective: str) -> nn.Module:
        return make_head(objective, 6, 4)

    def training_batch(self, step: int, seed: int) -> Batch:
        points, labels = self._data["train"]
        chosen = torch.from_numpy(np.random.default_rng((seed, step)).integers(200, size=16))
        return points[chosen], labels[chosen]

    def held_out(self, split: Split) -> Iterator[Batch]:
        points, labels = self._data[split]
        yield points[:60], labels[:60]
        yield points[60:], labels[60:]
