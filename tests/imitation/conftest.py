"""An invented song to imitate: 4/4, G major, verse and chorus, with piano, bass and drums."""

from __future__ import annotations

import pytest

from ritornello.score import Chord, ChordSpan, Form, Key, KeyRegion, Meter, Part, Song, Tempo, make_notes

BAR = 48
FORM = "i2A8A8B8B8x2A8B8o2"

# (sixteenths, scale degree above the tonic of the first octave, in semitones); None is a rest. Two bars a row.
VERSE = [
    [(2, None), (2, 4), (2, 7), (2, 7), (4, 9), (4, 7), (2, 4), (2, 4), (2, 5), (2, 4), (8, 2)],
    [(2, None), (2, 2), (2, 5), (2, 5), (4, 7), (4, 5), (2, 2), (2, 2), (2, 4), (2, 2), (8, 0)],
    [(2, None), (2, 4), (2, 7), (2, 7), (4, 12), (4, 9), (2, 7), (2, 9), (2, 7), (2, 5), (8, 4)],
    [(4, 5), (2, 4), (2, 2), (4, 4), (4, 2), (12, 0), (4, None)],
]
CHORUS = [
    [(4, 12), (4, 12), (2, 11), (2, 12), (4, 14), (8, 12), (4, 9), (4, 7)],
    [(4, 9), (4, 9), (2, 7), (2, 9), (4, 11), (8, 7), (4, 4), (4, 7)],
    [(4, 12), (4, 12), (2, 14), (2, 12), (4, 11), (8, 9), (4, 11), (4, 12)],
    [(6, 14), (2, 12), (4, 11), (4, 14), (12, 12), (4, None)],
]
VERSE_CHORDS = ["G", "C", "D7", "G", "Em", "C", "D7", "G"]
CHORUS_CHORDS = ["C", "G/B", "Am", "D7", "C", "Em", "D7", "G"]
PLAIN_CHORDS = ["G", "D7"]


def _melody(form: Form, tonic: int) -> list[tuple[int, int, int, int]]:
    rows = []
    for segment, start in zip(form.segments, form.starts, strict=True):
        if segment.letter not in "AB":
            continue
        tick = start * BAR
        for row in VERSE if segment.letter == "A" else CHORUS:
            for length, degree in row:
                if degree is not None:
                    rows.append((tick, 3 * length, tonic + degree, 80 + (8 if tick % 24 == 0 else 0)))
                tick += 3 * length
    return rows


def make_song(tonic: int = 67, with_parts: bool = True) -> Song:
    form = Form.parse(FORM)
    chords: list[ChordSpan] = []
    for segment, start in zip(form.segments, form.starts, strict=True):
        names = {"A": VERSE_CHORDS, "B": CHORUS_CHORDS}.get(segment.letter, PLAIN_CHORDS)
        if segment.letter == "o":
            names = ["D7", "G"]
        for bar in range(segment.bars):
            chord = Chord.parse(names[bar % len(names)]).transpose(tonic - 67)
            chords.append(ChordSpan((start + bar) * BAR, BAR, chord))
    parts = [_part("Voice", _melody(form, tonic), program=73, role="melody")]
    if with_parts:
        piano, bass, drums = [], [], []
        for span in chords:
            tones = sorted(55 + (pc - 55) % 12 for pc in span.chord.pitch_classes)
            for beat in range(4):
                piano.append((span.onset + 12 * beat, 12, tones[beat % len(tones)], 60 + beat))
                drums.append((span.onset + 12 * beat, 3, 36 if beat % 2 == 0 else 38, 90))
            root = 36 + span.chord.bass
            bass += [(span.onset, 24, root, 75), (span.onset + 24, 24, root + (7 if root < 43 else -5), 70)]
        parts += [
            _part("Piano", piano, program=0, role="chords"),
            _part("Bass", bass, program=33, role="bass"),
            _part("Drums", drums, is_drums=True, role="drums"),
        ]
    return Song(
        parts=tuple(parts),
        tempi=(Tempo(0, 96.0),),
        meters=(Meter(0, 4, 4),),
        keys=(KeyRegion(0, Key(tonic % 12)),),
        chords=tuple(chords),
        form=form,
        title="Invented",
    )


def _part(name: str, rows: list[tuple[int, int, int, int]], **fields: object) -> Part:
    onset, duration, pitch, velocity = zip(*rows, strict=True)
    return Part(name, make_notes(onset, duration, pitch, velocity), **fields)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def seed_song() -> Song:
    return make_song()
