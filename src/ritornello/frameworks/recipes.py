"""The shipped networks' recipes, and a run of all three: data, folder, progress."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from ritornello.errors import ArgumentError
from ritornello.files import write_bytes
from ritornello.frameworks.config import NetworkConfig
from ritornello.frameworks.data import SongSet, belongs, load_songs
from ritornello.frameworks.examples import examples_of
from ritornello.frameworks.features import TASKS, TaskName
from ritornello.frameworks.model import FrameworkNetwork
from ritornello.frameworks.pretrained import SYSTEM
from ritornello.frameworks.tables import TABLES_FILE, build_tables
from ritornello.frameworks.train import Recipe, train
from ritornello.training.runs import is_main_process, open_run

RECIPES: dict[TaskName, Recipe] = {
    "basic": Recipe(NetworkConfig("basic", dropout=0.3), epochs=10),
    "rhythm": Recipe(NetworkConfig("rhythm"), epochs=8),
    "melody": Recipe(NetworkConfig("melody"), epochs=10),
}
"""What made the shipped weights; CARD.md tells what else was tried."""

TABLES_NOTE = (
    "Counts over songs of POP909 (MIT licence, copyright 2020 Music X Lab) with the structure annotations of Shuqi Dai "
    "(MIT licence, copyright 2020 Shuqi Dai); training split, no melodies."
)
"""Where the counts come from."""

Progress = Callable[[int, int], None]
Stage = Callable[[str], AbstractContextManager[Progress | None]]
"""Opens the progress of a part of the work that has a name."""


def silent(_label: str) -> AbstractContextManager[Progress | None]:
    """Report no progress."""
    return nullcontext()


def changed(
    recipes: dict[TaskName, Recipe],
    epochs: int | None = None,
    seed: int | None = None,
    objective: str | None = None,
    **config: Any,
) -> dict[TaskName, Recipe]:
    """Return recipes with other epochs, seed, objective or fields of `NetworkConfig`; None leaves one as it is."""
    given = (("epochs", epochs), ("seed", seed), ("objective", objective))
    own: dict[str, Any] = {name: value for name, value in given if value is not None}
    sizes = {name: value for name, value in config.items() if value is not None}
    return {
        task: dataclasses.replace(recipe, config=dataclasses.replace(recipe.config, **sizes), **own)
        for task, recipe in recipes.items()
    }


def _told(recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as JSON data, as runs of before objectives could be chosen have it, if it has the usual one."""
    told = dataclasses.asdict(recipe)
    return told if recipe.objective != "cross_entropy" else {k: v for k, v in told.items() if k != "objective"}


def train_networks(
    dataset: Any,
    recipes: dict[TaskName, Recipe],
    folder: Path,
    *,
    songs: SongSet = "all",
    tasks: Sequence[TaskName] = TASKS,
    stage: Stage = silent,
) -> dict[TaskName, FrameworkNetwork]:
    """Train networks on the training split of a data set, or go on with a run that was stopped.

    Args:
        dataset: a data set like `datasets.pop909.Pop909`.
        recipes: one of each network.
        folder: the run's folder: ``recipe.json``, the counts that fill a plan where it is open, and a folder for each
            network.
        songs: which songs of the training split to learn from; see `data.SONG_SETS`. The best weights are chosen on
            validation songs in one major key in 4/4 or, where there are none, not chosen.
        tasks: which networks to train now.
        stage: opens progress bars.

    Returns:
        The networks trained now.

    Raises:
        ArgumentError: if the folder holds a run of other recipes, there is no song, or a loss is no longer finite.
        ReadError: if a checkpoint is damaged.
        WriteError: if the folder holds something else, or cannot be written.
    """
    if is_main_process():
        open_run(folder, {
            "system": SYSTEM, "songs": songs,
            "networks": {task: _told(recipe) for task, recipe in recipes.items()},
        })  # fmt: skip
    with stage("Reading songs") as progress:
        ids = (*dataset.split("train"), *dataset.split("validation"))
        read = list(load_songs(dataset, ids, progress))
    held_out = set(dataset.split("validation"))
    training = [song for entry, song in read if song.id not in held_out and belongs(entry, songs)]
    validation = [song for entry, song in read if song.id in held_out and belongs(entry, "one-key")]
    if not training:
        raise ArgumentError(f"the training split has no song of the set '{songs}'; try all")
    if is_main_process():
        known = {song.id for song in training}
        counted = build_tables((entry.song for entry, song in read if song.id in known), TABLES_NOTE)
        write_bytes(folder / TABLES_FILE, counted.to_bytes())
    networks = {}
    for task in tasks:
        with stage(f"Training {task}") as progress:
            networks[task] = train(
                examples_of(task, training), examples_of(task, validation), recipes[task], folder / task, progress
            )
    return networks
