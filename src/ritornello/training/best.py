"""The best weights of a run: kept whenever a measurement is better than all before, also across restarts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import nn

from ritornello.files import read_json_object, write_json
from ritornello.training.fit import Validate
from ritornello.training.runs import BEST_FILE, BEST_NOTE, is_main_process


def keeping_the_best(
    measure: Validate,
    folder: Path,
    *,
    figure: str = "validation_loss",
    largest: bool = False,
    part: Callable[[nn.Module], nn.Module] = lambda model: model,
    note: Mapping[str, Any] | None = None,
) -> Validate:
    """Return a measurement that also writes `BEST_FILE` and `BEST_NOTE` into a folder whenever a model is the best yet.

    Args:
        measure: what measures.
        folder: the run's folder.
        figure: the figure of the measurement that decides.
        largest: whether the largest is the best, not the smallest.
        part: which part of the model is kept.
        note: JSON values that are noted beside the measurement.
    """
    sign = -1 if largest else 1

    def keep(model: nn.Module) -> dict[str, float]:
        measured = measure(model)
        if is_main_process():
            place = folder / BEST_NOTE
            known = read_json_object(place) if place.is_file() else {}
            if sign * measured[figure] < sign * known.get(figure, sign * math.inf):
                save_file(dict(part(model).state_dict()), folder / BEST_FILE)
                write_json(place, {**measured, **(note or {})})
        return measured

    return keep
