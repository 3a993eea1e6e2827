"""Recipes read and scaled, runs gone on with or refused, weights passed on: on a network of 61,000 parameters."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ritornello.errors import ArgumentError, ReadError, WriteError
from ritornello.museformer.model import MuseformerNetwork
from ritornello.museformer.pretrained import load_network
from ritornello.museformer.recipes import RECIPES, read_recipe, with_tokens
from ritornello.museformer.runs import export_run
from ritornello.museformer.train import Phase, Recipe, recipe_as_json, train
from ritornello.training.runs import open_run
from ritornello.training.shards import TokenShards

from .token_songs import random_bars, write_songs

RECIPE = Recipe(size="tiny", phases=(Phase(4, 200, 2),), warmup_steps=1, precision="no")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> TokenShards:
    rng = np.random.default_rng(0)
    return write_songs(tmp_path_factory.mktemp("tokens"), [random_bars(rng, 20) for _ in range(3)])


@pytest.fixture(scope="module")
def run(shards: TokenShards, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of four steps, its checkpoint at step 3 kept."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    train(shards, RECIPE, folder, save_every=3)
    return folder


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_recipe_comes_back_from_its_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text(json.dumps(recipe_as_json(RECIPES[name])))
    assert read_recipe(tmp_path / "recipe.json") == RECIPES[name]
    assert read_recipe(name) == RECIPES[name]
    assert RECIPES[name].size == name.removesuffix("-control")


def test_the_paper_recipe_is_the_paper_s() -> None:
    paper = RECIPES["paper"]
    network = MuseformerNetwork(dataclasses.replace(paper.config, plan_bias=False))
    assert sum(value.numel() for value in network.parameters()) == 16_145_408
    (phase,) = paper.phases
    assert (phase.window_tokens, phase.examples, paper.learning_rate, paper.warmup_steps) == (15_360, 4, 5e-4, 16_000)
    assert (paper.optimizer, paper.weight_decay, paper.config.dropout) == ("adamw", 0.01, 0.1)


@pytest.mark.parametrize("tokens", [100_000, 3_000_000, 40_000_000])
def test_a_budget_of_tokens_keeps_the_proportions(tokens: int) -> None:
    recipe = Recipe(phases=(Phase(700, 2_560, 2), Phase(500, 10_240, 1)))
    scaled = with_tokens(recipe, tokens)
    sums = [phase.steps * phase.window_tokens * phase.examples for phase in scaled.phases]
    assert sum(sums) == pytest.approx(tokens, abs=2 * 10_240)
    if tokens > 1_000_000:
        assert sums[0] / sums[1] == pytest.approx(700 / 1_000, rel=0.01)
    with pytest.raises(ArgumentError, match="too few"):
        with_tokens(recipe, 5_000)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("{", ReadError, "no JSON"),
        ("[]", ReadError, "no recipe"),
        ('{"colour": 1}', ArgumentError, "'colour' is no field"),
        ('{"size": "huge"}', ArgumentError, "'huge' is not one of"),
        ('{"phases": [{"steps": 1}]}', ArgumentError, "another type"),
        ('{"infill_share": 0.8, "plan_share": 0.8}', ArgumentError, "together at most 1"),
        ('{"vocabulary": "other"}', ArgumentError, "vocabulary 'other'"),
    ],
)
def test_what_is_no_recipe_is_refused(text: str, error: type[Exception], message: str, tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(error, match=message):
        read_recipe(tmp_path / "r.json")


def test_a_run_goes_on_with_its_own_recipe_only(tmp_path: Path) -> None:
    recipe = recipe_as_json(RECIPE)
    open_run(tmp_path / "run", recipe)
    open_run(tmp_path / "run", recipe)
    with pytest.raises(ArgumentError, match="a run with seed 0, not 1"):
        open_run(tmp_path / "run", {**recipe, "seed": 1})
    for text in ("{", "5", "[1]", "[" * 100_000):
        (tmp_path / "run" / "recipe.json").write_text(text)
        with pytest.raises(ReadError, match=r"recipe\.json: damaged"):
            open_run(tmp_path / "run", recipe)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("dear")
    with pytest.raises(WriteError, match="no training run"):
        open_run(tmp_path / "other", recipe)


def test_a_finished_run_is_left_as_it_is(run: Path, shards: TokenShards) -> None:
    before = (run / "log.jsonl").read_text()
    again = train(shards, RECIPE, run, save_every=3)
    assert (run / "log.jsonl").read_text() == before
    saved = load_network(run).network.state_dict()
    for name, value in again.state_dict().items():
        assert torch.equal(value, saved[name]), name
    with pytest.raises(ArgumentError, match="a run with weight_decay"):
        train(shards, dataclasses.replace(RECIPE, weight_decay=0.5), run)


def test_more_processes_than_examples_a_step_are_refused(
    shards: TokenShards, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(ArgumentError, match="2 examples a step cannot be divided among 3 processes"):
        train(shards, RECIPE, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_weights_are_exported_as_they_are(run: Path, tmp_path: Path) -> None:
    own = load_network(run).network.state_dict()
    training = export_run(run, tmp_path / "whole", half=False)
    assert (training["step"], training["recipe"]["size"]) == (4, "tiny")
    for name, value in load_network(tmp_path / "whole").network.state_dict().items():
        assert torch.equal(value, own[name]), name
    export_run(run, tmp_path / "half")
    for name, value in load_network(tmp_path / "half").network.state_dict().items():
        torch.testing.assert_close(value, own[name], rtol=2**-8, atol=1e-30)
    assert (tmp_path / "half" / "model.safetensors").stat().st_size < 0.6 * (
        tmp_path / "whole" / "model.safetensors"
    ).stat().st_size
    assert export_run(run / "step-00000003", tmp_path / "earlier")["step"] == 3
    with pytest.raises(WriteError):
        export_run(run, tmp_path / "half")
    with pytest.raises(ArgumentError, match="no training run"):
        export_run(tmp_path / "half", tmp_path / "again")


def test_a_run_starts_from_another_s_weights(run: Path, shards: TokenShards, tmp_path: Path) -> None:
    export_run(run, tmp_path / "weights", half=False)
    still = dataclasses.replace(RECIPE, phases=(Phase(1, 200, 1),), learning_rate=1e-12, weight_decay=0.0)
    wanted = load_network(run).network.state_dict()
    for number, start in enumerate((run, run / "step-00000004", tmp_path / "weights")):
        network = train(shards, still, tmp_path / f"run-{number}", start=start)
        for name, value in network.state_dict().items():
            torch.testing.assert_close(value, wanted[name], rtol=0, atol=1e-9)


@pytest.mark.parametrize("changes", [{"rotary": False}, {"variant": "no_selection"}])
def test_weights_that_fit_but_were_learned_otherwise_are_no_start(
    changes: dict[str, Any], run: Path, shards: TokenShards, tmp_path: Path
) -> None:
    with pytest.raises(ArgumentError, match=f"a network with {next(iter(changes))}"):
        train(shards, dataclasses.replace(RECIPE, **changes), tmp_path / "other", start=run)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"optimizer": "sgd"}, "optimizer 'sgd' is not one of muon, adamw"),
        ({"precision": "fp16"}, "precision 'fp16'"),
        ({"rotary": "false"}, "rotary 'false'"),
        ({"variant": "fine"}, "variant 'fine'"),
        ({"phases": []}, "phases is empty"),
        ({"phases": [{"steps": 1, "window_tokens": 0, "examples": 1}]}, "a phase's window_tokens 0|'0'"),
        ({"phases": [{"steps": "many", "window_tokens": 9, "examples": 1}]}, "a phase's steps 'many'"),
        ({"micro_batch": 0}, "micro_batch"),
        ({"seed": -1}, "seed"),
        ({"learning_rate": float("inf")}, "learning_rate is above 0"),
        ({"learning_rate": "fast"}, "another type"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused_before_anything_is_made(
    wrong: dict[str, Any], words: str, tmp_path: Path
) -> None:
    (tmp_path / "recipe.json").write_text(json.dumps({"size": "tiny", **wrong}))
    with pytest.raises(ArgumentError, match=words):
        read_recipe(tmp_path / "recipe.json")


def test_a_run_keeps_its_sizes_when_the_defaults_of_its_size_change(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run")
    recipe = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert recipe["config"] == RECIPE.config.as_dict()
    recipe["config"]["rotary"] = not recipe["config"]["rotary"]
    (tmp_path / "run" / "recipe.json").write_text(json.dumps(recipe))
    assert load_network(tmp_path / "run").network.config.rotary is not RECIPE.config.rotary
