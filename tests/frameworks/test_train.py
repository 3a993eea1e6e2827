"""Training: processes share the songs, a stopped run goes on exactly, the best weights are kept and come back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ritornello.app.cli import run
from ritornello.errors import ArgumentError, ReadError, RitornelloError, WriteError
from ritornello.frameworks.batches import IGNORED
from ritornello.frameworks.config import NetworkConfig
from ritornello.frameworks.evaluate import FIGURES
from ritornello.frameworks.examples import examples_of
from ritornello.frameworks.features import TASKS, TaskName
from ritornello.frameworks.measuring import network_hits
from ritornello.frameworks.model import FrameworkNetwork
from ritornello.frameworks.pretrained import FrameworkNetworks, load_networks, save_networks
from ritornello.frameworks.train import PhraseTask, Recipe, train

from .invented import song, write_pack

SONGS = [song(seed) for seed in range(5)]


def config(task: TaskName, **changes: Any) -> NetworkConfig:
    return NetworkConfig(task, width=16, heads=2, feed_forward=16, hidden=8, **changes)


def recipe(task: TaskName = "basic", **changes: Any) -> Recipe:
    return Recipe(config(task), **{"epochs": 3, "songs": 2, "warmup_steps": 1, **changes})


def test_every_song_is_seen_once_an_epoch_and_processes_share_them() -> None:
    task = PhraseTask(examples_of("basic", SONGS), recipe())
    assert task.steps_per_epoch == 3
    alone = [task.batches(step, 0, 1)[0].tokens for step in range(3)]
    assert sum(len(rows) for rows in alone) == 3 * len(SONGS)
    for step in range(3):
        shared = [
            row for process in range(2) for batch in task.batches(step, process, 2) for row in batch.tokens.tolist()
        ]
        assert sorted(shared) == sorted(alone[step].tolist())
    later = [task.batches(step, 0, 1)[0].tokens for step in range(3, 6)]
    assert [rows.tolist() for rows in later] != [rows.tolist() for rows in alone]


def test_the_loss_is_the_likelihood_of_the_targets() -> None:
    task = PhraseTask(examples_of("rhythm", SONGS), recipe("rhythm", label_smoothing=0.0))
    torch.manual_seed(0)
    model = FrameworkNetwork(task.recipe.config).eval().requires_grad_(False)
    with torch.no_grad():
        model.classes.weight.mul_(20)
    batch = task.batches(0, 0, 1)[0]
    assert batch.allowed is not None
    probabilities = torch.where(batch.allowed, model(batch).exp(), 0).double()
    expected = 0.0
    for row, place in (batch.targets != IGNORED).nonzero().tolist():
        own = probabilities[row, place]
        expected -= float((own[batch.targets[row, place]] / own.sum()).log())
    assert float(task.loss(model, batch)) == pytest.approx(expected, rel=1e-4)
    smooth = PhraseTask(task.songs, recipe("rhythm", label_smoothing=0.2))
    assert float(smooth.loss(model, batch)) != pytest.approx(expected, rel=1e-3)


def test_another_objective_is_learned_from() -> None:
    plain, poly, square = (
        PhraseTask(examples_of("rhythm", SONGS), recipe("rhythm", label_smoothing=0.0, objective=name))
        for name in ("cross_entropy", "poly1", "softmax_mse")
    )
    model = FrameworkNetwork(plain.recipe.config).eval().requires_grad_(False)
    batch = plain.batches(0, 0, 1)[0]
    asked = batch.targets != IGNORED
    p = torch.where(batch.allowed, model(batch).exp(), 0)[asked]
    p = p / p.sum(-1, keepdim=True)
    own = p.gather(-1, batch.targets[asked][:, None])[:, 0]
    likelihood = float(plain.loss(model, batch))
    assert float(poly.loss(model, batch)) == pytest.approx(likelihood + float((1 - own).sum()), rel=1e-4)
    wanted = (p.square().sum(-1) - 2 * own + 1).sum() / 2
    assert float(square.loss(model, batch)) == pytest.approx(float(wanted), rel=1e-4)
    with pytest.raises(ArgumentError, match="cross_entropy, poly1, softmax_mse"):
        recipe(objective="expgb")


def test_a_small_network_learns_what_repeats(tmp_path: Path) -> None:
    songs = examples_of("basic", SONGS[:2])
    learned = train(songs, [], recipe(epochs=30, learning_rate=2e-2, song_share=0.0), tmp_path / "run")
    hits = network_hits(learned, [song["none"] for song in songs])
    assert hits.accuracy > 0.6


class StoppedError(Exception):
    """Somebody pulled the plug."""


def test_a_stopped_run_goes_on_exactly(tmp_path: Path) -> None:
    def stop(done: int, steps: int) -> None:
        if done == 7:
            raise StoppedError

    songs = examples_of("melody", SONGS)
    stopped = tmp_path / "stopped"
    with pytest.raises(StoppedError):
        train(songs, songs[4:], recipe("melody"), stopped, stop)
    gone_on = train(songs, songs[4:], recipe("melody"), stopped)
    again = train(songs, songs[4:], recipe("melody"), tmp_path / "again")
    for name, value in again.state_dict().items():
        assert torch.equal(value, gone_on.state_dict()[name])


def test_the_weights_of_the_lowest_loss_are_kept(tmp_path: Path) -> None:
    songs = examples_of("basic", SONGS)
    kept = train(songs[:4], songs[4:], recipe(epochs=8, learning_rate=3e-2), tmp_path / "run")
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    losses = [line["validation_loss"] for line in log if "validation_loss" in line]
    assert len(losses) == 8
    best = json.loads((tmp_path / "run" / "best.json").read_text())
    assert best["validation_loss"] == min(losses)
    nats = [network_hits(kept, [song["none"] for song in songs[4:]], seen).nats_per_token for seen in (False, True)]
    assert sum(nats) / 2 == pytest.approx(min(losses), abs=1e-4)


def test_recipes_out_of_range_are_refused() -> None:
    for changes in ({"epochs": 0}, {"label_smoothing": 1.0}, {"song_share": 2.0}, {"weight_decay": -1.0}):
        with pytest.raises(ArgumentError):
            recipe(**changes)
    with pytest.raises(ArgumentError, match="no song"):
        PhraseTask([], recipe())


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    networks = FrameworkNetworks(**{task: FrameworkNetwork(config(task)) for task in TASKS})
    folder = tmp_path_factory.mktemp("weights") / "tiny"
    save_networks(networks, folder, {"note": "untrained"}, half=False)
    return folder


def test_weights_come_back(weights: Path, tmp_path: Path) -> None:
    loaded = load_networks(weights)
    assert loaded.training == {"note": "untrained"} and loaded.name == "tiny"
    save_networks(loaded, tmp_path / "again", loaded.training, half=False)
    for name in ("model.safetensors", "config.json"):
        assert (tmp_path / "again" / name).read_bytes() == (weights / name).read_bytes()
    with pytest.raises(WriteError):
        save_networks(loaded, tmp_path / "again")


@given(
    st.sampled_from(
        [("networks",), ("networks", "basic"), ("networks", "basic", "width"), ("training",), ("version",)]
    ),
    st.one_of(st.none(), st.integers(-5, 5000), st.text(max_size=5), st.lists(st.integers(), max_size=2), st.just({})),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_sizes_get_one_line(weights: Path, tmp_path: Path, path: tuple[str, ...], value: Any) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(weights, folder, dirs_exist_ok=True)
    description = json.loads((weights / "config.json").read_text())
    place = description
    for name in path[:-1]:
        place = place[name]
    if place[path[-1]] == value or (path == ("training",) and value in (None, {}, [], "", 0)):
        return
    if path == ("training",) and isinstance(value, dict):
        return
    place[path[-1]] = value
    (folder / "config.json").write_text(json.dumps(description))
    with pytest.raises(RitornelloError) as error:
        load_networks(folder)
    assert "\n" not in str(error.value)


def test_truncated_weights_and_other_formats_get_one_line(weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(weights, folder)
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(ReadError, match="damaged"):
        load_networks(folder)
    (folder / "config.json").write_text('{"format": "ritornello museformer", "version": 1}')
    with pytest.raises(ReadError, match="not weights of the format 'ritornello frameworks'"):
        load_networks(folder)


def test_from_data_to_weights_to_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ritornello.frameworks import recipes

    small = {task: recipe(task, epochs=1) for task in TASKS}
    monkeypatch.setattr(recipes, "RECIPES", small)
    data, out, weights = write_pack(tmp_path / "pack"), tmp_path / "run", tmp_path / "weights"

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    assert call("train", "frameworks", "--data", data, "-o", out, "--networks", "basic", "melody", "--json")[0] == 0
    code, _, error = call("train", "export", out, "-o", weights)
    assert (code, error.count("\n")) == (2, 1) and "no weights yet for rhythm" in error
    code, printed, _ = call("train", "frameworks", "--data", data, "-o", out, "--json")
    assert code == 0 and set(json.loads(printed)) == {"out", *TASKS}
    code, _, error = call("train", "frameworks", "--data", data, "-o", out, "--seed", "1")
    assert (code, error.count("\n")) == (2, 1) and "choose another folder" in error
    assert call("train", "export", out, "-o", weights, "--precision", "fp32")[0] == 0
    results = []
    for checkpoint in (out, weights):
        code, printed, _ = call(
            "evaluate",
            "frameworks",
            "--data",
            data,
            "--split",
            "test",
            "--checkpoint",
            checkpoint,
            "--songs",
            "0",
            "--json",
        )
        assert code == 0
        results.append({k: v for k, v in json.loads(printed).items() if k != "checkpoint"})
    assert results[0] == results[1]
    for figure in FIGURES:
        low, high = results[0][f"{figure.name}_interval"]
        assert low <= results[0][figure.name] <= high
        difference = results[0][f"{figure.name}_difference"][0]
        floor = results[0]["floors"][figure.floor]
        assert difference == pytest.approx(results[0][figure.name] - floor, abs=2e-4)
    code, printed, _ = call(
        "evaluate", "frameworks", "--data", data, "--split", "train", "--checkpoint", weights, "--songs", "1", "--json"
    )
    found = json.loads(printed)
    assert code == 0 and found["minor"]["songs"] == 1 and found["composed_songs"] == 1
    assert 0 <= found["locked_cells_honoured"] <= 1 and found["locked_cells_honoured_cases"] >= 20
    for of in (found, found["human"], found["ngram"], found["unguided"]):
        assert 0 <= of["same_letter_agreement"] <= 1 and of["copied_run_cases"] == 1
    assert 0 <= found["recognition"]["features"]["auc"] <= 1 and found["contour_error_guided_cases"] == 2
    assert run(["evaluate", "frameworks", "--data", str(data), "--songs", "-1"]) == 2
    assert "--songs -1 is out of range" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (("--epochs", "0"), "--epochs 0 is out of range"),
        (("--seed", "-1"), "--seed -1 is out of range"),
        (("--songs", "other-metre"), "no song of the set 'other-metre'"),
    ],
)
def test_wrong_options_get_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], wrong: str
) -> None:
    data = write_pack(tmp_path / "pack")
    assert run(["train", "frameworks", "--data", str(data), "-o", str(tmp_path / "run"), *arguments]) == 2
    error = capsys.readouterr().err
    assert wrong in error and error.count("\n") == 1
