"""What is passed on of a training run (`training.runs`): the start of another one, or weights.

A run's folder holds ``recipe.json`` (what it was begun with), ``log.jsonl`` and checkpoints (`training.checkpoint`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from torch import optim

from ritornello.errors import ArgumentError
from ritornello.files import read_json
from ritornello.museformer.model import MuseformerNetwork
from ritornello.museformer.pretrained import load_network, save_network
from ritornello.training.checkpoint import latest_checkpoint, load_checkpoint, load_weights, read_state
from ritornello.training.runs import RECIPE_FILE

STATE_FILE = "state.json"


def start_from(start: Path, model: MuseformerNetwork, optimizers: list[optim.Optimizer]) -> None:
    """Begin with the weights of a run, a checkpoint or a weights folder, and with its optimizers' state if it has one.

    Raises:
        ArgumentError: if they were learned under another variant or other positions, although they would fit.
        ReadError: if there are none, or they are of another model.
    """
    place = latest_checkpoint(start) or start
    if (place / "optimizer.safetensors").is_file():
        load_checkpoint(place, model, optimizers)
    else:
        load_weights(place / "model.safetensors", model)
    found = load_network(place).network.config
    for name in ("variant", "rotary"):
        was, wanted = getattr(found, name), getattr(model.config, name)
        if was != wanted:
            raise ArgumentError(f"{start}: weights of a network with {name} {was}; the recipe has {wanted}")


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
    training = {"recipe": read_json(owner / RECIPE_FILE), **read_state(place)}
    save_network(network, out, training, half=half, force=force)
    return training
