from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from ritornello.errors import ReadError
from ritornello.training.checkpoint import (
    latest_checkpoint,
    load_checkpoint,
    load_weights,
    prune_checkpoints,
    save_checkpoint,
)
from ritornello.training.fit import muon_and_adamw

from .toy_run import make

Pair = tuple[nn.Module, list[torch.optim.Optimizer]]


def trained(seed: int) -> Pair:
    """A network and its optimizers after two steps."""
    model = make()
    optimizers = muon_and_adamw(model, 0.1, 0.01, ("5.",))
    torch.manual_seed(seed)
    for _ in range(2):
        step(model, optimizers)
    return model, optimizers


def step(model: nn.Module, optimizers: list[torch.optim.Optimizer]) -> None:
    model(torch.randn(4, 8)).square().sum().backward()
    for optimizer in optimizers:
        optimizer.step()
        optimizer.zero_grad()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    model, optimizers = trained(0)
    return save_checkpoint(tmp_path, 12, model, optimizers, {"targets": 34, "seconds": 5.5})


def test_what_is_loaded_goes_on_as_what_was_saved(tmp_path: Path) -> None:
    first, second = trained(0), trained(1)
    place = save_checkpoint(tmp_path, 12, *first, {"targets": 34})
    assert place == tmp_path / "step-00000012"
    assert load_checkpoint(place, *second) == {"step": 12, "targets": 34}
    for pair in (first, second):
        torch.manual_seed(5)
        step(*pair)
    for mine, theirs in zip(first[0].parameters(), second[0].parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_the_rate_is_that_of_the_recipe_and_not_of_the_checkpoint(place: Path) -> None:
    model = make()
    optimizers = muon_and_adamw(model, 0.7, 0.01, ("5.",))
    load_checkpoint(place, model, optimizers)
    assert {group["lr"] for optimizer in optimizers for group in optimizer.param_groups} == {0.7}


def test_the_latest_is_that_of_the_most_steps_and_half_written_ones_do_not_count(tmp_path: Path) -> None:
    assert latest_checkpoint(tmp_path / "none") is None
    assert latest_checkpoint(tmp_path) is None
    pair = trained(0)
    for number in (9, 100, 20):
        save_checkpoint(tmp_path, number, *pair, {})
    (tmp_path / ".step-00000200.abc").mkdir()
    (tmp_path / "step-best").mkdir()
    assert latest_checkpoint(tmp_path) == tmp_path / "step-00000100"


def test_pruning_keeps_the_last_and_the_named(tmp_path: Path) -> None:
    pair = trained(0)
    for number in (3, 6, 9, 12):
        save_checkpoint(tmp_path, number, *pair, {})
    prune_checkpoints(tmp_path, 2, frozenset({3}))
    assert sorted(place.name for place in tmp_path.iterdir()) == ["step-00000003", "step-00000009", "step-00000012"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:40])


def remove(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def no_json(path: Path) -> None:
    path.write_text('{"step": 1')


def no_step(path: Path) -> None:
    path.write_text(json.dumps({"targets": 3}))


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        *((f"{name}.safetensors", damage) for name in ("model", "optimizer") for damage in (cut, remove, empty)),
        *(("state.json", damage) for damage in (remove, empty, no_json, no_step)),
    ],
)
def test_damage_is_told_in_one_line_that_names_the_file(place: Path, file: str, damage: Callable[[Path], None]) -> None:
    damage(place / file)
    with pytest.raises(ReadError) as caught:
        load_checkpoint(place, *trained(1))
    assert str(place / file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_of_another_network_are_refused_by_name(place: Path) -> None:
    other = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Dropout(0), nn.Linear(16, 17))
    with pytest.raises(ReadError, match=r"not the weights of this model: '3\.bias'"):
        load_weights(place / "model.safetensors", other)


def test_the_state_of_other_optimizers_is_refused(place: Path) -> None:
    model = make()
    swapped = muon_and_adamw(model, 0.1, 0.01, ("5.",))[::-1]
    with pytest.raises(ReadError, match="not the optimizer's state of this model and recipe"):
        load_checkpoint(place, model, swapped)
