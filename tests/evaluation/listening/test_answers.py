from __future__ import annotations

import copy
import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ritornello.errors import ArgumentError, ReadError
from ritornello.evaluation.listening.answers import Answers, read_all_answers, read_answers
from ritornello.evaluation.listening.judgements import as_csv, judgements
from ritornello.evaluation.listening.questions import PREFERENCE, parse_questions

from .conftest import answers_file, paired_test

Write = Callable[..., Path]
TEST = paired_test()


def test_answers_are_read_as_they_were_given(write_answers: Write) -> None:
    answers = read_answers(write_answers(answers_file(TEST, rater="  Zoë  B. ")), [paired_test(10), TEST])
    assert (answers.rater, answers.test) == ("Zoë B.", TEST.id)
    assert answers.values["t001"] == {"preference": (3,), "liking": (4, 2), "similarity": (1,)}
    assert answers.heard_s["t001"] == (60.0, 58.5)


def test_unfinished_answers_are_taken_as_far_as_they_go(write_answers: Write) -> None:
    data = answers_file(TEST)
    data["answers"] = {"t001": {"liking": [None, 5]}}
    answers = read_answers(write_answers(data), [TEST])
    assert [(row.question, row.value, row.side) for row in judgements([TEST], [answers])] == [("liking", 5, "B")]


CHANGES: dict[str, tuple[tuple[str, ...], Any, str]] = {
    "other test": (("test",), "0" * 16, "belongs to another test"),
    "no test": (("test",), None, "belongs to another test"),
    "other file": (("format",), "x", "no file of answers"),
    "newer version": (("version",), 2, "newer version"),
    "no rater": (("rater",), " ", "should be a name"),
    "long rater": (("rater",), "x" * 61, "should be a name"),
    "rater that rings the bell": (("rater",), "a\x07\x1b[2J", "should be a name"),
    "half a character": (("rater",), "\ud800", "should be a name"),
    "rater is a number": (("rater",), 7, "should be a text"),
    "answers is a list": (("answers",), [], "should be an object"),
    "unknown trial": (("answers", "t999"), {}, "not in the test"),
    "unknown question": (("answers", "t001", "beauty"), [1], "was not asked"),
    "not a list": (("answers", "t001", "liking"), 3, "should be a list"),
    "too many": (("answers", "t001", "preference"), [1, 2], "there should be 1"),
    "out of range": (("answers", "t001", "preference"), [6], "out of range 1 to 5"),
    "true": (("answers", "t001", "preference"), [True], "whole number"),
    "a half": (("answers", "t001", "preference"), [2.5], "whole number"),
    "a text": (("answers", "t001", "preference"), ["3"], "whole number"),
    "heard less than nothing": (("heard_s", "t001"), [-1, 2], "no number of seconds"),
    "heard text": (("heard_s", "t001"), ["1", 2], "no number of seconds"),
    "heard once": (("heard_s", "t001"), [1], "one a piece"),
    "heard elsewhere": (("heard_s", "t999"), [1], "not in the test"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_bad_answers_are_one_line_that_names_the_file(name: str, write_answers: Write) -> None:
    place, value, words = CHANGES[name]
    data = answers_file(TEST)
    inner = data
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(ReadError, match=words) as caught:
        read_answers(write_answers(data), [TEST])
    assert "answers.json: " in str(caught.value) and "\n" not in str(caught.value) and "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", "null", "[" * 100_000, '{"a": 1, "a": 2}', '{"rater": NaN}', "1" * 5000, '{"version": 1e999}'],
)
def test_damaged_files_are_refused(text: str, write_answers: Write) -> None:
    with pytest.raises(ReadError, match=r"^[^\n]{10,400}$"):
        read_answers(write_answers(text), [TEST])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_changed_is_read_or_refused_in_one_line(data: st.DataObject, write_answers: Write) -> None:
    value = copy.deepcopy(answers_file(TEST))
    inner: Any = value
    while True:
        key = data.draw(st.sampled_from(sorted(inner) if isinstance(inner, dict) else range(len(inner))))
        if not isinstance(inner[key], dict | list) or not inner[key] or data.draw(st.booleans()):
            break
        inner = inner[key]
    inner[key] = data.draw(VALUES)
    try:
        answers = read_answers(write_answers(value), [TEST])
    except ReadError as error:
        assert "\n" not in str(error) and len(str(error)) < 500
    else:
        assert all(-2 <= row.value <= 5 for row in judgements([TEST], [answers]))
        as_csv(judgements([TEST], [answers]))


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 3000), noise=st.binary(max_size=20))
def test_cut_and_overwritten_files_are_read_or_refused(cut: int, noise: bytes, tmp_path: Path) -> None:
    whole = json.dumps(answers_file(TEST)).encode()
    path = tmp_path / "answers.json"
    for data in (whole[:cut], whole[:cut] + noise + whole[cut + len(noise) :]):
        path.write_bytes(data)
        try:
            read_answers(path, [TEST])
        except ReadError as error:
            assert "\n" not in str(error)


