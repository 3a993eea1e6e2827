"""Pitch spelling for notation: which letter and accidental a MIDI pitch gets, and which accidentals are printed.

Scale notes take the key's own name. A chromatic note that belongs to the sounding chord takes the letter of its degree
(A flat over Fm, G sharp over E7); another that moves on by a semitone takes the neighbouring letter (a raised note
rises, a lowered one falls); the rest take the nearest name on the line of fifths (`Key.spell`). Our own rules, after
common engraving practice; double accidentals are avoided.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ritornello.errors import ArgumentError
from ritornello.score.chord import Chord
from ritornello.score.key import STEP_PITCH_CLASS, Key, note_name_at_fifths, parse_note_name
from ritornello.score.song import Song

ACCIDENTALS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}
"""MusicXML names of the printed accidentals by alteration in semitones."""

_STEPS = "CDEFGAB"


@dataclass(frozen=True, slots=True)
class SpelledPitch:
    """A written pitch.

    Attributes:
        step: letter A to G.
        alter: semitones above the natural note, -2..2.
        octave: octave of the letter; middle C is C 4, the lowest MIDI octave is -1.
    """

    step: str
    alter: int
    octave: int

    @classmethod
    def of(cls, pitch: int, name: str) -> SpelledPitch:
        """Return a MIDI pitch under a note name of the same pitch class, such as 59 as ``"Cb"``."""
        alter = name.count("#") - name.count("b")
        return cls(name[0], alter, (pitch - alter) // 12 - 1)


def key_alterations(key: Key) -> dict[str, int]:
    """Return what the key signature does to each letter, in semitones."""
    alterations = dict.fromkeys(_STEPS, 0)
    for place in range(key.fifths - 1, key.fifths + 6):
        name = note_name_at_fifths(place)
        alterations[name[0]] = name.count("#") - name.count("b")
    return alterations


def spell_pitch_class(
    pitch_class: int, key: Key, chord: Chord | None = None, next_name: str = "", semitones_to_next: int = 0
) -> str:
    """Return the note name of a pitch class.

    Args:
        pitch_class: 0..11.
        key: the key at the note.
        chord: the chord that sounds with it, if known.
        next_name: name of the note it moves to, if that is the same pitch or a semitone away; else empty.
        semitones_to_next: 1 if it moves up by a semitone, -1 if down, 0 if it stays.
    """
    if pitch_class in key.scale:
        return key.spell(pitch_class)
    if chord is not None and pitch_class in chord.pitch_classes:
        return chord.tone_name(pitch_class, key)
    if next_name and semitones_to_next == 0:
        return next_name
    if next_name:
        letter = _STEPS[(_STEPS.index(next_name[0]) - semitones_to_next) % 7]
        for accidental in ("", "#", "b"):
            name = letter + accidental
            if parse_note_name(name) == pitch_class and name not in ("E#", "B#", "Cb", "Fb"):
                return name
    name = key.spell(pitch_class)
    return name if len(name) <= 2 else Chord(pitch_class).root_name(key)


def spell_notes(song: Song, notes: NDArray[np.void]) -> list[SpelledPitch]:
    """Return the spelling of each note of a part, in the order of the array (by onset)."""
    onsets = [int(onset) for onset in notes["onset"]]
    pitches = [int(pitch) for pitch in notes["pitch"]]
    keys = [region.key for region in song.keys] or [Key(0)]
    key_ticks = [region.tick for region in song.keys] or [0]
    names = [""] * len(onsets)
    following = len(onsets)  # the first note with a later onset
    key_index, chord_index = len(keys) - 1, len(song.chords) - 1
    for index in range(len(onsets) - 1, -1, -1):
        onset, pitch = onsets[index], pitches[index]
        if index + 1 < len(onsets) and onsets[index + 1] > onset:
            following = index + 1
        while key_index > 0 and key_ticks[key_index] > onset:
            key_index -= 1
        while chord_index >= 0 and song.chords[chord_index].onset > onset:
            chord_index -= 1
        span = song.chords[chord_index] if chord_index >= 0 else None
        chord = span.chord if span is not None and onset < span.end else None
        step, next_name = _near_neighbour(pitch, onsets, pitches, names, following)
        names[index] = spell_pitch_class(pitch % 12, keys[key_index], chord, next_name, step)
    return [SpelledPitch.of(pitch, name) for pitch, name in zip(pitches, names, strict=True)]


def _near_neighbour(
    pitch: int, onsets: Sequence[int], pitches: Sequence[int], names: Sequence[str], following: int
) -> tuple[int, str]:
    # Among the notes of the next onset, the same pitch or one a semitone away.
    index = following
    while index < len(onsets) and onsets[index] == onsets[following]:
        if abs(pitches[index] - pitch) <= 1:
            return pitches[index] - pitch, names[index]
        index += 1
    return 0, ""


def pitch_name(pitch: int, key: Key | None = None) -> str:
    """Return the name of a MIDI pitch in a key (C major if none is given), such as ``"Bb4"``; middle C is ``"C4"``."""
    spelled = SpelledPitch.of(pitch, spell_pitch_class(pitch % 12, key or Key(0)))
    accidental = "#" * spelled.alter if spelled.alter > 0 else "b" * -spelled.alter
    return f"{spelled.step}{accidental}{spelled.octave}"


def parse_pitch(text: str) -> int:
    """Return the MIDI pitch of a name such as ``"Bb4"`` or ``"C-1"``; the inverse of `pitch_name`.

    Raises:
        ArgumentError: if the text is no pitch from C-1 to G9.
    """
    match = re.fullmatch(r"([A-Ga-g])([#b♯♭]{0,2})(-?[0-9])", text)
    if match:
        accidentals = match[2].replace("♯", "#").replace("♭", "b")
        pitch = 12 * (int(match[3]) + 1) + STEP_PITCH_CLASS[match[1].upper()]
        pitch += accidentals.count("#") - accidentals.count("b")
        if 0 <= pitch <= 127:
            return pitch
    raise ArgumentError(f"'{text[:40]}' is no pitch; write a note name and an octave, such as Bb4, from C-1 to G9")
