"""Trained networks by name: shipped weights, a folder of exported ones, or a training run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ritornello.compressor.model import MODEL_FILE, RESIDUAL_FOLDER, load_model
from ritornello.compressor.networks import LstmNetwork, NetworkConfig, S4Network, TcnNetwork, make_network
from ritornello.compressor.residual_network import FORMAT as RESIDUAL_FORMAT
from ritornello.compressor.residual_network import VERSION as RESIDUAL_VERSION
from ritornello.compressor.residual_network import save_residual
from ritornello.errors import ArgumentError, ReadError
from ritornello.files import read_json_object, result_folder, write_json
from ritornello.nn.weights import PACKAGED, load_tensors, network_with, read_config, resolve, save_weights
from ritornello.training.runs import BEST_FILE, BEST_NOTE, RECIPE_FILE, is_run

FORMAT, VERSION = "ritornello compressor network", 1

PREFIX = "compressor-"


def shipped_networks() -> list[str]:
    """Return the names of the shipped networks, without their prefix."""
    places = sorted(PACKAGED.glob(f"{PREFIX}*/model.safetensors"))
    return [place.parent.name.removeprefix(PREFIX) for place in places]


def load_network(name: str) -> S4Network | TcnNetwork | LstmNetwork:
    """Return a trained network, in evaluation mode.

    Args:
        name: such as ``s4-32-4``, or a folder of weights or of a training run.

    Raises:
        ArgumentError: if nothing of that name is found.
        ReadError: if it is damaged.
    """
    if is_run(name, "compressor"):
        return load_run(Path(name))
    if name and (PACKAGED / f"{PREFIX}{name}").is_dir():
        name = f"{PREFIX}{name}"
    elif not name or not Path(name).is_dir():
        known = ", ".join(["ours", "sim", *shipped_networks()])
        raise ArgumentError(f"model '{name[:60]}' is not found; known: {known}; or give the folder of its weights")
    folder = resolve(name)
    config = _config(read_config(folder, FORMAT, VERSION).get("network"), folder)
    return network_with(lambda: make_network(config), load_tensors(folder), folder)


def load_run(folder: Path) -> S4Network | TcnNetwork | LstmNetwork:
    """Return the best network of a run, upright.

    The spectral part of the loss is blind to polarity, so a network may learn an inverted output; where validation
    found it so, the sign of its last layer is turned, which turns the output of every network exactly.

    Raises:
        ReadError: if it has none yet, or is damaged.
    """
    if not (folder / BEST_NOTE).is_file():
        raise ReadError(f"{folder}: nothing has been measured in this run yet")
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    note = read_json_object(folder / BEST_NOTE)
    config = _config(note.get("network"), folder)
    try:
        tensors = load_file(folder / BEST_FILE)
    except (SafetensorError, OSError) as error:
        raise ReadError(f"{folder / BEST_FILE}: damaged ({str(error)[:60]})") from None
    if note.get("validation_polarity") == -1:
        tensors = {name: -value if name.startswith("contract.") else value for name, value in tensors.items()}
    return network_with(lambda: make_network(config), tensors, folder)


def export_run(run: Path, out: Path, force: bool = False) -> str:
    """Write the best weights of a run as a model; of a residual's run the unit: gain path and residual.

    Returns:
        What was written, in words.

    Raises:
        ReadError: if the run has none yet, or is damaged.
        WriteError: if the folder exists or cannot be written.
    """
    recipe = read_json_object(run / RECIPE_FILE)
    if recipe.get("part") == "residual":
        _export_unit(run, out, force)
        return "the residual, with its gain path"
    network = load_run(run)
    described = {
        "format": FORMAT, "version": VERSION, "network": network.config.as_json(), "recipe": recipe,
        "measured": measured_of(run),
    }  # fmt: skip
    save_weights(out, network.state_dict(), described, half=False, force=force)
    return "the network"


def _export_unit(run: Path, out: Path, force: bool) -> None:
    model = load_model(run)
    assert model.residual is not None
    described = read_config(run / RESIDUAL_FOLDER, RESIDUAL_FORMAT, RESIDUAL_VERSION)
    with result_folder(out, force) as place:
        write_json(place / MODEL_FILE, model.as_json())
        save_residual(place / RESIDUAL_FOLDER, model.residual, described)


def measured_of(run: Path) -> dict[str, Any]:
    """Return what was measured with the best weights of a run."""
    return {key: value for key, value in read_json_object(run / BEST_NOTE).items() if key != "network"}


def _config(found: object, folder: Path) -> NetworkConfig:
    if not isinstance(found, dict):
        raise ReadError(f"{folder}: its description names no network")
    try:
        return NetworkConfig(**found)
    except (TypeError, ArgumentError) as error:
        raise ReadError(f"{folder}: its description is damaged ({str(error)[:80]})") from None
