"""The three networks with their weights, by name: `load_networks("frameworks-pop909")`.

A weights folder holds ``model.safetensors``, with the tensors of each network under its task's name, and
``config.json``: ``{"format": "ritornello frameworks", "version": 1, "networks": {task: sizes}, "training": {…}}``. The
folder of a training run is read as well. What is of another format or version is refused.

How to ask them, with one beam or many (`model.FrameworkNetwork`)::

    networks = load_networks()
    plan = PhrasePlan("A", bars, 16, 4, chords, ends_section=True)        # chords per beat, in C major or A minor
    features = rhythm_features(plan, labels, complexities)                 # or basic_features, melody_features
    memory = networks.rhythm.remember([(earlier_features, earlier_tokens), ...])   # None for a song's first phrase
    state = networks.rhythm.begin(features, memory, beams=16)
    log_probabilities, state = networks.rhythm.step(None, state)           # [16, 256]
    allowed = torch.from_numpy(rhythm_allowed(features, history))          # history [16, t]; other locks: `&` them
    log_probabilities = allowed_only(log_probabilities, allowed)
    state = state.select(kept_beams)                                       # after choosing
    log_probabilities, state = networks.rhythm.step(tokens, state)         # tokens [16] chosen last
"""

from __future__ import annotations

import dataclasses
import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ritornello.errors import ArgumentError, ReadError
from ritornello.files import read_bytes, read_json_object, write_bytes
from ritornello.frameworks.config import NetworkConfig
from ritornello.frameworks.features import TASKS, TaskName
from ritornello.frameworks.model import FrameworkNetwork
from ritornello.frameworks.tables import TABLES_FILE
from ritornello.nn.weights import CONFIG_FILE, load_tensors, network_with, read_config, resolve, save_weights
from ritornello.training.checkpoint import load_weights
from ritornello.training.runs import BEST_FILE, BEST_NOTE, RECIPE_FILE, is_run

NAME = "frameworks-pop909"
"""The weights that ship with the package."""

FORMAT, VERSION, SYSTEM = "ritornello frameworks", 1, "frameworks"


@dataclass(frozen=True, eq=False)
class FrameworkNetworks:
    """The networks, in evaluation mode, float32.

    Attributes:
        basic: basic melody, one pitch a segment.
        rhythm: onset patterns, one a rhythm unit.
        melody: pitches, one a note.
        name: what they are called.
        training: what is known about how they were made.
    """

    basic: FrameworkNetwork
    rhythm: FrameworkNetwork
    melody: FrameworkNetwork
    name: str = ""
    training: dict[str, Any] = dataclasses.field(default_factory=dict)

    def of(self, task: TaskName) -> FrameworkNetwork:
        """Return the network of a task."""
        network: FrameworkNetwork = getattr(self, task)
        return network


def load_networks(name: str | os.PathLike[str] = NAME) -> FrameworkNetworks:
    """Load the three networks.

    Args:
        name: a name such as ``frameworks-pop909``, a weights folder, or the folder of a training run.

    Raises:
        ArgumentError: if nothing of that name is found, or a run has not all three networks yet.
        ReadError: if it is damaged, or of another format or version.
    """
    folder = resolve(name)
    label = folder.name or os.fspath(name)
    if not (folder / CONFIG_FILE).exists() and (folder / RECIPE_FILE).is_file():
        return _of_run(folder, label)
    description = read_config(folder, FORMAT, VERSION)
    sizes, training = description.get("networks"), description.get("training") or {}
    if not isinstance(sizes, dict) or set(sizes) != set(TASKS) or not isinstance(training, dict):
        raise ReadError(f"{folder / CONFIG_FILE}: damaged, it does not tell the sizes of {', '.join(TASKS)}")
    tensors = load_tensors(folder)
    networks = {}
    for task in TASKS:
        config = _config(task, sizes[task], folder / CONFIG_FILE)
        own = {key[len(task) + 1 :]: value for key, value in tensors.items() if key.startswith(f"{task}.")}
        networks[task] = network_with(functools.partial(FrameworkNetwork, config), own, folder, f"{task}.")
    return FrameworkNetworks(**networks, name=label, training=training)


def save_networks(
    networks: FrameworkNetworks,
    folder: str | os.PathLike[str],
    training: dict[str, Any] | None = None,
    *,
    half: bool = True,
    force: bool = False,
) -> None:
    """Write the networks as a folder that `load_networks` reads.

    Args:
        networks: the networks.
        folder: the folder to make.
        training: JSON values: data, recipe, whatever is to be known.
        half: whether to store bfloat16.
        force: replace the files of an existing folder.

    Raises:
        WriteError: if the folder exists and ``force`` is not set, or cannot be written.
    """
    tensors = {f"{task}.{key}": value for task in TASKS for key, value in networks.of(task).state_dict().items()}
    description = {
        "format": FORMAT, "version": VERSION, "networks": {task: networks.of(task).config.as_dict() for task in TASKS},
        "training": training or {},
    }  # fmt: skip
    save_weights(folder, tensors, description, half=half, force=force)


def export_run(
    run: str | os.PathLike[str], out: str | os.PathLike[str], *, half: bool = True, force: bool = False
) -> dict[str, Any]:
    """Write the kept weights of a training run, and its counts, as one folder.

    Args:
        run: the run's folder.
        out: the folder to make.
        half: whether weights are stored in bfloat16.
        force: replace the files of an existing folder.

    Returns:
        What is known about the training: the recipes and what was measured on validation songs.

    Raises:
        ArgumentError: if the folder is no training run of this system, or has not all three networks yet.
        ReadError: if a file is damaged.
        WriteError: if the folder exists and ``force`` is not set, or cannot be written.
    """
    if not is_run(run, SYSTEM):
        raise ArgumentError(f"{run}: no training run; give a folder that `ritornello train frameworks` wrote")
    networks = _of_run(Path(run), Path(run).name)
    tables = Path(run) / TABLES_FILE
    counted = read_bytes(tables) if tables.is_file() else None
    save_networks(networks, out, networks.training, half=half, force=force)
    if counted is not None:
        write_bytes(Path(out) / TABLES_FILE, counted)
    return networks.training


def _of_run(folder: Path, label: str) -> FrameworkNetworks:
    recipe = read_json_object(folder / RECIPE_FILE)
    if recipe.get("system") != SYSTEM or not isinstance(recipe.get("networks"), dict):
        raise ReadError(f"{folder / RECIPE_FILE}: no recipe of ritornello train frameworks")
    missing = [task for task in TASKS if not (folder / task / BEST_FILE).is_file()]
    if missing:
        raise ArgumentError(f"{folder}: has no weights yet for {', '.join(missing)}; go on with the training")
    networks, measured = {}, {}
    for task in TASKS:
        own = recipe["networks"].get(task)
        config = _config(task, own.get("config") if isinstance(own, dict) else None, folder / RECIPE_FILE)
        networks[task] = FrameworkNetwork(config).eval()
        load_weights(folder / task / BEST_FILE, networks[task])
        note = folder / task / BEST_NOTE
        measured[task] = read_json_object(note) if note.is_file() else {}
    return FrameworkNetworks(**networks, name=label, training={"recipe": recipe, "validation": measured})


def _config(task: TaskName, sizes: Any, path: Path) -> NetworkConfig:
    try:
        config = NetworkConfig(**sizes)
    except (TypeError, ArgumentError) as error:
        raise ReadError(f"{path}: damaged sizes of the {task} network ({str(error)[:80]})") from None
    if config.task != task:
        raise ReadError(f"{path}: damaged, the {task} network says that it is for '{config.task}'")
    return config
