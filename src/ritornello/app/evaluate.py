"""`ritornello evaluate SYSTEM`: the measurements of each system on a data set, as one JSON object."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import cyclopts

from ritornello.app.console import DEFAULTS, Common, Outcome, Whole, progress_bar
from ritornello.errors import ArgumentError

app = cyclopts.App(name="evaluate", help="Measure a system on a data set.")

Split = Literal["train", "validation", "test", "all"]


@app.command
def structure(
    *,
    data: Path,
    split: Split = "test",
    input: Literal["annotated", "midi"] = "annotated",
    limit: Whole | None = None,
    common: Common = DEFAULTS,
) -> Outcome:
    """Measure structure analysis against two human labels.

    Examples:
      ritornello evaluate structure --data pop909.zip --split test --json
      ritornello evaluate structure --data pop909.zip --split test --input midi --json

    Args:
        data: Folder or zip in the layout of the POP909 pack.
        split: Which songs: train, validation, test or all.
        input: annotated reads the melody and chords of the data set; midi reads only the raw MIDI file and measures
            key, chords, melody and downbeats as well.
        limit: Only the first so many songs of the split.
    """
    from ritornello.datasets.pop909 import Pop909
    from ritornello.evaluation.structure import evaluate_structure

    dataset = Pop909(data)
    ids = chosen_ids(dataset.split(split), limit, split)
    with progress_bar("Analysing", common) as progress:
        if input == "midi":
            from ritornello.evaluation.analysis import evaluate_raw

            result = evaluate_raw(dataset, ids, progress=progress)
        else:
            result = evaluate_structure(dataset, ids, progress=progress)
    result = {"split": split, "input": input, **result}
    return Outcome(as_table(result), result)


@app.command
def imitation(
    *,
    data: Path,
    split: Split = "test",
    seeds_per_draw: Whole = 10,
    outputs_per_seed: Whole = 10,
    strength: float = 0.8,
    common: Common = DEFAULTS,
) -> Outcome:
    """Measure imitation: is the seed recognised, is the style near, do repeats behave, is nothing copied.

    Examples:
      ritornello evaluate imitation --data pop909.zip --split test --seeds-per-draw 10 --json

    Args:
        data: Folder or zip in the layout of the POP909 pack.
        split: Which songs the seeds come from: train, validation, test or all.
        seeds_per_draw: How many seeds stand to choice when an output's seed is looked for.
        outputs_per_seed: How many songs are made from each seed, with random seeds 0, 1, 2, ...
        strength: The imitation strength, 0 to 1.
    """
    if seeds_per_draw < 2 or outputs_per_seed < 1:
        raise ArgumentError("--seeds-per-draw needs at least 2 and --outputs-per-seed at least 1")
    if not 0 <= strength <= 1:
        raise ArgumentError(f"--strength {strength:g} is out of range; it goes from 0 to 1")
    from ritornello.datasets.pop909 import Pop909
    from ritornello.imitation.evaluate import evaluate_imitation

    dataset = Pop909(data)
    with progress_bar("Imitating", common) as progress:
        result = evaluate_imitation(
            dataset, split, seeds_per_draw=seeds_per_draw, outputs_per_seed=outputs_per_seed, strength=strength,
            progress=progress,
        )  # fmt: skip
    return Outcome(as_table(result), result)


def chosen_ids(ids: Sequence[str], limit: int | None, split: str) -> Sequence[str]:
    """Return the first `limit` ids of a split.

    Raises:
        ArgumentError: if nothing is left to measure.
    """
    if limit is not None and limit < 1:
        raise ArgumentError(f"--limit {limit} leaves no song; give 1 or more")
    if not ids:
        raise ArgumentError(f"the data set has no song in the {split} split; try --split all")
    return ids[:limit]


def as_table(result: dict[str, object], indent: str = "") -> str:
    """Return measurements as aligned lines for a person."""
    width = max((len(name) for name in result), default=0)
    lines = []
    for name, value in result.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name}", as_table(value, indent + "  ")]
        elif not (isinstance(value, list) and len(value) > 4):
            text = f"{value:.4g}" if isinstance(value, float) else str(value)
            lines.append(f"{indent}{name:<{width}}  {text}")
    return "\n".join(lines)
