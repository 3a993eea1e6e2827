"""`ritornello generate` with a small checkpoint of random weights: what it writes, one line for what is wrong."""

from __future__ import annotations

import importlib.util
import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ritornello as package
from ritornello.score import Part, Song, make_notes
from ritornello.score.midi_writer import midi_bytes
from ritornello.score.timeline import Meter


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of random weights."""
    import torch

    from ritornello.museformer.config import SIZES
    from ritornello.museformer.model import MuseformerNetwork
    from ritornello.museformer.pretrained import save_network

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights") / "tiny"
    save_network(MuseformerNetwork(SIZES["tiny"]), folder)
    return folder


@pytest.fixture(scope="session")
def made(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result with everything in it."""
    from ritornello.app.cli import run

    out = tmp_path_factory.mktemp("generate") / "out"
    options = ["--plan", "A4 B2 A4", "--instruments", "melody,bass,drums", "--tempo", "90", "--n", "2", "--stems"]
    assert run(["generate", "-o", str(out), "--model", str(tiny), "--quiet", *options]) == 0
    return out


def test_the_result_folder_is_whole(made: Path) -> None:
    names = {
        "song.mid", "song.musicxml", "lead-sheet.svg", "lead-sheet.pdf", "piano-roll.png", "self-similarity.png",
        "song.wav", "stems", "tokens.txt", "report.json",
    }  # fmt: skip
    assert {path.name for path in made.iterdir()} == {*names, "candidate-2"}
    assert {path.name for path in (made / "candidate-2").iterdir()} == names
    assert (made / "song.mid").read_bytes() != (made / "candidate-2" / "song.mid").read_bytes()


def test_the_song_is_what_was_asked_for_in_every_file(made: Path) -> None:
    from ritornello.museformer.tokens.encoding import encode, text_to_tokens

    midi, xml = package.read(made / "song.mid"), package.read(made / "song.musicxml")
    assert midi.bars == xml.bars == 10
    assert str(midi.form) == str(xml.form) == "A4B2A4"
    assert midi.tempi[0].qpm == pytest.approx(90, abs=0.01)
    assert {part.name for part in midi.parts} <= {"Melody", "Bass", "Drums"}
    tokens = text_to_tokens((made / "tokens.txt").read_text(encoding="utf-8"))
    assert len(tokens) == 10
    heard = encode(midi, pitch_shift=0).bars
    for one, other in zip(tokens, heard, strict=True):
        assert len(one) == len(other)


