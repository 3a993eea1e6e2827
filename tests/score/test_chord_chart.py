from __future__ import annotations

from pathlib import Path

import pytest
from framework_strategies import whole
from hypothesis import given, settings
from hypothesis import strategies as st
from song_strategies import chords, keys

from ritornello.errors import ArgumentError, ReadError
from ritornello.score import Chord, Key
from ritornello.score.chord_chart import ChartSection, ChordChart
from ritornello.score.framework import ChordCell, Framework
from ritornello.score.timeline import Meter

CHART = """\
# an invented song
[A]                    # both
| G   | D/F#  | Em C | %
C / G D | N | ? | Gmaj7  Am7 B7 Em |
B: Am | F#m7b5 |
"""


def read(text: str, metre: str = "4/4") -> list[list[list[tuple[str, float]]]]:
    return [
        [[("?" if c.is_open else str(c.chord or "N"), c.beats) for c in bar] for bar in section.bars]
        for section in ChordChart.parse(text, metre).sections
    ]


def test_what_musicians_type() -> None:
    assert read(CHART) == [
        [
            [("G", 4)], [("D/F#", 4)], [("Em", 2), ("C", 2)], [("Em", 2), ("C", 2)],
            [("C", 2), ("G", 1), ("D", 1)], [("N", 4)], [("?", 4)],
            [("Gmaj7", 1), ("Am7", 1), ("B7", 1), ("Em", 1)],
        ],
        [[("Am", 4)], [("F#m7b5", 4)]],
    ]  # fmt: skip
    assert [section.name for section in ChordChart.parse(CHART).sections] == ["A", "B"]


def test_beats_are_those_of_the_metre() -> None:
    assert read("C G", "6/8") == [[[("C", 1), ("G", 1)]]]
    assert read("C / G", "3/4") == [[[("C", 2), ("G", 1)]]]
    assert read("C C G", "4/4") == [[[("C", 4 / 3), ("C", 4 / 3), ("G", 4 / 3)]]]


def test_a_colon_after_a_letter_is_a_heading_and_within_a_word_harte() -> None:
    assert read("A: C:min7 | A:maj") == [[[("Cm7", 4)], [("A", 4)]]]
    assert read("A:min") == [[[("Am", 4)]]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "chord chart: there are no chords in it"),
        ("# only a comment", "there are no chords in it"),
        ("| G | Hm |", "chord chart line 1, bar 2: 'Hm' is no chord"),
        ("| G |\n| C | | D |", "chord chart line 2, bar 2: is empty"),
        ("%", "line 1, bar 1: % has no bar before it"),
        ("G | % C", "line 1, bar 2: % repeats a whole bar"),
        ("[A]\nG\n[B]\n%", "line 4, bar 1: % has no bar before it"),
        ("C D E F G", "line 1, bar 1: 5 chords do not share 4 beats evenly"),
        ("C / G", "line 1, bar 1: has 3 chords and slashes, the bar has 4 beats"),
        ("/ C G D", "line 1, bar 1: begins with /"),
        ("G\n[A]\nC", "line 2: bars stand before the first heading"),
        ("[A0] G", "line 1: .A0. counts from 1"),
        ("[A]\n[B] G", "there are no bars under .A."),
        ("[Verse] G", "line 1, bar 1: '.Verse.' is no chord"),
    ],
)
def test_errors_name_line_and_bar(text: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message) as caught:
        ChordChart.parse(text)
    assert "\n" not in str(caught.value)


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "chart.txt"
    path.write_text(CHART, encoding="utf-8")
    assert ChordChart.read(path) == ChordChart.parse(CHART)
    path.write_bytes(b"\xff\xfeG")
    with pytest.raises(ReadError, match="is not text in UTF-8"):
        ChordChart.read(path)
    path.write_bytes(b"| X |")
    with pytest.raises(ReadError, match=r"chart\.txt line 1, bar 1: 'X' is no chord"):
        ChordChart.read(path)
    path.write_bytes(b"G " * 600_000)
    with pytest.raises(ReadError, match="too large"):
        ChordChart.read(path)


