"""`ritornello data`: the check it always was, and the token shards it makes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ritornello.score.midi_writer import midi_bytes
from ritornello.score.song import Part, Song, make_notes
from ritornello.score.timeline import Meter


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    folder = tmp_path / "songs"
    folder.mkdir()
    for count in (4, 8, 12):
        tune = make_notes(range(0, 12 * count, 12), [12] * count, [60, 62, 64, 65] * (count // 4))
        song = Song(parts=(Part("Tune", tune, 73), Part("Bass", tune, 33)))
        (folder / f"{count}.mid").write_bytes(midi_bytes(song))
    (folder / "waltz.mid").write_bytes(midi_bytes(song.replace(meters=(Meter(0, 3, 4),))))
    return folder


def test_tokenize_writes_shards_and_says_what_is_in_them(ritornello, songs: Path, tmp_path: Path) -> None:
    result = ritornello("data", "tokenize", songs, "-o", tmp_path / "out", "--workers", "1", "--json")
    assert result.code == 0, result.err
    data = json.loads(result.out)
    assert sum(sums["records"] for sums in data["splits"].values()) == 3
    assert [entry["id"] for entry in data["left_out"]] == ["waltz"]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["splits"] == data["splits"]
    text = ritornello("data", "tokenize", songs, "-o", tmp_path / "out", "--workers", "1", "--force")
    assert "out: 3 songs\n" in text.out
    assert "left out     1  has bars of 3/4" in text.out


def test_bad_input_ends_in_one_line(ritornello, songs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    empty = tmp_path / "empty"
    empty.mkdir()
    table = tmp_path / "table.tsv"
    table.write_text("x\ty\n")
    cases = {
        "no .mid file": ("tokenize", empty, "-o", out),
        "no such folder": ("tokenize", tmp_path / "nothing", "-o", out),
        "give 1 or more": ("tokenize", songs, "-o", out, "--workers", "0"),
        "columns md5 and split": ("tokenize", songs, "-o", out, "--official-split", table),
        "holds no 'structure'": (songs,),
    }
    for reason, arguments in cases.items():
        result = ritornello("data", *arguments)
        assert result.code == 2
        assert reason in result.err and result.err.count("\n") == 1
        assert not out.exists()
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    result = ritornello("data", "tokenize", songs, "-o", out, "--workers", "1")
    assert result.code == 2 and "--force" in result.err
    assert [path.name for path in out.iterdir()] == ["mine.txt"]


def test_the_help_names_the_subcommand_and_its_examples(ritornello) -> None:
    assert "tokenize" in ritornello("data", "--help").out
    assert "Examples:\n  ritornello data tokenize" in ritornello("data", "tokenize", "--help").out
