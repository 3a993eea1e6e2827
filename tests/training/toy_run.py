"""A small run of the fit loop, in this process or another: `python tests/training/toy_run.py FOLDER [kill]`.

The task is a network with dropout that learns sums of random rows. Its examples are a function of the step;
micro-batches hold unequal numbers of targets, so that a mean over micro-batches would be wrong.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ritornello.training.fit import FitConfig, Precision, fit, leave, muon_and_adamw

STEPS = 12
KILL_AT = 8
EXAMPLES = 4
SIZE = 8

Batch = tuple[Tensor, Tensor]


@dataclass
class Sums:
    """The task: the sum of each row.

    Attributes:
        micro_batch: examples of a micro-batch.
        kill_at: the step at which the process kills itself, as a machine that fails would.
        processes: how many there have to be.
    """

    micro_batch: int = 1
    kill_at: int | None = None
    processes: int = 1

    def batches(self, step: int, process: int, processes: int) -> Sequence[Batch]:
        if step == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if processes != self.processes:
            raise RuntimeError(f"{processes} processes")
        examples = []
        for index in range(process, EXAMPLES, processes):
            generator = torch.Generator().manual_seed(100 * step + index)
            rows = torch.randn(3 + 5 * index, SIZE, generator=generator)
            examples.append((rows, rows.sum(1, keepdim=True)))
        size = self.micro_batch
        groups = [examples[place : place + size] for place in range(0, len(examples), size)]
        return [(torch.cat([x for x, _ in group]), torch.cat([y for _, y in group])) for group in groups]

    def targets(self, batch: Batch) -> int:
        return len(batch[1])

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        return ((model(batch[0]).float() - batch[1]) ** 2).sum()


def make(dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Linear(SIZE, 16), nn.GELU(), nn.Dropout(dropout), nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 1)
    )


def run(
    folder: Path,
    task: Sums,
    *,
    dropout: float = 0.0,
    plain_descent: bool = False,
    precision: Precision = "no",
    steps: int = STEPS,
) -> nn.Module:
    """Fit the network, by Muon and AdamW as Museformer is, or by plain gradient descent."""
    model = make(dropout)
    rate = 0.02
    optimizers = (
        [torch.optim.SGD(model.parameters(), lr=rate)] if plain_descent else muon_and_adamw(model, rate, 0.01, ("5.",))
    )
    config = FitConfig(steps, rate, warmup_steps=2, decay_share=0.25, precision=precision, save_every=3, seed=7)
    return fit(model, optimizers, task, config, folder, validate=lambda _: {"size": float(SIZE)})


def weights(model: nn.Module) -> Tensor:
    return torch.cat([value.detach().flatten() for value in model.parameters()])


def log(folder: Path) -> list[dict[str, float]]:
    """The log's lines without the clock."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


if __name__ == "__main__":
    if sys.argv[2:] == ["kill"]:
        run(Path(sys.argv[1]), Sums(kill_at=KILL_AT), dropout=0.3)
    else:
        run(Path(sys.argv[1]), Sums(processes=2), plain_descent=True)
        leave()
