"""Hypothesis strategies for songs that MIDI can hold (see `ritornello.score.midi_writer` for what it cannot)."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ritornello.score import Chord, ChordSpan, Form, Key, KeyRegion, Meter, Part, Segment, Song, Tempo, make_notes
from ritornello.score.chord import QUALITIES
from ritornello.score.song import CONTROL_DTYPE, PITCH_BEND, ROLES

names = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=12)
keys = st.builds(Key, st.integers(0, 11), st.sampled_from(["major", "minor"]))
chords = st.builds(Chord, st.integers(0, 11), st.sampled_from(sorted(QUALITIES)), st.integers(-1, 11))
tempi = st.integers(400, 70_000).map(lambda hundredths: hundredths / 100)


@st.composite
def note_arrays(draw: st.DrawFn) -> np.ndarray:
    rows = draw(
        st.lists(
            st.tuples(st.integers(0, 400), st.integers(1, 60), st.integers(0, 127), st.integers(1, 127)),
            min_size=1,
            max_size=25,
        )
    )
    rows.sort(key=lambda row: (row[2], row[0], row[1]))
    fixed: list[tuple[int, int, int, int]] = []
    for onset, duration, pitch, velocity in rows:
        end = onset + duration
        if fixed and fixed[-1][2] == pitch:  # no note inside another one of its pitch
            end = max(end, fixed[-1][0] + fixed[-1][1])
        fixed.append((onset, end - onset, pitch, velocity))
    return make_notes(*np.array(fixed).T)


@st.composite
def control_arrays(draw: st.DrawFn) -> np.ndarray:
    control = st.tuples(st.integers(0, 400), st.integers(0, 127), st.integers(0, 127))
    bend = st.tuples(st.integers(0, 400), st.just(PITCH_BEND), st.integers(-8192, 8191))
    return np.array(draw(st.lists(control | bend, max_size=8)), dtype=CONTROL_DTYPE)


parts = st.builds(
    Part,
    name=names,
    notes=note_arrays(),
    program=st.integers(0, 127),
    is_drums=st.booleans(),
    role=st.none() | st.sampled_from(ROLES),
    controls=control_arrays(),
)


@st.composite
def meter_changes(draw: st.DrawFn) -> tuple[Meter, ...]:
    shapes = st.sampled_from(
        [(4, 4), (3, 4), (1, 4), (2, 2), (6, 8), (7, 8), (5, 4), (12, 8), (3, 16), (64, 4), (2, 1)]
    )
    ticks = sorted(draw(st.sets(st.integers(1, 400), max_size=3)))
    return tuple(Meter(tick, *draw(shapes)) for tick in [0, *ticks])


@st.composite
def chord_spans(draw: st.DrawFn) -> tuple[ChordSpan, ...]:
    spans = []
    tick = 0
    for gap, duration, chord in draw(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 60), chords), max_size=6)):
        spans.append(ChordSpan(tick + gap, duration, chord))
        tick += gap + duration
    return tuple(spans)


forms = st.builds(
    Form,
    st.lists(st.builds(Segment, st.sampled_from("ABCXbxio"), st.integers(1, 12)), min_size=1, max_size=6).map(tuple),
)


@st.composite
def songs(draw: st.DrawFn, max_parts: int = 3) -> Song:
    tempo_ticks = sorted(draw(st.sets(st.integers(1, 400), max_size=3)))
    key_ticks = sorted(draw(st.sets(st.integers(0, 400), max_size=3)))
    return Song(
        parts=tuple(draw(st.lists(parts, max_size=max_parts))),
        tempi=tuple(Tempo(tick, draw(tempi)) for tick in [0, *tempo_ticks]),
        meters=draw(meter_changes()),
        keys=tuple(KeyRegion(tick, draw(keys)) for tick in key_ticks),
        chords=draw(chord_spans()),
        form=draw(st.none() | forms),
        title=draw(names),
    )
