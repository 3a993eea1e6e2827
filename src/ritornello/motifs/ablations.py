"""The ablations' weights: several networks by several random seeds in one folder, only to be measured beside ours.

``config.json`` says ``{"format": "ritornello motif ablations", "version": 1, "systems": {name: {"encoder": sizes,
"seeds": n}}, "training": {…}}``; tensors are called ``name.seed.tensor``.
"""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ritornello.errors import ReadError
from ritornello.motifs.pretrained import NetworkEmbedder
from ritornello.nn.weights import CONFIG_FILE, available, load_tensors, network_with, read_config, resolve, save_weights

NAME = "motifs-ablations"
FORMAT, VERSION = "ritornello motif ablations", 1

_MAX_SEEDS = 100


def load_ablations(name: str | os.PathLike[str] = NAME) -> dict[str, list[NetworkEmbedder]]:
    """Return the networks of each ablation, by seed; none where torch or the shipped weights are missing.

    Raises:
        ArgumentError: if another name is not found.
        ReadError: if the weights are damaged.
    """
    if importlib.util.find_spec("torch") is None or (os.fspath(name) == NAME and NAME not in available()):
        return {}
    from ritornello.motifs.model import EncoderConfig, MotifEncoder

    folder = resolve(name)
    description = read_config(folder, FORMAT, VERSION)
    tensors = load_tensors(folder)
    found: dict[str, list[NetworkEmbedder]] = {}
    try:
        sizes = {
            str(system): (EncoderConfig(**entry["encoder"]), range(min(int(entry["seeds"]), _MAX_SEEDS)))
            for system, entry in description["systems"].items()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ReadError(f"{folder / CONFIG_FILE}: damaged sizes ({str(error)[:80]})") from None
    for system, (config, seeds) in sizes.items():
        found[system] = []
        for seed in seeds:
            prefix = f"{system}.{seed}."
            own = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
            encoder = network_with(functools.partial(MotifEncoder, config), own, folder, prefix)
            found[system].append(NetworkEmbedder(encoder, None, 0.0, f"{system} {seed}"))
    return found


def save_ablations(
    systems: Mapping[str, Sequence[NetworkEmbedder]],
    folder: str | os.PathLike[str],
    training: Mapping[str, Any],
    *,
    force: bool = False,
) -> None:
    """Write the networks of ablations, those of one system alike in size, as a folder that `load_ablations` reads.

    Raises:
        WriteError: if the folder exists and ``force`` is not set, or cannot be written.
    """
    tensors = {
        f"{system}.{seed}.{key}": value
        for system, networks in systems.items()
        for seed, network in enumerate(networks)
        for key, value in network.encoder.state_dict().items()
    }
    described = {
        system: {"encoder": networks[0].encoder.config.as_dict(), "seeds": len(networks)}
        for system, networks in systems.items()
    }
    description = {"format": FORMAT, "version": VERSION, "systems": described, "training": dict(training)}
    save_weights(folder, tensors, description, force=force)
