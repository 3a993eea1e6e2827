"""What a rater is asked: five-step questions about a pair or about each piece, ready-made or in one's own words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ritornello.errors import ArgumentError

Mode = Literal["paired", "rated"]
"""Two pieces to compare in a trial, or one to rate."""

STEPS = 5
"""Steps of every scale."""

MAX_QUESTIONS, MAX_TEXT = 8, 160

_NAME = re.compile(r"[a-z][a-z0-9-]{0,29}")


@dataclass(frozen=True, slots=True)
class Question:
    """One question with five answers, kept as 1 to 5 from left to right.

    Attributes:
        name: how the answers call it: small letters, digits and hyphens.
        text: what the rater reads.
        about: ``"pair"``: asked once a trial; ``"piece"``: asked of each piece.
        labels: five words under the answers, from left to right; empty where the number says enough.
    """

    name: str
    text: str
    about: Literal["pair", "piece"]
    labels: tuple[str, ...]


_NOT_TO_VERY = ("not at all", "", "", "", "very much")

PREFERENCE = Question(
    "preference", "Which piece is better?", "pair",
    ("A is much better", "A is a little better", "as good as each other", "B is a little better", "B is much better"),
)  # fmt: skip
"""The question that a paired test cannot do without; as answers 1 and 2 prefer A, 3 neither, 4 and 5 B."""

QUESTIONS = {
    question.name: question
    for question in (
        PREFERENCE,
        Question("liking", "How much do you like it?", "piece", _NOT_TO_VERY),
        Question(
            "similarity", "How alike are the two pieces?", "pair", ("not at all alike", "", "", "", "nearly the same")
        ),
        Question("musicality", "How pleasant and interesting is the music?", "piece", _NOT_TO_VERY),
        Question("short-structure", "Do neighbouring phrases belong together?", "piece", _NOT_TO_VERY),
        Question("long-structure", "Does the whole piece hold together, with what comes back?", "piece", _NOT_TO_VERY),
    )
}
"""The ready-made questions by name."""

DEFAULTS: dict[Mode, tuple[str, ...]] = {"paired": ("preference", "liking", "similarity"), "rated": ("liking",)}


def parse_questions(texts: Sequence[str], mode: Mode) -> tuple[Question, ...]:
    """Return the questions that a person chose.

    Args:
        texts: names of `QUESTIONS`, or ``name=What the rater reads?`` for a question of one's own, which is asked of
            each piece and goes from "not at all" to "very much"; empty for the mode's defaults.
        mode: ``"paired"`` or ``"rated"``.

    Raises:
        ArgumentError: if a question is unknown, twice there, not for the mode, or the preference is missing of a pair.
    """
    questions: list[Question] = []
    for text in texts or DEFAULTS[mode]:
        name, is_own, words = text.partition("=")
        if is_own:
            question = _own(name, " ".join(words.split()))
        elif name in QUESTIONS:
            question = QUESTIONS[name]
        else:
            known = ", ".join(QUESTIONS)
            raise ArgumentError(f"question '{text[:40]}' is unknown; use {known}, or NAME=TEXT for your own")
        if any(question.name == other.name for other in questions):
            raise ArgumentError(f"question '{question.name}' is given twice; leave one out")
        if mode == "rated" and question.about == "pair":
            raise ArgumentError(f"question '{question.name}' compares two pieces; with --mode rated there is only one")
        questions.append(question)
    if mode == "paired" and PREFERENCE not in questions:
        raise ArgumentError("a paired test needs the question 'preference'; add it to --questions")
    if len(questions) > MAX_QUESTIONS:
        raise ArgumentError(f"{len(questions)} questions are too many for one piece; ask at most {MAX_QUESTIONS}")
    return tuple(questions)


def _own(name: str, words: str) -> Question:
    if not _NAME.fullmatch(name) or name in QUESTIONS:
        raise ArgumentError(
            f"question name '{name[:40]}' does not do; use small letters, digits and hyphens, and none of: "
            + ", ".join(QUESTIONS)
        )
    if not 1 <= len(words) <= MAX_TEXT or not words.isprintable():
        raise ArgumentError(f"question '{name}' needs a text of 1 to {MAX_TEXT} printable characters")
    return Question(name, words, "piece", _NOT_TO_VERY)
