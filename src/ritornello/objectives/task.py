"""What objectives are compared on: a task gives a network, batches and held-out data; a profile says how much of it.

The room of this module stands between the training loop and the systems: it knows no system, so a task that belongs to
one (the next token of Museformer) is made by that system and handed in by the application.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn

from ritornello.errors import ArgumentError
from ritornello.training.optimizers import decay_groups

Split = Literal["validation", "test"]
ProfileName = Literal["quick", "full"]
OptimizerName = Literal["sgd", "adamw"]

IGNORED = -100
"""Label of positions that do not count."""

GRID_FACTOR = 10**0.5
"""Neighbouring learning rates of a grid differ by it."""


QUICK_LOSSES = ("cross_entropy", "centred_z_loss", "linear_mse", "expgb")
"""Compared by the quick profiles; the full ones compare all."""

FULL_BUDGETS = (0.25, 0.5, 1.0, 2.0)
"""Shares of the steps for which the full profiles measure final accuracy."""


@dataclass(frozen=True)
class Profile:
    """How large a comparison is.

    Attributes:
        name: ``quick`` (an hour on a few cores) or ``full`` (an accelerator).
        losses: names of objectives, cross-entropy first.
        steps: steps of a run.
        validate_every: steps between looks at the validation split.
        warmup_steps: steps over which the rate rises.
        middle_rate: the default learning rate, the middle of the grid.
        rates: learning rates of the grid, an odd number.
        decays: weight decays of the grid.
        retried: how many of the best settings of each objective are tried again...
        retries: ... with so many more seeds.
        budgets: shares of ``steps`` for which final accuracy is measured.
        extensions: how often the grid may grow.
    """

    name: ProfileName
    losses: tuple[str, ...]
    steps: int
    validate_every: int
    warmup_steps: int
    middle_rate: float
    rates: int = 7
    decays: tuple[float, ...] = (5e-4,)
    retried: int = 3
    retries: int = 2
    budgets: tuple[float, ...] = (1.0,)
    extensions: int = 3

    def __post_init__(self) -> None:
        if min(self.steps, self.validate_every, self.rates, self.retried) < 1 or self.warmup_steps < 0:
            raise ArgumentError("steps, validate_every, rates and retried are at least 1, warmup_steps at least 0")

    @property
    def grid(self) -> tuple[float, ...]:
        """The learning rates, rising."""
        half = self.rates // 2
        return tuple(self.rate_at(place) for place in range(-half, half + 1))

    def rate_at(self, place: int) -> float:
        """Return the learning rate so many places above the middle of the grid, to three digits."""
        return float(f"{self.middle_rate * GRID_FACTOR**place:.3g}")

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON data."""
        return dataclasses.asdict(self)


Batch = tuple[Any, Tensor]
"""What a network takes, and class indices; `IGNORED` where a position does not count."""


class Task(Protocol):
    """A classification on which objectives are compared."""

    @property
    def name(self) -> str:
        """Its name on the command line."""

    @property
    def title(self) -> str:
        """What it is, for a heading."""

    @property
    def classes(self) -> int:
        """K."""

    @property
    def class_dim(self) -> int:
        """Axis of the classes in the network's logits."""

    @property
    def optimizer(self) -> OptimizerName:
        """SGD with momentum .9, or AdamW."""

    @property
    def profile(self) -> Profile:
        """How large the comparison is."""

    def describe(self) -> dict[str, Any]:
        """Return what the data is, as JSON values: numbers of examples, not where they lie."""

    def network(self, objective: str) -> nn.Module:
        """Return a new network whose weights follow from torch's seed, its last layer as the objective needs it."""

    def training_batch(self, step: int, seed: int) -> Batch:
        """Return the batch of a step, which follows from step and seed alone: order and augmentation."""

    def held_out(self, split: Split) -> Iterator[Batch]:
        """Yield a held-out split in batches, always the same."""


def make_optimizer(name: OptimizerName, network: nn.Module, rate: float, decay: float) -> torch.optim.Optimizer:
    """Return the task's optimizer; biases and norms do not decay."""
    groups = decay_groups(network, decay)
    if name == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=0.9)
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))
