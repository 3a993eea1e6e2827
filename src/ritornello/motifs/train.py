"""Training of an encoder, stage after stage, each from the weights of the one before; what a stage learns: `stages`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from ritornello.evaluation.retrieval import euclidean, retrieve
from ritornello.motifs.data import Examples
from ritornello.motifs.model import EncoderConfig, MotifEncoder, embed_notes
from ritornello.motifs.stages import Learner, Stage, StageTask, TrainingData
from ritornello.training.best import keeping_the_best
from ritornello.training.checkpoint import load_weights
from ritornello.training.fit import FitConfig, Validate, fit
from ritornello.training.optimizers import decay_groups
from ritornello.training.runs import BEST_FILE, is_main_process


@dataclass(frozen=True)
class Recipe:
    """How an encoder is made.

    Attributes:
        config: its sizes.
        stages: one after the other.
        weight_decay: of matrices.
        seed: of weights, order and chance.
    """

    config: EncoderConfig
    stages: tuple[Stage, ...]
    weight_decay: float = 0.1
    seed: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the recipe as JSON values."""
        return asdict(self)


def held_out_measures(examples: Examples) -> Validate:
    """Return a function that measures retrieval among labelled bars."""

    def measure(model: nn.Module) -> dict[str, float]:
        assert isinstance(model, Learner)
        was_training = model.training
        vectors = embed_notes(model.encoder, examples.notes)
        model.train(was_training)
        found = retrieve(euclidean(vectors), examples.song.tolist(), examples.group.tolist()).measures()
        return {f"held_out_{name}": round(value, 4) for name, value in found.items()}

    return measure


def train(
    data: TrainingData,
    recipe: Recipe,
    folder: Path,
    *,
    start: MotifEncoder | None = None,
    validate_every: int = 50,
    progress: Callable[[int, int], None] | None = None,
) -> MotifEncoder:
    """Train an encoder by a recipe, or go on with a run that was stopped.

    Args:
        data: the examples.
        recipe: see `Recipe`.
        folder: the run's folder; each stage has one of its own in it.
        start: weights to begin from, instead of new ones.
        validate_every: steps between measurements on held-out songs, in stages with labels.
        progress: called with (steps done, steps in all).

    Returns:
        The encoder in evaluation mode.

    Raises:
        ArgumentError: if a stage lacks its data, or the loss is no longer finite.
        ReadError: if a checkpoint is damaged or of another model.
    """
    torch.manual_seed(recipe.seed)
    encoder = MotifEncoder(recipe.config)
    if start is not None:
        encoder.load_state_dict(start.state_dict())
    total, before = sum(stage.steps for stage in recipe.stages), 0
    for number, stage in enumerate(recipe.stages):
        place = folder / f"{number + 1}-{stage.name}"
        learner = Learner(encoder, expands=stage.name == "vicreg").train()
        task = StageTask(stage, recipe.config, data, recipe.seed * 1000 + number)
        config = FitConfig(
            stage.steps, stage.learning_rate, min(stage.warmup_steps, stage.steps // 2), stage.decay_share,
            precision="no", save_every=max(200, stage.steps // 4), validate_every=validate_every, seed=recipe.seed,
        )  # fmt: skip
        has_labels = stage.name in ("triplet", "labels")
        measure = held_out_measures(data.held_out) if data.held_out is not None else None
        if measure is not None and has_labels and stage.keeps_best:
            measure = keeping_the_best(measure, place, figure="held_out_map", largest=True, part=_encoder_of)
        done_before = before
        report = None if progress is None else (lambda done, _, base=done_before: progress(base + done, total))
        fit(
            learner,
            _optimizers(learner, stage, recipe.weight_decay),
            task,
            config,
            place,
            validate=measure,
            progress=report,
        )
        if (place / BEST_FILE).is_file():
            load_weights(place / BEST_FILE, encoder)
        before += stage.steps
    if is_main_process():
        save_file(dict(encoder.state_dict()), folder / BEST_FILE)
    return encoder.eval()


def _optimizers(model: nn.Module, stage: Stage, weight_decay: float) -> list[torch.optim.Optimizer]:
    return [torch.optim.AdamW(decay_groups(model, weight_decay), lr=stage.learning_rate, betas=(0.9, 0.999))]


def _encoder_of(model: nn.Module) -> nn.Module:
    assert isinstance(model, Learner)
    return model.encoder
