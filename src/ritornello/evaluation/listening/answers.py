"""Answers of raters: files that come back from strangers, checked before anything is counted."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ritornello.errors import ArgumentError, ReadError
from ritornello.evaluation.listening.protocol import Protocol, Trial
from ritornello.evaluation.listening.questions import STEPS, Question
from ritornello.evaluation.listening.strict_json import expect, read_object, shown

FORMAT = "ritornello-listening-answers"

MAX_RATER = 60
"""Longest name of a rater."""


@dataclass(frozen=True)
class Answers:
    """What one rater said in one test.

    Attributes:
        rater: the name that the rater gave.
        test: id of the test.
        values: by trial id and question name, one answer 1..5 for a question about a pair, one for each piece in the
            order shown for a question about pieces; None for what was left open.
        heard_s: by trial id how long each piece was listened to, in seconds; trials never played are left out.
    """

    rater: str
    test: str
    values: Mapping[str, Mapping[str, tuple[int | None, ...]]]
    heard_s: Mapping[str, tuple[float, ...]]


def read_answers(path: Path, tests: Sequence[Protocol]) -> Answers:
    """Read one file of answers.

    Args:
        path: the file that a page saved.
        tests: the tests it may belong to.

    Raises:
        ReadError: if it cannot be read, is damaged, belongs to none of the tests, or answers something not asked.
    """
    data = read_object(path, "answers of a listening test")
    try:
        if data.get("format") != FORMAT or data.get("version") != 1:
            raise ReadError("it is no file of answers that a listening page saved, or of a newer version")
        test = next((test for test in tests if test.id == data.get("test")), None)
        if test is None:
            known = ", ".join(test.id for test in tests)
            raise ReadError(f"it belongs to another test, {shown(data.get('test'))}; given is {known}")
        rater = _rater(data.get("rater"))
        values = _values(expect(data.get("answers"), dict, "answers"), test)
        heard_s = _heard(expect(data.get("heard_s", {}), dict, "heard_s"), test)
    except ReadError as error:
        raise ReadError(f"{path}: {error}") from None
    if not any(value is not None for trial in values.values() for given in trial.values() for value in given):
        raise ReadError(f"{path}: nothing is answered in it; leave it out")
    return Answers(rater, test.id, values, heard_s)


def read_all_answers(paths: Sequence[Path], tests: Sequence[Protocol]) -> tuple[Answers, ...]:
    """Read the answers of all raters.

    Raises:
        ReadError: if a file cannot be used, or two files are of one rater in one test.
        ArgumentError: if there is no file.
    """
    if not paths:
        raise ArgumentError("there are no answers; name the files answers-….json that the raters handed in")
    seen: dict[tuple[str, str], Path] = {}
    answers = []
    for path in paths:
        one = read_answers(path, tests)
        rater = (one.test, one.rater.casefold())
        if rater in seen:
            raise ReadError(
                f"{path}: rater '{one.rater}' has answered this test in {seen[rater]} too; keep one file, or give "
                "two people different names"
            )
        seen[rater] = path
        answers.append(one)
    return tuple(answers)


def _rater(value: object) -> str:
    rater = unicodedata.normalize("NFC", " ".join(expect(value, str, "rater").split()))
    # A name is printed and goes into tables: no control characters, no half characters.
    if not 1 <= len(rater) <= MAX_RATER or not rater.isprintable():
        raise ReadError(f"rater {shown(rater)} should be a name of 1 to {MAX_RATER} printable characters")
    return rater


def _values(answers: dict[str, Any], test: Protocol) -> dict[str, dict[str, tuple[int | None, ...]]]:
    trials = {trial.name: trial for trial in test.trials}
    questions = {question.name: question for question in test.questions}
    result: dict[str, dict[str, tuple[int | None, ...]]] = {}
    for name, given in answers.items():
        if name not in trials:
            raise ReadError(f"trial {shown(name)} is not in the test")
        result[name] = {}
        for asked, values in expect(given, dict, f"answers to trial {name}").items():
            if asked not in questions:
                raise ReadError(f"trial {name}: question {shown(asked)} was not asked")
            result[name][asked] = _steps(values, trials[name], questions[asked])
    return result


def _steps(values: object, trial: Trial, question: Question) -> tuple[int | None, ...]:
    what = f"trial {trial.name}: '{question.name}'"
    wanted = 1 if question.about == "pair" else len(trial.pieces)
    steps = expect(values, list, what)
    if len(steps) != wanted:
        raise ReadError(f"{what} has {len(steps)} answers; there should be {wanted}")
    for step in steps:
        if step is not None and not 1 <= expect(step, int, f"{what}: an answer") <= STEPS:
            raise ReadError(f"{what}: answer {shown(step)} is out of range 1 to {STEPS}")
    return tuple(steps)


def _heard(heard: dict[str, Any], test: Protocol) -> dict[str, tuple[float, ...]]:
    trials = {trial.name: trial for trial in test.trials}
    result = {}
    for name, seconds in heard.items():
        if name not in trials:
            raise ReadError(f"heard_s: trial {shown(name)} is not in the test")
        values = expect(seconds, list, f"heard_s of trial {name}")
        if len(values) != len(trials[name].pieces):
            raise ReadError(f"heard_s of trial {name} has {len(values)} values; there should be one a piece")
        for value in values:
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise ReadError(f"heard_s of trial {name}: {shown(value)} is no number of seconds")
        # A whole number may have more digits than a float can hold; nobody listens for a year.
        result[name] = tuple(float(min(value, 3e7)) for value in values)
    return result
