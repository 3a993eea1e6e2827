"""The tasks: batches follow from step and seed, labels are what they say, networks give logits of the right shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.datasets.conftest import write_song
from tests.datasets.test_cifar10_jpeg import write_images
from tests.museformer.token_songs import random_bars, write_songs

from ritornello.app.cli import run
from ritornello.datasets.pop909 import Pop909
from ritornello.errors import ArgumentError
from ritornello.museformer.objective_task import NextTokenTask
from ritornello.nn.objectives import make_loss
from ritornello.objectives.run import RunSpec, train_once
from ritornello.objectives.task import IGNORED, Profile, Task
from ritornello.objectives.tasks.chords import CLASSES, NO_CHORD, ChordTask, beats_of, class_of, transposed
from ritornello.objectives.tasks.cifar import PROFILES, CifarTask, whitened_network, whitening_filters
from ritornello.score import Chord


def cifar(tmp_path: Path) -> Task:
    return CifarTask(write_images(tmp_path / "images", (*range(40), 4500, 4501), tests=3), "quick")


def chords(tmp_path: Path) -> Task:
    for id in ("001", "002", "005", "013"):
        write_song(tmp_path, id)
    return ChordTask(Pop909(tmp_path), "quick")


def tokens(tmp_path: Path) -> Task:
    rng = np.random.default_rng(2)
    splits = ["train"] * 4 + ["validation", "test"]
    return NextTokenTask(write_songs(tmp_path / "tokens", [random_bars(rng, 30) for _ in splits], *splits), "quick")


@pytest.mark.parametrize("make", [cifar, chords, tokens])
def test_a_task_gives_what_a_run_needs(make: Callable[[Path], Task], tmp_path: Path) -> None:
    task = make(tmp_path)
    for objective in ("expgb", "harmonic"):
        torch.manual_seed(0)
        network = task.network(objective)
        inputs, targets = task.training_batch(3, 1)
        again = task.training_batch(3, 1)[1]
        other = task.training_batch(3, 2)[1]
        assert torch.equal(targets, again) and not torch.equal(targets, other)
        loss = make_loss(objective, num_classes=task.classes, class_dim=task.class_dim)(network(inputs), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        assert all(value.grad is not None for value in network.parameters() if value.requires_grad)
        # At the start all classes are about as likely.
        assert 0.5 < float(loss.detach()) / (np.log(task.classes) if objective == "harmonic" else 1.0) < 1.6
    found = train_once(task, RunSpec("expgb", 0.01, 0.0, 0, 2, is_final=True))
    assert found["curve"][-1][0] == 2 and 0 <= found["accuracy"] <= 1


def test_bodies_begin_alike_whatever_the_head(tmp_path: Path) -> None:
    task = chords(tmp_path)
    states = []
    for objective in ("cross_entropy", "harmonic"):
        torch.manual_seed(3)
        states.append({k: v for k, v in task.network(objective).state_dict().items() if k.startswith("body")})
    assert states[0] and all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_chords_are_classed_by_their_third() -> None:
    wanted = {"maj7": 2, "9": 2, "min7": 14, "dim": 14, "sus4": IGNORED, "5": IGNORED, "aug": 2}
    assert {quality: class_of(Chord(2, quality)) for quality in wanted} == wanted
    assert class_of(None) == NO_CHORD == CLASSES - 1


def test_beats_of_a_song(tmp_path: Path) -> None:
    write_song(tmp_path, "001")
    data = Pop909(tmp_path)
    roll, labels = beats_of(data.load("001"), *data.aligned("001"))
    # C four and two beats, Gmaj7 two, none three, F nine; bar 0 is not reliable if its notes do not fit.
    assert roll.shape == (88, 20) and labels.shape == (20,)
    assert labels[:6].tolist() == [0] * 6 and labels[6:11].tolist() == [7, 7, 24, 24, 24]
    assert roll[60 - 21, 4] == 1 and roll[64 - 21, 4] == 0 and roll[64 - 21, 5] == 1
    _, unsure = beats_of(data.load("001"), data.aligned("001")[0], [0])
    assert unsure[:4].tolist() == [IGNORED] * 4 and unsure[4] == 0


def test_transposing_moves_notes_and_names_alike() -> None:
    rng = np.random.default_rng(0)
    roll = np.zeros((88, 6), np.float32)
    roll[20:60] = rng.random((40, 6))
    labels = np.array([0, 11, 12, 23, NO_CHORD, IGNORED])
    for shift in range(-5, 7):
        moved, names = transposed(roll, labels, shift)
        assert moved.sum() == pytest.approx(roll.sum())
        assert names[:4].tolist() == [shift % 12, (11 + shift) % 12, 12 + shift % 12, 12 + (11 + shift) % 12]
        assert names[4:].tolist() == [NO_CHORD, IGNORED]
        back = transposed(moved, names, -shift)
        np.testing.assert_array_equal(back[0], roll)
        np.testing.assert_array_equal(back[1], labels)


def test_the_full_images_network_whitens() -> None:
    torch.manual_seed(0)
    pixels = torch.nn.functional.interpolate(torch.randn(40, 3, 12, 12), size=(32, 32), mode="bilinear")
    filters = whitening_filters(pixels)
    assert torch.equal(filters[:12], -filters[12:])
    seen = torch.nn.functional.conv2d(pixels, filters[:12]).transpose(0, 1).reshape(12, -1).cov()
    strong = seen.diag() > 0.9  # directions that the images hardly have stay small
    assert strong.sum() >= 3
    torch.testing.assert_close(seen[strong][:, strong], torch.eye(int(strong.sum())), atol=0.1, rtol=0)
    network = whitened_network("cross_entropy", 10, filters)
    assert network(torch.randn(2, 3, 32, 32)).shape == (2, 10)
    assert not network[0].weight.requires_grad
    assert sum(value.numel() for value in network.parameters()) == 531_586


def test_too_little_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="80 training images"):
        CifarTask(write_images(tmp_path / "images", (*range(40), 4500), tests=1), "full")
    write_song(tmp_path / "pop", "001")
    with pytest.raises(ArgumentError, match="validation split"):
        ChordTask(Pop909(tmp_path / "pop"), "quick")
    rng = np.random.default_rng(2)
    with pytest.raises(ArgumentError, match="validation split"):
        NextTokenTask(write_songs(tmp_path / "tokens", [random_bars(rng, 5)]), "quick")


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (("--seeds", "0"), "--seeds 0 is out of range"),
        (("--losses", "softmax"), "objective 'softmax' is not one of cross_entropy"),
        (("--losses", "expgb", "expgb"), "twice"),
        ((), "no such folder or zip"),
    ],
)
def test_the_command_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], wrong: str
) -> None:
    out = tmp_path / "out"
    given = ("benchmark", "objectives", "--task", "cifar", "--data", str(tmp_path / "none.zip"), "-o", str(out))
    assert run([*given, *arguments]) == 2
    error = capsys.readouterr().err
    assert wrong in error and error.count("\n") == 1 and not out.exists()


def test_the_command_from_images_to_a_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    short = Profile("quick", ("cross_entropy", "expgb"), 2, 1, 0, 0.1, rates=1, retried=1, retries=0, extensions=0)
    monkeypatch.setitem(PROFILES, "quick", short)
    data, out = write_images(tmp_path / "images", (*range(40), 4500, 4501), tests=3), tmp_path / "out"
    given = ("benchmark", "objectives", "--task", "cifar", "--data", str(data), "-o", str(out), "--seeds", "2")
    assert run([*given, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    # At one rate the control and the default are the tuned setting itself, but for the factor on the loss.
    assert [(row["loss"], row["control"]) for row in result["rows"]] == [
        ("cross_entropy", "tuned"), ("expgb", "tuned"), ("expgb", "matched"),
        ("cross_entropy", "default rate"), ("expgb", "default rate"),
    ]  # fmt: skip
    runs = (out / "runs.jsonl").read_text()
    assert len(runs.splitlines()) == 2 + 2 * (2 + 1 + 2)
    assert "ritornello benchmark objectives --task cifar --data images -o out" in (out / "table.md").read_text()
    assert run([*given, "--losses", "expgb"]) == 0
    assert "table.md: the whole table" in capsys.readouterr().out
    assert (out / "runs.jsonl").read_text() == runs
    assert run([*given, "--profile", "full"]) == 2  # and the folder stays as it is
    assert (out / "runs.jsonl").read_text() == runs
