"""`ritornello benchmark SYSTEM`: how fast a system runs, or learns, beside what it is to be measured against."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import cyclopts
from cyclopts import Parameter

from ritornello.app.console import DEFAULTS, Common, Outcome, Whole, as_table, progress_bar
from ritornello.app.inputs import require_networks
from ritornello.errors import ArgumentError

if TYPE_CHECKING:
    from ritornello.objectives.task import Task

app = cyclopts.App(name="benchmark", help="Time a system, or compare ways of training.")


@app.command
def museformer(*, size: Literal["small", "paper"] = "small", common: Common = DEFAULTS) -> Outcome:
    """Time Museformer's decoding and training beside full attention of the same size, in the same run.

    Examples:
      ritornello benchmark museformer --json
      ritornello benchmark museformer --size paper --json

    Args:
        size: The size of the network.
    """
    require_networks()
    from ritornello.museformer.benchmark import benchmark

    result = benchmark(size=size)
    return Outcome(as_table(result), result)


TaskName = Literal["cifar", "chords", "tokens"]


@app.command
def objectives(
    *,
    task: TaskName,
    data: Path,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    profile: Literal["quick", "full"] = "quick",
    losses: Annotated[tuple[str, ...] | None, Parameter(consume_multiple=True, negative="")] = None,
    seeds: Whole = 10,
    common: Common = DEFAULTS,
) -> Outcome:
    """Compare training objectives with cross-entropy, fairly, and say whether boosted gradients learn a third faster.

    Every objective is tuned with the same budget; then come paired seeds, controls for step size and for the missing
    normaliser, and final accuracy. A comparison that was stopped goes on in the same folder, also with more seeds or
    objectives. Run it single-threaded (OMP_NUM_THREADS=1) if it shall give the same figures again.

    Examples:
      ritornello benchmark objectives --task cifar --data cifar10-jpeg.zip -o objectives-cifar
      ritornello benchmark objectives --task chords --data pop909.zip -o objectives-chords --seeds 20
      ritornello benchmark objectives --task tokens --data tokens -o objectives-tokens --losses expgb squentropy

    Args:
        task: cifar (images), chords (of every beat of a song) or tokens (the next token of Museformer).
        data: For cifar a folder or zip of JPEG copies; for chords the POP909 pack; for tokens a folder that
            "ritornello data tokenize" wrote.
        out: The folder for runs.jsonl, table.md, table.csv and plot.png.
        profile: quick is made for an hour on a few cores; full for an accelerator.
        losses: Names of objectives beside cross_entropy; those of the profile if left out.
        seeds: Paired seeds of the final runs.
    """
    if seeds < 1:
        raise ArgumentError(f"--seeds {seeds} is out of range; give a whole number from 1 on")
    require_networks()
    from ritornello.objectives.compare import check_losses, compare_objectives

    check_losses(losses)
    command = f"ritornello benchmark objectives --task {task} --data {data.name} -o {out.name} --profile {profile}"
    command += (f" --losses {' '.join(losses)}" if losses else "") + (f" --seeds {seeds}" if seeds != 10 else "")
    with progress_bar("Training", common) as progress:
        result = compare_objectives(
            _objective_task(task, data, profile), out, losses=losses, seeds=seeds, command=command, progress=progress
        )
    return Outcome("\n".join([*result["verdict_lines"], f"{out / 'table.md'}: the whole table"]), result)


@app.command
def objective_cost(
    *,
    classes: Whole = 1_000,
    positions: Whole = 4_096,
    losses: Annotated[tuple[str, ...] | None, Parameter(consume_multiple=True, negative="")] = None,
    common: Common = DEFAULTS,
) -> Outcome:
    """Time training objectives, forward and backward, beside PyTorch's cross-entropy.

    Examples:
      ritornello benchmark objective-cost --classes 1000 --json

    Args:
        classes: Number of classes.
        positions: Number of predictions at once.
        losses: Names of objectives; all of them if left out.
    """
    require_networks()
    from ritornello.objectives.cost import objective_cost as cost

    result = cost(classes, positions, losses)
    return Outcome(
        as_table({name: f"{one['ms']:.2f} ms, {one['ratio']:.2f} times" for name, one in result.items()}), result
    )


def _objective_task(task: TaskName, data: Path, profile: Literal["quick", "full"]) -> Task:
    """Make a task; that of a system is made by the system, which the comparison does not know."""
    if task == "cifar":
        from ritornello.objectives.tasks.cifar import CifarTask

        return CifarTask(data, profile)
    if task == "chords":
        from ritornello.datasets.pop909 import Pop909
        from ritornello.objectives.tasks.chords import ChordTask

        return ChordTask(Pop909(data), profile)
    from ritornello.museformer.objective_task import NextTokenTask
    from ritornello.museformer.tokens.vocabulary import VOCABULARY_NAME
    from ritornello.training.shards import TokenShards

    return NextTokenTask(TokenShards(data, VOCABULARY_NAME), profile)


@app.command
def compressor(
    *,
    models: Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative="")] = (),
    common: Common = DEFAULTS,
) -> Outcome:
    """Time the levelling amplifier in a stream of blocks, beside other compressors, in the same run.

    Examples:
      ritornello benchmark compressor --json

    Args:
        models: Which models: ours, sim, s4-32-4, ...; all that are shipped if left out.
    """
    from ritornello.compressor.benchmark import benchmark as time_models

    result = time_models(models)
    return Outcome(as_table(result), result)
