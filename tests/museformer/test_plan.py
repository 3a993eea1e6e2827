"""Plans: what a form and bars mean, the same plan from every way of writing, and errors that name the bar."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ritornello.errors import ArgumentError, ReadError
from ritornello.museformer.attention.bars import NO_SOURCE
from ritornello.museformer.writing.instruments import ALL, Instruments
from ritornello.museformer.writing.plan import Plan, parse_range


def test_a_form_repeats_the_latest_earlier_segment_of_its_letter_bar_by_bar() -> None:
    plan = Plan.parse("i1 A2 B2 A2 o1 A2")
    assert plan.bars == 10
    assert plan.pairs == ((6, 2), (7, 3), (9, 6), (10, 7))
    assert {plan.kinds[bar - 1] for bar, _ in plan.pairs} == {"repeat"}
    assert str(plan.form) == "i1A2B2A2o1A2"


def test_segments_of_different_length_repeat_as_far_as_both_go() -> None:
    assert Plan.parse("A2 A4").pairs == ((3, 1), (4, 2))
    # Bars 3 and 4 of the last segment are found in the first one, as the second is too short.
    assert Plan.parse("A4 A2 A4").pairs == ((5, 1), (6, 2), (7, 5), (8, 6), (9, 3), (10, 4))


@pytest.mark.parametrize("letter", ["X", "x", "i", "o"])
def test_letters_that_never_repeat_are_free(letter: str) -> None:
    assert Plan.parse(f"{letter}2 A2 {letter}2").pairs == ()


def test_bars_are_read_with_their_kinds() -> None:
    plan = Plan.parse("17-24=1-8; 33-40~9-16; 41-44!1-4")
    assert plan.bars == 44
    assert (plan.kinds[16], plan.sources[16]) == ("repeat", 1)
    assert (plan.kinds[39], plan.sources[39]) == ("vary", 16)
    assert (plan.kinds[40], plan.sources[40]) == ("copy", 1)
    assert (plan.kinds[24], plan.sources[24]) == ("free", NO_SOURCE)
    assert Plan.parse("5 = 1").pairs == ((5, 1),)


def test_a_range_may_repeat_bars_that_it_has_just_written() -> None:
    assert Plan.parse("3-6=1-4").pairs == ((3, 1), (4, 2), (5, 3), (6, 4))


@pytest.mark.parametrize("text", ["A4 B4 A4 C2", "3-4!1-2; 5~1", "3-6=1-4", "9~1; 10=2; 11-12=3-4"])
def test_a_plan_survives_its_text(text: str) -> None:
    plan = Plan.parse(text)
    assert Plan.parse(str(plan)) == plan


def test_a_json_file_says_the_same_as_text(tmp_path: Path) -> None:
    entries = [{"bars": "9-12", "source": "1-4", "kind": "vary"}, {"bars": 13, "source": 5}]
    (tmp_path / "plan.json").write_text(json.dumps(entries), encoding="utf-8")
    assert Plan.parse(str(tmp_path / "plan.json"), 20) == Plan.parse("9-12~1-4; 13=5", 20)


def test_bars_after_the_plan_are_free() -> None:
    plan = Plan.parse("A2 A2", 7)
    assert plan.bars == 7
    assert plan.kinds[4:] == ("free",) * 3
    assert plan == Plan.parse("A2 A2").with_bars(7)


@pytest.mark.parametrize(
    ("text", "bars", "words"),
    [
        ("", None, "empty"),
        ("A8 B", None, "does not parse"),
        ("hello!", None, "no range of bars"),
        ("1-8=17-24", None, "bar 1 cannot follow bar 17"),
        ("5=5", None, "bar 5 cannot follow bar 5"),
        ("5-8=4-7; 9-12=9-12", None, "bar 9 cannot follow bar 9"),
        ("17-24=1-7", None, "8 and 7 bars"),
        ("9-16=1-8; 16=2", None, "bar 16 is planned twice"),
        ("17-24=1-8", 20, "bar 24 is outside the song, which has 20 bars"),
        ("A8 A8", 12, "bar 16 is outside the song, which has 12 bars"),
        ("0=1", None, "count from 1"),
        ("9-3=1-7", None, "from the lower to the higher"),
        ("3=0", None, "count from 1"),
        ("3=1=2", None, "no range|does not parse"),
        ("3=1; nonsense", None, "does not parse"),
        ("5000=1", None, "bar 5000 is too far"),
        ("A2000", None, "2000 bars"),
        ("x.json", None, "no such file"),
    ],
)
def test_what_is_wrong_with_a_plan_is_said_with_its_bar(text: str, bars: int | None, words: str) -> None:
    with pytest.raises((ArgumentError, ReadError), match=words) as error:
        Plan.parse(text, bars)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content",
    [b"{", b"[]", b'{"form": "A8"}', b'[{"bars": "3"}]', b'[{"bars": "3", "source": "1", "kind": "invert"}]', b"[[3]]",
     b'[{"bars": [3], "source": "1"}]', b"\xff\xfe", b"[" * 100_000],
)  # fmt: skip
def test_a_json_file_that_holds_no_plan_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(content)
    with pytest.raises((ArgumentError, ReadError), match=r"plan\.json"):
        Plan.read(tmp_path / "plan.json")


def test_a_plan_that_was_built_by_hand_is_checked_too() -> None:
    for kinds, sources in (
        (("free",), (1,)), (("repeat",), (NO_SOURCE,)), (("free", "repeat"), (NO_SOURCE, 2)), ((), ()),
        (("free",), ()), (("free", "invert"), (NO_SOURCE, 1)),
    ):  # fmt: skip
        with pytest.raises(ArgumentError):
            Plan(kinds, sources)  # type: ignore[arg-type]


def test_ranges_of_bars() -> None:
    assert parse_range("17-24") == (17, 24)
    assert parse_range(" 3 ") == (3, 3)
    for text in ("", "a-b", "3-", "-3", "1-2-3", "0", "4-2", "1.5"):
        with pytest.raises(ArgumentError):
            parse_range(text)


def test_instruments_for_all_bars_and_by_bar() -> None:
    assert Instruments.parse(None).at(5) == ALL
    assert Instruments.parse("Melody, bass").at(5) == {"melody", "bass"}
    assert Instruments.parse(["drums"]).at(1) == {"drums"}
    by_bar = Instruments.parse("1-8: piano; 9-16: melody, piano")
    assert [by_bar.at(bar) for bar in (1, 8, 9, 17)] == [{"piano"}, {"piano"}, {"melody", "piano"}, ALL]
    assert by_bar.last_bar == 16


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("kazoo", "melody, drums, bass, guitar, piano, strings"),
        ("", "no instrument is named"),
        ([], "no instrument is named"),
        ("1-8: piano; 8-9: bass", "bar 8 are given twice"),
        ("1-8: piano; bass", "lack their bars"),
        ("x: piano", "no range of bars"),
        ("1-4:", "no instrument is named"),
    ],
)
def test_unknown_instruments_are_refused_with_the_known_ones(wanted: str | list[str], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        Instruments.parse(wanted)
