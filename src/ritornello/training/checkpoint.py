"""Checkpoints: a model, its optimizer and the place in the run, as safetensors and JSON; nothing is ever unpickled.

A checkpoint is a folder ``step-00001200`` that takes its name only when it is whole, so that a run that is killed while
it writes finds the one before.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ritornello.errors import ReadError
from ritornello.files import read_json, result_folder, write_json

_NAME = re.compile(r"step-(\d{8})")


def save_checkpoint(
    folder: str | os.PathLike[str], step: int, model: nn.Module, optimizers: list[torch.optim.Optimizer], state: Any
) -> Path:
    """Write a checkpoint and return its folder.

    Args:
        folder: the run's folder.
        step: steps done.
        model: the model, unwrapped.
        optimizers: their states are saved in this order.
        state: JSON values, such as the tokens seen so far.
    """
    place = Path(folder) / f"step-{step:08}"
    with result_folder(place, force=True) as temporary:
        save_file(_contiguous(model.state_dict()), temporary / "model.safetensors")
        tensors = {
            f"{number}.{index}.{name}": value if isinstance(value, Tensor) else torch.tensor(value)
            for number, optimizer in enumerate(optimizers)
            for index, values in optimizer.state_dict()["state"].items()
            for name, value in values.items()
        }
        save_file(_contiguous(tensors), temporary / "optimizer.safetensors")
        write_json(temporary / "state.json", {"step": step, **state})
    return place


def load_checkpoint(place: Path, model: nn.Module, optimizers: list[torch.optim.Optimizer]) -> dict[str, Any]:
    """Put a checkpoint's values into a model and its optimizers and return its state.

    Raises:
        ReadError: if the checkpoint is damaged or of another model.
    """
    state = read_state(place)
    load_weights(place / "model.safetensors", model)
    path = place / "optimizer.safetensors"
    tensors = _load(path)
    try:
        tensors.pop("torch_rng", None)  # of checkpoints from before dropout followed from the step
        for number, optimizer in enumerate(optimizers):
            whole = optimizer.state_dict()
            whole["state"] = _states_of(tensors, number)
            known = {index for group in whole["param_groups"] for index in group["params"]}
            if not set(whole["state"]) <= known:
                raise KeyError
            optimizer.load_state_dict(whole)
    except (KeyError, ValueError, TypeError, RuntimeError):
        raise ReadError(f"{path}: not the optimizer's state of this model and recipe; start a new run") from None
    return state


def _states_of(tensors: dict[str, Tensor], optimizer: int) -> dict[int, dict[str, Tensor]]:
    states: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        owner, index, key = name.split(".", 2)
        if int(owner) == optimizer:
            states.setdefault(int(index), {})[key] = value
    return states


def read_state(place: Path) -> dict[str, Any]:
    """Return what a checkpoint says of its place in the run: ``step`` and whatever else was saved with it.

    Raises:
        ReadError: if it is damaged.
    """
    path = place / "state.json"
    try:
        state = read_json(path)
    except ReadError as error:
        raise ReadError(f"{error}; remove this checkpoint to go on from the one before") from None
    if not isinstance(state, dict) or type(state.get("step")) is not int:
        raise ReadError(f"{path}: damaged, it does not tell the step; remove this checkpoint")
    return state


def load_weights(path: Path, model: nn.Module) -> None:
    """Put the weights of a safetensors file into a model.

    Raises:
        ReadError: if the file is missing, damaged, or of a model with other tensors.
    """
    tensors = _load(path)
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    if wanted != found:
        odd = sorted(set(wanted.items()) ^ set(found.items()))[0][0]
        raise ReadError(f"{path}: not the weights of this model: '{odd}' is missing, too much or of another shape")
    model.load_state_dict(tensors)


def latest_checkpoint(folder: str | os.PathLike[str]) -> Path | None:
    """Return the checkpoint of the most steps in a run's folder, or None."""
    return max(_checkpoints(Path(folder)), key=lambda place: place.name, default=None)


def prune_checkpoints(folder: str | os.PathLike[str], keep: int, keep_steps: frozenset[int] = frozenset()) -> None:
    """Remove all but the last checkpoints of a run's folder, and those of named steps."""
    for place in sorted(_checkpoints(Path(folder)), key=lambda place: place.name)[:-keep]:
        if int(place.name[5:]) not in keep_steps:
            shutil.rmtree(place, ignore_errors=True)


def _checkpoints(folder: Path) -> list[Path]:
    return [place for place in folder.glob("step-*") if _NAME.fullmatch(place.name)] if folder.is_dir() else []


def _load(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except FileNotFoundError:
        raise ReadError(f"{path}: no such file") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise ReadError(f"{path}: damaged or no safetensors file ({error})") from None


def _contiguous(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
