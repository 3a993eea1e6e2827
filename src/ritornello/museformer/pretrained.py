"""Museformer checkpoints: weights with the sizes of their network and the vocabulary they speak.

A weights folder holds ``model.safetensors`` and ``config.json``: ``{"format": "ritornello museformer", "version": 1,
"vocabulary": "museformer-remigen2", "config": {sizes}, "training": {…}}``. The folder of a training run, or of one of
its checkpoints, is read as well. What is of another format, version or vocabulary is refused.
"""

from __future__ import annotations

import dataclasses
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ritornello.errors import ArgumentError, ReadError
from ritornello.files import read_json_object
from ritornello.museformer.config import SIZES, MuseformerConfig
from ritornello.museformer.model import MuseformerNetwork
from ritornello.museformer.tokens.vocabulary import VOCABULARY_NAME
from ritornello.nn.weights import CONFIG_FILE, load_tensors, network_with, read_config, resolve, save_weights
from ritornello.training.checkpoint import latest_checkpoint

FORMAT = "ritornello museformer"
VERSION = 1


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A network with its weights.

    Attributes:
        network: the network, in evaluation mode, float32.
        name: what it is called.
        training: what is known about how it was made.
    """

    network: MuseformerNetwork
    name: str
    training: dict[str, Any] = dataclasses.field(default_factory=dict)


def load_network(name: str | os.PathLike[str]) -> Pretrained:
    """Load a checkpoint.

    Args:
        name: a name such as ``museformer-small``, a weights folder, or the folder of a training run or its checkpoint.

    Raises:
        ArgumentError: if nothing of that name is found.
        ReadError: if it is damaged, or of another format, version or vocabulary.
    """
    folder = resolve(name)
    label = folder.name or os.fspath(name)
    if not (folder / CONFIG_FILE).exists():
        checkpoint = folder if (folder / "state.json").exists() else latest_checkpoint(folder)
        if checkpoint is not None and (checkpoint.parent / "recipe.json").exists():
            recipe = read_json_object(checkpoint.parent / "recipe.json")
            _check_vocabulary(recipe, checkpoint.parent / "recipe.json")
            config = _config_of_recipe(recipe, checkpoint.parent / "recipe.json")
            return Pretrained(_network(config, checkpoint), label, {"recipe": recipe, "checkpoint": checkpoint.name})
    description = read_config(folder, FORMAT, VERSION)
    _check_vocabulary(description, folder / CONFIG_FILE)
    training = description.get("training") or {}
    if not isinstance(training, dict):
        raise ReadError(f"{folder / CONFIG_FILE}: damaged, what it says of the training is no JSON object")
    return Pretrained(_network(_config(description, folder / CONFIG_FILE), folder), label, training)


def save_network(
    network: MuseformerNetwork,
    folder: str | os.PathLike[str],
    training: dict[str, Any] | None = None,
    *,
    half: bool = True,
    force: bool = False,
) -> None:
    """Write a checkpoint that `load_network` reads.

    Args:
        network: the network.
        folder: the folder to make.
        training: JSON values: data, steps, recipe, whatever is to be known.
        half: whether to store bfloat16.
        force: replace the files of an existing folder.

    Raises:
        WriteError: if the folder exists and ``force`` is not set, or cannot be written.
    """
    description = {
        "format": FORMAT, "version": VERSION, "vocabulary": VOCABULARY_NAME, "config": network.config.as_dict(),
        "training": training or {},
    }  # fmt: skip
    save_weights(folder, network.state_dict(), description, half=half, force=force)


def _network(config: MuseformerConfig, folder: Path) -> MuseformerNetwork:
    tensors = load_tensors(folder)
    layers = 1 + max((int(name.split(".")[1]) for name in tensors if re.match(r"layers\.\d{1,4}\.", name)), default=-1)
    if layers != config.layers:
        raise ReadError(f"{folder}: the weights have {layers} layers, {CONFIG_FILE} says {config.layers}")
    return network_with(lambda: MuseformerNetwork(config), tensors, folder)


def _config(description: dict[str, Any], path: Path) -> MuseformerConfig:
    try:
        config = MuseformerConfig(**description["config"])
        for name in ("plan_bias", "rotary"):
            _check_switch(name, getattr(config, name))
        return config
    except (KeyError, TypeError, ArgumentError) as error:
        raise ReadError(f"{path}: damaged sizes of the network ({str(error)[:80]})") from None


def _config_of_recipe(recipe: dict[str, Any], path: Path) -> MuseformerConfig:
    if "config" in recipe:
        return _config(recipe, path)
    try:  # a run from before the sizes were written down
        config = SIZES[recipe["size"]].as_variant(recipe["variant"])
        rotary = recipe.get("rotary")
        if rotary is not None:
            _check_switch("rotary", rotary)
        return config.changed(rotary=rotary, ffn=recipe.get("ffn"))
    except (KeyError, TypeError, ArgumentError) as error:
        raise ReadError(f"{path}: no recipe of a Museformer ({str(error)[:80]})") from None


def _check_switch(name: str, value: Any) -> None:
    if type(value) is not bool:  # "false" in quotes would count as true
        raise ArgumentError(f"{name} is true or false, not {str(value)[:20]!r}")


def _check_vocabulary(description: dict[str, Any], path: Path) -> None:
    found = description.get("vocabulary")
    if found != VOCABULARY_NAME:
        raise ReadError(f"{path}: weights for the vocabulary '{str(found)[:40]}'; this release has '{VOCABULARY_NAME}'")
