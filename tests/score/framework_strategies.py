"""Hypothesis strategies for frameworks, filled wholly, in part or not at all."""

from __future__ import annotations

import dataclasses

from hypothesis import strategies as st
from song_strategies import chords, keys, names

from ritornello.score import Chord, Form, Meter, Segment
from ritornello.score.framework import CELL_ITEMS, Cell, ChordCell, Framework, FrameworkPhrase, NoteCell

METRES = [(4, 4), (3, 4), (6, 8), (12, 8), (2, 4)]
CHORDS = (ChordCell(Chord.parse("G"), 4), ChordCell(Chord.parse("D7"), 4))
NOTES = (NoteCell(0, 4, 67), NoteCell(8, 8, 69), NoteCell(20, 12, 71))
CELLS = (Cell(67, 0, 1 / 16, 1), Cell(69, 0, 1 / 16, 1), Cell(71, 2, 1 / 16, 16), Cell(71, 3, 0, 0))


def whole() -> Framework:
    """A2 decided, its repeat open, then B2 open."""
    plain = Framework.from_form("i1A2A2B2", "G", 96)
    return plain.with_phrase(1, chords=CHORDS, cells=CELLS, notes=NOTES)


short_forms = st.builds(
    Form,
    st.lists(st.builds(Segment, st.sampled_from("AABXbio"), st.sampled_from((1, 2))), min_size=1, max_size=5).map(
        tuple
    ),
)


@st.composite
def frameworks(draw: st.DrawFn) -> Framework:
    plain = Framework.from_form(
        draw(short_forms),
        draw(st.none() | keys),
        draw(st.integers(2, 1000)),
        Meter(0, *draw(st.sampled_from(METRES))),
        step_ticks=draw(st.sampled_from((3, 6))),
        repeat=draw(st.sampled_from(("copy", "vary", "free"))),
        title=draw(names),
    )
    return plain.replace(
        phrases=tuple(draw(filled(phrase, plain)) for phrase in plain.phrases),
        seed=draw(st.none() | st.integers(0, 99)),
        model_version=draw(names),
    )


@st.composite
def filled(draw: st.DrawFn, phrase: FrameworkPhrase, song: Framework) -> FrameworkPhrase:
    changes: dict[str, object] = {"key": draw(st.none() | keys)}
    if draw(st.booleans()):
        changes["chords"] = draw(chord_cells(phrase.bars * song.metre.bar_ticks, song.metre.beat_ticks))
    if draw(st.booleans()):
        count = phrase.bars * song.cells_per_bar
        changes["cells"] = tuple(draw(cells(index, song.cell_steps)) for index in range(count))
    if draw(st.booleans()):
        changes["notes"] = draw(notes(phrase.bars * song.steps_per_bar))
        changes["notes_are_partial"] = draw(st.booleans())
    return dataclasses.replace(phrase, **changes)


@st.composite
def chord_cells(draw: st.DrawFn, ticks: int, beat_ticks: int) -> tuple[ChordCell, ...]:
    cells = []
    while ticks:
        length = min(ticks, draw(st.integers(1, 3 * beat_ticks)))
        is_open = draw(st.booleans())
        chord = None if is_open else draw(st.none() | chords)
        cells.append(ChordCell(chord, length / beat_ticks, not is_open and draw(st.booleans()), is_open))
        ticks -= length
    return tuple(cells)


@st.composite
def cells(draw: st.DrawFn, index: int, steps: int) -> Cell:
    pattern = draw(st.none() | st.integers(0, (1 << steps) - 1))
    onsets = draw(st.integers(0, steps)) if pattern is None else pattern.bit_count()
    cell = Cell(
        basic_pitch=draw(st.none() | st.integers(0, 127)),
        rhythm_label=draw(st.sampled_from((None, 0, index))) if index else draw(st.sampled_from((None, 0))),
        complexity=draw(st.sampled_from((None, onsets / 16))),
        onset_pattern=pattern,
        contour=draw(st.none() | st.floats(-100, 100)),
    )
    decided = [item for item in CELL_ITEMS if getattr(cell, item) is not None]
    return dataclasses.replace(
        cell, locks=frozenset(draw(st.lists(st.sampled_from(decided)))) if decided else frozenset()
    )


@st.composite
def notes(draw: st.DrawFn, steps: int) -> tuple[NoteCell, ...]:
    row, at = [], 0
    for gap, length in draw(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 6)), max_size=6)):
        if at + gap + length > steps:
            break
        row.append(NoteCell(at + gap, length, draw(st.integers(0, 127)), draw(st.booleans())))
        at += gap + length
    return tuple(row)
