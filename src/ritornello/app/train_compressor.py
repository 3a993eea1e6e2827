"""`ritornello train compressor`: fit our model of the levelling amplifier, or train a network of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from ritornello.app.console import DEFAULTS, Common, Outcome, Whole, progress_bar
from ritornello.app.inputs import check_pre_roll, require_training
from ritornello.errors import ArgumentError
from ritornello.files import result_folder, write_json

if TYPE_CHECKING:
    from ritornello.compressor.data import Pair

FIT_FILE = "fit.json"

_ITERATIONS = 20
_PAIR_S, _PAIRS_A_MINUTE = 4.0, 15  # of simulated pairs


def compressor(
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    model: Literal["ours", "s4-16-4", "s4-32-4", "s4-32-8", "tcn-100", "tcn-300", "lstm-32"] = "s4-32-4",
    data: Path | None = None,
    simulated_minutes: float = 30.0,
    recipe: Literal["short", "paper"] | None = None,
    steps: Whole | None = None,
    rate: float | None = None,
    pre_roll: float | None = None,
    residual: Annotated[bool, Parameter(negative="")] = False,
    gain_path: Path | None = None,
    seed: Whole = 0,
    force: Annotated[bool, Parameter(negative="")] = False,
    common: Common = DEFAULTS,
) -> Outcome | None:
    """Train a black-box network of the levelling amplifier, or go on with a training that was stopped; or fit ours.

    Every network is trained by the same recipe on the same segments. The weights of the lowest loss on validation pairs
    are kept; "ritornello train export" passes them on. Our model is fitted in minutes, by least squares, and needs no
    torch; its folder can be given to "compress --model" as it is.

    Examples:
      ritornello train compressor --model s4-32-4 -o run
      ritornello train compressor --model tcn-300 --data SignalTrain_LA2A_Dataset_1.1 -o run-tcn --recipe paper
      ritornello train compressor --model ours --data la2a-clips.zip -o my-unit
      ritornello train compressor --model ours --residual --data SignalTrain_LA2A_Dataset_1.1 -o my-unit

    Args:
        out: The run's folder: recipe.json, log.jsonl, checkpoints, best.safetensors and best.json; of ours model.json
            and fit.json.
        model: Which model.
        data: A folder in the layout of SignalTrain LA2A, or of "ritornello data compressor-pairs"; its Test files are
            never read. For ours also a folder or zip of clips with a pairs.csv. Left out, pairs of the simulation are
            made in memory.
        simulated_minutes: How much of it.
        recipe: Of networks: short (the default) fits a CPU; paper is the amount of training of the paper, for a GPU.
        steps: Optimizer steps of a network or a residual, instead of the recipe's; of ours without one 20 at most.
        rate: Learning rate of a network or a residual, instead of the recipe's.
        pre_roll: For ours: seconds of each recording's beginning that the unit has heard before it, backwards; 2 for
            recordings, 0 for simulated pairs, which begin with cells in the dark.
        residual: For ours: after the gain path, train a small network that corrects its gain, and go on with it when it
            was stopped. It needs torch, many recordings and some to choose by.
        gain_path: For --residual: the file or folder of a model whose gain path is taken, instead of fitting one.
        seed: Of weights, segments and simulated pairs.
        force: For ours: replace the files of an existing folder.
    """
    for flag, number, least in (("--steps", steps, 1), ("--seed", seed, 0)):
        if number is not None and number < least:
            raise ArgumentError(f"{flag} {number} is out of range; give a whole number from {least} on")
    for flag, value, low, high in (
        ("--simulated-minutes", simulated_minutes, 0.5, 6000), ("--rate", rate, 1e-6, 1),
    ):  # fmt: skip
        if value is not None and not low <= value <= high:
            raise ArgumentError(f"{flag} {value:g} is out of range; it goes from {low:g} to {high:g}")
    if pre_roll is not None:
        check_pre_roll(pre_roll)
    if residual and model != "ours":
        raise ArgumentError("--residual is for --model ours; the other models are networks altogether")
    if gain_path is not None and not residual:
        raise ArgumentError("--gain-path says what a residual is trained on; give --residual as well")
    if model == "ours":
        if recipe is not None or (rate is not None and not residual):
            raise ArgumentError("--recipe and --rate are those of networks; ours is fitted by least squares")
        if residual:
            if force:
                raise ArgumentError("--force replaces files; a run of --residual goes on where it stopped")
            return _train_residual(out, data, simulated_minutes, steps, rate, pre_roll, gain_path, seed, common)
        return _fit(out, data, simulated_minutes, steps or _ITERATIONS, pre_roll, seed, force, common)
    if pre_roll is not None or force:
        raise ArgumentError("--pre-roll and --force are for --model ours; a run of a network goes on where it stopped")
    require_training()
    from ritornello.compressor.pretrained import measured_of
    from ritornello.compressor.train import RECIPES, recipe_as_json, train
    from ritornello.training.fit import leave
    from ritornello.training.runs import is_main_process, open_run

    chosen = dataclasses.replace(RECIPES[recipe or "short"], seed=seed, **_changes(steps, rate))
    pairs = _training_pairs(data, simulated_minutes, seed)
    chosen_by = _validation_pairs(data, simulated_minutes, seed, one_of=10, most=16)
    if is_main_process():
        open_run(out, {**recipe_as_json(model, chosen), **_source(data, simulated_minutes)})
    with progress_bar("Training", common) as progress:
        network = train(model, pairs, chosen_by, chosen, out, progress)
    leave()
    if not is_main_process():
        return None
    parameters = sum(value.numel() for value in network.parameters())
    measured = measured_of(out)
    summary = f"{out}: {chosen.steps} steps, {parameters:,} parameters, validation loss {measured['validation_loss']:g}"
    return Outcome(summary, {"out": str(out), "model": model, "parameters": parameters, **measured})


def _fit(
    out: Path,
    data: Path | None,
    minutes: float,
    steps: int,
    pre_roll: float | None,
    seed: int,
    force: bool,
    common: Common,
) -> Outcome:
    from ritornello.compressor.fitting import fit_model
    from ritornello.compressor.model import MODEL_FILE, load_model

    with result_folder(out, force) as place, progress_bar("Fitting", common) as progress:
        pairs = _training_pairs(data, minutes, seed)
        seconds = _pre_roll_s(pre_roll, data)
        fit = fit_model(
            pairs, load_model(), pre_roll_s=seconds, iterations=steps, seed=seed,
            progress=progress,
        )  # fmt: skip
        write_json(place / MODEL_FILE, fit.model.as_json())
        report = {
            "pairs": len(pairs), **_source(data, minutes), "pre_roll_s": seconds, "seed": seed,
            "esr_before": fit.esr_before, "esr_after": fit.esr_after, "steps": fit.iterations,
        }  # fmt: skip
        write_json(place / FIT_FILE, report)
    summary = (
        f"{out / MODEL_FILE}: mean ESR {fit.esr_after:.5f} on {len(pairs)} pairs, {fit.esr_before:.5f} before; "
        f"{fit.iterations} steps"
    )
    return Outcome(summary, {"out": str(out), "model": "ours", **report})


def _train_residual(
    out: Path,
    data: Path | None,
    minutes: float,
    steps: int | None,
    rate: float | None,
    pre_roll: float | None,
    gain_path: Path | None,
    seed: int,
    common: Common,
) -> Outcome | None:
    require_training()
    from ritornello.compressor.fitting import fit_model
    from ritornello.compressor.model import MODEL_FILE, RESIDUAL_FOLDER, load_model, read_model
    from ritornello.compressor.residual_network import save_residual
    from ritornello.compressor.train_residual import ResidualRecipe, recipe_as_json, train_residual
    from ritornello.training.fit import leave
    from ritornello.training.runs import open_run, processes

    if processes() > 1:
        raise ArgumentError("--residual is trained by one process; leave accelerate launch out")
    start = None if gain_path is None else load_model(gain_path)
    pairs = _training_pairs(data, minutes, seed)
    chosen_by = _validation_pairs(data, minutes, seed, one_of=5, most=32)
    recipe = ResidualRecipe(seed=seed, **_changes(steps, rate))
    seconds = _pre_roll_s(pre_roll, data)
    said = {"gain_path": None if gain_path is None else str(gain_path), "pre_roll_s": seconds}
    open_run(out, {**recipe_as_json(recipe), **_source(data, minutes), **said})
    if not (out / MODEL_FILE).is_file():
        if start is None:
            with progress_bar("Fitting", common) as progress:
                fit = fit_model(
                    pairs, load_model(), pre_roll_s=seconds, iterations=_ITERATIONS, seed=seed, progress=progress
                )
            start = fit.model
        write_json(out / MODEL_FILE, start.as_json())
    path = read_model(out / MODEL_FILE)
    with progress_bar("Training", common) as progress:
        network, measured = train_residual(path, pairs, chosen_by, recipe, out, seconds, progress)
    leave()
    save_residual(out / RESIDUAL_FOLDER, network, {"recipe": recipe_as_json(recipe), "measured": measured})
    count = path.parameters + network.parameters_in_all
    summary = (
        f"{out}: {recipe.steps} steps, {count:,} parameters, mean ESR of {len(chosen_by)} validation pairs "
        f"{measured['validation_esr']:.5f}, without the residual {measured['validation_esr_without']:.5f}"
    )
    return Outcome(summary, {"out": str(out), "model": "ours", "parameters": count, **measured})


def _training_pairs(data: Path | None, minutes: float, seed: int) -> Sequence[Pair]:
    from ritornello.compressor.data import recorded_pairs, simulated_pairs

    if data is not None:
        return recorded_pairs(data, "train")
    return simulated_pairs("train", round(minutes * _PAIRS_A_MINUTE), _PAIR_S, seed)


def _validation_pairs(data: Path | None, minutes: float, seed: int, *, one_of: int, most: int) -> Sequence[Pair]:
    """Return the pairs to choose by; simulated ones are 4 to ``most``, one for so many training pairs."""
    from ritornello.compressor.data import recorded_pairs, simulated_pairs

    if data is not None:
        return recorded_pairs(data, "validation")
    count = min(max(4, round(minutes * _PAIRS_A_MINUTE) // one_of), most)
    return simulated_pairs("validation", count, _PAIR_S, seed)


def _changes(steps: int | None, rate: float | None) -> dict[str, Any]:
    given = (("steps", steps), ("learning_rate", rate))
    return {name: value for name, value in given if value is not None}


def _pre_roll_s(given: float | None, data: Path | None) -> float:
    from ritornello.compressor.process import PRE_ROLL_S

    if given is not None:
        return given
    return 0.0 if data is None else PRE_ROLL_S


def _source(data: Path | None, minutes: float) -> dict[str, Any]:
    return {
        "data": "simulation" if data is None else str(data),
        "minutes": minutes if data is None else None,
    }
