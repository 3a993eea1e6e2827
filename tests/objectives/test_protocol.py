"""The protocol: equal budgets, a grid that grows for all, paired final runs, a stop that loses nothing."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ritornello.errors import ArgumentError, ReadError, WriteError
from ritornello.objectives.compare import compare_objectives
from ritornello.objectives.protocol import TUNING_SEED, Protocol
from ritornello.objectives.run import RunSpec
from ritornello.objectives.runs import Runs

from .points import TINY, Points

LOSSES = ("cross_entropy", "centred_z_loss", "linear_mse", "expgb")


def invented(best: dict[str, float]) -> Any:
    """Return a training without a network: the nearer the rate to an objective's best, the higher the curve."""

    def train(spec: RunSpec) -> dict[str, Any]:
        far = abs(spec.rate - best[spec.objective]) / best[spec.objective] + spec.seed % 7 / 1000
        height = 0.9 / (1 + far)
        curve = [[0, 0.1], [spec.steps // 2, height / 2], [spec.steps, height]]
        return {"curve": curve, "diverged": spec.rate > 90, "scale": 1.0, "ms_per_step": 1.0, "accuracy": height}

    return train


def test_every_objective_gets_the_same_budget(tmp_path: Path) -> None:
    seen: list[RunSpec] = []
    train = invented({"cross_entropy": 0.1, "centred_z_loss": 0.0316, "linear_mse": 0.01, "expgb": 0.1})

    def noted(spec: RunSpec) -> dict[str, Any]:
        seen.append(spec)
        return train(spec)

    told: list[tuple[int, int]] = []
    protocol = Protocol(TINY, LOSSES, 3, Runs(tmp_path / "a", {}), noted, lambda *now: told.append(now))
    settings, plan = protocol.complete()
    tuning = [spec for spec in seen if spec.seed >= TUNING_SEED]
    # Linear lies at the lower edge of .0316, .1, .316 twice, but the grid may grow once: four rates for all.
    rates = {loss: sorted({spec.rate for spec in tuning if spec.objective == loss}) for loss in LOSSES}
    assert set(map(tuple, rates.values())) == {(0.01, 0.0316, 0.1, 0.316)}
    assert len(set(Counter(spec.objective for spec in tuning).values())) == 1
    assert {loss: setting.rate for loss, setting in settings.items()} == {
        "cross_entropy": 0.1, "centred_z_loss": 0.0316, "linear_mse": 0.01, "expgb": 0.1,
    }  # fmt: skip
    assert not any(spec.is_final for spec in tuning)
    finals = [spec for spec in seen if spec.seed < TUNING_SEED]
    assert all(spec.is_final for spec in finals)
    assert {spec.seed for spec in finals} == {0, 1, 2}
    assert len(set(seen)) == len(seen)
    # Tuned, matched and two budgets of each seed; the default rate is the tuned one of both it is asked of.
    assert Counter(spec.seed for spec in finals) == dict.fromkeys(range(3), 4 + 3 + 2 * 4)
    matched = [spec for spec in finals if spec.matched]
    assert {(spec.rate, spec.objective) for spec in matched} == {(0.1, loss) for loss in LOSSES[1:]}
    assert {(spec.steps, spec.schedule) for spec in plan.budgets["expgb", 0.5]} == {(8, "cosine")}
    assert told[-1][0] <= told[-1][1] and [done for done, _ in told] == sorted(done for done, _ in told)


def test_runs_that_diverge_are_never_chosen(tmp_path: Path) -> None:
    best = dict.fromkeys(LOSSES, 100.0)
    settings = Protocol(TINY, LOSSES, 1, Runs(tmp_path / "a", {}), invented(best)).tune()
    assert all(setting.rate < 90 for setting in settings.values())


def test_a_stopped_comparison_goes_on_and_gives_the_same_table(tmp_path: Path) -> None:
    whole = compare_objectives(Points(), tmp_path / "whole", seeds=2)
    lines = (tmp_path / "whole" / "runs.jsonl").read_bytes().splitlines(keepends=True)
    stopped = tmp_path / "stopped"
    stopped.mkdir()
    (stopped / "recipe.json").write_bytes((tmp_path / "whole" / "recipe.json").read_bytes())
    cut = 2 * len(lines) // 3
    (stopped / "runs.jsonl").write_bytes(b"".join(lines[:cut]) + lines[cut][:50])
    again = compare_objectives(Points(), stopped, seeds=2)
    assert len((stopped / "runs.jsonl").read_bytes().splitlines()) == len(lines)
    assert again["verdict_lines"] == whole["verdict_lines"]
    tables = []
    for folder in (tmp_path / "whole", stopped):
        rows = list(csv.DictReader(io.StringIO((folder / "table.csv").read_text())))
        tables.append([{name: value for name, value in row.items() if name != "ms_per_step"} for row in rows])
        assert (folder / "plot.png").stat().st_size > 10_000
        assert whole["verdict_lines"][0] in (folder / "table.md").read_text()
    assert tables[0] == tables[1]
    assert [(row["loss"], row["control"]) for row in tables[0]][4:] == [
        ("centred_z_loss", "matched"), ("linear_mse", "matched"), ("expgb", "matched"),
        ("cross_entropy", "default rate"), ("expgb", "default rate"),
    ]  # fmt: skip
    json.dumps(whole, allow_nan=False)
    before = (stopped / "runs.jsonl").read_bytes()
    compare_objectives(Points(), stopped, losses=["expgb"], seeds=1)  # less than there is: nothing is trained
    assert (stopped / "runs.jsonl").read_bytes() == before


def test_without_the_claim_there_is_no_verdict(tmp_path: Path) -> None:
    result = compare_objectives(Points(), tmp_path / "a", losses=["poly1"], seeds=1)
    assert result["verdict"] is None and "expgb" in result["verdict_lines"][0]


def test_what_is_wrong_with_a_folder_is_said(tmp_path: Path) -> None:
    runs = Runs(tmp_path / "a", {"task": "points"})
    spec = RunSpec("expgb", 0.1, 0.0, 0, 10)
    assert spec not in runs
    runs.do(spec, lambda _spec: {"curve": []})
    assert Runs(tmp_path / "a", {"task": "points"})[spec] == {"curve": []}
    with pytest.raises(ArgumentError, match='a run with task "points", not "images"'):
        Runs(tmp_path / "a", {"task": "images"})
    (tmp_path / "a" / "runs.jsonl").write_text("{}\n")
    with pytest.raises(ReadError, match="line 1"):
        Runs(tmp_path / "a", {"task": "points"})
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mine.txt").write_text("x")
    with pytest.raises(WriteError, match="exists"):
        Runs(tmp_path / "b", {})
    with pytest.raises(ArgumentError, match="twice"):
        compare_objectives(Points(), tmp_path / "c", losses=["expgb", "expgb"])
    with pytest.raises(ArgumentError, match="softmax"):
        compare_objectives(Points(), tmp_path / "c", losses=["softmax"])
    assert not (tmp_path / "c").exists()
