"""Invented songs for the tests: an eight-bar tune with bass and chords in parts of their own, as a band would play."""

from __future__ import annotations

import numpy as np

from ritornello.score import Chord, Meter, Part, Song, Tempo, make_notes
from ritornello.score.song import Original

PROGRESSION = ("C", "Am", "F", "G", "C", "Am", "Dm", "G", "C", "Am", "F", "G", "F", "G", "C", "C")
TUNE = (
    (0, 4, 64), (4, 2, 65), (6, 2, 67), (8, 6, 67), (14, 2, 69), (16, 4, 69), (20, 4, 67), (24, 4, 64), (32, 4, 65),
    (36, 4, 69), (40, 4, 72), (44, 4, 71), (48, 8, 67), (58, 2, 67), (60, 4, 69), (64, 4, 64), (68, 2, 65), (70, 2, 67),
    (72, 6, 67), (78, 2, 69), (80, 4, 72), (84, 4, 71), (88, 4, 69), (96, 4, 65), (100, 4, 64), (104, 4, 62),
    (112, 12, 62),
)  # fmt: skip
"""Onset and length in sixteenths, pitch: eight bars of 4/4."""


def band(rounds: int = 4, tonic: int = 0, shift_ticks: int = 0, named: bool = False, meter: int = 4) -> Song:
    """The tune over bass and broken chords, `rounds` times two lines of eight bars; read, as it were, from a MIDI file.

    Args:
        rounds: how often the sixteen bars come.
        tonic: semitones above C.
        shift_ticks: ticks by which everything comes late, so that bars no longer start where the file says.
        named: whether parts have telling names and roles.
        meter: beats a bar; with 3 each bar loses its last beat.
    """
    sixteenths = 4 * meter
    tune: list[tuple[int, int, int]] = []
    bass: list[tuple[int, int, int]] = []
    piano: list[tuple[int, int, int]] = []
    for bar in range(16 * rounds):
        start = bar * sixteenths
        chord = Chord.parse(PROGRESSION[bar % 16])
        ending = bar % 16 == 15
        for onset, length, pitch in TUNE:
            if onset // 16 == bar % 8 and onset % 16 < sixteenths:
                final = 60 if ending else pitch
                tune.append((start + onset % 16, min(length, sixteenths - onset % 16), final))
        low = 36 + (chord.root + 8) % 12 - 8 + 12
        bass += [(start, 6, low), (start + 8, 4, low + 7)] if meter == 4 else [(start, 10, low)]
        tones = [48 + (chord.root + step) for step in chord.intervals]
        for beat in range(meter):
            place = start + 4 * beat
            if beat == 0:
                piano += [(place, 4, tone) for tone in tones]
            else:
                piano += [(place, 2, tones[1]), (place + 2, 2, tones[2])]
    columns = {"tune": tune, "bass": bass, "piano": piano}
    names = {"tune": "Melody", "bass": "Bass", "piano": "Piano"} if named else dict.fromkeys(columns, "")
    parts = []
    for kind, notes in columns.items():
        onset, length, pitch = np.array(notes).T
        parts.append(Part(names[kind], make_notes(3 * onset + shift_ticks, 3 * length, pitch + tonic)))
    return Song(
        parts=tuple(parts), tempi=(Tempo(0, 100.0),), meters=(Meter(0, 4, 4),), original=Original("band.mid", b"MThd")
    )
