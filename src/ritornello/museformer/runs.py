"""The folder of a training run: begun or gone on with, another one's start, and what is passed on of it.

A run's folder holds ``recipe.json`` (what it was begun with), ``log.jsonl`` and checkpoints (`training.checkpoint`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn, optim

from ritornello.errors import ArgumentError, ReadError, WriteError
from ritornello.files import read_bytes, write_json
from ritornello.museformer.pretrained import load_network, save_network
from ritornello.training.checkpoint import latest_checkpoint, load_checkpoint, load_weights

RECIPE_FILE, STATE_FILE = "recipe.json", "state.json"


def is_main_process() -> bool:
    """Return whether this process writes a run's files: the only one, or the first that `accelerate launch` started."""
    return os.environ.get("RANK", "0") == "0"


def processes() -> int:
    """Return how many processes `accelerate launch` started together; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def open_run(folder: Path, recipe: Mapping[str, Any]) -> None:
    """Make a run's folder, or go on with one of the same recipe.

    Args:
        folder: the folder.
        recipe: JSON values: what is trained, on what, from what. Only what both have must be the same.

    Raises:
        ArgumentError: if the folder holds a run of another recipe; the message names the first difference.
        ReadError: if its recipe is damaged.
        WriteError: if it holds something else, or cannot be written.
    """
    place = folder / RECIPE_FILE
    wanted = json.loads(json.dumps(recipe))
    if place.is_file():
        try:
            found = json.loads(read_bytes(place))
        except ValueError as error:
            raise ReadError(f"{place}: damaged, no JSON ({str(error)[:80]})") from None
        for name, value in wanted.items():
            if name in found and found[name] != value:
                was, now = json.dumps(found[name])[:80], json.dumps(value)[:80]
                raise ArgumentError(f"{folder}: a run with {name} {was}, not {now}; choose another folder")
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise WriteError(f"{folder}: exists and is no training run; choose another --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"{folder}: cannot be written ({error.strerror or error})") from None
    write_json(place, wanted)


def start_from(start: Path, model: nn.Module, optimizers: list[optim.Optimizer]) -> None:
    """Begin with the weights of a run, a checkpoint or a weights folder, and with its optimizers' state if it has one.

    Raises:
        ReadError: if there are none, or they are of another model.
    """
    place = latest_checkpoint(start) or start
    if (place / "optimizer.safetensors").is_file():
        load_checkpoint(place, model, optimizers)
    else:
        load_weights(place / "model.safetensors", model)


def export_run(
    run: str | os.PathLike[str], out: str | os.PathLike[str], *, half: bool = True, force: bool = False
) -> dict[str, Any]:
    """Write the weights of a training run as a folder that `pretrained.load_network` takes by its name.

    Args:
        run: the run's folder, whose last checkpoint is taken, or one checkpoint of it.
        out: the folder to make.
        half: whether weights are stored in bfloat16.
        force: replace the files of an existing folder.

    Returns:
        What is known about the training: the recipe, data, steps and targets seen.

    Raises:
        ArgumentError: if the folder is no training run, or has no checkpoint yet.
        ReadError: if the checkpoint is damaged.
        WriteError: if the folder exists and ``force`` is not set, or cannot be written.
    """
    folder = Path(run)
    place = folder if (folder / STATE_FILE).is_file() else latest_checkpoint(folder)
    owner = folder if place is not folder else folder.absolute().parent
    if place is None or not (owner / RECIPE_FILE).is_file():
        raise ArgumentError(f"{folder}: no training run with a checkpoint; give a folder that `ritornello train` wrote")
    network = load_network(place).network
    try:
        recipe, state = (json.loads(read_bytes(path)) for path in (owner / RECIPE_FILE, place / STATE_FILE))
    except ValueError as error:
        raise ReadError(f"{place}: damaged, no JSON ({str(error)[:80]})") from None
    training = {"recipe": recipe, **state}
    save_network(network, out, training, half=half, force=force)
    return training