@st.composite
def charts(draw: st.DrawFn) -> ChordChart:
    metre = Meter(0, *draw(st.sampled_from([(4, 4), (3, 4), (6, 8), (2, 2)])))
    beats = metre.bar_ticks // metre.beat_ticks

    def bar() -> tuple[ChordCell, ...]:
        count = draw(st.integers(1, beats))
        if draw(st.booleans()):
            lengths = [metre.bar_ticks / count / metre.beat_ticks] * count
        else:
            lengths = [1.0] * (count - 1) + [float(beats - count + 1)]
        kinds = st.sampled_from(("open", "none", "chord", "chord"))
        cells = [(draw(kinds), draw(chords), length) for length in lengths]
        return tuple(ChordCell(chord if k == "chord" else None, b, is_open=k == "open") for k, chord, b in cells)

    names = draw(st.lists(st.tuples(st.sampled_from("ABix"), st.integers(0, 3)), min_size=1, max_size=3))
    if draw(st.booleans()):
        names = [("", 0)]
    sections = [ChartSection(a, b, tuple(bar() for _ in range(draw(st.integers(1, 3))))) for a, b in names]
    return ChordChart(tuple(sections), metre)


@settings(max_examples=100, deadline=None)
@given(charts(), st.none() | keys)
def test_a_chart_reads_back_from_its_text(chart: ChordChart, key: Key | None) -> None:
    text = chart.text(key)
    assert ChordChart.parse(text, chart.metre) == chart
    assert ChordChart.parse(text, chart.metre).text(key) == text


@settings(max_examples=300, deadline=None)
@given(st.text("ABGm7#b/|%N?[]: \n12*x", max_size=40) | st.text(max_size=30))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    try:
        chart = ChordChart.parse(text)
    except ArgumentError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert ChordChart.parse(chart.text()) == chart


def names(framework: Framework, phrase: int) -> list[str]:
    return [str(cell.chord) for cell in framework.effective[phrase].chords or ()]


def test_a_letter_fills_all_its_phrases_and_they_share_it() -> None:
    framework = Framework.from_form("i1A2A2B2").with_chords(ChordChart.parse("[A] G | D\n[i] C"), lock=True)
    assert names(framework, 1) == names(framework, 2) == ["G", "D"]
    assert framework.phrases[2].chords is None
    assert names(framework, 0) == ["C"]
    assert framework.phrases[3].chords is None
    assert all(cell.lock for cell in framework.phrases[1].chords or ())
    assert ChordChart.of(framework).text() == "[i]\n| C |\n[A]\n| G | D |\n"


def test_one_phrase_of_a_letter_may_have_its_own() -> None:
    framework = Framework.from_form("A2A2").with_chords(ChordChart.parse("[A] G | D\n[A2] G | C"))
    assert names(framework, 0) == ["G", "D"]
    assert names(framework, 1) == ["G", "C"]
    assert [section.name for section in ChordChart.of(framework).sections] == ["A1", "A2"]
    assert Framework.from_form("A2A2").with_chords(ChordChart.of(framework)) == framework
    assert Framework.from_form("A2A2").with_chords(ChordChart.parse("[A] G | D\n[A] G | C")) == framework


def test_the_whole_song_in_order() -> None:
    framework = Framework.from_form("i1A2A2").with_chords(ChordChart.parse("C | G | D | G | D"))
    assert framework.phrases[2].chords is None
    assert names(framework, 2) == ["G", "D"]


def test_a_chart_for_a_letter_follows_its_key_and_one_for_the_song_is_literal() -> None:
    plain = Framework.from_form("A2A2", "G")
    plain = plain.with_phrase(1, key=Key.parse("A"))
    assert names(plain.with_chords(ChordChart.parse("[A] G | D")), 1) == ["A", "E"]
    assert names(plain.with_chords(ChordChart.parse("G | D | G | D")), 1) == ["G", "D"]


def test_chords_off_the_beat_and_over_bar_lines_are_written_too() -> None:
    cells = (ChordCell(Chord.parse("G"), 1.5), ChordCell(Chord.parse("C"), 6.5))
    framework = whole().with_phrase(1, chords=cells)
    text = ChordChart.of(framework).text()
    assert text == "[A]\n| G G G C C C C C | C |\n"
    again = Framework.from_form("i1A2A2B2").with_chords(ChordChart.parse(text))
    assert again.chord_spans() == framework.chord_spans()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("G | D", "the chords do not fill the form: the chart has 2 bars, the form 7"),
        ("[A] G", "the chords do not fill the form: A1 has 2 bars, the chart 1 for it"),
        ("[C] G", "the chord chart has .C., but no phrase of the form is C"),
        ("[A3] G | D", "the chord chart has .A3., but the form has only 2 of it"),
        ("[A] G|D\n[A] G|D\n[A] G|D", "the chord chart has .A. 3 times, the form 2 times"),
    ],
)
def test_charts_that_do_not_fit_the_form(text: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        whole().with_chords(ChordChart.parse(text))
    with pytest.raises(ArgumentError, match="is in 3/4, the framework in 4/4"):
        whole().with_chords(ChordChart.parse("G", "3/4"))
