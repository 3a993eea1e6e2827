"""Every command on the bundled example: the files it promises, readable and true to each other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

import ritornello as package
from ritornello.analysis import analyze
from ritornello.imitation.train import build_prior_from_songs
from ritornello.score import Key
from ritornello.score.song import join_chords


@pytest.fixture(scope="module")
def imitated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from ritornello.app.cli import run

    out = tmp_path_factory.mktemp("imitate") / "out"
    example = Path(__file__).parents[2] / "examples" / "auld-lang-syne.mid"
    assert run(["imitate", str(example), "-o", str(out), "--quiet", "--stems"]) == 0
    return out


def test_the_result_folder_is_whole(imitated: Path) -> None:
    names = {
        "song.mid",
        "song.musicxml",
        "lead-sheet.svg",
        "lead-sheet.pdf",
        "piano-roll.png",
        "song.wav",
        "report.json",
    }
    assert names <= {path.name for path in imitated.iterdir()}
    assert (imitated / "lead-sheet.pdf").read_bytes()[:5] == b"%PDF-"
    assert (imitated / "piano-roll.png").read_bytes()[1:4] == b"PNG"


def test_midi_and_musicxml_hold_the_same_song(imitated: Path) -> None:
    midi, xml = package.read(imitated / "song.mid"), package.read(imitated / "song.musicxml")
    assert midi.form == xml.form
    assert midi.chords == xml.chords
    melody, xml_melody = midi.part("melody"), xml.part("melody")
    assert melody is not None and xml_melody is not None
    for column in ("onset", "duration", "pitch"):
        assert np.array_equal(melody.notes[column], xml_melody.notes[column])


def test_the_stems_sum_to_the_song(imitated: Path) -> None:
    song, _ = soundfile.read(imitated / "song.wav")
    stems = [soundfile.read(path)[0] for path in sorted((imitated / "stems").iterdir())]
    assert len(stems) == len(package.read(imitated / "song.mid").parts)
    assert np.abs(sum(stems) - song).max() < 2 * len(stems) / 2**15  # each file is rounded to 16 bits


def test_the_report_says_how_it_was_made_and_how_original_it_is(imitated: Path) -> None:
    report = json.loads((imitated / "report.json").read_text(encoding="utf-8"))
    assert report["settings"]["seed"] == 0
    assert report["ritornello"] == package.__version__
    assert report["sound"]["engine"]
    assert "originality" in report


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_song(
    ritornello, example: Path, tmp_path: Path
) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert ritornello("imitate", example, "-o", tmp_path / name, "--no-audio", "--seed", str(seed)).code == 0
    for file in ("song.mid", "song.musicxml", "report.json", "framework.json", "lead-sheet.svg", "lead-sheet.pdf"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file
    assert (tmp_path / "a" / "song.mid").read_bytes() != (tmp_path / "c" / "song.mid").read_bytes()


def test_form_key_and_tempo_are_what_was_asked_for(ritornello, example: Path, tmp_path: Path) -> None:
    options = ["--form", "i2A8B8A8o2", "--key", "Dm", "--tempo", "77"]
    assert ritornello("imitate", example, "-o", tmp_path / "out", "--no-audio", *options).code == 0
    song = package.read(tmp_path / "out" / "song.mid")
    assert str(song.form) == "i2A8B8A8o2"
    assert song.keys[0].key == Key.parse("Dm")
    assert song.tempi[0].qpm == pytest.approx(77, abs=0.01)


def test_another_prior_makes_another_song(ritornello, example: Path, tmp_path: Path) -> None:
    own = build_prior_from_songs([analyze(package.read(example)).song])
    (tmp_path / "own.json.gz").write_bytes(own.to_bytes())
    options = ["--no-audio", "--strength", "0.2"]
    assert ritornello("imitate", example, "-o", tmp_path / "a", *options).code == 0
    assert ritornello("imitate", example, "-o", tmp_path / "b", *options, "--prior", tmp_path / "own.json.gz").code == 0
    assert (tmp_path / "a" / "song.mid").read_bytes() != (tmp_path / "b" / "song.mid").read_bytes()


def test_candidates_are_ranked(ritornello, example: Path, tmp_path: Path) -> None:
    result = ritornello("imitate", example, "-o", tmp_path / "out", "--no-audio", "-n", "3", "--json")
    data = json.loads(result.out)
    scores = [data["score"], *(candidate["score"] for candidate in data["candidates"])]
    assert scores == sorted(scores, reverse=True)
    assert (
        len({(tmp_path / "out" / place / "song.mid").read_bytes() for place in (".", "candidate-2", "candidate-3")})
        == 3
    )


def test_analyze_writes_data_midi_and_pictures(ritornello, example: Path, tmp_path: Path) -> None:
    assert ritornello("analyze", example, "-o", tmp_path / "out").code == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"analysis.json", "song.mid", "song.musicxml", "lead-sheet.svg", "lead-sheet.pdf"} <= names
    assert {"piano-roll.png", "self-similarity.png"} <= names
    analysis = json.loads((tmp_path / "out" / "analysis.json").read_text(encoding="utf-8"))
    assert analysis["form"] == str(package.read(tmp_path / "out" / "song.mid").form)


def test_analyze_without_output_prints_one_json_object(ritornello, example: Path) -> None:
    result = ritornello("analyze", example, "--json")
    assert json.loads(result.out)["keys"]
    assert result.err == ""


def test_the_part_that_is_named_has_the_tune_whatever_the_names_say(ritornello, example: Path) -> None:
    for wanted, index in (("Bass", 2), ("2", 1)):
        parts = json.loads(ritornello("analyze", example, "--melody", wanted, "--json").out)["parts"]
        melodies = [part["name"] for part in parts if part["role"] == "melody"]
        assert len(melodies) == 1
        assert melodies[0].startswith(("Melody", "Piano", "Bass", "Drums")[index])


def test_render_reaches_the_loudness_asked_for(ritornello, example: Path, tmp_path: Path) -> None:
    result = ritornello(
        "render", example, "-o", tmp_path / "song.flac", "--loudness", "-20", "--json", "--engine", "builtin"
    )
    data = json.loads(result.out)
    assert data["loudness_lufs"] == pytest.approx(-20, abs=0.5)
    samples, rate = soundfile.read(tmp_path / "song.flac")
    assert rate == 44100
    assert 0.05 < np.abs(samples).max() < 1


def test_render_plays_a_performance_with_its_own_times_unless_told_otherwise(ritornello, tmp_path: Path) -> None:
    header = b"MThd" + bytes.fromhex("00000006 0000 0001 01e0")
    late = bytes.fromhex("00c000 822d903c64 83603c00 00903e64 83603e00 00ff2f00".replace(" ", ""))  # 301 of 480
    (tmp_path / "late.mid").write_bytes(header + b"MTrk" + len(late).to_bytes(4, "big") + late)
    first_sound = {}
    for name, options in {"played": [], "grid": ["--quantized"]}.items():
        place = tmp_path / f"{name}.wav"
        assert ritornello("render", tmp_path / "late.mid", "-o", place, "--engine", "builtin", *options).code == 0
        samples, rate = soundfile.read(place)
        first_sound[name] = np.flatnonzero(np.abs(samples).max(axis=1) > 1e-3)[0] / rate
    assert first_sound["played"] - first_sound["grid"] == pytest.approx(
        (301 - 320) / 960, abs=0.002
    )  # 320: the grid's place


@pytest.mark.parametrize("command", ["models", "doctor"])
def test_the_house_commands_answer_in_json(ritornello, command: str) -> None:
    assert json.loads(ritornello(command, "--json").out)


def test_every_example_of_the_help_texts_parses() -> None:
    """The commands under "Examples:" in the docstrings name real commands and options."""
    import importlib

    from ritornello.app.cli import app

    found = 0
    for module in ("imitate", "analyze", "render", "evaluate", "train", "house"):
        for line in (
            Path(importlib.import_module(f"ritornello.app.{module}").__file__ or "")
            .read_text(encoding="utf-8")
            .splitlines()
        ):
            words = line.split()
            if line.startswith("      ritornello "):
                app.parse_args(words[1:], print_error=False, exit_on_error=False)
                found += 1
    assert found >= 12


@pytest.mark.parametrize(
    "command",
    ["imitate", "analyze", "render", "evaluate structure", "evaluate imitation", "train imitation", "data", "doctor"],
)
def test_every_help_shows_its_examples(ritornello, command: str) -> None:
    result = ritornello(*command.split(), "--help")
    assert result.code == 0
    assert f"Examples:\n  ritornello {command}" in result.out


def test_the_framework_of_an_analysed_song_is_written_beside_or_without_a_folder(
    ritornello, example: Path, tmp_path: Path
) -> None:
    plan = tmp_path / "plan.json"
    assert ritornello("analyze", example, "--framework", plan).code == 0
    framework = package.Framework.read(plan)
    song = analyze(package.read(example)).song
    assert framework.form == song.form
    assert framework.song().chords == join_chords(song.chords)
    again = tmp_path / "again.json"
    assert ritornello("analyze", example, "-o", tmp_path / "out", "--framework", again, "--quiet").code == 0
    assert again.read_bytes() == plan.read_bytes()
    assert (tmp_path / "out" / "analysis.json").exists()


def test_a_framework_is_not_replaced_unasked(ritornello, example: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text("mine")
    result = ritornello("analyze", example, "--framework", plan)
    assert result.code == 2
    assert "exists already; choose another --framework or add --force" in result.err
    assert plan.read_text() == "mine"
    assert ritornello("analyze", example, "--framework", plan, "--force").code == 0
    result = ritornello("analyze", example, "--framework", example, "--force")
    assert (result.code, "would overwrite an input" in result.err) == (2, True)


def test_an_imitation_is_described_by_the_framework_beside_it(imitated: Path) -> None:
    framework, song = package.Framework.read(imitated / "framework.json"), package.read(imitated / "song.mid")
    assert framework.model_version == "imitation-1"
    assert framework.form == song.form
    assert framework.chord_spans() == join_chords(song.chords)
    melody = song.part("melody")
    assert melody is not None
    for column in ("onset", "pitch"):
        assert np.array_equal(framework.melody()[column], melody.notes[column])
