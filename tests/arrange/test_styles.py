"""Accompaniments from chords alone."""

from __future__ import annotations

import numpy as np
import pytest

from ritornello.arrange.styles import STYLES, VOICING_LOW, bass_pitch, default_style, style_of, styled_parts, voicing
from ritornello.errors import ArgumentError
from ritornello.score import Chord, ChordSpan, Form, Meter, Part
from ritornello.score.chord import QUALITIES

METERS = [Meter(0, 4, 4), Meter(0, 3, 4), Meter(0, 2, 4), Meter(0, 6, 8), Meter(0, 12, 8), Meter(0, 5, 4)]


def _progression(meter: Meter, bars: int, names: str = "C Am F G Dm7 G7/B Csus4 C") -> list[ChordSpan]:
    """One chord a bar, and two in every fourth."""
    chords = [Chord.parse(name) for name in names.split()]
    spans = []
    for bar in range(bars):
        start, half = bar * meter.bar_ticks, meter.bar_ticks // meter.beat_ticks // 2 * meter.beat_ticks
        chord, other = chords[bar % len(chords)], chords[(bar + 3) % len(chords)]
        if bar % 4 == 3 and half:
            spans += [ChordSpan(start, half, chord), ChordSpan(start + half, meter.bar_ticks - half, other)]
        else:
            spans.append(ChordSpan(start, meter.bar_ticks, chord))
    return spans


def _bar(part: Part, bar: int, meter: Meter) -> list[tuple[int, ...]]:
    onsets = part.notes["onset"] // meter.bar_ticks
    return [tuple(note) for note in part.notes[onsets == bar].tolist()]


@pytest.mark.parametrize("name", STYLES)
@pytest.mark.parametrize("meter", METERS, ids=str)
def test_every_note_is_a_tone_of_its_chord_and_ends_with_it(name: str, meter: Meter) -> None:
    spans = _progression(meter, 8)
    for part in styled_parts(style_of(name), spans, 8, meter, Form.parse("i2A4o2")):
        if part.is_drums:
            continue
        for onset, duration, pitch, _ in part.notes.tolist():
            span = next(span for span in spans if span.onset <= onset < span.end)
            assert pitch % 12 in span.chord.pitch_classes
            assert onset + duration <= span.end


@pytest.mark.parametrize("name", STYLES)
@pytest.mark.parametrize("meter", METERS, ids=str)
def test_every_chord_is_heard_and_starts_on_its_bass(name: str, meter: Meter) -> None:
    spans = _progression(meter, 8)
    chords, bass = styled_parts(style_of(name), spans, 8, meter, Form.parse("A8"))[:2]
    for span in spans:
        onsets = chords.notes["onset"]
        assert ((onsets >= span.onset) & (onsets < span.end)).any()
        first = bass.notes["pitch"][bass.notes["onset"] == span.onset]
        assert [pitch % 12 for pitch in first] == [span.chord.bass]


@pytest.mark.parametrize("name", STYLES)
def test_a_changed_chord_changes_its_bar_alone(name: str) -> None:
    meter = Meter(0, 4, 4)
    spans = _progression(meter, 8)
    changed = list(spans)
    place = next(i for i, span in enumerate(spans) if span.onset == 2 * meter.bar_ticks)
    changed[place] = ChordSpan(spans[place].onset, spans[place].duration, Chord.parse("E7"))
    form, style = Form.parse("A4B4"), style_of(name)
    for old, new in zip(
        styled_parts(style, spans, 8, meter, form), styled_parts(style, changed, 8, meter, form), strict=True
    ):
        for bar in range(8):
            if bar != 2 or old.is_drums:
                assert _bar(old, bar, meter) == _bar(new, bar, meter)
    assert _bar(old, 2, meter)


def test_common_tones_stay_and_no_voice_leaves_the_octave() -> None:
    for quality in QUALITIES:
        pitches = voicing(Chord(5, quality))
        assert 2 <= len(pitches) <= 4
        assert pitches[0] >= VOICING_LOW and pitches[-1] < VOICING_LOW + 12
    c, am = set(voicing(Chord.parse("C"))), set(voicing(Chord.parse("Am")))
    assert len(c & am) == 2


def test_the_bass_knows_root_fifth_and_octave() -> None:
    assert bass_pitch(Chord.parse("G"), 1) == 31
    assert bass_pitch(Chord.parse("G"), 8) == 43
    assert bass_pitch(Chord.parse("G"), 5) % 12 == 2
    assert bass_pitch(Chord.parse("G/B"), 5) % 12 == 7
    assert bass_pitch(Chord.parse("Bdim"), 5) % 12 == 5


def test_drums_are_silent_outside_the_sections_and_crash_where_one_begins() -> None:
    meter = Meter(0, 4, 4)
    drums = styled_parts(style_of("pop"), _progression(meter, 12), 12, meter, Form.parse("i2A4B4o2"))[-1]
    assert drums.is_drums
    bars = drums.notes["onset"] // meter.bar_ticks
    assert bars.min() == 2 and bars.max() == 9
    crashes = drums.notes["onset"][drums.notes["pitch"] == 49] // meter.bar_ticks
    assert crashes.tolist() == [2]


def test_the_last_bar_is_held() -> None:
    meter = Meter(0, 4, 4)
    parts = styled_parts(style_of("pop"), _progression(meter, 8, "C F"), 8, meter, Form.parse("A8"))
    for part in parts[:2]:
        assert np.unique(part.notes["onset"][part.notes["onset"] >= 7 * 48]).size <= 2


def test_bars_without_chords_are_silent() -> None:
    meter = Meter(0, 4, 4)
    parts = styled_parts(style_of("block"), [ChordSpan(48, 48, Chord(0))], 4, meter, Form.parse("A4"))
    assert {int(onset) // 48 for part in parts for onset in part.notes["onset"]} == {1}
    assert styled_parts(style_of("pop"), [], 4, meter, Form.parse("A4")) == ()


def test_three_beats_make_a_waltz_and_an_unknown_style_is_named() -> None:
    assert default_style(Meter(0, 3, 4)) == "waltz"
    assert default_style(Meter(0, 4, 4)) == "ballad"
    with pytest.raises(ArgumentError, match="style 'polka' is unknown; use one of block, ballad"):
        style_of("polka")