def test_a_rater_hands_in_once(write_answers: Write) -> None:
    one = write_answers(answers_file(TEST, "Anna"), "1.json")
    same = write_answers(answers_file(TEST, " anna "), "2.json")
    other = write_answers(answers_file(TEST, "Bert"), "3.json")
    assert [answers.rater for answers in read_all_answers([one, other], [TEST])] == ["Anna", "Bert"]
    with pytest.raises(ReadError, match=r"2\.json: rater 'anna' has answered this test in .*1\.json too"):
        read_all_answers([one, same], [TEST])
    with pytest.raises(ArgumentError, match="no answers"):
        read_all_answers([], [TEST])
    empty = answers_file(TEST)
    empty["answers"] = {"t001": {"preference": [None]}}
    with pytest.raises(ReadError, match="nothing is answered"):
        read_all_answers([write_answers(empty)], [TEST])


def test_a_preference_is_seen_from_the_condition() -> None:
    for value, place in ((1, 0), (5, 1), (3, 0)):
        trial = next(trial for trial in TEST.trials if trial.kind == "pair" and trial.place == place)
        answers = Answers("anna", TEST.id, {trial.name: {"preference": (value,), "liking": (4, 2)}}, {})
        first, *likings = judgements([TEST], [answers])
        assert first.value == (0 if value == 3 else 2)
        assert (first.condition, first.against, first.side) == ("ours", "human", "AB"[place])
        assert [(row.value, row.condition) for row in likings] == [
            (4, trial.pieces[0].condition), (2, trial.pieces[1].condition),
        ]  # fmt: skip


def test_the_table_has_every_answer_and_no_formula() -> None:
    answers = Answers(
        "=cmd(1)", TEST.id, {"t001": {"preference": (2,), "liking": (4, 2), "similarity": (3,)}}, {"t001": (60, 7.5)}
    )
    table = list(csv.DictReader(io.StringIO(as_csv(judgements([TEST], [answers])).decode(), newline="")))
    assert len(table) == 4
    assert {row["rater"] for row in table} == {"'=cmd(1)"}
    assert {row["heard_s"] for row in table} == {"7.5"}
    assert table[0]["question"] == "preference" and table[0]["condition"] == "ours" and table[0]["against"] == "human"


@pytest.mark.parametrize(
    ("texts", "mode", "words"),
    [
        (["beauty"], "rated", "unknown"), (["liking", "liking"], "rated", "twice"),
        (["similarity"], "rated", "only one"),
        (["liking"], "paired", "needs the question 'preference'"), (["Beauty=Is it?"], "rated", "does not do"),
        (["liking=Is it?"], "rated", "does not do"), (["beauty="], "rated", "needs a text"),
        (["beauty=a\x1b"], "rated", "needs a text"), ([f"q{n}=Is it?" for n in range(9)], "rated", "too many"),
    ],
)  # fmt: skip
def test_questions_that_cannot_be_asked_are_refused(texts: list[str], mode: Any, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        parse_questions(texts, mode)


def test_questions_of_ones_own_are_asked_of_each_piece() -> None:
    first, own = parse_questions(["preference", "swing=Does  it swing?"], "paired")
    assert first is PREFERENCE
    assert (own.name, own.text, own.about) == ("swing", "Does it swing?", "piece")
