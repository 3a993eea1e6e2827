"""The recipe's task and its runs: processes share the examples, a run that was stopped goes on exactly."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ritornello.errors import ArgumentError
from ritornello.museformer.attention.layout import Packed
from ritornello.museformer.attention.sequence import IGNORED
from ritornello.museformer.model import MuseformerNetwork
from ritornello.museformer.train import NextToken, Phase, Recipe, train
from ritornello.nn.objectives import expgb
from ritornello.training.shards import TokenShards

from .token_songs import random_bars, write_songs

RECIPE = Recipe(
    size="tiny",
    phases=(Phase(3, 120, 4), Phase(3, 240, 2)),
    warmup_steps=1,
    infill_share=0.3,
    plan_share=0.3,
    micro_batch=2,
    precision="no",
)


class StoppedError(Exception):
    """Somebody pulled the plug."""


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> TokenShards:
    rng = np.random.default_rng(2)
    return write_songs(tmp_path_factory.mktemp("tokens"), [random_bars(rng, 30) for _ in range(4)])


def songs(batches: list[Packed]) -> list[list[int]]:
    return [sequence.ids.tolist() for batch in batches for sequence in batch.sequences]


@pytest.mark.parametrize("step", [0, 2, 3, 5])
def test_processes_share_the_examples_of_a_step(shards: TokenShards, step: int) -> None:
    task = NextToken(shards, RECIPE)
    alone = songs(list(task.batches(step, 0, 1)))
    halves = [songs(list(task.batches(step, process, 2))) for process in (0, 1)]
    assert len(alone) == (4 if step < 3 else 2)
    assert sorted(halves[0] + halves[1]) == sorted(alone)
    assert len(halves[0]) == len(halves[1])


def test_windows_grow_with_the_phase(shards: TokenShards) -> None:
    task = NextToken(shards, RECIPE)
    lengths = [max(len(ids) for ids in songs(list(task.batches(step, 0, 1)))) for step in range(6)]
    assert max(lengths[:3]) <= 120 < max(lengths[3:]) <= 240


def test_the_loss_is_the_likelihood_of_the_targets(shards: TokenShards) -> None:
    task, model = NextToken(shards, RECIPE), MuseformerNetwork(RECIPE.config)
    batch = task.batches(0, 0, 1)[0]
    logits = model(batch).detach().double()
    expected = 0.0
    for row, target in enumerate(batch.targets.tolist()):
        if target != IGNORED:
            expected -= float(logits[row, target] - logits[row].exp().sum().log())
    assert float(task.loss(model, batch).detach()) == pytest.approx(expected, rel=1e-5)
    assert task.targets(batch) == sum(target != IGNORED for target in batch.targets.tolist())


def test_another_objective_is_learned_from(shards: TokenShards) -> None:
    torch.manual_seed(0)
    plain, boosted = NextToken(shards, RECIPE), NextToken(shards, dataclasses.replace(RECIPE, objective="expgb"))
    model = MuseformerNetwork(RECIPE.config)
    batch = plain.batches(0, 0, 1)[0]
    wanted = expgb(model(batch), batch.targets, ignore_index=IGNORED, reduction="sum")
    torch.testing.assert_close(boosted.loss(model, batch), wanted)
    assert float(wanted.detach()) != float(plain.loss(model, batch).detach())
    for name in ("harmonic", "softmax"):
        with pytest.raises(ArgumentError, match="cross_entropy"):
            dataclasses.replace(RECIPE, objective=name)


def test_a_run_from_before_objectives_could_be_chosen_was_of_cross_entropy(shards: TokenShards, tmp_path: Path) -> None:
    train(shards, RECIPE, tmp_path / "run")
    place = tmp_path / "run" / "recipe.json"
    told = json.loads(place.read_text())
    assert told.pop("objective") == "cross_entropy"
    place.write_text(json.dumps(told))
    train(shards, RECIPE, tmp_path / "run")
    with pytest.raises(ArgumentError, match='objective "cross_entropy", not "expgb"'):
        train(shards, dataclasses.replace(RECIPE, objective="expgb"), tmp_path / "run")


def test_a_stopped_run_goes_on_exactly(shards: TokenShards, tmp_path: Path) -> None:
    def stop(done: int, steps: int) -> None:
        if done == 4:
            raise StoppedError

    straight = train(shards, RECIPE, tmp_path / "straight", save_every=2)
    with pytest.raises(StoppedError):
        train(shards, RECIPE, tmp_path / "stopped", save_every=3, progress=stop)
    resumed = train(shards, RECIPE, tmp_path / "stopped", save_every=3)
    assert torch.equal(weights(resumed), weights(straight))


@pytest.mark.parametrize("variant", ["museformer", "no_coarse", "no_selection", "full"])
def test_every_variant_learns_by_the_recipe(shards: TokenShards, tmp_path: Path, variant: str) -> None:
    recipe = dataclasses.replace(RECIPE, variant=variant, precision="bf16", phases=(Phase(12, 120, 2),))
    model = train(shards, recipe, tmp_path / "run")
    task = NextToken(shards, recipe)
    batch = task.batches(20, 0, 1)[0]
    with torch.no_grad():
        nats = float(task.loss(model, batch)) / task.targets(batch)
    assert nats < 0.9 * math.log(560)


def weights(model: MuseformerNetwork) -> Tensor:
    return torch.cat([value.detach().flatten() for value in model.parameters()])
