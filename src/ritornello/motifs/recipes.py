"""Recipes by name, and a whole training: data, folder, weights that `pretrained.load_embedder` reads.

``paper`` has the sizes, rates and lengths of Wu et al. (arXiv 2309.10597), for a GPU. ``siamese`` is its method at a
size that a laptop trains in minutes, ``siamese-vicreg`` and ``siamese-contrastive`` its ablations with as many steps;
``small`` is ours and made the shipped weights.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from ritornello.datasets.pop909_motifs import Pop909Motifs
from ritornello.errors import ArgumentError
from ritornello.motifs.data import Examples, bar_pool, labelled, window_pool
from ritornello.motifs.descriptors import combined
from ritornello.motifs.joined import fit_whitening
from ritornello.motifs.model import EncoderConfig
from ritornello.motifs.pretrained import SYSTEM, WEIGHTS_FOLDER, NetworkEmbedder, save_embedder
from ritornello.motifs.stages import Stage, TrainingData
from ritornello.motifs.train import Recipe, train
from ritornello.motifs.windows import BAR_FRAMES, sounding
from ritornello.training.runs import is_main_process, open_run

_SIAMESE = EncoderConfig(width=96, layers=2, heads=4, feedforward=384, dropout=0.0, frames_per_token=4)
_OURS = EncoderConfig(
    width=128, layers=2, heads=4, feedforward=512, dropout=0.0, frames_per_token=4, has_onsets=True, is_lowered=True,
    is_normalised=True,
)  # fmt: skip
_VICREG, _TRIPLET = Stage("vicreg", 400, batch=64), Stage("triplet", 200, batch=64, learning_rate=5e-4)

RECIPES: dict[str, Recipe] = {
    "small": Recipe(_OURS, (
        Stage("pool", 900, batch=256, learning_rate=2e-3),
        Stage("labels", 300, batch=256, learning_rate=1e-3, decay_share=1.0, keeps_best=False),
    )),
    "siamese": Recipe(_SIAMESE, (_VICREG, _TRIPLET)),
    "siamese-vicreg": Recipe(_SIAMESE, (Stage("vicreg", 600, batch=64),)),
    "siamese-contrastive": Recipe(_SIAMESE, (Stage("triplet", 600, batch=64, learning_rate=5e-4),)),
    "paper": Recipe(EncoderConfig(), (
        Stage("vicreg", 39_300, learning_rate=1e-4, warmup_steps=2_000, decay_share=1.0, views=6),
        Stage("triplet", 1_800, learning_rate=1e-4, warmup_steps=2_000, decay_share=1.0),
    )),
    "tiny": Recipe(EncoderConfig(width=16, layers=1, heads=2, feedforward=32, dimensions=8, dropout=0.0,
                                 frames_per_token=4, has_onsets=True, is_lowered=True, is_normalised=True), (
        Stage("pool", 4, batch=16, warmup_steps=1), Stage("labels", 4, batch=16, warmup_steps=1),
    )),
}  # fmt: skip
"""By name; 100 epochs of the paper's pool and labels are 39,300 and 1,800 steps of 128."""

JOINED = ("small", "tiny")
"""Recipes whose vectors have the whitened descriptor beside them: ours."""

JOINED_WEIGHT = 1.0
"""Of the whitened descriptor beside the network's vector in ours, both of length about 1; chosen on held-out songs."""

Progress = Callable[[int, int], None]
Stages = Callable[[str], AbstractContextManager[Progress | None]]


def silent(_label: str) -> AbstractContextManager[Progress | None]:
    """Report no progress."""
    return nullcontext()


def with_seed(recipe: Recipe, seed: int | None) -> Recipe:
    """Return a recipe with another seed, if one is given."""
    return recipe if seed is None else dataclasses.replace(recipe, seed=seed)


def with_steps(recipe: Recipe, steps: int | None) -> Recipe:
    """Return a recipe with so many steps in all, its stages shortened or prolonged alike.

    Raises:
        ArgumentError: if there is less than a step for each stage.
    """
    if steps is None:
        return recipe
    total = sum(stage.steps for stage in recipe.stages)
    if steps < len(recipe.stages):
        raise ArgumentError(f"{steps} steps are less than one for each of {len(recipe.stages)} stages")
    own = [max(1, round(stage.steps * steps / total)) for stage in recipe.stages]
    own[own.index(max(own))] += steps - sum(own)  # what rounding left over
    return dataclasses.replace(
        recipe, stages=tuple(dataclasses.replace(s, steps=n) for s, n in zip(recipe.stages, own, strict=True))
    )


def train_motifs(
    dataset: Pop909Motifs,
    recipe: Recipe,
    folder: Path,
    *,
    name: str = "",
    joins: bool = True,
    stage: Stages = silent,
) -> NetworkEmbedder:
    """Train an encoder and write its weights, or go on with a run that was stopped.

    Weights are chosen on held-out songs where the recipe keeps the best: then those songs are not learned from.

    Args:
        dataset: labels and music.
        recipe: see `RECIPES`.
        folder: the run's folder: ``recipe.json``, a folder for each stage, and ``weights``.
        name: what the weights are to be called; the folder's name if left out.
        joins: whether the whitened descriptor is joined to the network's vector.
        stage: opens progress bars.

    Raises:
        ArgumentError: if the folder holds a run of another recipe, or the loss is no longer finite.
        ReadError: if a file is damaged.
        WriteError: if the folder holds something else, or cannot be written.
    """
    if is_main_process():
        open_run(folder, {"system": SYSTEM, "joins": joins, **recipe.as_dict()})
    names = {each.name for each in recipe.stages}
    chooses = any(each.keeps_best for each in recipe.stages if each.name in ("triplet", "labels"))
    with stage("Reading songs") as progress:
        pool: tuple[Examples, ...] = ()
        if names & {"pool", "labels"}:
            pool = window_pool(dataset, progress)
        elif "vicreg" in names:
            pool = (bar_pool(dataset, progress),)
    labels = labelled(dataset, dataset.split("learn" if chooses else "train"))
    held_out = labelled(dataset, dataset.split("held_out")) if chooses and dataset.split("held_out") else None
    with stage("Training") as progress:
        encoder = train(TrainingData(pool, labels, held_out), recipe, folder, progress=progress)
    whitening = None
    if joins:
        whitening = fit_whitening(combined(sounding(labels.notes, BAR_FRAMES)), labels.group)
    embedder = NetworkEmbedder(encoder, whitening, JOINED_WEIGHT, name or folder.name)
    if is_main_process():
        training = {"recipe": recipe.as_dict(), "songs": len(dataset.pool()), "labelled_bars": len(labels)}
        save_embedder(embedder, folder / WEIGHTS_FOLDER, training, force=True)
    return embedder