def test_the_report_says_how_it_was_made_and_how_the_plan_was_followed(made: Path, tiny: Path) -> None:
    report = json.loads((made / "candidate-2" / "report.json").read_text(encoding="utf-8"))
    assert report["command"] == "generate"
    assert report["settings"]["plan"] == "A4 B2 A4"
    assert report["settings"]["model"] == str(tiny)
    assert (report["model"], report["seed"], report["candidate"]) == ("tiny", 0, 2)
    assert (report["bars"], report["new_bars"], report["grammar_errors"]) == (10, 10, 0)
    assert report["plan_following"]["repeat"]["bars"] == 4
    assert report["tokens_per_s"] > 0
    assert report["sound"]["engine"]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_song(
    ritornello, tiny: Path, tmp_path: Path
) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        options = ["--bars", "4", "--no-audio", "--seed", str(seed), "--model", tiny]
        assert ritornello("generate", "-o", tmp_path / name, *options).code == 0
    for file in ("song.mid", "song.musicxml", "tokens.txt", "lead-sheet.svg"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file
    assert (tmp_path / "a" / "tokens.txt").read_bytes() != (tmp_path / "c" / "tokens.txt").read_bytes()


def test_infill_continue_and_prompt_leave_the_given_bars(ritornello, tiny: Path, example: Path, tmp_path: Path) -> None:
    given = package.read(example)
    for name, options, new, bars in (
        ("infill", ["--infill", example, "--bars", "5-6", "--parts", "bass,drums"], 2, given.bars),
        ("continue", ["--continue", example, "--bars", "2"], 2, given.bars + 2),
        ("prompt", ["--prompt", example, "--bars", str(given.bars + 1), "--melody", "Melody"], 1, given.bars + 1),
    ):
        result = ritornello("generate", "-o", tmp_path / name, "--model", tiny, "--no-audio", "--json", *options)
        assert result.code == 0, result.err
        report = json.loads(result.out)
        assert report["new_bars"] == new
        song = package.read(tmp_path / name / "song.mid")
        assert song.bars == bars
        one, other = song.part("melody"), given.part("melody")
        assert one is not None and other is not None
        assert np.array_equal(one.notes[one.notes["onset"] < other.end], other.notes)


def test_drums_alone_give_a_whole_result_too(ritornello, tiny: Path, tmp_path: Path) -> None:
    options = ["--bars", "2", "--instruments", "drums", "--no-audio", "--model", tiny]
    assert ritornello("generate", "-o", tmp_path / "out", *options).code == 0
    assert [part.is_drums for part in package.read(tmp_path / "out" / "song.mid").parts] == [True]


def waltz() -> bytes:
    return midi_bytes(
        Song(parts=(Part("Tune", make_notes(range(0, 36 * 8, 12), 12, 60)),), meters=(Meter(0, 3, 4),), title="Waltz")
    )


def silence() -> bytes:
    return midi_bytes(Song(parts=(Part("Tune"),)))


WRONG: dict[str, tuple[list[str], str]] = {
    "kazoo": (["--bars", "4", "--instruments", "kazoo"], "melody, drums, bass, guitar, piano, strings"),
    "no instruments": (["--bars", "4", "--instruments", ","], "no instrument"),
    "no bars": (["--bars", "0"], "0 bars"),
    "bars in words": (["--bars", "many"], "'many' is no number of bars"),
    "range without infill": (["--bars", "17-24"], "only --infill takes a range"),
    "tempo": (["--bars", "4", "--tempo", "500"], "24 to 200"),
    "plan": (["--plan", "A8 B"], "does not parse"),
    "plan with a later source": (["--plan", "1-8=17-24"], "bar 1 cannot follow bar 17"),
    "plan outside": (["--plan", "17-24=1-8", "--bars", "20"], "bar 24 is outside the song, which has 20 bars"),
    "no plan file": (["--plan", "{out}.json"], "no such file"),
    "half a candidate": (["--bars", "4", "--n", "1.5"], "whole number"),
    "candidates": (["--bars", "4", "--n", "99"], "1 to 64"),
    "key": (["--bars", "4", "--key", "H"], "'H' is no key"),
    "key of a given song": (["--continue", "{song}", "--bars", "4", "--key", "G"], "--continue and --key contradict"),
    "instruments too far": (["--instruments", "1-999999: piano"], "at most 1000 bars"),
    "no SoundFont": (["--bars", "4", "--soundfont", "{out}.sf2"], "no such SoundFont"),
    "another SoundFont": (["--bars", "4", "--soundfont", "{song}"], "is no SoundFont"),
    "endless melody": (["--prompt", "{song}", "--melody", "9" * 5000], "is no part of this song"),
    "endless infill": (["--infill", "{song}", "--bars", "1-99999999"], "outside auld-lang-syne.mid"),
    "seed": (["--bars", "4", "--seed", "-1"], "--seed"),
    "top k": (["--bars", "4", "--top-k", "-1"], "--top-k"),
    "top p": (["--bars", "4", "--top-p", "2"], "top_p"),
    "temperature": (["--bars", "4", "--temperature", "0"], "temperature"),
    "model": (["--bars", "4", "--model", "museformer-huge"], "not found; known:"),
    "another model": (["--bars", "4", "--model", "{other}"], "version 99; this release reads version 1"),
    "no audio and stems": (["--bars", "4", "--no-audio", "--stems"], "contradict"),
    "two songs": (["--prompt", "{song}", "--continue", "{song}"], "--prompt and --continue contradict"),
    "parts without infill": (["--bars", "4", "--parts", "bass"], "--infill"),
    "melody without a song": (["--bars", "4", "--melody", "Lead"], "--melody"),
    "infill without bars": (["--infill", "{song}"], "--infill needs --bars"),
    "infill in words": (["--infill", "{song}", "--bars", "all"], "no range of bars"),
    "infill outside": (["--infill", "{song}", "--bars", "900-901"], "outside auld-lang-syne.mid, which has bars 1 to"),
    "infill and instruments": (["--infill", "{song}", "--bars", "3", "--instruments", "bass"], "--parts"),
    "infill and tempo": (["--infill", "{song}", "--bars", "3", "--tempo", "90"], "tempo stays"),
    "unknown part": (["--infill", "{song}", "--bars", "3", "--parts", "kazoo"], "melody, drums"),
    "missing file": (["--prompt", "{out}.mid"], "no such file"),
    "no notes": (["--prompt", "{silence}"], "no notes"),
    "waltz": (["--continue", "{waltz}"], "only songs in 4/4"),
    "prompt longer than the song": (["--prompt", "{song}", "--bars", "4"], "bars already"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_one_line_and_nothing_is_written(
    kind: str, ritornello, tiny: Path, example: Path, tmp_path: Path
) -> None:
    options, words = WRONG[kind]
    inputs = tmp_path / "inputs"
    (inputs / "other").mkdir(parents=True)
    config = json.loads((tiny / "config.json").read_text(encoding="utf-8"))
    (inputs / "other" / "config.json").write_text(json.dumps({**config, "version": 99}), encoding="utf-8")
    (inputs / "waltz.mid").write_bytes(waltz())
    (inputs / "silence.mid").write_bytes(silence())
    places = {
        "out": tmp_path / "out", "song": example, "waltz": inputs / "waltz.mid", "silence": inputs / "silence.mid",
        "other": inputs / "other",
    }  # fmt: skip
    model = [] if "--model" in options else ["--model", str(tiny)]
    result = ritornello("generate", "-o", places["out"], *model, *[option.format(**places) for option in options])
    assert result.code == 2, result.err
    assert words in result.err
    assert result.err.count("\n") == 1
    assert result.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["inputs"]


def test_an_existing_result_is_kept_and_a_given_song_is_never_the_output(
    ritornello, tiny: Path, example: Path, tmp_path: Path
) -> None:
    (tmp_path / "song.mid").write_bytes(example.read_bytes())
    options = ["--no-audio", "--model", tiny]
    assert "--force" in ritornello("generate", "-o", tmp_path, "--bars", "2", *options).err
    result = ritornello("generate", "-o", tmp_path, "--continue", tmp_path / "song.mid", "--force", *options)
    assert "overwrite" in result.err
    assert (tmp_path / "song.mid").read_bytes() == example.read_bytes()


def test_without_torch_one_line_says_what_to_install(
    ritornello, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "torch" else find(name, *more))
    for command in (["generate", "-o", tmp_path / "out", "--bars", "4"], ["benchmark", "museformer"]):
        result = ritornello(*command)
        assert result.code == 2
        assert 'pip install "ritornello[ml]"' in result.err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["generate", "benchmark museformer"])
def test_help_shows_examples_that_parse_and_imports_no_network(ritornello, command: str) -> None:
    from ritornello.app.cli import app

    result = ritornello(*command.split(), "--help")
    assert result.code == 0
    examples = [shlex.split(line) for line in result.out.partition("Examples:")[2].splitlines() if line.strip()]
    assert len(examples) >= 2
    for words in examples:
        assert words[: 1 + len(command.split())] == ["ritornello", *command.split()]
        app.parse_args(words[1:], print_error=False, exit_on_error=False)
    call = f"run({[*command.split(), '--help']!r})"
    code = f"import sys; from ritornello.app.cli import run; {call}; print('torch' in sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.endswith("False\n")


def test_the_command_draws_at_the_temperature_of_the_library() -> None:
    import inspect

    from ritornello.app.generate import generate
    from ritornello.museformer.generate import TEMPERATURE

    assert inspect.signature(generate).parameters["temperature"].default == TEMPERATURE
