"""What the tests of the listening kit share: invented tunes in folders, a small test without sound, answers to it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ritornello.evaluation.listening.protocol import Piece, Protocol, Trial
from ritornello.evaluation.listening.questions import parse_questions
from ritornello.score import Part, Song, Tempo, make_notes


def tune(seed: int, bars: int = 8) -> Song:
    """Return a tune of eighths over whole-bar chords, 2 s a bar, of which every note is drawn."""
    rng = np.random.default_rng(seed)
    melody = make_notes(np.arange(8 * bars) * 6, 6, 60 + rng.integers(0, 12, 8 * bars))
    chords = make_notes(np.repeat(np.arange(bars) * 48, 3), 48, np.tile([48, 52, 55], bars))
    parts = (Part("Tune", melody, role="melody"), Part("Chords", chords, role="chords"))
    return Song(parts=parts, tempi=(Tempo(0, 120.0),))


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders with three songs each: `human` with a name of its own, `zyzzyva` as result folders, `quux` as files."""
    root = tmp_path_factory.mktemp("music")
    result = {name: root / f"folder-{index}" for index, name in enumerate(("human", "zyzzyva", "quux"))}
    for index, (name, folder) in enumerate(result.items()):
        folder.mkdir()
        for number in range(3):
            place = folder / f"piece-{number}.mid"
            if name == "zyzzyva":
                (folder / f"piece-{number}").mkdir()
                place = folder / f"piece-{number}" / "song.mid"
            tune(10 * index + number).write(place)
    return result


def paired_test(pairs: int = 12, conditions: tuple[str, ...] = ("ours",), repeats: int = 2, human: int = 1) -> Protocol:
    """Return a paired test without sound; every second pair has the condition's piece as A."""
    trials: list[Trial] = []
    for index in range(pairs + human):
        number = len(trials) + 1
        name = conditions[index % len(conditions)] if index < pairs else "human"
        sides = [Piece(f"c{2 * number - 1:03}", "human", f"song-{index}", 0.0, 60.0)]
        sides.append(Piece(f"c{2 * number:03}", name, f"made-{index}", 0.0, 60.0))
        kind = "pair" if index < pairs else "human"
        trials.append(Trial(f"t{number:03}", kind, tuple(sides if index % 2 else sides[::-1])))
    for original in trials[:repeats]:
        trials.append(Trial(f"t{len(trials) + 1:03}", "repeat", original.pieces[::-1], original.name))
    sounds = {piece.clip: f"{index:064x}" for index, piece in enumerate(p for t in trials for p in t.pieces)}
    return Protocol("paired", parse_questions((), "paired"), tuple(trials), sounds, {"seed": 0})


def answers_file(
    test: Protocol, rater: str = "anna", value: Callable[[Trial], int] = lambda trial: 3
) -> dict[str, Any]:
    """Return a file of answers as the page writes it, with a preference 1..5 for each trial."""
    answers = {t.name: {"preference": [value(t)], "liking": [4, 2], "similarity": [1]} for t in test.trials}
    heard_s = {trial.name: [60.0, 58.5] for trial in test.trials}
    return {
        "format": "ritornello-listening-answers", "version": 1, "test": test.id, "rater": rater,
        "started": "2024-01-01T10:00:00.000Z", "saved": "2024-01-01T10:40:00.000Z", "answers": answers,
        "heard_s": heard_s,
    }  # fmt: skip


@pytest.fixture
def write_answers(tmp_path: Path) -> Callable[..., Path]:
    """Write a file of answers and return its path."""

    def write(value: Any, name: str = "answers.json") -> Path:
        path = tmp_path / name
        path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
        return path

    return write
