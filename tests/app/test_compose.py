"""`ritornello compose`: the result folder, the editing loop, and every error in one line."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from ritornello.score import Chord, read
from ritornello.score.framework import Framework

FORM = ("--form", "A2B2A2o1", "--key", "G", "--seed", "3")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from ritornello.app.cli import run

    out = tmp_path_factory.mktemp("compose") / "out"
    assert run(["compose", *FORM, "-o", str(out), "--no-audio", "--quiet"]) == 0
    return out


def test_the_folder_holds_the_song_its_pages_its_tracks_and_its_framework(made: Path) -> None:
    assert {place.name for place in made.iterdir()} == {
        "song.mid", "song.musicxml", "lead-sheet.svg", "lead-sheet.pdf", "piano-roll.png", "layers.png",
        "framework.json", "report.json", "tracks",
    }  # fmt: skip
    song = read(made / "song.mid")
    assert song.bars == 7 and [part.role for part in song.parts] == ["melody", "chords", "bass"]
    tracks = sorted((made / "tracks").iterdir())
    assert [place.name for place in tracks] == ["01-Melody.mid", "02-Chords.mid", "03-Bass.mid"]
    assert [len(read(place).parts[0].notes) for place in tracks] == [len(part.notes) for part in song.parts]
    report = json.loads((made / "report.json").read_text())
    assert (report["command"], report["form"], report["key"]) == ("compose", "A2B2A2o1", "G major")
    assert report["settings"]["seed"] == 3 and report["drawn"]["melody"]["cells"] > 0
    framework = Framework.read(made / "framework.json")
    assert all(framework.open_layers(index) == () for index in range(4))


def test_the_same_seed_gives_the_same_bytes_and_an_edit_stays_local(ritornello, made: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    again = ritornello("compose", *FORM, "-o", tmp_path / "again", "--no-audio", "--json")
    assert again.code == 0
    for name in ("song.mid", "framework.json"):
        assert (tmp_path / "again" / name).read_bytes() == (made / name).read_bytes()
    framework = Framework.read(made / "framework.json")
    cells = framework.phrases[1].chords
    assert cells is not None
    plan = framework.with_phrase(1, chords=(dataclasses.replace(cells[0], chord=Chord.parse("Eb")), *cells[1:]))
    plan.write(tmp_path / "plan.json")
    edited = ritornello("compose", tmp_path / "plan.json", "-o", tmp_path / "edited", "--no-audio", "--json")
    drawn = json.loads(edited.out)["drawn"]
    assert drawn["chords"]["cells"] == drawn["rhythm"]["cells"] == 0
    assert drawn["basic"]["phrases"] == drawn["melody"]["phrases"] == [1]
    assert 1 <= drawn["melody"]["cells"] <= 2


def test_charts_curves_candidates_and_layers_of_a_letter(ritornello, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "chart.txt").write_text("[A]\n| G | Em C |\n[B]\n| Am | ? |\n")
    result = ritornello(
        "compose", "--form", "A2B2A2", "--chords", tmp_path / "chart.txt", "--contour", "A=arch", "B1=1,2,3",
        "--style", "pop", "--n", "2", "--repeat", "copy", "--tempo", "120", "--metre", "4/4", "--temperature", "0.8",
        "--contour-weight", "2", "-o", tmp_path / "out", "--no-audio", "--json",
    )  # fmt: skip
    assert result.code == 0, result.err
    data = json.loads(result.out)
    assert data["tempo_qpm"] == 120 and data["style"] == "pop" and len(data["candidates"]) == 1
    assert set(data["contour_errors"]) == {"0 A", "1 B", "2 A"}
    framework = Framework.read(tmp_path / "out" / "framework.json")
    assert [str(cell.chord) for cell in framework.phrases[0].chords or ()] == ["G", "Em", "C"]
    assert framework.phrases[2].repeat == "copy" and framework.phrases[2].notes is None
    assert (tmp_path / "out" / "candidate-2" / "song.mid").is_file()
    moved = ritornello(
        "compose", tmp_path / "out" / "framework.json", "--key", "A", "--regenerate", "melody@B", "--lock",
        "chords,rhythm@A", "-o", tmp_path / "moved", "--no-audio", "--json",
    )  # fmt: skip
    assert moved.code == 0, moved.err
    data = json.loads(moved.out)
    assert data["key"] == "A major" and data["drawn"]["melody"]["phrases"] == [1] and data["locked_cells"] > 0


def test_the_shape_of_another_melody_is_followed(ritornello, example: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "out"
    result = ritornello("compose", "--form", "A2", "--contour", example, "-o", out, "--no-audio", "--json")
    assert result.code == 0, result.err
    assert list(json.loads(result.out)["contour_errors"]) == ["0 A"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give either a plan, such as out/framework.json, or --form"),
        (("--form", "A8?"), "form 'A8?' does not parse at '?'"),
        (("--form", "i4"), "the form i4 has no melodic phrase"),
        (("--form", "A2", "--metre", "4"), "'4' is no metre"),
        (("--form", "A2", "--key", "H"), "'H' is no key"),
        (("--form", "A2", "--tempo", "1"), "--tempo 1 is out of range"),
        (("--form", "A2", "--n", "0"), "--n 0 is out of range"),
        (("--form", "A2", "--seed", "-1"), "--seed -1 is out of range"),
        (("--form", "A2", "--temperature", "0"), "--temperature 0 is out of range"),
        (("--form", "A2", "--contour", "zigzag"), "contour 'zigzag' is none of rise, fall"),
        (("--form", "A2", "--contour", "C=arch"), "there is no phrase C in the form A2"),
        (("--form", "A2", "--regenerate", "melody@B"), "there is no phrase B in the form A2"),
        (("--form", "A2", "--lock", "chords@B2"), "there is no phrase B in the form A2"),
        (("--form", "A2", "--lock", "words"), "layer 'words' is unknown"),
        (("--form", "A2", "--model", "nobody"), "model 'nobody' is not found"),
        (("--form", "A2", "--stems", "--no-audio"), "--stems and --no-audio contradict each other"),
        (("missing.json",), "missing.json: no such file"),
        (("missing.json", "--metre", "3/4"), "--metre goes with --form"),
    ],
)
def test_errors_are_one_line(ritornello, tmp_path: Path, monkeypatch, arguments, message: str) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    result = ritornello("compose", *arguments, "-o", "out")
    assert result.code == 2
    assert message in result.err and result.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_plan_that_is_none_and_chords_that_do_not_fill_are_named(ritornello, made: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    text = (made / "framework.json").read_text()
    plan = tmp_path / "plan.json"
    broken = text.replace('"basic_pitch": "', '"basic_pitsch": 0, "x": "', 1)
    for changed, message in (
        (text.replace('"version": 1', '"version": 2'), "version: 2 is not read; this program reads version 1"),
        (broken, "the field"),
    ):
        plan.write_text(changed)
        result = ritornello("compose", plan, "-o", tmp_path / "out", "--no-audio")
        assert result.code == 2 and message in result.err
    chart = tmp_path / "chart.txt"
    chart.write_text("[A]\n| G |\n")
    result = ritornello("compose", *FORM, "--chords", chart, "-o", tmp_path / "out")
    assert result.code == 2 and "chart.txt" in result.err and "do not fill" in result.err
    result = ritornello("compose", made / "framework.json", "-o", made, "--force")
    assert result.code == 2 and "would overwrite the input" in result.err


def test_locks_that_contradict_each_other_are_named(ritornello, made: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    framework = Framework.read(made / "framework.json")
    locks = frozenset(("basic_pitch", "onset_pattern"))
    plan = framework.with_cell(0, 1, basic_pitch=0, onset_pattern=1, complexity=1 / 16, locks=locks)
    plan.write(tmp_path / "plan.json")
    result = ritornello("compose", tmp_path / "plan.json", "-o", tmp_path / "out")
    assert result.code == 2
    assert "phrases[0].cells[1].basic_pitch: is locked to silence" in result.err and result.err.count("\n") == 1
