"""Answers with the key laid beside them: one row for each thing that was said, and the table of all of them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

from ritornello.evaluation.listening.answers import Answers
from ritornello.evaluation.listening.draw import Kind
from ritornello.evaluation.listening.protocol import Protocol, Trial
from ritornello.evaluation.listening.questions import PREFERENCE


@dataclass(frozen=True, slots=True)
class Judgement:
    """One answer of one rater.

    Attributes:
        rater: who.
        test: id of the test.
        trial: id of the trial.
        kind: what the trial is for.
        repeats: id of the trial that it repeats, or "".
        question: name of the question.
        condition: what the answer is about: the piece's condition, or of a pair the one that is compared with people.
        item: name of that piece.
        against: the condition of the other piece of the pair, or "".
        against_item: name of that piece, or "".
        side: whether the piece that the answer is about is A or B; A where there is only one.
        value: of a preference -2..2, above 0 where the condition's piece is better than the other; else 1..5.
        heard_s: how long the piece of the trial that was heard least was listened to, in seconds; 0 if not known.
    """

    rater: str
    test: str
    trial: str
    kind: Kind
    repeats: str
    question: str
    condition: str
    item: str
    against: str
    against_item: str
    side: str
    value: int
    heard_s: float


def judgements(tests: Sequence[Protocol], answers: Sequence[Answers]) -> tuple[Judgement, ...]:
    """Return one row for each answer that was given, in the order of the raters, trials and questions.

    Args:
        tests: the tests; `Answers.test` names one of them.
        answers: the answers of all raters.
    """
    by_id = {test.id: test for test in tests}
    return tuple(row for one in answers for row in _rows(by_id[one.test], one))


def _rows(test: Protocol, answers: Answers) -> Iterator[Judgement]:
    for trial in test.trials:
        for question in test.questions:
            given = answers.values.get(trial.name, {}).get(question.name, ())
            for place, value in enumerate(given):
                if value is None:
                    continue
                place = trial.place if question.about == "pair" else place
                if question.name == PREFERENCE.name:
                    # 1 is A much better, 5 is B much better.
                    value = value - 3 if place == 1 else 3 - value
                yield _judgement(test, trial, answers, question.name, place, value)


def _judgement(test: Protocol, trial: Trial, answers: Answers, question: str, place: int, value: int) -> Judgement:
    piece = trial.pieces[place]
    other = trial.pieces[1 - place] if len(trial.pieces) == 2 else None
    heard_s = min(answers.heard_s.get(trial.name, (0.0,)))
    return Judgement(
        answers.rater, test.id, trial.name, trial.kind, trial.repeats or "", question, piece.condition, piece.item,
        other.condition if other else "", other.item if other else "", "AB"[place], value, heard_s,
    )  # fmt: skip


def as_csv(rows: Sequence[Judgement]) -> bytes:
    """Return all answers as a table, UTF-8, one row each, with a header.

    A text that a spreadsheet would run as a formula gets an apostrophe before it.
    """
    names = [field.name for field in fields(Judgement)]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows([_harmless(getattr(row, name)) for name in names] for row in rows)
    return text.getvalue().encode(errors="backslashreplace")


def _harmless(value: str | float) -> str | float:
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value
