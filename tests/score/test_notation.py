"""Note values fill every bar exactly; the values of common rhythms are those that an engraver would choose."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ritornello.score.beams import beam_bar
from ritornello.score.notation import PLAIN_VALUES, TRIPLET_VALUES, Event, Grid, Written, bar_grid, write_bar

METRES = [
    (4, 4),
    (3, 4),
    (2, 4),
    (6, 8),
    (9, 8),
    (12, 8),
    (7, 8),
    (5, 8),
    (3, 8),
    (5, 4),
    (2, 2),
    (3, 2),
    (9, 16),
    (6, 32),
]
SHORT = {"breve": "breve", "whole": "1", "half": "2", "quarter": "4", "eighth": "8", "16th": "16", "32nd": "32"}


def grid_of(metre: tuple[int, int]) -> Grid:
    return bar_grid(*metre, metre[0] * 48 // metre[1])


def spell_out(metre: tuple[int, int], *spans: tuple[int, int]) -> str:
    """The written values as text: "8" an eighth, "4." dotted, "r" a rest, "t" in a triplet, "~" tied on."""
    words = []
    for note in write_bar([Event(a, b, (i,)) for i, (a, b) in enumerate(spans)], grid_of(metre)):
        tied = bool(note.notes) and note.stop < spans[note.notes[0]][1]
        value = SHORT.get(note.kind, "bar") + "." * note.dots + ("t" if note.triplet else "") + ("~" if tied else "")
        words.append(("" if note.notes else "r") + value)
    return " ".join(words)


@pytest.mark.parametrize(
    ("metre", "spans", "written"),
    [
        ((4, 4), [], "rbar"),
        ((4, 4), [(0, 48)], "1"),
        ((4, 4), [(0, 36), (36, 48)], "2. 4"),
        ((4, 4), [(6, 18), (18, 24)], "r8 4 8 r2"),  # a syncopation within the half bar
        ((4, 4), [(12, 36)], "r4 2 r4"),  # and the one over the middle that is usual
        ((4, 4), [(18, 36)], "r4 r8 8~ 4 r4"),  # the middle of the bar stays visible
        ((4, 4), [(0, 30), (30, 48)], "2~ 8 4."),
        ((4, 4), [(3, 12)], "r16 8. r4 r2"),
        ((4, 4), [(0, 15)], "4~ 16 r16 r8 r2"),
        ((3, 4), [(0, 36)], "2."),
        ((3, 4), [(0, 12)], "4 r4 r4"),
        ((6, 8), [(0, 12), (12, 18), (18, 36)], "4 8 4."),
        ((6, 8), [(0, 24), (24, 36)], "4.~ 8 4"),
        ((6, 8), [(0, 6)], "8 r8 r8 r4."),
        ((4, 4), [(0, 4), (4, 8), (8, 12)], "8t 8t 8t r4 r2"),
        ((4, 4), [(0, 8), (8, 16), (16, 24)], "4t 4t 4t r2"),
        ((4, 4), [(0, 16), (16, 32), (32, 48)], "2t 2t 2t"),
        ((4, 4), [(0, 2), (2, 4), (4, 6), (6, 12)], "16t 16t 16t 8 r4 r2"),
        ((4, 4), [(0, 8), (8, 24)], "4t 2t r2"),
    ],
)
def test_common_rhythms(metre: tuple[int, int], spans: list[tuple[int, int]], written: str) -> None:
    assert spell_out(metre, *spans) == written


@st.composite
def bars(draw: st.DrawFn) -> tuple[Grid, list[Event], list[int]]:
    numerator, denominator = draw(st.sampled_from(METRES))
    full = numerator * 48 // denominator
    length = draw(st.one_of(st.just(full), st.integers(1, full)))
    edges = sorted(draw(st.sets(st.integers(0, length), max_size=12)))
    events = [Event(a, b, (i,)) for i, (a, b) in enumerate(pairwise(edges)) if draw(st.booleans())]
    cuts = draw(st.lists(st.integers(0, length), max_size=2))
    return bar_grid(numerator, denominator, length), events, cuts


@given(bars())
def test_any_bar_is_filled_by_values_that_exist(bar: tuple[Grid, list[Event], list[int]]) -> None:
    grid, events, cuts = bar
    written = write_bar(events, grid, cuts)
    assert [note.start for note in written] == [0, *(note.stop for note in written[:-1])]
    assert written[-1].stop == grid.length
    for note in written:
        if note.kind != "measure":
            table = TRIPLET_VALUES if note.triplet else PLAIN_VALUES
            assert table[note.stop - note.start] == (note.kind, note.dots)
    for index, event in enumerate(events):  # each event is covered by its own pieces, and by nothing else
        pieces = [note for note in written if note.notes == event.notes]
        assert pieces[0].start == event.start and pieces[-1].stop == event.stop, index
    assert all(
        any(note.start <= cut <= note.stop and cut in (note.start, note.stop) for note in written) for cut in cuts
    )


@given(bars())
def test_triplets_open_and_close_and_beams_begin_and_end(bar: tuple[Grid, list[Event], list[int]]) -> None:
    grid, events, cuts = bar
    written = write_bar(events, grid, cuts)
    inside = False
    for note in written:
        assert note.opens == (note.triplet is not None and not inside)
        inside = note.triplet is not None and not note.closes
    assert not inside
    beams = beam_bar(written, grid)
    for level in (1, 2, 3):
        is_open = False
        for note, values in zip(written, beams, strict=True):
            value = values[level - 1] if len(values) >= level else ""
            assert not (value and not note.notes)
            assert is_open == (value in ("continue", "end"))
            is_open = value in ("begin", "continue")
        assert not is_open


def beams_of(metre: tuple[int, int], *values: int) -> list[str]:
    events, start = [], 0
    for index, value in enumerate(values):
        if value > 0:
            events.append(Event(start, start + value, (index,)))
        start += abs(value)
    grid = grid_of(metre)
    written: list[Written] = write_bar(events, grid)
    return ["/".join(beam) for note, beam in zip(written, beam_bar(written, grid), strict=True) if note.notes]


def test_eighths_are_beamed_by_half_bars_and_sixteenths_by_beats() -> None:
    assert beams_of((4, 4), *[6] * 8) == ["begin", "continue", "continue", "end"] * 2
    assert beams_of((6, 8), *[6] * 6) == ["begin", "continue", "end"] * 2
    assert beams_of((2, 4), 3, 3, 6, 6, 6) == ["begin/begin", "continue/end", "end", "begin", "end"]
    assert beams_of((2, 4), 9, 3, 3, 9) == ["begin", "end/backward hook", "begin/forward hook", "end"]
    assert beams_of((2, 4), 6, -6, 6, 6) == ["", "begin", "end"]  # rests break a beam, and a lone eighth has a flag
