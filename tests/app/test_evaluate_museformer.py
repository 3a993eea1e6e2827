"""`train museformer`, `train export` and `evaluate museformer`: from MIDI files to figures, and their errors."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ritornello.app.cli import run as command
from ritornello.score import Part, Song, make_notes
from ritornello.score.midi_writer import midi_bytes

KEYS = {
    "similarity_error", "similarity_error_low", "similarity_error_high", "noise_floor", "noise_floor_high",
    "similarity_error_all", "similarity_error_all_low", "similarity_error_all_high", "noise_floor_all",
    "noise_floor_all_high", "grammar_errors", "midi_errors", "pieces", "pieces_tokens", "songs", "metrics",
    "copied_run", "plan_following", "perplexity", "perplexity_interval",
}  # fmt: skip


def band(seed: int) -> bytes:
    """A song of 24 bars or more; no two have as many, or they would be duplicates."""
    rng = np.random.default_rng(seed)
    onsets = np.arange(0, 48 * (24 + seed), 12)
    parts = (
        Part("Lead vocal", make_notes(onsets, 10, np.resize(rng.integers(60, 80, 16), len(onsets))), 53),
        Part("Bass", make_notes(onsets[::2], 20, np.resize(rng.integers(30, 45, 8), len(onsets[::2]))), 33),
        Part("Kit", make_notes(onsets, 3, np.resize([36, 38], len(onsets))), 0, True),
    )
    return midi_bytes(Song(parts=parts, title=f"Song {seed}"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with MIDI files (`midi`), their tokens (`tokens`), a training run (`run`) and its export (`model`)."""
    folder = tmp_path_factory.mktemp("museformer")
    (folder / "midi").mkdir()
    for seed in range(30):
        (folder / "midi" / f"{seed:02}.mid").write_bytes(band(seed))
    (folder / "recipe.json").write_text(
        '{"size": "tiny", "phases": [{"steps": 3, "window_tokens": 300, "examples": 1}], "warmup_steps": 1}'
    )
    for line in (
        "data tokenize midi -o tokens --workers 1",
        "train museformer --data tokens -o run --recipe recipe.json --validation-songs 1 --validate-every 2",
        "train export run -o model",
    ):
        assert command([str(folder / word) if _is_place(word) else word for word in line.split()] + ["-q"]) == 0
    return folder


def _is_place(word: str) -> bool:
    return word in (
        "midi",
        "tokens",
        "run",
        "run-2",
        "model",
        "recipe.json",
        "other.json",
        "pieces",
        "nothing",
        "empty",
    )


@pytest.fixture
def ask(ritornello: Callable, place: Path, tmp_path: Path) -> Callable:  # type: ignore[type-arg]
    def call(line: str):  # type: ignore[no-untyped-def]
        words = [str(place / word) if _is_place(word) else word for word in shlex.split(line)]
        return ritornello(*[str(tmp_path / word) if word in ("out", "out-2") else word for word in words])

    return call


