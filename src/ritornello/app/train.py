"""`ritornello train SYSTEM`: learn a system's tables or weights from a data set; `export` passes a run's weights on."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import cyclopts
from cyclopts import Parameter

from ritornello.app.console import DEFAULTS, Common, Outcome, Whole, progress_bar
from ritornello.app.inputs import check_output_file, require_networks, require_training
from ritornello.app.train_compressor import compressor
from ritornello.errors import ArgumentError
from ritornello.files import read_json_object, write_bytes

TaskName = Literal["basic", "rhythm", "melody"]

app = cyclopts.App(name="train", help="Learn a system's tables or weights from a data set.")
app.command(compressor)


@app.command
def imitation(
    *,
    data: Path,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    force: Annotated[bool, Parameter(negative="")] = False,
    common: Common = DEFAULTS,
) -> Outcome:
    """Count the prior of pop music that imitation falls back on, from the training split.

    Examples:
      ritornello train imitation --data pop909.zip -o prior.json.gz

    Args:
        data: Folder or zip in the layout of the POP909 pack.
        out: The file to write, gzipped JSON; the shipped one lies in the package under weights/imitation-pop909.
        force: Replace an existing file.
    """
    check_output_file(out, force, data)
    from ritornello.datasets.pop909 import Pop909
    from ritornello.imitation.train import build_prior

    dataset = Pop909(data)
    with progress_bar("Counting", common) as progress:
        prior = build_prior(dataset, dataset.split("train"), progress=progress)
    write_bytes(out, prior.to_bytes())
    left_out = f"; left out: {', '.join(prior.skipped)}" if prior.skipped else ""
    counted = {"out": str(out), "songs": prior.songs, "skipped": list(prior.skipped)}
    return Outcome(f"{out}: learned from {prior.songs} songs{left_out}", counted)


@app.command
def museformer(
    *,
    data: Path,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    size: Literal["small", "paper", "tiny"] | None = None,
    variant: Literal["museformer", "no_coarse", "no_selection", "full"] | None = None,
    recipe: Path | None = None,
    tokens: Whole | None = None,
    start: Path | None = None,
    objective: str | None = None,
    seed: Whole | None = None,
    save_every: Whole = 100,
    validate_every: Whole = 200,
    validation_songs: Whole = 20,
    common: Common = DEFAULTS,
) -> Outcome | None:
    """Train the Museformer network, or go on with a training that was stopped.

    A run whose folder exists goes on from its last checkpoint if its recipe is the same. Under "accelerate launch -m
    ritornello train museformer ..." many processes train together, with the same result as one.

    Examples:
      ritornello train museformer --data tokens -o run
      ritornello train museformer --data tokens -o run-full --variant full
      ritornello train museformer --data tokens -o run-short --tokens 2000000 --seed 1

    Args:
        data: Folder of token shards that "ritornello data tokenize" wrote.
        out: The run's folder: recipe.json, log.jsonl, checkpoints and, at the end, the losses in loss.png.
        size: Size of the network, and its recipe: small (the default), paper, or tiny for trying things out.
        variant: museformer, or a baseline by the same recipe: no_coarse, no_selection or full attention.
        recipe: A name, such as small-control (infill and plans, from another run with --start), or a JSON file with the
            fields of a recipe, such as the recipe.json of another run; instead of --size.
        tokens: Training tokens in all, instead of the recipe's; its phases are shortened or prolonged alike.
        start: A run, one of its checkpoints or a folder of weights to start from.
        objective: What is learned from instead of the recipe's, which is cross_entropy: expgb, poly1, z_loss, ...
        seed: Of weights and the order of songs.
        save_every: Steps between checkpoints.
        validate_every: Steps between measurements on validation songs; 0 measures at the end only.
        validation_songs: How many songs of the validation split to measure on; 0 for none.
    """
    if recipe is not None and size is not None:
        raise ArgumentError("--recipe and --size contradict each other; leave one out")
    for flag, number, least in (
        ("--tokens", tokens, 1), ("--seed", seed, 0), ("--save-every", save_every, 1),
        ("--validate-every", validate_every, 0), ("--validation-songs", validation_songs, 0),
    ):  # fmt: skip
        if number is not None and number < least:
            raise ArgumentError(f"{flag} {number} is out of range; give a whole number from {least} on")
    require_training()
    from ritornello.museformer.measuring.likelihood import validation
    from ritornello.museformer.recipes import RECIPES, read_recipe, with_tokens
    from ritornello.museformer.tokens.note_bars import songs_of
    from ritornello.museformer.tokens.vocabulary import VOCABULARY_NAME
    from ritornello.museformer.train import train
    from ritornello.show.training_curve import write_training_curves
    from ritornello.training.fit import leave
    from ritornello.training.runs import is_main_process
    from ritornello.training.shards import TokenShards

    chosen = read_recipe(recipe) if recipe is not None else RECIPES[size or "small"]
    changes: dict[str, Any] = {"variant": variant, "objective": objective, "seed": seed}
    chosen = dataclasses.replace(chosen, **{name: value for name, value in changes.items() if value is not None})
    chosen = chosen if tokens is None else with_tokens(chosen, tokens)
    shards = TokenShards(data, VOCABULARY_NAME)
    validate = None
    if validation_songs and "validation" in shards.manifest["splits"]:
        songs = songs_of(shards, shards.split("validation")[:validation_songs])
        validate = validation(songs, chosen.config)
    with progress_bar("Training", common) as progress:
        network = train(
            shards, chosen, out, start=start, save_every=save_every, validate_every=validate_every, validate=validate,
            progress=progress,
        )  # fmt: skip
    leave()
    if not is_main_process():
        return None
    parameters = sum(value.numel() for value in network.parameters())
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    last = lines[-1] if lines else {}
    if lines:
        write_training_curves({out.name: lines}, out / "loss.png", f"Training of {out.name}")
    measured = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in last.items() if "perplexity" in name)
    summary = f"{out}: {chosen.steps} steps, {parameters:,} parameters" + (f", {measured}" if measured else "")
    return Outcome(summary, {"out": str(out), "parameters": parameters, **last})


@app.command
def frameworks(
    *,
    data: Path,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    networks: Annotated[tuple[TaskName, ...], Parameter(consume_multiple=True, negative="")] = (
        "basic",
        "rhythm",
        "melody",
    ),
    songs: Literal["all", "one-key", "all-major", "minor", "other-metre"] = "all",
    encoder: Literal["transformer", "lstm"] | None = None,
    copying: bool | None = None,
    epochs: Whole | None = None,
    objective: str | None = None,
    seed: Whole | None = None,
    common: Common = DEFAULTS,
) -> Outcome | None:
    """Train the networks that write melodies from frameworks, or go on with a training that was stopped.

    A run whose folder exists goes on from its last checkpoints if its recipe is the same. After every epoch a network
    is measured on validation songs; the weights of the lowest loss are kept.

    Examples:
      ritornello train frameworks --data pop909.zip -o run
      ritornello train frameworks --data pop909.zip -o run-lstm --encoder lstm --no-copying

    Args:
        data: Folder or zip in the layout of the POP909 pack.
        out: The run's folder: recipe.json, and for each network log.jsonl, checkpoints and best.safetensors.
        networks: Which networks to train now: basic (the basic melody), rhythm, melody.
        songs: Which training songs: all; in 4/4 in one major key (one-key), in major keys only (all-major) or with a
            minor key (minor); or in other metres (other-metre).
        encoder: transformer, or lstm as a baseline.
        copying: Whether a network may point at what came before and copy it; the shipped ones may.
        epochs: How often every song is seen, instead of the recipe's number.
        objective: What is learned from: cross_entropy (the default), poly1 or softmax_mse.
        seed: Of weights and the order of songs.
    """
    for flag, number, least in (("--epochs", epochs, 1), ("--seed", seed, 0)):
        if number is not None and number < least:
            raise ArgumentError(f"{flag} {number} is out of range; give a whole number from {least} on")
    if not networks:
        raise ArgumentError("--networks names none; give one or more of basic, rhythm, melody")
    require_training()
    from ritornello.datasets.pop909 import Pop909
    from ritornello.frameworks.recipes import RECIPES, changed, train_networks
    from ritornello.training.fit import leave
    from ritornello.training.runs import BEST_NOTE, is_main_process

    recipes = changed(RECIPES, epochs, seed, objective, encoder=encoder, copying=copying)
    trained = train_networks(
        Pop909(data), recipes, out, songs=songs, tasks=networks, stage=lambda label: progress_bar(label, common)
    )
    leave()
    if not is_main_process():
        return None
    result: dict[str, Any] = {"out": str(out)}
    lines = []
    for task, network in trained.items():
        parameters = sum(value.numel() for value in network.parameters())
        note = out / task / BEST_NOTE
        measured = read_json_object(note) if note.is_file() else {}
        result[task] = {"parameters": parameters, **measured}
        lines.append(
            f"{out / task}: {parameters:,} parameters, validation loss {measured.get('validation_loss', 'unknown')}"
        )
    return Outcome("\n".join(lines), result)


@app.command
def motifs(
    *,
    data: Path,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    music: Path | None = None,
    recipe: str = "small",
    steps: Whole | None = None,
    seed: Whole | None = None,
    common: Common = DEFAULTS,
) -> Outcome | None:
    """Train the encoder of motifs, or go on with a training that was stopped.

    A run whose folder exists goes on from its last checkpoint if its recipe is the same. Its folder "weights" is a
    model that "evaluate motifs --checkpoint" and "motifs" take.

    Examples:
      ritornello train motifs --data pop909-motif-labels.zip --music pop909.zip -o run
      ritornello train motifs --data labels -o run-siamese --recipe siamese --seed 1

    Args:
        data: Folder or zip of motif labels, or a folder that holds labels and music.
        out: The run's folder: recipe.json, a folder for each stage with log.jsonl and checkpoints, and weights.
        music: The POP909 pack; looked for inside and beside --data if not given.
        recipe: small (ours, the default); siamese, the paper's method at a small size, with its ablations
            siamese-vicreg and siamese-contrastive; paper, in full size; or tiny for trying things out.
        steps: Steps in all, instead of the recipe's; its stages are shortened or prolonged alike.
        seed: Of weights, order and chance.
    """
    for flag, number, least in (("--steps", steps, 1), ("--seed", seed, 0)):
        if number is not None and number < least:
            raise ArgumentError(f"{flag} {number} is out of range; give a whole number from {least} on")
    require_training()
    from ritornello.datasets.pop909_motifs import Pop909Motifs
    from ritornello.motifs.recipes import JOINED, RECIPES, train_motifs, with_seed, with_steps
    from ritornello.training.fit import leave
    from ritornello.training.runs import is_main_process

    if recipe not in RECIPES:
        raise ArgumentError(f"--recipe '{recipe[:40]}' is unknown; use one of {', '.join(RECIPES)}")
    chosen = with_steps(with_seed(RECIPES[recipe], seed), steps)
    trained = train_motifs(
        Pop909Motifs(data, music), chosen, out, joins=recipe in JOINED,
        stage=lambda label: progress_bar(label, common),
    )  # fmt: skip
    leave()
    if not is_main_process():
        return None
    parameters = sum(value.numel() for value in trained.encoder.parameters())
    done = sum(each.steps for each in chosen.stages)
    summary = f"{out / 'weights'}: {done} steps, {parameters:,} parameters"
    return Outcome(summary, {"out": str(out), "weights": str(out / "weights"), "steps": done, "parameters": parameters})


@app.command
def export(
    run: Path,
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    precision: Literal["bf16", "fp32"] = "bf16",
    force: Annotated[bool, Parameter(negative="")] = False,
    common: Common = DEFAULTS,
) -> Outcome:
    """Write the weights of a training run as a model that generate, compose, motifs and evaluate take.

    Examples:
      ritornello train export run -o my-model

    Args:
        run: The run's folder, whose last checkpoint is taken (of frameworks the best), or one of its checkpoints.
        out: The folder to write model.safetensors and config.json into.
        precision: How weights are stored.
        force: Replace the files of an existing folder.
    """
    require_networks()
    from ritornello.compressor import pretrained as compressor
    from ritornello.frameworks import pretrained as frameworks
    from ritornello.motifs import pretrained as motifs
    from ritornello.museformer.runs import export_run
    from ritornello.training.runs import is_run

    half, step = precision == "bf16", {}
    if is_run(run, "compressor"):
        what = compressor.export_run(run, out, force=force)
    elif is_run(run, motifs.SYSTEM):
        motifs.export_run(run, out, half=half, force=force)
        what = "the encoder"
    elif is_run(run, frameworks.SYSTEM):
        frameworks.export_run(run, out, half=half, force=force)
        what = "three networks"
    else:
        step = {"step": export_run(run, out, half=half, force=force)["step"]}
        what = f"step {step['step']}"
    size = sum(path.stat().st_size for path in out.rglob("model.safetensors"))
    megabytes = f"{size / 1e6:.1f}" if size >= 1e6 else f"{size / 1e6:.2f}"
    return Outcome(f"{out}: weights of {what}, {megabytes} MB", {"out": str(out), "bytes": size, **step})
