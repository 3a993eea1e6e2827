"""A test as it is kept: what raters may see in `trials.json`, which piece is which in `key.json`.

The test's id is a hash of everything that raters see and hear, so answers, key and page always belong together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from ritornello import __version__
from ritornello.errors import ReadError
from ritornello.evaluation.listening.draw import Kind
from ritornello.evaluation.listening.items import HUMAN
from ritornello.evaluation.listening.questions import STEPS, Mode, Question
from ritornello.evaluation.listening.strict_json import expect, one_of, plain_text, read_object, shown

PAGE, TRIALS, KEY = "listen.html", "trials.json", "key.json"
"""The files of a test."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One side of a trial.

    Attributes:
        clip: id of its sound.
        condition: who or what made it: `HUMAN` or the name of a condition.
        item: the piece's name in its folder.
        start_s: where in the piece the clip starts.
        length_s: how long it sounds.
    """

    clip: str
    condition: str
    item: str
    start_s: float
    length_s: float


@dataclass(frozen=True, slots=True)
class Trial:
    """What is judged at once.

    Attributes:
        name: its id.
        kind: what it is for, see `Kind`.
        pieces: two of a pair, in the order A, B; else one.
        repeats: id of the trial that it repeats, for the kind ``"repeat"``.
    """

    name: str
    kind: Kind
    pieces: tuple[Piece, ...]
    repeats: str | None = None

    @property
    def condition(self) -> str:
        """The condition that is compared with people or rated; `HUMAN` where there are only people."""
        return next((piece.condition for piece in self.pieces if piece.condition != HUMAN), HUMAN)

    @property
    def place(self) -> int:
        """The side of the piece of `condition`: 0 for A, 1 for B."""
        return next((index for index, piece in enumerate(self.pieces) if piece.condition != HUMAN), 0)


@dataclass(frozen=True)
class Protocol:
    """A whole test without its sound.

    Attributes:
        mode: paired or rated.
        questions: what is asked in every trial.
        trials: the trials in the order of the page.
        sounds: SHA-256 of each clip, by its id.
        settings: how the test was made, for the key.
    """

    mode: Mode
    questions: tuple[Question, ...]
    trials: tuple[Trial, ...]
    sounds: Mapping[str, str]
    settings: Mapping[str, Any]

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of the conditions by alphabet, people left out."""
        return tuple(sorted({p.condition for trial in self.trials for p in trial.pieces} - {HUMAN}))

    @property
    def id(self) -> str:
        """Hash of what raters see and hear: 16 hexadecimal digits."""
        text = json.dumps(self._public(), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _public(self) -> dict[str, Any]:
        return {
            "mode": self.mode,
            "questions": [{**asdict(question), "labels": list(question.labels)} for question in self.questions],
            "trials": [{"id": t.name, "clips": [piece.clip for piece in t.pieces]} for t in self.trials],
            "sounds": dict(self.sounds),
        }

    def trials_file(self) -> dict[str, Any]:
        """Return what `trials.json` and the page hold: nothing in it tells who made what."""
        return {"format": "ritornello-listening-test", "version": 1, "test": self.id, **self._public()}

    def key_file(self) -> dict[str, Any]:
        """Return what `key.json` holds: the kind, the pieces and the sides of each trial, and how the test was made."""
        trials = [{"id": t.name, **{k: v for k, v in asdict(t).items() if k != "name"}} for t in self.trials]
        return {
            "format": "ritornello-listening-key", "version": 1, "ritornello": __version__, "test": self.id,
            "settings": dict(self.settings), "trials": trials,
        }  # fmt: skip


def read_test(folder: Path) -> Protocol:
    """Read a test from its folder.

    Raises:
        ReadError: if `trials.json` or `key.json` is missing, damaged, or they are of different tests.
    """
    place, key_place = folder / TRIALS, folder / KEY
    seen, key = read_object(place, "listening test"), read_object(key_place, "key")
    try:
        trials = _trials(expect(key.get("trials"), list, "trials"))
    except ReadError as error:
        raise ReadError(f"{key_place}: {error}") from None
    try:
        protocol = _protocol(seen, trials, expect(key.get("settings"), dict, "settings"))
        public = seen.get("trials") == protocol.trials_file()["trials"]
    except ReadError as error:
        raise ReadError(f"{place}: {error}") from None
    if not public or seen.get("test") != key.get("test") or protocol.id != key.get("test"):
        raise ReadError(f"{folder}: {TRIALS} and {KEY} are of different tests or were changed; build the test anew")
    return protocol


def _protocol(seen: dict[str, Any], trials: tuple[Trial, ...], settings: dict[str, Any]) -> Protocol:
    mode: Mode = one_of(seen.get("mode"), get_args(Mode), "mode")
    questions = []
    for entry in expect(seen.get("questions"), list, "questions"):
        values = expect(entry, dict, "a question")
        name, text = (plain_text(values.get(field), f"a question's {field}") for field in ("name", "text"))
        labels = tuple(expect(label, str, "a label") for label in expect(values.get("labels"), list, "labels"))
        if len(labels) != STEPS:
            raise ReadError(f"question {shown(name)} has {len(labels)} labels; it needs {STEPS}")
        about: Literal["pair", "piece"] = one_of(values.get("about"), ("pair", "piece"), "what a question is about")
        questions.append(Question(name, text, about, labels))
    sounds = expect(seen.get("sounds"), dict, "sounds")
    if any(len(trial.pieces) != (2 if mode == "paired" else 1) for trial in trials):
        raise ReadError(f"a trial has not the number of pieces that the mode {mode} has")
    return Protocol(mode, tuple(questions), trials, sounds, settings)


def _trials(entries: list[Any]) -> tuple[Trial, ...]:
    trials: list[Trial] = []
    for entry in entries:
        values = expect(entry, dict, "a trial")
        name = plain_text(values.get("id"), "a trial's id")
        kind: Kind = one_of(values.get("kind"), get_args(Kind), f"trial {shown(name)}: kind")
        pieces = []
        for side in expect(values.get("pieces"), list, f"trial {shown(name)}: pieces"):
            piece = expect(side, dict, f"trial {shown(name)}: a piece")
            clip, condition, item = (plain_text(piece.get(k), f"a piece's {k}") for k in ("clip", "condition", "item"))
            start_s, length_s = (expect(piece.get(k), float, f"a piece's {k}") for k in ("start_s", "length_s"))
            pieces.append(Piece(clip, condition, item, start_s, length_s))
        repeats = values.get("repeats")
        earlier = [trial.name for trial in trials]
        if name in earlier or (repeats not in earlier if kind == "repeat" else repeats is not None):
            raise ReadError(f"trial {shown(name)}: repeats {shown(repeats)}, or its id is there twice")
        trials.append(Trial(name, kind, tuple(pieces), repeats))
    if not trials:
        raise ReadError("there are no trials")
    return tuple(trials)
