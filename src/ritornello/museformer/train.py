"""The recipe: what to train, on what, for how long; its defaults made the four models of the comparison.

Paper size after Yu et al. (NeurIPS 2022), appendix B: Adam, four songs of at most 15,360 tokens a step, peak rate 5e-4,
dropout 0.1. Small: ours. All four variants are trained by one recipe.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from ritornello.errors import ArgumentError
from ritornello.museformer.attention.layout import Packed
from ritornello.museformer.attention.sequence import IGNORED, BarSequence
from ritornello.museformer.config import SIZES, MuseformerConfig, Variant
from ritornello.museformer.data import ExampleMix, Examples
from ritornello.museformer.model import MuseformerNetwork
from ritornello.museformer.runs import start_from
from ritornello.museformer.tokens.vocabulary import VOCABULARY_NAME
from ritornello.nn.objectives import OBJECTIVES, make_loss
from ritornello.training.fit import FitConfig, Precision, fit, muon_and_adamw
from ritornello.training.memory import keep_freed_memory
from ritornello.training.runs import is_main_process, open_run, processes
from ritornello.training.shards import TokenShards

OptimizerName = Literal["muon", "adamw"]


def _check_whole(name: str, value: object, least: int) -> None:
    if type(value) is not int or not least <= value < 2**31:
        raise ArgumentError(f"{name} {str(value)[:20]!r} is out of range; it is a whole number from {least}")


@dataclass(frozen=True)
class Phase:
    """A part of a run: so many steps, each of so many windows of so many tokens."""

    steps: int
    window_tokens: int
    examples: int

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("window_tokens", 2), ("examples", 1)):
            _check_whole(f"a phase's {name}", getattr(self, name), least)


@dataclass(frozen=True)
class Recipe:
    """How a checkpoint is made.

    Attributes:
        size: ``small``, ``paper`` or ``tiny``.
        variant: the model or a baseline.
        rotary: whether tokens' queries and keys are turned by their place in the bar; None: as the size has it.
        ffn: hidden size of the feed-forward networks; None: as size and variant have it.
        phases: short windows first, whole songs later.
        learning_rate: peak rate.
        warmup_steps: steps of linear warm-up.
        decay_share: share of the steps, at the end, over which the rate falls to zero.
        weight_decay: of matrices.
        optimizer: ``muon`` (with AdamW for embeddings, output and biases) or ``adamw``.
        infill_share: share of examples with bars to refill.
        plan_share: share of examples with a plan.
        micro_batch: examples that are computed at once; the gradients of a step's micro-batches are added up.
        precision: ``bf16`` autocast or ``no``.
        objective: the loss by its name in `ritornello.nn.objectives`; not ``harmonic``, which needs another last
            layer.
        seed: of weights, order and examples.
    """

    size: str = "small"
    variant: Variant = "museformer"
    rotary: bool | None = None
    ffn: int | None = None
    phases: tuple[Phase, ...] = (Phase(700, 2560, 2), Phase(500, 10_240, 1))
    learning_rate: float = 3e-3
    warmup_steps: int = 50
    decay_share: float = 0.3
    weight_decay: float = 0.01
    optimizer: OptimizerName = "muon"
    infill_share: float = 0.0
    plan_share: float = 0.0
    micro_batch: int = 4
    precision: Precision = "bf16"
    objective: str = "cross_entropy"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise ArgumentError(f"size '{self.size}' is not one of {', '.join(SIZES)}")
        if not self.phases:
            raise ArgumentError("phases is empty; a recipe has one or more")
        for name, known in (
            ("variant", get_args(Variant)), ("optimizer", get_args(OptimizerName)), ("precision", get_args(Precision)),
            ("rotary", (None, False, True)),
        ):  # fmt: skip
            value = getattr(self, name)
            if not any(value is one or (type(value) is str and value == one) for one in known):
                raise ArgumentError(f"{name} {str(value)[:40]!r} is not one of {', '.join(map(str, known))}")
        for name, least in (("warmup_steps", 0), ("micro_batch", 1), ("seed", 0)):
            _check_whole(name, getattr(self, name), least)
        if not (0 < self.learning_rate < math.inf and 0 <= self.weight_decay < math.inf and 0 <= self.decay_share <= 1):
            raise ArgumentError("learning_rate is above 0, weight_decay at least 0, decay_share from 0 to 1")
        if self.objective not in OBJECTIVES or OBJECTIVES[self.objective].has_head:
            losses = ", ".join(name for name, entry in OBJECTIVES.items() if not entry.has_head)
            raise ArgumentError(f"objective '{str(self.objective)[:40]}' is not one of {losses}")
        if not 0 <= self.infill_share <= self.infill_share + self.plan_share <= 1:
            raise ArgumentError("infill_share and plan_share are shares of the examples; together at most 1")

    @property
    def config(self) -> MuseformerConfig:
        """The network's sizes."""
        return SIZES[self.size].as_variant(self.variant).changed(rotary=self.rotary, ffn=self.ffn)

    @property
    def steps(self) -> int:
        """Steps of all phases."""
        return sum(phase.steps for phase in self.phases)


