"""The recipe: three networks, one after the other, on the training split.

MusicFrameworks' own settings (Adam, 5e-5 and 1e-5, batches of four) are known second-hand and low; these are ours:
AdamW, batches of whole songs, so that phrases can point at earlier ones, half of them without, so that the first phrase
of a song can be written too. The rhythm's network is told of each phrase's rhythm form all, the complexity or nothing,
by chance, and serves all three. The weights of the lowest validation loss are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from ritornello.errors import ArgumentError
from ritornello.frameworks.batches import IGNORED, Batch, Example, collate
from ritornello.frameworks.config import NetworkConfig
from ritornello.frameworks.examples import FORMS, SongExamples
from ritornello.frameworks.features import TaskName
from ritornello.frameworks.measuring import network_hits
from ritornello.frameworks.model import FrameworkNetwork, allowed_only
from ritornello.nn.objectives import make_loss
from ritornello.training.best import keeping_the_best
from ritornello.training.checkpoint import load_weights
from ritornello.training.fit import FitConfig, Validate, fit
from ritornello.training.runs import BEST_FILE, is_main_process

RECIPE_OBJECTIVES = ("cross_entropy", "poly1", "softmax_mse")
"""Objectives that ask for probabilities only."""

_IMPOSSIBLE = -1e4  # as a logit: its probability is 0, and it stays a number


@dataclass(frozen=True)
class Recipe:
    """How a network is made.

    Attributes:
        config: sizes of the network.
        epochs: how often every song is seen.
        songs: songs a step.
        learning_rate: peak rate.
        warmup_steps: steps of linear warm-up.
        decay_share: share of the steps, at the end, over which the rate falls to zero.
        weight_decay: of matrices.
        label_smoothing: share of the target that is spread over all possible classes.
        song_share: share of the phrases that see the earlier phrases of their song.
        objective: one of `RECIPE_OBJECTIVES`.
        seed: of weights, order and chance.
    """

    config: NetworkConfig
    epochs: int = 8
    songs: int = 6
    learning_rate: float = 2e-3
    warmup_steps: int = 50
    decay_share: float = 0.6
    weight_decay: float = 0.05
    label_smoothing: float = 0.03
    song_share: float = 0.5
    objective: str = "cross_entropy"
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.songs) < 1:
            raise ArgumentError("epochs and songs are at least 1")
        if not (0 <= self.label_smoothing < 1 and 0 <= self.song_share <= 1 and self.weight_decay >= 0):
            raise ArgumentError("label_smoothing and song_share are from 0 to 1, weight_decay is not negative")
        if self.objective not in RECIPE_OBJECTIVES:
            raise ArgumentError(
                f"objective '{str(self.objective)[:40]}' is not one of {', '.join(RECIPE_OBJECTIVES)}: these networks "
                "mix probabilities of copies in, and have no logits for others"
            )


class PhraseTask:
    """The task of the fit loop: predict every token of the phrases of a step's songs.

    Args:
        songs: the training songs.
        recipe: see `Recipe`.
    """

    def __init__(self, songs: Sequence[SongExamples], recipe: Recipe) -> None:
        if not songs:
            raise ArgumentError("there is no song to learn from")
        self.recipe = recipe
        self.forms = FORMS[recipe.config.task]
        self.songs = list(songs)
        self._longest = [max(len(e.tokens) for e in song[self.forms[0]]) for song in self.songs]
        self._orders: dict[int, list[list[int]]] = {}

    @property
    def steps_per_epoch(self) -> int:
        """Steps in which every song is seen once."""
        return -(-len(self.songs) // self.recipe.songs)

    def batches(self, step: int, process: int, processes: int) -> Sequence[Batch]:
        """Return this process's songs of a step as one micro-batch."""
        epoch, place = divmod(step, self.steps_per_epoch)
        chosen = self._order(epoch)[place]
        rng = np.random.default_rng([self.recipe.seed, step])
        songs: list[list[Example]] = []
        remembers: list[NDArray[np.bool_]] = []
        for index in chosen:
            phrases = len(self.songs[index][self.forms[0]])
            forms = rng.integers(len(self.forms), size=phrases)
            sees = rng.random(phrases) < self.recipe.song_share
            songs.append([self.songs[index][self.forms[form]][phrase] for phrase, form in enumerate(forms)])
            remembers.append(sees)
        own = range(process, len(songs), processes)
        if not own:
            return []
        return [collate([songs[i] for i in own], np.concatenate([remembers[i] for i in own]))]

    def _order(self, epoch: int) -> list[list[int]]:
        """Return the songs of each step of an epoch: in batches of like length, which need little padding."""
        if epoch not in self._orders:
            rng = np.random.default_rng([self.recipe.seed, epoch, 1])
            shuffled = rng.permutation(len(self.songs))
            pool = 8 * self.recipe.songs
            batches: list[list[int]] = []
            for start in range(0, len(shuffled), pool):
                part = sorted(shuffled[start : start + pool].tolist(), key=lambda index: self._longest[index])
                batches += [part[i : i + self.recipe.songs] for i in range(0, len(part), self.recipe.songs)]
            self._orders = {epoch: [batches[i] for i in rng.permutation(len(batches))]}
        return self._orders[epoch]

    def targets(self, batch: Batch) -> int:
        """Return the number of targets of a micro-batch."""
        return int((batch.targets != IGNORED).sum())

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Return the summed objective, smoothed: the negative log-likelihood in nats, unless the recipe has another."""
        batch = batch.to(next(model.parameters()).device)
        found = allowed_only(model(batch), batch.allowed)
        is_target = batch.targets != IGNORED
        rows, targets = found[is_target], batch.targets[is_target]
        smoothing = self.recipe.label_smoothing
        if self.recipe.objective != "cross_entropy":
            return _other_objective(self.recipe.objective, rows, targets, smoothing)
        loss = -rows.gather(-1, targets[:, None]).sum()
        if not smoothing:
            return loss
        possible = torch.isfinite(rows)
        even = -rows.masked_fill(~possible, 0).sum(-1) / possible.sum(-1)
        smoothed: Tensor = (1 - smoothing) * loss + smoothing * even.sum()
        return smoothed


def _other_objective(name: str, rows: Tensor, targets: Tensor, smoothing: float) -> Tensor:
    """Return the summed objective of log-probabilities ``[N, V]``, -inf where a class is impossible."""
    possible = torch.isfinite(rows)
    even = possible / possible.sum(-1, keepdim=True)
    wanted = (1 - smoothing) * functional.one_hot(targets, rows.shape[-1]) + smoothing * even
    loss: Tensor = make_loss(name, reduction="sum")(rows.masked_fill(~possible, _IMPOSSIBLE), wanted)
    return loss


def validation(songs: Sequence[SongExamples], task: TaskName) -> Validate:
    """Return a function that measures a network on songs: accuracies, and the loss by which the best is chosen.

    The loss is the mean over all uses: with and without the song's earlier phrases, with each form.
    """

    def measure(model: nn.Module) -> dict[str, float]:
        assert isinstance(model, FrameworkNetwork)
        line: dict[str, float] = {}
        losses = []
        for form in FORMS[task]:
            for with_song in (False, True):
                hits = network_hits(model, [song[form] for song in songs], with_song)
                line[f"accuracy_{form}" + ("_song" if with_song else "")] = round(hits.accuracy, 4)
                losses.append(hits.nats_per_token)
        return {"validation_loss": round(sum(losses) / len(losses), 5), **line}

    return measure


def train(
    songs: Sequence[SongExamples],
    validation_songs: Sequence[SongExamples],
    recipe: Recipe,
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> FrameworkNetwork:
    """Train a network by a recipe, or go on with a run that was stopped.

    Args:
        songs: examples of the training songs.
        validation_songs: measured after every epoch; the weights of the lowest loss are kept as ``best.safetensors``,
            with the step and what was measured in ``best.json``. Without any the last weights are kept.
        recipe: see `Recipe`.
        folder: the run's folder.
        progress: called with (steps done, steps in all).

    Returns:
        The network with the kept weights, in evaluation mode.

    Raises:
        ArgumentError: if there is no song, a step has fewer songs than there are processes, or the loss is no longer
            finite.
        ReadError: if a checkpoint is damaged or of another model.
    """
    task = PhraseTask(songs, recipe)
    torch.manual_seed(recipe.seed)
    model = FrameworkNetwork(recipe.config)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.98), weight_decay=recipe.weight_decay
    )
    every = task.steps_per_epoch
    config = FitConfig(
        recipe.epochs * every, recipe.learning_rate, recipe.warmup_steps, recipe.decay_share, precision="no",
        save_every=every, validate_every=every, seed=recipe.seed,
    )  # fmt: skip
    measure = validation(validation_songs, recipe.config.task) if validation_songs else None
    keep = None if measure is None else keeping_the_best(measure, folder)
    fit(model, [optimizer], task, config, folder, validate=keep, progress=progress)
    if (folder / BEST_FILE).is_file():
        load_weights(folder / BEST_FILE, model)
    elif is_main_process():
        save_file(dict(model.state_dict()), folder / BEST_FILE)
    return model.eval()
