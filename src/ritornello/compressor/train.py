"""The recipe of the black-box networks: the same pairs, segments, loss, steps and seeds for all of them.

The paper's recipe is 60 epochs of 1,474 steps of 32 segments of 1.49 s, AdamW at 1e-3 with no decay of the state-space
parameters and .01 elsewhere, the rate cut tenfold when validation stalls (`PAPER`). `SHORT`
fits a CPU; our schedule is warm-up and linear decay, as everywhere in the project. Polarity is
turned in half of the training segments, never in place and never in validation.

Three things make a short training with a batch of 2 do more of what the paper's does. Batch norm over two segments
would take their own level out of them, which is what a compressor must hear, and networks with it learned less than the
LSTM without it: its statistics are averaged over more batches and kept after the first of them (`Recipe.norm_batches`).
As the spectral part of the loss is blind to polarity, a network begins with the sign that its first output agrees with.
And Peak Reduction is scaled to 0 to 1 for S4 too, whose authors feed it raw (`Recipe.reduction_scale`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ritornello.compressor.data import Pair
from ritornello.compressor.losses import training_loss
from ritornello.compressor.networks import NETWORKS, LstmNetwork, S4Network, TcnNetwork, make_network
from ritornello.errors import ArgumentError
from ritornello.training.best import keeping_the_best
from ritornello.training.checkpoint import load_weights
from ritornello.training.fit import FitConfig, Task, Validate, fit
from ritornello.training.runs import BEST_FILE

_TRIES, _HEARD_RMS = 20, 1e-3  # a loss relative to a silent target has no measure


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: what the recipes of networks and of the residual have in common.

    Attributes:
        steps: optimizer steps.
        batch: examples a step.
        learning_rate: peak rate.
        weight_decay: of all parameters but those of state-space layers.
        warmup_steps: steps of linear warm-up.
        decay_share: share of the steps, at the end, over which the rate falls to zero.
        validate_every: steps between validations.
        seed: of weights and examples.
    """

    steps: int
    batch: int
    learning_rate: float
    weight_decay: float
    warmup_steps: int
    decay_share: float
    validate_every: int
    seed: int


@dataclass(frozen=True)
class Recipe(Schedule):
    """How a network is trained, on random segments.

    Attributes:
        segment: frames of a segment.
        flip_share: share of training segments whose polarity is turned.
        norm_batches: after so many batches the statistics of batch norm are kept as they are; None for never.
        norm_momentum: share of a batch in the running statistics of batch norm.
        reduction_scale: what every network's Peak Reduction is multiplied by; None for its authors' own.
    """

    steps: int = 5400
    segment: int = 2**15
    batch: int = 2
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    warmup_steps: int = 100
    decay_share: float = 0.6
    validate_every: int = 150
    flip_share: float = 0.5
    norm_batches: int | None = 300
    norm_momentum: float = 0.01
    reduction_scale: float | None = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.steps, self.batch) < 1 or self.segment < 2**12 or self.seed < 0:
            raise ArgumentError("steps and batch are at least 1, segment at least 4096 frames, seed at least 0")
        if not 0 <= self.flip_share <= 1:
            raise ArgumentError(f"flip_share {self.flip_share:g} is out of range; it goes from 0 to 1")


SHORT = Recipe()
"""For a CPU: twenty to fifty minutes of one core a network."""

PAPER = Recipe(
    steps=60 * 1474, segment=2**16, batch=32, learning_rate=1e-3, warmup_steps=0, decay_share=0.5, validate_every=1474,
    norm_batches=None, norm_momentum=0.1, reduction_scale=None,
)  # fmt: skip
"""The paper's amount of training, for a GPU."""

RECIPES = {"short": SHORT, "paper": PAPER}

Batch = tuple[Tensor, Tensor, Tensor]