def test_a_run_is_logged_validated_and_gone_on_with(ask: Callable, place: Path) -> None:  # type: ignore[type-arg]
    lines = [json.loads(line) for line in (place / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3]
    assert ["perplexity_1024" in line for line in lines] == [False, True, True]
    result = ask("train museformer --data tokens -o run --recipe recipe.json --validation-songs 1 --json")
    assert result.code == 0, result.err
    found = json.loads(result.out)
    assert found["step"] == 3
    assert found["perplexity_10240"] == lines[-1]["perplexity_10240"]


def test_options_change_the_recipe(ask: Callable, tmp_path: Path) -> None:  # type: ignore[type-arg]
    options = "--variant full --seed 4 --tokens 600 --validation-songs 0 --save-every 1"
    assert ask(f"train museformer --data tokens -o out --recipe recipe.json {options}").code == 0
    recipe = json.loads((tmp_path / "out" / "recipe.json").read_text())
    assert (recipe["variant"], recipe["seed"], recipe["phases"][0]["steps"]) == ("full", 4, 2)
    assert {path.name for path in (tmp_path / "out").glob("step-*")} == {"step-00000001", "step-00000002"}
    assert "perplexity" not in (tmp_path / "out" / "log.jsonl").read_text()


@pytest.mark.parametrize("data", ["midi", "tokens"])
def test_everything_is_measured(ask: Callable, data: str) -> None:  # type: ignore[type-arg]
    pieces = "--pieces 2 --pieces-tokens 200 --pieces-min-tokens 50 --plan 'A2 A2' --workers 1"
    result = ask(f"evaluate museformer --data {data} --split test --checkpoint model --baselines run {pieces} --json")
    assert result.code == 0, result.err
    found = json.loads(result.out)
    assert set(found) >= KEYS
    assert set(found["perplexity"]) == {"1024", "5120", "10240"}
    assert (found["pieces"], found["grammar_errors"], found["midi_errors"]) == (2, 0, 0)
    assert found["noise_floor"] > 0
    (differences,) = [baseline["log_difference"] for baseline in found["baselines"].values()]
    assert abs(differences["10240"][0]) < 0.01  # the same weights, rounded to bfloat16


def test_pieces_are_kept_and_read_again(ask: Callable, tmp_path: Path) -> None:  # type: ignore[type-arg]
    base = "evaluate museformer --data tokens --split test --checkpoint model --limit 1 --workers 1 --json"
    pieces = "--pieces 2 --pieces-tokens 200 --pieces-min-tokens 50 --plan 'A2 A2'"
    made = json.loads(ask(f"{base} {pieces} --save-pieces out").out)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "piece-0000.npz", "piece-0001.npz", "planned-0000.npz", "planned-0001.npz", "settings.json",
    ]  # fmt: skip
    read = json.loads(ask(f"{base} --pieces-from out --plan 'A2 A2'").out)
    assert read == made
    again = ask(f"{base} {pieces} --save-pieces out --seed 1")
    assert (again.code, again.out) == (2, "")
    assert "made with seed 0, not 1" in again.err


def test_perplexity_alone_needs_no_pieces(ask: Callable) -> None:  # type: ignore[type-arg]
    result = ask("evaluate museformer --data tokens --split all --checkpoint run --pieces 0 --limit 3 --workers 1")
    assert result.code == 0, result.err
    assert "perplexity" in result.out
    assert "pieces" not in result.out


ERRORS = {
    "train museformer --data nothing -o out --size tiny": "nothing",
    "train museformer --data midi -o out --size tiny": "tokenize",
    "train museformer --data tokens -o out --size tiny --recipe recipe.json": "--recipe and --size",
    "train museformer --data tokens -o out --recipe other.json": "other.json: no such file",
    "train museformer --data tokens -o out --size tiny --tokens 5": "too few",
    "train museformer --data tokens -o out --size tiny --save-every 0": "--save-every 0",
    "train museformer --data tokens -o run --size tiny": "a run with phases",
    "train museformer --data tokens -o tokens --size tiny": "is no training run",
    "train museformer --data tokens -o out --size tiny --start nothing": "no such file",
    "train export tokens -o out": "no training run",
    "train export run -o model": "exists already",
    "evaluate museformer --data nothing --checkpoint model": "nothing",
    "evaluate museformer --data tokens --checkpoint nothing": "not found",
    "evaluate museformer --data tokens --checkpoint tokens": "config.json: no such file",
    "evaluate museformer --data tokens --checkpoint model --pieces -1": "--pieces -1",
    "evaluate museformer --data tokens --checkpoint model --limit 0": "--limit 0",
    "evaluate museformer --data tokens --checkpoint model --pieces-tokens 100": "--pieces-min-tokens 2048 is above",
    "evaluate museformer --data tokens --checkpoint model --pieces-from a --save-pieces b": "contradict each other",
    "evaluate museformer --data tokens --checkpoint model --pieces-from nothing --limit 1": "nothing",
    "evaluate museformer --data tokens --checkpoint model --plan '1-4=5-8' --limit 1": "bar 1 cannot follow bar 5",
}


@pytest.mark.parametrize("line", ERRORS)
def test_what_is_wrong_is_said_in_one_line(ask: Callable, line: str, tmp_path: Path) -> None:  # type: ignore[type-arg]
    before = list(tmp_path.iterdir())
    result = ask(line)
    assert (result.code, result.out) == (2, "")
    assert result.err.count("\n") == 1
    assert ERRORS[line] in result.err
    assert list(tmp_path.iterdir()) == before
