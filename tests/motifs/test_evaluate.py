"""`evaluate motifs` and `train motifs` as a person calls them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ritornello.app.cli import run
from ritornello.evaluation.retrieval import MEASURES

from .motif_pack import write_bps, write_pack


def call(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = run([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return write_pack(tmp_path / "pack")


def test_pop909_with_every_baseline(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("evaluate", "motifs", "--data", pack, "--task", "pop909", "--checkpoint", "combined", "--json")
    code, out, err = call(capsys, *command)
    assert (code, err) == (0, "")
    result = json.loads(out)
    assert {"items": 24, "songs": 2, "queries": 24, "motifs": 6}.items() <= result.items()
    systems = result["systems"]
    assert {"random", "roll", "roll_lowered", "onsets", "log_onsets", "roll_best_shift", "onset_roll_best_shift",
            "combined", "combined_whitened"} <= set(systems)  # fmt: skip
    for figures in (result, *systems.values()):
        assert all(0 <= figures[name] <= 1 for name in MEASURES)
        assert set(figures["intervals"]) == set(MEASURES)
    assert systems["onsets"]["in_song_map"] == 1  # a motif of these songs is a rhythm
    assert systems["random"]["in_song_map"] < 0.7
    assert call(capsys, *command)[1] == out  # same seed, same text
    labels = call(capsys, *command[:3], pack / "labels", *command[4:])[1]
    assert json.loads(labels)["map"] == result["map"]  # the music is found around the labels


def test_bps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = write_bps(tmp_path / "bps")
    for notes in ("motif", "all"):
        code, out, _ = call(capsys, "evaluate", "motifs", "--data", place, "--task", "bps", "--notes", notes,
                            "--checkpoint", "combined", "--json")  # fmt: skip
        result = json.loads(out)
        assert code == 0
        assert {"items": 16, "movements": 2, "motifs": 4}.items() <= result.items()
        assert {"random", "length_and_count", "onset_histogram", "melodic", "network"} == set(result["systems"])
        assert result["systems"]["random"]["in_song_map"] < 0.9
        if notes == "motif":
            assert result["systems"]["melodic"]["in_song_map"] == 1
            assert result["in_song_map"] == 1


def test_a_trained_run_is_measured_and_exported(pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "run"
    code, out, _ = call(capsys, "train", "motifs", "--data", pack, "-o", place, "--recipe", "tiny", "--json")
    assert code == 0
    assert json.loads(out)["steps"] == 8
    assert call(capsys, "train", "export", place, "-o", tmp_path / "model")[0] == 0
    figures = [
        json.loads(call(capsys, "evaluate", "motifs", "--data", pack, "--checkpoint", where, "--json")[1])["map"]
        for where in (place, tmp_path / "model")
    ]
    assert figures[0] == pytest.approx(figures[1])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--task", "bps", "--music", "x"), "--music belongs to"),
        (("--task", "jku", "--build", "grid"), "--build belongs to"),
        (("--task", "pop909", "--notes", "all"), "--notes belongs to"),
        (("--checkpoint", "nothing-of-that-name"), "is not found"),
        (("--split", "held_out", "--seed", "-1"), "--seed"),
    ],
)
def test_contradictions_are_one_line(
    pack: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    code, out, err = call(capsys, "evaluate", "motifs", "--data", pack, *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.strip().splitlines()) == 1


def test_wrong_data_and_recipes_are_one_line(pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, words in (
        (("evaluate", "motifs", "--data", tmp_path / "none.zip"), "no such"),
        (("evaluate", "motifs", "--data", pack / "structure"), "no motif labels"),
        (("evaluate", "motifs", "--data", pack, "--task", "bps"), "csv_label"),
        (("train", "motifs", "--data", pack, "-o", tmp_path / "x", "--recipe", "huge"), "--recipe 'huge'"),
        (("train", "motifs", "--data", pack, "-o", tmp_path / "x", "--steps", "1"), "less than one"),
    ):
        code, _, err = call(capsys, *arguments)
        assert code == 2
        assert words in err
        assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "x").exists()


def test_vectors_need_no_library_of_training(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['accelerate'] = None\n"
        "import numpy as np\n"
        "from ritornello.motifs.pretrained import load_embedder\n"
        "from ritornello.motifs.windows import Window\n"
        "window = Window(np.array([0.0, 1.0]), np.array([1.0, 1.0]), np.array([60, 64]), 4.0)\n"
        "print(load_embedder().embed([window]).shape)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.stdout.strip() == "(1, 321)", found.stderr