class SegmentTask:
    """The task of the fit loop: compress random segments of the pairs.

    Args:
        pairs: the training pairs.
        recipe: see `Recipe`.

    Raises:
        ArgumentError: if no pair is as long as a segment.
    """

    def __init__(self, pairs: Sequence[Pair], recipe: Recipe) -> None:
        self.recipe = recipe
        self.pairs = [pair for pair in pairs if pair.frames >= recipe.segment]
        if not self.pairs:
            raise ArgumentError(f"no training pair has the {recipe.segment} frames of a segment")

    def batches(self, step: int, process: int, processes: int) -> Sequence[Batch]:
        """Return this process's share of a step's segments, as one micro-batch."""
        rng = np.random.default_rng([self.recipe.seed, step])
        rows = []
        for _ in range(self.recipe.batch):
            for _try in range(_TRIES):
                pair = self.pairs[int(rng.integers(len(self.pairs)))]
                start = int(rng.integers(pair.frames - self.recipe.segment + 1))
                source, target = pair.read(start, self.recipe.segment)
                if _is_heard(target):
                    break
            sign = np.float32(-1.0 if rng.random() < self.recipe.flip_share else 1.0)
            rows.append((sign * source, sign * target, pair))
        own = rows[process::processes]
        return [_batch(own)] if own else []

    def targets(self, batch: Batch) -> int:
        """Return the number of segments of a micro-batch."""
        return int(batch[0].shape[0])

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the loss summed over the segments of a micro-batch."""
        source, target, setting = (x.to(next(model.parameters()).device) for x in batch)
        for norm in _norms(model):
            if self.recipe.norm_batches is not None and int(norm.num_batches_tracked or 0) >= self.recipe.norm_batches:
                norm.eval()
        output = model(source, setting)
        return training_loss(output, target[:, -output.shape[1] :]) * source.shape[0]


def validation(pairs: Sequence[Pair], segment: int) -> Validate:
    """Return a function that measures a network on the beginnings of pairs, four segments long, from a dark cell."""

    def measure(model: nn.Module) -> dict[str, float]:
        was_training = model.training
        model.eval()
        losses, errors, signs = [], [], []
        with torch.no_grad():
            for pair in pairs:
                before, after = pair.read(0, min(4 * segment, pair.frames))
                if not _is_heard(after):
                    continue
                source, target, setting = _batch([(before, after, pair)])
                output = model(source, setting)
                target = target[:, -output.shape[1] :]
                losses.append(float(training_loss(output, target)))
                errors.append(float(((output - target) ** 2).sum() / (target**2).sum().clamp(min=1e-9)))
                signs.append(float((output * target).sum().sign()))
        model.train(was_training)
        return {
            "validation_loss": round(float(np.mean(losses)), 5),
            "validation_esr": round(float(np.median(errors)), 5),
            "validation_polarity": 1 if sum(signs) >= 0 else -1,
        }

    return measure


def train(
    name: str,
    pairs: Sequence[Pair],
    validation_pairs: Sequence[Pair],
    recipe: Recipe,
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> nn.Module:
    """Train a network by a recipe, or go on with a run that was stopped.

    Args:
        name: one of `networks.NETWORKS`.
        pairs: training pairs.
        validation_pairs: the weights of the lowest loss on them are kept as ``best.safetensors``, and what was
            measured in ``best.json``.
        recipe: see `Recipe`.
        folder: the run's folder.
        progress: called with (steps done, steps in all).

    Returns:
        The network with the kept weights, in evaluation mode.

    Raises:
        ArgumentError: if there is no such network, or no pair to learn or choose from.
    """
    if name not in NETWORKS:
        raise ArgumentError(f"model '{name[:20]}' is none of {', '.join(NETWORKS)}")
    if not validation_pairs:
        raise ArgumentError("there is no pair to choose the weights by")
    config = NETWORKS[name]
    if recipe.reduction_scale is not None:
        config = replace(config, reduction_scale=recipe.reduction_scale)
    torch.manual_seed(recipe.seed)
    model = make_network(config)
    if isinstance(model, TcnNetwork) and recipe.segment <= model.reach + 1024:
        raise ArgumentError(f"segments of {recipe.segment} frames are too short for {name}, which sees {model.reach}")
    task = SegmentTask(pairs, recipe)
    for norm in _norms(model):
        norm.momentum = recipe.norm_momentum
    _set_upright(model, task)
    keep = keeping_the_best(validation(validation_pairs, recipe.segment), folder, note={"network": config.as_json()})
    return fit_by(recipe, model, task, folder, keep, progress)


def fit_by(
    recipe: Schedule,
    model: nn.Module,
    task: Task,
    folder: Path,
    keep: Validate,
    progress: Callable[[int, int], None] | None = None,
) -> nn.Module:
    """Fit a model by a recipe, in float32; return it with the weights that were kept, in evaluation mode.

    Args:
        recipe: how long and how fast.
        model: its weights are changed in place.
        task: the examples and the loss.
        folder: the run's folder.
        keep: of `training.best.keeping_the_best`.
        progress: called with (steps done, steps in all).
    """
    schedule = FitConfig(
        recipe.steps, recipe.learning_rate, recipe.warmup_steps, recipe.decay_share, precision="no",
        save_every=recipe.validate_every, validate_every=recipe.validate_every, seed=recipe.seed,
    )  # fmt: skip
    optimizer = torch.optim.AdamW(parameter_groups(model, recipe.weight_decay), lr=recipe.learning_rate)
    fit(model, [optimizer], task, schedule, folder, validate=keep, progress=progress)
    load_weights(folder / BEST_FILE, model)
    return model.eval()


def _norms(model: nn.Module) -> list[nn.BatchNorm1d]:
    return [module for module in model.modules() if isinstance(module, nn.BatchNorm1d)]


def _set_upright(model: S4Network | TcnNetwork | LstmNetwork, task: SegmentTask) -> None:
    """Turn the sign of the last layer where the first output is against its target."""
    source, target, setting = task.batches(0, 0, 1)[0]
    with torch.no_grad():
        output = model(source, setting)
        varying = output - output.mean(dim=1, keepdim=True)
        if float((varying * target[:, -output.shape[1] :]).sum()) < 0:
            for value in model.contract.parameters():
                value.neg_()


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return the parameters in two groups: those of state-space layers, which do not decay, and the others."""
    named = list(model.named_parameters())
    kept = [value for name, value in named if "state_space" in name]
    groups: list[dict[str, Any]] = [
        {"params": [value for name, value in named if "state_space" not in name], "weight_decay": weight_decay}
    ]
    return [*groups, {"params": kept, "weight_decay": 0.0}] if kept else groups


def recipe_as_json(name: str, recipe: Recipe) -> dict[str, Any]:
    """Return what a run's ``recipe.json`` says."""
    return {"system": "compressor", "model": name, **asdict(recipe)}


def _is_heard(target: NDArray[np.float32]) -> bool:
    return float(np.vdot(target, target)) > _HEARD_RMS**2 * len(target)


def _batch(rows: Sequence[tuple[NDArray[np.float32], NDArray[np.float32], Pair]]) -> Batch:
    source = torch.from_numpy(np.stack([before for before, _, _ in rows]))
    target = torch.from_numpy(np.stack([after for _, after, _ in rows]))
    setting = torch.tensor([[float(pair.is_limit), pair.peak_reduction] for _, _, pair in rows])
    return source, target, setting
