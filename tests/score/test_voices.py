"""Voices and staves lose no note: what is laid out is what the part holds."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ritornello.score import Part, make_notes
from ritornello.score.voices import MAX_VOICES, allocate_voices, bar_events, slice_voice, staves, top_line

parts = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20), st.integers(40, 80)), max_size=30).map(
    lambda rows: Part("Part", make_notes(*zip(*rows, strict=True))) if rows else Part("Part")
)


@given(parts)
def test_every_note_is_in_one_voice_and_sounds_where_it_should(part: Part) -> None:
    notes = part.notes
    for staff in staves(part):
        voices = allocate_voices(notes, staff)
        assert sorted(index for voice in voices for index in voice) == sorted(staff)
        for voice in voices:
            events = slice_voice(notes, voice)
            assert all(a.stop <= b.start for a, b in pairwise(events))
            for index in voice:
                sounding = [event for event in events if index in event.notes]
                assert sum(event.stop - event.start for event in sounding) == notes["duration"][index]
                assert sounding[0].start == notes["onset"][index]


@given(parts)
def test_no_voice_holds_a_pitch_twice_at_once_unless_as_one_chord(part: Part) -> None:
    notes = part.notes
    for voice in allocate_voices(notes, range(len(notes))):
        spans = {(int(notes["onset"][i]), int(notes["duration"][i]), int(notes["pitch"][i])) for i in voice}
        for onset, duration, pitch in spans:
            others = spans - {(onset, duration, pitch)}
            assert not any(p == pitch and o < onset + duration and onset < o + d for o, d, p in others)


def test_more_overlaps_than_voices_are_sliced_into_the_last_one() -> None:
    notes = make_notes(range(8), [20] * 8, range(60, 68))
    voices = allocate_voices(notes, range(8))
    assert len(voices) == MAX_VOICES and len(voices[-1]) == 5


def test_wide_piano_parts_get_two_staves_and_tunes_one() -> None:
    wide = make_notes([0, 0, 0], [12, 24, 12], [36, 60, 76])
    assert [len(staff) for staff in staves(Part("Piano", wide))] == [2, 1]
    assert len(staves(Part("Tune", wide, role="melody"))) == 1
    assert len(staves(Part("Arpeggio", make_notes([0, 12, 24], 12, [36, 60, 76])))) == 1


def test_the_top_line_keeps_the_highest_note_until_the_next() -> None:
    line = top_line(make_notes([0, 0, 12], [48, 24, 12], [60, 67, 64]))
    assert [(int(n["onset"]), int(n["duration"]), int(n["pitch"])) for n in line] == [(0, 12, 67), (12, 12, 64)]


@given(parts, st.integers(3, 17))
def test_bars_cut_events_and_keep_their_ticks(part: Part, length: int) -> None:
    events = slice_voice(part.notes, range(len(part.notes)))
    lines = list(range(0, 80, length))
    lines.append(lines[-1] + length)
    bars = bar_events(events, lines)
    assert sum(e.stop - e.start for bar in bars for e in bar) == sum(e.stop - e.start for e in events)
    assert all(0 <= event.start < event.stop <= length for bar in bars for event in bar)
