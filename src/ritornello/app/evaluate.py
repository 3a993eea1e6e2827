"""`ritornello evaluate SYSTEM`: the measurements of each system on a data set, as one JSON object."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import cyclopts
from cyclopts import Parameter

from ritornello.app.console import DEFAULTS, Common, Outcome, Whole, as_table, progress_bar
from ritornello.app.evaluate_motifs import motifs
from ritornello.app.inputs import check_pre_roll, require_networks
from ritornello.errors import ArgumentError

app = cyclopts.App(name="evaluate", help="Measure a system on a data set.")
app.command(motifs)
app.command(
    "ritornello.app.compressor_bench:compressor_bench",
    name="compressor-bench",
    help="Measure models of the levelling amplifier with test signals, draw their curves, print their data sheets.",
)

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


@app.command
def museformer(
    *,
    data: Path,
    split: Split = "test",
    checkpoint: str = "museformer-small",
    baselines: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative="")] = (),
    pieces: Whole | None = None,
    pieces_tokens: Whole = 20_480,
    pieces_min_tokens: Whole = 2_048,
    pieces_from: Path | None = None,
    save_pieces: Path | None = None,
    plan: str = "A8 B8 A8 C8 A8",
    temperature: float = 1.0,
    reference: Path | None = None,
    limit: Whole | None = None,
    workers: Whole | None = None,
    seed: Whole = 0,
    precision: Literal["fp32", "bf16"] = "fp32",
    common: Common = DEFAULTS,
) -> Outcome:
    """Measure Museformer: perplexity on real songs, and pieces it makes beside real ones.

    Pieces take the longest: with --save-pieces a measurement that was stopped goes on. They are compared to the
    training songs of the data or of --reference; without either to stored similarities of the band pack.

    Examples:
      ritornello evaluate museformer --data band-midi.zip --split test --checkpoint museformer-small --json
      ritornello evaluate museformer --data tokens --checkpoint run --baselines run-full run-no_coarse --pieces 0
      ritornello evaluate museformer --data tokens --checkpoint run --pieces 300 --save-pieces pieces --workers 2

    Args:
        data: Folder or zip of MIDI files, or a folder that "ritornello data tokenize" wrote.
        split: Which songs are predicted: train, validation, test or all.
        checkpoint: The name of a model, the folder of its weights, or a training run or one of its checkpoints.
        baselines: Other checkpoints, to compare perplexities with, song by song.
        pieces: How many pieces to make and measure, plain and with the plan, 100 if not given, or to take from
            --pieces-from, all if not given; 0 measures perplexity only.
        pieces_tokens: Their length limit in tokens; 160 are about a bar.
        pieces_min_tokens: They do not end before so many tokens.
        pieces_from: Measure the pieces of this folder (saved ones, or MIDI files) instead of making any.
        save_pieces: Keep the pieces in this folder, and go on with those that are there.
        plan: The plan that the planned pieces are to follow; "" leaves them out.
        temperature: At which the pieces' tokens are drawn; 1 is the paper's.
        reference: Data whose training songs the pieces are compared to.
        limit: Only the first so many songs of the split.
        workers: Number of processes; as many as there are cores if not given.
        seed: Of pieces and intervals.
        precision: Of perplexities.
    """
    for flag, number, least in (
        ("--pieces", pieces, 0), ("--pieces-tokens", pieces_tokens, 8), ("--pieces-min-tokens", pieces_min_tokens, 1),
        ("--limit", limit, 1), ("--workers", workers, 1), ("--seed", seed, 0),
    ):  # fmt: skip
        if number is not None and number < least:
            raise ArgumentError(f"{flag} {number} is out of range; give a whole number from {least} on")
    if pieces_from is not None and save_pieces is not None:
        raise ArgumentError("--pieces-from and --save-pieces contradict each other; leave one out")
    if pieces_min_tokens > pieces_tokens:
        raise ArgumentError(f"--pieces-min-tokens {pieces_min_tokens} is above --pieces-tokens {pieces_tokens}")
    require_networks()
    from ritornello.museformer.evaluate import EvaluationSettings, evaluate_museformer

    settings = EvaluationSettings(
        baselines, pieces, pieces_tokens, pieces_min_tokens, pieces_from, save_pieces, plan, reference, limit,
        workers if workers is not None else os.cpu_count() or 1, seed, precision, temperature,
    )  # fmt: skip
    result = evaluate_museformer(data, split, checkpoint, settings, lambda label: progress_bar(label, common))
    return Outcome(as_table(result), result)


@app.command
def frameworks(
    *,
    data: Path,
    split: Split = "test",
    checkpoint: str = "frameworks-pop909",
    songs: Whole | None = None,
    learned_from: Whole = 100,
    common: Common = DEFAULTS,
) -> Outcome:
    """Measure the networks that write melodies from frameworks beside what counting alone reaches, and composed songs.

    The main figures are of songs in one major key in 4/4; minor songs and other metres have figures of their own. Along
    the forms of the main songs others are composed and measured beside them: how phrases repeat and end, whether curves
    are followed and locks kept, what is copied, and how well classifiers tell the songs from human ones.

    Examples:
      ritornello evaluate frameworks --data pop909.zip --split test --json
      ritornello evaluate frameworks --data pop909.zip --split validation --songs 0 --json

    Args:
        data: Folder or zip in the layout of the POP909 pack.
        split: Which songs: train, validation, test or all.
        checkpoint: The name of a model, the folder of its weights, or a training run.
        songs: Compose along the first so many songs; all if left out, none with 0.
        learned_from: How many training songs the classifiers learn from.
    """
    require_networks()
    if songs is not None and songs < 0:
        raise ArgumentError(f"--songs {songs} is out of range; give 0 or more")
    if learned_from < 1:
        raise ArgumentError(f"--learned-from {learned_from} is out of range; give 1 or more")
    from ritornello.datasets.pop909 import Pop909
    from ritornello.frameworks.evaluate import evaluate_frameworks

    dataset = Pop909(data)
    with progress_bar("Reading, then composing", common) as progress:
        result = evaluate_frameworks(dataset, split, checkpoint, progress, songs=songs, learned_from=learned_from)
    return Outcome(as_table(result), result)


@app.command
def compressor(
    *,
    data: Path | None = None,
    models: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative="")] = ("ours",),
    simulated: Whole = 0,
    seed: Whole = 0,
    pre_roll: float = 2.0,
    common: Common = DEFAULTS,
) -> Outcome:
    """Measure models of the levelling amplifier against recordings of the hardware.

    Examples:
      ritornello evaluate compressor --data la2a-clips.zip --json
      ritornello evaluate compressor --data la2a-clips.zip --models all --json
      ritornello evaluate compressor --simulated 24 --models all --json

    Args:
        data: Folder or zip with a pairs.csv in the layout of the clips pack.
        models: Names of models (ours, sim, s4-32-4, ...), files or folders of models, or all that are shipped.
        simulated: Also measure on so many pairs of the simulation's test split.
        seed: Of the simulated pairs.
        pre_roll: Seconds of a clip's beginning that models have heard before it, backwards, 0 to 60; 0 begins with
            cells in the dark. Simulated pairs always do.
    """
    if data is None and not simulated:
        raise ArgumentError("there is nothing to measure on: give --data, or a number of pairs with --simulated")
    if simulated < 0 or seed < 0:
        raise ArgumentError("--simulated and --seed are whole numbers from 0 on")
    check_pre_roll(pre_roll)
    from ritornello.compressor.data import simulated_pairs
    from ritornello.compressor.evaluate import evaluate_clips, evaluate_simulated

    result: dict[str, object] = {}
    if data is not None:
        with progress_bar("Compressing", common) as progress:
            result |= evaluate_clips(data, models, progress, pre_roll_s=pre_roll)
    if simulated:
        result["simulated"] = evaluate_simulated(simulated_pairs("test", simulated, 6.0, seed), models)
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
