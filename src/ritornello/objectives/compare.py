"""The whole comparison: runs that are missing, then table, picture and verdict."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ritornello.errors import ArgumentError
from ritornello.files import write_bytes
from ritornello.nn.objectives import OBJECTIVES
from ritornello.nn.objectives.registry import entry
from ritornello.objectives.comparison import compare
from ritornello.objectives.protocol import BASE, Protocol
from ritornello.objectives.run import Progress, train_once
from ritornello.objectives.runs import Runs
from ritornello.objectives.table import comma_separated, markdown, records
from ritornello.objectives.task import Task
from ritornello.objectives.verdict import evidence_of, verdict, verdict_lines
from ritornello.show.objectives import write_comparison


def check_losses(names: Sequence[str] | None) -> None:
    """Refuse names of objectives that there are not, or one that is named twice.

    Raises:
        ArgumentError: saying which there are.
    """
    for name in names or ():
        entry(name)
    if names and len(set(names)) < len(names):
        raise ArgumentError("an objective is named twice; leave one out")


def compare_objectives(
    task: Task,
    folder: Path,
    *,
    losses: Sequence[str] | None = None,
    seeds: int = 10,
    command: str = "",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train what has not been trained yet, then write ``table.md``, ``table.csv`` and ``plot.png``.

    Args:
        task: what on.
        folder: with ``runs.jsonl``; a comparison that was stopped goes on there.
        losses: names of objectives; those of the profile if left out. Cross-entropy is always among them.
        seeds: paired seeds of the final runs.
        command: named below the table.
        progress: called with (runs done, runs known to be needed).

    Returns:
        JSON data: ``verdict``, ``verdict_lines`` and ``rows``.

    Raises:
        ArgumentError: if an objective is unknown or named twice, or the folder holds another comparison.
        ReadError: if the folder's runs are damaged.
        WriteError: if the folder cannot be written.
    """
    chosen = tuple(losses) if losses is not None else task.profile.losses
    check_losses(chosen)
    chosen = (BASE, *(name for name in chosen if name != BASE))
    shared = {name: value for name, value in task.profile.as_dict().items() if name != "losses"}
    runs = Runs(folder, {"benchmark": "objectives", "task": task.name, "profile": shared, "data": task.describe()})
    protocol = Protocol(task.profile, chosen, seeds, runs, functools.partial(train_once, task), progress)
    settings, plan = protocol.complete()
    comparison = compare(settings, plan, runs)
    write_bytes(folder / "table.md", markdown(comparison, task, protocol.told_budget(), command).encode())
    write_bytes(folder / "table.csv", comma_separated(comparison).encode())
    write_comparison(
        {OBJECTIVES[name].title: curve for name, curve in comparison.curves.items()},
        {
            OBJECTIVES[row.objective].title: (
                row.to_base.estimate.value,
                row.to_base.estimate.low,
                row.to_base.estimate.high,
            )
            for row in comparison.rows
            if row.control == "tuned" and row.to_base is not None
        },
        folder / "plot.png",
        f"Objectives on {task.title} ({task.profile.name})",
    )
    evidence = evidence_of(comparison)
    return {
        "task": task.name, "profile": task.profile.name, "seeds": seeds,
        "verdict": None if evidence is None else verdict(evidence),
        "verdict_lines": verdict_lines(comparison), "rows": records(comparison),
    }  # fmt: skip