class NextToken:
    """The task: predict the next token of every row.

    Args:
        shards: the token data.
        recipe: what to make of them.
        split: whose songs to use.
    """

    def __init__(self, shards: TokenShards, recipe: Recipe, split: str = "train") -> None:
        self.recipe = recipe
        # What the comparison's default is computed with, so that a recipe still gives the same weights.
        is_plain = recipe.objective == "cross_entropy"
        self._objective = None if is_plain else make_loss(recipe.objective, class_dim=-1, reduction="sum")
        records = shards.split(split)
        self._phases: list[tuple[Phase, int, Examples]] = []
        begin = 0
        for number, phase in enumerate(recipe.phases):
            mix = ExampleMix(phase.window_tokens, recipe.infill_share, recipe.plan_share, recipe.config.offsets)
            self._phases.append((phase, begin, Examples(shards, records, mix, recipe.seed + 1000 * number)))
            begin += phase.steps

    def batches(self, step: int, process: int, processes: int) -> Sequence[Packed]:
        """Return this process's micro-batches of a step."""
        phase, begin, examples = next(entry for entry in reversed(self._phases) if step >= entry[1])
        first = (step - begin) * phase.examples
        own = [examples[index] for index in range(first + process, first + phase.examples, processes)]
        size = self.recipe.micro_batch
        return [self._pack(own[place : place + size]) for place in range(0, len(own), size)]

    def _pack(self, sequences: Sequence[BarSequence]) -> Packed:
        return Packed(tuple(sequences), self.recipe.config.has_summaries)

    def targets(self, batch: Packed) -> int:
        """Return the number of targets of a micro-batch."""
        return int((batch.targets != IGNORED).sum())

    def loss(self, model: nn.Module, batch: Packed) -> Tensor:
        """Return the summed objective: the negative log-likelihood in nats, unless the recipe has another."""
        logits = model(batch)
        targets = batch.targets.to(logits.device)
        if self._objective is not None:
            other: Tensor = self._objective(logits, targets)
            return other
        return functional.cross_entropy(logits.float(), targets, ignore_index=IGNORED, reduction="sum")


def make_optimizers(model: nn.Module, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Return the recipe's optimizers."""
    if recipe.optimizer == "muon":
        exceptions = ("embedding.token", "embedding.summary_vectors", "output")
        return muon_and_adamw(model, recipe.learning_rate, recipe.weight_decay, exceptions)
    return [
        torch.optim.AdamW(
            model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.98), eps=1e-9, weight_decay=recipe.weight_decay
        )
    ]


def train(
    shards: TokenShards,
    recipe: Recipe,
    folder: Path,
    *,
    start: Path | None = None,
    save_every: int = 100,
    validate_every: int = 200,
    validate: Callable[[nn.Module], dict[str, float]] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> MuseformerNetwork:
    """Train a network by a recipe, or go on with a run that was stopped.

    Args:
        shards: token data of the Museformer vocabulary.
        recipe: see `Recipe`.
        folder: the run's folder: ``recipe.json``, ``log.jsonl``, checkpoints.
        start: another run, its checkpoint or a weights folder to begin with.
        save_every: steps between checkpoints.
        validate_every: steps between validations.
        validate: measures the network.
        progress: called with (steps done, steps in all).

    Raises:
        ArgumentError: if the folder holds a run of another recipe, a step has fewer examples than there are processes,
            or the loss is no longer finite.
        ReadError: if a checkpoint is damaged or of another model.
        WriteError: if the folder holds something else, or cannot be written.
    """
    fewest = min(phase.examples for phase in recipe.phases)
    if fewest < processes():
        raise ArgumentError(
            f"{fewest} examples a step cannot be divided among {processes()} processes; use a recipe with more of them"
        )
    keep_freed_memory()
    torch.manual_seed(recipe.seed)
    model = MuseformerNetwork(recipe.config)
    optimizers = make_optimizers(model, recipe)
    # The sizes as they are: a run's network must not change when a size's defaults do.
    about: dict[str, Any] = {"data": shards.manifest["splits"], "config": recipe.config.as_dict()}
    if start is not None:
        start_from(start, model, optimizers)
        about["start"] = start.name
    if is_main_process():
        open_run(folder, {**recipe_as_json(recipe), **about}, before={"objective": "cross_entropy"})
    config = FitConfig(
        recipe.steps, recipe.learning_rate, recipe.warmup_steps, recipe.decay_share, precision=recipe.precision,
        save_every=save_every, validate_every=validate_every, seed=recipe.seed,
    )  # fmt: skip
    fit(model, optimizers, NextToken(shards, recipe), config, folder, validate=validate, progress=progress)
    return model


def recipe_as_json(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as JSON data."""
    return {"vocabulary": VOCABULARY_NAME, **dataclasses.asdict(recipe)}
