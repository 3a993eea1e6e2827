"""The folder of a training run: begun or gone on with.

A run's folder holds ``recipe.json`` (what it was begun with), ``log.jsonl`` and checkpoints (`training.checkpoint`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ritornello.errors import ArgumentError, ReadError, WriteError
from ritornello.files import read_json, read_json_object, write_json

RECIPE_FILE = "recipe.json"

BEST_FILE, BEST_NOTE = "best.safetensors", "best.json"
"""Where a training keeps its best weights (`training.best`), and what was measured with them."""


def is_main_process() -> bool:
    """Return whether this process writes a run's files: the only one, or the first that `accelerate launch` started."""
    return os.environ.get("RANK", "0") == "0"


def processes() -> int:
    """Return how many processes `accelerate launch` started together; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_run(folder: str | os.PathLike[str], system: str) -> bool:
    """Return whether a folder is a training run of a system."""
    place = Path(folder) / RECIPE_FILE
    return place.is_file() and read_json_object(place).get("system") == system


def open_run(folder: Path, recipe: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> None:
    """Make a run's folder, or go on with one of the same recipe.

    Args:
        folder: the folder.
        recipe: JSON values: what is trained, on what, from what. Only what both have must be the same.
        before: what was so in runs whose recipes do not tell it yet.

    Raises:
        ArgumentError: if the folder holds a run of another recipe; the message names the first difference.
        ReadError: if its recipe is damaged.
        WriteError: if it holds something else, or cannot be written.
    """
    place = folder / RECIPE_FILE
    wanted = json.loads(json.dumps(recipe))
    if place.is_file():
        found = read_json(place)
        if not isinstance(found, dict):
            raise ReadError(f"{place}: damaged, no recipe of a run")
        for name, value in wanted.items():
            told = found.get(name, (before or {}).get(name, value))
            if told != value:
                was, now = json.dumps(told)[:80], json.dumps(value)[:80]
                raise ArgumentError(f"{folder}: a run with {name} {was}, not {now}; choose another folder")
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise WriteError(f"{folder}: exists and is no training run; choose another --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"{folder}: cannot be written ({error.strerror or error})") from None
    write_json(place, wanted)
